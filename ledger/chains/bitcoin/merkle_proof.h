// Proofs that a transaction is in a block: CMerkleBlock as gettxoutproof gives it (BIP-37), and the short
// form of one branch that ledger transactions carry. Thread-safety: values.
//
// What a proof does not show: the number of transactions is not committed to by the header, and the tree has
// no tag that tells leaves from inner nodes. An inner node taken for a leaf would be a 64-byte transaction,
// which parse_transaction refuses, so the caller must also check that the raw transaction hashes to the
// proven txid. The opposite forgery (a 64-byte transaction that a miner put in the block, taken for an inner
// node) costs more than 2^70 hashes and is not detected here.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/header.h"

namespace custody::ledger::chains::bitcoin {

constexpr std::uint32_t kMaxBlockTransactions = 16'666;  // 4,000,000 weight units / 240 (Bitcoin Core)
constexpr std::size_t kMaxMerkleDepth = 15;              // ceil(log2(kMaxBlockTransactions))
constexpr std::size_t kMaxMerkleBlockSize = 540'000;     // bytes: header, all hashes, all flags

struct MerkleBlock {
  BlockHeader header;
  std::uint32_t tx_count = 0;
  std::vector<Hash256> hashes;  // depth first
  Bytes flags;                  // bits, least significant first

  Bytes serialize() const;
};

struct ProvenTransaction {
  Hash256 txid;  // internal order
  std::uint32_t index = 0;

  friend bool operator==(const ProvenTransaction&, const ProvenTransaction&) = default;
};

// Form only: sizes, minimal counts, all consumed; tx_count 1..kMaxBlockTransactions; no more hashes than
// transactions and enough flag bits for them.
Result<MerkleBlock> parse_merkle_block(ByteView raw);

// The transactions that it proves, in block order, at least one. kInvalid: unused hashes or flag bytes, a
// padding bit that is set, too few hashes or bits, equal children where the tree has two different ones
// (CVE-2012-2459), a root that is not the header's, nothing proven. The header's work is the caller's
// business (check_pow).
Result<std::vector<ProvenTransaction>> verify_merkle_block(const MerkleBlock& block);

// One branch: the sibling at each level, leaf's first. Where a level's last node has no sibling, the node
// itself.
struct TxInclusion {
  std::uint32_t index = 0;     // of the transaction in its block
  std::uint32_t tx_count = 0;  // of the block
  std::vector<Hash256> path;   // exactly ceil(log2(tx_count)) hashes

  friend bool operator==(const TxInclusion&, const TxInclusion&) = default;
};

std::size_t merkle_depth(std::uint32_t tx_count);  // ceil(log2(tx_count)); 0 for 1

// kInvalid: tx_count 0 or above kMaxBlockTransactions, index >= tx_count, another path length than tx_count
// demands, a sibling equal to the node where the tree has two nodes, or different from it where the tree
// duplicates the last one (CVE-2012-2459), another root.
Status verify_inclusion(const Hash256& txid, const TxInclusion& inclusion, const Hash256& merkle_root);

// The branch of one proven transaction. kInvalid as verify_merkle_block; kNotFound when it does not prove
// txid.
Result<TxInclusion> extract_inclusion(const MerkleBlock& block, const Hash256& txid);

// Of a whole block's txids in order, which must not be empty (CHECKed): what tests and the local chain double
// build from.
Hash256 merkle_root(const std::vector<Hash256>& txids);

}  // namespace custody::ledger::chains::bitcoin
