// Tendermint (arXiv 1807.04938) with weights: a single-threaded core without clock, sockets or threads. Rule
// numbers in the source are the line numbers of the paper's algorithm 1. Thread-safety: one thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "ledger/consensus/application.h"
#include "ledger/consensus/events.h"
#include "ledger/consensus/log.h"
#include "ledger/consensus/parts.h"
#include "ledger/consensus/votes.h"

namespace custody::ledger::consensus {

using VerifyRule = std::function<bool(const PublicKey&, const Hash256& digest, const Signature&)>;

struct Config {
  model::ChainId chain;
  std::optional<model::MemberId> self;   // absent: an observer, which signs nothing
  QuorumRule quorum = model::is_quorum;  // VoteSet says why it can be replaced
  VerifyRule verify;                     // crypto::verify, or a cache in front of it
};

enum class Step : std::uint8_t {
  kNewHeight = 0,  // round 0 waits for transactions or for the time of an empty block
  kPropose = 1,
  kPrevote = 2,
  kPrecommit = 3,
};

constexpr std::uint64_t kGossipMs = 250;
// Signatures that are checked for one peer in a gossip period, about 15 ms of work. A height among 14 members
// takes a few from each, an answer to a status 64; what is not looked at is sent again.
constexpr std::size_t kChecksOfPeer = 512;
// Of stored blocks, read for one peer in a gossip period; a larger one is a debt.
constexpr std::size_t kReadBytesPerPeriod = 1u << 20;
constexpr std::uint64_t kMaxRoundTimeoutMs = 60'000;
// Without its fellows' votes a step ends after so many time-outs. The paper waits for ever; but a signer that
// refuses (its watermark is ahead of a node restored from a backup) would then stop everyone.
constexpr std::uint64_t kStallFactor = 8;

class Consensus {
 public:
  // `records` is what the log held when it was opened. application and log must outlive the core.
  Consensus(Config config, Application& application, Log& log, std::vector<LogRecord> records);
  ~Consensus();
  Consensus(const Consensus&) = delete;
  Consensus& operator=(const Consensus&) = delete;

  Actions step(const Now& now, const Event& event);

  model::Height height() const { return height_; }  // being decided
  model::Round round() const { return round_; }
  Step current_step() const { return step_; }
  bool halted() const { return halted_; }
  // The height that a peer last said it is deciding; 0 when it was not heard.
  model::Height peer_height(model::MemberId peer) const;
  // Members whose precommits are known for the last block.
  const std::optional<model::Commit>& last_commit() const { return last_commit_; }
  // For the operator in a stall: who has not voted in this round.
  std::vector<model::MemberId> missing_votes() const;

 private:
  enum class Validity : std::uint8_t { kUnknown, kValid, kWrongBody, kWrong };
  struct Candidate {
    PartSet parts;
    std::optional<model::Block> block;  // once complete and decoded
    model::BlockHash hash;
    Validity validity = Validity::kUnknown;
  };
  struct RoundState {
    explicit RoundState(const model::MemberSet& set) : prevotes(set), precommits(set) {}
    std::optional<model::BlockProposal> proposal;
    UnixMs proposal_received;
    bool proposal_conflict_reported = false;
    VoteSet prevotes;
    VoteSet precommits;
  };
  struct Lock {
    model::Round round;
    model::BlockHash block;
  };
  struct Pending {
    model::Height height;
    model::Intent intent;
    std::optional<MonotonicMs> retry_at;
  };
  struct Served {
    model::Height height;
    model::Commit commit;
    PartSet parts;
  };
  struct Peer {
    model::Height height;
    std::size_t budget = 0;        // bytes that gossip may still send in this period
    std::size_t checks = 0;        // signatures checked for it in this period
    std::size_t read = 0;          // bytes of blocks read for it beyond what the periods so far allow
    std::optional<Served> served;  // the last block that it asked for, until it has it
    std::deque<model::PeerMessageBody> early;
    std::size_t early_bytes = 0;
    std::uint64_t pace =
        0;  // milliseconds per part that it lately took to serve us a block, or wasted; fades
  };
  struct CatchUp {
    model::MemberId peer;
    MonotonicMs since;
    MonotonicMs deadline;        // for the next part
    std::uint32_t asked_to = 0;  // parts below it have been asked for
    bool answered = true;        // since the last gossip period
    std::optional<model::Commit> commit;
    PartSet parts;
  };

  // Events (consensus.cpp).
  void on(const Start&);
  void on(const Tick&) {}
  void on(const FromPeer& event);
  void on(const FromSigner& event);
  void on(const TransactionsAvailable&) {}
  void receive(model::MemberId peer, const model::PeerMessageBody& message);
  void on_message(model::MemberId peer, const model::BlockProposal& proposal);
  void on_message(model::MemberId peer, const model::ProposalPart& part);
  void on_message(model::MemberId peer, const model::Vote& vote);
  void on_message(model::MemberId peer, const model::PeerStatus& status);
  void on_message(model::MemberId peer, const model::BlockRequest& request);
  void on_message(model::MemberId peer, const model::BlockReply& reply);
  void on_message(model::MemberId, const model::TransactionsMessage&) {}

  // Messages of this height, checked.
  bool check_proposal(model::MemberId peer, const model::BlockProposal& proposal);
  void insert_proposal(const model::BlockProposal& proposal, UnixMs received);
  bool insert_part(const model::ProposalPart& part);
  void insert_vote(const model::Vote& vote, std::size_t member);
  // peer: who sent it; absent for this member's own.
  void insert_late_precommit(std::optional<model::MemberId> peer, const model::Vote& vote);
  bool known_vote(const model::Vote& vote, std::size_t member) const;
  bool may_check(model::MemberId peer) { return peers_[peer].checks++ < kChecksOfPeer; }
  void keep_early(model::MemberId peer, const model::PeerMessageBody& message);
  void replay_early();
  std::optional<std::size_t> member_index(model::MemberId member) const;
  bool known_block(const std::optional<model::BlockHash>& block) const;

  // Rules.
  void run_rules();
  void fire_timers();
  bool rule_decide();
  bool rule_skip_round();
  bool rule_enter_propose();
  bool rule_prevote();
  bool rule_lock();
  bool rule_precommit_nil();
  bool rule_nil_round();
  void arm_timers();
  void enter_height();
  void start_round(model::Round round);
  void enter_propose();
  void make_proposal();
  void prevote(const std::optional<model::BlockHash>& block);
  void precommit(const std::optional<model::BlockHash>& block);
  void decide(const Candidate& candidate, const model::Commit& commit);
  bool acceptable(const RoundState& state, const Candidate& candidate, bool fresh);

  // Blocks.
  Candidate* candidate_of(const model::BlockProposal& proposal);
  Candidate* valid_candidate(const model::BlockHash& hash);
  Validity validity(Candidate& candidate);
  Status check_header(const model::BlockHeader& header) const;
  Status check_body(const model::Block& block) const;
  void prune_candidates();

  // Signing.
  void request_signature(model::Intent intent);
  void send_sign(std::uint64_t id, const Pending& pending);
  void retry_signatures(bool all);
  void signed_vote(const model::VoteIntent& intent, model::Height height, const Signature& signature);
  void signed_proposal(const model::ProposalIntent& intent, const Signature& signature);
  void broadcast_proposal(const model::BlockProposal& proposal);

  // Recovery (recovery.cpp).
  void recover();
  void recover_position();
  void recover_messages();
  void recover_pending();

  // Gossip (gossip.cpp).
  void gossip();
  model::PeerStatus own_status() const;
  void send_missing(model::MemberId peer, const model::PeerStatus& status);
  void send_missing_votes(model::MemberId peer, const model::PeerStatus& status);
  void send_missing_block(model::MemberId peer, const model::PeerStatus& status);
  bool send_within_budget(model::MemberId peer, model::PeerMessageBody message);

  // Catch-up (catch_up.cpp).
  void catch_up(bool from_gossip);
  void ask_for_block();
  std::uint32_t first_missing_part() const;
  void note_pace(std::uint64_t ms_per_part);
  void give_up_on_peer(const Status& why);
  void finish_catch_up();
  void serve_block(model::MemberId peer, const model::BlockRequest& request);

  // Plumbing.
  RoundState& round_state(model::Round round);
  const RoundState* find_round(model::Round round) const;
  std::uint64_t timeout_ms() const;
  MonotonicMs after(std::uint64_t ms) const { return {now_.monotonic.value + ms}; }
  bool due(const std::optional<MonotonicMs>& at) const { return at && *at <= now_.monotonic; }
  void append_log(LogEntry entry);
  void report(Status status);
  void halt(Status status);
  void wake_up();

  Config config_;
  Application& app_;
  Log& log_;
  std::vector<LogRecord> records_;  // until Start
  Now now_;
  Actions actions_;
  bool halted_ = false;
  bool recovering_ = false;
  bool log_dirty_ = false;  // a record was appended that must be durable before the step's actions

  Tip tip_;
  model::MemberSet previous_set_;  // voted on the tip
  model::MemberSet set_;           // votes on height_
  std::optional<model::Commit> last_commit_;

  model::Height height_;
  model::Round round_;
  Step step_ = Step::kNewHeight;
  std::optional<Lock> locked_;
  std::optional<Lock> valid_;
  std::map<model::Round, RoundState> rounds_;                          // up to round_
  std::map<std::pair<Hash256, std::uint32_t>, Candidate> candidates_;  // by parts root and count
  std::vector<std::map<model::Round, std::vector<model::Vote>>>
      future_;  // by member: votes of rounds above round_

  MonotonicMs entered_height_;
  std::optional<MonotonicMs> propose_deadline_, prevote_deadline_, precommit_deadline_, stall_deadline_;
  std::optional<MonotonicMs> gossip_at_;

  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t next_request_ = 1;

  std::map<model::MemberId, Peer> peers_;
  std::optional<CatchUp> catch_up_;
};

}  // namespace custody::ledger::consensus
