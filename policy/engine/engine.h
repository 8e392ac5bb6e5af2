// Decides what the officers' policy says of an intent that the guard has passed. Thread-safety: one thread
// per Window; decide() is pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "ledger/model/intents.h"
#include "policy/engine/bundle.h"

namespace custody::policy::engine {
inline namespace narrow {

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::size_t kMaxWindowEntries =
    65'536;  // a full window denies; nothing is evicted before its day is over

// An amount that counts against a day's limit from the moment it was allowed, whatever became of it.
struct WindowEntry {
  model::IntentKind kind = model::IntentKind::kMint;
  model::CurrencyId currency;
  model::Amount amount;
  Hash256 subject;
  model::LedgerMs time;
  friend bool operator==(const WindowEntry&, const WindowEntry&) = default;
};

// The amounts of the last 24 hours of ledger time. An entry counts at every time t with t - entry.time < 24
// h: no 24 hours, wherever they begin, hold more than the limit. Time never goes back: an earlier time counts
// as the latest.
class Window {
 public:
  void add(const WindowEntry& entry);
  // Sum for a kind and currency at `now`; nullopt when it does not fit 64 bits.
  std::optional<model::Amount> total(model::IntentKind kind, model::CurrencyId currency,
                                     model::LedgerMs now) const;
  bool holds(const WindowEntry& entry, model::LedgerMs now) const;  // same kind, currency, amount and subject
  bool full(model::LedgerMs now) const;
  model::LedgerMs latest() const { return latest_; }
  std::size_t size() const { return entries_.size(); }

 private:
  bool counts(const WindowEntry& entry, model::LedgerMs now) const;
  std::deque<WindowEntry> entries_;  // ascending time
  model::LedgerMs latest_;
};

enum class Outcome : std::uint8_t { kAllow = 1, kPending = 2, kDeny = 3 };

struct Decision {
  Outcome outcome = Outcome::kDeny;
  std::string rule;                  // "policy.day_limit"; of an allow the rule that allowed it
  std::string reason;                // for the operator; empty for an allow
  std::optional<WindowEntry> entry;  // to journal, then to add to the window, before anything is signed
};

// Default deny. In this issue never kPending. now: ledger time of the intent's evidence.
Decision decide(const model::IntentFacts& intent, const Window& facts, const PolicyBundle& bundle,
                model::LedgerMs now);

}  // namespace narrow
}  // namespace custody::policy::engine
