#include "ledger/node/replica.h"

#include <algorithm>
#include <utility>

#include "proto/reader/describe_peer.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {

namespace {

using store::Family;

// What the store says about the last block, besides the block.
struct TipRecord {
  model::ChainId chain;
  model::Height height;
  model::BlockHash hash;
  model::LedgerMs time;
  model::MemberSet voters;  // voted on it
};
template <class V>
void describe(V& v, TipRecord& m) {
  v.field(1, m.chain);
  v.field(2, m.height);
  v.field(3, m.hash);
  v.field(4, m.time);
  v.field(5, m.voters);
}

struct PlaceRecord {
  model::Height height;
  std::uint32_t index = 0;
};
template <class V>
void describe(V& v, PlaceRecord& m) {
  v.field(1, m.height);
  v.field(2, m.index);
}

constexpr std::string_view kTipKey = "tip";
constexpr std::size_t kVerifiedRemembered = 100'000;
constexpr std::size_t kExecutionsKept = 8;
constexpr std::uint64_t kPeriodMs = 250;
constexpr std::uint64_t kTellAgainMs = 2'000;
constexpr std::size_t kTellBytesPerPeriod = 1u << 20;
constexpr std::size_t kTellBytesTogether = 64u << 10;  // in one message; a larger transaction goes alone
constexpr std::size_t kPeerBytesPerPeriod = 1u << 20;
constexpr std::uint64_t kMutedMs = 10'000;
constexpr std::size_t kRechecked = 100;  // waiting transactions, after a block
constexpr std::size_t kLoadChunk = 4'096;

Bytes height_key(model::Height height) {
  Bytes out;
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(height.get() >> shift));
  return out;
}

template <typename T>
Result<std::optional<T>> read_record(const store::KeyValueStore& store, Family family, ByteView key) {
  ASSIGN_OR_RETURN(const std::optional<Bytes> raw, store.get(family, key));
  if (!raw) return std::optional<T>();
  auto record = proto::reader::decode<T>(*raw, store::kMaxValueSize);
  if (!record.ok()) return corrupt("store: " + record.status().message(), "restore the node's database");
  return std::optional<T>(std::move(*record));
}

void put_tip(store::Batch& batch, const TipRecord& tip) {
  batch.put(Family::kMeta, as_bytes(kTipKey), proto::reader::encode(tip));
}

// The state's entries, a chunk at a time.
class EntrySource {
 public:
  explicit EntrySource(const store::KeyValueStore& store) : store_(store) {}

  bool next(Bytes& key, Bytes& value) {
    if (at_ == chunk_.size() && !fill()) return false;
    std::tie(key, value) = std::move(chunk_[at_++]);
    return true;
  }
  const Status& status() const { return status_; }

 private:
  bool fill() {
    chunk_.clear();
    at_ = 0;
    if (done_) return false;
    status_ = store_.iterate(Family::kState, {}, from_, [this](ByteView key, ByteView value) {
      chunk_.emplace_back(to_bytes(key), to_bytes(value));
      return chunk_.size() < kLoadChunk;
    });
    done_ = !status_.ok() || chunk_.size() < kLoadChunk;
    if (!status_.ok() || chunk_.empty()) return false;
    from_ = chunk_.back().first;
    from_.push_back(0);  // the next key after it
    return true;
  }

  const store::KeyValueStore& store_;
  std::vector<std::pair<Bytes, Bytes>> chunk_;
  std::size_t at_ = 0;
  Bytes from_;
  bool done_ = false;
  Status status_;
};

Result<state::State> load_state(const ReplicaConfig& config, const TipRecord& tip,
                                const store::KeyValueStore& store) {
  EntrySource source(store);
  auto loaded = state::State::load(config.genesis, config.chain, tip.height, tip.time,
                                   [&](Bytes& key, Bytes& value) { return source.next(key, value); });
  TRY(source.status());
  return loaded;
}

}  // namespace

Replica::Replica(ReplicaConfig config, store::KeyValueStore& store, state::SignatureVerifier& verifier,
                 state::State state)
    : config_(std::move(config)),
      store_(store),
      verifier_(verifier, kVerifiedRemembered),
      state_(std::move(state)),
      mempool_(config_.mempool) {}

Replica::~Replica() = default;

Result<std::unique_ptr<Replica>> Replica::open(ReplicaConfig config, store::KeyValueStore& store,
                                               consensus::Log& log, std::vector<consensus::LogRecord> records,
                                               state::SignatureVerifier& verifier) {
  ASSIGN_OR_RETURN(const std::optional<TipRecord> tip,
                   read_record<TipRecord>(store, Family::kMeta, as_bytes(kTipKey)));
  if (tip && tip->chain != config.chain) {
    return corrupt(
        "the store belongs to network " + tip->chain.hex() + ", this node to " + config.chain.hex(),
        "give every network its own member directory");
  }
  auto state =
      tip ? load_state(config, *tip, store) : state::State::from_genesis(config.genesis, config.chain);
  if (!state.ok()) return state.status();
  std::unique_ptr<Replica> replica(new Replica(std::move(config), store, verifier, std::move(*state)));
  if (!tip) TRY(replica->store_genesis());
  TRY(replica->load_tip());
  consensus::Config core{
      replica->config_.chain, replica->config_.self, replica->config_.quorum,
      [cache = &replica->verifier_](const PublicKey& key, const Hash256& digest, const Signature& signature) {
        return cache->verify_one(key, digest, signature);
      }};
  consensus::Application& application = *replica;
  replica->consensus_ =
      std::make_unique<consensus::Consensus>(std::move(core), application, log, std::move(records));
  return replica;
}

Status Replica::store_genesis() {
  store::Batch batch;
  state_.tree().for_each([&](ByteView key, ByteView value) { batch.put(Family::kState, key, value); });
  put_tip(batch, {config_.chain, model::Height(0), {}, state_.time(), state_.registry().set});
  return store_.write(batch, store::Durability::kSync);
}

Status Replica::load_tip() {
  ASSIGN_OR_RETURN(const std::optional<TipRecord> record,
                   read_record<TipRecord>(store_, Family::kMeta, as_bytes(kTipKey)));
  if (!record) return corrupt("store: the last block's record is missing", "restore the node's database");
  tip_ = {record->height, record->hash, record->time, std::nullopt};
  voters_ = record->voters;
  if (tip_.height == model::Height(0)) return ok_status();
  ASSIGN_OR_RETURN(const std::optional<consensus::DecidedBlock> last, decided(tip_.height));
  if (!last || proto::reader::block_hash(last->block.header) != tip_.hash) {
    return corrupt("store: block " + std::to_string(tip_.height.get()) + " is missing",
                   "restore the node's database");
  }
  if (last->block.header.state_root != state_.root()) {
    return corrupt("store: the state does not have the root of block " + std::to_string(tip_.height.get()),
                   "restore the node's database");
  }
  tip_.commit = last->commit;
  tip_header_ = last->block.header;
  return ok_status();
}

Actions Replica::step(const consensus::Now& now, const Event& event) {
  actions_.clear();
  std::visit([&](const auto& one) { on(now, one); }, event);
  if (now.monotonic >= next_period_ && !consensus_->halted()) {
    next_period_ = {now.monotonic.value + kPeriodMs};
    peer_budget_.clear();
    reported_.clear();
    tell_peers(now);
  }
  return std::move(actions_);
}

void Replica::forward(const consensus::Now& now, const consensus::Event& event) {
  for (consensus::Action& action : consensus_->step(now, event)) {
    std::visit([&](auto& one) { actions_.emplace_back(std::move(one)); }, action);
  }
}

void Replica::on(const consensus::Now& now, const PeerBytes& event) {
  auto message = consensus::decode_peer_message(event.message);
  if (!message.ok()) {
    if (!reported_.insert(event.peer).second) return;  // a peer does not decide how much we log
    actions_.emplace_back(consensus::Report{
        message.status().with_context("message from member " + std::to_string(event.peer.get()))});
    return;
  }
  const auto* transactions = std::get_if<model::TransactionsMessage>(&*message);
  if (transactions == nullptr) return forward(now, consensus::FromPeer{event.peer, std::move(*message)});
  const bool was_empty = mempool_.empty();
  for (const Bytes& envelope : transactions->envelopes) take_from_peer(now, event.peer, envelope);
  if (was_empty && !mempool_.empty()) forward(now, consensus::TransactionsAvailable{});
}

void Replica::on(const consensus::Now& now, const Submit& event) {
  auto id =
      consensus_->halted()
          ? Result<model::TxId>(unavailable("this node has stopped", "its log says why; use another member"))
          : admit(event.envelope, std::nullopt);
  const bool first = id.ok() && mempool_.count() == 1;
  actions_.emplace_back(Submitted{event.ticket, std::move(id)});
  if (first) forward(now, consensus::TransactionsAvailable{});
}

// Members are connected to each other: who made it known here makes it known to all, and if it could not, all
// who know tell again.
void Replica::take_from_peer(const consensus::Now& now, model::MemberId peer, ByteView envelope) {
  std::size_t& used = peer_budget_[peer];
  used += envelope.size();
  if (used > kPeerBytesPerPeriod || now.monotonic < muted_until_[peer]) return;
  const std::uint64_t rejected = verifier_.rejected();
  (void)admit(envelope, now.monotonic);  // a refusal concerns whoever submitted it
  // A member passes on what it has verified itself, so this one lies, and verifying is what costs us most.
  if (verifier_.rejected() != rejected) muted_until_[peer] = {now.monotonic.value + kMutedMs};
}

Result<model::TxId> Replica::admit(ByteView envelope, std::optional<MonotonicMs> told) {
  const std::size_t limit = parameters().max_transaction_bytes;
  ASSIGN_OR_RETURN(const auto decoded, proto::reader::decode_transaction(config_.chain, envelope, limit));
  if (mempool_.contains(decoded.id)) {
    return exists("transaction " + decoded.id.hex() + " waits for a block already");
  }
  ASSIGN_OR_RETURN(state::Admitted admitted, state_.check_transaction(envelope, verifier_));
  TRY(mempool_.add(admitted.id, to_bytes(envelope), admitted.valid_until, std::move(admitted.claims), told));
  return admitted.id;
}

void Replica::tell_peers(const consensus::Now& now) {
  model::TransactionsMessage message;
  std::size_t size = 0;
  const auto send = [&] {
    actions_.emplace_back(consensus::Broadcast{consensus::encode_peer_message(std::exchange(message, {}))});
    size = 0;
  };
  for (Bytes& envelope : mempool_.to_tell(now.monotonic, kTellAgainMs, kTellBytesPerPeriod)) {
    const bool full = size + envelope.size() > kTellBytesTogether ||
                      message.envelopes.size() == model::kMaxToldTransactions;
    if (full && !message.envelopes.empty()) send();
    size += envelope.size();
    message.envelopes.push_back(std::move(envelope));
  }
  if (!message.envelopes.empty()) send();
}

// ---- consensus::Application ----

model::MemberSet Replica::members(model::Height height) const {
  CHECK(height == tip_.height || height == model::next(tip_.height));
  return height == tip_.height ? voters_ : state_.registry().set;
}

Result<model::Block> Replica::propose(model::Height height, model::LedgerMs time, model::MemberId proposer,
                                      const std::optional<model::Commit>& last_commit) {
  model::Block block;
  block.header.chain_id = config_.chain;
  block.header.height = height;
  block.header.time = time;
  block.header.previous = tip_.hash;
  block.header.proposer = proposer;
  block.last_commit = last_commit;
  std::vector<Bytes> candidates = mempool_.oldest(parameters().max_block_bytes);
  ASSIGN_OR_RETURN(state::Selection selection, state_.select(block.header, candidates, verifier_));
  for (const state::Dropped& dropped : selection.dropped) drop_if_invalid(candidates.at(dropped.index));
  for (const std::size_t index : selection.included) {
    block.transactions.push_back(std::move(candidates.at(index)));
  }
  selection.execution.seal(block.header);
  remember(proto::reader::block_hash(block.header), std::move(selection.execution));
  return block;
}

// One that only cannot stand beside those chosen now stays; one that is wrong by itself goes.
void Replica::drop_if_invalid(const Bytes& envelope) {
  if (state_.check_transaction(envelope, verifier_).ok()) return;
  const auto decoded =
      proto::reader::decode_transaction(config_.chain, envelope, parameters().max_transaction_bytes);
  if (decoded.ok()) mempool_.remove(decoded->id);
}

Status Replica::validate(const model::Block& block) {
  const model::BlockHash hash = proto::reader::block_hash(block.header);
  if (std::ranges::find(executions_, hash, [](const auto& one) { return one.first; }) != executions_.end()) {
    return ok_status();
  }
  ASSIGN_OR_RETURN(state::Execution execution, state_.execute(block.header, block.transactions, verifier_));
  TRY(execution.check_header(block.header));
  remember(hash, std::move(execution));
  return ok_status();
}

void Replica::remember(const model::BlockHash& hash, state::Execution execution) {
  if (executions_.size() == kExecutionsKept) executions_.erase(executions_.begin());
  executions_.emplace_back(hash, std::move(execution));
}

Status Replica::commit(const model::Block& block, const model::Commit& commit) {
  TRY(validate(block));
  const model::BlockHash hash = proto::reader::block_hash(block.header);
  const auto found = std::ranges::find(executions_, hash, [](const auto& one) { return one.first; });
  CHECK(found != executions_.end());
  state::Execution execution = std::move(found->second);
  executions_.clear();

  store::Batch batch;
  const Bytes key = height_key(block.header.height);
  batch.put(Family::kBlocks, key, proto::reader::encode(block));
  batch.put(Family::kCommits, key, proto::reader::encode(commit));
  for (const state::Change& change : execution.changes) {
    if (change.value) {
      batch.put(Family::kState, change.key, *change.value);
    } else {
      batch.remove(Family::kState, change.key);
    }
  }
  for (std::uint32_t i = 0; i < execution.transactions.size(); ++i) {
    batch.put(Family::kTxIndex, execution.transactions[i],
              proto::reader::encode(PlaceRecord{block.header.height, i}));
  }
  put_tip(batch, {config_.chain, block.header.height, hash, block.header.time, state_.registry().set});
  TRY(store_.write(batch, store::Durability::kSync));

  voters_ = state_.registry().set;
  tip_ = {block.header.height, hash, block.header.time, commit};
  tip_header_ = block.header;
  for (const model::TxId& id : execution.transactions) mempool_.remove(id);
  state_.apply(std::move(execution));
  mempool_.filter(model::next(tip_.height), kRechecked, [this](const Bytes& envelope) {
    return state_.check_transaction(envelope, verifier_).ok();
  });
  return ok_status();
}

Result<std::optional<consensus::DecidedBlock>> Replica::decided(model::Height height) const {
  const Bytes key = height_key(height);
  ASSIGN_OR_RETURN(std::optional<model::Block> block,
                   read_record<model::Block>(store_, Family::kBlocks, key));
  ASSIGN_OR_RETURN(std::optional<model::Commit> commit,
                   read_record<model::Commit>(store_, Family::kCommits, key));
  if (!block || !commit) return std::optional<consensus::DecidedBlock>();
  return std::optional(consensus::DecidedBlock{std::move(*block), std::move(*commit)});
}

Result<std::optional<TransactionPlace>> Replica::find_transaction(const model::TxId& id) const {
  ASSIGN_OR_RETURN(const std::optional<PlaceRecord> place,
                   read_record<PlaceRecord>(store_, Family::kTxIndex, id));
  if (!place) return std::optional<TransactionPlace>();
  return std::optional(TransactionPlace{place->height, place->index});
}

Result<model::LedgerEvidence> Replica::evidence(const std::vector<Bytes>& keys) const {
  if (!tip_header_ || !tip_.commit) return unavailable("no block is committed yet");
  model::LedgerEvidence out{*tip_header_, *tip_.commit, voters_, {}};
  for (const Bytes& key : keys) out.proofs.push_back(state_.prove(key));
  return out;
}

}  // namespace custody::ledger::node
