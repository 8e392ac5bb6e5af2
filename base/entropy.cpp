#include "base/entropy.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"

namespace custody {

std::uint64_t Entropy::next_u64() {
  std::uint8_t raw[8];
  fill(raw);
  std::uint64_t out = 0;
  for (std::uint8_t b : raw) out = out << 8 | b;
  return out;
}

std::uint64_t Entropy::below(std::uint64_t bound) {
  CHECK(bound > 0);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // rejects the uneven tail
  for (;;) {
    const std::uint64_t drawn = next_u64();
    if (drawn < limit) return drawn % bound;
  }
}

void SystemEntropy::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    CHECK(got > 0);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void SeededEntropy::fill(std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); i += 8) {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    for (std::size_t j = 0; j < 8 && i + j < out.size(); ++j)
      out[i + j] = static_cast<std::uint8_t>(z >> (8 * j));
  }
}

}  // namespace custody
