// Follows one external chain of Bitcoin's family through a node's RPC, as a step function: events in, actions
// out, no I/O, no clock. What the node says is checked against the genesis hash and anchor in our genesis,
// header linkage and proof of work; everything else about the chain is what this one node shows, which is why
// members attest heads by quorum. Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "ledger/chains/bitcoin/header.h"
#include "ledger/chains/bitcoin/network.h"
#include "ledger/chains/bitcoin/transaction.h"
#include "ledger/followers/block.h"
#include "ledger/model/genesis.h"
#include "ledger/model/transaction.h"

namespace custody::ledger::followers {

using CallId = std::uint64_t;

// Why a call gave no result. `rpc_code` is set when the node itself answered with an error.
struct CallError {
  Status status;
  std::optional<std::int64_t> rpc_code;
};

// ---- events

struct Tick {
  MonotonicMs now;
};
struct CallReply {
  CallId id;
  MonotonicMs now;
  std::variant<Json, CallError> outcome;
};
// Watching begins with the block at height `since`; blocks scanned before are read again (down to the kept
// headers).
struct WatchScript {
  Bytes script;
  model::ExternalHeight since;
};
struct WatchOutPoint {  // report the transaction that spends it
  chains::bitcoin::OutPoint outpoint;
  model::ExternalHeight since;
};
struct UnwatchOutPoint {
  chains::bitcoin::OutPoint outpoint;
};
// Hand a signed transaction to the node; answered by exactly one BroadcastDone.
struct BroadcastRequest {
  std::uint64_t ticket;
  Bytes transaction;
};
using Event = std::variant<Tick, CallReply, WatchScript, WatchOutPoint, UnwatchOutPoint, BroadcastRequest>;

// ---- actions

struct Call {
  CallId id;
  std::string method;
  Json params;  // array
};
// The node's best block, after every block up to it was scanned; again when the fee rate changes.
struct HeadObserved {
  model::ExternalHeight height;
  model::ExternalHash hash;
  std::uint32_t time;
  model::FeeRate fee_rate;
};
// A transaction that pays a watched script or spends a watched outpoint, with what proves it (see proof()).
// May be reported again after WatchScript, WatchOutPoint or a restart: take it as idempotent.
struct TransactionFound {
  model::ExternalHeight height;
  model::ExternalHash block;
  model::ExternalHash txid;
  Bytes transaction;  // without witness
  std::uint32_t index;
  std::uint32_t tx_count;
  std::vector<model::ExternalHash> path;
  std::vector<std::uint32_t> outputs;            // that pay watched scripts
  std::vector<chains::bitcoin::OutPoint> spent;  // watched, spent by it
};
// The blocks from this height on are no longer in the node's best chain.
struct BlocksUndone {
  model::ExternalHeight first;
};
// ok: the node keeps it or it is mined. kRefused: the node does not want it. kUnavailable: try again later.
struct BroadcastDone {
  std::uint64_t ticket;
  Status status;
};
// What is wrong, each time it changes; ok when it is over.
struct Problem {
  Status status;
};
using Action = std::variant<Call, HeadObserved, TransactionFound, BlocksUndone, BroadcastDone, Problem>;

struct FollowerSettings {
  model::ExternalChain chain;
  model::ExternalHeight scan_from;  // first block to look into; the anchor's height or above
  model::FeeRate default_fee_rate;  // minor units per 1,000 vB, when the node has no figure
  std::uint64_t poll_ms = 250;
  std::uint64_t fee_interval_ms = 30'000;
  std::uint32_t fee_target_blocks = 6;
};

class FollowerCore {
 public:
  static constexpr std::uint32_t kMaxReorganisation = 144;  // blocks; a deeper one stops the follower
  static constexpr std::size_t kKeptHeaders = 2'100;  // proofs reach no further back; a retarget needs 2,016
  static constexpr std::uint64_t kBroadcastWaitMs = 2'000;  // for the transaction to show in the mempool
  static constexpr std::uint64_t kMaxRetryMs = 10'000;
  static constexpr std::size_t kMaxBroadcasts = 64;  // waiting; more are refused

  explicit FollowerCore(FollowerSettings settings);

  std::vector<Action> step(const Event& event);

  // The proof that a found transaction is in a block below `head`, as ledger transactions carry it. kNotFound
  // when a header between them is not kept or was undone since.
  Result<model::BitcoinProof> proof(const TransactionFound& found, model::ExternalHeight head) const;
  // The block at a height as this node shows it; nullopt when not kept.
  std::optional<model::ExternalHash> block_hash(model::ExternalHeight height) const;

  bool synchronized() const { return state_ == State::kIdle && problem_.ok() && announced_.has_value(); }
  const Status& problem() const { return problem_; }

 private:
  enum class State {
    kWaiting,  // until next_try_
    kGenesis,  // the rest: waiting for the reply to the call named
    kAnchorHash,
    kAnchorHeader,
    kCount,
    kCompare,  // our block at compare_height_ with the node's
    kNextHash,
    kNextHeader,
    kBlock,
    kFee,
    kIdle,     // at the tip, until the next poll
    kStopped,  // reorganised beyond what may be undone: for a person to look at
  };
  struct KeptHeader {
    chains::bitcoin::BlockHeader header;
    Hash256 hash;
  };
  struct Broadcast {
    std::uint64_t ticket;
    Bytes transaction;
    Hash256 txid;
    bool sent = false;  // the node took it; now it must show
    MonotonicMs deadline;
    MonotonicMs next_look;
  };

  void tick(MonotonicMs now);
  void reply(const CallReply& event);
  Status handle(const Json& result);
  Status handle_genesis(const Json& result);
  Status handle_anchor_hash(const Json& result);
  Status handle_anchor_header(const Json& result);
  Status handle_count(const Json& result);
  Status handle_compare(const Json& result);
  Status handle_next_hash(const Json& result);
  Status handle_next_header(const Json& result);
  Status handle_block(const Json& result);
  Status handle_fee(const Json& result);
  void handle_call_error(const CallError& error);

  void call(State next, std::string method, Json params);
  void advance();  // from a verified tip: more headers, blocks to scan, fee, or idle
  void compare(std::uint32_t height);
  void undo_above(std::uint32_t height);
  void fail(const Status& status);
  void stop(const Status& status);
  void set_problem(const Status& status);
  void announce();
  void rescan(model::ExternalHeight since);

  void broadcast(const BroadcastRequest& request);
  void drive_broadcast();
  void broadcast_reply(const CallReply& event);
  void sent_reply(const std::variant<Json, CallError>& outcome);
  void mempool_reply(const std::variant<Json, CallError>& outcome);
  void finish_broadcast(const Status& status);
  void scan(const KeptHeader& block, std::uint32_t height, const std::vector<BlockTransaction>& transactions);
  bool watching() const { return !scripts_.empty() || !outpoints_.empty() || !broadcasts_.empty(); }

  std::uint32_t tip() const { return first_kept_ + static_cast<std::uint32_t>(kept_.size()) - 1; }
  const KeptHeader* kept(std::uint32_t height) const;
  chains::bitcoin::HeaderAnchor anchor_at_tip() const;

  FollowerSettings settings_;
  chains::bitcoin::Network network_;
  State state_ = State::kWaiting;
  MonotonicMs now_;
  MonotonicMs next_try_;
  std::uint64_t retry_ms_ = 0;
  Status problem_;

  CallId next_call_ = 1;
  CallId follow_call_ = 0;  // 0: none outstanding
  CallId broadcast_call_ = 0;

  std::deque<KeptHeader> kept_;  // contiguous; kept_[0] is at first_kept_
  std::uint32_t first_kept_ = 0;
  std::uint32_t node_height_ = 0;
  std::uint32_t compare_height_ = 0;
  Hash256 next_hash_;
  std::uint32_t next_scan_ = 0;
  std::uint32_t scanning_ = 0;

  std::set<Bytes> scripts_;
  std::set<chains::bitcoin::OutPoint> outpoints_;
  model::FeeRate fee_rate_;
  std::optional<MonotonicMs> fee_at_;
  std::optional<HeadObserved> announced_;
  std::deque<Broadcast> broadcasts_;
  std::deque<model::ExternalHash> recently_found_;  // at most kMaxRecentlyFound

  std::vector<Action> out_;
};

}  // namespace custody::ledger::followers
