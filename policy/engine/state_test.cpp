#include "policy/engine/state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "policy/engine/signer_test.h"
#include "policy/engine/simulate.h"

namespace custody::policy::engine {
namespace {

using fixture::at;
using fixture::Signer;

// A limit of a day that no approval can lift, and two tiers.
constexpr std::string_view kPolicies =
    "@id(\"small\") permit (principal, action, resource) when { context.amount <= 100 };"
    "@id(\"large\") permit (principal, action, resource) when { context.approvals.distinct >= 2 };"
    "@id(\"day\") forbid (principal, action in [Action::\"mint\", Action::\"payout\"], resource) when "
    "{ context.windows.currency.amount24h > 1000 };";

bundle::Bundle money_bundle() {
  bundle::Bundle out = fixture::bundle_with(kPolicies);
  // Only actions that move money have amounts.
  const std::string schema(as_text(out.schema));
  out.schema = to_bytes(schema.substr(0, schema.find("action propose")));
  return out;
}

// Drives a signer at random, and keeps what really left or came in.
class RandomLife {
 public:
  explicit RandomLife(std::uint64_t seed)
      : random_(seed), signer_(money_bundle(), at("2026-11-02T00:00:00Z")) {}

  void step() {
    move_time();
    switch (pick(12)) {
      case 0:
        signer_.activate(money_bundle());
        open_.clear();
        break;
      case 1:
        signer_.freeze(pick(3) == 0 ? render::Freeze::kFreeze : render::Freeze::kUnfreeze, "LTC");
        break;
      case 2:
        release();
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        vote();
        break;
      default:
        ask();
    }
  }

  Signer& signer() { return signer_; }

 private:
  struct Moved {
    model::IntentKind kind;
    model::CurrencyId currency;
    Hash256 subject;
    std::uint64_t amount;
    model::LedgerMs time;
  };

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  void move_time() {
    const std::uint64_t steps[] = {0,           1, pick(60'000), pick(kHourMs), kHourMs, 24 * kHourMs - 1,
                                   24 * kHourMs};
    const std::uint64_t step = pick(3) == 0 ? steps[pick(7)] : pick(600'000);
    const std::uint64_t latest = signer_.state().latest().get();
    signer_.set_time(model::LedgerMs(pick(8) == 0 ? latest - step : latest + step));
  }

  model::IntentFacts facts() {
    model::IntentFacts out;
    const std::uint32_t subject = pick(60);
    std::mt19937_64 of_subject(subject);  // one deposit or slot is always the same
    out.kind = of_subject() % 2 == 0 ? model::IntentKind::kMint : model::IntentKind::kPayout;
    out.currency = model::CurrencyId(static_cast<std::uint16_t>(1 + of_subject() % 2));
    out.epoch = model::WalletEpoch(1);
    out.subject = crypto::sha256(Bytes{static_cast<std::uint8_t>(subject)});
    out.kyc_expiry = at("2028-01-01T00:00:00Z");
    out.reserve = model::Amount(1'000'000'000'000);
    const std::uint64_t unit = out.currency == model::CurrencyId(1) ? 100'000 : 1'000'000;
    std::uint64_t sum = 0;
    const bool mint = out.kind == model::IntentKind::kMint;
    for (std::uint64_t i = 0, count = mint ? 1 : 1 + of_subject() % 3; i < count; ++i) {
      const std::uint64_t amount = unit * (1 + of_subject() % 250);
      sum += amount;
      if (mint) break;
      out.payees.push_back({1 + i, model::GatewayId(1), to_bytes("acme"), out.kyc_expiry,
                            fixture::script_of("payee " + std::to_string(of_subject() % 3)),
                            model::Amount(amount), model::Amount(1'000)});
    }
    out.amount = model::Amount(sum);
    if (mint) {
      out.gateway = model::GatewayId(1);
      out.gateway_name = to_bytes("acme");
      out.deposit = {model::ExternalHash(out.subject.array()), 0};
    } else {
      out.slot = model::SlotId(subject + 1);
    }
    return out;
  }

  void ask() {
    const model::IntentFacts intent = facts();
    const Signer::Answer answer = signer_.ask(intent);
    if (answer.opened) open_.push_back(*answer.opened);
    if (answer.outcome != Outcome::kAllow) return;
    const auto before = std::ranges::find(moved_, intent.subject, &Moved::subject);
    const model::LedgerMs now = signer_.state().latest();
    // A week after, the windows have forgotten it, and it counts again.
    if (before != moved_.end() && now.get() - before->time.get() < kHourMs * 24 * 7) return;
    std::erase_if(moved_, [&](const Moved& moved) { return moved.subject == intent.subject; });
    moved_.push_back({intent.kind, intent.currency, intent.subject, intent.amount.get(), now});
    check_limit(intent, now);
  }

  // H3, B10: what was signed in the last 24 hours, wherever they begin, is within the limit of a day.
  void check_limit(const model::IntentFacts& intent, model::LedgerMs now) const {
    std::uint64_t sum = 0;
    for (const Moved& moved : moved_) {
      const bool counts = moved.kind == intent.kind && moved.currency == intent.currency &&
                          now.get() - moved.time.get() < 24 * kHourMs;
      if (counts) sum += moved.amount;
    }
    const std::uint64_t unit = intent.currency == model::CurrencyId(1) ? 100'000 : 1'000'000;
    EXPECT_LE(sum, 1'000 * unit);
  }

  void vote() {
    if (open_.empty()) return;
    constexpr std::string_view kOfficers[] = {"alice", "bob", "carol", "dave", "erin"};
    const std::string_view officer = kOfficers[pick(5)];
    const bool compliance = officer == "carol" || officer == "erin";
    const render::Vote said = pick(12) == 0 ? render::Vote::kReject : render::Vote::kApprove;
    // Refusals (expired, voted before, closed) are part of life.
    if (signer_
            .vote(open_[pick(static_cast<std::uint32_t>(open_.size()))], officer,
                  compliance ? "compliance" : "treasury", said)
            .ok()) {
      ++votes_;
    }
  }

  void release() {
    if (open_.empty()) return;
    const render::Terms& terms = open_[pick(static_cast<std::uint32_t>(open_.size()))].terms;
    signer_.release(render::terms_hash(terms), terms.subject, ReleaseCause::kWithdrawn);
  }

  std::mt19937_64 random_;
  Signer signer_;
  std::vector<render::Request> open_;
  std::vector<Moved> moved_;

 public:
  std::size_t votes_ = 0;
};

// A crash at any point: the state that the journal's records give is the state that there was.
TEST(EngineState, AReplayGivesTheLiveState) {
  std::size_t votes = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLife life(seed);
    for (int i = 0; i < 150; ++i) {
      life.step();
      if (i % 15 != 0) continue;
      EngineState replayed = life.signer().replayed(life.signer().records());
      replayed.advance(life.signer().state().latest());
      ASSERT_TRUE(replayed == life.signer().state());
    }
    votes += life.votes_;
  }
  EXPECT_GT(votes, 50u);
}

std::vector<ChangedVerdict> simulated(const Signer& signer, bundle::Bundle draft) {
  const CompiledBundle compiled = fixture::compiled(std::move(draft));
  Simulation simulation(compiled);
  std::vector<ChangedVerdict> out;
  for (const Record& record : signer.journal()) {
    auto changed = simulation.step(record);
    EXPECT_TRUE(changed.ok()) << changed.status().to_string();
    if (changed.ok() && *changed) out.push_back(**changed);
  }
  EXPECT_GT(simulation.judged(), 20u);
  return out;
}

// The policies that decided say the same again; others say what they change and nothing else.
TEST(Simulation, ListsTheVerdictsThatADraftChanges) {
  std::size_t changes = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLife life(seed);
    for (int i = 0; i < 150; ++i) life.step();
    const bundle::Bundle same = money_bundle();
    EXPECT_TRUE(simulated(life.signer(), same).empty());
    bundle::Bundle tighter = same;
    std::string policies(as_text(tighter.policies));
    policies.replace(policies.find("<= 100"), 6, "<= 50");
    tighter.policies = to_bytes(policies);
    for (const ChangedVerdict& changed : simulated(life.signer(), tighter)) {
      EXPECT_EQ(changed.before, Outcome::kAllow);
      EXPECT_EQ(changed.after, Outcome::kPending) << changed.explanation;
      ++changes;
    }
  }
  EXPECT_GT(changes, 5u);
}

// The past is judged as it was asked: an officer's ballot with him as principal and without his approval.
TEST(Simulation, JudgesWhatAnOfficerAskedForAsHis) {
  const auto bundle_of = [](std::string_view group) {
    return fixture::bundle_with(
        "@id(\"asked\") permit(principal in Group::\"" + std::string(group) +
        "\", action == Action::\"ballot\", resource) when { context.approvals.treasury >= 2 };"
        "@id(\"no\") permit(principal, action == Action::\"ballot\", resource) when { !context.approve };");
  };
  Signer signer(bundle_of("treasury"), at("2026-11-24T10:00:00Z"));
  const auto ballot = [](std::uint8_t proposal, bool approve) {
    model::IntentFacts out;
    out.kind = model::IntentKind::kBallot;
    out.action = to_bytes("register gateway gary");
    out.proposal.data()[0] = proposal;
    out.approve = approve;
    return out;
  };
  const auto opened = signer.ask(ballot(1, true), "alice").opened;
  ASSERT_TRUE(opened.has_value());
  ASSERT_TRUE(signer.vote(*opened, "bob", "treasury", render::Vote::kApprove).ok());
  ASSERT_TRUE(signer.vote(*opened, "dave", "treasury", render::Vote::kApprove).ok());
  EXPECT_EQ(signer.ask(ballot(1, true)).outcome, Outcome::kAllow);
  EXPECT_EQ(signer.ask(ballot(2, false), "carol").outcome, Outcome::kAllow);
  EXPECT_EQ(signer.ask(ballot(3, true), "carol").outcome, Outcome::kDeny);

  const auto changes = [&](const bundle::Bundle& draft) {
    const CompiledBundle compiled = fixture::compiled(draft);
    Simulation simulation(compiled);
    std::string out;
    for (const Record& record : signer.journal()) {
      const auto changed = simulation.step(record);
      EXPECT_TRUE(changed.ok()) << changed.status().to_string();
      if (changed.ok() && *changed) out += (*changed)->explanation;
    }
    EXPECT_EQ(simulation.judged(), 4u);
    return out;
  };
  EXPECT_EQ(changes(bundle_of("treasury")), "");
  const std::string others = changes(bundle_of("compliance"));
  EXPECT_NE(others.find("DENY (policy.no_permit"), std::string::npos) << "alice's";
  EXPECT_NE(others.find("PENDING (policy.pending"), std::string::npos) << "carol's";
  bundle::Bundle without = bundle_of("treasury");
  std::erase_if(without.officers, [](const bundle::Officer& one) { return as_text(one.name) == "carol"; });
  EXPECT_NE(changes(without).find("DENY (policy.officer"), std::string::npos);
}

TEST(EngineState, RecordsKeepEverythingThroughTheirBytes) {
  RandomLife life(99);
  for (int i = 0; i < 100; ++i) life.step();
  Signer& signer = life.signer();
  EXPECT_GT(signer.records(), 30u);
  EngineState half = signer.replayed(signer.records() / 2);
  EngineState whole = signer.replayed(signer.records());
  EXPECT_FALSE(half == whole);
}

TEST(EngineState, MalformedRecordsAreRefused) {
  const Bytes good = encode_record(WaitRecord{2, {}, model::LedgerMs(5), model::LedgerMs(6)});
  ASSERT_TRUE(decode_record(good).ok());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_record(ByteView(good).first(size)).ok()) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode_record(longer).ok());
}

TEST(EngineState, RecordsThatCannotFollowAreCorrupt) {
  EngineState state;
  const model::LedgerMs time = at("2026-11-02T00:00:00Z");
  ASSERT_TRUE(state.apply(ActivateRecord{3, {}, {}, time}).ok());
  const auto code = [&](const Record& record) { return state.apply(record).code(); };
  EXPECT_EQ(code(ActivateRecord{3, {}, {}, time}), Code::kCorrupt);  // B4
  EXPECT_EQ(code(ActivateRecord{2, {}, {}, time}), Code::kCorrupt);
  EXPECT_EQ(code(WaitRecord{3, {}, time, time}), Code::kCorrupt);
  EXPECT_EQ(code(ApprovalRecord{{}, time}), Code::kCorrupt);
  EXPECT_EQ(code(FreezeRecord{{}, time}), Code::kCorrupt);
  render::Request request;
  request.bundle = 2;
  request.opened = time;
  EXPECT_EQ(code(ReserveRecord{request, {}}), Code::kCorrupt);
  ASSERT_TRUE(state.apply(PriceRecord{{{}, {}, {}, 0, time, {}}, time}).ok());
  EXPECT_EQ(code(PriceRecord{{{}, {}, {}, 0, time, {}}, time}), Code::kCorrupt);
}

TEST(EngineState, ABundleWaitsAndComesIntoForce) {
  EngineState state;
  const model::LedgerMs time = at("2026-11-02T00:00:00Z");
  ASSERT_TRUE(state.apply(WaitRecord{1, {}, time, model::LedgerMs(time.get() + kHourMs)}).ok());
  ASSERT_TRUE(state.waiting().has_value());
  EXPECT_EQ(state.waiting()->bundle.version, 1u);
  EXPECT_EQ(state.apply(WaitRecord{1, {}, time, time}).code(), Code::kCorrupt);  // B4
  ASSERT_TRUE(state.apply(ActivateRecord{1, {}, {}, time}).ok());
  EXPECT_FALSE(state.waiting().has_value());
  EXPECT_EQ(state.active().version, 1u);
}

TEST(EngineState, WhatIsProvenNotToHaveHappenedCountsNoMore) {
  Signer signer(money_bundle(), at("2026-11-02T00:00:00Z"));
  model::IntentFacts mint;
  mint.kind = model::IntentKind::kMint;
  mint.currency = model::CurrencyId(1);
  mint.epoch = model::WalletEpoch(1);
  mint.amount = model::Amount(100'000);
  mint.gateway_name = to_bytes("acme");
  mint.subject = crypto::sha256(Bytes{1});
  ASSERT_EQ(signer.ask(mint).outcome, Outcome::kAllow);
  signer.release({}, mint.subject, ReleaseCause::kWithdrawn);
  EXPECT_EQ(signer.state().windows().size(), 1u);
  signer.release({}, mint.subject, ReleaseCause::kSettledOtherwise);
  EXPECT_EQ(signer.state().windows().size(), 0u);
}

model::IntentFacts payout_to_old_broker() {
  model::IntentFacts facts;
  facts.kind = model::IntentKind::kPayout;
  facts.currency = model::CurrencyId(1);
  facts.epoch = model::WalletEpoch(1);
  facts.slot = model::SlotId(4);
  facts.amount = model::Amount(50'000'000);
  facts.subject = crypto::sha256(Bytes{4});
  facts.payees.push_back({1, model::GatewayId(1), to_bytes("acme"), at("2027-01-01T00:00:00Z"),
                          fixture::script_of("old-broker"), model::Amount(50'000'000), model::Amount(5)});
  return facts;
}

// Other terms for the same slot (here the payee's listing expires) take the place of the old request.
TEST(EngineState, ASlotHasOneOpenRequest) {
  Signer signer(money_bundle(), at("2026-11-26T12:00:00Z"));
  const model::IntentFacts facts = payout_to_old_broker();
  const auto first = signer.ask(facts);
  ASSERT_TRUE(first.opened.has_value()) << first.text;
  EXPECT_EQ(as_text(first.opened->terms.payments[0].owner), "Old Broker plc");
  signer.set_time(at("2026-11-27T00:00:00Z"));
  const auto second = signer.ask(facts);
  ASSERT_TRUE(second.opened.has_value()) << second.text;
  EXPECT_TRUE(second.opened->terms.payments[0].owner.empty());
  EXPECT_EQ(signer.state().requests().size(), 1u);
  EXPECT_EQ(signer.state().windows().size(), 1u);
  EXPECT_EQ(signer.vote(*first.opened, "alice", "treasury", render::Vote::kApprove).code(), Code::kNotFound);
}

// Nor does a rejection end because the slot's terms read differently later.
TEST(EngineState, ARejectionIsOfTheSlotWhateverItsTerms) {
  Signer signer(money_bundle(), at("2026-11-26T12:00:00Z"));
  const model::IntentFacts facts = payout_to_old_broker();
  const auto first = signer.ask(facts);
  ASSERT_TRUE(first.opened.has_value()) << first.text;
  ASSERT_TRUE(signer.vote(*first.opened, "carol", "compliance", render::Vote::kReject).ok());
  signer.set_time(at("2026-11-27T00:00:00Z"));
  EXPECT_EQ(signer.ask(facts).rule, "policy.rejected");
}

// The counting does not trust that verify_vote kept these out.
TEST(Approvals, CountOfficersOfTheBundleOnceAndNeverTheInitiator) {
  const bundle::ActiveBundle bundle = bundle::make_active(fixture::example_bundle());
  KnownRequest known;
  known.request.bundle = bundle.bundle.version;
  known.request.initiator = to_bytes("alice");
  known.request.opened = at("2026-11-24T10:00:00Z");
  for (const auto& [officer, group] :
       std::vector<std::pair<std::string, std::string>>{{"alice", "treasury"},
                                                        {"bob", "treasury"},
                                                        {"carol", "treasury"},
                                                        {"mallory", "treasury"},
                                                        {"frank", "compliance"}}) {
    known.votes.push_back({{}, render::Vote::kApprove, to_bytes(officer), to_bytes(group), {}});
  }
  const model::LedgerMs now = at("2026-11-24T12:59:59Z");
  EXPECT_EQ(count_approvals(&known, bundle, 1, now), (Approvals{{1, 1}, 2, 2}));
  EXPECT_EQ(count_approvals(&known, bundle, 1, at("2026-11-28T00:00:00Z")), (Approvals{{0, 1}, 1, 86}));
  EXPECT_EQ(count_approvals(nullptr, bundle, 1, now), Approvals());
  known.request.bundle = 7;
  EXPECT_EQ(count_approvals(&known, bundle, 1, now), Approvals());
}

TEST(Approvals, SaturatedAreAllWhoCouldSay) {
  const bundle::Bundle bundle = fixture::example_bundle();
  EXPECT_EQ(saturated_approvals({}, bundle, at("2026-11-24T10:00:00Z")), (Approvals{{3, 4}, 6, INT64_MAX}));
  EXPECT_EQ(saturated_approvals(as_bytes("alice"), bundle, at("2026-11-28T00:00:00Z")),
            (Approvals{{2, 2}, 4, INT64_MAX}));
}

TEST(Prices, AStatementCountsOnceFreshAndSigned) {
  const bundle::Bundle bundle = fixture::example_bundle();
  const model::LedgerMs now = at("2026-11-24T10:00:00Z");
  PriceStatement statement{bundle.chain_id,
                           to_bytes("price-desk"),
                           to_bytes("USD"),
                           0,
                           now,
                           {{model::CurrencyId(1), 60'000}, {model::CurrencyId(2), 90}}};
  const auto verify = [&](const PriceStatement& stated, model::LedgerMs latest, model::LedgerMs at_time) {
    return verify_prices(stated, fixture::sign_as("price-desk", prices_digest(stated)), bundle, latest,
                         at_time)
        .code();
  };
  EXPECT_EQ(verify(statement, {}, now), Code::kOk);
  EXPECT_EQ(verify(statement, now, now), Code::kExists);
  EXPECT_EQ(verify(statement, {}, model::LedgerMs(now.get() - 1)), Code::kRefused);
  EXPECT_EQ(verify(statement, {}, model::LedgerMs(now.get() + kHourMs)), Code::kOk);
  EXPECT_EQ(verify(statement, {}, model::LedgerMs(now.get() + kHourMs + 1)), Code::kRefused);
  EXPECT_EQ(
      verify_prices(statement, fixture::sign_as("alice", prices_digest(statement)), bundle, {}, now).code(),
      Code::kUnauthenticated);
  const auto changed = [&](auto change) {
    PriceStatement other = statement;
    change(other);
    return verify(other, {}, now);
  };
  EXPECT_EQ(changed([](PriceStatement& s) { s.chain_id = {}; }), Code::kRefused);
  EXPECT_EQ(changed([](PriceStatement& s) { s.unit = to_bytes("EUR"); }), Code::kRefused);
  EXPECT_EQ(changed([](PriceStatement& s) { s.decimals = 2; }), Code::kRefused);
  EXPECT_EQ(changed([](PriceStatement& s) { s.prices[0].price = 0; }), Code::kInvalid);
  EXPECT_EQ(changed([](PriceStatement& s) { s.prices.clear(); }), Code::kInvalid);
  EXPECT_EQ(changed([](PriceStatement& s) { s.prices[1].currency = model::CurrencyId(1); }), Code::kInvalid);
}

}  // namespace
}  // namespace custody::policy::engine
