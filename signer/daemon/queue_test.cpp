#include "signer/daemon/queue.h"

#include "signer/core/fixture_test.h"

namespace custody::signer::daemon {
namespace {

using core::Caller;
namespace model = ledger::model;

class QueueTest : public core::SignerFixture {
 protected:
  QueueTest()
      : queue_(*core_, [this](Queue::Connection connection, const model::SignReply& reply) {
          answers_.emplace_back(connection, reply);
        }) {}
  void push(Queue::Connection connection, model::Intent intent) {
    queue_.push(connection, Caller::kNode, encode(std::move(intent)));
  }
  model::PayoutIntent payout() { return payouts_.recorded(payouts_.derive(1, {1}, {3, 4, 5})); }
  model::StatementIntent freeze(const std::string& officer) {
    const policy::render::FreezeOrder order{identity_.chain_id,
                                            identity_.member,
                                            policy::render::Freeze::kFreeze,
                                            {},
                                            to_bytes("a drill"),
                                            1,
                                            policy_.version,
                                            policy::bundle::bundle_hash(policy_),
                                            policy::render::kMaxTime};
    return {model::Statement::kFreeze, tests::sign_order(order, {officer})};
  }
  std::vector<Queue::Connection> answered() const {
    std::vector<Queue::Connection> out;
    for (const auto& [connection, reply] : answers_) out.push_back(connection);
    return out;
  }
  std::vector<std::pair<Queue::Connection, model::SignReply>> answers_;
  Queue queue_;
};

TEST_F(QueueTest, VotesOvertakeAndAPayoutYieldsBetweenInputs) {
  push(1, payout());
  push(1, payout());
  queue_.work();  // decided and journaled
  queue_.work();  // its first input
  EXPECT_EQ(token_.asked.size(), 1u);
  push(2, vote(2, 0, 1));
  queue_.work();
  EXPECT_EQ(answered(), std::vector<Queue::Connection>{2});
  EXPECT_EQ(token_.asked.size(), 2u);
  while (!queue_.empty()) queue_.work();
  EXPECT_EQ(answered(), (std::vector<Queue::Connection>{2, 1, 1}));
  for (const auto& [connection, reply] : answers_) EXPECT_EQ(reply.code, 0) << as_text(reply.message);
}

TEST_F(QueueTest, VotesThatWaitTogetherAreSignedInOrderUnderOneSync) {
  for (std::uint64_t height = 1; height <= 5; ++height) push(height, vote(height, 0, 1));
  const std::uint64_t syncs = directory_.counters().syncs;
  while (!queue_.empty()) queue_.work();
  EXPECT_EQ(directory_.counters().syncs, syncs + 1);
  EXPECT_EQ(answered(), (std::vector<Queue::Connection>{1, 2, 3, 4, 5}));
  for (const auto& [connection, reply] : answers_) EXPECT_EQ(reply.code, 0) << as_text(reply.message);
}

TEST_F(QueueTest, AVoteThatRepeatsOneUnderWayGetsItsOwnCommitAndTheSameDigest) {
  push(1, vote(5, 0, 1));
  push(2, vote(5, 0, 1));
  push(3, vote(5, 0, 2));
  while (!queue_.empty()) queue_.work();
  EXPECT_EQ(answered(), (std::vector<Queue::Connection>{3, 1, 2}));
  expect_refused(answers_[0].second, "guard.watermark");
  ASSERT_EQ(token_.asked.size(), 2u);
  EXPECT_EQ(token_.asked[0], token_.asked[1]);
  EXPECT_EQ(committed_digests(), token_.asked);
}

// Abuse case A4: bounded queues.
TEST_F(QueueTest, A4_AConnectionWithTooManyRequestsIsNotReadFrom) {
  for (std::size_t i = 0; i < kMaxQueued; ++i) {
    EXPECT_TRUE(queue_.accepts(1));
    push(1, vote(i + 1, 0, 1));
  }
  EXPECT_FALSE(queue_.accepts(1));
  EXPECT_TRUE(queue_.accepts(2));
  queue_.work();
  EXPECT_TRUE(queue_.accepts(1));
}

TEST_F(QueueTest, A4_AConnectionWithMuchEvidenceIsNotReadFrom) {
  queue_.push(1, Caller::kNode, Bytes(model::kMaxEvidence / 2));
  EXPECT_TRUE(queue_.accepts(1));
  queue_.push(1, Caller::kNode, Bytes(model::kMaxEvidence / 2));
  EXPECT_FALSE(queue_.accepts(1));
  EXPECT_TRUE(queue_.accepts(2));
  queue_.work();
  EXPECT_TRUE(queue_.accepts(1));
}

// Abuse case B11: at once means before the rest of what is being signed.
TEST_F(QueueTest, B11_AFreezeOvertakesWhatWaitsAndStopsAPayoutBetweenItsInputs) {
  push(1, payout());
  push(1, payout());
  queue_.work();  // decided and journaled
  queue_.work();  // its first input
  ASSERT_EQ(token_.asked.size(), 1u);
  queue_.push(2, Caller::kOperator, encode(freeze("carol")));
  while (!queue_.empty()) queue_.work();
  EXPECT_EQ(answered(), (std::vector<Queue::Connection>{2, 1, 1}));
  EXPECT_EQ(answers_[0].second.code, 0) << as_text(answers_[0].second.message);
  expect_refused(answers_[1].second, "policy.frozen");
  expect_refused(answers_[2].second, "policy.frozen");
  EXPECT_EQ(token_.asked.size(), 1u);
}

// A node that never stops asking for votes does not keep the operator's ballot waiting.
TEST_F(QueueTest, A4_VotesWithoutEndLeaveRoomForTheOthers) {
  queue_.push(2, Caller::kOperator, encode(ballot(true)));
  for (std::uint64_t height = 1; height <= 100; ++height) {
    push(1, vote(height, 0, 1));
    queue_.work();
    if (answers_.back().first == 2) return;
  }
  FAIL() << "only votes were answered";
}

TEST_F(QueueTest, WhatAClosedConnectionAskedForIsDroppedAndWhatRunsIsFinished) {
  push(1, payout());
  queue_.work();
  push(1, vote(1, 0, 1));
  push(1, ballot(true));
  queue_.forget(1);
  push(2, vote(2, 0, 1));
  while (!queue_.empty()) queue_.work();
  EXPECT_EQ(answered(), (std::vector<Queue::Connection>{2, 1}));
  EXPECT_EQ(token_.asked.size(), 4u) << "three inputs and the other connection's vote";
}

TEST_F(QueueTest, WithoutWorkNothingHappens) {
  queue_.work();
  EXPECT_TRUE(answers_.empty());
}

}  // namespace
}  // namespace custody::signer::daemon
