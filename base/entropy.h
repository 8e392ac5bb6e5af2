// Randomness as an argument. Thread-safety: SystemEntropy is thread-safe, SeededEntropy is not.
#pragma once

#include <cstdint>
#include <span>

namespace custody {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
  std::uint64_t next_u64();
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound); bound must be positive
};

// getrandom(2); a failure is fatal, because nothing sensible can follow.
class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

// Reproducible stream (SplitMix64) for simulation and tests only: never for keys.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_;
};

}  // namespace custody
