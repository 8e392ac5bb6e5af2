#include "ledger/consensus/votes.h"

#include <gtest/gtest.h>

namespace custody::ledger::consensus {
namespace {

using model::BlockHash;
using model::MemberId;
using model::Vote;
using model::VoteType;
using model::Weight;

model::MemberSet sample_set() {
  model::MemberSet set;
  const std::uint64_t weights[] = {28, 26, 24, 22};
  for (std::uint16_t i = 0; i < 4; ++i) set.members.push_back({MemberId(i + 1u), Weight(weights[i]), {}});
  return set;
}

BlockHash block(std::uint8_t first) {
  BlockHash out;
  out.data()[0] = first;
  return out;
}

Vote vote(std::size_t member, std::optional<BlockHash> hash) {
  return {VoteType::kPrevote,
          model::Height(1),
          model::Round(0),
          hash,
          MemberId(static_cast<std::uint16_t>(member + 1)),
          {}};
}

TEST(Votes, QuorumIsStrictlyMoreThanTwoThirdsOfWeight) {
  VoteSet votes(sample_set());
  EXPECT_TRUE(votes.add(0, vote(0, block(1)), false).kept);
  EXPECT_TRUE(votes.add(1, vote(1, block(1)), false).kept);
  EXPECT_EQ(votes.decided(model::is_quorum), nullptr);
  EXPECT_TRUE(votes.add(3, vote(3, block(1)), false).kept);
  ASSERT_NE(votes.decided(model::is_quorum), nullptr);
  EXPECT_EQ(*votes.decided(model::is_quorum), std::optional(block(1)));
  EXPECT_EQ(votes.bitmap(), 0b1011u);
  EXPECT_EQ(votes.any(), Weight(76));
}

TEST(Votes, ARepeatedVoteCountsOnce) {
  VoteSet votes(sample_set());
  EXPECT_TRUE(votes.add(0, vote(0, block(1)), false).kept);
  EXPECT_FALSE(votes.add(0, vote(0, block(1)), true).kept);
  EXPECT_EQ(votes.weight_of(block(1)), Weight(28));
}

TEST(Votes, ASecondBlockOfAMemberIsReportedOnceAndCountsPerBlock) {
  VoteSet votes(sample_set());
  EXPECT_TRUE(votes.add(0, vote(0, std::nullopt), false).kept);
  const auto dropped = votes.add(0, vote(0, block(1)), false);
  EXPECT_FALSE(dropped.kept);
  ASSERT_NE(dropped.conflict, nullptr);
  EXPECT_EQ(dropped.conflict->block, std::nullopt);
  const auto kept = votes.add(0, vote(0, block(1)), true);
  EXPECT_TRUE(kept.kept);
  EXPECT_EQ(kept.conflict, nullptr);
  EXPECT_EQ(votes.weight_of(block(1)), Weight(28));
  EXPECT_EQ(votes.weight_of(std::nullopt), Weight(28));
  EXPECT_EQ(votes.any(), Weight(28));
}

TEST(Votes, ACheatCannotFillTheMemory) {
  VoteSet votes(sample_set());
  for (std::uint8_t i = 0; i < 100; ++i) (void)votes.add(0, vote(0, block(i)), true);
  EXPECT_EQ(votes.of_member(0).size(), 64u);
}

}  // namespace
}  // namespace custody::ledger::consensus
