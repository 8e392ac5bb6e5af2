#include "signer/hsm/token.h"

#include "base/crypto/secp256k1.h"

namespace custody::signer::hsm {

Result<Signature> accept_signature(const PublicKey& key, const Hash256& digest, ByteView raw) {
  if (raw.size() != Signature::size()) {
    return corrupt("the token returned a signature of " + std::to_string(raw.size()) +
                   " bytes instead of 64");
  }
  const auto normalized = crypto::normalize(raw);
  if (!normalized.ok() || !crypto::verify(key, digest, *normalized)) {
    return corrupt("the token returned a signature that does not verify under the pinned key " + key.hex(),
                   "the token's stored keys may be damaged or exchanged: restore the token from its backup");
  }
  return *normalized;
}

}  // namespace custody::signer::hsm
