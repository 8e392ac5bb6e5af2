// ECDSA over secp256k1 (libsecp256k1). Signatures are 64 bytes r || s with low S; anything else is refused.
// Thread-safe: one context, created once, never mutated afterwards.
#pragma once

#include "base/bytes.h"
#include "base/entropy.h"
#include "base/secret.h"

namespace custody::crypto {

// Compressed SEC1 point on the curve? kInvalid otherwise.
Result<PublicKey> parse_public_key(ByteView compressed);
// From 65-byte uncompressed or 33-byte compressed SEC1.
Result<PublicKey> compress_public_key(ByteView sec1);

// True only for a valid, low-S signature by the key over the 32-byte digest. High S is false, not normalised.
bool verify(const PublicKey& key, const Hash256& digest, const Signature& signature);

// Low-S form of an r || s that an HSM produced (about half of SoftHSM2's are high-S). kInvalid when r or s is
// out of range.
Result<Signature> normalize(ByteView r_s);

// DER with low S (Bitcoin scripts, without the sighash byte), and back: only the bytes that to_der gives for
// some valid signature are accepted. to_der is for signatures that verify, normalize or from_der accepted:
// out of range aborts.
Bytes to_der(const Signature& signature);
Result<Signature> from_der(ByteView der);

// key + scalar * G. kInvalid when the scalar is zero or not below the group order, or the sum is infinity.
Result<PublicKey> tweak_add(const PublicKey& key, const Hash256& scalar);

// A software key: for ordinary users' wallets and tests only. Members' keys live in the HSM.
class SoftwareKey {
 public:
  static SoftwareKey generate(Entropy& entropy);                      // SystemEntropy outside of tests
  static Result<SoftwareKey> from_secret(const SecretBytes& secret);  // 32 bytes in [1, n)
  const PublicKey& public_key() const { return public_; }
  Signature sign(const Hash256& digest) const;  // RFC 6979, low S
  const SecretBytes& secret() const { return secret_; }

 private:
  SoftwareKey(SecretBytes secret, const PublicKey& key) : secret_(std::move(secret)), public_(key) {}
  SecretBytes secret_;
  PublicKey public_;
};

}  // namespace custody::crypto
