// A small network in one process: a genesis with members whose keys are software keys, external chains in
// memory, and the real state machine. Makes signed transactions, blocks with commits, and evidence for the
// guard. Everything follows from the seed. A step that cannot fail in a correct program is CHECKed. Not
// thread-safe.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/crypto/secp256k1.h"
#include "base/entropy.h"
#include "ledger/model/intents.h"
#include "ledger/state/state.h"
#include "tests/support/fake_chain.h"

namespace custody::tests {

struct NetworkOptions {
  std::uint64_t seed = 1;
  std::vector<std::uint64_t> weights = {28, 26, 24, 22};
  std::vector<std::string> currencies = {"BTC", "LTC"};
};

struct MemberKeys {
  crypto::SoftwareKey validator;
  crypto::SoftwareKey attest;
  crypto::SoftwareKey governance;
  std::vector<crypto::SoftwareKey> seats;  // seats[i]: of currency i + 1, wallet epoch 1
};

// A block and the commit that makes it final.
struct FinalBlock {
  ledger::model::Block block;
  ledger::model::Commit commit;
};

class Network {
 public:
  explicit Network(const NetworkOptions& options = {});

  const ledger::model::Genesis& genesis() const { return genesis_; }
  const ledger::model::ChainId& chain_id() const { return chain_id_; }
  ledger::state::State& state() { return *state_; }
  const ledger::state::State& state() const { return *state_; }
  // The state's entries as a store would keep them; and a state of the same height made of such entries, as a
  // restarting node does.
  std::map<Bytes, Bytes> stored() const;
  Result<ledger::state::State> load(const std::map<Bytes, Bytes>& store) const;
  ledger::model::Height next_height() const { return ledger::model::next(state_->height()); }
  const MemberKeys& keys(ledger::model::MemberId member) const { return members_.at(member.get() - 1u); }
  std::vector<ledger::model::MemberId> member_ids() const;
  FakeChain& chain(ledger::model::CurrencyId currency) { return chains_.at(currency.get() - 1u); }
  const ledger::model::CurrencyParameters& parameters(ledger::model::CurrencyId currency) const;
  const ledger::model::ReserveWallet& wallet(ledger::model::CurrencyId currency) const;
  std::vector<ledger::model::MemberId> quorum() const;  // the first members that are one together
  const FinalBlock& last_block() const { return blocks_.back(); }
  const std::vector<FinalBlock>& blocks() const { return blocks_; }
  crypto::SoftwareKey new_key() { return crypto::SoftwareKey::generate(entropy_); }
  SeededEntropy& entropy() { return entropy_; }

  // --- transactions: encoded envelopes, valid for 20 blocks, with a fresh salt ---
  ledger::model::Transaction make(ledger::model::TransactionBody body);
  Bytes sign(const ledger::model::Transaction& transaction,
             const std::vector<const crypto::SoftwareKey*>& keys);
  Bytes sign(ledger::model::TransactionBody body, const std::vector<const crypto::SoftwareKey*>& keys) {
    return sign(make(std::move(body)), keys);
  }
  ledger::model::TxId id_of(const Bytes& envelope) const;
  // One input, one output; fee on top.
  Bytes transfer(const crypto::SoftwareKey& from, const ledger::model::Address& to,
                 ledger::model::CurrencyId currency, std::uint64_t amount, std::uint64_t fee = 1'000);
  Bytes attest(ledger::model::MemberId member, ledger::model::TransactionBody body);  // by its attest key
  Bytes govern(ledger::model::MemberId member, ledger::model::TransactionBody body);  // by its governance key
  // Every member's attestation of the chain's block at height (its tip when 0).
  std::vector<Bytes> head_votes(ledger::model::CurrencyId currency, std::uint32_t height = 0,
                                std::uint64_t fee_rate = 2'000);

  // --- blocks ---
  ledger::model::BlockHeader next_header() const;  // roots and set hashes empty
  Result<ledger::state::Execution> try_block(const std::vector<Bytes>& transactions);
  // Executes, seals, commits by all members, applies. The error of an invalid transaction, with nothing done.
  Status produce(const std::vector<Bytes>& transactions = {});
  void produce_until(ledger::model::Height height);
  ledger::model::Commit commit_of(const ledger::model::BlockHeader& header,
                                  const std::vector<ledger::model::MemberId>& members) const;
  // The last block with proofs of these keys under its state root.
  ledger::model::LedgerEvidence evidence(const std::vector<Bytes>& keys) const;

  // --- whole steps, each producing the blocks that it needs ---
  ledger::model::GatewayId register_gateway(
      std::string_view name, const crypto::SoftwareKey& account,
      ledger::model::LedgerMs kyc_expiry = ledger::model::LedgerMs(4'000'000'000'000));
  void attest_head(ledger::model::CurrencyId currency, std::uint32_t height = 0);  // by a quorum, tip when 0
  // Pays the gateway's deposit script on the chain, mines until deep enough and attests the tip.
  ledger::model::MintApproval deposit(ledger::model::GatewayId gateway, ledger::model::CurrencyId currency,
                                      std::uint64_t amount);                    // member left 0
  std::vector<Bytes> mint_approvals(const ledger::model::MintApproval& terms);  // of a quorum, no more
  void mint(ledger::model::GatewayId gateway, ledger::model::CurrencyId currency, std::uint64_t amount);
  Bytes payout_script(std::uint8_t which) const;  // of a payee outside the network
  void register_payout(ledger::model::GatewayId gateway, const crypto::SoftwareKey& account,
                       ledger::model::CurrencyId currency, const Bytes& script);  // and waits the cool-down
  Bytes burn(ledger::model::GatewayId gateway, const crypto::SoftwareKey& account,
             ledger::model::CurrencyId currency, std::uint64_t amount, std::uint64_t fee_cap,
             const Bytes& script, std::uint64_t ledger_fee = 1'000);
  Bytes slot_signature(ledger::model::MemberId member, const ledger::model::SlotRecord& slot);
  // Signs by m seats, assembles, mines, attests; the proof, not yet submitted.
  ledger::model::SettlementProof settlement(const ledger::model::SlotRecord& slot);
  ledger::model::SlotRecord slot(ledger::model::CurrencyId currency, std::uint64_t id) const;

 private:
  void make_member(std::uint16_t id, const NetworkOptions& options);
  void make_currency(std::uint16_t id, const std::string& code);

  SeededEntropy entropy_;
  ledger::model::Genesis genesis_;
  ledger::model::ChainId chain_id_;
  std::vector<MemberKeys> members_;
  std::vector<FakeChain> chains_;
  std::unique_ptr<ledger::state::State> state_;
  std::vector<FinalBlock> blocks_;
  std::uint64_t next_salt_ = 1;
};

}  // namespace custody::tests
