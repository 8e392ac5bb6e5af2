// A guard and a ledger that proves to it what tests put there: for the tests of this folder. Header only.
#pragma once

#include <gtest/gtest.h>

#include "signer/guard/guard.h"
#include "tests/support/proven_ledger.h"

namespace custody::signer::guard {

using model::Amount;

inline constexpr model::CurrencyId kBtc{1};
inline constexpr model::MemberId kOwn{2};

class MoneyTest : public ::testing::Test {
 protected:
  MoneyTest() : ledger_(chain_), state_(*initial_state(ledger_.genesis(), ledger_.chain_id(), kOwn)) {
    model::GatewayRecord gateway;
    gateway.id = model::GatewayId(1);
    gateway.name = to_bytes("gary");
    gateway.account = model::Address::treasury();
    gateway.kyc_expiry = model::LedgerMs(ledger_.header.time.get() + 3'600'000);
    ledger_.put(model::gateway_key(gateway.id), gateway);
    model::CurrencyTotals totals;
    totals.recorded_reserve = Amount(90'000'000);
    ledger_.put(model::totals_key(kBtc), totals);
  }

  void expect_refused(const model::Intent& intent, std::string_view rule, Code code = Code::kRefused) const {
    const auto verdict = check(state_, intent);
    ASSERT_FALSE(verdict.ok()) << "expected " << rule;
    EXPECT_EQ(verdict.code(), code);
    EXPECT_EQ(rule_of(verdict.status()), rule) << verdict.status().to_string();
  }
  Verdict sign(const model::Intent& intent) {
    auto verdict = check(state_, intent);
    EXPECT_TRUE(verdict.ok()) << verdict.status().to_string();
    if (!verdict.ok()) return {};
    state_ = verdict->next;
    return *verdict;
  }
  void sign_precommit(std::uint64_t height) {
    sign(
        model::VoteIntent{model::VoteType::kPrecommit, model::Height(height), model::Round(0), std::nullopt});
  }

  tests::FakeChain chain_;
  tests::ProvenLedger ledger_;
  model::GuardState state_;
};

}  // namespace custody::signer::guard
