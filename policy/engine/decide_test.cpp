#include "policy/engine/decide.h"

#include <gtest/gtest.h>

#include "policy/cedar/validator.h"
#include "policy/engine/explain.h"
#include "policy/engine/fixture_test.h"
#include "policy/render/governance.h"

namespace custody::policy::cedar {
std::size_t allocation_count();  // of this program, counting_new_test.cpp
}

namespace custody::policy::engine {
namespace {

using fixture::at;
using model::Amount;

std::string names(const CompiledBundle& compiled, const std::vector<std::uint32_t>& places) {
  std::string out;
  for (const std::uint32_t place : places) {
    out += std::string(policy_name(compiled.policies().active()[place])) + " ";
  }
  return out;
}

// One bundle in force, and a clock.
class DecideTest : public ::testing::Test {
 protected:
  void use(bundle::Bundle bundle) {
    compiled_ = std::make_unique<CompiledBundle>(fixture::compiled(std::move(bundle)));
    decider_ = std::make_unique<Decider>(*compiled_);
    apply(activate_record(compiled_->bundle(), compiled_->hash(), state_, at("2026-11-01T00:00:00Z")));
    now_ = {model::Height(100), at("2026-11-24T10:00:00Z")};
  }
  void use(std::string_view policies) { use(fixture::bundle_with(policies)); }
  void apply(const Record& record) {
    const Status applied = state_.apply(record);
    ASSERT_TRUE(applied.ok()) << applied.to_string();
  }
  void state_prices(std::uint64_t btc, std::uint64_t ltc) {
    apply(PriceRecord{{fixture::network().chain_id,
                       to_bytes("price-desk"),
                       to_bytes("USD"),
                       0,
                       now_.time,
                       {{model::CurrencyId(1), btc}, {model::CurrencyId(2), ltc}}},
                      now_.time});
  }
  model::IntentFacts mint(std::uint64_t amount, std::uint8_t deposit = 1) {
    model::IntentFacts out;
    out.kind = model::IntentKind::kMint;
    out.currency = model::CurrencyId(1);
    out.amount = Amount(amount);
    out.epoch = model::WalletEpoch(1);
    out.gateway = model::GatewayId(1);
    out.gateway_name = to_bytes("acme");
    out.kyc_expiry = at("2027-01-01T00:00:00Z");
    out.confirmations = 6;
    out.reserve = Amount(100'000'000'000);
    out.subject = crypto::sha256(Bytes{deposit});
    out.deposit = {model::ExternalHash(out.subject.array()), 0};
    return out;
  }
  model::IntentFacts payout(const std::vector<std::pair<std::string, std::uint64_t>>& payees,
                            std::uint8_t slot = 1) {
    model::IntentFacts out = mint(0);
    out.kind = model::IntentKind::kPayout;
    out.slot = model::SlotId(slot);
    out.subject = crypto::sha256(Bytes{0, slot});
    out.confirmations = 0;
    out.gateway_name.clear();
    out.fee = Amount(1'000);
    std::uint64_t sum = 1'000;
    for (const auto& [payee, amount] : payees) {
      out.payees.push_back({out.payees.size() + 1, model::GatewayId(1), to_bytes("acme"), out.kyc_expiry,
                            fixture::script_of(payee), Amount(amount), Amount(2'000)});
      sum += amount;
    }
    out.amount = Amount(sum);
    return out;
  }
  const Decision& ask(const model::IntentFacts& facts, std::string_view initiator = {}) {
    return decider_->decide(facts, state_, now_, as_bytes(initiator));
  }
  std::string wants(const Decision& decision) {
    std::string out;
    for (const render::Wants& alternative : decision.wants) out += wants_text(alternative) + "; ";
    return out;
  }
  void reserve(const model::IntentFacts& facts, std::string_view initiator = {}) {
    const Decision& decision = ask(facts, initiator);
    ASSERT_EQ(decision.outcome, Outcome::kPending) << decision.rule << decision.reason;
    const auto record = decider_->reserve_record(facts, decision);
    ASSERT_TRUE(record.ok()) << record.status().to_string();
    apply(*record);
    request_ = record->request;
  }
  void commit(const model::IntentFacts& facts) {
    const Decision& decision = ask(facts);
    ASSERT_EQ(decision.outcome, Outcome::kAllow) << decision.rule << decision.reason;
    const auto record = decider_->commit_record(facts, decision);
    ASSERT_TRUE(record.ok());
    apply(*record);
  }
  Status vote(std::string_view officer, std::string_view group, render::Vote said = render::Vote::kApprove) {
    const auto record = admit_vote(fixture::signed_vote(request_, officer, group, said), state_,
                                   compiled_->active(), now_.time);
    return record.ok() ? state_.apply(*record) : record.status();
  }
  void wait(std::uint64_t hours) { now_.time = model::LedgerMs(now_.time.get() + hours * kHourMs); }

  std::unique_ptr<CompiledBundle> compiled_;
  std::unique_ptr<Decider> decider_;
  EngineState state_;
  Now now_;
  render::Request request_;
};

constexpr std::string_view kMintAnything =
    "@id(\"mint\") permit (principal, action == Action::\"mint\", resource);";

TEST_F(DecideTest, DefaultIsDeny) {
  use("@id(\"no\") forbid (principal, action == Action::\"mint\", resource) when { context.hour > 22 };");
  EXPECT_EQ(ask(mint(5)).rule, "policy.no_permit");
  model::IntentFacts vote = mint(5);
  vote.kind = model::IntentKind::kPrevote;
  EXPECT_EQ(ask(vote).rule, "policy.kind");
  EXPECT_EQ(ask(vote).outcome, Outcome::kDeny);
}

TEST_F(DecideTest, WhatAPermitAllowsIsAllowedAndNamesIt) {
  use(kMintAnything);
  const Decision& decision = ask(mint(5));
  EXPECT_EQ(decision.outcome, Outcome::kAllow);
  ASSERT_EQ(decision.parts().size(), 1u);
  EXPECT_EQ(names(*compiled_, decision.parts()[0].policies), "mint ");
  EXPECT_EQ(decision.bundle, 1u);
}

TEST_F(DecideTest, AForbidWins) {
  use(std::string(kMintAnything) +
      "@id(\"no\") forbid (principal, action, resource) when "
      "{ context.hour == 10 };");
  const Decision& decision = ask(mint(5));
  EXPECT_EQ(decision.rule, "policy.forbid");
  EXPECT_EQ(names(*compiled_, decision.parts()[0].policies), "no ");
}

// Cedar skips a policy that errs: a forbid that overflows forbids nothing.
TEST_F(DecideTest, APolicyThatErrsDenies) {
  const auto policies = cedar::PolicySet::parse(
      std::string(kMintAnything) +
      "forbid (principal, action, resource) when { context.spent + context.amount > 5 };");
  ASSERT_TRUE(policies.ok());
  cedar::Field fields[] = {{"spent", cedar::Value(std::int64_t{INT64_MAX})},
                           {"amount", cedar::Value(std::int64_t{1})}};
  const cedar::Request request{cedar::entity_uid("Gateway", "acme"), cedar::entity_uid("Action", "mint"),
                               cedar::entity_uid("Wallet", "BTC-1"), *cedar::make_record(fields)};
  const auto decision = cedar::cedar_decide(*policies, request, cedar::Entities());
  ASSERT_TRUE(decision.ok());
  EXPECT_TRUE(decision->allow);
  EXPECT_FALSE(allows(*decision));
}

// So that none can err, lint refuses what could.
TEST_F(DecideTest, APolicyThatCouldErrIsNotCompiled) {
  const auto refused = CompiledBundle::compile(
      fixture::bundle_with(std::string(kMintAnything) +
                           "@id(\"limit\") forbid (principal, action == Action::\"mint\", resource) when "
                           "{ context.amount + 9223372036854775807 > 5 };"),
      fixture::network());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("arithmetic"), std::string::npos);
}

TEST_F(DecideTest, AmountsAreRoundedUpToTheUnitAndSaturate) {
  use(
      std::string("@id(\"mint\") permit (principal, action == Action::\"mint\", resource) when "
                  "{ context.amount <= 2 };"));
  EXPECT_EQ(ask(mint(200'000)).outcome, Outcome::kAllow);  // 0.002 BTC in thousandths
  EXPECT_EQ(ask(mint(200'001)).outcome, Outcome::kDeny);
  const CompiledCurrency& btc = compiled_->currencies()[0];
  EXPECT_EQ(in_units(0, btc), 0);
  EXPECT_EQ(in_units(1, btc), 1);
  EXPECT_EQ(in_units(static_cast<unsigned __int128>(UINT64_MAX) * 100'000, btc), INT64_MAX);
  EXPECT_EQ(rounded_up(1, 0), INT64_MAX);
}

TEST_F(DecideTest, HoursAndWeekdaysAreThoseOfLedgerTime) {
  EXPECT_EQ(weekday(at("1970-01-01T00:00:00Z")), 4);
  EXPECT_EQ(weekday(at("2026-11-23T00:00:00Z")), 1);
  EXPECT_EQ(weekday(at("2026-11-29T23:59:59Z")), 7);
  EXPECT_EQ(hour_of_day(at("2026-11-29T23:59:59Z")), 23);
}

TEST_F(DecideTest, AMissingOrStalePriceDeniesAndIsNamed) {
  use(
      fixture::bundle_with("@id(\"mint\") permit (principal, action == Action::\"mint\", resource) when "
                           "{ context.amountReference <= 50000 };",
                           true));
  EXPECT_EQ(ask(mint(5)).rule, "policy.missing");
  EXPECT_NE(ask(mint(5)).reason.find("amountReference: there are no prices"), std::string::npos)
      << ask(mint(5)).reason;
  state_prices(60'000, 90);
  EXPECT_EQ(ask(mint(80'000'000)).outcome, Outcome::kAllow);  // 0.8 BTC: 48,000
  EXPECT_EQ(ask(mint(83'400'000)).outcome, Outcome::kDeny);   // 50,040
  wait(1);
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kAllow);
  now_.time = model::LedgerMs(now_.time.get() + 1);
  EXPECT_NE(ask(mint(5)).reason.find("older than 60 minutes"), std::string::npos) << ask(mint(5)).reason;
}

// Officers replace the stolen key of a source under its old name: what the thief has stated counts no longer.
TEST_F(DecideTest, PricesDoNotOutliveTheBundleThatNamedTheirKey) {
  use(
      fixture::bundle_with("@id(\"mint\") permit (principal, action == Action::\"mint\", resource) when "
                           "{ context.amountReference <= 50000 };",
                           true));
  state_prices(1, 1);
  ASSERT_EQ(ask(mint(83'400'000)).outcome, Outcome::kAllow);
  const model::LedgerMs stated = state_.prices_time();
  bundle::Bundle next = compiled_->bundle();
  next.version = 2;
  next.previous = compiled_->hash();
  SeededEntropy entropy(fixture::seed_of("another-desk"));
  next.price_source->key = crypto::SoftwareKey::generate(entropy).public_key();
  compiled_ = std::make_unique<CompiledBundle>(fixture::compiled(next));
  decider_ = std::make_unique<Decider>(*compiled_);
  apply(activate_record(next, compiled_->hash(), state_, now_.time));
  const Decision& denied = ask(mint(83'400'000));
  EXPECT_EQ(denied.rule, "policy.missing");
  EXPECT_NE(denied.reason.find("no prices by the bundle's source since it is in force"), std::string::npos)
      << denied.reason;
  EXPECT_FALSE(state_.prices().has_value());
  EXPECT_EQ(state_.prices_time(), stated) << "an older statement does not count again";
  wait(1);
  state_prices(60'000, 90);
  EXPECT_EQ(ask(mint(83'400'000)).outcome, Outcome::kDeny);
  EXPECT_EQ(ask(mint(80'000'000)).outcome, Outcome::kAllow);
}

TEST_F(DecideTest, WhatIsFrozenIsDenied) {
  use(kMintAnything);
  render::FreezeOrder order;
  order.what = render::Freeze::kFreeze;
  order.currency = to_bytes("LTC");
  order.counter = 1;
  apply(FreezeRecord{order, now_.time});
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kAllow);
  order.currency = to_bytes("BTC");
  order.counter = 2;
  apply(FreezeRecord{order, now_.time});
  EXPECT_EQ(ask(mint(5)).rule, "policy.frozen");
  order.what = render::Freeze::kUnfreeze;
  order.counter = 3;
  apply(FreezeRecord{order, now_.time});
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kAllow);
  order.what = render::Freeze::kFreeze;
  order.currency.clear();
  order.counter = 4;
  apply(FreezeRecord{order, now_.time});
  EXPECT_EQ(ask(mint(5)).rule, "policy.frozen");
  model::IntentFacts ballot;
  ballot.kind = model::IntentKind::kBallot;
  EXPECT_EQ(ask(ballot).rule, "policy.frozen");
}

TEST_F(DecideTest, WhatIsFrozenNamesOfficerTimeAndReason) {
  use(kMintAnything);
  render::FreezeOrder order;
  order.what = render::Freeze::kFreeze;
  order.currency = to_bytes("BTC");
  order.reason = to_bytes("a stolen\x1b key");
  order.counter = 1;
  const Record record = FreezeRecord{order, now_.time, to_bytes("carol")};
  apply(*decode_record(encode_record(record)));
  EXPECT_EQ(ask(mint(5)).reason, "officer carol has frozen BTC at 2026-11-24T10:00:00Z: a stolen\\x1b key");
}

TEST_F(DecideTest, OnlyTheBundleInForceDecides) {
  use(kMintAnything);
  bundle::Bundle next = compiled_->bundle();
  next.version = 2;
  next.previous = compiled_->hash();
  const CompiledBundle second = fixture::compiled(next);
  Decider draft(second);
  EXPECT_EQ(draft.decide(mint(5), state_, now_).rule, "policy.bundle");
}

// B10: the day's limit holds for many small ones as for a large one; H3: wherever the day begins.
TEST_F(DecideTest, ALimitOfADayHoldsForStructuredAmounts) {
  use("@id(\"mint\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.windows.gateway.amount24h <= 1000 };");
  for (std::uint8_t i = 0; i < 10; ++i) {
    commit(mint(10'000'000, i));  // 0.1 BTC
    wait(1);
  }
  EXPECT_EQ(ask(mint(100'000, 99)).rule, "policy.no_permit");
  model::IntentFacts other = mint(100'000, 99);
  other.gateway = model::GatewayId(2);
  EXPECT_EQ(ask(other).outcome, Outcome::kAllow);
  wait(14);  // the first is 24 hours old, and not a millisecond before
  EXPECT_EQ(ask(mint(100'000, 99)).outcome, Outcome::kAllow);
}

TEST_F(DecideTest, ADepositCountsOnce) {
  use("@id(\"mint\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.windows.currency.amount24h <= 1000 && context.windows.currency.count24h <= 1 };");
  commit(mint(100'000'000));
  commit(mint(100'000'000));
  EXPECT_EQ(ask(mint(100'000'000, 2)).outcome, Outcome::kDeny);
}

// B10 inside one plan: all its burns count together, however they are split.
TEST_F(DecideTest, TheBurnsOfAPlanCountTogether) {
  use("@id(\"w\") permit (principal, action == Action::\"withdraw\", resource) when "
      "{ context.windows.payee.amount1h <= 300 };"
      "@id(\"p\") permit (principal, action == Action::\"payout\", resource);");
  EXPECT_EQ(ask(payout({{"a", 20'000'000}, {"b", 20'000'000}})).outcome, Outcome::kAllow);
  const Decision& decision = ask(payout({{"a", 20'000'000}, {"b", 1}, {"a", 20'000'000}}));
  EXPECT_EQ(decision.outcome, Outcome::kDeny);
  ASSERT_EQ(decision.parts().size(), 4u);
  EXPECT_EQ(decision.parts()[0].outcome, Outcome::kDeny);
  EXPECT_EQ(decision.parts()[1].outcome, Outcome::kAllow);
  EXPECT_EQ(decision.parts()[2].outcome, Outcome::kDeny);
  EXPECT_EQ(decision.parts()[3].outcome, Outcome::kAllow);
}

TEST_F(DecideTest, InABatchTheStrictestWinsAndWantsAreJoined) {
  use("@id(\"small\") permit (principal, action == Action::\"withdraw\", resource) when "
      "{ context.amount <= 10 };"
      "@id(\"large\") permit (principal, action == Action::\"withdraw\", resource) when "
      "{ context.amount <= 100 && context.approvals.treasury >= 2 };"
      "@id(\"p\") permit (principal, action == Action::\"payout\", resource) when "
      "{ context.payees == 1 || context.approvals.compliance >= 1 };");
  EXPECT_EQ(ask(payout({{"a", 1'000'000}})).outcome, Outcome::kAllow);
  const Decision& pending = ask(payout({{"a", 1'000'000}, {"b", 10'000'000}}));
  EXPECT_EQ(pending.outcome, Outcome::kPending);
  EXPECT_EQ(wants(pending), "1 of compliance and 2 of treasury; ");
  EXPECT_EQ(pending.parts()[0].outcome, Outcome::kAllow);
  EXPECT_EQ(pending.parts()[1].outcome, Outcome::kPending);
  EXPECT_EQ(ask(payout({{"a", 1'000'000}, {"b", 10'100'000}})).rule, "policy.no_permit");
}

TEST_F(DecideTest, WantsAreTheMinimalCombinations) {
  use("@id(\"a\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.approvals.treasury >= 2 };"
      "@id(\"b\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.approvals.compliance > 0 && context.waitedHours >= 4 };"
      "@id(\"c\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.approvals.distinct >= 3 && context.approvals.treasury >= 1 };"
      "@id(\"d\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.approvals.treasury >= 4 };");
  const Decision& decision = ask(mint(5));
  EXPECT_EQ(decision.outcome, Outcome::kPending);
  EXPECT_EQ(
      wants(decision),
      "2 of treasury; 1 of treasury and 3 officers in all; 1 of compliance and 4 hours since opening; ");
}

TEST_F(DecideTest, ThereMustBeEnoughOfficersForPending) {
  use("@id(\"a\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.approvals.treasury >= 4 };");
  // alice, bob, dave, and frank until the 28th
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kPending);
  EXPECT_EQ(ask(mint(5), "alice").rule, "policy.no_permit");
  now_.time = at("2026-11-28T00:00:00Z");
  EXPECT_EQ(ask(mint(5)).rule, "policy.no_permit");
}

constexpr std::string_view kTwoOfTreasury =
    "@id(\"a\") permit (principal, action == Action::\"mint\", resource) when "
    "{ context.approvals.treasury >= 2 && context.windows.currency.amount24h <= 10 };";

TEST_F(DecideTest, ApprovalsTurnPendingIntoAllow) {
  use(kTwoOfTreasury);
  reserve(mint(1'000'000));
  EXPECT_TRUE(vote("alice", "treasury").ok());
  EXPECT_EQ(wants(ask(mint(1'000'000))), "2 of treasury; ");
  EXPECT_EQ(ask(mint(1'000'000)).approvals.groups[1], 1u);
  EXPECT_TRUE(vote("bob", "treasury").ok());
  commit(mint(1'000'000));
  EXPECT_EQ(ask(mint(1'000'000)).outcome, Outcome::kAllow);  // again, for a fee bump
}

// B5: a person counts once, in a group of his, and never for what he asked for.
TEST_F(DecideTest, APersonCountsOnceAndNeverForHimself) {
  use(kTwoOfTreasury);
  reserve(mint(1'000'000), "alice");
  EXPECT_EQ(vote("alice", "treasury").code(), Code::kRefused);
  EXPECT_TRUE(vote("frank", "treasury").ok());
  EXPECT_EQ(vote("frank", "compliance").code(), Code::kExists);
  EXPECT_EQ(vote("carol", "treasury").code(), Code::kRefused);
  EXPECT_EQ(ask(mint(1'000'000)).approvals, (Approvals{{0, 1}, 1, 0}));
}

// B6: by ledger time, at every decision, not only when the vote came.
TEST_F(DecideTest, AnOfficerWhoExpiredCountsNoMore) {
  use(kTwoOfTreasury);
  now_.time = at("2026-11-27T23:00:00Z");
  reserve(mint(1'000'000));
  ASSERT_TRUE(vote("frank", "treasury").ok());
  ASSERT_TRUE(vote("alice", "treasury").ok());
  now_.time = model::LedgerMs(at("2026-11-28T00:00:00Z").get() - 1);
  EXPECT_EQ(ask(mint(1'000'000)).outcome, Outcome::kAllow);
  now_.time = at("2026-11-28T00:00:00Z");
  EXPECT_EQ(ask(mint(1'000'000)).outcome, Outcome::kPending);
  EXPECT_EQ(vote("frank", "treasury").code(), Code::kRefused);
}

TEST_F(DecideTest, PendingAmountsAreReservedAndGivenBack) {
  use(kTwoOfTreasury);
  reserve(mint(1'000'000, 1));
  EXPECT_EQ(ask(mint(1'000'000, 1)).outcome, Outcome::kPending);  // its own reservation counts once
  EXPECT_EQ(ask(mint(100'000, 2)).outcome, Outcome::kDeny);
  wait(24);  // expired: the amount is free, the approvals are gone
  EXPECT_EQ(ask(mint(1'000'000, 2)).outcome, Outcome::kPending);
  EXPECT_EQ(ask(mint(1'000'000, 1)).known, nullptr);
  EXPECT_EQ(vote("alice", "treasury").code(), Code::kNotFound);
}

TEST_F(DecideTest, ARejectionHoldsUntilAnotherBundleIsInForce) {
  use(kTwoOfTreasury);
  reserve(mint(1'000'000, 1));
  ASSERT_TRUE(vote("alice", "treasury").ok());
  ASSERT_TRUE(vote("carol", "compliance", render::Vote::kReject).ok());
  EXPECT_EQ(ask(mint(1'000'000, 1)).rule, "policy.rejected");
  EXPECT_EQ(ask(mint(1'000'000, 2)).outcome, Outcome::kPending);  // its amount is free
  wait(100);
  EXPECT_EQ(ask(mint(1'000'000, 1)).rule, "policy.rejected");
  EXPECT_EQ(vote("bob", "treasury").code(), Code::kNotFound);
}

// B2
TEST_F(DecideTest, ANewBundleVoidsRequestsAndApprovals) {
  use(kTwoOfTreasury);
  reserve(mint(1'000'000));
  ASSERT_TRUE(vote("alice", "treasury").ok());
  bundle::Bundle next = compiled_->bundle();
  next.version = 2;
  next.previous = compiled_->hash();
  compiled_ = std::make_unique<CompiledBundle>(fixture::compiled(next));
  decider_ = std::make_unique<Decider>(*compiled_);
  apply(activate_record(next, compiled_->hash(), state_, now_.time));
  EXPECT_EQ(ask(mint(1'000'000)).known, nullptr);
  EXPECT_EQ(wants(ask(mint(1'000'000))), "2 of treasury; ");
  EXPECT_EQ(state_.windows().size(), 0u);
  EXPECT_EQ(vote("bob", "treasury").code(), Code::kNotFound);
}

TEST_F(DecideTest, WaitingIsCountedFromTheOpening) {
  use("@id(\"a\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.waitedHours >= 4 };");
  reserve(mint(5));
  wait(4);
  now_.time = model::LedgerMs(now_.time.get() - 1);
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kPending);
  now_.time = model::LedgerMs(now_.time.get() + 1);
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kAllow);
}

// H1: a clock that goes back brings nothing back.
TEST_F(DecideTest, EarlierTimesCountAsTheLatest) {
  use("@id(\"a\") permit (principal, action == Action::\"mint\", resource) when { context.hour >= 10 };");
  ASSERT_EQ(ask(mint(5)).outcome, Outcome::kAllow);
  now_.time = at("2026-11-24T03:00:00Z");
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kAllow);
  EXPECT_EQ(ask(mint(5)).time, at("2026-11-24T10:00:00Z"));
}

TEST_F(DecideTest, AListedAddressHasAnOwnerAndAnAgeUntilItExpires) {
  use("@id(\"w\") permit (principal, action == Action::\"withdraw\", resource) when "
      "{ context.payee.listed && context.payee.listedHours >= 48 && context.payee.owner == \"Old Broker "
      "plc\" };"
      "@id(\"p\") permit (principal, action == Action::\"payout\", resource);");
  EXPECT_EQ(ask(payout({{"old-broker", 5}})).outcome, Outcome::kAllow);
  EXPECT_EQ(ask(payout({{"exchange-one", 5}})).outcome, Outcome::kDeny);
  EXPECT_EQ(ask(payout({{"nobody", 5}})).outcome, Outcome::kDeny);
  now_.time = at("2026-11-27T00:00:00Z");
  EXPECT_EQ(ask(payout({{"old-broker", 5}})).outcome, Outcome::kDeny);
}

TEST_F(DecideTest, AScriptWithoutAnAddressIsDenied) {
  use("@id(\"all\") permit (principal, action, resource);");
  model::IntentFacts facts = payout({{"a", 5}});
  facts.payees[0].script = {0x6a, 0x01, 0x02};
  EXPECT_EQ(ask(facts).rule, "policy.address");
}

TEST_F(DecideTest, WhatTheSchemaDoesNotDeclareIsDenied) {
  bundle::Bundle bundle = fixture::bundle_with(kMintAnything);
  bundle.schema = to_bytes(
      "entity Gateway; entity Wallet; action mint appliesTo { principal: Gateway, resource: Wallet };");
  use(bundle);
  EXPECT_EQ(ask(mint(5)).outcome, Outcome::kAllow);
  EXPECT_EQ(ask(payout({{"a", 5}})).rule, "policy.action");
  model::IntentFacts ltc = mint(5);
  ltc.currency = model::CurrencyId(3);
  EXPECT_EQ(ask(ltc).rule, "policy.currency");
  EXPECT_EQ(ask(mint(0)).rule, "policy.amount");
}

// Neither ballots, which cost an operator nothing, nor one gateway's deposits take the places of payouts.
TEST_F(DecideTest, AFullTableOfRequestsDeniesAndPayoutsHavePlacesOfTheirOwn) {
  use("@id(\"a\") permit (principal, action, resource) when { context.approvals.treasury >= 1 };");
  model::IntentFacts governance;
  governance.kind = model::IntentKind::kProposalTx;
  for (std::size_t i = 0; i < kMaxGovernanceRequests; ++i) {
    governance.action = to_bytes("proposal " + std::to_string(i));
    reserve(governance);
  }
  EXPECT_EQ(ask(governance).outcome, Outcome::kPending);
  governance.kind = model::IntentKind::kBallot;
  governance.action = to_bytes("register gateway gary");
  EXPECT_EQ(ask(governance).rule, "policy.requests_full");
  const auto subject_of = [](std::size_t i) { return crypto::sha256(as_bytes(std::to_string(i))); };
  model::IntentFacts deposit = mint(1);
  for (std::size_t i = 0; i < kMaxMintRequests; ++i) {
    deposit.subject = subject_of(i);
    reserve(deposit);
  }
  deposit.subject = subject_of(kMaxMintRequests);
  EXPECT_EQ(ask(deposit).rule, "policy.requests_full");
  model::IntentFacts slot = payout({{"a", 1}});
  for (std::size_t i = kMaxMintRequests + kMaxGovernanceRequests; i < kMaxRequests; ++i) {
    slot.subject = subject_of(kMaxRequests + i);
    slot.slot = model::SlotId(i);
    reserve(slot);
  }
  slot.subject = subject_of(3 * kMaxRequests);
  EXPECT_EQ(ask(slot).rule, "policy.requests_full");
  state_.advance(model::LedgerMs(now_.time.get() + kHourMs * compiled_->bundle().pending_expiry_hours));
  for (const model::IntentFacts& facts : {deposit, slot}) EXPECT_EQ(ask(facts).outcome, Outcome::kPending);
}

TEST_F(DecideTest, WhatCedarSeesConformsToTheSchema) {
  use(fixture::example_bundle());
  state_prices(60'000, 90);
  model::IntentFacts ballot;
  ballot.kind = model::IntentKind::kBallot;
  ballot.action = to_bytes("anything");
  model::IntentFacts proposal;
  proposal.kind = model::IntentKind::kProposalTx;
  proposal.action = to_bytes("anything");
  const cedar::Schema& schema = compiled_->schema();
  for (const model::IntentFacts& facts :
       {mint(5), payout({{"exchange-one", 7}, {"nobody", 8}}), ballot, proposal}) {
    const Decision& decision = ask(facts);
    ASSERT_FALSE(decision.parts().empty());
    for (const PartDecision& part : decision.parts()) {
      const cedar::Request* request = decider_->rebuild(part, state_);
      ASSERT_NE(request, nullptr);
      const Status valid = cedar::validate_request(*request, schema);
      EXPECT_TRUE(valid.ok()) << valid.to_string();
      for (const cedar::EntityUid& uid : {request->principal, request->action, request->resource}) {
        const cedar::Entity* entity = decider_->entities().find(uid);
        ASSERT_NE(entity, nullptr) << cedar::to_string(uid);
        const Status conforms = cedar::validate_entity(*entity, schema);
        EXPECT_TRUE(conforms.ok()) << conforms.to_string();
      }
    }
  }
}

// An approver whose time is over between the signature and a fee bump: another may take his place.
TEST_F(DecideTest, WhatWasCommittedCanBeApprovedAgain) {
  use(kTwoOfTreasury);
  now_.time = at("2026-11-27T23:00:00Z");
  reserve(mint(1'000'000));
  ASSERT_TRUE(vote("frank", "treasury").ok());
  ASSERT_TRUE(vote("alice", "treasury").ok());
  commit(mint(1'000'000));
  now_.time = at("2026-11-28T00:00:00Z");
  EXPECT_EQ(ask(mint(1'000'000)).outcome, Outcome::kPending);
  ASSERT_TRUE(vote("bob", "treasury").ok());
  EXPECT_EQ(ask(mint(1'000'000)).outcome, Outcome::kAllow);
  ASSERT_TRUE(vote("carol", "compliance", render::Vote::kReject).ok());
  EXPECT_EQ(ask(mint(1'000'000)).rule, "policy.rejected");
  EXPECT_EQ(state_.windows().size(), 1u);  // it was signed
}

TEST_F(DecideTest, NothingIsAllocatedOnceWarm) {
  use(fixture::example_bundle());
  state_prices(60'000, 90);
  for (std::uint8_t i = 0; i < 20; ++i) commit(mint(1'000'000, i));
  const model::IntentFacts deposit = mint(10'000'000, 100);
  const model::IntentFacts plan = payout({{"exchange-one", 10'000'000}, {"acme-treasury", 100'000}}, 100);
  const model::IntentFacts too_much = payout({{"exchange-one", 2'000'000'000}}, 101);
  const auto allocated = [&](const model::IntentFacts& facts, Outcome outcome) {
    ask(facts);
    const std::size_t before = cedar::allocation_count();
    const Decision& decision = ask(facts);
    EXPECT_EQ(decision.outcome, outcome) << decision.rule;
    return cedar::allocation_count() - before;
  };
  allocated(plan, Outcome::kAllow);
  EXPECT_EQ(allocated(deposit, Outcome::kAllow), 0u);
  EXPECT_EQ(allocated(plan, Outcome::kAllow), 0u);
  EXPECT_EQ(allocated(too_much, Outcome::kDeny), 0u);
}

TEST_F(DecideTest, ABundleThatCannotBeUsedSaysWhy) {
  const auto problem = [](const bundle::Bundle& bundle) {
    const auto compiled = CompiledBundle::compile(bundle, fixture::network());
    return compiled.ok() ? std::string("none") : compiled.status().to_string();
  };
  EXPECT_EQ(problem(fixture::example_bundle()), "none");
  bundle::Bundle bundle = fixture::bundle_with(
      "@id(\"a\") permit (principal, action == Action::\"mint\", resource) when { context.amonut > 5 };");
  EXPECT_NE(problem(bundle).find("policies: line 3, column"), std::string::npos) << problem(bundle);
  bundle = fixture::bundle_with(
      "@id(\"a\") permit (principal, action == Action::\"mint\", resource) when "
      "{ context.waitedHours >= 24 };");
  EXPECT_NE(problem(bundle).find("waits for 24 hours"), std::string::npos) << problem(bundle);
  bundle = fixture::example_bundle();
  bundle.member = model::MemberId(3);
  EXPECT_NE(problem(bundle).find("member 3"), std::string::npos) << problem(bundle);
  bundle = fixture::example_bundle();
  bundle.units[0].decimals = 9;
  EXPECT_NE(problem(bundle).find("unit BTC: 9 decimals"), std::string::npos) << problem(bundle);
  bundle = fixture::example_bundle();
  bundle.allow_list.back().address = to_bytes(fixture::address_of("exchange-one", "BTC"));
  EXPECT_NE(problem(bundle).find("allow-list entry bc1"), std::string::npos) << problem(bundle);
}

// Design section 8.5: the principal is the officer who asks.
class AskTest : public DecideTest {
 protected:
  static model::IntentFacts ballot(bool approve = true) {
    model::IntentFacts out;
    out.kind = model::IntentKind::kBallot;
    out.proposal = model::TxId(crypto::sha256(as_bytes("a proposal")).array());
    out.approve = approve;
    out.action = to_bytes("register gateway gary");
    out.subject = render::ballot_subject(out.proposal);
    return out;
  }
  // Ballots over a schema in which they have this principal.
  void use_principal(const std::string& principal) {
    bundle::Bundle bundle =
        fixture::bundle_with("@id(\"all\") permit(principal, action == Action::\"ballot\", resource);");
    bundle.schema = to_bytes(
        "entity Group; entity Ledger; entity Member; entity Officer in [Group];"
        "action ballot appliesTo { principal: " +
        principal + ", resource: Ledger, context: { height: Long } };");
    use(std::move(bundle));
  }
};

TEST_F(AskTest, ABallotsPolicyReadsWhatIsVotedOn) {
  use("@id(\"gary\") permit(principal, action == Action::\"ballot\", resource) when "
      "{ context.proposal like \"register gateway gary*\" };");
  model::IntentFacts other = ballot();
  other.action = to_bytes("register gateway mallory");
  EXPECT_EQ(ask(ballot()).outcome, Outcome::kAllow);
  EXPECT_EQ(ask(other).rule, "policy.no_permit");
}

TEST_F(AskTest, AnOfficerIsThePrincipalAndInHisGroups) {
  use("@id(\"treasury\") permit(principal in Group::\"treasury\", action == Action::\"ballot\", resource);"
      "@id(\"carol\") permit(principal == Officer::\"carol\", action == Action::\"ballot\", resource) when "
      "{ !context.approve };");
  EXPECT_EQ(ask(ballot(), "alice").outcome, Outcome::kAllow);
  EXPECT_EQ(ask(ballot(), "frank").outcome, Outcome::kAllow) << "of two groups";
  EXPECT_EQ(ask(ballot(), "carol").rule, "policy.no_permit");
  EXPECT_EQ(ask(ballot(false), "carol").outcome, Outcome::kAllow);
  EXPECT_EQ(ask(ballot()).rule, "policy.no_permit") << "the operator is in no group";
}

TEST_F(AskTest, WhomTheSchemaDoesNotLetAskIsDenied) {
  use_principal("Member");
  EXPECT_EQ(ask(ballot()).outcome, Outcome::kAllow);
  EXPECT_EQ(ask(ballot(), "alice").rule, "policy.principal");
  EXPECT_EQ(ask(ballot(), "alice").reason, "the bundle's schema lets no Officer ask for the action ballot");
  state_ = EngineState();
  use_principal("[Officer]");
  EXPECT_EQ(ask(ballot()).rule, "policy.principal");
  EXPECT_EQ(ask(ballot(), "alice").outcome, Outcome::kAllow);
}

TEST_F(AskTest, B6_AnOfficerWhoIsUnknownOrNotValidAsksForNothing) {
  use("@id(\"all\") permit(principal, action == Action::\"ballot\", resource);");
  EXPECT_EQ(ask(ballot(), "mallory").rule, "policy.officer");
  now_.time = model::LedgerMs(at("2026-11-28T00:00:00Z").get() - 1);
  EXPECT_EQ(ask(ballot(), "frank").outcome, Outcome::kAllow);
  now_.time = at("2026-11-28T00:00:00Z");
  EXPECT_EQ(ask(ballot(), "frank").rule, "policy.officer");
}

TEST_F(AskTest, B5_WhatIsOpenStaysItsInitiatorsWhoeverAsksAgain) {
  use("@id(\"two\") permit(principal, action == Action::\"ballot\", resource) when "
      "{ context.approvals.treasury >= 2 };");
  reserve(ballot(), "alice");
  EXPECT_EQ(request_.initiator, to_bytes("alice"));
  EXPECT_EQ(vote("alice", "treasury").code(), Code::kRefused);
  EXPECT_EQ(ask(ballot(), "bob").rule, "policy.asked");
  ASSERT_TRUE(vote("bob", "treasury").ok());
  EXPECT_EQ(wants(ask(ballot())), "2 of treasury; ");
  ASSERT_TRUE(vote("dave", "treasury").ok());
  const Decision& decision = ask(ballot());  // the operator comes back for it
  EXPECT_EQ(decision.outcome, Outcome::kAllow);
  EXPECT_EQ(decision.initiator, to_bytes("alice"));
  EXPECT_EQ(decider_->commit_record(ballot(), decision)->initiator, to_bytes("alice"));
}

// An officer who could put his name beside what the operator has opened could approve what he asks for.
TEST_F(AskTest, B5_NobodyPutsHisNameBesideWhatTheOperatorOpened) {
  use("@id(\"two\") permit(principal, action == Action::\"ballot\", resource) when "
      "{ context.approvals.treasury >= 1 };");
  reserve(ballot());
  ASSERT_TRUE(vote("alice", "treasury").ok());
  EXPECT_EQ(ask(ballot(), "alice").rule, "policy.asked");
  EXPECT_EQ(ask(ballot()).outcome, Outcome::kAllow);
}

TEST_F(AskTest, MoneyHasItsGatewayForPrincipalWhoeverAsks) {
  use("@id(\"gateway\") permit(principal == Gateway::\"acme\", action == Action::\"mint\", resource);");
  EXPECT_EQ(ask(mint(1'000), "alice").outcome, Outcome::kAllow);
}

}  // namespace
}  // namespace custody::policy::engine
