#include "policy/engine/windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace custody::policy::engine {
namespace {

using model::Amount;
using model::CurrencyId;
using model::GatewayId;
using model::LedgerMs;

constexpr std::uint64_t kStart = 1'700'000'000'000;
constexpr std::uint64_t kDayMs = 24 * kHourMs;
constexpr WindowScope kOutBtc{Direction::kOut, CurrencyId(1), {}, {}};

Hash256 hash(std::uint32_t number) {
  Bytes bytes(32, 0);
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  bytes[31] = 1;
  return *Hash256::from(bytes);
}

WindowAmount out(std::uint64_t amount, std::uint32_t gateway = 1, std::uint32_t payee = 1) {
  return {Direction::kOut, CurrencyId(1), GatewayId(gateway), hash(payee), Amount(amount)};
}

WindowTotal total(const Windows& windows, Period period, const WindowScope& scope = kOutBtc) {
  return windows.totals(scope)[static_cast<std::size_t>(period)];
}

std::uint64_t amount_of(const Windows& windows, Period period, const WindowScope& scope = kOutBtc) {
  return static_cast<std::uint64_t>(total(windows, period, scope).amount);
}

bool commit(Windows* windows, std::uint32_t subject, const WindowAmount& amount) {
  return windows->commit(hash(subject), {&amount, 1}).ok();
}
bool reserve(Windows* windows, std::uint32_t subject, const WindowAmount& amount) {
  return windows->reserve(hash(subject), {&amount, 1}).ok();
}

// H3: the full limit just before an edge and again just after it counts together, wherever the edge lies.
TEST(Windows, AnEntryCountsUntilItsPeriodIsOverToTheMillisecond) {
  Windows windows;
  windows.advance(LedgerMs(kStart));
  ASSERT_TRUE(commit(&windows, 1, out(5)));
  windows.advance(LedgerMs(kStart + kHourMs - 1));
  EXPECT_EQ(amount_of(windows, Period::kHour), 5u);
  windows.advance(LedgerMs(kStart + kHourMs));
  EXPECT_EQ(amount_of(windows, Period::kHour), 0u);
  EXPECT_EQ(amount_of(windows, Period::kDay), 5u);
  windows.advance(LedgerMs(kStart + kDayMs - 1));
  ASSERT_TRUE(commit(&windows, 2, out(7)));
  EXPECT_EQ(amount_of(windows, Period::kDay), 12u);
  windows.advance(LedgerMs(kStart + kDayMs));
  EXPECT_EQ(amount_of(windows, Period::kDay), 7u);
  EXPECT_EQ(amount_of(windows, Period::kWeek), 12u);
  windows.advance(LedgerMs(kStart + 7 * kDayMs));
  EXPECT_EQ(windows.size(), 1u);
}

// H1: a clock that jumps back frees nothing, and what is added then counts from the latest time seen.
TEST(Windows, TimeNeverGoesBack) {
  Windows windows;
  windows.advance(LedgerMs(kStart));
  ASSERT_TRUE(commit(&windows, 1, out(5)));
  windows.advance(LedgerMs(0));
  EXPECT_EQ(windows.latest(), LedgerMs(kStart));
  ASSERT_TRUE(commit(&windows, 2, out(7)));
  windows.advance(LedgerMs(kStart + kHourMs - 1));
  EXPECT_EQ(amount_of(windows, Period::kHour), 12u);
}

TEST(Windows, ScopesAreKeptApart) {
  Windows windows;
  ASSERT_TRUE(commit(&windows, 1, out(1, 1, 1)));
  ASSERT_TRUE(commit(&windows, 2, out(10, 1, 2)));
  ASSERT_TRUE(commit(&windows, 3, out(100, 2, 1)));
  const WindowAmount in{Direction::kIn, CurrencyId(1), GatewayId(1), {}, Amount(1'000)};
  ASSERT_TRUE(commit(&windows, 4, in));
  const WindowAmount other{Direction::kOut, CurrencyId(2), GatewayId(1), hash(1), Amount(10'000)};
  ASSERT_TRUE(commit(&windows, 5, other));
  EXPECT_EQ(amount_of(windows, Period::kHour), 111u);
  EXPECT_EQ(amount_of(windows, Period::kHour, {Direction::kOut, CurrencyId(1), GatewayId(1), {}}), 11u);
  EXPECT_EQ(amount_of(windows, Period::kHour, {Direction::kOut, CurrencyId(1), {}, hash(1)}), 101u);
  EXPECT_EQ(amount_of(windows, Period::kHour, {Direction::kIn, CurrencyId(1), {}, {}}), 1'000u);
  EXPECT_EQ(amount_of(windows, Period::kHour, {Direction::kOut, CurrencyId(2), {}, {}}), 10'000u);
  EXPECT_EQ(total(windows, Period::kHour, {Direction::kOut, CurrencyId(1), GatewayId(1), {}}).count, 2u);
}

// B10: many small ones count as what they are together.
TEST(Windows, ManySmallOnesAddUp) {
  Windows windows;
  windows.advance(LedgerMs(kStart));
  for (std::uint32_t i = 0; i < 100; ++i) {
    windows.advance(LedgerMs(kStart + std::uint64_t{i} * 60'000));
    ASSERT_TRUE(commit(&windows, i, out(99, i, i)));
  }
  EXPECT_EQ(total(windows, Period::kDay), (WindowTotal{9'900, 100}));
  EXPECT_EQ(total(windows, Period::kHour), (WindowTotal{5'940, 60}));
}

TEST(Windows, WhatIsPendingCountsAndIsGivenBack) {
  Windows windows;
  windows.advance(LedgerMs(kStart));
  ASSERT_TRUE(reserve(&windows, 1, out(5)));
  EXPECT_EQ(amount_of(windows, Period::kHour), 5u);
  windows.release(hash(1));
  EXPECT_EQ(amount_of(windows, Period::kHour), 0u);
  EXPECT_FALSE(windows.holds(hash(1)));
}

// Otherwise amounts that waited for a day and were approved at once would not count together.
TEST(Windows, WhatIsCommittedCountsFromThenOnAndOnce) {
  Windows windows;
  windows.advance(LedgerMs(kStart));
  ASSERT_TRUE(reserve(&windows, 1, out(5)));
  windows.advance(LedgerMs(kStart + kDayMs));
  EXPECT_EQ(amount_of(windows, Period::kDay), 0u);
  ASSERT_TRUE(commit(&windows, 1, out(5)));
  EXPECT_EQ(amount_of(windows, Period::kHour), 5u);
  EXPECT_EQ(windows.size(), 1u);
  windows.advance(LedgerMs(kStart + kDayMs + 1));
  ASSERT_TRUE(commit(&windows, 1, out(5)));
  ASSERT_TRUE(reserve(&windows, 1, out(5)));
  windows.release(hash(1));
  EXPECT_EQ(total(windows, Period::kWeek), (WindowTotal{5, 1}));
  windows.advance(LedgerMs(kStart + kDayMs + kHourMs));
  EXPECT_EQ(amount_of(windows, Period::kHour), 0u);
  ASSERT_TRUE(commit(&windows, 1, out(6)));  // another amount is another one
  EXPECT_EQ(total(windows, Period::kHour), (WindowTotal{6, 1}));
  windows.undo(hash(1));
  EXPECT_EQ(windows.size(), 0u);
}

TEST(Windows, SumsOfTheLargestAmountsAreExact) {
  Windows windows;
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(commit(&windows, i, out(UINT64_MAX)));
  EXPECT_EQ(total(windows, Period::kHour).amount, static_cast<unsigned __int128>(UINT64_MAX) * 3);
}

TEST(Windows, AFullTableRefusesAndForgetsNothing) {
  Windows windows;
  windows.advance(LedgerMs(kStart));
  for (std::uint32_t i = 0; i < Windows::kMaxEntries; ++i) ASSERT_TRUE(commit(&windows, i, out(1)));
  const WindowAmount more = out(1);
  const Status full = windows.reserve(hash(70'000), {&more, 1});
  EXPECT_EQ(full.code(), Code::kExhausted);
  EXPECT_FALSE(windows.fits(hash(70'000), 1));
  EXPECT_TRUE(windows.fits(hash(5), 1));
  EXPECT_EQ(amount_of(windows, Period::kWeek), Windows::kMaxEntries);
  windows.advance(LedgerMs(kStart + 7 * kDayMs));
  EXPECT_EQ(windows.size(), 0u);
  EXPECT_TRUE(reserve(&windows, 70'000, more));
}

// The same by going through a list of everything that ever happened.
class NaiveWindows {
 public:
  void advance(LedgerMs now) { latest_ = std::max(latest_, now); }
  void put(const Hash256& subject, const std::vector<WindowAmount>& amounts, bool pending) {
    if (has(subject, false) && (pending || amounts_of(subject) == amounts)) return;
    drop(subject);
    for (const WindowAmount& amount : amounts) entries_.push_back({subject, amount, latest_, pending});
  }
  void release(const Hash256& subject) {
    if (!has(subject, false)) drop(subject);
  }
  void undo(const Hash256& subject) { drop(subject); }
  WindowTotal total(const WindowScope& scope, Period period, const Hash256* subject) const {
    WindowTotal out;
    for (const Entry& entry : entries_) {
      if (subject != nullptr && entry.subject != *subject) continue;
      if (!scope.covers(entry.amount) || !counts(entry, period)) continue;
      out.amount += entry.amount.amount.get();
      ++out.count;
    }
    return out;
  }

 private:
  struct Entry {
    Hash256 subject;
    WindowAmount amount;
    LedgerMs time;
    bool pending;
  };
  bool counts(const Entry& entry, Period period) const {
    return latest_.get() - entry.time.get() < kPeriodMs[static_cast<std::size_t>(period)];
  }
  bool has(const Hash256& subject, bool pending) const {
    return std::ranges::any_of(entries_, [&](const Entry& entry) {
      return entry.subject == subject && entry.pending == pending && counts(entry, Period::kWeek);
    });
  }
  std::vector<WindowAmount> amounts_of(const Hash256& subject) const {
    std::vector<WindowAmount> out;
    for (const Entry& entry : entries_) {
      if (entry.subject == subject && counts(entry, Period::kWeek)) out.push_back(entry.amount);
    }
    return out;
  }
  void drop(const Hash256& subject) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.subject == subject; });
  }
  std::vector<Entry> entries_;
  LedgerMs latest_;
};

class WindowsModel {
 public:
  explicit WindowsModel(std::uint64_t seed) : random_(seed) {}

  void step() {
    const Hash256 subject = hash(pick(40));
    move_time();
    switch (pick(5)) {
      case 0:
      case 1:
        put(subject, true);
        break;
      case 2:
        put(subject, false);
        break;
      case 3:
        windows_.release(subject);
        naive_.release(subject);
        break;
      default:
        if (pick(4) == 0) {
          windows_.undo(subject);
          naive_.undo(subject);
        }
    }
    compare(subject);
  }
  const Windows& windows() const { return windows_; }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  // Small steps, the very edges of the periods, long gaps, and steps back.
  void move_time() {
    const std::uint64_t edge = kPeriodMs[pick(kPeriods)];
    const std::uint64_t steps[] = {0,    pick(1'000), pick(kHourMs), edge - 1,
                                   edge, edge + 1,    edge / 3,      pick(5 * kHourMs)};
    const std::uint64_t step = steps[pick(8)];
    now_ = pick(6) == 0 ? now_ - std::min(now_, step) : now_ + step;
    windows_.advance(LedgerMs(now_));
    naive_.advance(LedgerMs(now_));
    now_ = windows_.latest().get();
  }
  void put(const Hash256& subject, bool pending) {
    std::vector<WindowAmount> amounts(1 + pick(4));
    for (WindowAmount& amount : amounts) {
      amount = out(random_() >> pick(64), 1 + pick(3), 1 + pick(3));
      amount.currency = CurrencyId(static_cast<std::uint16_t>(1 + pick(2)));
      if (pick(3) == 0) amount = {Direction::kIn, amount.currency, amount.gateway, {}, amount.amount};
    }
    EXPECT_TRUE((pending ? windows_.reserve(subject, amounts) : windows_.commit(subject, amounts)).ok());
    naive_.put(subject, amounts, pending);
  }
  void compare(const Hash256& subject) const {
    for (const Direction direction : {Direction::kIn, Direction::kOut}) {
      for (std::uint16_t currency = 1; currency <= 2; ++currency) {
        for (std::uint32_t which = 0; which <= 6; ++which) {
          WindowScope scope{direction, CurrencyId(currency), {}, {}};
          if (which >= 1 && which <= 3) scope.gateway = GatewayId(which);
          if (which >= 4) scope.payee = hash(which - 3);
          const WindowTotals all = windows_.totals(scope);
          const WindowTotals own = windows_.totals_of(subject, scope);
          for (const Period period : {Period::kHour, Period::kDay, Period::kWeek}) {
            const auto place = static_cast<std::size_t>(period);
            ASSERT_EQ(all[place], naive_.total(scope, period, nullptr));
            ASSERT_EQ(own[place], naive_.total(scope, period, &subject));
          }
        }
      }
    }
  }

  std::mt19937_64 random_;
  Windows windows_;
  NaiveWindows naive_;
  std::uint64_t now_ = kStart;
};

TEST(Windows, AgreesWithANaiveModelOverRandomOffsetsAndTimes) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    WindowsModel model(seed);
    for (int i = 0; i < 250; ++i) {
      model.step();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Windows, ACopyIsEqualAndOfItsOwn) {
  WindowsModel model(7);
  for (int i = 0; i < 100; ++i) model.step();
  Windows copy = model.windows();
  EXPECT_TRUE(copy == model.windows());
  ASSERT_TRUE(commit(&copy, 1'000, out(1)));
  EXPECT_FALSE(copy == model.windows());
  copy.undo(hash(1'000));
  EXPECT_TRUE(copy == model.windows());
}

}  // namespace
}  // namespace custody::policy::engine
