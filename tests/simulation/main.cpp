// simulation --seeds N --start S [--plant P] [--all-counters] [--twice] [--until-found] [--verbose]
// One line of JSON per seed. Exit 0: all as expected; 1: not; 2: usage.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/json.h"
#include "tests/simulation/simulation.h"

namespace custody::tests::simulation {
namespace {

struct Arguments {
  std::uint64_t seeds = 1;
  std::uint64_t start = 1;
  Plant plant = Plant::kNone;
  bool all_counters = false;  // over all seeds each counter must be above 0
  bool twice = false;         // each seed must give the same log again
  bool until_found = false;   // stop, successfully, at the first seed that is not ok
  bool verbose = false;
};

int usage() {
  std::fputs("usage: simulation --seeds N --start S [--plant quorum_ge|lock_not_saved|watermark_skipped]\n",
             stderr);
  return 2;
}

bool parse_number(const char* text, std::uint64_t& out) {
  char* end = nullptr;
  out = std::strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == '\0';
}

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (name == "--all-counters") {
      out.all_counters = true;
    } else if (name == "--twice") {
      out.twice = true;
    } else if (name == "--until-found") {
      out.until_found = true;
    } else if (name == "--verbose") {
      out.verbose = true;
    } else if (name == "--plant") {
      const auto plant = value == nullptr ? std::nullopt : parse_plant(value);
      if (!plant) return false;
      out.plant = *plant;
      ++i;
    } else if (name == "--seeds" || name == "--start") {
      if (value == nullptr || !parse_number(value, name == "--seeds" ? out.seeds : out.start)) return false;
      ++i;
    } else {
      return false;
    }
  }
  return out.seeds > 0;
}

void print(const Outcome& outcome) {
  Json line = Json::object();
  line.set("seed", outcome.seed);
  line.set("ok", outcome.error.empty());
  line.set("members", outcome.members);
  line.set("height", outcome.height);
  line.set("max_round", outcome.max_round);
  line.set("crashes", outcome.crashes);
  line.set("lost_writes", outcome.lost_writes);
  line.set("partitions", outcome.partitions);
  line.set("equivocations", outcome.equivocations);
  line.set("attestations", outcome.attestations);
  line.set("log_hash", outcome.log_hash);
  if (!outcome.error.empty()) line.set("error", outcome.error);
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

void add(Outcome& sum, const Outcome& one) {
  sum.height += one.height;
  sum.max_round += one.max_round;
  sum.crashes += one.crashes;
  sum.lost_writes += one.lost_writes;
  sum.partitions += one.partitions;
  sum.equivocations += one.equivocations;
  sum.attestations += one.attestations;
}

bool every_counter(const Outcome& sum) {
  return sum.height > 0 && sum.max_round > 0 && sum.crashes > 0 && sum.lost_writes > 0 &&
         sum.partitions > 0 && sum.equivocations > 0 && sum.attestations > 0;
}

int main_inner(const Arguments& arguments) {
  bool good = true;
  Outcome sum;
  for (std::uint64_t seed = arguments.start; seed < arguments.start + arguments.seeds; ++seed) {
    Outcome outcome = run(seed, arguments.plant, arguments.verbose);
    if (arguments.twice && run(seed, arguments.plant, false).log_hash != outcome.log_hash &&
        outcome.error.empty()) {
      outcome.error = "the same seed gave another log";
    }
    print(outcome);
    add(sum, outcome);
    if (!outcome.error.empty() && arguments.until_found) return 0;
    good = good && outcome.error.empty();
  }
  if (arguments.until_found) {
    std::fputs("no seed found the planted fault\n", stderr);
    return 1;
  }
  if (arguments.all_counters && !every_counter(sum)) {
    std::fputs("a counter stayed at 0 over all seeds: that fault was never tried\n", stderr);
    return 1;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace custody::tests::simulation

int main(int argc, char** argv) {
  custody::tests::simulation::Arguments arguments;
  if (!custody::tests::simulation::parse(argc, argv, arguments)) return custody::tests::simulation::usage();
  return custody::tests::simulation::main_inner(arguments);
}
