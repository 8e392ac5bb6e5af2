#include "tests/simulation/checks.h"

#include "ledger/light/light.h"
#include "ledger/state/audit.h"
#include "proto/reader/digests.h"

namespace custody::tests::simulation {
namespace {

std::string at(std::uint64_t height, std::uint32_t round) {
  return " at height " + std::to_string(height) + " round " + std::to_string(round);
}

}  // namespace

Checks::Checks(const Network& network, std::vector<Conduct> conduct)
    : network_(network),
      set_(model::member_set(network.genesis)),
      conduct_(std::move(conduct)),
      locked_(conduct_.size()) {}

void Checks::fail(const std::string& what) {
  if (error_.empty()) error_ = what;
}

void Checks::on_signed(std::size_t member, const model::Intent& intent, const Hash256& digest) {
  Position position{member, 0, 0, 0};
  const auto* vote = std::get_if<model::VoteIntent>(&intent);
  if (vote != nullptr) {
    position = {member, vote->height.get(), vote->round.get(),
                vote->type == model::VoteType::kPrevote ? 2 : 3};
  } else {
    const auto& proposal = std::get<model::ProposalIntent>(intent);
    position = {member, proposal.height.get(), proposal.round.get(), 1};
  }
  max_round_ = std::max(max_round_, position.round);
  const auto [known, fresh] = signed_.emplace(position, digest);
  if (!fresh && known->second != digest) {
    ++equivocations_;
    if (conduct_[member] != Conduct::kCheat) {
      fail("one signature per position: member " + std::to_string(member + 1) + " signed twice" +
           at(position.height, position.round) + " step " + std::to_string(position.step));
    }
  }
  if (vote != nullptr) check_vote(member, *vote);
}

// Strictly more than two thirds of weight prevoted it: computed here, not by the code under test.
bool Checks::has_proof(std::uint64_t height, std::uint32_t round, const model::BlockHash& block) const {
  const auto found = prevotes_.find({height, round, block});
  if (found == prevotes_.end()) return false;
  std::uint64_t weight = 0;
  for (const std::size_t member : found->second) weight += set_.members[member].weight.get();
  return weight * 3 > set_.total().get() * 2;
}

void Checks::check_vote(std::size_t member, const model::VoteIntent& vote) {
  const std::uint64_t height = vote.height.get();
  const std::uint32_t round = vote.round.get();
  if (!vote.block) return;
  Locked& locked = locked_[member];
  if (vote.type == model::VoteType::kPrevote) {
    prevotes_[{height, round, *vote.block}].insert(member);
    const bool against = locked.height == height && locked.block != *vote.block && round > locked.round;
    if (!against || conduct_[member] != Conduct::kCorrect) return;
    for (std::uint32_t proof = locked.round; proof < round; ++proof) {
      if (has_proof(height, proof, *vote.block)) return;
    }
    fail("lock: member " + std::to_string(member + 1) +
         " prevoted another block than its lock without a proof" + at(height, round));
  } else if (conduct_[member] == Conduct::kCorrect) {
    if (!has_proof(height, round, *vote.block)) {
      fail("precommit without a quorum of prevotes by member " + std::to_string(member + 1) +
           at(height, round));
    }
    locked = {height, round, *vote.block};
  }
}

void Checks::on_committed(std::size_t member, const model::Block& block, const model::Commit& commit,
                          const ledger::node::Replica& replica) {
  const std::string who = "member " + std::to_string(member + 1);
  const model::Height height = block.header.height;
  const model::BlockHash hash = proto::reader::block_hash(block.header);
  const auto [known, first] = decided_.emplace(height, hash);
  if (!first && known->second != hash) {
    return fail("agreement: two blocks at height " + std::to_string(height.get()) + ", one of " + who);
  }
  if (commit.block != hash || commit.height != height) return fail("commit of another block by " + who);
  if (commits_.insert(crypto::sha256(proto::reader::encode(commit))).second) {
    const Status valid = ledger::light::verify_commit(network_.chain, set_, commit);
    if (!valid.ok()) return fail("commit validity: " + valid.message() + ", by " + who);
  }
  // One step may commit several blocks: the state is that of the last.
  if (replica.state().height() > height) return;
  if (replica.state().height() != height || replica.state().root() != block.header.state_root) {
    return fail("state root: " + who + " has another state at height " + std::to_string(height.get()));
  }
  // Equal roots are equal states: one audit per state is enough.
  if (audited_.insert({height, block.header.state_root}).second) {
    const Status sound = ledger::state::audit(replica.state());
    if (!sound.ok()) fail("conservation at height " + std::to_string(height.get()) + ": " + sound.message());
  }
}

void Checks::on_recovered(std::size_t member, model::Height before, const ledger::node::Replica& replica) {
  const auto tip = replica.tip();
  const auto known = decided_.find(tip.height);
  const bool same = tip.height == model::Height(0) || (known != decided_.end() && known->second == tip.hash);
  // A crash may come between the store's write and the news of it: one more block than was told is right.
  if (tip.height < before)
    fail("member " + std::to_string(member + 1) + " lost a committed block in a restart");
  if (tip.height == before && !same)
    fail("member " + std::to_string(member + 1) + " restarted with another block");
}

}  // namespace custody::tests::simulation
