#include "tests/bench/measure.h"

#include <gtest/gtest.h>

namespace custody::bench {
namespace {

TEST(Measure, MedianIsTheMiddleOne) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(Measure, LineHoldsMediansAndTheirRatio) {
  const Figure figure{"votes", "votes/s", "sign_verify", Better::kHigher};
  EXPECT_EQ(line(figure, {10.5, 30.5, 20.5}, {82, 41, 20.5}),
            R"({"name":"votes","unit":"votes/s","value":20.5,"limit_name":"sign_verify","limit":41.0,)"
            R"("ratio":0.5,"better":"higher","runs":3,"min":10.5,"max":30.5})");
}

TEST(Measure, TheFirstRunOfEachArmDoesNotCount) {
  std::size_t values = 0;
  std::size_t limits = 0;
  testing::internal::CaptureStdout();
  measure(
      {"latency", "ms", "target", Better::kLower}, [&] { return values++ == 0 ? 1000.0 : 2.0; },
      [&] { return limits++ == 0 ? 1000.0 : 4.0; });
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            R"({"name":"latency","unit":"ms","value":2.0,"limit_name":"target","limit":4.0,"ratio":0.5,)"
            R"("better":"lower","runs":7,"min":2.0,"max":2.0})"
            "\n");
  EXPECT_EQ(values, kRuns + 1);
  EXPECT_EQ(limits, kRuns + 1);
}

}  // namespace
}  // namespace custody::bench
