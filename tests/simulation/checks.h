// What must hold after every event. Everything is kept from the start of the run, across crashes.
// Thread-safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "ledger/node/replica.h"
#include "tests/simulation/network.h"

namespace custody::tests::simulation {

enum class Conduct : std::uint8_t {
  kCorrect,  // one node, its guard
  kTwin,     // two nodes that ask one guarded signer: still one signature per position
  kCheat,    // two nodes that share the key without a guard
};

class Checks {
 public:
  Checks(const Network& network, std::vector<Conduct> conduct);

  // The first rule that was broken; empty while all is well.
  const std::string& error() const { return error_; }
  void fail(const std::string& what);

  // Every signature that is made, before it goes anywhere.
  void on_signed(std::size_t member, const model::Intent& intent, const Hash256& digest);
  // Every block that a node says is committed; `replica` has just committed it.
  void on_committed(std::size_t member, const model::Block& block, const model::Commit& commit,
                    const ledger::node::Replica& replica);
  // A node after its restart: nothing that was committed is gone.
  void on_recovered(std::size_t member, model::Height before, const ledger::node::Replica& replica);

  std::uint64_t equivocations() const { return equivocations_; }
  std::uint32_t max_round() const { return max_round_; }

 private:
  struct Position {
    std::size_t member;
    std::uint64_t height;
    std::uint32_t round;
    int step;
    friend auto operator<=>(const Position&, const Position&) = default;
  };
  struct Locked {
    std::uint64_t height = 0;
    std::uint32_t round = 0;
    model::BlockHash block;
  };
  bool has_proof(std::uint64_t height, std::uint32_t round, const model::BlockHash& block) const;
  void check_vote(std::size_t member, const model::VoteIntent& vote);

  const Network& network_;
  model::MemberSet set_;
  std::vector<Conduct> conduct_;
  std::string error_;
  std::map<Position, Hash256> signed_;
  // Who prevoted a block in a round.
  std::map<std::tuple<std::uint64_t, std::uint32_t, model::BlockHash>, std::set<std::size_t>> prevotes_;
  std::vector<Locked> locked_;
  std::map<model::Height, model::BlockHash> decided_;
  std::set<Hash256> commits_;  // that were verified
  std::set<std::pair<model::Height, Hash256>> audited_;
  std::uint64_t equivocations_ = 0;
  std::uint32_t max_round_ = 0;
};

}  // namespace custody::tests::simulation
