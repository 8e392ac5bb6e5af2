// One run: members with real consensus, state and guard over simulated network, clocks and disks, all chance
// from one seed. First faults, then healing. Thread-safety: one thread; runs share nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace custody::tests::simulation {

// Mistakes that a run must find. They are made here, by what the product lets its caller inject; the product
// has none.
enum class Plant : std::uint8_t {
  kNone,
  kQuorumGe,          // two thirds of weight are taken for a quorum
  kLockNotSaved,      // the log drops lock records
  kWatermarkSkipped,  // the guard does not compare with what it signed last
};
std::optional<Plant> parse_plant(std::string_view name);

struct Outcome {
  std::uint64_t seed = 0;
  std::string error;  // empty: all checks held
  std::uint64_t members = 0;
  std::uint64_t height = 0;
  std::uint64_t max_round = 0;
  std::uint64_t crashes = 0;
  std::uint64_t lost_writes = 0;
  std::uint64_t partitions = 0;
  std::uint64_t equivocations = 0;
  std::uint64_t attestations = 0;  // members whose policy stands in the ledger at the end
  std::string log_hash;            // SHA-256 of every event in order
};

Outcome run(std::uint64_t seed, Plant plant, bool verbose);

}  // namespace custody::tests::simulation
