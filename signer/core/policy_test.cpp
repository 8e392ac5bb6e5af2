// The officers' side of the signer, from the request of a node to the signature: abuse cases B1 to B11 where
// the signer itself stands against them.
#include <gtest/gtest.h>

#include <functional>

#include "policy/cedar/format.h"
#include "signer/core/policy_fixture_test.h"

namespace custody::signer::core {
namespace {

TEST_F(PolicyTest, ARedemptionWaitsForTwoOfficersAndIsThenSigned) {
  const auto plan = large();
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  EXPECT_TRUE(token_.asked.empty());
  EXPECT_EQ(expect_pending(ask(payouts_.intent(plan))), id) << "asked again, it is the same request";
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  EXPECT_EQ(expect_pending(ask(payouts_.intent(plan))), id);
  EXPECT_EQ(vote_on(id, "carol").code, 0);
  const auto reply = ask(payouts_.intent(plan));
  ASSERT_EQ(reply.code, 0) << as_text(reply.message);
  EXPECT_EQ(reply.signatures.size(), plan.inputs.size());
  EXPECT_FALSE(reply.pending.has_value());
  EXPECT_EQ(committed_digests(), token_.asked);
}

TEST_F(PolicyTest, WhatWaitsIsListedShownAndExplained) {
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  const Json list = question(model::PolicyQuestion::kRequests);
  ASSERT_EQ(list.find("requests")->items().size(), 1u);
  const Json& one = list.find("requests")->items().front();
  EXPECT_EQ(*one.string_at("request"), id.hex());
  EXPECT_EQ(*one.string_at("kind"), "payout");
  EXPECT_EQ(*one.string_at("status"), "open");
  EXPECT_EQ(*one.string_at("amount"), "0.00300000");
  EXPECT_EQ(*one.find("votes")->items().front().string_at("officer"), "alice");
  const Json& want = one.find("wants")->items().front().items().front();
  EXPECT_EQ(*want.string_at("group"), "treasury");
  EXPECT_EQ(*want.u64_at("count"), 2u);
  EXPECT_EQ(*want.u64_at("have"), 1u);
  EXPECT_EQ(policy::render::request_id(request(id)), id);
  const Json known = question(model::PolicyQuestion::kExplain);
  const std::string subject = *known.find("decisions")->items().front().string_at("subject");
  const Json why = question(model::PolicyQuestion::kExplain, *Hash256::from_hex(subject));
  EXPECT_EQ(*why.string_at("schema"), "custody.decision/1");
  EXPECT_EQ(*why.string_at("outcome"), "PENDING");
  // The first bundle, the reservation, the vote.
  const Json past = question(model::PolicyQuestion::kPast);
  EXPECT_EQ(past.find("records")->items().size(), 3u);
  EXPECT_EQ(*past.bool_at("complete"), true);
  EXPECT_EQ(question(model::PolicyQuestion::kPast, {}, 2 * kPiecesOfARecord).find("records")->items().size(),
            2u);
}

// An allow-list as long as may be: its record alone would not fit a reply.
TEST_F(PolicyTest, ALargeRecordOfThePastComesInPieces) {
  policy::bundle::Bundle bundle = policy_;
  tests::fill_allow_list(bundle, identity_.genesis);
  rebind(bundle);
  expect_pending(ask(payouts_.recorded(large())));
  const std::vector<Bytes> records = whole_past();
  ASSERT_EQ(records.size(), 2u);
  ASSERT_GT(records[0].size(), 2 * kMaxPiece);
  const auto first = engine::decode_record(records[0]);
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_EQ(std::get<engine::ActivateRecord>(*first).listed.size(), policy::bundle::kMaxAllowList);
  EXPECT_TRUE(std::holds_alternative<engine::ReserveRecord>(*engine::decode_record(records[1])));
}

TEST_F(PolicyTest, APlaceInThePastThatIsNotThereIsNamed) {
  const auto at = [&](std::uint64_t place) {
    return ask(model::PolicyQuery{model::PolicyQuestion::kPast, {}, place}, Caller::kOperator);
  };
  EXPECT_EQ(at(1'000 * kPiecesOfARecord).code, 0);  // nothing yet
  for (const std::uint64_t place : {1 * kPiecesOfARecord + 1, 1'000 * kPiecesOfARecord + 3, UINT64_MAX}) {
    const auto reply = at(place);
    EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kNotFound));
    EXPECT_NE(as_text(reply.message).find("record " + std::to_string(place / kPiecesOfARecord)),
              std::string::npos);
  }
}

TEST_F(PolicyTest, RequestsAndVotesSurviveARestart) {
  const auto plan = large();
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  directory_.crash();
  const engine::EngineState before = core_->memory().desk->state();
  restart();
  EXPECT_EQ(core_->memory().desk->state(), before);
  EXPECT_EQ(vote_on(id, "bob").code, 0);
  EXPECT_EQ(ask(payouts_.intent(plan)).code, 0);
}

// Before PENDING is answered the reservation is durable: design section 7.
TEST_F(PolicyTest, G3_ARequestThatWasToldOfIsKnownAfterAPowerCut) {
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  directory_.crash();
  restart();
  EXPECT_EQ(policy::render::request_id(request(id)), id);
  EXPECT_EQ(core_->memory().desk->state().windows().size(), 1u);
}

TEST_F(PolicyTest, B5_OneOfficerIsOneApprovalWhateverHeSigns) {
  const auto plan = large();
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  EXPECT_EQ(vote_on(id, "carol").code, 0);
  expect_code(vote_on(id, "carol"), Code::kExists);
  expect_code(vote_on(id, "carol", "compliance"), Code::kExists);
  expect_pending(ask(payouts_.intent(plan)));
}

TEST_F(PolicyTest, B7_AVoteOnAnotherRequestIsRefused) {
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  auto other = request(id);
  other.expires = model::LedgerMs(other.expires.get() + 1'000);
  expect_code(say(model::Statement::kVote, tests::sign_vote(other, "alice", "treasury")), Code::kNotFound);
  auto encoded = tests::sign_vote(request(id), "alice", "treasury");
  encoded.back() ^= 1;
  EXPECT_NE(say(model::Statement::kVote, encoded).code, 0);
  expect_code(say(model::Statement::kVote, Bytes(100, 0xff)), Code::kInvalid);
  EXPECT_EQ(core_->memory().desk->state().requests().all().begin()->second.votes.size(), 0u);
}

TEST_F(PolicyTest, OneRejectionRefusesAndGivesTheAmountBack) {
  const auto plan = large();
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  EXPECT_EQ(core_->memory().desk->state().windows().size(), 1u);
  EXPECT_EQ(vote_on(id, "bob", "treasury", Vote::kReject).code, 0);
  EXPECT_EQ(core_->memory().desk->state().windows().size(), 0u);
  expect_refused(ask(payouts_.intent(plan)), "policy.rejected");
  EXPECT_NE(vote_on(id, "alice").code, 0);
  restart();
  expect_refused(ask(payouts_.intent(plan)), "policy.rejected");
  EXPECT_TRUE(token_.asked.empty());
}

// Abuse case B6, by the ledger's time that the node shows.
TEST_F(PolicyTest, B6_ARequestExpiresWithTheLedgersTime) {
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  const auto late = tests::sign_vote(request(id), "alice", "treasury");
  ledger_.advance(24 * kHourMs);
  show_head();
  EXPECT_EQ(core_->memory().desk->state().requests().size(), 0u);
  expect_code(say(model::Statement::kVote, late), Code::kNotFound);
}

TEST_F(PolicyTest, H1_TheHeadThatWasShownSurvivesARestartAndNeverGoesBack) {
  const auto old = ledger_.evidence({});
  ledger_.advance(kHourMs);
  const model::LedgerMs shown = show_head();
  EXPECT_EQ(core_->state().head.time, shown);
  ASSERT_TRUE(core_->idle().ok());
  restart();
  EXPECT_EQ(core_->state().head.time, shown);
  EXPECT_EQ(core_->memory().desk->state().latest(), shown);
  expect_refused(ask(model::LedgerHeadIntent{old}), "guard.head");
  EXPECT_TRUE(token_.asked.empty());
}

// A node that shows the same head without end does not fill the journal with it.
TEST_F(PolicyTest, A4_AHeadThatIsKnownIsNotJournaledAgain) {
  const auto evidence = ledger_.evidence({});
  EXPECT_EQ(ask(model::LedgerHeadIntent{evidence}).code, 0);
  const std::uint64_t records = core_->memory().journal->next_sequence();
  EXPECT_EQ(ask(model::LedgerHeadIntent{evidence}).code, 0);
  EXPECT_EQ(core_->memory().journal->next_sequence(), records);
}

TEST_F(PolicyTest, C1_AHeadThatNoQuorumSignedIsRefused) {
  expect_refused(ask(model::LedgerHeadIntent{ledger_.evidence({}, {1, 2})}), "guard.evidence");
}

TEST_F(PolicyTest, ANewBundleComesIntoForceAfterItsDelayAndVoidsWhatWaits) {
  auto first = policy_;
  first.activation_delay_minutes = 60;
  rebind(first);
  const auto plan = large();
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  auto second = tests::next_policy(policy_);
  second.pending_expiry_hours = 12;
  EXPECT_EQ(say(model::Statement::kActivate, tests::sign_bundle(second, {"alice", "bob"})).code, 0);
  expect_code(say(model::Statement::kActivate, tests::sign_bundle(second, {"alice", "bob"})), Code::kExists);
  EXPECT_EQ(core_->memory().desk->state().active().version, 1u);
  directory_.crash();
  restart();
  ledger_.advance(kHourMs);
  show_head();
  EXPECT_EQ(core_->memory().desk->state().active().version, 2u);
  EXPECT_EQ(core_->memory().desk->active().bundle(), second);
  const Json status = question(model::PolicyQuestion::kBundle);
  EXPECT_EQ(*status.find("active")->u64_at("version"), 2u);
  EXPECT_EQ(status.find("versions")->items().size(), 2u);
  // Abuse case B2: what was approved under version 1 is asked anew.
  const Hash256 again = expect_pending(ask(payouts_.intent(plan)));
  EXPECT_NE(again, id);
  EXPECT_EQ(vote_on(again, "bob").code, 0);
  expect_pending(ask(payouts_.intent(plan)));
  restart();
  EXPECT_EQ(core_->memory().desk->state().active().version, 2u);
}

// Two versions that were both signed must not restart each other's delay.
TEST_F(PolicyTest, B4_WhatWaitsIsReplacedByAHigherVersionOnly) {
  auto first = policy_;
  first.activation_delay_minutes = 60;
  rebind(first);
  show_head();
  auto second = tests::next_policy(policy_);
  auto other = second;
  other.pending_expiry_hours = 12;
  const Bytes signed_second = tests::sign_bundle(second, {"alice", "bob"});
  EXPECT_EQ(say(model::Statement::kActivate, signed_second).code, 0);
  const auto refused = say(model::Statement::kActivate, tests::sign_bundle(other, {"alice", "bob"}));
  expect_code(refused, Code::kRefused);
  EXPECT_NE(as_text(refused.message).find("version 2 waits already"), std::string_view::npos);
  other.version = 3;
  EXPECT_EQ(say(model::Statement::kActivate, tests::sign_bundle(other, {"alice", "bob"})).code, 0);
  expect_code(say(model::Statement::kActivate, signed_second), Code::kRefused);
  EXPECT_EQ(core_->memory().desk->state().waiting()->bundle.version, 3u);
  ledger_.advance(kHourMs);
  show_head();
  EXPECT_EQ(core_->memory().desk->active().bundle(), other);
}

TEST_F(PolicyTest, B4_OlderForeignAndUnsignedBundlesLeaveTheActiveOneInForce) {
  show_head();
  const auto second = tests::next_policy(policy_);
  const auto refused_as = [&](const Bytes& body) {
    const auto reply = say(model::Statement::kActivate, body);
    EXPECT_NE(reply.code, 0);
    EXPECT_EQ(as_text(reply.rule), "policy.activate");
    EXPECT_EQ(core_->memory().desk->state().active().version, 1u);
    EXPECT_FALSE(core_->memory().desk->state().waiting().has_value());
  };
  refused_as(tests::sign_bundle(policy_, {"alice", "bob"}));  // the one in force
  refused_as(tests::sign_bundle(second, {"alice"}));
  refused_as(tests::sign_bundle(second, {}));
  auto wrong = second;
  wrong.version = 2 + policy::bundle::kMaxVersionStep;
  refused_as(tests::sign_bundle(wrong, {"alice", "bob"}));
  wrong = second;
  wrong.previous = Hash256();
  refused_as(tests::sign_bundle(wrong, {"alice", "bob"}));
  wrong = second;
  wrong.member = model::MemberId(3);
  refused_as(tests::sign_bundle(wrong, {"alice", "bob"}));
  wrong = second;
  wrong.policies = to_bytes("permit (principal, action, resource);\n");  // no @id: lint
  refused_as(tests::sign_bundle(wrong, {"alice", "bob"}));
  Bytes torn = tests::sign_bundle(second, {"alice", "bob"});
  torn.resize(torn.size() / 2);
  refused_as(torn);
  EXPECT_EQ(say(model::Statement::kActivate, tests::sign_bundle(second, {"alice", "bob"})).code, 0);
  EXPECT_EQ(core_->memory().desk->state().active().version, 2u) << "no delay";
  EXPECT_NE(say(model::Statement::kActivate, tests::sign_bundle(second, {"alice", "bob"})).code, 0);
}

// Whoever signed it: a bundle that is malformed is refused by what is wrong, where, and the one in force
// stays.
TEST_F(PolicyTest, B3_AMalformedBundleIsRefusedByPlaceAndTheActiveOneStays) {
  show_head();
  const auto refused = [&](const std::function<void(policy::bundle::Bundle&)>& change, std::string_view what,
                           std::string_view where) {
    auto bad = tests::next_policy(policy_);
    change(bad);
    const auto reply = say(model::Statement::kActivate, tests::sign_bundle(bad, {"alice", "bob"}));
    const std::string why(as_text(reply.message));
    EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kInvalid)) << why;
    EXPECT_NE(why.find(what), std::string::npos) << why;
    EXPECT_NE(why.find(where), std::string::npos) << why;
    EXPECT_EQ(core_->memory().desk->state().active().hash, policy::bundle::bundle_hash(policy_));
    EXPECT_FALSE(core_->memory().desk->state().waiting().has_value());
  };
  using Bundle = policy::bundle::Bundle;
  refused([](Bundle& b) { b.policies = to_bytes("permit (principal,\naction resource);\n"); }, "policies",
          "line 2, column 8");
  refused([](Bundle& b) { b.schema = to_bytes("entity A;\nentity ;\n"); }, "schema", "line 2, column 8");
  refused([](Bundle& b) { b.schema = to_bytes("entity A in [B];\n"); }, "schema", "B");
  refused(
      [](Bundle& b) {
        const auto text =
            policy::cedar::format_policies("@id(\"odd\") permit (principal is Nobody, action, resource);");
        b.policies = to_bytes(*text);
      },
      "policies: line 2, column 9: odd", "Nobody");
  refused([](Bundle& b) { b.officers[0].key = Bytes(33, 0xff); }, "officer", "alice");
  refused([](Bundle& b) { b.activation.group = to_bytes("nobody"); }, "activation", "nobody");
  refused([](Bundle& b) { b.units[0].currency = to_bytes("XYZ"); }, "unit", "XYZ");
  refused(
      [](Bundle& b) {
        b.allow_list = {{b.units[0].currency, to_bytes("nowhere"), to_bytes("owner"), to_bytes("a test"),
                         policy::render::kMaxTime}};
      },
      "allow", "nowhere");
  EXPECT_EQ(
      say(model::Statement::kActivate, tests::sign_bundle(tests::next_policy(policy_), {"alice", "bob"}))
          .code,
      0);
}

TEST_F(PolicyTest, EveryTruncationOfAStatementIsRefusedAndChangesNothing) {
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  const auto before = core_->memory().desk->state();
  const auto refused = [&](model::Statement what, const Bytes& whole, std::size_t step) {
    for (std::size_t size = 0; size < whole.size(); size += step) {
      const auto reply = say(what, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      EXPECT_NE(reply.code, 0) << size;
      EXPECT_FALSE(reply.message.empty()) << size;
    }
    EXPECT_EQ(core_->memory().desk->state(), before);
  };
  refused(model::Statement::kVote, tests::sign_vote(request(id), "alice", "treasury"), 1);
  refused(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 1), {"carol"}), 1);
  const Bytes bundle = tests::sign_bundle(tests::next_policy(policy_), {"alice", "bob"});
  refused(model::Statement::kActivate, bundle, bundle.size() / 97);
  EXPECT_EQ(say(model::Statement::kVote, tests::sign_vote(request(id), "alice", "treasury")).code, 0);
}

// Abuse case B11.
TEST_F(PolicyTest, B11_OneOfficerFreezesAtOnceAndTwoEndIt) {
  show_head();
  const auto plan = payouts_.derive(1, {3}, {1});  // 250,000
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  EXPECT_EQ(vote_on(id, "bob").code, 0);
  EXPECT_EQ(say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 1), {"carol"})).code, 0);
  expect_refused(ask(payouts_.intent(plan)), "policy.frozen");
  expect_refused(ask(ballot(true), Caller::kOperator), "policy.frozen");
  EXPECT_EQ(ask(vote(5, 0, 1)).code, 0) << "votes go on";
  directory_.crash();
  restart();
  expect_refused(ask(payouts_.intent(plan)), "policy.frozen");
  expect_code(say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 1), {"carol"})),
              Code::kExists);
  EXPECT_NE(say(model::Statement::kUnfreeze, tests::sign_order(order(Freeze::kUnfreeze, 2), {"alice"})).code,
            0);
  EXPECT_NE(
      say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kUnfreeze, 2), {"alice", "bob"})).code,
      0);
  expect_refused(ask(payouts_.intent(plan)), "policy.frozen");
  EXPECT_EQ(
      say(model::Statement::kUnfreeze, tests::sign_order(order(Freeze::kUnfreeze, 2), {"alice", "bob"})).code,
      0);
  EXPECT_EQ(ask(payouts_.intent(plan)).code, 0);
}

// Else the quorum that puts versions in force could end a freeze: by a version that makes it the one for
// that.
TEST_F(PolicyTest, B11_AFreezeHoldsBackTheNextVersionUntilItsEnd) {
  auto first = policy_;
  first.activation_delay_minutes = 60;
  rebind(first);
  show_head();
  const auto second = tests::next_policy(policy_);
  EXPECT_EQ(say(model::Statement::kActivate, tests::sign_bundle(second, {"alice", "bob"})).code, 0);
  EXPECT_EQ(say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 1), {"carol"})).code, 0);
  ledger_.advance(kHourMs);
  show_head();
  EXPECT_EQ(core_->memory().desk->active().bundle().version, policy_.version);
  directory_.crash();
  restart();
  show_head();
  EXPECT_EQ(core_->memory().desk->active().bundle().version, policy_.version);
  EXPECT_EQ(
      say(model::Statement::kUnfreeze, tests::sign_order(order(Freeze::kUnfreeze, 2), {"alice", "bob"})).code,
      0);
  EXPECT_EQ(core_->memory().desk->active().bundle().version, second.version)
      << "nobody can freeze in between";
}

// Thirteen hours pass on this machine, and the node shows one block of them. What officers say now would be
// judged as of thirteen hours ago: by officers who have expired since, and with all the waiting still to
// come.
TEST_F(PolicyTest, H1_OnAStaleHeadNothingButAFreezeIsTaken) {
  core_->observe(MonotonicMs{0});
  show_head();
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  core_->observe(MonotonicMs{13 * kHourMs});
  ledger_.advance(10'000);
  show_head();
  expect_refused(vote_on(id, "alice"), "signer.stale_head");
  const auto second = tests::next_policy(policy_);
  const Bytes activation = tests::sign_bundle(second, {"alice", "bob"});
  expect_refused(say(model::Statement::kActivate, activation), "signer.stale_head");
  expect_refused(ask(ballot(true), Caller::kOperator), "signer.stale_head");
  expect_refused(ask(payouts_.recorded(payouts_.derive(2, {2}, {2}))), "signer.stale_head");
  EXPECT_EQ(say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 1), {"carol"})).code, 0);
  const Bytes end = tests::sign_order(order(Freeze::kUnfreeze, 2), {"alice", "bob"});
  expect_refused(say(model::Statement::kUnfreeze, end), "signer.stale_head");
  EXPECT_FALSE(core_->memory().desk->state().waiting().has_value());
  ledger_.advance(13 * kHourMs);
  show_head();
  const Bytes later = tests::sign_order(order(Freeze::kUnfreeze, 2), {"alice", "bob"});
  EXPECT_EQ(say(model::Statement::kUnfreeze, later).code, 0);
  EXPECT_EQ(say(model::Statement::kActivate, activation).code, 0);
}

TEST_F(PolicyTest, B11_AFreezeSaysWhoOrderedItWhyAndWhenAlsoAfterARestart) {
  show_head();
  auto one = order(Freeze::kFreeze, 1);
  one.currency = to_bytes("BTC");
  one.reason = to_bytes("a stolen key");
  EXPECT_EQ(say(model::Statement::kFreeze, tests::sign_order(one, {"carol"})).code, 0);
  EXPECT_EQ(say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 2), {"alice"})).code, 0);
  const std::string time = policy::render::time_text(core_->state().head.time);
  const std::string expected =
      R"([{"what":"everything","officer":"alice","reason":"a drill","time":")" + time +
      R"("},{"what":"BTC","officer":"carol","reason":"a stolen key","time":")" + time + R"("}])";
  EXPECT_EQ(question(model::PolicyQuestion::kBundle).find("freezes")->dump(), expected);
  directory_.crash();
  restart();
  EXPECT_EQ(question(model::PolicyQuestion::kBundle).find("freezes")->dump(), expected);
  const auto refused = ask(payouts_.recorded(large()));
  expect_refused(refused, "policy.frozen");
  EXPECT_NE(as_text(refused.message).find("officer alice has frozen everything at " + time + ": a drill"),
            std::string::npos)
      << as_text(refused.message);
  EXPECT_EQ(
      say(model::Statement::kUnfreeze, tests::sign_order(order(Freeze::kUnfreeze, 3), {"alice", "bob"})).code,
      0);
  EXPECT_EQ(question(model::PolicyQuestion::kBundle).find("freezes")->dump(), "[]");
}

// `simulate` rebuilds the state from the records that are kept: two currencies may be frozen for weeks.
TEST_F(PolicyTest, APastThatWasCutBeginsWithEveryFreezeInForce) {
  PolicyDesk& desk = *core_->memory().desk;
  std::uint64_t counter = 0;
  const auto say_order = [&](Freeze what, std::string_view currency) {
    auto said = order(what, ++counter);
    said.currency = to_bytes(currency);
    EXPECT_TRUE(desk.apply(engine::FreezeRecord{said, desk.state().latest(), to_bytes("carol")}).ok());
  };
  for (const char* currency : {"BTC", "LTC", "DOGE"}) say_order(Freeze::kFreeze, currency);
  say_order(Freeze::kUnfreeze, "DOGE");
  engine::DeniedRecord denied;
  denied.facts.kind = model::IntentKind::kBallot;
  denied.rule = to_bytes("policy.no_permit");
  denied.time = desk.state().latest();
  for (std::size_t i = 0; i < kMaxPastRecords; ++i) ASSERT_TRUE(desk.apply(denied).ok());
  const Json past = question(model::PolicyQuestion::kPast);
  EXPECT_EQ(past.bool_at("complete").value(), false);
  engine::EngineState rebuilt;
  for (const Json& one : past.find("records")->items()) {
    ASSERT_TRUE(rebuilt.apply(*engine::decode_record(*from_base64(*one.as_string(), kMaxPiece))).ok());
  }
  EXPECT_EQ(rebuilt.freezes().in_force.size(), 2u);
  EXPECT_EQ(rebuilt.freezes().in_force, desk.state().freezes().in_force);
}

TEST_F(PolicyTest, AFreezeStopsAPayoutBetweenItsInputs) {
  show_head();
  const auto plan = payouts_.derive(1, {1}, {3, 4, 5});
  ASSERT_GT(plan.inputs.size(), 1u);
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  EXPECT_EQ(vote_on(id, "bob").code, 0);
  auto started = core_->start_job(Caller::kNode, encode(payouts_.intent(plan)));
  ASSERT_TRUE(std::holds_alternative<Job>(started));
  Job& job = std::get<Job>(started);
  EXPECT_FALSE(core_->continue_job(job).has_value());
  EXPECT_EQ(say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 1), {"carol"})).code, 0);
  const auto reply = core_->continue_job(job);
  ASSERT_TRUE(reply.has_value());
  expect_refused(*reply, "policy.frozen");
  EXPECT_EQ(token_.asked.size(), 1u);
}

TEST_F(PolicyTest, B11_AFreezeOfEverythingStopsABallotThatWasDecided) {
  rebind(tests::make_policy(identity_.genesis, identity_.chain_id, identity_.member, limits()));
  show_head();
  auto started = core_->start_job(Caller::kOperator, encode(ballot(true)));
  ASSERT_TRUE(std::holds_alternative<Job>(started));
  EXPECT_EQ(say(model::Statement::kFreeze, tests::sign_order(order(Freeze::kFreeze, 1), {"carol"})).code, 0);
  const auto reply = core_->continue_job(std::get<Job>(started));
  ASSERT_TRUE(reply.has_value());
  expect_refused(*reply, "policy.frozen");
  EXPECT_TRUE(token_.asked.empty());
}

// Abuse case G4: nobody is told that an officer's word counts before it is durable.
TEST_F(PolicyTest, G4_AFailedSyncOfAVoteStopsTheSigner) {
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  directory_.fail_next_sync();
  expect_code(vote_on(id, "alice"), Code::kIo);
  expect_code(ask(vote(5, 0, 1)), Code::kIo);
}

// A depositor can have very many things denied, again and again: each is one record, also after a restart.
TEST_F(PolicyTest, ADenialIsRecordedOnceAmongManyOthers) {
  rebind(tests::make_policy(identity_.genesis, identity_.chain_id, identity_.member, limits(), false, false));
  const auto records = [&] { return core_->memory().journal->next_sequence(); };
  const auto ask_all = [&] {
    constexpr std::size_t kSubjects = kMaxExplanations + 36;
    for (std::size_t i = 0; i < kSubjects; ++i) {
      const auto proposed = tests::proposed_gateway(identity_.chain_id, "gate-" + std::to_string(i));
      const auto one = tests::ballot_on(proposed, model::MemberId(2), true);
      expect_refused(ask(one, Caller::kOperator), "policy.no_permit");
    }
    return static_cast<std::uint64_t>(kSubjects);
  };
  const std::uint64_t before = records();
  const std::uint64_t after = before + ask_all();
  EXPECT_EQ(records(), after);
  ask_all();
  EXPECT_EQ(records(), after);
  restart();
  ask_all();
  EXPECT_EQ(records(), after);
  show_head();
  EXPECT_EQ(
      say(model::Statement::kActivate, tests::sign_bundle(tests::next_policy(policy_), {"alice", "bob"}))
          .code,
      0);
  const std::uint64_t second = records();
  ask_all();
  EXPECT_EQ(records(), second + after - before) << "under another bundle it is another denial";
}

// Explaining holds up what else must be decided, and a node asks again and again.
TEST_F(PolicyTest, ADenialThatIsAskedForAgainIsNotExplainedAnew) {
  rebind(tests::make_policy(identity_.genesis, identity_.chain_id, identity_.member, limits(), false, false));
  const auto explained_at = [&] {
    expect_refused(ask(ballot(true), Caller::kOperator), "policy.no_permit");
    const Json known = question(model::PolicyQuestion::kExplain);
    EXPECT_EQ(known.find("decisions")->items().size(), 1u);
    const auto subject = Hash256::from_hex(*known.find("decisions")->items().front().string_at("subject"));
    return *question(model::PolicyQuestion::kExplain, *subject).u64_at("height");
  };
  show_head();
  const std::uint64_t first = explained_at();
  ledger_.advance(1'000);
  show_head();
  EXPECT_EQ(explained_at(), first);
  ledger_.advance(kMaxExplanationAge);
  show_head();
  EXPECT_GT(explained_at(), first);
}

// A request that waits for a day is asked for every few seconds.
TEST_F(PolicyTest, WaitingCostsALeafOnlyWhenSomethingChanged) {
  const auto plan = large();
  const auto leaves = [&] { return core_->memory().audit->head().size; };
  const Hash256 id = expect_pending(ask(payouts_.recorded(plan)));
  const auto began = leaves();
  for (int i = 0; i < 5; ++i) expect_pending(ask(payouts_.intent(plan)));
  EXPECT_EQ(leaves(), began);
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  for (int i = 0; i < 5; ++i) expect_pending(ask(payouts_.intent(plan)));
  EXPECT_EQ(leaves(), began + 2) << "the vote, and that one more is wanted";
}

TEST_F(PolicyTest, TheSameHeadAgainIsNotRemembered) {
  const auto head = ledger_.evidence({});
  EXPECT_EQ(ask(model::LedgerHeadIntent{head}).code, 0);
  const auto records = core_->memory().journal->next_sequence();
  EXPECT_EQ(ask(model::LedgerHeadIntent{head}).code, 0);
  EXPECT_EQ(core_->memory().journal->next_sequence(), records);
}

// Every answered statement has its leaf: design section 7.
TEST_F(PolicyTest, StatementsAndRefusalsAreAudited) {
  const Hash256 id = expect_pending(ask(payouts_.recorded(large())));
  const auto size = core_->memory().audit->head().size;
  EXPECT_EQ(vote_on(id, "alice").code, 0);
  EXPECT_NE(vote_on(id, "alice").code, 0);
  show_head();
  EXPECT_EQ(core_->memory().audit->head().size, size + 3);
}

// From a request to a signature, a new bundle and a freeze; the power may go at any point of it.
class PowerCutTest : public PolicyTest {
 protected:
  PowerCutTest() {
    const auto second = tests::next_policy(policy_);
    bundle_ = tests::sign_bundle(second, {"alice", "bob"});
    auto frozen = order(Freeze::kFreeze, 1);
    frozen.bundle = second.version;
    frozen.bundle_hash = policy::bundle::bundle_hash(second);
    freeze_ = tests::sign_order(frozen, {"carol"});
  }
  // What was answered with success.
  struct Said {
    bool opened = false;
    std::size_t votes = 0;
    bool activated = false;
    bool frozen = false;
  };
  Said live() {
    Said out;
    out.opened = ask(payout_).pending.has_value();
    if (!out.opened) return out;
    const auto opened = core_->memory().desk->state().requests().all().begin()->second.request;
    for (const char* officer : {"alice", "bob"}) {
      const Bytes vote = tests::sign_vote(opened, officer, "treasury");
      out.votes += say(model::Statement::kVote, vote).code == 0 ? 1 : 0;
    }
    ask(payout_);
    ask(head_);
    out.activated = say(model::Statement::kActivate, bundle_).code == 0;
    out.frozen = say(model::Statement::kFreeze, freeze_).code == 0;
    static_cast<void>(core_->idle());
    return out;
  }
  void begin_anew() {
    core_.reset();
    directory_.remove(audit::kFileName);
    directory_.tamper(journal::kFileName, pristine_);
    restart();
    token_.asked.clear();
  }
  void expect_remembered(const Said& said) {
    ask(head_);
    const engine::EngineState& state = core_->memory().desk->state();
    if (said.opened && state.active().version == 1) {
      ASSERT_EQ(state.requests().size(), 1u);
      EXPECT_GE(state.requests().all().begin()->second.votes.size(), said.votes);
    }
    EXPECT_TRUE(token_.asked.empty() || state.windows().size() == 1);
    EXPECT_TRUE(!said.activated || state.active().version == 2);
    EXPECT_TRUE(!said.frozen || policy::bundle::is_everything_frozen(state.freezes()));
    const auto committed = committed_digests();
    ASSERT_LE(token_.asked.size(), committed.size());
    EXPECT_TRUE(std::equal(token_.asked.begin(), token_.asked.end(), committed.begin()));
  }

  model::PayoutIntent payout_ = payouts_.recorded(large());
  model::LedgerHeadIntent head_{ledger_.evidence({})};
  Bytes pristine_ = directory_.content(journal::kFileName);
  Bytes bundle_;
  Bytes freeze_;
};

// Abuse case G3: what was answered is remembered, and no cut between two records stops the next start.
TEST_F(PowerCutTest, G3_ACutAtAnyOperationForgetsNothingThatOfficersSaid) {
  using Tear = tests::SimDirectory::Tear;
  for (const Tear tear : {Tear::kNothing, Tear::kPrefix, Tear::kAll}) {
    for (std::uint64_t operations = 0;; ++operations) {
      SCOPED_TRACE(operations);
      begin_anew();
      directory_.cut_power_after(operations);
      const Said said = live();
      const bool finished = !directory_.power_is_cut();
      core_.reset();
      directory_.crash(tear);
      restart();
      ASSERT_NE(core_, nullptr);
      expect_remembered(said);
      if (finished) {
        EXPECT_TRUE(said.votes == 2 && said.activated && said.frozen && !token_.asked.empty());
        break;
      }
      ASSERT_LT(operations, 1'000u);
    }
  }
}

// A record over the journal's limit would stop the signer for good: it comes again at every start.
TEST(RecordSizes, TheLargestRecordsFitTheJournalAndTheReplies) {
  engine::ActivateRecord activated{policy::bundle::kMaxVersion, {}, {}, policy::render::kMaxTime};
  activated.listed.assign(policy::bundle::kMaxAllowList,
                          {Bytes(policy::bundle::kMaxCode, 'X'), Bytes(policy::render::kMaxAddress, 'x'),
                           policy::render::kMaxTime});
  EXPECT_LE(engine::encode_record(activated).size(), journal::kMaxPayload);

  const Bytes name(policy::render::kMaxName, 'x');
  const model::Amount most(UINT64_MAX);
  engine::ReserveRecord reserved;
  reserved.request.terms.payments.assign(
      model::kGuardSlotBurns, {name, Bytes(policy::render::kMaxAddress, 'x'), name, most, most, UINT64_MAX});
  policy::render::Wants wants;
  wants.all_of.assign(policy::render::kMaxGroups + 2, {name, policy::render::kMaxWaitHours});
  reserved.request.wants.assign(policy::render::kMaxWants, wants);
  reserved.facts.payees.assign(model::kGuardSlotBurns,
                               {UINT64_MAX, model::GatewayId(UINT32_MAX), name, policy::render::kMaxTime,
                                Bytes(model::kMaxScript), most, most});
  const Bytes encoded = engine::encode_record(reserved);
  EXPECT_LE(encoded.size(), journal::kMaxPayload);
  EXPECT_LE(to_base64(encoded).size() + kMaxPage, model::kMaxDetail);
}

}  // namespace
}  // namespace custody::signer::core
