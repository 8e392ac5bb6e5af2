// RFC 6962 Merkle trees over SHA-256: leaf hash 0x00 || data, node hash 0x01 || left || right. Thread-safety:
// values.
#pragma once

#include <vector>

#include "base/bytes.h"

namespace custody::merkle {

Hash256 leaf_hash(ByteView data);
Hash256 node_hash(const Hash256& left, const Hash256& right);
Hash256 root(const std::vector<Hash256>& leaf_hashes);  // of none: SHA256("")

using Path = std::vector<Hash256>;  // at most 64 hashes

// RFC 6962 section 2.1.1; index < leaf_hashes.size().
Path inclusion_path(const std::vector<Hash256>& leaf_hashes, std::size_t index);
bool verify_inclusion(const Hash256& leaf, std::uint64_t index, std::uint64_t size, const Path& path,
                      const Hash256& root);
// RFC 6962 section 2.1.2; 0 < old_size <= leaf_hashes.size().
Path consistency_path(const std::vector<Hash256>& leaf_hashes, std::size_t old_size);
bool verify_consistency(std::uint64_t old_size, std::uint64_t new_size, const Path& path,
                        const Hash256& old_root, const Hash256& new_root);

// Append-only root in O(log n) memory: what a signer keeps of its own audit log.
class Frontier {
 public:
  void add(const Hash256& leaf);
  Hash256 root() const;
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash256> peaks_;  // largest subtree first
};

}  // namespace custody::merkle
