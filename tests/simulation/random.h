// All chance of a run, from its seed. Thread-safety: one thread.
#pragma once

#include <vector>

#include "base/entropy.h"

namespace custody::tests::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : entropy_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : entropy_.below(bound); }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  bool chance(double probability) { return static_cast<double>(below(1u << 20)) < probability * (1u << 20); }
  std::uint64_t exponential(std::uint64_t mean);  // capped at 20 means
  std::int64_t offset(std::uint64_t most) {       // -most..most
    return static_cast<std::int64_t>(below(2 * most + 1)) - static_cast<std::int64_t>(most);
  }
  Entropy& entropy() { return entropy_; }

 private:
  SeededEntropy entropy_;
};

}  // namespace custody::tests::simulation
