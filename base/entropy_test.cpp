#include "base/entropy.h"

#include <gtest/gtest.h>

#include <array>

namespace custody {
namespace {

TEST(Entropy, TheSameSeedGivesTheSameStreamAndAnotherSeedAnother) {
  SeededEntropy a(7);
  SeededEntropy b(7);
  SeededEntropy c(8);
  const std::uint64_t first = a.next_u64();
  EXPECT_EQ(first, b.next_u64());
  EXPECT_NE(first, c.next_u64());
}

TEST(Entropy, BelowStaysBelow) {
  SeededEntropy entropy(1);
  std::array<int, 3> seen{};
  for (int i = 0; i < 300; ++i) ++seen.at(entropy.below(3));
  for (int count : seen) EXPECT_GT(count, 50);
}

TEST(Entropy, TheSystemDoesNotRepeatItself) {
  SystemEntropy entropy;
  EXPECT_NE(entropy.next_u64(), entropy.next_u64());
}

}  // namespace
}  // namespace custody
