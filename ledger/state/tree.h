// The state tree: a compact sparse Merkle tree (ledger/light/light.h defines its hashes) that holds the
// state's keys and values in its leaves. Persistent: apply() returns a new version that shares every
// untouched node, at a cost proportional to what changed times the depth (about log2 of the number of
// leaves).
//
// Memory: a leaf with a balance takes 80 bytes, an inner node 64; about 1.44 inner nodes per leaf, so 10^7
// balances take 1.8 GB. Thread-safety: versions are immutable and their reference counts atomic; different
// Tree objects may be used from different threads, also when they share nodes.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "ledger/model/records.h"

namespace custody::ledger::state {

// One key's new value; nullopt removes it. A value is never empty: the tree could not tell it from absence.
struct Change {
  Bytes key;
  std::optional<Bytes> value;
  friend bool operator==(const Change&, const Change&) = default;
};

constexpr std::size_t kMaxKey = 128;               // bytes
constexpr std::size_t kMaxValue = (1u << 24) - 1;  // bytes

class Tree {
 public:
  Tree() = default;  // empty
  Tree(const Tree& other);
  Tree(Tree&& other) noexcept;
  Tree& operator=(const Tree& other);
  Tree& operator=(Tree&& other) noexcept;
  ~Tree();

  // Keys distinct, 1..kMaxKey bytes; values 1..kMaxValue bytes (CHECKed). Removing what is absent is allowed.
  Tree apply(const std::vector<Change>& changes) const;

  Hash256 root() const;  // zero when empty
  std::size_t size() const { return size_; }

  // The value stored in this version; valid as long as a version that holds it.
  std::optional<ByteView> find(ByteView key) const;
  // Of presence with the value, or of absence.
  model::StateProof prove(ByteView key) const;
  // Every leaf, ordered by position (that is, in no useful order).
  void for_each(const std::function<void(ByteView key, ByteView value)>& visit) const;

 private:
  friend class TreeBuilder;
  struct Node;
  struct Leaf;
  struct Inner;
  Tree(Node* root, std::size_t size) : root_(root), size_(size) {}

  Node* root_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace custody::ledger::state
