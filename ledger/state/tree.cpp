#include "ledger/state/tree.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <span>

#include "base/crypto/hash.h"
#include "ledger/light/light.h"

namespace custody::ledger::state {
namespace {

// One buffer and one call: the three-part form of crypto::sha256 costs about twice as much.
Hash256 hash_of(std::uint8_t prefix, const Hash256& a, const Hash256& b) {
  std::array<std::uint8_t, 65> buffer;
  buffer[0] = prefix;
  std::memcpy(buffer.data() + 1, a.data(), 32);
  std::memcpy(buffer.data() + 33, b.data(), 32);
  return crypto::sha256(ByteView(buffer));
}

}  // namespace

// Counted by hand: a shared_ptr would add its control block to each of tens of millions of nodes.
struct Tree::Node {
  explicit Node(std::uint32_t leaf_meta) : meta(leaf_meta) {}
  std::atomic<std::uint32_t> references{1};
  std::uint32_t meta;  // 0: inner node; otherwise a leaf's key size << 24 | value size
  Hash256 hash;
  bool is_leaf() const { return meta != 0; }
};

// The key and the value lie behind the node, in the same allocation.
struct Tree::Leaf : Tree::Node {
  static Leaf* make(const Hash256& position, ByteView key, ByteView value) {
    CHECK(!key.empty() && key.size() <= kMaxKey);
    CHECK(!value.empty() && value.size() <= kMaxValue);
    void* memory = std::malloc(sizeof(Leaf) + key.size() + value.size());
    CHECK(memory != nullptr);
    auto* leaf = new (memory) Leaf(static_cast<std::uint32_t>(key.size() << 24 | value.size()));
    std::memcpy(leaf->data(), key.data(), key.size());
    std::memcpy(leaf->data() + key.size(), value.data(), value.size());
    leaf->hash = hash_of(0, position, crypto::sha256(value));
    return leaf;
  }
  using Node::Node;
  std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
  ByteView key() const { return {data(), meta >> 24}; }
  ByteView value() const { return {data() + (meta >> 24), meta & 0xffffff}; }
};

struct Tree::Inner : Tree::Node {
  Inner(Node* left, Node* right) : Node(0), children{left, right} {
    hash = hash_of(1, left != nullptr ? left->hash : Hash256(), right != nullptr ? right->hash : Hash256());
  }
  static Inner* make(Node* left, Node* right) {
    void* memory = std::malloc(sizeof(Inner));
    CHECK(memory != nullptr);
    return new (memory) Inner(left, right);
  }
  Node* children[2];
};

// The recursion behind apply(), and what else needs to see nodes. Functions that return a Node* hand over one
// reference. The analyzer does not follow references that are counted by hand; the sanitizer's leak check
// does. NOLINTBEGIN(clang-analyzer-unix.Malloc)
class TreeBuilder {
 public:
  using Node = Tree::Node;
  using Leaf = Tree::Leaf;
  using Inner = Tree::Inner;
  struct Item {
    Hash256 position;
    const Change* change;
  };
  using Items = std::span<const Item>;

  static Node* retain(Node* node) {
    if (node != nullptr) node->references.fetch_add(1, std::memory_order_relaxed);
    return node;
  }
  static void release(Node* node) {
    if (node == nullptr || node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!node->is_leaf()) {
      for (Node* child : inner(node)->children) release(child);
    }
    std::free(node);  // trivially destructible
  }
  static const Leaf* leaf(const Node* node) { return static_cast<const Leaf*>(node); }
  static const Inner* inner(const Node* node) { return static_cast<const Inner*>(node); }

  // The subtree at depth with the items applied.
  Node* update(Node* node, Items items, std::size_t depth) {
    if (items.empty()) return retain(node);
    if (node == nullptr) return insert(items, depth);
    if (node->is_leaf()) return update_leaf(node, items, depth);
    const auto [left, right] = split(items, depth);
    return join(update(inner(node)->children[0], left, depth + 1),
                update(inner(node)->children[1], right, depth + 1));
  }
  std::ptrdiff_t added() const { return added_; }

 private:
  static std::pair<Items, Items> split(Items items, std::size_t depth) {
    const auto middle = std::ranges::partition_point(
        items, [&](const Item& item) { return !light::position_bit(item.position, depth); });
    const auto left = static_cast<std::size_t>(middle - items.begin());
    return {items.first(left), items.subspan(left)};
  }
  Node* insert(Items items, std::size_t depth) {
    if (items.empty()) return nullptr;
    if (items.size() == 1) return new_leaf(items[0]);
    const auto [left, right] = split(items, depth);
    return join(insert(left, depth + 1), insert(right, depth + 1));
  }
  Node* new_leaf(const Item& item) {
    if (!item.change->value) return nullptr;
    ++added_;
    return Leaf::make(item.position, item.change->key, *item.change->value);
  }
  // A leaf stands anywhere on its path: it is pushed down only as far as the items demand.
  Node* update_leaf(Node* node, Items items, std::size_t depth) {
    const Hash256 position = light::leaf_position(leaf(node)->key());
    return push_down(node, position, items, depth);
  }
  Node* push_down(Node* node, const Hash256& position, Items items, std::size_t depth) {
    if (items.empty()) return retain(node);
    if (items.size() == 1 && items[0].position == position) {
      --added_;
      return new_leaf(items[0]);
    }
    const auto [left, right] = split(items, depth);
    if (light::position_bit(position, depth)) {
      return join(insert(left, depth + 1), push_down(node, position, right, depth + 1));
    }
    return join(push_down(node, position, left, depth + 1), insert(right, depth + 1));
  }
  // Takes over both references.
  static Node* join(Node* left, Node* right) {
    if (left == nullptr && (right == nullptr || right->is_leaf())) return right;
    if (right == nullptr && left->is_leaf()) return left;
    return Inner::make(left, right);
  }

  std::ptrdiff_t added_ = 0;
};
// NOLINTEND(clang-analyzer-unix.Malloc)

Tree::Tree(const Tree& other) : root_(TreeBuilder::retain(other.root_)), size_(other.size_) {}
Tree::Tree(Tree&& other) noexcept
    : root_(std::exchange(other.root_, nullptr)), size_(std::exchange(other.size_, 0)) {}
Tree& Tree::operator=(const Tree& other) {
  if (this != &other) {
    Tree copy(other);
    *this = std::move(copy);
  }
  return *this;
}
Tree& Tree::operator=(Tree&& other) noexcept {
  std::swap(root_, other.root_);
  std::swap(size_, other.size_);
  return *this;
}
Tree::~Tree() {
  TreeBuilder::release(root_);
}

Tree Tree::apply(const std::vector<Change>& changes) const {
  std::vector<TreeBuilder::Item> items;
  items.reserve(changes.size());
  for (const Change& change : changes) items.push_back({light::leaf_position(change.key), &change});
  std::ranges::sort(items, {}, &TreeBuilder::Item::position);
  for (std::size_t i = 1; i < items.size(); ++i) CHECK(items[i - 1].position != items[i].position);
  TreeBuilder builder;
  Node* root = builder.update(root_, items, 0);
  return Tree(root, static_cast<std::size_t>(static_cast<std::ptrdiff_t>(size_) + builder.added()));
}

Hash256 Tree::root() const {
  return root_ == nullptr ? Hash256() : root_->hash;
}

std::optional<ByteView> Tree::find(ByteView key) const {
  const Hash256 position = light::leaf_position(key);
  const Node* node = root_;
  for (std::size_t depth = 0; node != nullptr && !node->is_leaf(); ++depth) {
    node = TreeBuilder::inner(node)->children[light::position_bit(position, depth) ? 1 : 0];
  }
  if (node == nullptr || !equal(TreeBuilder::leaf(node)->key(), key)) return std::nullopt;
  return TreeBuilder::leaf(node)->value();
}

model::StateProof Tree::prove(ByteView key) const {
  model::StateProof proof;
  proof.key = to_bytes(key);
  const Hash256 position = light::leaf_position(key);
  const Node* node = root_;
  for (std::size_t depth = 0; node != nullptr && !node->is_leaf(); ++depth) {
    const auto& children = TreeBuilder::inner(node)->children;
    const bool right = light::position_bit(position, depth);
    const Node* sibling = children[right ? 0 : 1];
    proof.siblings.push_back(sibling == nullptr ? Hash256() : sibling->hash);
    node = children[right ? 1 : 0];
  }
  if (node == nullptr) return proof;
  const Leaf* leaf = TreeBuilder::leaf(node);
  if (equal(leaf->key(), key)) {
    proof.value = to_bytes(leaf->value());
  } else {
    proof.other_position = light::leaf_position(leaf->key());
    proof.other_value_hash = crypto::sha256(leaf->value());
  }
  return proof;
}

void Tree::for_each(const std::function<void(ByteView key, ByteView value)>& visit) const {
  std::vector<const Node*> pending;
  if (root_ != nullptr) pending.push_back(root_);
  while (!pending.empty()) {
    const Node* node = pending.back();
    pending.pop_back();
    if (node->is_leaf()) {
      visit(TreeBuilder::leaf(node)->key(), TreeBuilder::leaf(node)->value());
      continue;
    }
    for (const Node* child : {TreeBuilder::inner(node)->children[1], TreeBuilder::inner(node)->children[0]}) {
      if (child != nullptr) pending.push_back(child);
    }
  }
}

}  // namespace custody::ledger::state
