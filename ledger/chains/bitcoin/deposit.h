// Deposit scripts: a reserve wallet's keys and one key that names the gateway and that nobody can sign for,
// so that m of n stays m of n in a template that every wallet reads. Thread-safety: pure functions.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/alias.h"

namespace custody::ledger::chains::bitcoin {

// BIP-341's point H = lift_x(50929b74...803ac0) with even y: made by hashing the generator, its discrete
// logarithm is unknown to everyone.
const PublicKey& nums_point();

// H + scalar * G: whoever knew its secret key would know H's. scalar is the tagged hash that names gateway
// and epoch. kInvalid when scalar is not below the group's order or the sum is infinity (chance about
// 2^-128).
Result<PublicKey> salt_key(const Hash256& scalar);

// sortedmulti(required, seats..., salt): at most 14 seats. Errors as sortedmulti_script.
Result<Bytes> deposit_script(std::size_t required, const std::vector<PublicKey>& seats,
                             const PublicKey& salt);

}  // namespace custody::ledger::chains::bitcoin
