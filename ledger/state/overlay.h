// A block's reads and writes over an unchanged state. Balances and ids seen, which every transfer touches,
// are kept as values; other records as bytes. Not thread-safe.
#pragma once

#include <map>
#include <unordered_map>

#include "ledger/state/state.h"

namespace custody::ledger::state {

class Overlay {
 public:
  explicit Overlay(const State& base) : base_(base) {}

  model::Amount balance(const model::Address& address, model::CurrencyId currency);
  // Never below zero or above the supply: callers have checked; CHECKed here.
  void credit(const model::Address& address, model::CurrencyId currency, model::Amount amount);
  void debit(const model::Address& address, model::CurrencyId currency, model::Amount amount);

  bool seen(model::Height valid_until, const model::TxId& id) const;
  void remember(model::Height valid_until, const model::TxId& id);
  void forget_shard(model::Height valid_until);

  bool has(const Bytes& key) const { return raw(key).has_value(); }
  template <typename T>
  std::optional<T> get(const Bytes& key) const {
    const auto bytes = raw(key);
    if (!bytes) return std::nullopt;
    auto record = proto::reader::decode<T>(*bytes, kMaxValue);
    CHECK(record.ok());
    return std::move(*record);
  }
  // For what genesis or an earlier rule has put there.
  template <typename T>
  T must_get(const Bytes& key) const {
    auto record = get<T>(key);
    CHECK(record.has_value());
    return std::move(*record);
  }
  // A record whose encoding is empty equals absence.
  template <typename T>
  void put(const Bytes& key, const T& record) {
    Bytes value = proto::reader::encode(record);
    if (value.empty()) return erase(key);
    records_[key] = std::move(value);
  }
  void erase(const Bytes& key) { records_[key] = std::nullopt; }
  // Live keys with this prefix, in order; of tables that Index::keys lists.
  std::vector<Bytes> keys(ByteView prefix) const;

  const State& base() const { return base_; }
  // Per currency, what the balances gained and lost together.
  std::map<model::CurrencyId, __int128> balance_changes() const;
  const std::map<Bytes, std::optional<Bytes>>& records() const { return records_; }
  std::vector<Change> take(model::Height height);

 private:
  struct Account {
    model::Address address;
    model::CurrencyId currency;
    friend bool operator==(const Account&, const Account&) = default;
  };
  struct AccountHash {
    std::size_t operator()(const Account& a) const {
      return std::hash<model::Address>{}(a.address) ^ a.currency.get() * std::size_t{0x9e3779b97f4a7c15};
    }
  };
  struct Entry {
    model::Amount original;
    model::Amount current;
  };
  Entry& entry(const model::Address& address, model::CurrencyId currency);
  std::optional<ByteView> raw(const Bytes& key) const;

  const State& base_;
  std::unordered_map<Account, Entry, AccountHash> balances_;
  std::unordered_map<model::TxId, model::Height> seen_;
  std::map<Bytes, std::optional<Bytes>> records_;
};

}  // namespace custody::ledger::state
