#include <gtest/gtest.h>

#include "base/crypto/secp256k1.h"
#include "proto/reader/digests.h"
#include "signer/guard/guard.h"
#include "tests/support/policies.h"

namespace custody::signer::guard {
namespace {

using model::VoteType;

PublicKey key(std::uint8_t seed) {
  SeededEntropy entropy(seed);
  return crypto::SoftwareKey::generate(entropy).public_key();
}

model::BlockHash block(std::uint8_t fill) {
  return *model::BlockHash::from(Bytes(32, fill));
}

class VotesTest : public ::testing::Test {
 protected:
  VotesTest() {
    model::Genesis genesis;
    genesis.time = model::LedgerMs(1'000);
    for (std::uint16_t id = 1; id <= 4; ++id) {
      model::Member member;
      member.id = model::MemberId(id);
      member.weight = model::Weight(25);
      member.validator_key = key(static_cast<std::uint8_t>(id * 10));
      member.attest_key = key(static_cast<std::uint8_t>(id * 10 + 1));
      member.governance_key = key(static_cast<std::uint8_t>(id * 10 + 2));
      genesis.members.push_back(member);
    }
    model::ExternalChain chain;
    chain.id = model::ExternalChainId(1);
    chain.anchor_height = model::ExternalHeight(100);
    genesis.chains = {chain};
    genesis_ = genesis;
    state_ = *initial_state(genesis_, chain_, model::MemberId(2));
  }

  static model::Intent vote(VoteType type, std::uint64_t height, std::uint32_t round,
                            std::optional<model::BlockHash> hash) {
    return model::VoteIntent{type, model::Height(height), model::Round(round), hash};
  }
  static model::ProposalIntent proposal(std::uint64_t height, std::uint32_t round) {
    return {model::Height(height), model::Round(round), std::nullopt, block(7), Hash256(), 1};
  }
  model::HeadIntent head() const {
    return {model::Height(10),
            1,
            {model::MemberId(2), model::ExternalChainId(1), model::ExternalHeight(101),
             *model::ExternalHash::from(Bytes(32, 5)), 1'700'000'000, model::FeeRate(1'000)}};
  }
  static model::PolicyAttestationIntent attestation() {
    return {model::Height(10), 1, {model::MemberId(2), 3, *Hash256::from(Bytes(32, 5))}};
  }
  static model::ProposalTxIntent register_gateway(const std::string& name, std::uint64_t kyc_expiry) {
    return {model::Height(10),
            1,
            {model::MemberId(2), model::RegisterGateway{to_bytes(name), model::Address::treasury(),
                                                        model::LedgerMs(kyc_expiry)}}};
  }
  // Signs: the guard moves on.
  void sign(const model::Intent& intent) {
    auto verdict = check(state_, intent);
    ASSERT_TRUE(verdict.ok()) << verdict.status().to_string();
    state_ = verdict->next;
  }
  void expect_refused(const model::Intent& intent, std::string_view rule) {
    const auto verdict = check(state_, intent);
    ASSERT_FALSE(verdict.ok());
    EXPECT_EQ(verdict.code(), Code::kRefused);
    EXPECT_EQ(rule_of(verdict.status()), rule) << verdict.status().to_string();
  }

  model::ChainId chain_ = *model::ChainId::from(Bytes(32, 9));
  model::Genesis genesis_;
  model::GuardState state_;
};

TEST_F(VotesTest, StartsFromGenesisWithItsOwnKeysAndNothingSigned) {
  EXPECT_EQ(state_.member, model::MemberId(2));
  EXPECT_EQ(state_.keys.front().key, genesis_.members[1].validator_key);
  EXPECT_EQ(state_.watermark, model::Watermark());
  EXPECT_EQ(state_.head.members_hash, proto::reader::member_set_hash(model::member_set(genesis_)));
  EXPECT_EQ(initial_state(genesis_, chain_, model::MemberId(5)).code(), Code::kNotFound);
  genesis_.wallets.resize(32, model::ReserveWallet{.currency = model::CurrencyId(1),
                                                   .epoch = model::WalletEpoch(1),
                                                   .threshold = 10,
                                                   .seats = std::vector<PublicKey>(14),
                                                   .members = std::vector<model::MemberId>(14)});
  EXPECT_EQ(initial_state(genesis_, chain_, model::MemberId(2)).code(), Code::kExhausted);
}

TEST_F(VotesTest, DigestsAreThoseThatOtherMembersVerify) {
  const auto prevote = check(state_, vote(VoteType::kPrevote, 3, 1, block(1)));
  ASSERT_TRUE(prevote.ok());
  EXPECT_EQ(prevote->digests, std::vector<Hash256>{proto::reader::vote_digest(
                                  chain_, VoteType::kPrevote, model::Height(3), model::Round(1), block(1))});
  EXPECT_EQ(prevote->key.key, genesis_.members[1].validator_key);
  EXPECT_EQ(prevote->facts.kind, model::IntentKind::kPrevote);
  EXPECT_EQ(prevote->next.counter, 1u);

  const auto made = check(state_, proposal(3, 1));
  ASSERT_TRUE(made.ok());
  model::BlockProposal expected;
  expected.height = model::Height(3);
  expected.round = model::Round(1);
  expected.block = block(7);
  expected.part_count = 1;
  expected.member = model::MemberId(2);
  EXPECT_EQ(made->digests, std::vector<Hash256>{proto::reader::proposal_digest(chain_, expected)});
}

TEST_F(VotesTest, PositionsRiseThroughStepsRoundsAndHeights) {
  sign(proposal(1, 0));
  sign(vote(VoteType::kPrevote, 1, 0, block(7)));
  sign(vote(VoteType::kPrecommit, 1, 0, block(7)));
  EXPECT_EQ(state_.last_precommit, model::Height(1));
  sign(proposal(1, 1));
  sign(vote(VoteType::kPrevote, 1, 2, std::nullopt));
  sign(vote(VoteType::kPrecommit, 4, 0, block(8)));
  EXPECT_EQ(state_.last_precommit, model::Height(4));
  sign(vote(VoteType::kPrevote, 5, 0, block(8)));
  EXPECT_EQ(state_.last_precommit, model::Height(4));
  EXPECT_EQ(state_.watermark.height, model::Height(5));
}

// Abuse case F2: asked to vote twice, or lower.
TEST_F(VotesTest, F2_Watermark_EverythingLowerIsRefused) {
  sign(vote(VoteType::kPrevote, 5, 3, block(1)));
  expect_refused(vote(VoteType::kPrecommit, 4, 9, block(1)), "guard.watermark");
  expect_refused(vote(VoteType::kPrecommit, 5, 2, block(1)), "guard.watermark");
  expect_refused(proposal(5, 3), "guard.watermark");
}

TEST_F(VotesTest, F2_Watermark_AnotherMessageAtTheSamePositionIsRefused) {
  sign(vote(VoteType::kPrevote, 5, 3, block(1)));
  expect_refused(vote(VoteType::kPrevote, 5, 3, block(2)), "guard.watermark");
  expect_refused(vote(VoteType::kPrevote, 5, 3, std::nullopt), "guard.watermark");
  sign(proposal(6, 0));
  model::ProposalIntent other = proposal(6, 0);
  other.part_count = 2;
  expect_refused(other, "guard.watermark");
}

TEST_F(VotesTest, F2_IdenticalBytesMayBeSignedAgain) {
  sign(vote(VoteType::kPrecommit, 5, 3, block(1)));
  const auto again = check(state_, vote(VoteType::kPrecommit, 5, 3, block(1)));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->repeat);
  EXPECT_EQ(again->next.watermark, state_.watermark);
}

// Every order of the 27 lowest positions: after signing p, exactly the positions above p and p itself are
// open.
TEST_F(VotesTest, F2_Watermark_HoldsForEveryPairOfPositions) {
  const auto intent_at = [](unsigned position) -> model::Intent {
    const unsigned height = 1 + position / 9;
    const unsigned round = position / 3 % 3;
    switch (position % 3) {
      case 0:
        return proposal(height, round);
      case 1:
        return vote(VoteType::kPrevote, height, round, block(1));
      default:
        return vote(VoteType::kPrecommit, height, round, block(1));
    }
  };
  const model::GuardState fresh = state_;
  for (unsigned first = 0; first < 27; ++first) {
    state_ = fresh;
    sign(intent_at(first));
    for (unsigned second = 0; second < 27; ++second) {
      EXPECT_EQ(check(state_, intent_at(second)).ok(), second >= first) << first << " then " << second;
    }
  }
}

TEST_F(VotesTest, Height_GenesisIsNotVotedOn) {
  expect_refused(vote(VoteType::kPrevote, 0, 0, block(1)), "guard.height");
}

// Abuse case C2: zero is never authentic.
TEST_F(VotesTest, C2_Block_AHashOfZerosIsRefused) {
  expect_refused(vote(VoteType::kPrevote, 1, 0, model::BlockHash()), "guard.block");
  model::ProposalIntent empty = proposal(1, 0);
  empty.block = {};
  expect_refused(empty, "guard.block");
}

TEST_F(VotesTest, Parts_NoneOrTooManyAreRefused) {
  model::ProposalIntent wrong = proposal(1, 0);
  wrong.part_count = 0;
  expect_refused(wrong, "guard.parts");
  wrong.part_count = 66;
  expect_refused(wrong, "guard.parts");
}

TEST_F(VotesTest, ProofOfLock_MustBeOfAnEarlierRound) {
  model::ProposalIntent wrong = proposal(1, 2);
  wrong.proof_of_lock = model::Round(2);
  expect_refused(wrong, "guard.proof_of_lock");
  wrong.proof_of_lock = model::Round(1);
  sign(wrong);
}

TEST_F(VotesTest, ExternalHeadIsSignedWithTheAttestKey) {
  const auto verdict = check(state_, head());
  ASSERT_TRUE(verdict.ok()) << verdict.status().to_string();
  EXPECT_EQ(verdict->key.key, genesis_.members[1].attest_key);
  const model::Transaction transaction{1, model::Height(10), 1, head().head};
  EXPECT_EQ(verdict->digests.front(),
            proto::reader::transaction_digest(chain_, proto::reader::encode(transaction), transaction.body));
  EXPECT_EQ(verdict->next.watermark, state_.watermark);
}

TEST_F(VotesTest, APolicyAttestationIsSignedWithTheAttestKey) {
  const auto verdict = check(state_, attestation());
  ASSERT_TRUE(verdict.ok()) << verdict.status().to_string();
  EXPECT_EQ(verdict->key.key, genesis_.members[1].attest_key);
  EXPECT_EQ(verdict->facts.kind, model::IntentKind::kPolicyAttestation);
  const model::Transaction transaction{1, model::Height(10), 1, attestation().attestation};
  EXPECT_EQ(verdict->digests.front(),
            proto::reader::transaction_digest(chain_, proto::reader::encode(transaction), transaction.body));
  EXPECT_EQ(verdict->next.watermark, state_.watermark);
}

TEST_F(VotesTest, Attestation_AnotherMembersWithoutVersionHashOrEndIsRefused) {
  auto wrong = attestation();
  wrong.attestation.member = model::MemberId(1);
  expect_refused(wrong, "guard.member");
  wrong = attestation();
  wrong.attestation.version = 0;
  expect_refused(wrong, "guard.version");
  wrong = attestation();
  wrong.attestation.salted_hash = {};
  expect_refused(wrong, "guard.hash");
  wrong = attestation();
  wrong.valid_until = model::Height(0);
  expect_refused(wrong, "guard.valid_until");
  wrong.valid_until = model::Height(model::kMaxValidBlocks + 1);
  expect_refused(wrong, "guard.valid_until");
}

TEST_F(VotesTest, Member_AnotherMembersStatementIsRefused) {
  auto wrong = head();
  wrong.head.member = model::MemberId(1);
  expect_refused(wrong, "guard.member");
  expect_refused(tests::ballot_on(tests::proposed_gateway(chain_), model::MemberId(3), true), "guard.member");
  model::ProposalTxIntent change{model::Height(10), 1, {model::MemberId(4), {}}};
  expect_refused(change, "guard.member");
}

TEST_F(VotesTest, Head_UnknownChainZeroHashBelowAnchorAndZeroFeeRateAreRefused) {
  auto wrong = head();
  wrong.head.chain = model::ExternalChainId(2);
  expect_refused(wrong, "guard.chain");
  wrong = head();
  wrong.head.hash = {};
  expect_refused(wrong, "guard.block");
  wrong = head();
  wrong.head.height = model::ExternalHeight(99);
  expect_refused(wrong, "guard.anchor");
  wrong = head();
  wrong.head.fee_rate = model::FeeRate(0);
  expect_refused(wrong, "guard.fee_rate");
  wrong = head();
  wrong.valid_until = model::Height(0);
  expect_refused(wrong, "guard.valid_until");
}

// Abuse case B7: whoever holds the node for a minute must not collect statements that hold for years.
TEST_F(VotesTest, B7_AStatementForAFarHeightIsRefused) {
  auto far = head();
  far.valid_until = model::Height(model::kMaxValidBlocks);
  EXPECT_TRUE(check(state_, far).ok());
  far.valid_until = model::Height(model::kMaxValidBlocks + 1);
  expect_refused(far, "guard.valid_until");
  model::BallotIntent ballot = tests::ballot_on(tests::proposed_gateway(chain_), model::MemberId(2), true);
  ballot.valid_until = model::Height(UINT64_MAX);
  expect_refused(ballot, "guard.valid_until");
  sign(vote(VoteType::kPrevote, 500, 0, block(1)));
  far.valid_until = model::Height(model::kMaxValidBlocks + 500);
  EXPECT_TRUE(check(state_, far).ok());
}

// README invariant 7: what a genesis leaves no room for shows at the first start, not when a payout is due.
TEST_F(VotesTest, AGenesisThatLeavesNoRoomForFullTablesIsRefused) {
  std::size_t refusals = 0;
  for (std::uint16_t currencies = 1; currencies <= model::kMaxCurrencies; ++currencies) {
    model::ReserveWallet wallet;
    wallet.currency = model::CurrencyId(currencies);
    wallet.epoch = model::WalletEpoch(1);
    wallet.seats.assign(model::kMaxMembers, key(1));
    for (std::uint16_t id = 1; id <= model::kMaxMembers; ++id) wallet.members.emplace_back(id);
    genesis_.wallets.push_back(wallet);
    genesis_.members[1].seats.push_back({wallet.currency, wallet.epoch, key(1)});
    genesis_.currencies.push_back({wallet.currency, Bytes(8, 'A'), 8, 8, model::ExternalChainId(1)});
    model::CurrencyParameters parameters;
    parameters.currency = wallet.currency;
    genesis_.parameters.currencies.push_back(parameters);
    genesis_.chains.back().name = genesis_.chains.back().hrp = Bytes(model::kMaxName, 'a');
    if (genesis_.chains.size() < currencies) genesis_.chains.push_back(genesis_.chains.back());
    auto state = initial_state(genesis_, chain_, model::MemberId(2));
    if (!state.ok()) {
      EXPECT_EQ(state.code(), Code::kExhausted);
      ++refusals;
      continue;
    }
    for (std::size_t i = 0; i < model::kGuardSlots; ++i) {
      state->slots.push_back({wallet.currency, model::SlotId(UINT64_MAX), {{}, UINT32_MAX}, {}, {}});
      state->slots.back().burns.assign(model::kGuardSlotBurns / model::kGuardSlots, UINT64_MAX);
    }
    for (auto& bucket : state->buckets) bucket.level = model::Amount(UINT64_MAX);
    state->counter = UINT64_MAX;
    EXPECT_LE(proto::reader::encode(*state).size(), model::kMaxGuardState) << currencies;
  }
  EXPECT_GT(refusals, 0u);
}

// Abuse case E1: what officers are shown cannot hold anything but what it says.
TEST_F(VotesTest, E1_Proposal_WhatItsWordsCannotShowIsRefused) {
  for (const std::string& name : {std::string(), std::string(33, 'a'), std::string("Gary"),
                                  std::string("a\n"), std::string("a, account 00")}) {
    expect_refused(register_gateway(name, 5), "guard.proposal");
  }
  EXPECT_TRUE(check(state_, register_gateway("gary", 253'402'300'799'000)).ok());
  expect_refused(register_gateway("gary", 253'402'300'799'001), "guard.proposal");
}

TEST_F(VotesTest, AProposalsActionIsOnePrintableLineThatHoldsAllOfIt) {
  const auto facts = [&](const std::string& name, std::uint64_t kyc_expiry) {
    const auto verdict = check(state_, register_gateway(name, kyc_expiry));
    EXPECT_TRUE(verdict.ok()) << verdict.status().to_string();
    return verdict.ok() ? verdict->facts : model::IntentFacts();
  };
  const std::string account = to_hex(model::Address::treasury().view());
  const model::IntentFacts gary = facts("gary", 1'798'761'600'000);
  EXPECT_EQ(gary.kind, model::IntentKind::kProposalTx);
  EXPECT_EQ(as_text(gary.action),
            "register gateway gary, account " + account + ", KYC until 2027-01-01T00:00:00Z");
  const model::IntentFacts later = facts("gary", 1'798'761'600'007);
  EXPECT_EQ(as_text(later.action),
            "register gateway gary, account " + account + ", KYC until 2027-01-01T00:00:00.007Z");
  EXPECT_NE(later.subject, gary.subject);
  EXPECT_LE(facts(std::string(32, 'z'), 253'402'300'798'999).action.size(), 200u);
}

TEST_F(VotesTest, BallotsAndProposalsAreSignedWithTheGovernanceKey) {
  const tests::Proposed proposed = tests::proposed_gateway(chain_);
  const model::BallotIntent ballot = tests::ballot_on(proposed, model::MemberId(2), true);
  const auto vote = check(state_, ballot);
  ASSERT_TRUE(vote.ok());
  EXPECT_EQ(vote->key.key, genesis_.members[1].governance_key);
  EXPECT_EQ(vote->facts.kind, model::IntentKind::kBallot);
  EXPECT_EQ(vote->facts.proposal, ballot.ballot.proposal);
  EXPECT_EQ(vote->facts.action, proposed.action);
  EXPECT_TRUE(vote->facts.approve);
  auto against = ballot;
  against.ballot.approve = false;
  EXPECT_FALSE(check(state_, against)->facts.approve);
  const auto change = check(state_, register_gateway("gary", 5));
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->key.key, genesis_.members[1].governance_key);
  EXPECT_NE(change->digests, vote->digests);
  auto nothing = ballot;
  nothing.ballot.proposal = {};
  expect_refused(nothing, "guard.proposal");
}

TEST_F(VotesTest, Counter_NeverWraps) {
  state_.counter = UINT64_MAX;
  expect_refused(vote(VoteType::kPrevote, 1, 0, block(1)), "guard.counter");
}

TEST_F(VotesTest, Intent_AStatusQueryIsNotSigned) {
  expect_refused(model::StatusQuery{}, "guard.intent");
}

TEST_F(VotesTest, TheStateSurvivesItsBytes) {
  sign(vote(VoteType::kPrecommit, 5, 3, block(1)));
  const Bytes bytes = proto::reader::encode(state_);
  const auto back = proto::reader::decode<model::GuardState>(bytes, model::kMaxGuardState);
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(*back, state_);
}

TEST(RuleTest, IsTheContextOfARefusalAndOfNothingElse) {
  EXPECT_EQ(rule_of(refused("x: y").with_context("guard.head")), "guard.head");
  EXPECT_EQ(rule_of(refused("policy.day_limit: y")), "policy.day_limit");
  EXPECT_EQ(rule_of(invalid("field 3: wrong")), "");
}

// A node that says that a number stands for another gateway than it does.
TEST_F(VotesTest, B1_ABallotProvesWhatIsProposed) {
  const tests::Proposed gary = tests::proposed_gateway(chain_);
  const model::BallotIntent good = tests::ballot_on(gary, model::MemberId(2), true);
  ASSERT_TRUE(check(state_, good).ok());
  model::BallotIntent wrong = good;
  wrong.payload = tests::proposed_gateway(chain_, "mallory").payload;
  expect_refused(wrong, "guard.proposal");
  wrong.payload.clear();
  expect_refused(wrong, "guard.proposal");
  wrong.payload = Bytes(model::kMaxProposalPayload + 1, 1);
  expect_refused(wrong, "guard.proposal");
  wrong.payload = gary.payload;
  wrong.payload.pop_back();
  expect_refused(wrong, "guard.proposal");
  model::ChainId other = chain_;
  other.data()[0] ^= 1;
  expect_refused(tests::ballot_on(tests::proposed_gateway(other), model::MemberId(2), true),
                 "guard.proposal");
  const model::Transaction ballots{1, model::Height(10), 1, good.ballot};
  wrong.payload = proto::reader::encode(ballots);
  wrong.ballot.proposal = proto::reader::transaction_id(chain_, wrong.payload, ballots.body);
  expect_refused(wrong, "guard.proposal");
}

}  // namespace
}  // namespace custody::signer::guard
