// Whole blocks as a node gives them: which transactions touch what is watched, and the proof that they are in
// the block. Thread-safety: values.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/header.h"
#include "ledger/chains/bitcoin/transaction.h"

namespace custody::ledger::followers {

inline constexpr std::size_t kMaxBlockSize =
    4'000'000;  // bytes with witnesses (BIP-141: 4,000,000 weight units)

// One transaction inside a block's bytes, which must outlive it.
struct BlockTransaction {
  struct Output {
    std::uint64_t value = 0;
    ByteView script;
  };
  Hash256 txid;
  Bytes stripped;  // without witnesses (BIP-144): what hashes to the txid
  std::vector<chains::bitcoin::OutPoint> inputs;
  std::vector<Output> outputs;
};

// Every transaction of the block. Laxer than chains::bitcoin::parse_transaction, because blocks hold
// transactions that no deposit or payout may look like. kInvalid when the bytes are not exactly one block
// with this header and a transactions root that is the header's.
Result<std::vector<BlockTransaction>> split_block(ByteView raw, const chains::bitcoin::BlockHeader& expected);

// A block's Merkle tree, hashed once however many of its transactions are to be proven: anyone can fill a
// block with payments to a watched script.
class MerkleTree {
 public:
  explicit MerkleTree(const std::vector<BlockTransaction>& transactions);  // at least one
  // The siblings of transaction `index`, its own level first (chains::bitcoin::TxInclusion's order).
  std::vector<Hash256> path(std::size_t index) const;

 private:
  std::vector<std::vector<Hash256>> levels_;  // from the transactions to below the root
};

}  // namespace custody::ledger::followers
