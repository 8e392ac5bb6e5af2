// Blocks, votes and commits: values only. Thread-safety: values.
#pragma once

#include <optional>
#include <vector>

#include "ledger/model/ids.h"

namespace custody::ledger::model {

constexpr std::size_t kMaxBlockBytes = 4u << 20;
constexpr std::size_t kPartBytes = 64u << 10;
constexpr std::size_t kMaxTransactions = 1u << 16;

struct BlockHeader {
  std::uint32_t version = 1;
  ChainId chain_id;
  Height height;  // from 1
  LedgerMs time;
  BlockHash previous;         // of block 1: all zero
  Hash256 transactions_root;  // RFC 6962 over envelope bytes
  Hash256 receipts_root;      // RFC 6962 over encoded receipts
  Hash256 state_root;         // after this block
  Hash256 members_hash;       // of the set that votes on this block
  Hash256 next_members_hash;  // of the set that votes on the next
  MemberId proposer;
  friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};

struct CommitSignature {
  MemberId member;
  Signature signature;
  friend bool operator==(const CommitSignature&, const CommitSignature&) = default;
};

// Precommits for one block by more than two thirds of weight, ascending by member.
struct Commit {
  Height height;
  Round round;
  BlockHash block;
  std::vector<CommitSignature> signatures;
  friend bool operator==(const Commit&, const Commit&) = default;
};

struct Block {
  BlockHeader header;
  std::optional<Commit> last_commit;  // of the previous block; absent in block 1
  std::vector<Bytes> transactions;    // encoded envelopes
  friend bool operator==(const Block&, const Block&) = default;
};

enum class VoteType : std::uint8_t { kPrevote = 1, kPrecommit = 2 };

// What is signed is (height, round, block) under the tag of the type: the same bytes for every member, no
// timestamp.
struct Vote {
  VoteType type = VoteType::kPrevote;
  Height height;
  Round round;
  std::optional<BlockHash> block;  // absent: nil
  MemberId member;
  Signature signature;
  friend bool operator==(const Vote&, const Vote&) = default;
};

struct BlockProposal {
  Height height;
  Round round;
  std::optional<Round> proof_of_lock;  // the round in which more than two thirds prevoted the block
  BlockHash block;
  Hash256 parts_root;  // RFC 6962 over the parts of at most 64 KiB
  std::uint32_t part_count = 0;
  MemberId member;
  Signature signature;
  friend bool operator==(const BlockProposal&, const BlockProposal&) = default;
};

// What a transaction did, for wallets and proofs: its id and the fee it paid.
struct Receipt {
  Hash256 transaction;  // TxId bytes
  std::uint64_t index = 0;
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

}  // namespace custody::ledger::model
