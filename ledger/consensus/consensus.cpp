#include "ledger/consensus/consensus.h"

#include <algorithm>

#include "base/merkle/merkle.h"
#include "ledger/consensus/proposer.h"
#include "ledger/light/light.h"
#include "proto/reader/describe_peer.h"
#include "proto/reader/digests.h"

namespace custody::ledger::consensus {
namespace {

constexpr std::size_t kFutureRoundsOfMember = 4;
constexpr std::size_t kEarlyBytesOfPeer = 1u << 20;
constexpr std::size_t kEarlyMessagesOfPeer = 512;
constexpr std::uint32_t kRoundsKept = 16;  // below the current one, besides those with a proof of lock
constexpr std::uint64_t kSignRetryMs = 500;

std::string position(model::Height height, model::Round round) {
  return "height " + std::to_string(height.get()) + " round " + std::to_string(round.get());
}

std::size_t early_size(const model::PeerMessageBody& message) {
  const auto* part = std::get_if<model::ProposalPart>(&message);
  return 512 + (part == nullptr ? 0 : part->part.data.size());
}

// A vote that was asked to be signed again gives the same bytes, so these may be tried again.
bool worth_retrying(std::uint8_t code) {
  return code == static_cast<std::uint8_t>(Code::kOutcomeUnknown) ||
         code == static_cast<std::uint8_t>(Code::kUnavailable);
}

}  // namespace

Bytes encode_peer_message(model::PeerMessageBody body) {
  return proto::reader::encode(model::PeerMessage{std::move(body)});
}

Result<model::PeerMessageBody> decode_peer_message(ByteView bytes) {
  ASSIGN_OR_RETURN(model::PeerMessage message,
                   proto::reader::decode<model::PeerMessage>(bytes, model::kMaxPeerMessage));
  return std::move(message.body);
}

Consensus::Consensus(Config config, Application& application, Log& log, std::vector<LogRecord> records)
    : config_(std::move(config)), app_(application), log_(log), records_(std::move(records)) {
  CHECK(config_.quorum != nullptr && config_.verify != nullptr);
}

Consensus::~Consensus() = default;

Actions Consensus::step(const Now& now, const Event& event) {
  actions_.clear();
  if (halted_) return {};
  now_ = now;
  std::visit([this](const auto& one) { on(one); }, event);
  if (!halted_) run_rules();
  if (!halted_ && log_dirty_) {
    const Status synced = log_.sync();
    log_dirty_ = false;
    if (!synced.ok()) halt(synced.with_context("consensus log"));
  }
  if (!halted_) wake_up();
  return std::move(actions_);
}

model::Height Consensus::peer_height(model::MemberId peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? model::Height() : found->second.height;
}

std::vector<model::MemberId> Consensus::missing_votes() const {
  std::vector<model::MemberId> out;
  const RoundState* state = find_round(round_);
  for (std::size_t i = 0; i < set_.members.size(); ++i) {
    const bool voted =
        state != nullptr && ((state->prevotes.bitmap() | state->precommits.bitmap()) >> i & 1u) != 0;
    if (!voted) out.push_back(set_.members[i].id);
  }
  return out;
}

// ---- Events ----

void Consensus::on(const Start&) {
  tip_ = app_.tip();
  last_commit_ = tip_.commit;
  enter_height();
  recover();
  gossip_at_ = now_.monotonic;
}

void Consensus::on(const FromPeer& event) {
  if (config_.self && event.peer == *config_.self) return;
  receive(event.peer, event.message);
}

void Consensus::receive(model::MemberId peer, const model::PeerMessageBody& message) {
  std::visit([&](const auto& one) { on_message(peer, one); }, message);
}

void Consensus::on(const FromSigner& event) {
  const auto found = pending_.find(event.reply.id);
  if (found == pending_.end()) return;
  Pending pending = found->second;
  if (worth_retrying(event.reply.code)) {
    found->second.retry_at = after(kSignRetryMs);
    return;
  }
  pending_.erase(found);
  if (event.reply.code != 0 || event.reply.signatures.size() != 1) {
    report(refused("the signer refused a message at height " + std::to_string(pending.height.get()) + ": " +
                   std::string(as_text(event.reply.message))));
    return;
  }
  const Signature& signature = event.reply.signatures.front();
  if (const auto* vote = std::get_if<model::VoteIntent>(&pending.intent)) {
    signed_vote(*vote, pending.height, signature);
  } else if (const auto* proposal = std::get_if<model::ProposalIntent>(&pending.intent)) {
    signed_proposal(*proposal, signature);
  }
}

void Consensus::on_message(model::MemberId peer, const model::BlockProposal& proposal) {
  const bool next_height = proposal.height == model::next(height_);
  const bool next_round = proposal.height == height_ && proposal.round > round_;
  if (next_height || next_round) return keep_early(peer, proposal);
  // Blocks of older rounds come by catch-up if they were decided: they would only fill the memory.
  if (proposal.height != height_ || model::next(proposal.round) < round_) return;
  if (!check_proposal(peer, proposal)) return;
  insert_proposal(proposal, now_.wall);
}

void Consensus::on_message(model::MemberId peer, const model::ProposalPart& part) {
  if (part.height == model::next(height_)) return keep_early(peer, part);
  if (part.height != height_) return;
  if (!insert_part(part)) keep_early(peer, part);
}

void Consensus::on_message(model::MemberId peer, const model::Vote& vote) {
  if (vote.height == model::next(height_)) return keep_early(peer, vote);
  if (vote.height != height_) return insert_late_precommit(peer, vote);
  const auto member = member_index(vote.member);
  if (!member || known_vote(vote, *member) || !may_check(peer)) return;
  const Hash256 digest =
      proto::reader::vote_digest(config_.chain, vote.type, vote.height, vote.round, vote.block);
  if (!config_.verify(set_.members[*member].validator_key, digest, vote.signature)) return;
  insert_vote(vote, *member);
}

void Consensus::on_message(model::MemberId peer, const model::PeerStatus& status) {
  Peer& known = peers_[peer];
  known.height = std::max(known.height, status.height);
  if (known.served && known.served->height < status.height) known.served.reset();
  if (status.height == height_) send_missing(peer, status);
}

void Consensus::on_message(model::MemberId peer, const model::BlockRequest& request) {
  serve_block(peer, request);
}

void Consensus::keep_early(model::MemberId peer, const model::PeerMessageBody& message) {
  if (recovering_) return;
  Peer& known = peers_[peer];
  const std::size_t size = early_size(message);
  known.early.push_back(message);
  known.early_bytes += size;
  while (known.early.size() > kEarlyMessagesOfPeer || known.early_bytes > kEarlyBytesOfPeer) {
    known.early_bytes -= early_size(known.early.front());
    known.early.pop_front();
  }
}

void Consensus::replay_early() {
  if (recovering_) return;
  for (auto& [peer, known] : peers_) {
    const std::deque<model::PeerMessageBody> messages = std::move(known.early);
    known.early.clear();
    known.early_bytes = 0;
    for (const model::PeerMessageBody& message : messages) {
      if (halted_) return;
      receive(peer, message);
    }
  }
}

// ---- Messages of this height ----

std::optional<std::size_t> Consensus::member_index(model::MemberId member) const {
  for (std::size_t i = 0; i < set_.members.size(); ++i) {
    if (set_.members[i].id == member) return i;
  }
  return std::nullopt;
}

bool Consensus::check_proposal(model::MemberId peer, const model::BlockProposal& proposal) {
  if (proposal.member != proposer(set_, height_, proposal.round)) return false;
  if (proposal.proof_of_lock && *proposal.proof_of_lock >= proposal.round) return false;
  if (proposal.part_count == 0 || proposal.part_count > model::kMaxBlockParts) return false;
  if (const RoundState* state = find_round(proposal.round); state != nullptr && state->proposal) {
    if (*state->proposal == proposal || state->proposal_conflict_reported) return false;
  }
  const model::SetMember* member = set_.find(proposal.member);
  return may_check(peer) &&
         config_.verify(member->validator_key, proto::reader::proposal_digest(config_.chain, proposal),
                        proposal.signature);
}

void Consensus::insert_proposal(const model::BlockProposal& proposal, UnixMs received) {
  RoundState& state = round_state(proposal.round);
  if (state.proposal) {
    model::BlockProposal first = *state.proposal;
    first.signature = proposal.signature;
    if (first == proposal || state.proposal_conflict_reported) return;  // the same message, signed twice
    state.proposal_conflict_reported = true;
    if (!recovering_) actions_.push_back(Equivocation{proposal.member, std::pair(*state.proposal, proposal)});
    return;
  }
  const std::pair key(proposal.parts_root, proposal.part_count);
  if (!candidates_.contains(key)) {
    auto parts = PartSet::expect(proposal.parts_root, proposal.part_count);
    if (!parts.ok()) return;
    candidates_[key].parts = std::move(*parts);
  }
  state.proposal = proposal;
  state.proposal_received = received;
  append_log(proposal);
  replay_early();  // its parts may have overtaken it
}

bool Consensus::insert_part(const model::ProposalPart& message) {
  bool wanted = false;
  for (auto& [key, candidate] : candidates_) {
    if (key.first != message.parts_root) continue;
    wanted = true;
    const std::uint32_t held = candidate.parts.held();
    if (!candidate.parts.add(message.part).ok() || candidate.parts.held() == held) continue;
    append_log(message);
    if (!candidate.parts.complete()) continue;
    auto block = candidate.parts.decode();
    if (!block.ok()) {
      candidate.validity = Validity::kWrong;
      continue;
    }
    candidate.hash = proto::reader::block_hash(block->header);
    candidate.block = std::move(*block);
  }
  return wanted;
}

// Nothing would come of checking it.
bool Consensus::known_vote(const model::Vote& vote, std::size_t member) const {
  if (vote.round > round_) {
    const auto found = future_[member].find(vote.round);
    return found != future_[member].end() &&
           std::ranges::any_of(found->second, [&](const model::Vote& v) { return v.type == vote.type; });
  }
  const RoundState* state = find_round(vote.round);
  if (state == nullptr) return false;
  return (vote.type == model::VoteType::kPrevote ? state->prevotes : state->precommits)
      .has(member, vote.block);
}

bool Consensus::known_block(const std::optional<model::BlockHash>& block) const {
  if (!block) return true;
  return std::ranges::any_of(rounds_, [&](const auto& entry) {
    return entry.second.proposal && entry.second.proposal->block == *block;
  });
}

void Consensus::insert_vote(const model::Vote& vote, std::size_t member) {
  if (vote.round > round_) {
    auto& rounds = future_[member];
    if (!known_vote(vote, member)) rounds[vote.round].push_back(vote);
    if (rounds.size() > kFutureRoundsOfMember) rounds.erase(rounds.begin());
    return;
  }
  RoundState& state = round_state(vote.round);
  VoteSet& votes = vote.type == model::VoteType::kPrevote ? state.prevotes : state.precommits;
  const VoteSet::Added added = votes.add(member, vote, known_block(vote.block));
  if (added.conflict != nullptr && !recovering_) {
    actions_.push_back(Equivocation{vote.member, std::pair(*added.conflict, vote)});
  }
  if (added.kept) append_log(vote);
}

// A precommit for the tip that came after it was decided: the next block can carry it.
void Consensus::insert_late_precommit(std::optional<model::MemberId> peer, const model::Vote& vote) {
  if (!last_commit_ || vote.type != model::VoteType::kPrecommit) return;
  if (vote.height != last_commit_->height || vote.round != last_commit_->round ||
      vote.block != last_commit_->block) {
    return;
  }
  auto& signatures = last_commit_->signatures;
  const auto place = std::ranges::lower_bound(signatures, vote.member, {}, &model::CommitSignature::member);
  if (place != signatures.end() && place->member == vote.member) return;
  const model::SetMember* member = previous_set_.find(vote.member);
  if (member == nullptr || (peer && !may_check(*peer))) return;
  const Hash256 digest =
      proto::reader::vote_digest(config_.chain, vote.type, vote.height, vote.round, vote.block);
  if (!config_.verify(member->validator_key, digest, vote.signature)) return;
  signatures.insert(place, {vote.member, vote.signature});
}

// ---- Rules ----

void Consensus::run_rules() {
  fire_timers();
  while (!halted_) {
    const bool changed = rule_decide() || rule_skip_round() || rule_enter_propose() || rule_prevote() ||
                         rule_lock() || rule_precommit_nil() || rule_nil_round();
    if (!changed) break;
  }
  if (!halted_) arm_timers();
}

void Consensus::fire_timers() {
  if (due(propose_deadline_)) {
    propose_deadline_.reset();
    if (step_ == Step::kPropose) prevote(std::nullopt);  // line 57
  }
  const bool stalled = due(stall_deadline_);
  if (due(prevote_deadline_) || (stalled && step_ == Step::kPrevote)) {
    prevote_deadline_.reset();
    if (step_ == Step::kPrevote) precommit(std::nullopt);  // line 61
  } else if (due(precommit_deadline_) || (stalled && step_ == Step::kPrecommit)) {
    start_round(model::next(round_));  // line 65
  }
  if (catch_up_ && due(catch_up_->deadline)) give_up_on_peer(unavailable("no answer"));
  if (due(gossip_at_)) gossip();
  retry_signatures(false);
}

// Line 49: a quorum of precommits of any round, and the block.
bool Consensus::rule_decide() {
  for (auto& [round, state] : rounds_) {
    const std::optional<model::BlockHash>* decided = state.precommits.decided(config_.quorum);
    if (decided == nullptr || !*decided) continue;
    for (auto& [key, candidate] : candidates_) {
      if (!candidate.block || candidate.hash != **decided) continue;
      const Validity valid = validity(candidate);
      if (halted_) return false;
      if (valid == Validity::kWrong) {
        halt(corrupt("the block that a quorum decided at " + position(height_, round) + " is wrong here",
                     "this node's state has diverged from the network: stop it and compare the state roots"));
        return false;
      }
      if (valid != Validity::kValid) continue;
      model::Commit commit{height_, round, **decided, {}};
      for (const model::Vote* vote : state.precommits.for_block(*decided)) {
        commit.signatures.push_back({vote->member, vote->signature});
      }
      const Candidate chosen = std::move(candidate);
      decide(chosen, commit);
      return true;
    }
  }
  return false;
}

void Consensus::decide(const Candidate& candidate, const model::Commit& commit) {
  const Status committed = app_.commit(*candidate.block, commit);
  if (!committed.ok())
    return halt(committed.with_context("commit of " + position(commit.height, commit.round)));
  actions_.push_back(Committed{*candidate.block, commit});
  tip_ = app_.tip();
  last_commit_ = commit;
  enter_height();
  const Status started = log_.start_height(height_);
  if (!started.ok()) return halt(started.with_context("consensus log"));
  replay_early();
}

// Line 55, with a member's highest round standing for all below it: members above one third of weight have
// gone on.
bool Consensus::rule_skip_round() {
  std::vector<std::pair<model::Round, std::uint64_t>> ahead;
  for (std::size_t i = 0; i < future_.size(); ++i) {
    if (!future_[i].empty()) ahead.emplace_back(future_[i].rbegin()->first, set_.members[i].weight.get());
  }
  std::ranges::sort(ahead, std::greater<>());
  std::uint64_t weight = 0;
  for (const auto& [round, one] : ahead) {
    weight += one;
    if (model::is_blocking(model::Weight(weight), set_.total())) {
      start_round(round);
      return true;
    }
  }
  return false;
}

bool Consensus::rule_enter_propose() {
  if (step_ != Step::kNewHeight) return false;
  const RoundState* state = find_round(round_);
  const bool proposed = state != nullptr && state->proposal;
  const bool time = now_.monotonic.value >= entered_height_.value + app_.parameters().empty_block_ms;
  if (!proposed && !time && !app_.has_transactions()) return false;
  enter_propose();
  return true;
}

// Lines 22 and 28.
bool Consensus::rule_prevote() {
  if (step_ != Step::kPropose) return false;
  RoundState& state = round_state(round_);
  if (!state.proposal) return false;
  const model::BlockProposal proposal = *state.proposal;
  Candidate* candidate = candidate_of(proposal);
  if (candidate == nullptr || !candidate->parts.complete()) return false;
  const bool fresh = !proposal.proof_of_lock;
  if (!fresh) {
    const RoundState* earlier = find_round(*proposal.proof_of_lock);
    const auto* decided = earlier == nullptr ? nullptr : earlier->prevotes.decided(config_.quorum);
    if (decided == nullptr || *decided != std::optional(proposal.block)) return false;
  }
  const bool yes = acceptable(state, *candidate, fresh);
  if (halted_) return false;
  prevote(yes ? std::optional(proposal.block) : std::nullopt);
  return true;
}

bool Consensus::acceptable(const RoundState& state, const Candidate& candidate, bool fresh) {
  const model::BlockProposal& proposal = *state.proposal;
  if (!candidate.block || candidate.hash != proposal.block) return false;
  const bool same = locked_ && locked_->block == proposal.block;
  if (fresh) {
    if (locked_ && !same) return false;
    const model::BlockHeader& header = candidate.block->header;
    if (header.proposer != proposal.member) return false;
    const std::uint64_t time = header.time.get();
    const std::uint64_t clock = state.proposal_received.value;
    const std::uint64_t off = time > clock ? time - clock : clock - time;
    if (off > app_.parameters().time_precision_ms) {
      report(refused("the block proposed at " + position(height_, round_) + " is " + std::to_string(off) +
                     " ms off this machine's clock"));
      return false;
    }
  } else if (locked_ && !same && locked_->round > *proposal.proof_of_lock) {
    return false;
  }
  return validity(const_cast<Candidate&>(candidate)) == Validity::kValid;
}

// Line 36.
bool Consensus::rule_lock() {
  if (step_ < Step::kPrevote) return false;
  const RoundState& state = round_state(round_);
  const std::optional<model::BlockHash>* decided = state.prevotes.decided(config_.quorum);
  if (decided == nullptr || !*decided) return false;
  if (valid_ && valid_->round == round_ && step_ != Step::kPrevote) return false;
  const model::BlockHash block = **decided;
  if (valid_candidate(block) == nullptr) return false;
  valid_ = Lock{round_, block};
  if (step_ == Step::kPrevote) {
    locked_ = valid_;
    append_log(LockRecord{round_, block});
    precommit(block);
  }
  return true;
}

// Line 44.
bool Consensus::rule_precommit_nil() {
  if (step_ != Step::kPrevote) return false;
  const std::optional<model::BlockHash>* decided = round_state(round_).prevotes.decided(config_.quorum);
  if (decided == nullptr || *decided) return false;
  precommit(std::nullopt);
  return true;
}

// A quorum of nil precommits: nothing can be decided in this round, so its time-out need not be waited for.
bool Consensus::rule_nil_round() {
  const std::optional<model::BlockHash>* decided = round_state(round_).precommits.decided(config_.quorum);
  if (decided == nullptr || *decided) return false;
  start_round(model::next(round_));
  return true;
}

// Lines 34 and 47: time-outs start with a quorum of votes for anything.
void Consensus::arm_timers() {
  const RoundState& state = round_state(round_);
  const model::Weight total = set_.total();
  if (step_ == Step::kPrevote && !prevote_deadline_ && config_.quorum(state.prevotes.any(), total)) {
    prevote_deadline_ = after(timeout_ms());
  }
  if (!precommit_deadline_ && config_.quorum(state.precommits.any(), total)) {
    precommit_deadline_ = after(timeout_ms());
  }
}

void Consensus::enter_height() {
  height_ = model::next(tip_.height);
  previous_set_ = app_.members(tip_.height);
  set_ = app_.members(height_);
  locked_.reset();
  valid_.reset();
  rounds_.clear();
  candidates_.clear();
  catch_up_.reset();
  future_.assign(set_.members.size(), {});
  // A precommit for the block just decided is still worth having (insert_late_precommit).
  std::erase_if(pending_, [&](const auto& entry) {
    const auto* vote = std::get_if<model::VoteIntent>(&entry.second.intent);
    return vote == nullptr || !last_commit_ || entry.second.height != last_commit_->height ||
           vote->type != model::VoteType::kPrecommit || vote->block != last_commit_->block;
  });
  entered_height_ = now_.monotonic;
  round_ = model::Round(0);
  step_ = Step::kNewHeight;
  propose_deadline_.reset();
  prevote_deadline_.reset();
  precommit_deadline_.reset();
  stall_deadline_.reset();
}

void Consensus::start_round(model::Round round) {
  round_ = round;
  prevote_deadline_.reset();
  precommit_deadline_.reset();
  for (std::size_t member = 0; member < future_.size(); ++member) {
    auto& rounds = future_[member];
    while (!rounds.empty() && rounds.begin()->first <= round_) {
      const std::vector<model::Vote> votes = std::move(rounds.begin()->second);
      rounds.erase(rounds.begin());
      for (const model::Vote& vote : votes) insert_vote(vote, member);
    }
  }
  prune_candidates();
  enter_propose();
  replay_early();
}

void Consensus::prune_candidates() {
  for (auto entry = rounds_.begin(); entry != rounds_.end();) {
    const bool old = std::uint64_t{entry->first.get()} + kRoundsKept < round_.get();
    const bool proof = entry->second.prevotes.decided(config_.quorum) != nullptr &&
                       entry->second.prevotes.decided(config_.quorum)->has_value();
    entry = old && !proof ? rounds_.erase(entry) : std::next(entry);
  }
  std::erase_if(candidates_, [&](const auto& entry) {
    const Candidate& candidate = entry.second;
    const bool named =
        (locked_ && locked_->block == candidate.hash) || (valid_ && valid_->block == candidate.hash);
    const bool recent = std::ranges::any_of(rounds_, [&](const auto& one) {
      const RoundState& state = one.second;
      return one.first.get() + 2 > round_.get() && state.proposal &&
             state.proposal->parts_root == entry.first.first &&
             state.proposal->part_count == entry.first.second;
    });
    return !named && !recent;
  });
}

// Lines 11 to 21.
void Consensus::enter_propose() {
  step_ = Step::kPropose;
  stall_deadline_.reset();
  propose_deadline_ = after(timeout_ms());
  if (config_.self && member_index(*config_.self) && proposer(set_, height_, round_) == *config_.self) {
    make_proposal();
  }
}

void Consensus::make_proposal() {
  model::ProposalIntent intent{height_, round_, std::nullopt, {}, {}, 0};
  Candidate* candidate = valid_ ? valid_candidate(valid_->block) : nullptr;
  if (candidate != nullptr) {
    intent.proof_of_lock = valid_->round;
  } else {
    const model::LedgerMs time(std::max(now_.wall.value, tip_.time.get() + 1));
    auto block = app_.propose(height_, time, *config_.self, last_commit_);
    if (!block.ok()) return report(block.status().with_context("no block to propose"));
    auto parts = PartSet::of(proto::reader::encode(*block));
    if (!parts.ok()) return report(parts.status().with_context("no block to propose"));
    const std::pair key(parts->root(), parts->count());
    candidate = &candidates_[key];
    candidate->hash = proto::reader::block_hash(block->header);
    candidate->block = std::move(*block);
    candidate->parts = std::move(*parts);
    for (std::uint32_t i = 0; i < candidate->parts.count(); ++i) {
      append_log(model::ProposalPart{height_, candidate->parts.root(), candidate->parts.part(i)});
    }
  }
  intent.block = candidate->hash;
  intent.parts_root = candidate->parts.root();
  intent.part_count = candidate->parts.count();
  request_signature(intent);
}

void Consensus::prevote(const std::optional<model::BlockHash>& block) {
  step_ = Step::kPrevote;
  propose_deadline_.reset();
  stall_deadline_ = after(kStallFactor * timeout_ms());
  request_signature(model::VoteIntent{model::VoteType::kPrevote, height_, round_, block});
}

void Consensus::precommit(const std::optional<model::BlockHash>& block) {
  step_ = Step::kPrecommit;
  prevote_deadline_.reset();
  stall_deadline_ = after(kStallFactor * timeout_ms());
  request_signature(model::VoteIntent{model::VoteType::kPrecommit, height_, round_, block});
}

// ---- Blocks ----

Consensus::Candidate* Consensus::candidate_of(const model::BlockProposal& proposal) {
  const auto found = candidates_.find(std::pair(proposal.parts_root, proposal.part_count));
  return found == candidates_.end() ? nullptr : &found->second;
}

Consensus::Candidate* Consensus::valid_candidate(const model::BlockHash& hash) {
  for (auto& [key, candidate] : candidates_) {
    if (candidate.block && candidate.hash == hash && validity(candidate) == Validity::kValid)
      return &candidate;
    if (halted_) return nullptr;
  }
  return nullptr;
}

Consensus::Validity Consensus::validity(Candidate& candidate) {
  if (candidate.validity != Validity::kUnknown || !candidate.block) return candidate.validity;
  Status status = check_body(*candidate.block);
  if (!status.ok()) {
    candidate.validity = Validity::kWrongBody;
  } else {
    status = check_header(candidate.block->header);
    if (status.ok()) status = app_.validate(*candidate.block);
    candidate.validity = status.ok() ? Validity::kValid : Validity::kWrong;
  }
  if (status.ok()) return candidate.validity;
  if (status.code() != Code::kInvalid && status.code() != Code::kRefused) {
    halt(status.with_context("validation of a block at height " + std::to_string(height_.get())));
  } else {
    report(status.with_context("block proposed at " + position(height_, round_)));
  }
  return candidate.validity;
}

Status Consensus::check_header(const model::BlockHeader& header) const {
  if (header.version != 1)
    return invalid("block version " + std::to_string(header.version) + " is not known here");
  if (header.chain_id != config_.chain) return invalid("block of another network");
  if (header.height != height_ || header.previous != tip_.hash)
    return invalid("block does not follow the tip");
  if (header.time <= tip_.time) return invalid("block time does not rise");
  if (header.members_hash != proto::reader::member_set_hash(set_))
    return invalid("block names another member set");
  if (set_.find(header.proposer) == nullptr) return invalid("block proposer is not a member");
  return ok_status();
}

// What is not in the header's hash, or only as a root: a wrong body says nothing about the header.
Status Consensus::check_body(const model::Block& block) const {
  std::vector<Hash256> leaves;
  leaves.reserve(block.transactions.size());
  for (const Bytes& transaction : block.transactions) leaves.push_back(merkle::leaf_hash(transaction));
  if (merkle::root(leaves) != block.header.transactions_root) return invalid("transactions root is wrong");
  if (tip_.height == model::Height(0)) {
    return block.last_commit ? invalid("block 1 has no previous commit") : ok_status();
  }
  if (!block.last_commit) return invalid("the previous commit is missing");
  if (block.last_commit->height != tip_.height || block.last_commit->block != tip_.hash) {
    return invalid("the previous commit is of another block");
  }
  return light::verify_commit(config_.chain, previous_set_, *block.last_commit);
}

// ---- Signing ----

void Consensus::request_signature(model::Intent intent) {
  if (!config_.self || !member_index(*config_.self)) return;
  if (const auto* vote = std::get_if<model::VoteIntent>(&intent)) append_log(*vote);
  if (const auto* proposal = std::get_if<model::ProposalIntent>(&intent)) append_log(*proposal);
  log_dirty_ = true;
  const std::uint64_t id = next_request_++;
  send_sign(id, pending_[id] = Pending{height_, std::move(intent), std::nullopt});
}

void Consensus::send_sign(std::uint64_t id, const Pending& pending) {
  actions_.push_back(Sign{model::SignRequest{id, pending.intent}});
}

void Consensus::retry_signatures(bool all) {
  for (auto& [id, pending] : pending_) {
    if (!all && !due(pending.retry_at)) continue;
    pending.retry_at.reset();
    send_sign(id, pending);
  }
}

void Consensus::signed_vote(const model::VoteIntent& intent, model::Height height,
                            const Signature& signature) {
  const model::Vote vote{intent.type, intent.height, intent.round, intent.block, *config_.self, signature};
  const model::SetMember* self = (height == height_ ? set_ : previous_set_).find(*config_.self);
  const Hash256 digest =
      proto::reader::vote_digest(config_.chain, vote.type, vote.height, vote.round, vote.block);
  if (self == nullptr || !config_.verify(self->validator_key, digest, signature)) {
    return report(internal_error("the signer's signature does not verify with this member's validator key"));
  }
  if (height == height_) {
    insert_vote(vote, *member_index(*config_.self));
  } else {
    insert_late_precommit(std::nullopt, vote);
  }
  actions_.push_back(Broadcast{encode_peer_message(vote)});
}

void Consensus::signed_proposal(const model::ProposalIntent& intent, const Signature& signature) {
  if (intent.height != height_) return;
  const model::BlockProposal proposal{intent.height, intent.round,      intent.proof_of_lock,
                                      intent.block,  intent.parts_root, intent.part_count,
                                      *config_.self, signature};
  const model::SetMember* self = set_.find(*config_.self);
  if (!config_.verify(self->validator_key, proto::reader::proposal_digest(config_.chain, proposal),
                      signature)) {
    return report(internal_error("the signer's signature does not verify with this member's validator key"));
  }
  insert_proposal(proposal, now_.wall);
  broadcast_proposal(proposal);
}

void Consensus::broadcast_proposal(const model::BlockProposal& proposal) {
  actions_.push_back(Broadcast{encode_peer_message(proposal)});
  if (proposal.proof_of_lock) {
    if (const RoundState* earlier = find_round(*proposal.proof_of_lock)) {
      for (const model::Vote* vote : earlier->prevotes.for_block(proposal.block)) {
        actions_.push_back(Broadcast{encode_peer_message(*vote)});
      }
    }
  }
  const Candidate* candidate = candidate_of(proposal);
  if (candidate == nullptr) return;
  for (std::uint32_t i = 0; i < candidate->parts.count(); ++i) {
    if (!candidate->parts.has(i)) continue;
    actions_.push_back(Broadcast{
        encode_peer_message(model::ProposalPart{height_, proposal.parts_root, candidate->parts.part(i)})});
  }
}

// ---- Plumbing ----

Consensus::RoundState& Consensus::round_state(model::Round round) {
  return rounds_.try_emplace(round, set_).first->second;
}

const Consensus::RoundState* Consensus::find_round(model::Round round) const {
  const auto found = rounds_.find(round);
  return found == rounds_.end() ? nullptr : &found->second;
}

std::uint64_t Consensus::timeout_ms() const {
  const model::NetworkParameters& p = app_.parameters();
  return std::min(p.round_timeout_ms + std::uint64_t{round_.get()} * p.round_timeout_step_ms,
                  kMaxRoundTimeoutMs);
}

void Consensus::append_log(LogEntry entry) {
  if (recovering_ || halted_) return;
  const Status appended = log_.append({height_, now_.wall.value, std::move(entry)});
  if (!appended.ok()) halt(appended.with_context("consensus log"));
}

void Consensus::report(Status status) {
  actions_.push_back(Report{std::move(status)});
}

void Consensus::halt(Status status) {
  if (halted_) return;
  halted_ = true;
  // What was decided in this step may not be durable: only what is already on disk goes out.
  std::erase_if(actions_, [](const Action& action) { return !std::holds_alternative<Committed>(action); });
  actions_.push_back(Halt{std::move(status)});
}

void Consensus::wake_up() {
  std::optional<MonotonicMs> at = gossip_at_;
  const auto earlier = [&](const std::optional<MonotonicMs>& other) {
    if (other && (!at || *other < *at)) at = other;
  };
  earlier(propose_deadline_);
  earlier(prevote_deadline_);
  earlier(precommit_deadline_);
  earlier(stall_deadline_);
  if (step_ == Step::kNewHeight) {
    earlier(MonotonicMs{entered_height_.value + app_.parameters().empty_block_ms});
  }
  for (const auto& [id, pending] : pending_) earlier(pending.retry_at);
  if (catch_up_) earlier(catch_up_->deadline);
  if (at) actions_.push_back(WakeAt{*at});
}

}  // namespace custody::ledger::consensus
