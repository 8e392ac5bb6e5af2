#include "signer/hsm/token.h"

#include "base/crypto/secp256k1.h"

namespace custody::signer::hsm {
namespace {

Status check_size(ByteView raw) {
  if (raw.size() == Signature::size()) return ok_status();
  return corrupt("the token returned a signature of " + std::to_string(raw.size()) + " bytes instead of 64");
}

Status does_not_verify(ByteView key) {
  return corrupt("the token returned a signature that does not verify under the key " + to_hex(key),
                 "the token's stored keys may be damaged or exchanged: restore the token from its backup");
}

}  // namespace

Result<Signature> accept_signature(const PublicKey& key, const Hash256& digest, ByteView raw) {
  TRY(check_size(raw));
  const auto normalized = crypto::normalize(raw);
  if (!normalized.ok() || !crypto::verify(key, digest, *normalized)) return does_not_verify(key);
  return *normalized;
}

Result<Signature> accept_signature(const crypto::p256::PublicKey& key, const Hash256& digest, ByteView raw) {
  TRY(check_size(raw));
  const auto normalized = crypto::p256::normalize(raw);
  if (!normalized.ok() || !crypto::p256::verify(key, digest, *normalized)) return does_not_verify(key);
  return *normalized;
}

}  // namespace custody::signer::hsm
