// What peers lack is read from their status and sent to them, a bounded amount per period: nothing relies on
// a message or a queue having survived.
#include <algorithm>

#include "ledger/consensus/consensus.h"

namespace custody::ledger::consensus {
namespace {

constexpr std::size_t kGossipBytesPerPeriod = 1u << 20;
constexpr std::size_t kVotesPerStatus = 64;
constexpr std::uint64_t kPaceFading = 16;  // periods: who once was slow is tried again
constexpr std::size_t kStatusRounds = 16;  // recent ones; those with a proof of lock come on top

const model::RoundVotes* reported(const model::PeerStatus& status, model::Round round) {
  for (const model::RoundVotes& one : status.votes) {
    if (one.round == round) return &one;
  }
  return nullptr;
}

bool bit(ByteView bitmap, std::uint32_t index) {
  return index / 8 < bitmap.size() && (bitmap[index / 8] >> index % 8 & 1u) != 0;
}

// Votes that a peer lacks by its bitmap.
void collect_missing(const VoteSet& votes, std::uint32_t held, std::size_t members,
                     std::vector<const model::Vote*>& out) {
  for (std::size_t i = 0; i < members; ++i) {
    if ((held >> i & 1u) != 0) continue;
    for (const model::Vote* vote : votes.of_member(i)) out.push_back(vote);
  }
}

}  // namespace

void Consensus::gossip() {
  gossip_at_ = after(kGossipMs);
  for (auto& [id, peer] : peers_) {
    peer.budget = kGossipBytesPerPeriod;
    peer.checks = 0;
    peer.read -= std::min(peer.read, kReadBytesPerPeriod);
    peer.pace -= (peer.pace + kPaceFading - 1) / kPaceFading;
  }
  actions_.push_back(Broadcast{encode_peer_message(own_status())});
  catch_up(true);
}

model::PeerStatus Consensus::own_status() const {
  model::PeerStatus status{height_, round_, static_cast<std::uint8_t>(step_), std::nullopt, {}};
  if (const RoundState* state = find_round(round_); state != nullptr && state->proposal) {
    const auto found = candidates_.find(std::pair(state->proposal->parts_root, state->proposal->part_count));
    if (found != candidates_.end()) {
      status.proposal = model::PartsHeld{state->proposal->parts_root, found->second.parts.bitmap()};
    }
  }
  for (const auto& [round, state] : rounds_) {
    const auto* decided = state.prevotes.decided(config_.quorum);
    const bool proof = decided != nullptr && decided->has_value();
    const bool recent = std::uint64_t{round.get()} + kStatusRounds > round_.get();
    if (!recent && !proof) continue;
    status.votes.push_back({round, state.prevotes.bitmap(), state.precommits.bitmap(), proof});
  }
  // Oldest first, so what does not fit is what matters least.
  if (status.votes.size() > model::kMaxStatusRounds) {
    status.votes.erase(status.votes.begin(), status.votes.end() - model::kMaxStatusRounds);
  }
  return status;
}

void Consensus::send_missing(model::MemberId peer, const model::PeerStatus& status) {
  send_missing_votes(peer, status);
  send_missing_block(peer, status);
}

void Consensus::send_missing_votes(model::MemberId peer, const model::PeerStatus& status) {
  std::vector<const model::Vote*> missing;
  for (auto entry = rounds_.rbegin(); entry != rounds_.rend(); ++entry) {
    const auto& [round, state] = *entry;
    const auto* decided = state.prevotes.decided(config_.quorum);
    const bool proof = decided != nullptr && decided->has_value();
    const model::RoundVotes* theirs = reported(status, round);
    // A round that the peer has passed and dropped: only a proof of lock is still of use to it.
    if (theirs == nullptr && round < status.round && !proof) continue;
    const std::size_t before = missing.size();
    collect_missing(state.prevotes, theirs == nullptr ? 0 : theirs->prevotes, set_.members.size(), missing);
    if (theirs != nullptr && proof && !theirs->prevote_quorum && missing.size() == before) {
      // It has as many votes and no proof: a cheat gave it other ones.
      for (const model::Vote* vote : state.prevotes.for_block(*decided)) missing.push_back(vote);
    }
    if (theirs != nullptr || round >= status.round) {
      collect_missing(state.precommits, theirs == nullptr ? 0 : theirs->precommits, set_.members.size(),
                      missing);
    }
    if (missing.size() >= kVotesPerStatus) break;
  }
  if (missing.size() > kVotesPerStatus) missing.resize(kVotesPerStatus);
  for (const model::Vote* vote : missing) {
    if (!send_within_budget(peer, *vote)) return;
  }
}

void Consensus::send_missing_block(model::MemberId peer, const model::PeerStatus& status) {
  const RoundState* state = find_round(status.round);
  if (state == nullptr || !state->proposal) return;
  const model::BlockProposal& proposal = *state->proposal;
  if (!status.proposal && !send_within_budget(peer, proposal)) return;
  if (status.proposal && status.proposal->parts_root != proposal.parts_root) return;
  const auto found = candidates_.find(std::pair(proposal.parts_root, proposal.part_count));
  if (found == candidates_.end()) return;
  const PartSet& parts = found->second.parts;
  for (std::uint32_t i = 0; i < parts.count(); ++i) {
    if (!parts.has(i) || (status.proposal && bit(status.proposal->bitmap, i))) continue;
    if (peers_[peer].budget < parts.part(i).data.size()) return;
    if (!send_within_budget(peer, model::ProposalPart{height_, proposal.parts_root, parts.part(i)})) return;
  }
}

bool Consensus::send_within_budget(model::MemberId peer, model::PeerMessageBody message) {
  Bytes bytes = encode_peer_message(std::move(message));
  Peer& known = peers_[peer];
  if (known.budget < bytes.size()) return false;
  known.budget -= bytes.size();
  actions_.push_back(Send{peer, std::move(bytes)});
  return true;
}

}  // namespace custody::ledger::consensus
