#include "base/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace custody {
namespace {

TEST(Metrics, ExposesTheTextFormat) {
  Metrics metrics;
  metrics.counter("signatures_total", "Signatures made.", {{"kind", "vote"}}).add(3);
  metrics.counter("signatures_total", "", {{"kind", "payout"}}).add();
  metrics.gauge("height", "Height of the head.").set(12.5);
  EXPECT_EQ(metrics.expose(),
            "# HELP height Height of the head.\n"
            "# TYPE height gauge\n"
            "height 12.5\n"
            "# HELP signatures_total Signatures made.\n"
            "# TYPE signatures_total counter\n"
            "signatures_total{kind=\"payout\"} 1\n"
            "signatures_total{kind=\"vote\"} 3\n");
}

TEST(Metrics, EscapesHelpAndLabelValues) {
  Metrics metrics;
  metrics.gauge("g", "a\\b\n\"c\"", {{"peer", "x\"y\\z\n"}}).set(1);
  EXPECT_EQ(metrics.expose(), "# HELP g a\\\\b\\n\"c\"\n# TYPE g gauge\ng{peer=\"x\\\"y\\\\z\\n\"} 1\n");
}

TEST(Metrics, GaugesPrintSpecialValuesAsPrometheusReadsThem) {
  Metrics metrics;
  metrics.gauge("a", "").set(INFINITY);
  metrics.gauge("b", "").set(-INFINITY);
  metrics.gauge("c", "").set(NAN);
  const std::string text = metrics.expose();
  EXPECT_NE(text.find("\na +Inf\n"), std::string::npos);
  EXPECT_NE(text.find("\nb -Inf\n"), std::string::npos);
  EXPECT_NE(text.find("\nc NaN\n"), std::string::npos);
}

TEST(Metrics, TheSameSeriesIsTheSameObjectAcrossThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics] {
      for (int i = 0; i < 1000; ++i) metrics.counter("c", "", {{"l", std::to_string(i % 3)}}).add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::uint64_t total = 0;
  for (int i = 0; i < 3; ++i) total += metrics.counter("c", "", {{"l", std::to_string(i)}}).value();
  EXPECT_EQ(total, 4000u);
}

TEST(MetricsDeathTest, NamesAndKindsAreCheckedAlways) {
  EXPECT_DEATH(Metrics().counter("1st", ""), "CHECK failed");
  EXPECT_DEATH(Metrics().counter("ok", "", {{"not ok", ""}}), "CHECK failed");
  Metrics metrics;
  metrics.counter("name", "");
  EXPECT_DEATH(metrics.gauge("name", ""), "CHECK failed");
}

}  // namespace
}  // namespace custody
