// Time as an argument: cores take `now` in their events, daemons take a Clock. Thread-safety: stated per
// class.
#pragma once

#include <compare>
#include <cstdint>

namespace custody {

// Milliseconds since the Unix epoch (wall) or since boot (monotonic). Never mixed: monotonic measures
// durations only.
struct UnixMs {
  std::uint64_t value = 0;
  friend auto operator<=>(const UnixMs&, const UnixMs&) = default;
};
struct MonotonicMs {
  std::uint64_t value = 0;
  friend auto operator<=>(const MonotonicMs&, const MonotonicMs&) = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMs wall() const = 0;
  virtual MonotonicMs monotonic() const = 0;  // CLOCK_BOOTTIME: counts suspend, never steps back
};

// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  UnixMs wall() const override;
  MonotonicMs monotonic() const override;
};

// Moved by hand, for tests and simulation. Not thread-safe.
class ManualClock final : public Clock {
 public:
  UnixMs wall() const override { return wall_; }
  MonotonicMs monotonic() const override { return monotonic_; }
  void advance(std::uint64_t ms) {
    wall_.value += ms;
    monotonic_.value += ms;
  }
  void set_wall(UnixMs now) { wall_ = now; }

 private:
  UnixMs wall_{1'700'000'000'000};
  MonotonicMs monotonic_{1'000};
};

}  // namespace custody
