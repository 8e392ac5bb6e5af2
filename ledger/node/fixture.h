// The node's views and backend over tests/support's network in memory, for the tests of this folder. Header
// only. Not thread-safe.
#pragma once

#include <map>

#include "ledger/node/api.h"
#include "ledger/node/duties.h"
#include "tests/support/network_fixture.h"

namespace custody::ledger::node::testing {

// Counts what is read.
class NetworkLedger final : public LedgerView {
 public:
  explicit NetworkLedger(const tests::Network& network) : network_(network) {}
  model::Height height() const override { return network_.state().height(); }
  std::optional<Bytes> get(ByteView key) const override {
    ++reads;
    return network_.state().get(key);
  }
  void scan(ByteView prefix, const std::function<bool(ByteView, ByteView)>& visit) const override {
    for (const auto& [key, value] : network_.state().scan(prefix)) {
      ++reads;
      if (!visit(key, value)) return;
    }
  }
  Result<model::LedgerEvidence> evidence(const std::vector<Bytes>& keys) const override {
    if (network_.blocks().empty()) return unavailable("no block is committed yet");
    return network_.evidence(keys);
  }
  mutable std::size_t reads = 0;

 private:
  const tests::Network& network_;
};

// The node around the API: what is admitted waits until the test makes a block of it.
class NetworkBackend final : public Backend {
 public:
  explicit NetworkBackend(tests::Network& network) : network_(network), ledger_(network) {}
  const LedgerView& ledger() const override { return ledger_; }
  Result<std::optional<CommittedBlock>> block(model::Height height) const override {
    const auto& blocks = network_.blocks();
    if (height.get() == 0 || height.get() > blocks.size()) return std::optional<CommittedBlock>();
    const tests::FinalBlock& found = blocks[height.get() - 1];
    return std::optional(CommittedBlock{found.block, found.commit});
  }
  Result<std::optional<TransactionPlace>> find(const model::TxId& id) const override {
    for (const tests::FinalBlock& one : network_.blocks()) {
      for (std::uint32_t i = 0; i < one.block.transactions.size(); ++i) {
        if (network_.id_of(one.block.transactions[i]) == id)
          return std::optional(TransactionPlace{one.block.header.height, i});
      }
    }
    return std::optional<TransactionPlace>();
  }
  bool pending(const model::TxId& id) const override { return waiting.contains(id); }
  Status submit(const Bytes& envelope) override {
    ++submissions;
    state::SerialVerifier verifier;
    ASSIGN_OR_RETURN(const state::Admitted admitted, network_.state().check_transaction(envelope, verifier));
    waiting.emplace(admitted.id, envelope);
    return ok_status();
  }
  std::optional<SignerSaid> said_of(model::CurrencyId, model::SlotId) const override { return said; }
  Json status() const override { return more; }

  std::optional<SignerSaid> said;
  std::map<model::TxId, Bytes> waiting;
  int submissions = 0;
  Json more = Json::object();  // what the daemon adds to "status"

 private:
  tests::Network& network_;
  NetworkLedger ledger_;
};

}  // namespace custody::ledger::node::testing
