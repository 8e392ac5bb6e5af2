#include "ledger/consensus/proposer.h"

#include <gtest/gtest.h>

#include <map>

namespace custody::ledger::consensus {
namespace {

using model::Height;
using model::MemberId;
using model::Round;

model::MemberSet set_of(const std::vector<std::uint64_t>& weights) {
  model::MemberSet set;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    set.members.push_back({MemberId(static_cast<std::uint16_t>(i + 1)), model::Weight(weights[i]), {}});
  }
  return set;
}

TEST(Proposer, RotatesInExactProportionToWeight) {
  for (const auto& weights : std::vector<std::vector<std::uint64_t>>{
           {28, 26, 24, 22}, {1, 1, 1, 1}, {6, 4, 4, 4, 4, 4, 4}, {1}, {300, 299, 250, 151}}) {
    const model::MemberSet set = set_of(weights);
    for (const std::uint64_t start : {1ull, 17ull, 1'000'003ull}) {
      std::map<MemberId, std::uint64_t> turns;
      for (std::uint64_t h = 0; h < set.total().get(); ++h)
        ++turns[proposer(set, Height(start + h), Round(0))];
      for (const model::SetMember& member : set.members) EXPECT_EQ(turns[member.id], member.weight.get());
    }
  }
}

TEST(Proposer, EveryMemberHasItsTurnWithinAFewRounds) {
  const model::MemberSet set = set_of({28, 26, 24, 22});
  for (std::uint64_t height = 1; height < 300; ++height) {
    std::map<MemberId, int> turns;
    for (std::uint32_t round = 0; round < 8; ++round) ++turns[proposer(set, Height(height), Round(round))];
    EXPECT_EQ(turns.size(), 4u) << "height " << height;
  }
}

TEST(Proposer, DependsOnHeightPlusRoundOnly) {
  const model::MemberSet set = set_of({28, 26, 24, 22});
  EXPECT_EQ(proposer(set, Height(5), Round(3)), proposer(set, Height(8), Round(0)));
}

TEST(Proposer, LargeHeightsDoNotOverflow) {
  const model::MemberSet set = set_of({4'000'000'000, 3'900'000'000, 3'800'000'000, 3'700'000'000});
  EXPECT_NE(set.find(proposer(set, Height(UINT64_MAX), Round(UINT32_MAX))), nullptr);
}

}  // namespace
}  // namespace custody::ledger::consensus
