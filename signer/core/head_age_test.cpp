#include "signer/core/head_age.h"

#include <gtest/gtest.h>

namespace custody::signer::core {
namespace {

using ledger::model::LedgerMs;

constexpr std::uint64_t kLedger = 1'795'600'000'000;
constexpr std::uint64_t kHourMs = 3'600'000;

TEST(HeadAge, IsTheBootTimeThatPassedLessWhatTheLedgerGained) {
  HeadAge age;
  EXPECT_EQ(age.behind(LedgerMs(kLedger)), 0u) << "nothing was observed";
  age.observe(MonotonicMs{5'000}, LedgerMs(kLedger));
  EXPECT_EQ(age.behind(LedgerMs(kLedger)), 0u);
  age.observe(MonotonicMs{15'000}, LedgerMs(kLedger));
  EXPECT_EQ(age.behind(LedgerMs(kLedger)), 9'990u);
  EXPECT_EQ(age.behind(LedgerMs(kLedger + 4'000)), 5'990u);
  EXPECT_EQ(age.behind(LedgerMs(kLedger + 10'000)), 0u);
  EXPECT_EQ(age.behind(LedgerMs(kLedger - 1'000)), 10'990u);
}

TEST(HeadAge, ABlockThatIsOneHigherDoesNotMakeItFresh) {
  HeadAge age;
  age.observe(MonotonicMs{0}, LedgerMs(kLedger));
  age.observe(MonotonicMs{13 * kHourMs}, LedgerMs(kLedger));
  age.saw(LedgerMs(kLedger + 10'000));
  EXPECT_GT(age.behind(LedgerMs(kLedger + 10'000)), 12 * kHourMs);
}

// One block every nine minutes held the ledger's clock back for ever.
TEST(HeadAge, WhatIsHeldBackALittleAtATimeAddsUp) {
  HeadAge age;
  age.observe(MonotonicMs{0}, LedgerMs(kLedger));
  for (std::uint64_t i = 1; i <= 6; ++i) {
    age.observe(MonotonicMs{i * 540'000}, LedgerMs(kLedger));
    age.saw(LedgerMs(kLedger + i * 10'000));
  }
  EXPECT_GT(age.behind(LedgerMs(kLedger + 60'000)), 50 * 60'000u);
}

// A clock that is fast by 500 parts in a million for a year.
TEST(HeadAge, ClocksThatRunApartALittleAreNoAge) {
  HeadAge age;
  age.observe(MonotonicMs{0}, LedgerMs(kLedger));
  constexpr std::uint64_t kDayMs = 24 * kHourMs;
  for (std::uint64_t day = 1; day <= 365; ++day) {
    age.observe(MonotonicMs{day * kDayMs + day * kDayMs / 2'000}, LedgerMs(kLedger));
    const LedgerMs head(kLedger + day * kDayMs);
    EXPECT_EQ(age.behind(head), 0u) << day;
    age.saw(head);
  }
}

TEST(HeadAge, NoTimeOverflows) {
  HeadAge age;
  age.observe(MonotonicMs{1}, LedgerMs(UINT64_MAX));
  age.observe(MonotonicMs{UINT64_MAX}, LedgerMs(0));
  EXPECT_EQ(age.behind(LedgerMs(0)), UINT64_MAX);
  EXPECT_GT(age.behind(LedgerMs(UINT64_MAX)), 0u);
  age.observe(MonotonicMs{0}, LedgerMs(0));  // a clock since boot never steps back
  EXPECT_EQ(age.behind(LedgerMs(0)), UINT64_MAX);
}

}  // namespace
}  // namespace custody::signer::core
