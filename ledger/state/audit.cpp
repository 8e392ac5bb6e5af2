#include "ledger/state/audit.h"

#include <algorithm>

namespace custody::ledger::state {
namespace {

using Wide = unsigned __int128;

template <typename T>
using Records = std::map<std::uint64_t, T>;  // by the sequence at the key's end

struct Books {
  Wide balances = 0;
  Records<model::BurnRecord> burns;
  Records<model::CoinRecord> coins;
  Records<model::SlotRecord> slots;
};

std::uint64_t sequence_of(ByteView key) {
  std::uint64_t out = 0;
  for (std::size_t i = key.size() - 8; i < key.size(); ++i) out = out << 8 | key[i];
  return out;
}

template <typename T>
T decoded(ByteView value) {
  auto record = proto::reader::decode<T>(value, kMaxValue);
  CHECK(record.ok());
  return std::move(*record);
}

template <typename T>
Records<T> read_table(const State& state, const Bytes& first_key) {
  Records<T> out;
  for (const auto& [key, value] : state.scan(ByteView(first_key).first(first_key.size() - 8))) {
    out.emplace(sequence_of(key), decoded<T>(value));
  }
  return out;
}

Status check_sums(const Books& books, const model::CurrencyTotals& totals) {
  Wide pending = 0;
  for (const auto& [sequence, burn] : books.burns) {
    if (burn.status == model::BurnStatus::kSettled) continue;
    pending += Wide{burn.amount.get()} + burn.fee_cap.get();
  }
  Wide reserve = 0;
  for (const auto& [sequence, coin] : books.coins) reserve += coin.amount.get();
  if (books.balances != totals.supply.get()) return corrupt("supply is not the sum of the balances");
  if (pending != totals.pending.get()) return corrupt("pending is not the sum of the open burns");
  if (reserve != totals.recorded_reserve.get())
    return corrupt("the recorded reserve is not the sum of the coins");
  if (Wide{totals.supply.get()} + totals.pending.get() + totals.surplus.get() !=
      totals.recorded_reserve.get()) {
    return corrupt("supply, pending and surplus are not the recorded reserve");
  }
  return ok_status();
}

Status check_sequences(const Books& books, const model::CurrencyTotals& totals) {
  const auto below = [](const auto& records, std::uint64_t next) {
    return records.empty() || records.rbegin()->first < next;
  };
  if (!below(books.burns, totals.next_burn) || !below(books.coins, totals.next_coin) ||
      !below(books.slots, totals.next_slot)) {
    return corrupt("a sequence number lies at or above the next");
  }
  std::set<model::OutPoint> outpoints;
  for (const auto& [sequence, coin] : books.coins) {
    if (!outpoints.insert(coin.outpoint).second) return corrupt("two coins share an outpoint");
  }
  std::uint64_t first = totals.next_burn;
  for (const auto& [sequence, burn] : books.burns) {
    if (burn.status == model::BurnStatus::kQueued) first = std::min(first, sequence);
  }
  if (first != totals.first_queued_burn) return corrupt("first_queued_burn is not the first queued burn");
  return ok_status();
}

Status check_slot(const Books& books, const model::SlotRecord& slot, std::set<std::uint64_t>& burns,
                  std::set<std::uint64_t>& coins) {
  const std::string name = "slot " + std::to_string(slot.id.get());
  const bool open = slot.status == model::SlotStatus::kOpen;
  for (const model::PlanPayee& payee : slot.payees) {
    if (!burns.insert(payee.burn).second) return corrupt(name + " pays a burn that another pays");
    const auto burn = books.burns.find(payee.burn);
    const auto expected = open ? model::BurnStatus::kInSlot : model::BurnStatus::kSettled;
    if (burn == books.burns.end() || burn->second.slot != slot.id || burn->second.status != expected ||
        burn->second.amount != payee.amount) {
      return corrupt(name + " and its burns disagree");
    }
  }
  for (const model::PlanInput& input : slot.inputs) {
    if (!coins.insert(input.coin).second) return corrupt(name + " spends a coin that another spends");
    const auto coin = books.coins.find(input.coin);
    if (!open && coin != books.coins.end()) return corrupt(name + " is settled, its coins are not gone");
    if (open && (coin == books.coins.end() || coin->second.slot != slot.id ||
                 coin->second.amount != input.amount || coin->second.outpoint != input.outpoint)) {
      return corrupt(name + " and its coins disagree");
    }
  }
  return ok_status();
}

Status check_slots(const Books& books, const model::CurrencyTotals& totals) {
  std::set<std::uint64_t> burns;
  std::set<std::uint64_t> coins;
  std::uint32_t open = 0;
  for (const auto& [sequence, slot] : books.slots) {
    TRY(check_slot(books, slot, burns, coins));
    if (slot.status == model::SlotStatus::kOpen) ++open;
  }
  if (open != totals.open_slots) return corrupt("open_slots is not the number of open slots");
  for (const auto& [sequence, burn] : books.burns) {
    if ((burn.status != model::BurnStatus::kQueued) != burns.contains(sequence)) {
      return corrupt("burn " + std::to_string(sequence) + " and the slots disagree");
    }
  }
  for (const auto& [sequence, coin] : books.coins) {
    if ((coin.slot != model::SlotId(0)) != coins.contains(sequence)) {
      return corrupt("coin " + std::to_string(sequence) + " and the slots disagree");
    }
  }
  return ok_status();
}

Status check_rebuilt(const State& state) {
  std::vector<Change> entries;
  state.tree().for_each(
      [&](ByteView key, ByteView value) { entries.push_back({to_bytes(key), to_bytes(value)}); });
  std::size_t next = 0;
  const auto rebuilt = State::load(state.registry().genesis, state.registry().chain_id, state.height(),
                                   state.time(), [&](Bytes& key, Bytes& value) {
                                     if (next == entries.size()) return false;
                                     key = entries[next].key;
                                     value = *entries[next].value;
                                     ++next;
                                     return true;
                                   });
  if (!rebuilt.ok()) return rebuilt.status();
  if (rebuilt->root() != state.root()) return corrupt("the state root is not that of the entries");
  Index index = state.index();
  Index fresh = rebuilt->index();
  std::erase_if(index.queued, [](const auto& queue) { return queue.second.empty(); });
  std::erase_if(fresh.queued, [](const auto& queue) { return queue.second.empty(); });
  for (auto* one : {&index, &fresh}) {
    for (auto& [height, ids] : one->seen) std::ranges::sort(ids);
  }
  if (index != fresh) return corrupt("the index is not that of the entries");
  return ok_status();
}

}  // namespace

Status audit(const State& state) {
  std::map<model::CurrencyId, Books> all;
  for (const auto& [key, value] : state.scan(Bytes{static_cast<std::uint8_t>(model::Table::kBalance)})) {
    const auto currency =
        model::CurrencyId(static_cast<std::uint16_t>(key[key.size() - 2] << 8 | key.back()));
    all[currency].balances += decoded<model::Balance>(value).amount.get();
  }
  for (const model::Currency& currency : state.registry().genesis.currencies) {
    Books& books = all[currency.id];
    books.burns = read_table<model::BurnRecord>(state, model::burn_key(currency.id, 0));
    books.coins = read_table<model::CoinRecord>(state, model::coin_key(currency.id, 0));
    books.slots = read_table<model::SlotRecord>(state, model::slot_key(currency.id, model::SlotId(0)));
    const auto totals = state.get<model::CurrencyTotals>(model::totals_key(currency.id));
    if (!totals) return corrupt("a currency has no totals");
    for (const Status& status :
         {check_sums(books, *totals), check_sequences(books, *totals), check_slots(books, *totals)}) {
      if (!status.ok()) return status.with_context("currency " + std::string(as_text(currency.code)));
    }
  }
  if (all.size() != state.registry().genesis.currencies.size())
    return corrupt("balances of an unknown currency");
  return check_rebuilt(state);
}

}  // namespace custody::ledger::state
