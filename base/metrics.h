// Counters and gauges of one process, printed in the Prometheus text format 0.0.4. No server: the daemon
// serves the text. Thread-safe; updates are one atomic operation.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace custody {

class Counter {
 public:
  void add(std::uint64_t more = 1) { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Metrics {
 public:
  // Names match [a-zA-Z_][a-zA-Z0-9_]*, in the order in which they are printed. Values are any text, from a
  // bounded set (member names, not request ids): a series lives as long as the registry.
  using Labels = std::vector<std::pair<std::string, std::string>>;

  // The series of that name and labels, made when new; valid as long as the registry. Keep the reference:
  // finding it takes a lock. A name that is malformed, or is used for the other kind, is a mistake of ours.
  // The first help text counts.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});

  // Families by name, series by labels; each family with # HELP and # TYPE. Content type "text/plain;
  // version=0.0.4".
  std::string expose() const;

 private:
  struct Family {
    std::string help;
    bool is_counter = false;
    std::map<std::string, std::unique_ptr<Counter>> counters;  // by printed labels
    std::map<std::string, std::unique_ptr<Gauge>> gauges;
  };
  Family& family(std::string_view name, std::string_view help, bool is_counter);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace custody
