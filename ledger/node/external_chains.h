// What this member's followers have found, sorted into deposits and spends, and what they are to look for.
// Derived from the ledger's state and the followers' reports; nothing is stored. Thread-safety: one thread.
#pragma once

#include <map>
#include <set>

#include "ledger/followers/follower_core.h"
#include "ledger/node/duties.h"

namespace custody::ledger::node {

class ExternalChains final : public ExternalView {
 public:
  // Asks the follower of a chain for the proof of something that it has found.
  using Prove = std::function<Result<model::BitcoinProof>(
      model::ExternalChainId, const followers::TransactionFound&, model::ExternalHeight)>;
  ExternalChains(model::Genesis genesis, const model::ChainId& chain_id, Prove prove);

  struct Watch {
    model::ExternalChainId chain;
    followers::Event event;  // WatchScript or WatchOutPoint
  };
  // What the ledger's state newly asks to look for: deposit scripts of registered gateways, anchors of open
  // slots. What the ledger has dealt with is forgotten. To be called after every block, and before found().
  std::vector<Watch> watches(const LedgerView& ledger);

  // Deposits below the currency's minimum are passed over: anyone can send any number of them, and nothing
  // would ever be done about one. A minimum that is lowered counts for them from the next start.
  void found(model::ExternalChainId chain, const followers::TransactionFound& transaction);
  void undone(model::ExternalChainId chain, model::ExternalHeight first);

  std::vector<ExternalDeposit> deposits() const override;
  std::optional<ExternalSpend> spend_of(model::ExternalChainId chain,
                                        const model::OutPoint& outpoint) const override;
  Result<model::BitcoinProof> prove(model::ExternalChainId chain, const model::ExternalHash& txid,
                                    model::ExternalHeight up_to) const override;

 private:
  struct Target {
    model::CurrencyId currency;
    model::GatewayId gateway;
  };
  struct Known {
    followers::TransactionFound transaction;
    std::vector<ExternalDeposit> deposits;  // not minted when the ledger was last looked at
  };
  using Transactions = std::map<model::ExternalHash, Known>;

  void watch_gateways(const LedgerView& ledger, std::vector<Watch>& out);
  void watch_slots(const LedgerView& ledger, std::vector<Watch>& out);
  void forget_dealt_with(const LedgerView& ledger);
  std::vector<ExternalDeposit> deposits_in(model::ExternalChainId chain,
                                           const followers::TransactionFound& found) const;

  model::Genesis genesis_;
  model::ChainId chain_id_;
  Prove prove_;
  std::map<std::pair<model::ExternalChainId, Bytes>, Target> scripts_;
  std::set<std::pair<model::ExternalChainId, model::OutPoint>> anchors_;
  std::map<model::CurrencyId, model::Amount> least_;  // deposit
  std::map<model::ExternalChainId, Transactions> transactions_;
  bool first_call_ = true;
};

}  // namespace custody::ledger::node
