#include "ledger/followers/follower_core.h"

#include <algorithm>
#include <cmath>

#include "ledger/chains/bitcoin/merkle_proof.h"
#include "ledger/chains/bitcoin/serialize.h"
#include "ledger/custody/custody.h"

namespace custody::ledger::followers {
namespace {

namespace bitcoin = chains::bitcoin;

constexpr std::uint64_t kFirstRetryMs = 500;
constexpr std::uint64_t kMempoolLookMs = 100;
constexpr std::size_t kMaxRecentlyFound = 4'096;
constexpr double kMaxFeePerKb = 1.0;  // whole coins per 1,000 vB: a figure above it is nonsense
constexpr double kMinorUnits = 1e8;
// Bitcoin Core's RPC error codes (src/rpc/protocol.h), which bcoin shares where it has them.
constexpr std::int64_t kRpcInvalidParameter = -8;  // getblockhash beyond the tip
constexpr std::int64_t kRpcAlreadyInChain = -27;

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

Json params_of(std::initializer_list<Json> values) {
  return Json(Json::Array(values));
}

std::string shown(const Hash256& hash) {
  return bitcoin::to_rpc_hex(hash);
}
Hash256 plain(const model::ExternalHash& hash) {
  return Hash256(hash.array());
}
model::ExternalHash external(const Hash256& hash) {
  return model::ExternalHash(hash.array());
}

Result<Hash256> hash_from(const Json& result) {
  ASSIGN_OR_RETURN(const std::string text, result.as_string());
  return bitcoin::from_rpc_hex(text);
}

Result<bitcoin::BlockHeader> header_from(const Json& result) {
  ASSIGN_OR_RETURN(const std::string text, result.as_string());
  if (text.size() != 2 * bitcoin::kHeaderSize) return invalid("a block header has 160 hex digits");
  ASSIGN_OR_RETURN(const Bytes raw, from_hex(text));
  return bitcoin::parse_header(raw);
}

MonotonicMs after(MonotonicMs now, std::uint64_t ms) {
  return {now.value + ms};
}

}  // namespace

FollowerCore::FollowerCore(FollowerSettings settings)
    : settings_(std::move(settings)),
      network_(ledger::custody::network_of(settings_.chain)),
      next_scan_(std::max(settings_.scan_from.get(), settings_.chain.anchor_height.get())),
      fee_rate_(settings_.default_fee_rate) {}

std::vector<Action> FollowerCore::step(const Event& event) {
  std::visit(Overloaded{
                 [&](const Tick& each) { tick(each.now); },
                 [&](const CallReply& each) { reply(each); },
                 [&](const WatchScript& each) {
                   if (scripts_.insert(each.script).second) rescan(each.since);
                 },
                 [&](const WatchOutPoint& each) {
                   if (outpoints_.insert(each.outpoint).second) rescan(each.since);
                 },
                 [&](const UnwatchOutPoint& each) { outpoints_.erase(each.outpoint); },
                 [&](const BroadcastRequest& each) { broadcast(each); },
             },
             event);
  drive_broadcast();
  return std::exchange(out_, {});
}

void FollowerCore::tick(MonotonicMs now) {
  now_ = std::max(now_, now);
  if (follow_call_ != 0 || now_ < next_try_) return;
  if (state_ == State::kWaiting) call(State::kGenesis, "getblockhash", params_of({0}));
  if (state_ == State::kIdle) call(State::kCount, "getblockcount", Json::array());
}

void FollowerCore::call(State next, std::string method, Json params) {
  state_ = next;
  follow_call_ = next_call_++;
  out_.emplace_back(Call{follow_call_, std::move(method), std::move(params)});
}

void FollowerCore::reply(const CallReply& event) {
  now_ = std::max(now_, event.now);
  if (event.id == broadcast_call_ && event.id != 0) return broadcast_reply(event);
  if (event.id != follow_call_ || event.id == 0) return;  // late, or never asked
  follow_call_ = 0;
  if (const auto* error = std::get_if<CallError>(&event.outcome)) return handle_call_error(*error);
  const Status handled = handle(std::get<Json>(event.outcome));
  if (!handled.ok() && state_ != State::kStopped) fail(handled);
}

void FollowerCore::handle_call_error(const CallError& error) {
  if (state_ == State::kFee && error.rpc_code) {  // the node has no figure
    fee_rate_ = settings_.default_fee_rate;
    fee_at_ = now_;
    return advance();
  }
  if (state_ == State::kAnchorHash && error.rpc_code == kRpcInvalidParameter) {
    return fail(unavailable("the node has not reached the anchor block at height " +
                                std::to_string(settings_.chain.anchor_height.get()),
                            "wait until it has synchronised"));
  }
  if ((state_ == State::kNextHash || state_ == State::kCompare) && error.rpc_code == kRpcInvalidParameter) {
    state_ = State::kIdle;  // its chain became shorter since it gave the height: ask again
    next_try_ = after(now_, settings_.poll_ms);
    return;
  }
  fail(error.status);
}

Status FollowerCore::handle(const Json& result) {
  switch (state_) {
    case State::kGenesis:
      return handle_genesis(result);
    case State::kAnchorHash:
      return handle_anchor_hash(result);
    case State::kAnchorHeader:
      return handle_anchor_header(result);
    case State::kCount:
      return handle_count(result);
    case State::kCompare:
      return handle_compare(result);
    case State::kNextHash:
      return handle_next_hash(result);
    case State::kNextHeader:
      return handle_next_header(result);
    case State::kBlock:
      return handle_block(result);
    case State::kFee:
      return handle_fee(result);
    case State::kWaiting:
    case State::kIdle:
    case State::kStopped:
      break;
  }
  return ok_status();
}

Status FollowerCore::handle_genesis(const Json& result) {
  ASSIGN_OR_RETURN(const Hash256 genesis, hash_from(result));
  if (genesis != plain(settings_.chain.genesis_hash)) {
    return refused("the node follows another chain: its genesis block is " + shown(genesis) + ", that of " +
                       std::string(as_text(settings_.chain.name)) + " is " +
                       shown(plain(settings_.chain.genesis_hash)),
                   "configure the URL of a node of this chain");
  }
  call(State::kAnchorHash, "getblockhash", params_of({settings_.chain.anchor_height.get()}));
  return ok_status();
}

Status FollowerCore::handle_anchor_hash(const Json& result) {
  ASSIGN_OR_RETURN(const Hash256 hash, hash_from(result));
  const Hash256 anchor = plain(settings_.chain.anchor_hash);
  if (hash != anchor) {
    return refused("the node follows another chain: its block at the anchor's height " +
                       std::to_string(settings_.chain.anchor_height.get()) + " is " + shown(hash) +
                       ", the anchor is " + shown(anchor),
                   "configure the URL of a node of this chain");
  }
  if (kept_.empty()) {
    call(State::kAnchorHeader, "getblockheader", params_of({shown(anchor), false}));
  } else {
    call(State::kCount, "getblockcount", Json::array());
  }
  return ok_status();
}

Status FollowerCore::handle_anchor_header(const Json& result) {
  ASSIGN_OR_RETURN(const bitcoin::BlockHeader header, header_from(result));
  if (header.hash() != plain(settings_.chain.anchor_hash)) {
    return invalid("the node's header of the anchor does not hash to the anchor");
  }
  if (header.bits != settings_.chain.anchor_bits) {
    return refused("the anchor's bits in our genesis are not those of the anchor block",
                   "the genesis file is wrong: it must be made again");
  }
  kept_.push_back({header, header.hash()});
  first_kept_ = settings_.chain.anchor_height.get();
  call(State::kCount, "getblockcount", Json::array());
  return ok_status();
}

Status FollowerCore::handle_count(const Json& result) {
  ASSIGN_OR_RETURN(const std::uint64_t height, result.as_u64());
  if (height > UINT32_MAX) return invalid("the node gives " + std::to_string(height) + " as its height");
  node_height_ = static_cast<std::uint32_t>(height);
  if (node_height_ < first_kept_) {
    return unavailable("the node is at height " + std::to_string(height) + ", below what it showed before",
                       "wait until it has synchronised");
  }
  compare(std::min(node_height_, tip()));
  return ok_status();
}

void FollowerCore::compare(std::uint32_t height) {
  compare_height_ = height;
  call(State::kCompare, "getblockhash", params_of({height}));
}

Status FollowerCore::handle_compare(const Json& result) {
  ASSIGN_OR_RETURN(const Hash256 hash, hash_from(result));
  const KeptHeader* ours = kept(compare_height_);
  CHECK(ours != nullptr);
  if (hash != ours->hash) {
    if (compare_height_ == first_kept_ || tip() - compare_height_ >= kMaxReorganisation) {
      stop(corrupt(
          "the node's chain differs from what it showed before by more than " +
              std::to_string(tip() - compare_height_) + " blocks, at height " +
              std::to_string(compare_height_),
          "find out what happened to the external chain or node; restart this node to follow it again"));
      return ok_status();
    }
    compare(compare_height_ - 1);
    return ok_status();
  }
  if (compare_height_ < std::min(node_height_, tip())) undo_above(compare_height_);
  if (node_height_ < tip()) {
    return unavailable("the node is at height " + std::to_string(node_height_) + ", below " +
                           std::to_string(tip()) + ", which it showed before",
                       "wait until it has synchronised");
  }
  advance();
  return ok_status();
}

void FollowerCore::undo_above(std::uint32_t height) {
  while (tip() > height) kept_.pop_back();
  next_scan_ = std::min(next_scan_, height + 1);
  announced_.reset();
  out_.emplace_back(BlocksUndone{model::ExternalHeight(height + 1)});
}

void FollowerCore::advance() {
  if (!watching()) next_scan_ = std::max(next_scan_, tip() + 1);
  next_scan_ = std::max(next_scan_, first_kept_);
  const bool fee_due = !fee_at_ || now_.value - fee_at_->value >= settings_.fee_interval_ms;
  if (next_scan_ <= tip()) {
    scanning_ = next_scan_;
    call(State::kBlock, "getblock", params_of({shown(kept(scanning_)->hash), false}));
  } else if (tip() < node_height_) {
    call(State::kNextHash, "getblockhash", params_of({tip() + 1}));
  } else if (fee_due) {
    call(State::kFee, "estimatesmartfee", params_of({settings_.fee_target_blocks}));
  } else {
    announce();
    retry_ms_ = 0;
    set_problem(ok_status());
    state_ = State::kIdle;
    next_try_ = after(now_, settings_.poll_ms);
  }
}

Status FollowerCore::handle_next_hash(const Json& result) {
  ASSIGN_OR_RETURN(next_hash_, hash_from(result));
  call(State::kNextHeader, "getblockheader", params_of({shown(next_hash_), false}));
  return ok_status();
}

bitcoin::HeaderAnchor FollowerCore::anchor_at_tip() const {
  const KeptHeader& last = kept_.back();
  bitcoin::HeaderAnchor anchor{last.hash, tip(), last.header.bits, last.header.time, std::nullopt};
  const std::uint32_t next = tip() + 1;
  const std::uint32_t interval = network_.retarget_interval;
  // The first block of the interval that the anchor is in, which is all that Bitcoin's retarget looks at.
  if (const KeptHeader* first = kept(tip() - tip() % interval); first != nullptr && next % interval == 0) {
    anchor.interval_first_time = first->header.time;
  }
  return anchor;
}

Status FollowerCore::handle_next_header(const Json& result) {
  ASSIGN_OR_RETURN(const bitcoin::BlockHeader header, header_from(result));
  if (header.hash() != next_hash_) return invalid("the node's header does not hash to the hash asked for");
  if (header.previous != kept_.back().hash) {
    // Its best chain changed between two answers, or it answers nonsense: look for the common block.
    if (compare_height_ == tip() && !problem_.ok()) {
      return invalid(
          "the node's block at height " + std::to_string(tip() + 1) + " does not follow the one before",
          "the node is faulty, or something between it and us is");
    }
    set_problem(unavailable("the node's block at height " + std::to_string(tip() + 1) +
                            " does not follow the one before"));
    compare(tip());
    return ok_status();
  }
  TRY(bitcoin::verify_header_chain(network_, anchor_at_tip(), {header}));
  kept_.push_back({header, next_hash_});
  if (kept_.size() > kKeptHeaders) {
    kept_.pop_front();
    ++first_kept_;
  }
  advance();
  return ok_status();
}

Status FollowerCore::handle_block(const Json& result) {
  const KeptHeader* block = kept(scanning_);
  CHECK(block != nullptr);
  ASSIGN_OR_RETURN(const std::string text, result.as_string());
  if (text.size() > 2 * kMaxBlockSize) return invalid("the node's block is over 4,000,000 bytes");
  ASSIGN_OR_RETURN(const Bytes raw, from_hex(text));
  ASSIGN_OR_RETURN(const std::vector<BlockTransaction> transactions, split_block(raw, block->header));
  scan(*block, scanning_, transactions);
  if (next_scan_ == scanning_) ++next_scan_;  // lower when something was watched meanwhile
  advance();
  return ok_status();
}

void FollowerCore::scan(const KeptHeader& block, std::uint32_t height,
                        const std::vector<BlockTransaction>& transactions) {
  std::optional<MerkleTree> tree;
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    const BlockTransaction& transaction = transactions[i];
    TransactionFound found;
    for (std::size_t vout = 0; vout < transaction.outputs.size(); ++vout) {
      if (scripts_.contains(to_bytes(transaction.outputs[vout].script))) {
        found.outputs.push_back(static_cast<std::uint32_t>(vout));
      }
    }
    for (const bitcoin::OutPoint& input : transaction.inputs) {
      if (outpoints_.contains(input)) found.spent.push_back(input);
    }
    const bool ours = std::any_of(broadcasts_.begin(), broadcasts_.end(),
                                  [&](const Broadcast& each) { return each.txid == transaction.txid; });
    if (found.outputs.empty() && found.spent.empty() && !ours) continue;
    recently_found_.push_back(external(transaction.txid));
    if (recently_found_.size() > kMaxRecentlyFound) recently_found_.pop_front();
    if (found.outputs.empty() && found.spent.empty()) continue;
    found.height = model::ExternalHeight(height);
    found.block = external(block.hash);
    found.txid = external(transaction.txid);
    found.transaction = transaction.stripped;
    found.index = static_cast<std::uint32_t>(i);
    found.tx_count = static_cast<std::uint32_t>(transactions.size());
    if (!tree) tree.emplace(transactions);
    for (const Hash256& sibling : tree->path(i)) found.path.push_back(external(sibling));
    out_.emplace_back(std::move(found));
  }
}

Status FollowerCore::handle_fee(const Json& result) {
  // Bitcoin Core: {"feerate": coins per kvB} or {"errors"}; bcoin: {"fee": coins per kB, -1 for none}.
  const Json* figure = result.find("feerate");
  if (figure == nullptr) figure = result.find("fee");
  fee_rate_ = settings_.default_fee_rate;
  if (figure != nullptr) {
    ASSIGN_OR_RETURN(const double coins, figure->as_double());
    if (coins > 0 && coins <= kMaxFeePerKb) {
      fee_rate_ = model::FeeRate(static_cast<std::uint64_t>(std::llround(coins * kMinorUnits)));
    }
  }
  fee_at_ = now_;
  advance();
  return ok_status();
}

void FollowerCore::announce() {
  const KeptHeader& best = kept_.back();
  const HeadObserved head{model::ExternalHeight(tip()), external(best.hash), best.header.time, fee_rate_};
  if (announced_ && announced_->height == head.height && announced_->hash == head.hash &&
      announced_->fee_rate == head.fee_rate) {
    return;
  }
  announced_ = head;
  out_.emplace_back(head);
}

void FollowerCore::fail(const Status& status) {
  set_problem(status);
  retry_ms_ =
      status.code() == Code::kRefused ? kMaxRetryMs : std::clamp(retry_ms_ * 2, kFirstRetryMs, kMaxRetryMs);
  state_ = State::kWaiting;  // and identify the node again: another one may answer under its address
  next_try_ = after(now_, retry_ms_);
}

void FollowerCore::stop(const Status& status) {
  set_problem(status);
  state_ = State::kStopped;
}

void FollowerCore::set_problem(const Status& status) {
  if (status.code() == problem_.code() && status.message() == problem_.message()) return;
  problem_ = status;
  out_.emplace_back(Problem{status});
}

void FollowerCore::rescan(model::ExternalHeight since) {
  next_scan_ = std::min(next_scan_, std::max(since.get(), settings_.chain.anchor_height.get()));
}

const FollowerCore::KeptHeader* FollowerCore::kept(std::uint32_t height) const {
  if (height < first_kept_ || height - first_kept_ >= kept_.size()) return nullptr;
  return &kept_[height - first_kept_];
}

std::optional<model::ExternalHash> FollowerCore::block_hash(model::ExternalHeight height) const {
  const KeptHeader* found = kept(height.get());
  if (found == nullptr) return std::nullopt;
  return external(found->hash);
}

Result<model::BitcoinProof> FollowerCore::proof(const TransactionFound& found,
                                                model::ExternalHeight head) const {
  const KeptHeader* block = kept(found.height.get());
  if (block == nullptr || external(block->hash) != found.block) {
    return not_found("the block of transaction " + shown(plain(found.txid)) +
                     " is not in the chain that is kept");
  }
  if (head < found.height || kept(head.get()) == nullptr) {
    return not_found("the external block at height " + std::to_string(head.get()) + " is not kept");
  }
  model::BitcoinProof proof;
  proof.transaction = found.transaction;
  proof.height = found.height;
  proof.index = found.index;
  proof.tx_count = found.tx_count;
  proof.path = found.path;
  for (std::uint32_t height = found.height.get(); height <= head.get(); ++height) {
    ASSIGN_OR_RETURN(const model::ExternalHeader raw,
                     model::ExternalHeader::from(kept(height)->header.serialize()));
    proof.headers.push_back(raw);
  }
  return proof;
}

// ---- broadcasting

void FollowerCore::broadcast(const BroadcastRequest& request) {
  const auto parsed = bitcoin::parse_transaction(request.transaction);
  if (!parsed.ok()) {
    out_.emplace_back(BroadcastDone{request.ticket, parsed.status()});
  } else if (broadcasts_.size() >= kMaxBroadcasts) {
    out_.emplace_back(BroadcastDone{request.ticket, exhausted("too many transactions wait to be broadcast")});
  } else {
    broadcasts_.push_back({request.ticket, request.transaction, parsed->txid(), false, {}, {}});
  }
}

void FollowerCore::drive_broadcast() {
  if (broadcast_call_ != 0 || broadcasts_.empty()) return;
  const Broadcast& front = broadcasts_.front();
  if (std::find(recently_found_.begin(), recently_found_.end(), external(front.txid)) !=
      recently_found_.end()) {
    finish_broadcast(ok_status());
    return drive_broadcast();
  }
  if (front.sent && now_ < front.next_look) return;
  broadcast_call_ = next_call_++;
  if (front.sent) {
    out_.emplace_back(Call{broadcast_call_, "getrawmempool", Json::array()});
  } else {
    out_.emplace_back(Call{broadcast_call_, "sendrawtransaction", params_of({to_hex(front.transaction)})});
  }
}

void FollowerCore::broadcast_reply(const CallReply& event) {
  broadcast_call_ = 0;
  if (broadcasts_.front().sent) {
    mempool_reply(event.outcome);
  } else {
    sent_reply(event.outcome);
  }
}

void FollowerCore::sent_reply(const std::variant<Json, CallError>& outcome) {
  Broadcast& front = broadcasts_.front();
  if (const auto* error = std::get_if<CallError>(&outcome)) {
    if (!error->rpc_code) return finish_broadcast(error->status);
    if (error->rpc_code == kRpcAlreadyInChain) return finish_broadcast(ok_status());
    const bool known = error->status.message().find("txn-already") != std::string::npos;
    if (!known) return finish_broadcast(refused("the external node refused it: " + error->status.message()));
  }
  // bcoin answers with the id whatever it thinks of the transaction, so only the mempool tells.
  front.sent = true;
  front.deadline = after(now_, kBroadcastWaitMs);
  front.next_look = now_;
}

void FollowerCore::mempool_reply(const std::variant<Json, CallError>& outcome) {
  Broadcast& front = broadcasts_.front();
  if (const auto* error = std::get_if<CallError>(&outcome)) return finish_broadcast(error->status);
  const std::string wanted = shown(front.txid);
  for (const Json& each : std::get<Json>(outcome).items()) {
    const auto text = each.as_string();
    if (text.ok() && *text == wanted) return finish_broadcast(ok_status());
  }
  if (now_ >= front.deadline) {
    return finish_broadcast(
        refused("the external node took transaction " + wanted + " and did not keep it",
                "it is invalid, spends what is spent, or pays too little: see that node's log"));
  }
  front.next_look = after(now_, kMempoolLookMs);
}

void FollowerCore::finish_broadcast(const Status& status) {
  out_.emplace_back(BroadcastDone{broadcasts_.front().ticket, status});
  broadcasts_.pop_front();
}

}  // namespace custody::ledger::followers
