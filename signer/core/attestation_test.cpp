// What the signer tells the ledger of its policy: the version in force, nothing else, whatever officers have
// stopped.
#include <gtest/gtest.h>

#include "base/json.h"
#include "policy/bundle/attestation.h"
#include "signer/core/fixture_test.h"

namespace custody::signer::core {
namespace {

constexpr std::uint64_t kHourMs = 3'600'000;

class SignerAttestationTest : public SignerFixture {
 protected:
  // The next version comes into force an hour after its signatures.
  SignerAttestationTest() {
    core_.reset();
    directory_.remove(journal::kFileName);
    directory_.remove(audit::kFileName);
    policy_.activation_delay_minutes = 60;
    binding_.policy = tests::store_policy(directory_, policy_);
    bind();
    restart();
  }
  Hash256 expected_salt(const policy::bundle::Bundle& bundle) const {
    return policy::bundle::attestation_salt(*policy::bundle::read_salt_seed(directory_),
                                            policy::bundle::bundle_hash(bundle));
  }
  model::AttestedPolicy expected(const policy::bundle::Bundle& bundle) const {
    return {bundle.version, policy::bundle::salted_hash(bundle, expected_salt(bundle))};
  }
  model::PolicyAttestationIntent attestation_of(const model::AttestedPolicy& attested) const {
    return {model::Height(10), 1, {identity_.member, attested.version, attested.salted_hash}};
  }
  void expect_signed(const model::PolicyAttestationIntent& intent) {
    const auto reply = ask(intent);
    ASSERT_EQ(reply.code, 0) << as_text(reply.message);
    ASSERT_EQ(reply.signatures.size(), 1u);
    const model::Transaction transaction{1, intent.valid_until, intent.salt, intent.attestation};
    const Hash256 digest = proto::reader::transaction_digest(
        ledger_.chain_id(), proto::reader::encode(transaction), transaction.body);
    EXPECT_TRUE(crypto::verify(ledger_.keys(2).attest.public_key(), digest, reply.signatures[0]));
  }
  void expect_not_in_force(const model::AttestedPolicy& attested) {
    const auto calls = token_.asked.size();
    expect_refused(ask(attestation_of(attested)), "policy.attestation");
    EXPECT_EQ(token_.asked.size(), calls);
  }
  model::SignReply say(model::Statement what, Bytes body) {
    return ask(model::StatementIntent{what, std::move(body)}, Caller::kOperator);
  }
  std::optional<model::AttestedPolicy> show_head(std::uint64_t later_ms = 0) {
    ledger_.advance(later_ms);
    const auto reply = ask(model::LedgerHeadIntent{ledger_.evidence({})});
    EXPECT_EQ(reply.code, 0) << as_text(reply.message);
    ledger_.advance();
    return reply.policy;
  }
};

TEST_F(SignerAttestationTest, WhatIsInForceIsSignedJournaledAndAudited) {
  const auto leaves = core_->memory().audit->head().size;
  expect_signed(attestation_of(expected(policy_)));
  EXPECT_EQ(core_->memory().audit->head().size, leaves + 1);
  EXPECT_EQ(committed_digests(), token_.asked);
  restart();
  expect_signed(attestation_of(expected(policy_)));
}

TEST_F(SignerAttestationTest, AnotherVersionOrHashIsRefused) {
  const model::AttestedPolicy right = expected(policy_);
  expect_not_in_force({right.version + 1, right.salted_hash});
  expect_not_in_force({right.version, *Hash256::from(Bytes(32, 1))});
  expect_not_in_force({right.version, policy::bundle::bundle_hash(policy_)});  // without a salt
  expect_not_in_force({right.version, policy::bundle::salted_hash(policy_, Hash256())});
  auto wrong = attestation_of(right);
  wrong.attestation.member = model::MemberId(3);
  expect_refused(ask(wrong), "guard.member");
}

// Abuse case A1.
TEST_F(SignerAttestationTest, TheOperatorsSocketIsRefused) {
  expect_code(ask(attestation_of(expected(policy_)), Caller::kOperator), Code::kUnauthenticated);
  EXPECT_TRUE(token_.asked.empty());
}

TEST_F(SignerAttestationTest, AWaitingVersionIsAttestedOnceItIsInForceAndTheOldOneNoMore) {
  EXPECT_EQ(show_head(), expected(policy_));
  const auto second = tests::next_policy(policy_);
  ASSERT_EQ(say(model::Statement::kActivate, tests::sign_bundle(second, {"alice", "bob"})).code, 0);
  expect_not_in_force(expected(second));
  expect_signed(attestation_of(expected(policy_)));
  EXPECT_EQ(show_head(kHourMs), expected(second)) << "the answer to the block that brought it into force";
  expect_not_in_force(expected(policy_));
  expect_signed(attestation_of(expected(second)));
  // What it attested it does not forget with the power.
  directory_.crash();
  restart();
  expect_not_in_force(expected(policy_));
  expect_signed(attestation_of(expected(second)));
}

TEST_F(SignerAttestationTest, AFreezeOfEverythingDoesNotStopIt) {
  show_head();
  const policy::render::FreezeOrder order{
      identity_.chain_id, identity_.member, policy::render::Freeze::kFreeze, {}, to_bytes("a drill"), 1,
      policy_.version,    binding_.policy,  policy::render::kMaxTime};
  ASSERT_EQ(say(model::Statement::kFreeze, tests::sign_order(order, {"carol"})).code, 0);
  expect_refused(ask(ballot(true), Caller::kOperator), "policy.frozen");
  expect_signed(attestation_of(expected(policy_)));
}

TEST_F(SignerAttestationTest, AnswersThatFollowEvidenceSayWhatIsInForce) {
  EXPECT_EQ(ask(model::StatusQuery{}).policy, expected(policy_));
  EXPECT_EQ(show_head(), expected(policy_));
  const auto payout = ask(payouts_.recorded(payouts_.derive(1, {1}, {1})));
  ASSERT_EQ(payout.code, 0) << as_text(payout.message);
  EXPECT_EQ(payout.policy, expected(policy_));
  EXPECT_FALSE(ask(vote(50, 0, 1)).policy.has_value());
  EXPECT_FALSE(ask(model::LedgerHeadIntent{ledger_.evidence({}, {1, 2})}).policy.has_value()) << "refused";
}

TEST_F(SignerAttestationTest, AnAuditorIsShownTheSalt) {
  const auto reply = ask(model::PolicyQuery{model::PolicyQuestion::kAttestation, {}, 0}, Caller::kOperator);
  ASSERT_EQ(reply.code, 0) << as_text(reply.message);
  const auto shown = Json::parse(as_text(reply.detail), 8192);
  ASSERT_TRUE(shown.ok());
  EXPECT_EQ(*shown->string_at("schema"), "custody.policy_attestation/1");
  EXPECT_EQ(*shown->u64_at("version"), 1u);
  EXPECT_EQ(*shown->string_at("hash"), policy::bundle::bundle_hash(policy_).hex());
  EXPECT_EQ(*shown->string_at("salt"), expected_salt(policy_).hex());
  EXPECT_EQ(*shown->string_at("salted_hash"), expected(policy_).salted_hash.hex());
  expect_code(ask(model::PolicyQuery{model::PolicyQuestion::kAttestation, {}, 0}), Code::kUnauthenticated);
}

}  // namespace
}  // namespace custody::signer::core
