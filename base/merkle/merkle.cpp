#include "base/merkle/merkle.h"

#include <bit>
#include <span>

#include "base/crypto/hash.h"

namespace custody::merkle {
namespace {

using Leaves = std::span<const Hash256>;

constexpr std::uint8_t kLeafPrefix[] = {0x00};
constexpr std::uint8_t kNodePrefix[] = {0x01};

// The largest power of two below size; size > 1.
std::size_t split_point(std::size_t size) {
  return std::bit_floor(size - 1);
}

Hash256 subtree_root(Leaves leaves) {
  Frontier frontier;
  for (const Hash256& leaf : leaves) frontier.add(leaf);
  return frontier.root();
}

// SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2; whole tells whether the verifier knows this subtree's root
// already.
void consistency(Leaves leaves, std::size_t old_size, bool whole, Path& out) {
  if (old_size == leaves.size()) {
    if (!whole) out.push_back(subtree_root(leaves));
    return;
  }
  const std::size_t split = split_point(leaves.size());
  if (old_size <= split) {
    consistency(leaves.first(split), old_size, whole, out);
    out.push_back(subtree_root(leaves.subspan(split)));
  } else {
    consistency(leaves.subspan(split), old_size - split, false, out);
    out.push_back(subtree_root(leaves.first(split)));
  }
}

// Climbs from a node towards the root: node is its index in its level, last that of the level's last node.
struct Climb {
  std::uint64_t node;
  std::uint64_t last;

  // True when the next hash of the path stands to the left. A right-most node without a sibling is first
  // lifted to the level where it has one.
  bool sibling_is_left() const { return (node & 1) != 0 || node == last; }
  void lift_over_missing_siblings() {
    while ((node & 1) == 0 && node != 0) up();
  }
  void up() {
    node >>= 1;
    last >>= 1;
  }
};

}  // namespace

Hash256 leaf_hash(ByteView data) {
  return crypto::sha256({kLeafPrefix, data});
}

Hash256 node_hash(const Hash256& left, const Hash256& right) {
  return crypto::sha256({kNodePrefix, left, right});
}

Hash256 root(const std::vector<Hash256>& leaf_hashes) {
  return subtree_root(leaf_hashes);
}

Path inclusion_path(const std::vector<Hash256>& leaf_hashes, std::size_t index) {
  CHECK(index < leaf_hashes.size());
  Path from_the_top;
  Leaves rest = leaf_hashes;
  while (rest.size() > 1) {
    const std::size_t split = split_point(rest.size());
    const bool left = index < split;
    from_the_top.push_back(subtree_root(left ? rest.subspan(split) : rest.first(split)));
    rest = left ? rest.first(split) : rest.subspan(split);
    if (!left) index -= split;
  }
  return {from_the_top.rbegin(), from_the_top.rend()};
}

bool verify_inclusion(const Hash256& leaf, std::uint64_t index, std::uint64_t size, const Path& path,
                      const Hash256& root) {
  if (index >= size) return false;
  Climb climb{index, size - 1};
  Hash256 hash = leaf;
  for (const Hash256& sibling : path) {
    if (climb.last == 0) return false;  // longer than the tree is high
    if (climb.sibling_is_left()) {
      hash = node_hash(sibling, hash);
      climb.lift_over_missing_siblings();
    } else {
      hash = node_hash(hash, sibling);
    }
    climb.up();
  }
  return climb.last == 0 && hash == root;
}

Path consistency_path(const std::vector<Hash256>& leaf_hashes, std::size_t old_size) {
  CHECK(old_size > 0 && old_size <= leaf_hashes.size());
  Path out;
  consistency(leaf_hashes, old_size, true, out);
  return out;
}

bool verify_consistency(std::uint64_t old_size, std::uint64_t new_size, const Path& path,
                        const Hash256& old_root, const Hash256& new_root) {
  if (old_size == 0 || old_size > new_size) return false;
  if (old_size == new_size) return path.empty() && old_root == new_root;
  // The largest complete subtree at the right edge of the old tree is where both roots start from. When it is
  // the whole old tree, its hash is the old root and not in the path.
  Climb climb{old_size - 1, new_size - 1};
  while ((climb.node & 1) != 0) climb.up();
  auto next = path.begin();
  if (climb.node != 0 && next == path.end()) return false;
  Hash256 old_hash = climb.node == 0 ? old_root : *next++;
  Hash256 new_hash = old_hash;
  for (; next != path.end(); ++next) {
    if (climb.last == 0) return false;
    if (climb.sibling_is_left()) {
      old_hash = node_hash(*next, old_hash);
      new_hash = node_hash(*next, new_hash);
      climb.lift_over_missing_siblings();
    } else {
      new_hash = node_hash(new_hash, *next);
    }
    climb.up();
  }
  return climb.last == 0 && old_hash == old_root && new_hash == new_root;
}

void Frontier::add(const Hash256& leaf) {
  Hash256 hash = leaf;
  // Each trailing one bit of the size is a complete subtree that the new leaf joins, like a carry.
  for (std::uint64_t carry = size_; (carry & 1) != 0; carry >>= 1) {
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++size_;
}

Hash256 Frontier::root() const {
  if (peaks_.empty()) return crypto::sha256(ByteView{});
  Hash256 hash = peaks_.back();
  for (auto peak = peaks_.rbegin() + 1; peak != peaks_.rend(); ++peak) hash = node_hash(*peak, hash);
  return hash;
}

}  // namespace custody::merkle
