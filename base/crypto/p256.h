// ECDSA over P-256 (FIPS 186-4; SEC 2 calls the curve secp256r1), which officers' smart cards have.
// Signatures are 64 bytes r || s with low S; anything else is refused. A namespace of its own, with the names
// of secp256k1.h: a key of one curve is no value for the other. Thread-safe.
#pragma once

#include "base/bytes.h"
#include "base/entropy.h"
#include "base/secret.h"

namespace custody::crypto::p256 {

using PublicKey = FixedBytes<33, struct P256PublicKeyTag>;  // compressed SEC1

// Compressed SEC1 point on the curve? kInvalid otherwise.
Result<PublicKey> parse_public_key(ByteView compressed);
// From 65-byte uncompressed or 33-byte compressed SEC1.
Result<PublicKey> compress_public_key(ByteView sec1);

// True only for a valid, low-S signature by the key over the 32-byte digest. High S is false, not normalised.
bool verify(const PublicKey& key, const Hash256& digest, const Signature& signature);

// Low-S form of an r || s that a token produced. kInvalid when r or s is out of range.
Result<Signature> normalize(ByteView r_s);

// A software key: for an officer's encrypted file and tests.
class SoftwareKey {
 public:
  static SoftwareKey generate(Entropy& entropy);                      // SystemEntropy outside of tests
  static Result<SoftwareKey> from_secret(const SecretBytes& secret);  // 32 bytes in [1, n)
  const PublicKey& public_key() const { return public_; }
  Signature sign(const Hash256& digest) const;  // OpenSSL's randomised ECDSA, low S: differs each time
  const SecretBytes& secret() const { return secret_; }

 private:
  SoftwareKey(SecretBytes secret, const PublicKey& key) : secret_(std::move(secret)), public_(key) {}
  SecretBytes secret_;
  PublicKey public_;
};

}  // namespace custody::crypto::p256
