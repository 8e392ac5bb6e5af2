#include "policy/engine/wants.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace custody::policy::engine {
namespace {

bool is_above(const Point& a, const Point& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] < b[i]) return false;
  }
  return true;
}

TEST(Wants, FindsTheMinimalPointsOfRandomMonotonePredicates) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::vector<std::size_t> sizes = {1 + random() % 4, 1 + random() % 4, 1 + random() % 4};
    std::vector<Point> seeds;
    for (std::size_t i = 0; i < 1 + random() % 5; ++i) {
      seeds.push_back({random() % sizes[0], random() % sizes[1], random() % sizes[2]});
    }
    const auto holds = [&](const Point& point) {
      return std::ranges::any_of(seeds, [&](const Point& seed) { return is_above(point, seed); });
    };
    std::vector<Point> expected;
    for (const Point& seed : seeds) {
      const bool minimal = std::ranges::none_of(
          seeds, [&](const Point& other) { return other != seed && is_above(seed, other); });
      if (minimal && std::ranges::find(expected, seed) == expected.end()) expected.push_back(seed);
    }
    std::vector<Point> found = minimal_points(sizes, holds, 100, 10'000);
    std::ranges::sort(found);
    std::ranges::sort(expected);
    ASSERT_EQ(found, expected);
  }
}

TEST(Wants, StopsAtTheMostThatIsAskedForAndGivesAtLeastOne) {
  const std::vector<std::size_t> sizes(18, 3);
  std::size_t questions = 0;
  // Any two dimensions raised suffice: 153 minimal points.
  const auto holds = [&](const Point& point) {
    ++questions;
    return std::ranges::count_if(point, [](std::size_t step) { return step > 0; }) >= 2;
  };
  EXPECT_EQ(minimal_points(sizes, holds, 8, 1'000'000).size(), 8u);
  questions = 0;
  EXPECT_GE(minimal_points(sizes, holds, 8, 1).size(), 1u);
  EXPECT_LT(questions, 60u);
}

}  // namespace
}  // namespace custody::policy::engine
