// The votes of one type in one round, by weight. Thread-safety: one thread.
#pragma once

#include <optional>
#include <vector>

#include "ledger/model/block.h"
#include "ledger/model/genesis.h"

namespace custody::ledger::consensus {

// Strictly more than two thirds: model::is_quorum. A parameter so that the simulation can plant a wrong one
// and show that it is found; the product never passes another.
using QuorumRule = bool (*)(model::Weight part, model::Weight total);

// A member that votes for two blocks counts once per block (a certificate for either is valid as it stands)
// and once in any(). Its second vote is kept only for a block that was proposed, so what a cheat can make us
// hold is bounded.
class VoteSet {
 public:
  explicit VoteSet(const model::MemberSet& set);

  // The member's vote for this very block is here.
  bool has(std::size_t member, const std::optional<model::BlockHash>& block) const;
  struct Added {
    bool kept = false;
    const model::Vote* conflict =
        nullptr;  // an earlier vote of the member for another block; first time only
  };
  // `member` is the index of vote.member in the set; the signature has been checked.
  Added add(std::size_t member, const model::Vote& vote, bool keep_second);

  model::Weight weight_of(const std::optional<model::BlockHash>& block) const;
  model::Weight any() const;
  std::uint32_t bitmap() const;
  // The block (or nil) that a quorum voted for; nullptr when there is none.
  const std::optional<model::BlockHash>* decided(QuorumRule quorum) const;
  std::vector<const model::Vote*> of_member(std::size_t member) const;
  std::vector<const model::Vote*> for_block(
      const std::optional<model::BlockHash>& block) const;  // ascending members

 private:
  struct Slot {
    model::Weight weight;
    std::vector<model::Vote> votes;  // distinct blocks; the first counts for any()
    bool conflict_reported = false;
  };
  std::vector<Slot> slots_;
  model::Weight total_;
};

}  // namespace custody::ledger::consensus
