// The ledger network that a run simulates: genesis, everybody's keys, and funds for the clients.
// Thread-safety: values.
#pragma once

#include <vector>

#include "base/crypto/secp256k1.h"
#include "ledger/model/genesis.h"
#include "ledger/model/transaction.h"
#include "ledger/store/store.h"
#include "tests/simulation/random.h"

namespace custody::tests::simulation {

namespace model = ledger::model;

constexpr std::uint64_t kGenesisMs = 1'700'000'000'000;
constexpr std::size_t kClients = 6;

struct Network {
  model::Genesis genesis;
  model::ChainId chain;
  std::vector<crypto::SoftwareKey> validators;  // by member
  std::vector<crypto::SoftwareKey> attesters;   // by member
  std::vector<crypto::SoftwareKey> clients;
};

// One, four or seven members. Unequal weights, each below one third; of seven members often such that some
// hold exactly two thirds.
Network make_network(std::size_t members, Random& random);
// Puts coins into the reserve and balances into the clients' accounts of a store that holds genesis and no
// block.
void endow(const Network& network, ledger::store::KeyValueStore& store);
// A signed payment between two clients; at times it overdraws.
Bytes make_transfer(const Network& network, model::Height valid_until, Random& random);
// A signed attestation of some member's policy.
Bytes make_attestation(const Network& network, std::uint64_t version, model::Height valid_until,
                       Random& random);

}  // namespace custody::tests::simulation
