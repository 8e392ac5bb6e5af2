// Blocks that are shown to the guard for nothing but their time.
#include <gtest/gtest.h>

#include "signer/guard/money_fixture_test.h"

namespace custody::signer::guard {
namespace {

class HeadTest : public MoneyTest {
 protected:
  void expect_head_refused(const model::LedgerEvidence& evidence, std::string_view rule) const {
    const auto next = advance(state_, evidence);
    ASSERT_FALSE(next.ok()) << "expected " << rule;
    EXPECT_EQ(next.code(), Code::kRefused);
    EXPECT_EQ(rule_of(next.status()), rule) << next.status().to_string();
  }
};

TEST_F(HeadTest, AFinalBlockMovesTheHeadAndNothingElse) {
  ledger_.advance(60'000);
  const auto next = advance(state_, ledger_.evidence({}));
  ASSERT_TRUE(next.ok()) << next.status().to_string();
  EXPECT_EQ(next->head.height, ledger_.header.height);
  EXPECT_EQ(next->head.time, ledger_.header.time);
  EXPECT_EQ(next->head.members_hash, ledger_.header.next_members_hash);
  model::GuardState expected = state_;
  expected.head = next->head;
  EXPECT_EQ(*next, expected);
  state_ = *next;
  EXPECT_TRUE(advance(state_, ledger_.evidence({})).ok()) << "the same block again";
}

// Abuse case H1: time comes from a quorum only, and never goes back.
TEST_F(HeadTest, H1_Evidence_ABlockWithoutItsQuorumIsRefused) {
  expect_head_refused(ledger_.evidence({}, {1, 2}), "guard.evidence");
  auto later = ledger_.evidence({});
  later.header.time = model::LedgerMs(later.header.time.get() + 1);
  expect_head_refused(later, "guard.evidence");
}

TEST_F(HeadTest, H1_Time_NeverGoesBack) {
  ledger_.advance();
  state_ = *advance(state_, ledger_.evidence({}));
  const model::LedgerMs before(state_.head.time.get() - 1);
  ledger_.advance(0);
  ledger_.header.time = before;
  expect_head_refused(ledger_.evidence({}), "guard.time");
}

TEST_F(HeadTest, Head_ALowerBlockOrAnotherAtItsHeightIsRefused) {
  ledger_.advance();
  state_ = *advance(state_, ledger_.evidence({}));
  ledger_.put(model::freeze_key(kBtc), model::FreezeRecord{});
  expect_head_refused(ledger_.evidence({}), "guard.fork");
  ledger_.header.height = model::Height(1);
  expect_head_refused(ledger_.evidence({}), "guard.head");
}

TEST_F(HeadTest, Stale_ABlockMoreThanTwoBelowTheLastPrecommitIsRefused) {
  sign_precommit(4);
  expect_head_refused(ledger_.evidence({}), "guard.stale");
  ledger_.advance();
  EXPECT_TRUE(advance(state_, ledger_.evidence({})).ok());
}

}  // namespace
}  // namespace custody::signer::guard
