// What the signer needs of a token: a signature by a pinned key. Implemented by Pkcs11Token (product) and by
// software keys (simulation, unit tests).
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/crypto/p256.h"

namespace custody::signer::hsm {

// Since the object was made.
struct TokenCounters {
  std::uint64_t signatures = 0;      // released: verified and low S
  std::uint64_t bad_signatures = 0;  // came back from the token, did not verify, were not released
  std::uint64_t failures = 0;        // operations that the token refused or did not finish
  std::uint64_t sessions = 0;        // opened; more than one per thread means reconnects
};

// Thread-safety: an implementation says so; Pkcs11Token may be used by several threads at once.
class Token {
 public:
  virtual ~Token() = default;

  // ECDSA over exactly these 32 bytes by the key whose pinned public key this is. What is returned verifies
  // under `key` and has low S.
  //   kNotFound         no such key is pinned; the token was not asked
  //   kUnavailable      the token could not be asked and nothing was signed: try again
  //   kUnauthenticated  the PIN was refused; final, the PIN is not tried again
  //   kRefused          the token or a key of it is not the pinned one; nothing was signed
  //   kOutcomeUnknown   the token was asked and gave no usable signature: only the same digest may be tried
  //   again
  // The next call after an error reconnects by itself.
  virtual Result<Signature> sign(const PublicKey& key, const Hash256& digest) = 0;

  virtual TokenCounters counters() const = 0;
};

// The one place where a token's raw r || s becomes a Signature: exactly 64 bytes, normalised to low S,
// verified under the pinned key. kCorrupt otherwise (a token can return CKR_OK and a signature by another
// key). P-256 is for officers' keys only. Thread-safe.
Result<Signature> accept_signature(const PublicKey& key, const Hash256& digest, ByteView raw);
Result<Signature> accept_signature(const crypto::p256::PublicKey& key, const Hash256& digest, ByteView raw);

}  // namespace custody::signer::hsm
