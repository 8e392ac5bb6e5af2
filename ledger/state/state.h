// The replicated state machine: what a block of transactions does to the ledger. Deterministic: state and
// block decide alone, nothing that a node sees outside. Executing does not change anything; applying does, at
// once. Thread-safety: const functions may run in parallel with each other, none with apply().
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "ledger/model/block.h"
#include "ledger/model/records.h"
#include "ledger/state/tree.h"
#include "ledger/state/verifier.h"
#include "proto/reader/describe.h"

namespace custody::ledger::state {

// What of a block's encoding is not transactions: header, commit, field tags. The transactions together may
// take max_block_bytes less this.
constexpr std::size_t kBlockOverhead = 16u << 10;
constexpr std::size_t kPerTransactionOverhead = 8;  // tag and length in the block, generously
constexpr std::uint32_t kMaxOpenSlots = 4;          // per currency: more burns wait in the queue
constexpr std::size_t kMaxQueuedOfGateway = 128;    // oldest burns of each gateway that one plan looks at
constexpr std::size_t kMaxOpenProposals = 16;       // per member
constexpr std::size_t kMaxPassedProposals = 1'024;  // waiting for their effective height

// The settings that rules look up all the time, decoded once per change.
struct Registry {
  model::ChainId chain_id;
  model::Genesis genesis;  // external chains and currencies are fixed there
  model::NetworkParameters parameters;
  model::MemberSet set;
  std::map<model::MemberId, model::Member> members;
  std::map<model::CurrencyId, model::ReserveWallet> wallets;  // of the highest epoch
};

// The account that a member's share of the fees goes to: that of its governance key.
model::Address member_account(const model::Member& member);

// What follows from the tree and would be slow to find in it.
struct Index {
  std::set<Bytes> keys;                                    // of every table but balances and seen ids
  std::map<std::uint64_t, std::vector<model::TxId>> seen;  // by valid_until
  std::map<model::CurrencyId, std::map<std::uint64_t, model::GatewayId>> queued;  // burns in status queued
  friend bool operator==(const Index&, const Index&) = default;
};

// What a block does. Apply it to the state that made it.
struct Execution {
  model::Height height;
  model::LedgerMs time;
  Hash256 base_root;            // of the state that it was executed on
  std::vector<Change> changes;  // each key once, in no particular order
  std::vector<model::TxId> transactions;
  std::vector<model::Receipt> receipts;
  Hash256 transactions_root;
  Hash256 receipts_root;
  Hash256 state_root;
  Hash256 members_hash;       // of the set that votes on this block
  Hash256 next_members_hash;  // of the set that votes on the next
  Tree tree;

  // Writes the roots and set hashes into a header.
  void seal(model::BlockHeader& header) const;
  // kInvalid names the first root that is not the header's.
  Status check_header(const model::BlockHeader& header) const;
};

struct Dropped {
  std::size_t index;  // among the candidates
  Status reason;
};
struct Selection {
  std::vector<std::size_t> included;  // indexes of candidates, in block order
  std::vector<Dropped> dropped;       // invalid now; the rest did not fit and stays a candidate
  Execution execution;
};

// What a transaction takes of something of which there is so much: of an account's balance, or, when it costs
// nothing, of the number of such transactions that one signer may have waiting. Transactions whose claims on
// one source go beyond its limit cannot all be executed.
struct Claim {
  Bytes source;
  std::uint64_t amount = 0;
  std::uint64_t limit = 0;
  friend bool operator==(const Claim&, const Claim&) = default;
};
constexpr std::uint64_t kMaxFreeOfSigner = 256;

struct Admitted {
  model::TxId id;
  model::Height valid_until;
  std::vector<Claim> claims;  // distinct sources
};

class State {
 public:
  // Height 0. Checks the genesis.
  static Result<State> from_genesis(const model::Genesis& genesis, const model::ChainId& chain_id);
  // Fills in the next entry; false when there is none left.
  using Source = std::function<bool(Bytes& key, Bytes& value)>;
  // From stored entries, each key once, in any order. Compare root() with the stored header's state_root.
  // kCorrupt names a record that does not decode or is missing.
  static Result<State> load(const model::Genesis& genesis, const model::ChainId& chain_id,
                            model::Height height, model::LedgerMs time, const Source& source);

  model::Height height() const { return height_; }
  model::LedgerMs time() const { return time_; }  // of the last block, or of genesis
  Hash256 root() const { return tree_.root(); }
  const Tree& tree() const { return tree_; }
  const Registry& registry() const { return registry_; }
  const Index& index() const { return index_; }

  std::optional<Bytes> get(ByteView key) const;
  // The record at key; it decodes, because nothing else was ever stored there (load() has checked).
  template <typename T>
  std::optional<T> get(ByteView key) const {
    const auto raw = tree_.find(key);
    if (!raw) return std::nullopt;
    auto record = proto::reader::decode<T>(*raw, kMaxValue);
    CHECK(record.ok());
    return std::move(*record);
  }
  model::Amount balance(const model::Address& address, model::CurrencyId currency) const;
  // Keys and values whose key starts with prefix, in order. Of balances and seen ids it walks the whole tree.
  std::vector<std::pair<Bytes, Bytes>> scan(ByteView prefix) const;
  model::StateProof prove(ByteView key) const { return tree_.prove(key); }

  // All of a block. header: version, chain id, height (the next), time (later than the last) and proposer
  // count, its hashes are ignored. kInvalid names the transaction's index and kind, and why.
  Result<Execution> execute(const model::BlockHeader& header, std::span<const Bytes> envelopes,
                            SignatureVerifier& verifier) const;
  // For a proposer: candidates in order, those that are invalid now dropped, the others executed, as many as
  // fit a block.
  Result<Selection> select(const model::BlockHeader& header, std::span<const Bytes> candidates,
                           SignatureVerifier& verifier) const;
  // Would this transaction alone be valid in the next block? kInvalid: never valid; kExists: executed
  // already; kRefused: a rule forbids it in the present state.
  Result<Admitted> check_transaction(ByteView envelope, SignatureVerifier& verifier) const;
  // CHECKs that the execution was made on this state.
  void apply(Execution&& execution);

 private:
  friend class Executor;
  State() = default;
  Status refresh_registry();
  void note(const std::vector<Change>& changes);
  std::vector<Claim> claims_of(const model::Transaction& transaction,
                               const std::vector<model::KeySignature>& signatures) const;

  Registry registry_;
  Index index_;
  Tree tree_;
  model::Height height_;
  model::LedgerMs time_;
};

}  // namespace custody::ledger::state
