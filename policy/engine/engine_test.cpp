#include "policy/engine/engine.h"

#include <gtest/gtest.h>

namespace custody::policy::engine {
namespace {

using model::Amount;
using model::IntentKind;
using model::LedgerMs;

constexpr std::uint64_t kStart = 1'700'000'000'000;
constexpr model::CurrencyId kBtc{1};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    bundle_.limits[kBtc] = {Amount(100), Amount(250), Amount(50), Amount(60)};
    bundle_.ballots = true;
  }
  static model::IntentFacts facts(IntentKind kind, std::uint64_t amount, std::uint8_t subject,
                                  model::CurrencyId currency = kBtc) {
    model::IntentFacts out;
    out.kind = kind;
    out.currency = currency;
    out.amount = Amount(amount);
    out.subject = *Hash256::from(Bytes(32, subject));
    return out;
  }
  Decision ask(const model::IntentFacts& intent, std::uint64_t now) const {
    return decide(intent, window_, bundle_, LedgerMs(now));
  }
  // Allowed and counted, as the signer does it.
  bool take(const model::IntentFacts& intent, std::uint64_t now) {
    const Decision decision = ask(intent, now);
    if (decision.entry) window_.add(*decision.entry);
    return decision.outcome == Outcome::kAllow;
  }
  PolicyBundle bundle_;
  Window window_;
};

TEST_F(EngineTest, DefaultIsDeny) {
  for (const IntentKind kind : {IntentKind::kProposal, IntentKind::kPrevote, IntentKind::kPrecommit,
                                IntentKind::kExternalHead, IntentKind::kSlotSignature}) {
    EXPECT_EQ(ask(facts(kind, 1, 1), kStart).rule, "policy.default");
    EXPECT_EQ(ask(facts(kind, 1, 1), kStart).outcome, Outcome::kDeny);
  }
  EXPECT_EQ(ask(facts(IntentKind::kMint, 1, 1, model::CurrencyId(2)), kStart).rule, "policy.currency");
  EXPECT_EQ(ask(facts(IntentKind::kMint, 0, 1), kStart).rule, "policy.amount");
  EXPECT_EQ(decide(facts(IntentKind::kMint, 1, 1), window_, PolicyBundle(), LedgerMs(kStart)).outcome,
            Outcome::kDeny);
}

TEST_F(EngineTest, GovernanceIsSwitchedOnOrOff) {
  EXPECT_EQ(ask(facts(IntentKind::kBallot, 0, 1), kStart).outcome, Outcome::kAllow);
  const Decision denied = ask(facts(IntentKind::kProposalTx, 0, 1), kStart);
  EXPECT_EQ(denied.outcome, Outcome::kDeny);
  EXPECT_EQ(denied.rule, "policy.proposals");
}

TEST_F(EngineTest, OneTransactionIsBoundedToTheUnit) {
  EXPECT_EQ(ask(facts(IntentKind::kMint, 100, 1), kStart).outcome, Outcome::kAllow);
  EXPECT_EQ(ask(facts(IntentKind::kMint, 101, 1), kStart).rule, "policy.transaction_limit");
  EXPECT_EQ(ask(facts(IntentKind::kPayout, 50, 1), kStart).outcome, Outcome::kAllow);
  EXPECT_EQ(ask(facts(IntentKind::kPayout, 51, 1), kStart).rule, "policy.transaction_limit");
}

TEST_F(EngineTest, ADayIsBoundedToTheUnitAndPerKind) {
  EXPECT_TRUE(take(facts(IntentKind::kMint, 100, 1), kStart));
  EXPECT_TRUE(take(facts(IntentKind::kMint, 100, 2), kStart + 1));
  EXPECT_EQ(ask(facts(IntentKind::kMint, 51, 3), kStart + 2).rule, "policy.day_limit");
  EXPECT_TRUE(take(facts(IntentKind::kMint, 50, 3), kStart + 2));
  EXPECT_EQ(ask(facts(IntentKind::kMint, 1, 4), kStart + 3).rule, "policy.day_limit");
  EXPECT_TRUE(take(facts(IntentKind::kPayout, 50, 4), kStart + 3));
}

// Abuse case B10: many requests just under the limit of one.
TEST_F(EngineTest, B10_StructuringMeetsTheDayLimit) {
  unsigned allowed = 0;
  for (std::uint8_t i = 0; i < 100; ++i)
    allowed += take(facts(IntentKind::kPayout, 7, i), kStart + i) ? 1 : 0;
  EXPECT_EQ(allowed, 8u);
}

TEST_F(EngineTest, TheSameDepositOrSlotCountsOnce) {
  EXPECT_TRUE(take(facts(IntentKind::kPayout, 50, 1), kStart));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(take(facts(IntentKind::kPayout, 50, 1), kStart + 1));
  EXPECT_EQ(window_.size(), 1u);
  EXPECT_FALSE(take(facts(IntentKind::kPayout, 49, 1), kStart + 2)) << "another amount is another request";
}

// Abuse case H1: no clock step, forwards and back, sets the window back.
TEST_F(EngineTest, H1_TimeThatGoesBackCountsAsTheLatest) {
  EXPECT_TRUE(take(facts(IntentKind::kPayout, 50, 1), kStart + kDayMs));
  EXPECT_FALSE(take(facts(IntentKind::kPayout, 50, 2), kStart)) << "a day before the entry";
  EXPECT_FALSE(take(facts(IntentKind::kPayout, 50, 2), 0));
  EXPECT_TRUE(take(facts(IntentKind::kPayout, 10, 3), 0));
  EXPECT_EQ(window_.latest(), LedgerMs(kStart + kDayMs));
  EXPECT_FALSE(take(facts(IntentKind::kPayout, 10, 4), kStart + 2 * kDayMs - 1));
  EXPECT_TRUE(take(facts(IntentKind::kPayout, 50, 4), kStart + 2 * kDayMs));
}

// Abuse case H2: one step far ahead frees the window once; it does not free it again.
TEST_F(EngineTest, H2_TimeFarAheadFreesTheWindowOnce) {
  EXPECT_TRUE(take(facts(IntentKind::kPayout, 50, 1), kStart));
  EXPECT_TRUE(take(facts(IntentKind::kPayout, 50, 2), kStart + 10 * kDayMs));
  EXPECT_FALSE(take(facts(IntentKind::kPayout, 50, 3), kStart));
  EXPECT_FALSE(take(facts(IntentKind::kPayout, 50, 3), kStart + 11 * kDayMs - 1));
}

// Abuse case H3: at no offset does any period of 24 hours hold more than the limit.
TEST_F(EngineTest, H3_NoTwentyFourHoursHoldMoreThanTheLimit) {
  constexpr std::uint64_t kStep = kDayMs / 96;
  for (std::uint64_t offset = 0; offset < kDayMs; offset += kStep) {
    window_ = Window();
    std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
    std::uint8_t subject = 0;
    const std::uint64_t times[] = {kStart,          kStart + offset,          kStart + kDayMs - 1,
                                   kStart + kDayMs, kStart + kDayMs + offset, kStart + 2 * kDayMs};
    for (const std::uint64_t now : times) {
      if (take(facts(IntentKind::kPayout, 40, ++subject), now)) taken.emplace_back(now, 40);
    }
    for (const auto& [begin, unused] : taken) {
      std::uint64_t sum = 0;
      for (const auto& [time, amount] : taken) sum += time >= begin && time - begin < kDayMs ? amount : 0;
      EXPECT_LE(sum, 60u) << "offset " << offset;
    }
    EXPECT_GE(taken.size(), 2u) << "the limit must open again after a day";
  }
}

TEST_F(EngineTest, SumsThatOverflowAreDenied) {
  bundle_.limits[kBtc] = {Amount(UINT64_MAX), Amount(UINT64_MAX), Amount(1), Amount(1)};
  EXPECT_TRUE(take(facts(IntentKind::kMint, UINT64_MAX, 1), kStart));
  EXPECT_EQ(ask(facts(IntentKind::kMint, 1, 2), kStart).rule, "policy.day_limit");
}

TEST_F(EngineTest, AFullWindowDeniesAndEvictsNothing) {
  bundle_.limits[kBtc] = {Amount(1), Amount(UINT64_MAX), Amount(1), Amount(1)};
  WindowEntry entry{IntentKind::kMint, kBtc, Amount(1), Hash256(), LedgerMs(kStart)};
  for (std::size_t i = 0; i < kMaxWindowEntries; ++i) window_.add(entry);
  EXPECT_EQ(ask(facts(IntentKind::kMint, 1, 1), kStart).rule, "policy.window_full");
  EXPECT_EQ(ask(facts(IntentKind::kMint, 1, 1), kStart + kDayMs).outcome, Outcome::kAllow);
}

}  // namespace
}  // namespace custody::policy::engine
