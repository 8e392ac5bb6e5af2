// One member's ledger: consensus over the state machine, the store and the waiting transactions, as one step
// function. It knows no clock, socket, thread or key. Thread-safety: one thread.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "ledger/consensus/consensus.h"
#include "ledger/model/intents.h"
#include "ledger/node/mempool.h"
#include "ledger/node/verification_cache.h"
#include "ledger/state/state.h"
#include "ledger/store/store.h"

namespace custody::ledger::node {

// Events besides those of consensus.
struct PeerBytes {  // one message as it came from the wire
  model::MemberId peer;
  Bytes message;
};
struct Submit {  // a client's transaction: answered by Submitted with the same ticket
  std::uint64_t ticket = 0;
  Bytes envelope;
};
struct PassOn {};  // no more submissions are at hand: peers hear of those that came, together
using Event =
    std::variant<consensus::Start, consensus::Tick, consensus::FromSigner, PeerBytes, Submit, PassOn>;

struct Submitted {
  std::uint64_t ticket = 0;
  Result<model::TxId> id;  // kInvalid, kExists (executed, or waiting already), kRefused, kExhausted
};
using Action = std::variant<consensus::Send, consensus::Broadcast, consensus::Sign, consensus::WakeAt,
                            consensus::Committed, consensus::Equivocation, consensus::Report, consensus::Halt,
                            Submitted>;
using Actions = std::vector<Action>;

struct ReplicaConfig {
  model::Genesis genesis;
  model::ChainId chain;
  std::optional<model::MemberId> self;
  consensus::QuorumRule quorum = model::is_quorum;  // consensus::VoteSet says why it can be replaced
  MempoolLimits mempool;
};

struct TransactionPlace {
  model::Height height;
  std::uint32_t index = 0;
};

class Replica final : private consensus::Application {
 public:
  // Loads the state from the store, or begins with genesis when it is empty, and compares it with the last
  // block's state root (kCorrupt). Store, log and verifier must outlive the replica; records is what the log
  // held. The first event must be consensus::Start.
  static Result<std::unique_ptr<Replica>> open(ReplicaConfig config, store::KeyValueStore& store,
                                               consensus::Log& log, std::vector<consensus::LogRecord> records,
                                               state::SignatureVerifier& verifier);
  ~Replica() override;

  Actions step(const consensus::Now& now, const Event& event);

  const consensus::Consensus& consensus() const { return *consensus_; }
  const state::State& state() const { return state_; }
  const Mempool& mempool() const { return mempool_; }
  consensus::Tip tip() const override { return tip_; }
  Result<std::optional<consensus::DecidedBlock>> decided(model::Height height) const override;
  Result<std::optional<TransactionPlace>> find_transaction(const model::TxId& id) const;
  // What the last block's state holds at the keys, proven under that block's commit. kUnavailable before
  // block 1.
  Result<model::LedgerEvidence> evidence(const std::vector<Bytes>& keys) const;

 private:
  Replica(ReplicaConfig config, store::KeyValueStore& store, state::SignatureVerifier& verifier,
          state::State state);
  Status store_genesis();
  Status load_tip();

  // consensus::Application
  model::MemberSet members(model::Height height) const override;
  const model::NetworkParameters& parameters() const override { return state_.registry().parameters; }
  bool has_transactions() const override { return !mempool_.empty(); }
  Result<model::Block> propose(model::Height height, model::LedgerMs time, model::MemberId proposer,
                               const std::optional<model::Commit>& last_commit) override;
  Status validate(const model::Block& block) override;
  Status commit(const model::Block& block, const model::Commit& commit) override;

  void forward(const consensus::Now& now, const consensus::Event& event);
  void on(const consensus::Now& now, const PeerBytes& event);
  void on(const consensus::Now& now, const Submit& event);
  void on(const consensus::Now& now, const PassOn&) { tell_peers(now); }
  template <typename E>
  void on(const consensus::Now& now, const E& event) {
    forward(now, event);
  }
  Result<model::TxId> admit(ByteView envelope, std::optional<MonotonicMs> told);
  void take_from_peer(const consensus::Now& now, model::MemberId peer, ByteView envelope);
  void tell_peers(const consensus::Now& now);
  void drop_if_invalid(const Bytes& envelope);
  void remember(const model::BlockHash& hash, state::Execution execution);

  ReplicaConfig config_;
  store::KeyValueStore& store_;
  mutable VerificationCache verifier_;
  state::State state_;
  model::MemberSet voters_;  // the set that voted on the tip
  consensus::Tip tip_;
  std::optional<model::BlockHeader> tip_header_;
  Mempool mempool_;
  std::vector<std::pair<model::BlockHash, state::Execution>>
      executions_;  // of blocks on the tip, oldest first
  std::unique_ptr<consensus::Consensus> consensus_;
  std::map<model::MemberId, std::size_t>
      peer_budget_;                     // transaction bytes that a peer has sent in this period
  std::set<model::MemberId> reported_;  // sent something malformed in this period
  std::map<model::MemberId, MonotonicMs> muted_until_;  // whose transactions are not looked at
  MonotonicMs next_period_;
  Actions actions_;
};

}  // namespace custody::ledger::node
