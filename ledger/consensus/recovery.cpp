// A restart: the log of the height that is not yet committed gives back position, lock, messages, and what
// was decided but perhaps not yet signed.
#include "ledger/consensus/consensus.h"

namespace custody::ledger::consensus {

void Consensus::recover() {
  recovering_ = true;
  std::erase_if(records_, [&](const LogRecord& record) { return record.height != height_; });
  if (!records_.empty()) {
    recover_position();
    recover_messages();
    recover_pending();
  }
  records_.clear();
  records_.shrink_to_fit();
  recovering_ = false;
}

// The last intent says how far this member had gone: it never decides again what it decided before.
void Consensus::recover_position() {
  for (const LogRecord& record : records_) {
    std::pair reached(round_, step_);
    if (const auto* proposal = std::get_if<model::ProposalIntent>(&record.entry)) {
      reached = {proposal->round, Step::kPropose};
    } else if (const auto* vote = std::get_if<model::VoteIntent>(&record.entry)) {
      reached = {vote->round, vote->type == model::VoteType::kPrevote ? Step::kPrevote : Step::kPrecommit};
    } else if (const auto* lock = std::get_if<LockRecord>(&record.entry)) {
      locked_ = Lock{lock->round, lock->block};
    }
    if (reached > std::pair(round_, step_)) std::tie(round_, step_) = reached;
  }
  if (step_ == Step::kPropose) propose_deadline_ = after(timeout_ms());
  if (step_ > Step::kPropose) stall_deadline_ = after(kStallFactor * timeout_ms());
}

// Proposals first: votes for their blocks and parts of them are kept only then.
void Consensus::recover_messages() {
  for (const LogRecord& record : records_) {
    if (const auto* proposal = std::get_if<model::BlockProposal>(&record.entry)) {
      insert_proposal(*proposal, UnixMs{record.wall_ms});
    } else if (const auto* intent = std::get_if<model::ProposalIntent>(&record.entry)) {
      // The member's own block: its parts are wanted even if the proposal was never signed.
      auto parts = PartSet::expect(intent->parts_root, intent->part_count);
      const std::pair key(intent->parts_root, intent->part_count);
      if (parts.ok() && !candidates_.contains(key)) candidates_[key].parts = std::move(*parts);
    }
  }
  for (const LogRecord& record : records_) {
    if (const auto* part = std::get_if<model::ProposalPart>(&record.entry)) {
      (void)insert_part(*part);
    } else if (const auto* vote = std::get_if<model::Vote>(&record.entry)) {
      if (const auto member = member_index(vote->member)) insert_vote(*vote, *member);
    }
  }
  valid_ = locked_;
  for (const auto& [round, state] : rounds_) {
    const auto* decided = state.prevotes.decided(config_.quorum);
    if (round > round_ || decided == nullptr || !*decided || (valid_ && valid_->round >= round)) continue;
    if (valid_candidate(**decided) != nullptr) valid_ = Lock{round, **decided};
    if (halted_) return;
  }
}

// Intents without their signed message are asked for again, the same bytes, in the same order.
void Consensus::recover_pending() {
  const auto is_signed = [&](const model::Intent& intent) {
    if (const auto* proposal = std::get_if<model::ProposalIntent>(&intent)) {
      const RoundState* state = find_round(proposal->round);
      return state != nullptr && state->proposal.has_value();
    }
    const auto& vote = std::get<model::VoteIntent>(intent);
    const RoundState* state = find_round(vote.round);
    const auto member = member_index(*config_.self);
    if (state == nullptr || !member) return false;
    return (vote.type == model::VoteType::kPrevote ? state->prevotes : state->precommits)
        .has(*member, vote.block);
  };
  if (!config_.self) return;
  for (const LogRecord& record : records_) {
    model::Intent intent;
    if (const auto* proposal = std::get_if<model::ProposalIntent>(&record.entry)) {
      intent = *proposal;
    } else if (const auto* vote = std::get_if<model::VoteIntent>(&record.entry)) {
      intent = *vote;
    } else {
      continue;
    }
    if (!is_signed(intent)) pending_[next_request_++] = Pending{height_, intent, std::nullopt};
  }
  retry_signatures(true);
}

}  // namespace custody::ledger::consensus
