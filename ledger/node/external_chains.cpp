#include "ledger/node/external_chains.h"

#include <algorithm>

#include "ledger/custody/custody.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

namespace bitcoin = chains::bitcoin;

template <typename T>
T decoded(ByteView value) {
  auto record = proto::reader::decode<T>(value, 1u << 16);
  CHECK(record.ok());  // our own state
  return std::move(*record);
}

bitcoin::OutPoint to_bitcoin(const model::OutPoint& outpoint) {
  return {Hash256(outpoint.txid.array()), outpoint.vout};
}

Bytes table_prefix(model::Table table) {
  return {static_cast<std::uint8_t>(table)};
}

}  // namespace

ExternalChains::ExternalChains(model::Genesis genesis, const model::ChainId& chain_id, Prove prove)
    : genesis_(std::move(genesis)), chain_id_(chain_id), prove_(std::move(prove)) {}

std::vector<ExternalChains::Watch> ExternalChains::watches(const LedgerView& ledger) {
  std::vector<Watch> out;
  watch_gateways(ledger, out);
  watch_slots(ledger, out);
  forget_dealt_with(ledger);
  const auto parameters = ledger.get(model::parameters_key());
  CHECK(parameters.has_value());
  for (const auto& limits : decoded<model::NetworkParameters>(*parameters).currencies) {
    least_[limits.currency] = limits.min_deposit;
  }
  return out;
}

void ExternalChains::watch_gateways(const LedgerView& ledger, std::vector<Watch>& out) {
  std::vector<model::GatewayId> gateways;
  ledger.scan(table_prefix(model::Table::kGateway), [&](ByteView, ByteView value) {
    gateways.push_back(decoded<model::GatewayRecord>(value).id);
    return true;
  });
  for (const model::Currency& currency : genesis_.currencies) {
    const auto raw = ledger.get(model::wallet_key(currency.id, model::WalletEpoch(1)));
    CHECK(raw.has_value());
    const auto wallet = decoded<model::ReserveWallet>(*raw);
    const model::ExternalChain* chain = model::find_chain(genesis_, currency.chain);
    CHECK(chain != nullptr);
    for (model::GatewayId gateway : gateways) {
      const Target target{currency.id, gateway};
      auto script = custody::script_pubkey(chain_id_, wallet, gateway);
      CHECK(script.ok());
      if (!scripts_.emplace(std::make_pair(currency.chain, *script), target).second) continue;
      out.push_back({currency.chain, followers::WatchScript{std::move(*script), chain->anchor_height}});
    }
  }
}

void ExternalChains::watch_slots(const LedgerView& ledger, std::vector<Watch>& out) {
  std::set<std::pair<model::ExternalChainId, model::OutPoint>> open;
  for (const model::SlotRecord& slot : open_slots(genesis_, ledger)) {
    const model::Currency* currency = model::find_currency(genesis_, slot.currency);
    CHECK(currency != nullptr && !slot.inputs.empty());
    open.emplace(currency->chain, slot.inputs.front().outpoint);
  }
  for (const auto& anchor : open) {
    if (anchors_.contains(anchor)) continue;
    // Whatever fills the slot is mined above the head that the ledger had recorded by then: nothing below can
    // be it. At the first call nothing has been scanned yet, so that starting low costs nothing, and the slot
    // may be an old one.
    const auto raw = ledger.get(model::head_tip_key(anchor.first));
    const model::ExternalChain* chain = model::find_chain(genesis_, anchor.first);
    const model::ExternalHeight since =
        raw && !first_call_ ? decoded<model::RecordedHead>(*raw).height : chain->anchor_height;
    out.push_back({anchor.first, followers::WatchOutPoint{to_bitcoin(anchor.second), since}});
  }
  for (const auto& anchor : anchors_) {
    if (open.contains(anchor)) continue;
    out.push_back({anchor.first, followers::UnwatchOutPoint{to_bitcoin(anchor.second)}});
  }
  anchors_ = std::move(open);
  first_call_ = false;
}

void ExternalChains::forget_dealt_with(const LedgerView& ledger) {
  const auto minted = [&](const ExternalDeposit& deposit) {
    const auto raw = ledger.get(model::mint_key(deposit.currency, deposit.outpoint));
    return raw && decoded<model::MintRecord>(*raw).minted.has_value();
  };
  for (auto& [chain, transactions] : transactions_) {
    const model::ExternalChainId id = chain;
    for (auto& [txid, known] : transactions) std::erase_if(known.deposits, minted);
    std::erase_if(transactions, [&](const auto& entry) {
      const Known& known = entry.second;
      const bool spends = std::ranges::any_of(known.transaction.spent, [&](const bitcoin::OutPoint& spent) {
        const model::OutPoint outpoint{model::ExternalHash(spent.txid.array()), spent.vout};
        return anchors_.contains(std::pair(id, outpoint));
      });
      return !spends && known.deposits.empty();
    });
  }
}

void ExternalChains::found(model::ExternalChainId chain, const followers::TransactionFound& transaction) {
  Known known{transaction, deposits_in(chain, transaction)};
  if (known.deposits.empty() && transaction.spent.empty()) return;
  transactions_[chain].insert_or_assign(transaction.txid, std::move(known));
}

void ExternalChains::undone(model::ExternalChainId chain, model::ExternalHeight first) {
  std::erase_if(transactions_[chain],
                [&](const auto& entry) { return entry.second.transaction.height >= first; });
}

std::vector<ExternalDeposit> ExternalChains::deposits_in(model::ExternalChainId chain,
                                                         const followers::TransactionFound& found) const {
  std::vector<ExternalDeposit> out;
  const auto parsed = bitcoin::parse_stripped_transaction(found.transaction);
  CHECK(parsed.ok());  // the follower has parsed it before
  for (std::uint32_t vout = 0; vout < parsed->outputs.size(); ++vout) {
    const auto target = scripts_.find({chain, parsed->outputs[vout].script_pubkey});
    if (target == scripts_.end()) continue;
    const auto& [currency, gateway] = target->second;
    const model::Amount amount(parsed->outputs[vout].value);
    if (amount < least_.at(currency)) continue;
    out.push_back({currency, gateway, {found.txid, vout}, amount, found.height});
  }
  return out;
}

std::vector<ExternalDeposit> ExternalChains::deposits() const {
  std::vector<ExternalDeposit> out;
  for (const auto& [chain, transactions] : transactions_) {
    for (const auto& [txid, known] : transactions) {
      out.insert(out.end(), known.deposits.begin(), known.deposits.end());
    }
  }
  return out;
}

std::optional<ExternalSpend> ExternalChains::spend_of(model::ExternalChainId chain,
                                                      const model::OutPoint& outpoint) const {
  const auto transactions = transactions_.find(chain);
  if (transactions == transactions_.end()) return std::nullopt;
  for (const auto& [txid, known] : transactions->second) {
    const followers::TransactionFound& found = known.transaction;
    if (std::ranges::find(found.spent, to_bitcoin(outpoint)) != found.spent.end())
      return ExternalSpend{txid, found.height};
  }
  return std::nullopt;
}

Result<model::BitcoinProof> ExternalChains::prove(model::ExternalChainId chain,
                                                  const model::ExternalHash& txid,
                                                  model::ExternalHeight up_to) const {
  const auto transactions = transactions_.find(chain);
  if (transactions == transactions_.end() || !transactions->second.contains(txid)) {
    return not_found("external transaction " + to_hex_reversed(txid) +
                     " is not in the best chain that this node sees");
  }
  return prove_(chain, transactions->second.at(txid).transaction, up_to);
}

}  // namespace custody::ledger::node
