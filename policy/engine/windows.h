// What went in and out in the last hour, day and week of ledger time, by currency, gateway and payee. An
// amount that was reserved at t counts at every time now with now - t < period; so no period, wherever it
// begins, holds more than a limit that is checked against it. Time never goes back. Thread-safety: a value.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "ledger/model/ids.h"

namespace custody::policy::engine {

namespace model = ledger::model;

constexpr std::uint64_t kHourMs = 3'600'000;
constexpr std::size_t kPeriods = 3;
enum class Period : std::uint8_t { kHour, kDay, kWeek };
constexpr std::array<std::uint64_t, kPeriods> kPeriodMs = {kHourMs, kHourMs * 24, kHourMs * 24 * 7};

enum class Direction : std::uint8_t { kIn = 1, kOut = 2 };  // minted; paid out

// One mint or one burn: what is counted once, in the scope of its currency, its gateway and its payee.
struct WindowAmount {
  Direction direction = Direction::kOut;
  model::CurrencyId currency;
  model::GatewayId gateway;
  Hash256 payee;  // SHA-256 of the payee's script; zero for a mint
  model::Amount amount;
  friend bool operator==(const WindowAmount&, const WindowAmount&) = default;
};

// Which amounts a total is over: those of a currency; with gateway != 0 those of that gateway; with a payee
// that is not zero those to that payee. Not both.
struct WindowScope {
  Direction direction = Direction::kOut;
  model::CurrencyId currency;
  model::GatewayId gateway;
  Hash256 payee;

  bool covers(const WindowAmount& amount) const;
  friend bool operator==(const WindowScope&, const WindowScope&) = default;
};
struct WindowScopeHash {
  std::size_t operator()(const WindowScope& scope) const;
};

// Exact: the sum of kMaxEntries amounts of 64 bits fits.
struct WindowTotal {
  unsigned __int128 amount = 0;  // minor units
  std::uint64_t count = 0;       // mints or burns
  friend bool operator==(const WindowTotal&, const WindowTotal&) = default;
};
using WindowTotals = std::array<WindowTotal, kPeriods>;  // in the order of Period

// Entries belong to a subject: the deposit or slot that they are of. A subject counts once: it is reserved
// while its request waits and counted from the moment that it was committed.
class Windows {
 public:
  static constexpr std::size_t kMaxEntries = 65'536;

  // Lets entries go whose week is over. An earlier time than latest() changes nothing.
  void advance(model::LedgerMs now);
  model::LedgerMs latest() const { return latest_; }
  std::size_t size() const { return size_; }

  // Whether the amounts of subject can be reserved or committed: nothing is evicted before its week is over.
  bool fits(const Hash256& subject, std::size_t amounts) const;
  // As pending, from latest() on, in place of what subject has pending. Nothing when it is counted already.
  // kExhausted: does not fit, and then nothing is changed.
  Status reserve(const Hash256& subject, std::span<const WindowAmount> amounts);
  // As counted, from latest() on, in place of what subject has. Nothing when these amounts are counted
  // already.
  Status commit(const Hash256& subject, std::span<const WindowAmount> amounts);
  // Takes back what subject has pending.
  void release(const Hash256& subject);
  // Takes back what subject has counted too: it is proven that it did not happen and never will.
  void undo(const Hash256& subject);

  // Without allocation, in constant time, as of latest().
  WindowTotals totals(const WindowScope& scope) const;
  // The part of them that is of subject; in time of the order of subject's amounts.
  WindowTotals totals_of(const Hash256& subject, const WindowScope& scope) const;
  bool holds(const Hash256& subject) const { return subjects_.contains(subject); }

  friend bool operator==(const Windows& a, const Windows& b);

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  // An entry of a list in the order of time; its links are places in nodes_.
  struct Node {
    Hash256 subject;
    WindowAmount amount;
    model::LedgerMs time;
    bool pending = false;
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    std::uint32_t next_of_subject = kNone;
  };
  Status put(const Hash256& subject, std::span<const WindowAmount> amounts, bool pending);
  void append(const Hash256& subject, const WindowAmount& amount, bool pending);
  void remove(std::uint32_t place);
  void remove_all(const Hash256& subject);
  void link_subject(const Hash256& subject, std::uint32_t place);
  void unlink_subject(const Hash256& subject, std::uint32_t place);
  bool counts(const Node& node, std::size_t period) const;
  void add(const WindowAmount& amount, std::size_t period);
  void subtract(const WindowAmount& amount, std::size_t period);
  bool is_counted(const Hash256& subject) const;
  bool has(const Hash256& subject, std::span<const WindowAmount> amounts) const;
  std::size_t entries_of(const Hash256& subject) const;

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_;
  std::uint32_t first_ = kNone;
  std::uint32_t last_ = kNone;
  std::array<std::uint32_t, kPeriods> oldest_ = {kNone, kNone, kNone};  // the first that counts
  std::size_t size_ = 0;
  std::unordered_map<Hash256, std::uint32_t> subjects_;  // their first entry
  std::unordered_map<WindowScope, WindowTotals, WindowScopeHash> totals_;
  model::LedgerMs latest_;
};

}  // namespace custody::policy::engine
