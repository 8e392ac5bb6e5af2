// A figure beside the limit that it is held against. Google Benchmark repeats both in one run, mixed at
// random, so that what slows the machine down slows both down.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"

namespace custody::bench {

enum class Better { kHigher, kLower };

struct Figure {
  std::string name;
  std::string unit;  // of value and limit
  std::string limit_name;
  Better better = Better::kHigher;
};

constexpr std::size_t kRuns = 7;  // at least 5, and odd, so that the median is one of them

// One run of one arm: does the work and returns its figure.
using Arm = std::function<double()>;

double median(std::vector<double> values);  // not empty; of an even number, the mean of the middle two

// The line for standard output: medians, their ratio, and the value's least and greatest run.
std::string line(const Figure& figure, const std::vector<double>& values, const std::vector<double>& limits);

// One run of each that does not count, then kRuns of each in random order. Progress goes to standard error,
// line() to standard output.
void measure(const Figure& figure, const Arm& value, const Arm& limit);

// For what only a broken set-up can make fail: says what it was, then stops the program.
void must(const Status& status);
template <typename T>
T must(Result<T> result) {
  must(result.ok() ? ok_status() : result.status());
  return std::move(result).value();
}

// Seconds that the work takes, on the monotonic clock.
double seconds(const std::function<void()>& work);

}  // namespace custody::bench
