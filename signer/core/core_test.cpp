#include "signer/core/core.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "signer/core/fixture_test.h"
#include "signer/core/records.h"

namespace custody::signer::core {
namespace {

class CoreTest : public SignerFixture {};

TEST_F(CoreTest, AVoteIsJournaledSignedAndAudited) {
  const auto reply = ask(vote(5, 0, 1));
  ASSERT_EQ(reply.code, 0) << as_text(reply.message);
  EXPECT_EQ(reply.id, 42u);
  ASSERT_EQ(reply.signatures.size(), 1u);
  const Hash256 digest =
      proto::reader::vote_digest(ledger_.chain_id(), model::VoteType::kPrevote, model::Height(5),
                                 model::Round(0), model::BlockHash::from(Bytes(32, 1)).value());
  EXPECT_TRUE(crypto::verify(ledger_.keys(2).validator.public_key(), digest, reply.signatures[0]));
  EXPECT_EQ(token_.asked, std::vector<Hash256>{digest});
  EXPECT_EQ(core_->memory().audit->head().size, 1u);
}

// Order of design section 7: what the token is asked for is durable before it is asked.
TEST_F(CoreTest, TheCommitIsDurableBeforeTheTokenIsAsked) {
  std::uint64_t syncs = directory_.counters().syncs;
  token_.on_sign = [&](const Hash256&) {
    EXPECT_GT(directory_.counters().syncs, syncs);
    syncs = directory_.counters().syncs;
  };
  ask(vote(5, 0, 1));
  ask(vote(6, 0, 1));
  EXPECT_EQ(token_.asked.size(), 2u);
}

// Invariant 1, for jobs started together: one fdatasync serves all their COMMITs, and none is signed before
// it.
TEST_F(CoreTest, JobsStartedTogetherShareOneSyncBeforeTheToken) {
  std::vector<Job> jobs;
  const std::uint64_t syncs = directory_.counters().syncs;
  for (std::uint64_t height = 5; height <= 7; ++height) {
    auto started = core_->start_job(Caller::kNode, encode(vote(height, 0, 1)));
    ASSERT_TRUE(std::holds_alternative<Job>(started));
    jobs.push_back(std::get<Job>(std::move(started)));
  }
  EXPECT_EQ(directory_.counters().syncs, syncs);
  token_.on_sign = [&](const Hash256&) { EXPECT_EQ(directory_.counters().syncs, syncs + 1); };
  for (Job& job : jobs) EXPECT_EQ(core_->continue_job(job)->code, 0);
  EXPECT_EQ(token_.asked.size(), 3u);
}

TEST_F(CoreTest, G4_AFailedSyncLeavesNoneOfTheJobsStartedTogetherSigned) {
  auto first = core_->start_job(Caller::kNode, encode(vote(5, 0, 1)));
  auto second = core_->start_job(Caller::kNode, encode(vote(6, 0, 1)));
  directory_.fail_next_sync();
  for (auto* started : {&first, &second}) {
    const auto reply = core_->continue_job(std::get<Job>(*started));
    ASSERT_TRUE(reply.has_value());
    expect_code(*reply, Code::kIo);
    EXPECT_EQ(as_text(reply->rule), "signer.stopped");
  }
  EXPECT_TRUE(token_.asked.empty());
}

TEST_F(CoreTest, ARefusalHasALeafAndNoCallOfTheToken) {
  ask(vote(5, 0, 1));
  const model::GuardState before = core_->state();
  const auto size = core_->memory().audit->head().size;
  expect_refused(ask(vote(4, 0, 1)), "guard.watermark");
  expect_refused(ask(vote(5, 0, 2)), "guard.watermark");
  EXPECT_EQ(token_.asked.size(), 1u);
  EXPECT_EQ(core_->state(), before);
  EXPECT_EQ(core_->memory().audit->head().size, size + 2);
}

TEST_F(CoreTest, F2_TheSameVoteAgainIsTheSameSignatureWithoutTheToken) {
  const auto first = ask(vote(5, 0, 1));
  const auto again = ask(vote(5, 0, 1));
  EXPECT_EQ(again.signatures, first.signatures);
  EXPECT_EQ(token_.asked.size(), 1u);
}

// Table caller x intent: every cell.
TEST_F(CoreTest, A1_EachSocketAsksForItsOwnIntentsOnly) {
  const model::Intent intents[] = {model::ProposalIntent{},
                                   model::VoteIntent{},
                                   model::HeadIntent{},
                                   model::MintIntent{},
                                   model::PayoutIntent{},
                                   model::SlotSignatureIntent{},
                                   model::ProposalTxIntent{},
                                   model::BallotIntent{},
                                   model::StatusQuery{},
                                   model::LedgerHeadIntent{},
                                   model::StatementIntent{},
                                   model::PolicyQuery{},
                                   model::PolicyAttestationIntent{}};
  const bool node[] = {true, true, true, true, true, true, false, false, true, true, false, false, true};
  const bool operators[] = {false, false, false, false, false, false, true,
                            true,  true,  false, true,  true,  false};
  static_assert(std::size(intents) == std::variant_size_v<model::Intent>);
  for (std::size_t i = 0; i < std::size(intents); ++i) {
    EXPECT_EQ(may_ask(Caller::kNode, intents[i]), node[i]) << i;
    EXPECT_EQ(may_ask(Caller::kOperator, intents[i]), operators[i]) << i;
  }
  const auto reply = ask(vote(5, 0, 1), Caller::kOperator);
  EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kUnauthenticated));
  EXPECT_EQ(as_text(reply.rule), "signer.caller");
  expect_code(ask(ballot(true)), Code::kUnauthenticated);
  EXPECT_TRUE(token_.asked.empty());
}

TEST_F(CoreTest, F5_GarbageAndOversizeAreRefusedAndTheSignerGoesOn) {
  for (const Bytes& wrong : {Bytes(), Bytes(100, 0xff), Bytes{8, 0}, Bytes(model::kMaxEvidence + 1, 1)}) {
    const auto reply = core_->step(Caller::kNode, wrong);
    EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kInvalid));
    EXPECT_EQ(as_text(reply.rule), "signer.decode");
  }
  Bytes tail = encode(vote(5, 0, 1));
  tail.push_back(0);
  EXPECT_EQ(core_->step(Caller::kNode, tail).code, static_cast<std::uint8_t>(Code::kInvalid));
  EXPECT_TRUE(token_.asked.empty());
  EXPECT_EQ(ask(vote(5, 0, 1)).code, 0);
}

TEST_F(CoreTest, GovernanceGoesThroughPolicy) {
  EXPECT_EQ(ask(ballot(true), Caller::kOperator).code, 0);
  const model::ProposalTxIntent proposal{
      model::Height(10),
      1,
      {model::MemberId(2),
       model::RegisterGateway{to_bytes("gary"), model::Address::treasury(), model::LedgerMs(1)}}};
  expect_refused(ask(proposal, Caller::kOperator), "policy.no_permit");
  EXPECT_EQ(token_.asked.size(), 1u);
}

TEST_F(CoreTest, MoneyGoesThroughPolicyAndItsWindowCountsASlotOnce) {
  const auto plan = payouts_.derive(1, {1}, {1});
  const auto reply = ask(payouts_.recorded(plan));
  ASSERT_EQ(reply.code, 0) << as_text(reply.message);
  EXPECT_EQ(reply.signatures.size(), plan.inputs.size());
  EXPECT_EQ(ask(payouts_.intent(plan)).code, 0);
  EXPECT_EQ(core_->memory().desk->state().windows().size(), 1u);
  ledger_.advance();
  const auto large = payouts_.derive(2, {2}, {2});
  expect_refused(ask(payouts_.recorded(large)), "policy.no_permit");
  ledger_.advance();
  const auto next = payouts_.derive(3, {3}, {2});
  expect_refused(ask(payouts_.recorded(next)), "policy.no_permit");
  EXPECT_EQ(core_->state().slots.size(), 1u);
}

// Votes overtake; money-out yields between inputs.
TEST_F(CoreTest, VotesAreSignedBetweenTheInputsOfAPayout) {
  const auto plan = payouts_.derive(1, {1}, {3, 4, 5});
  ASSERT_GT(plan.inputs.size(), 1u);
  auto started = core_->start_job(Caller::kNode, encode(payouts_.recorded(plan)));
  ASSERT_TRUE(std::holds_alternative<Job>(started));
  Job& job = std::get<Job>(started);
  EXPECT_EQ(job.remaining(), plan.inputs.size());
  EXPECT_TRUE(token_.asked.empty());
  std::uint64_t height = 2;
  std::optional<model::SignReply> reply;
  while (!(reply = core_->continue_job(job))) EXPECT_EQ(ask(vote(height++, 0, 1)).code, 0);
  EXPECT_EQ(reply->signatures.size(), plan.inputs.size());
  EXPECT_EQ(token_.asked.size(), plan.inputs.size() + height - 2);
  const auto digests = *ledger::custody::payout_digests(ledger_.chain_id(), plan, ledger_.wallet());
  for (std::size_t i = 0; i < digests.size(); ++i) {
    EXPECT_TRUE(crypto::verify(ledger_.keys(2).seat.public_key(), digests[i], reply->signatures[i]));
  }
  restart();
  EXPECT_EQ(core_->state().slots.size(), 1u);
  EXPECT_EQ(core_->state().watermark.height, model::Height(height - 1));
}

TEST_F(CoreTest, UrgentAreVotesProposalsStatusAndFreezesOfSmallSize) {
  EXPECT_TRUE(is_urgent(encode(vote(1, 0, 1))));
  EXPECT_TRUE(is_urgent(encode(model::StatusQuery{})));
  EXPECT_TRUE(is_urgent(encode(model::StatementIntent{model::Statement::kFreeze, Bytes(300, 1)})));
  EXPECT_FALSE(is_urgent(encode(model::StatementIntent{model::Statement::kUnfreeze, Bytes(300, 1)})));
  EXPECT_FALSE(is_urgent(encode(ballot(true))));
  EXPECT_FALSE(is_urgent(Bytes(model::kMaxIntentHeader + 1, 0)));
}

// Abuse case A3: a token that dies mid-sign. The same message may be tried again, no other.
TEST_F(CoreTest, A3_AfterATokensFailureOnlyTheSameMessageMayBeTried) {
  token_.fail_next = outcome_unknown("the token went away");
  const auto reply = ask(vote(5, 0, 1));
  EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kOutcomeUnknown));
  EXPECT_EQ(as_text(reply.rule), "signer.token");
  EXPECT_TRUE(reply.signatures.empty());
  expect_refused(ask(vote(5, 0, 2)), "guard.watermark");
  EXPECT_EQ(ask(vote(5, 0, 1)).code, 0);
  EXPECT_EQ(token_.asked.size(), 2u);
  EXPECT_EQ(token_.asked[0], token_.asked[1]);
}

TEST_F(CoreTest, CallsOfTheTokenAreTheCommitsDigests) {
  ask(vote(5, 0, 1));
  ask(vote(5, 0, 1));
  ask(vote(4, 0, 1));
  ask(payouts_.recorded(payouts_.derive(1, {1}, {3, 4, 5})));
  ask(ballot(true), Caller::kOperator);
  EXPECT_EQ(committed_digests(), token_.asked);
  EXPECT_EQ(core_->state().counter, token_.asked.size());
}

// Abuse case G4: a failed fsync is final; status is still answered.
TEST_F(CoreTest, G4_AFailedSyncStopsAllSigningForGood) {
  ask(vote(5, 0, 1));
  directory_.fail_next_sync();
  for (int i = 0; i < 2; ++i) {
    const auto reply = ask(vote(6, 0, 1));
    EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kIo));
    EXPECT_EQ(as_text(reply.rule), "signer.stopped");
    EXPECT_NE(as_text(reply.message).find("restart custody-signerd"), std::string_view::npos);
  }
  EXPECT_EQ(token_.asked.size(), 1u);
  const auto status = Json::parse(as_text(ask(model::StatusQuery{}).detail), 8192);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(*status->bool_at("ok"), false);
  directory_.crash();
  restart();
  EXPECT_EQ(ask(vote(6, 0, 1)).code, 0);
}

TEST_F(CoreTest, G4_AFullDiskStopsAllSigning) {
  directory_.set_capacity(0);
  expect_code(ask(vote(5, 0, 1)), Code::kIo);
  EXPECT_TRUE(token_.asked.empty());
  directory_.set_capacity(std::nullopt);
  expect_code(ask(vote(6, 0, 1)), Code::kIo);
  EXPECT_TRUE(token_.asked.empty());
}

TEST_F(CoreTest, I2_ASignatureWithoutItsAuditLeafIsNotReleased) {
  token_.on_sign = [&](const Hash256&) { directory_.set_capacity(0); };
  const auto reply = ask(vote(5, 0, 1));
  EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kIo));
  EXPECT_TRUE(reply.signatures.empty());
}

TEST_F(CoreTest, StatusTellsTheOperatorWhereTheSignerStands) {
  ask(vote(5, 2, 1));
  const auto reply = ask(model::StatusQuery{}, Caller::kOperator);
  const auto status = Json::parse(as_text(reply.detail), 8192);
  ASSERT_TRUE(status.ok()) << status.status().to_string();
  EXPECT_EQ(*status->bool_at("ok"), true);
  EXPECT_EQ(*status->find("watermark")->u64_at("height"), 5u);
  EXPECT_EQ(*status->find("watermark")->u64_at("round"), 2u);
  EXPECT_EQ(*status->find("token")->u64_at("signatures"), 1u);
  EXPECT_EQ(*status->u64_at("commits"), 1u);
}

TEST_F(CoreTest, IdleMakesAuditAndDoneDurable) {
  ask(vote(5, 0, 1));
  EXPECT_EQ(core_->memory().durable_audit.size, 0u);
  ASSERT_TRUE(core_->idle().ok());
  EXPECT_EQ(core_->memory().durable_audit.size, 1u);
  directory_.crash();
  restart();
  EXPECT_EQ(core_->memory().outcome_unknown, 0u);
  EXPECT_EQ(core_->memory().audit->head().size, 1u);
}

// Whoever holds blocks back holds the ledger's clock: the machine's own stops payouts, and no vote.
TEST_F(CoreTest, H1_WithAHeadThatIsTenMinutesOldNothingIsPaidOut) {
  const auto plan = payouts_.derive(1, {1}, {1});
  const std::uint64_t begin = 5'000;
  core_->observe(MonotonicMs{begin});
  EXPECT_EQ(ask(payouts_.recorded(plan)).code, 0);
  core_->observe(MonotonicMs{begin + kMaxHeadAgeMs});
  EXPECT_EQ(ask(payouts_.intent(plan)).code, 0);
  core_->observe(MonotonicMs{begin + kMaxHeadAgeMs + 2'000});
  const std::size_t asked = token_.asked.size();
  const auto stale = ask(payouts_.intent(plan));
  expect_refused(stale, "signer.stale_head");
  EXPECT_NE(as_text(stale.message).find("10 minutes older"), std::string_view::npos)
      << as_text(stale.message);
  EXPECT_EQ(token_.asked.size(), asked);
  EXPECT_EQ(ask(vote(500, 0, 1)).code, 0);
  EXPECT_EQ(ask(model::LedgerHeadIntent{ledger_.evidence({})}).code, 0);  // known: it is no rise
  expect_refused(ask(payouts_.intent(plan)), "signer.stale_head");
  ledger_.advance(kMaxHeadAgeMs);
  EXPECT_EQ(ask(model::LedgerHeadIntent{ledger_.evidence({})}).code, 0);
  EXPECT_EQ(ask(payouts_.intent(plan)).code, 0);
}

// A payout that proves a present block itself needs no other; one that is merely higher does not do.
TEST_F(CoreTest, H1_TheBlockOfAPayoutsEvidenceMustBeOfThePresentToo) {
  core_->observe(MonotonicMs{1});
  const auto plan = payouts_.derive(1, {1}, {1});
  ledger_.advance(10'000);
  core_->observe(MonotonicMs{1 + 2 * kMaxHeadAgeMs});
  expect_refused(ask(payouts_.recorded(plan)), "signer.stale_head");
  ledger_.advance(2 * kMaxHeadAgeMs);
  EXPECT_EQ(ask(payouts_.recorded(plan)).code, 0);
}

}  // namespace
}  // namespace custody::signer::core
