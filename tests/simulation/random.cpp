#include "tests/simulation/random.h"

namespace custody::tests::simulation {

// Geometric steps of an eighth of the mean: integers only, so that every compiler gives the same run.
std::uint64_t Random::exponential(std::uint64_t mean) {
  const std::uint64_t unit = mean / 8 + 1;
  std::uint64_t out = below(unit);
  for (int i = 0; i < 160 && below(8) != 0; ++i) out += unit;
  return out;
}

}  // namespace custody::tests::simulation
