#include "base/checked.h"

#include <gtest/gtest.h>

namespace custody {
namespace {

TEST(Checked, OverflowIsAValue) {
  EXPECT_EQ(checked_add<std::uint64_t>(UINT64_MAX, 1), std::nullopt);
  EXPECT_EQ(checked_add<std::uint64_t>(UINT64_MAX - 1, 1), UINT64_MAX);
  EXPECT_EQ(checked_sub<std::uint64_t>(0, 1), std::nullopt);
  EXPECT_EQ(checked_mul<std::uint64_t>(1ull << 32, 1ull << 32), std::nullopt);
  EXPECT_EQ(mul_div(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(mul_div(UINT64_MAX, 2, 1), std::nullopt);
  EXPECT_EQ(mul_div(1, 1, 0), std::nullopt);
}

}  // namespace
}  // namespace custody
