#include "tests/bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>

#include "base/json.h"

namespace custody::bench {

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
  std::vector<double> values;
  std::vector<double> limits;
  for (std::size_t run = 0; run < kRuns; ++run) {
    if (run % 2 == 0) values.push_back(value());
    limits.push_back(limit());
    if (run % 2 == 1) values.push_back(value());
    std::fprintf(stderr, "%s: run %zu of %zu: %.6g %s, %s %.6g\n", figure.name.c_str(), run + 1, kRuns,
                 values.back(), figure.unit.c_str(), figure.limit_name.c_str(), limits.back());
  }
  std::printf("%s\n", line(figure, values, limits).c_str());
  std::fflush(stdout);
}

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace custody::bench
