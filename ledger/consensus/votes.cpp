#include "ledger/consensus/votes.h"

#include <algorithm>

namespace custody::ledger::consensus {
namespace {

// More than there are proposals in the rounds that are kept, so that a cheat's votes for other proposed
// blocks cannot keep out the one that a proof of lock needs.
constexpr std::size_t kMaxVotesOfMember = 64;

}  // namespace

VoteSet::VoteSet(const model::MemberSet& set) : total_(set.total()) {
  for (const model::SetMember& member : set.members) slots_.push_back({member.weight, {}, false});
}

bool VoteSet::has(std::size_t member, const std::optional<model::BlockHash>& block) const {
  return std::ranges::any_of(slots_.at(member).votes, [&](const model::Vote& v) { return v.block == block; });
}

VoteSet::Added VoteSet::add(std::size_t member, const model::Vote& vote, bool keep_second) {
  Slot& slot = slots_.at(member);
  if (has(member, vote.block)) return {};
  Added out;
  if (!slot.votes.empty()) {
    slot.votes.reserve(kMaxVotesOfMember);  // `conflict` points into it
    if (!slot.conflict_reported) out.conflict = &slot.votes.front();
    slot.conflict_reported = true;
    if (!keep_second || slot.votes.size() == kMaxVotesOfMember) return out;
  }
  slot.votes.push_back(vote);
  out.kept = true;
  return out;
}

model::Weight VoteSet::weight_of(const std::optional<model::BlockHash>& block) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (has(i, block)) sum += slots_[i].weight.get();
  }
  return model::Weight(sum);
}

model::Weight VoteSet::any() const {
  std::uint64_t sum = 0;
  for (const Slot& slot : slots_) {
    if (!slot.votes.empty()) sum += slot.weight.get();
  }
  return model::Weight(sum);
}

std::uint32_t VoteSet::bitmap() const {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].votes.empty()) out |= 1u << i;
  }
  return out;
}

const std::optional<model::BlockHash>* VoteSet::decided(QuorumRule quorum) const {
  for (const Slot& slot : slots_) {
    for (const model::Vote& vote : slot.votes) {
      if (quorum(weight_of(vote.block), total_)) return &vote.block;
    }
  }
  return nullptr;
}

std::vector<const model::Vote*> VoteSet::of_member(std::size_t member) const {
  std::vector<const model::Vote*> out;
  for (const model::Vote& vote : slots_.at(member).votes) out.push_back(&vote);
  return out;
}

std::vector<const model::Vote*> VoteSet::for_block(const std::optional<model::BlockHash>& block) const {
  std::vector<const model::Vote*> out;
  for (const Slot& slot : slots_) {
    for (const model::Vote& vote : slot.votes) {
      if (vote.block == block) out.push_back(&vote);
    }
  }
  return out;
}

}  // namespace custody::ledger::consensus
