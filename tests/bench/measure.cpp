#include "tests/bench/measure.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>

#include "base/json.h"

namespace custody::bench {
namespace {

constexpr char kValue[] = "value";
constexpr char kLimit[] = "limit";
constexpr char kCounter[] = "figure";

// Keeps each arm's figures; Google Benchmark itself prints nothing.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Iteration) {
        figures[run.run_name.function_name].push_back(run.counters.at(kCounter).value);
      }
    }
  }
  std::map<std::string, std::vector<double>> figures;
};

void add_arm(const char* arm, const Figure& figure, const Arm& run) {
  benchmark::RegisterBenchmark(arm,
                               [arm, &figure, &run](benchmark::State& state) {
                                 for (auto iteration : state) {
                                   static_cast<void>(iteration);
                                   state.counters[kCounter] = run();
                                 }
                                 std::fprintf(stderr, "%s: %s %.6g %s\n", figure.name.c_str(), arm,
                                              state.counters[kCounter].value, figure.unit.c_str());
                               })
      ->Iterations(1)
      ->Repetitions(static_cast<int>(kRuns));
}

}  // namespace

double median(std::vector<double> values) {
  CHECK(!values.empty());
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string line(const Figure& figure, const std::vector<double>& values, const std::vector<double>& limits) {
  const double value = median(values);
  const double limit = median(limits);
  return Json::object()
      .set("name", figure.name)
      .set("unit", figure.unit)
      .set("value", value)
      .set("limit_name", figure.limit_name)
      .set("limit", limit)
      .set("ratio", value / limit)
      .set("better", figure.better == Better::kHigher ? "higher" : "lower")
      .set("runs", static_cast<std::uint64_t>(values.size()))
      .set("min", *std::ranges::min_element(values))
      .set("max", *std::ranges::max_element(values))
      .dump();
}

void measure(const Figure& figure, const Arm& value, const Arm& limit) {
  value();
  limit();
  std::array<char, 8> program{"measure"};
  std::array<char, 48> mixed{"--benchmark_enable_random_interleaving=true"};
  std::array<char*, 3> arguments{program.data(), mixed.data(), nullptr};
  int count = 2;
  benchmark::Initialize(&count, arguments.data());
  benchmark::ClearRegisteredBenchmarks();
  add_arm(kValue, figure, value);
  add_arm(kLimit, figure, limit);
  Collector collector;
  CHECK(benchmark::RunSpecifiedBenchmarks(&collector) == 2);
  std::printf("%s\n", line(figure, collector.figures.at(kValue), collector.figures.at(kLimit)).c_str());
  std::fflush(stdout);
}

void must(const Status& status) {
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.to_string().c_str());
  CHECK(status.ok());
}

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace custody::bench
