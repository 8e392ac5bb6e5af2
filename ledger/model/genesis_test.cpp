#include "ledger/model/genesis.h"

#include <gtest/gtest.h>

#include <bit>

namespace custody::ledger::model {
namespace {

std::vector<Weight> weights(std::initializer_list<std::uint64_t> values) {
  std::vector<Weight> out;
  for (std::uint64_t value : values) out.emplace_back(value);
  return out;
}

std::uint32_t largest_minority_by_enumeration(const std::vector<Weight>& all) {
  std::uint64_t total = 0;
  for (Weight weight : all) total += weight.get();
  std::uint32_t best = 0;
  for (std::uint32_t set = 0; set < 1u << all.size(); ++set) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) sum += (set >> i & 1) != 0 ? all[i].get() : 0;
    if (sum * 3 < total) best = std::max<std::uint32_t>(best, static_cast<std::uint32_t>(std::popcount(set)));
  }
  return best;
}

TEST(Genesis, LargestMinorityEqualsTheEnumerationOfAllSets) {
  const std::vector<std::vector<Weight>> cases = {weights({28, 26, 24, 22}),
                                                  weights({1, 1, 1, 1}),
                                                  weights({17, 16, 15, 14, 13, 13, 12}),
                                                  weights({5, 1, 1, 1, 1}),
                                                  weights({100, 90, 80, 70, 60}),
                                                  weights({7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 9})};
  for (const auto& one : cases) EXPECT_EQ(largest_minority(one), largest_minority_by_enumeration(one));
}

TEST(Genesis, ThresholdsKeepAMinorityFromSpendingAndFromBlocking) {
  EXPECT_EQ(allowed_thresholds(weights({28, 26, 24, 22})), std::vector<std::uint32_t>({3}));
  EXPECT_EQ(allowed_thresholds(weights({15, 15, 15, 14, 14, 14, 13})), std::vector<std::uint32_t>({4, 5}));
  // Two heavy and many light members: the light ones hold so many seats below a third that no threshold is
  // safe.
  EXPECT_TRUE(allowed_thresholds(weights({30, 30, 30, 2, 2, 2, 2, 2})).empty());
}

TEST(Genesis, QuorumIsStrictlyMoreThanTwoThirds) {
  EXPECT_FALSE(is_quorum(Weight(66), Weight(99)));
  EXPECT_TRUE(is_quorum(Weight(67), Weight(99)));
  EXPECT_FALSE(is_blocking(Weight(33), Weight(99)));
  EXPECT_TRUE(is_blocking(Weight(34), Weight(99)));
}

}  // namespace
}  // namespace custody::ledger::model
