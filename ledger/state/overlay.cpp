#include "ledger/state/overlay.h"

#include <algorithm>

namespace custody::ledger::state {
namespace {

bool starts_with(const Bytes& key, ByteView prefix) {
  return key.size() >= prefix.size() && equal(ByteView(key).first(prefix.size()), prefix);
}

}  // namespace

Overlay::Entry& Overlay::entry(const model::Address& address, model::CurrencyId currency) {
  const auto [found, fresh] = balances_.try_emplace({address, currency});
  if (fresh) {
    found->second.original = base_.balance(address, currency);
    found->second.current = found->second.original;
  }
  return found->second;
}

model::Amount Overlay::balance(const model::Address& address, model::CurrencyId currency) {
  return entry(address, currency).current;
}

void Overlay::credit(const model::Address& address, model::CurrencyId currency, model::Amount amount) {
  Entry& account = entry(address, currency);
  const auto sum = model::add(account.current, amount);
  CHECK(sum.has_value());  // no balance exceeds the supply, which minting keeps within 64 bits
  account.current = *sum;
}

void Overlay::debit(const model::Address& address, model::CurrencyId currency, model::Amount amount) {
  Entry& account = entry(address, currency);
  const auto rest = model::sub(account.current, amount);
  CHECK(rest.has_value());
  account.current = *rest;
}

bool Overlay::seen(model::Height valid_until, const model::TxId& id) const {
  return seen_.contains(id) || base_.tree().find(model::seen_key(valid_until, id)).has_value();
}

void Overlay::remember(model::Height valid_until, const model::TxId& id) {
  seen_.emplace(id, valid_until);
}

void Overlay::forget_shard(model::Height valid_until) {
  std::erase_if(seen_, [&](const auto& entry) { return entry.second == valid_until; });
  const auto shard = base_.index().seen.find(valid_until.get());
  if (shard == base_.index().seen.end()) return;
  for (const model::TxId& id : shard->second) erase(model::seen_key(valid_until, id));
}

std::optional<ByteView> Overlay::raw(const Bytes& key) const {
  const auto changed = records_.find(key);
  if (changed == records_.end()) return base_.tree().find(key);
  if (!changed->second) return std::nullopt;
  return ByteView(*changed->second);
}

std::vector<Bytes> Overlay::keys(ByteView prefix) const {
  std::vector<Bytes> out;
  const Bytes from = to_bytes(prefix);
  const std::set<Bytes>& base = base_.index().keys;
  for (auto at = base.lower_bound(from); at != base.end() && starts_with(*at, prefix); ++at) {
    if (!records_.contains(*at)) out.push_back(*at);
  }
  for (auto at = records_.lower_bound(from); at != records_.end() && starts_with(at->first, prefix); ++at) {
    if (at->second) out.push_back(at->first);
  }
  std::ranges::sort(out);
  return out;
}

std::map<model::CurrencyId, __int128> Overlay::balance_changes() const {
  std::map<model::CurrencyId, __int128> out;
  for (const auto& [account, balance] : balances_) {
    out[account.currency] += static_cast<__int128>(balance.current.get()) - balance.original.get();
  }
  return out;
}

std::vector<Change> Overlay::take(model::Height height) {
  std::vector<Change> out;
  out.reserve(balances_.size() + seen_.size() + records_.size());
  for (const auto& [account, balance] : balances_) {
    if (balance.current == balance.original) continue;
    std::optional<Bytes> value;  // a balance of zero is no record
    if (balance.current.get() != 0) value = proto::reader::encode(model::Balance{balance.current});
    out.push_back({model::balance_key(account.address, account.currency), std::move(value)});
  }
  const Bytes seen_value = proto::reader::encode(model::SeenRecord{height});
  for (const auto& [id, valid_until] : seen_) out.push_back({model::seen_key(valid_until, id), seen_value});
  for (auto& [key, value] : records_) out.push_back({key, std::move(value)});
  return out;
}

}  // namespace custody::ledger::state
