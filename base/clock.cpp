#include "base/clock.h"

#include <ctime>

#include "base/status.h"

namespace custody {
namespace {
std::uint64_t read_ms(clockid_t id) {
  timespec now{};
  CHECK(clock_gettime(id, &now) == 0);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}
}  // namespace

UnixMs SystemClock::wall() const {
  return {read_ms(CLOCK_REALTIME)};
}
MonotonicMs SystemClock::monotonic() const {
  return {read_ms(CLOCK_BOOTTIME)};
}

}  // namespace custody
