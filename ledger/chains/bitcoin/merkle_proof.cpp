#include "ledger/chains/bitcoin/merkle_proof.h"

#include <algorithm>
#include <optional>

#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/serialize.h"

namespace custody::ledger::chains::bitcoin {
namespace {

Hash256 node_hash(const Hash256& left, const Hash256& right) {
  Bytes both = to_bytes(left.view());
  append(both, right);
  return crypto::sha256d(both);
}

// Nodes at a height above the leaves (height 0).
std::uint32_t width(std::uint32_t tx_count, std::size_t height) {
  return (tx_count + (1u << height) - 1) >> height;
}

Status check_tx_count(std::uint32_t tx_count) {
  if (tx_count == 0) return invalid("merkle proof: a block without transactions");
  if (tx_count > kMaxBlockTransactions) {
    return invalid("merkle proof: " + std::to_string(tx_count) + " transactions, a block has at most " +
                   std::to_string(kMaxBlockTransactions));
  }
  return ok_status();
}

struct Node {
  Hash256 hash;
  std::optional<TxInclusion> branch;  // of the wanted transaction, as far as this node
};

// Walks BIP-37's partial tree depth first, consuming flag bits and hashes; at most kMaxMerkleDepth levels
// deep.
class PartialTree {
 public:
  PartialTree(const MerkleBlock& block, const Hash256* wanted) : block_(block), wanted_(wanted) {}

  Result<Node> root() {
    ASSIGN_OR_RETURN(Node top, visit(merkle_depth(block_.tx_count), 0));
    if (next_hash_ != block_.hashes.size()) return invalid("merkle proof: unused hashes");
    if ((next_bit_ + 7) / 8 != block_.flags.size()) return invalid("merkle proof: unused flag bytes");
    while (next_bit_ % 8 != 0) {
      ASSIGN_OR_RETURN(const bool padding, bit());
      if (padding) return invalid("merkle proof: a padding bit is set");
    }
    if (top.hash != block_.header.merkle_root) return invalid("merkle proof: the root is not the header's");
    if (proven_.empty()) return invalid("merkle proof: it proves no transaction");
    return top;
  }

  std::vector<ProvenTransaction> take_proven() { return std::move(proven_); }

 private:
  Result<bool> bit() {
    if (next_bit_ / 8 >= block_.flags.size()) return invalid("merkle proof: too few flag bits");
    const bool value = ((block_.flags[next_bit_ / 8] >> (next_bit_ % 8)) & 1) != 0;
    ++next_bit_;
    return value;
  }

  Result<Hash256> hash() {
    if (next_hash_ >= block_.hashes.size()) return invalid("merkle proof: too few hashes");
    return block_.hashes[next_hash_++];
  }

  Result<Node> visit(std::size_t height, std::uint32_t position) {
    ASSIGN_OR_RETURN(const bool has_match, bit());
    if (height > 0 && has_match) return visit_children(height, position);
    ASSIGN_OR_RETURN(const Hash256 own, hash());
    Node node{own, std::nullopt};
    if (height == 0 && has_match) {
      proven_.push_back({own, position});
      if (wanted_ != nullptr && own == *wanted_) node.branch = TxInclusion{position, block_.tx_count, {}};
    }
    return node;
  }

  Result<Node> visit_children(std::size_t height, std::uint32_t position) {
    ASSIGN_OR_RETURN(Node left, visit(height - 1, 2 * position));
    Node right{left.hash, std::nullopt};
    if (2 * position + 1 < width(block_.tx_count, height - 1)) {
      ASSIGN_OR_RETURN(right, visit(height - 1, 2 * position + 1));
      if (right.hash == left.hash) return invalid("merkle proof: two equal children (CVE-2012-2459)");
    }
    Node node{node_hash(left.hash, right.hash), std::nullopt};
    if (left.branch) {
      left.branch->path.push_back(right.hash);
      node.branch = std::move(left.branch);
    } else if (right.branch) {
      right.branch->path.push_back(left.hash);
      node.branch = std::move(right.branch);
    }
    return node;
  }

  const MerkleBlock& block_;
  const Hash256* wanted_;
  std::size_t next_bit_ = 0;
  std::size_t next_hash_ = 0;
  std::vector<ProvenTransaction> proven_;
};

}  // namespace

Bytes MerkleBlock::serialize() const {
  Writer writer;
  writer.bytes(header.serialize()).u32(tx_count).compact_size(hashes.size());
  for (const Hash256& hash : hashes) writer.bytes(hash);
  return writer.var_bytes(flags).take();
}

Result<MerkleBlock> parse_merkle_block(ByteView raw) {
  if (raw.size() > kMaxMerkleBlockSize) {
    return invalid("merkle proof: " + std::to_string(raw.size()) + " bytes, at most " +
                   std::to_string(kMaxMerkleBlockSize) + " are accepted");
  }
  Reader reader(raw);
  MerkleBlock out;
  ASSIGN_OR_RETURN(const ByteView header, reader.bytes(kHeaderSize));
  ASSIGN_OR_RETURN(out.header, parse_header(header));
  ASSIGN_OR_RETURN(out.tx_count, reader.u32());
  TRY(check_tx_count(out.tx_count));
  ASSIGN_OR_RETURN(const std::size_t hash_count, reader.count(Hash256::kSize));
  if (hash_count > out.tx_count) return invalid("merkle proof: more hashes than transactions");
  out.hashes.reserve(hash_count);
  for (std::size_t i = 0; i < hash_count; ++i) {
    ASSIGN_OR_RETURN(const Hash256 hash, reader.hash());
    out.hashes.push_back(hash);
  }
  ASSIGN_OR_RETURN(const ByteView flags, reader.var_bytes());
  if (flags.size() * 8 < hash_count) return invalid("merkle proof: fewer flag bits than hashes");
  out.flags = to_bytes(flags);
  TRY(reader.finish());
  return out;
}

Result<std::vector<ProvenTransaction>> verify_merkle_block(const MerkleBlock& block) {
  TRY(check_tx_count(block.tx_count));
  PartialTree tree(block, nullptr);
  TRY(tree.root());
  return tree.take_proven();
}

std::size_t merkle_depth(std::uint32_t tx_count) {
  std::size_t depth = 0;
  while (depth < 32 && (std::uint64_t{1} << depth) < tx_count) ++depth;
  return depth;
}

Status verify_inclusion(const Hash256& txid, const TxInclusion& inclusion, const Hash256& root) {
  TRY(check_tx_count(inclusion.tx_count));
  if (inclusion.index >= inclusion.tx_count) {
    return invalid("merkle proof: index " + std::to_string(inclusion.index) + " of " +
                   std::to_string(inclusion.tx_count) + " transactions");
  }
  if (inclusion.path.size() != merkle_depth(inclusion.tx_count)) {
    return invalid("merkle proof: a path of " + std::to_string(inclusion.path.size()) + " hashes, " +
                   std::to_string(inclusion.tx_count) + " transactions need " +
                   std::to_string(merkle_depth(inclusion.tx_count)));
  }
  Hash256 node = txid;
  std::uint32_t position = inclusion.index;
  for (std::size_t height = 0; height < inclusion.path.size(); ++height) {
    const Hash256& sibling = inclusion.path[height];
    const bool duplicated = (position ^ 1u) >= width(inclusion.tx_count, height);
    if (duplicated != (sibling == node)) {
      return invalid(duplicated ? "merkle proof: the last node of a level must be paired with itself"
                                : "merkle proof: two equal children (CVE-2012-2459)");
    }
    node = position % 2 == 0 ? node_hash(node, sibling) : node_hash(sibling, node);
    position /= 2;
  }
  return node == root ? ok_status() : invalid("merkle proof: the root is not the header's");
}

Result<TxInclusion> extract_inclusion(const MerkleBlock& block, const Hash256& txid) {
  TRY(check_tx_count(block.tx_count));
  PartialTree tree(block, &txid);
  ASSIGN_OR_RETURN(Node top, tree.root());
  if (!top.branch) return not_found("merkle proof: it does not prove transaction " + to_rpc_hex(txid));
  return std::move(*top.branch);
}

Hash256 merkle_root(const std::vector<Hash256>& txids) {
  CHECK(!txids.empty());
  std::vector<Hash256> level = txids;
  while (level.size() > 1) {
    if (level.size() % 2 != 0) level.push_back(level.back());
    for (std::size_t i = 0; i < level.size() / 2; ++i) level[i] = node_hash(level[2 * i], level[2 * i + 1]);
    level.resize(level.size() / 2);
  }
  return level[0];
}

}  // namespace custody::ledger::chains::bitcoin
