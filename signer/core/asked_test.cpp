// What an officer asks for: he is the policy's principal, and his approval does not count.
#include <gtest/gtest.h>

#include "policy/cedar/format.h"
#include "policy/render/governance.h"
#include "signer/core/policy_fixture_test.h"

namespace custody::signer::core {
namespace {

// Ballots that one of the treasury asks for, with two others of it; what the operator asks for is denied.
class AskedTest : public PolicyTest {
 protected:
  AskedTest() {
    policy::bundle::Bundle bundle = policy_;
    std::string policies(as_text(bundle.policies));
    policies +=
        "@id(\"asked\") permit(principal in Group::\"treasury\", action == Action::\"propose\", resource);"
        "@id(\"operator\") forbid(principal is Member, action == Action::\"ballot\", resource);"
        "@id(\"yes\") forbid(principal, action == Action::\"ballot\", resource) when { context.approve } "
        "unless { context.approvals.treasury >= 2 };";
    bundle.policies = to_bytes(policy::cedar::format_policies(policies).value());
    rebind(bundle);
    now_ = show_head();
  }
  policy::render::Ask ask_for(const model::Ballot& ballot) const {
    const auto proposed = tests::proposed_gateway(identity_.chain_id);
    return {policy::render::ballot_terms(identity_.chain_id, ballot, proposed.action), policy_.version,
            policy::bundle::bundle_hash(policy_), model::LedgerMs(now_.get() + kHourMs)};
  }
  // Of the officer, with an ask for it or for something else.
  model::BallotIntent asked(bool approve, std::string_view officer) const {
    return asked(approve, tests::sign_ask(ask_for(ballot(approve).ballot), officer));
  }
  model::BallotIntent asked(bool approve, Bytes ask) const {
    model::BallotIntent out = ballot(approve);
    out.ask = std::move(ask);
    return out;
  }
  model::SignReply by_operator(model::Intent intent) { return ask(std::move(intent), Caller::kOperator); }
  void expect_bad_ask(const model::BallotIntent& intent, Code code = Code::kRefused) {
    const auto reply = by_operator(intent);
    expect_code(reply, code);
    EXPECT_EQ(as_text(reply.rule), "policy.ask") << as_text(reply.message);
    EXPECT_EQ(core_->memory().desk->state().requests().size(), 0u);
    EXPECT_TRUE(token_.asked.empty());
  }
  model::LedgerMs now_;
};

TEST_F(AskedTest, B5_AnOfficersBallotTakesTwoOthersAndNeverHimself) {
  expect_refused(by_operator(ballot(true)), "policy.forbid");
  const Hash256 id = expect_pending(by_operator(asked(true, "alice")));
  EXPECT_EQ(request(id).initiator, to_bytes("alice"));
  const Json waiting = question(model::PolicyQuestion::kRequest, id);
  EXPECT_EQ(*waiting.string_at("asked_by"), "alice");
  expect_code(vote_on(id, "alice"), Code::kRefused);
  EXPECT_EQ(vote_on(id, "bob").code, 0);
  EXPECT_EQ(expect_pending(by_operator(asked(true, "alice"))), id);
  expect_refused(by_operator(asked(true, "carol")), "policy.asked");
  EXPECT_TRUE(token_.asked.empty());
  directory_.crash();
  restart();
  EXPECT_EQ(vote_on(id, "carol").code, 0);
  const auto reply = by_operator(ballot(true));
  ASSERT_EQ(reply.code, 0) << as_text(reply.message);
  EXPECT_EQ(reply.signatures.size(), 1u);
  EXPECT_EQ(token_.asked.size(), 1u);
}

TEST_F(AskedTest, WhoAskedIsExplainedAndStandsInTheRecords) {
  ASSERT_EQ(by_operator(asked(false, "carol")).code, 0);
  const auto carols = ballot(false).ballot;
  const Hash256 subject = policy::render::ballot_subject(carols.proposal);
  EXPECT_EQ(*question(model::PolicyQuestion::kExplain, subject).string_at("initiator"), "carol");
  expect_refused(by_operator(ballot(false)), "policy.forbid");
  EXPECT_TRUE(question(model::PolicyQuestion::kExplain, subject).find("initiator")->is_null());
  std::vector<Bytes> initiators;
  const Json past = question(model::PolicyQuestion::kPast);
  for (const Json& one : past.find("records")->items()) {
    const auto record = engine::decode_record(*from_base64(*one.as_string(), kMaxJson));
    ASSERT_TRUE(record.ok());
    if (const auto* commit = std::get_if<engine::CommitRecord>(&*record)) {
      initiators.push_back(commit->initiator);
    } else if (const auto* denied = std::get_if<engine::DeniedRecord>(&*record)) {
      initiators.push_back(denied->initiator);
    }
  }
  EXPECT_EQ(initiators, (std::vector<Bytes>{to_bytes("carol"), Bytes()}));
}

TEST_F(AskedTest, AProposalIsAskedForWithItsLineOfWords) {
  const model::Proposal proposal{
      model::MemberId(2),
      model::RegisterGateway{to_bytes("gary"), model::Address::treasury(), model::LedgerMs(1'000'000)}};
  const Bytes action = *policy::render::action_text(proposal);
  policy::render::Ask ask = ask_for({});
  ask.terms = policy::render::proposal_terms(identity_.chain_id, model::MemberId(2), action);
  model::ProposalTxIntent intent{model::Height(10), 1, proposal};
  expect_refused(by_operator(intent), "policy.no_permit");
  intent.ask = tests::sign_ask(ask, "bob");
  EXPECT_EQ(by_operator(intent).code, 0);
  std::get<model::RegisterGateway>(intent.proposal.action).name = to_bytes("mallory");
  expect_refused(by_operator(intent), "policy.ask");
}

// Abuse case B7: an ask is worth nothing but for what it says.
TEST_F(AskedTest, B7_AReplayedOrForeignAskIsRefused) {
  const policy::render::Ask good = ask_for(ballot(true).ballot);
  model::BallotIntent other = asked(true, "alice");
  const auto mallorys = tests::proposed_gateway(identity_.chain_id, "mallory");
  other.ballot.proposal = mallorys.id;
  other.payload = mallorys.payload;
  expect_bad_ask(other);
  expect_bad_ask(asked(false, tests::sign_ask(good, "alice")));  // the other answer
  policy::render::Ask foreign = good;
  foreign.terms.member = model::MemberId(3);
  expect_bad_ask(asked(true, tests::sign_ask(foreign, "alice")));
  foreign = good;
  foreign.terms.chain_id.data()[0] ^= 1;
  expect_bad_ask(asked(true, tests::sign_ask(foreign, "alice")));
  auto renamed = *policy::bundle::decode_ask(tests::sign_ask(good, "alice"));
  renamed.officer = to_bytes("bob");
  expect_bad_ask(asked(true, policy::bundle::encode_ask(renamed)), Code::kUnauthenticated);
  renamed.officer = to_bytes("mallory");
  expect_bad_ask(asked(true, policy::bundle::encode_ask(renamed)));
  Bytes torn = tests::sign_ask(good, "alice");
  torn.pop_back();
  expect_bad_ask(asked(true, torn), Code::kInvalid);
  // B2: another version has come into force since.
  EXPECT_EQ(
      say(model::Statement::kActivate, tests::sign_bundle(tests::next_policy(policy_), {"alice", "bob"}))
          .code,
      0);
  expect_bad_ask(asked(true, "alice"));
}

// Abuse case B6, by the ledger's time that the node shows.
TEST_F(AskedTest, B6_AnAskExpiresWithTheLedgersTimeAndIsGoodForADayAtMost) {
  policy::render::Ask far = ask_for(ballot(true).ballot);
  far.expires = model::LedgerMs(now_.get() + 24 * kHourMs + 1);
  expect_bad_ask(asked(true, tests::sign_ask(far, "alice")));
  const model::BallotIntent intent = asked(true, "alice");
  ledger_.advance(kHourMs);
  show_head();
  expect_bad_ask(intent);
}

}  // namespace
}  // namespace custody::signer::core
