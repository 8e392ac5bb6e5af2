#include "ledger/chains/bitcoin/deposit.h"

#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/script.h"

namespace custody::ledger::chains::bitcoin {

const PublicKey& nums_point() {
  static const PublicKey point = [] {
    auto key = PublicKey::from_hex("0250929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0");
    CHECK(key.ok());
    return *key;
  }();
  return point;
}

Result<PublicKey> salt_key(const Hash256& scalar) {
  return crypto::tweak_add(nums_point(), scalar);
}

Result<Bytes> deposit_script(std::size_t required, const std::vector<PublicKey>& seats,
                             const PublicKey& salt) {
  // m must be reachable by the seats alone: the salt never signs.
  if (required > seats.size()) {
    return invalid("deposit script: " + std::to_string(required) + " signatures of " +
                   std::to_string(seats.size()) + " seats");
  }
  std::vector<PublicKey> keys = seats;
  keys.push_back(salt);
  return sortedmulti_script(required, std::move(keys));
}

}  // namespace custody::ledger::chains::bitcoin
