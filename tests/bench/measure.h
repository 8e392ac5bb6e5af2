// A figure beside the limit that it is held against. Both are measured in one run, turn by turn, so that what
// slows the machine down slows both down.
#pragma once

#include <functional>
#include <string>
#include <vector>

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

// One run of each that does not count, then kRuns of each, the arm that goes first changing every time.
// Progress goes to standard error, line() to standard output.
void measure(const Figure& figure, const Arm& value, const Arm& limit);

// Seconds that the work takes, on the monotonic clock.
double seconds(const std::function<void()>& work);

}  // namespace custody::bench
