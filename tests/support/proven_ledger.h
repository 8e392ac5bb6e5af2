// A ledger of four members whose state is whatever a test puts into it, final under their commits: what the
// guard and the signer are shown, right or wrong. Nothing is executed; the real state machine is
// ledger/state. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/crypto/secp256k1.h"
#include "ledger/model/intents.h"
#include "proto/reader/digests.h"
#include "tests/support/fake_chain.h"

namespace custody::tests {

class ProvenLedger {
 public:
  struct MemberKeys {
    crypto::SoftwareKey validator;
    crypto::SoftwareKey attest;
    crypto::SoftwareKey governance;
    crypto::SoftwareKey seat;  // currency 1, wallet epoch 1
  };

  struct PublicKeys {
    PublicKey validator;
    PublicKey attest;
    PublicKey governance;
    PublicKey seat;
  };

  // One chain and one currency (BTC), weights 28, 26, 24 and 22, wallet 3 of 4. The genesis passes
  // check_genesis.
  // fourth: the keys of member 4 when they live in a token; keys(4) are then not in genesis.
  explicit ProvenLedger(const FakeChain& chain, std::uint64_t seed = 1,
                        const std::optional<PublicKeys>& fourth = std::nullopt);

  const ledger::model::Genesis& genesis() const { return genesis_; }
  const ledger::model::ChainId& chain_id() const { return chain_id_; }
  const ledger::model::ReserveWallet& wallet() const { return genesis_.wallets.front(); }
  ledger::model::CurrencyParameters& parameters() { return genesis_.parameters.currencies.front(); }
  const MemberKeys& keys(std::uint16_t member) const { return keys_.at(member - 1u); }

  template <typename T>
  void put(const Bytes& key, const T& record) {
    state_[key] = proto::reader::encode(record);
  }
  void erase(const Bytes& key) { state_.erase(key); }
  // What every money intent looks at: parameters and wallet as in genesis (call again after changing
  // parameters()).
  void put_basics();

  // The next block; its time is so much later.
  void advance(std::uint64_t ms = 1'000);
  // Free for tests to bend before evidence() takes roots from the state.
  ledger::model::BlockHeader header;

  // The header with the state's root, a commit by these members, and a proof for each key, present or absent.
  ledger::model::LedgerEvidence evidence(const std::vector<Bytes>& keys,
                                         const std::vector<std::uint16_t>& signers = {1, 2, 3}) const;

 private:
  ledger::model::Genesis genesis_;
  ledger::model::ChainId chain_id_;
  std::vector<MemberKeys> keys_;
  std::map<Bytes, Bytes> state_;
};

}  // namespace custody::tests
