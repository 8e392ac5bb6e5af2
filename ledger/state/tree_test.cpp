#include "ledger/state/tree.h"

#include <gtest/gtest.h>

#include <map>

#include "base/crypto/hash.h"
#include "base/entropy.h"
#include "ledger/light/light.h"

namespace custody::ledger::state {
namespace {

using Map = std::map<Bytes, Bytes>;

// The definition, word for word, from scratch: quadratic and obviously right.
Hash256 defined_root(const std::vector<std::pair<Hash256, Hash256>>& leaves, std::size_t depth) {
  if (leaves.empty()) return {};
  if (leaves.size() == 1) return light::leaf_hash(leaves[0].first, leaves[0].second);
  std::vector<std::pair<Hash256, Hash256>> sides[2];
  for (const auto& leaf : leaves) sides[light::position_bit(leaf.first, depth) ? 1 : 0].push_back(leaf);
  return light::inner_hash(defined_root(sides[0], depth + 1), defined_root(sides[1], depth + 1));
}
Hash256 defined_root(const Map& map) {
  std::vector<std::pair<Hash256, Hash256>> leaves;
  for (const auto& [key, value] : map) leaves.emplace_back(light::leaf_position(key), crypto::sha256(value));
  return defined_root(leaves, 0);
}

Bytes key_of(std::uint64_t number) {
  Bytes out{1};
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
  return out;
}

TEST(Tree, TheEmptyTreeHasAZeroRootAndProvesAbsence) {
  const Tree tree;
  EXPECT_TRUE(tree.root().is_zero());
  EXPECT_FALSE(tree.find(key_of(1)).has_value());
  EXPECT_TRUE(light::verify_state_proof(tree.root(), tree.prove(key_of(1))).ok());
}

// Invariant 1: the root is that of the definition whatever the order and grouping of changes.
TEST(Tree, EqualsTheDefinitionUnderRandomChanges) {
  SeededEntropy entropy(21);
  Tree tree;
  Map map;
  for (int round = 0; round < 300; ++round) {
    std::map<Bytes, std::optional<Bytes>> batch;
    for (std::uint64_t i = 0, n = entropy.below(20); i < n; ++i) {
      const Bytes key = key_of(entropy.below(150));
      if (entropy.below(3) == 0) {
        batch[key] = std::nullopt;
      } else {
        batch[key] = Bytes(1 + entropy.below(5), static_cast<std::uint8_t>(entropy.below(256)));
      }
    }
    std::vector<Change> changes;
    for (const auto& [key, value] : batch) {
      changes.push_back({key, value});
      if (value) {
        map[key] = *value;
      } else {
        map.erase(key);
      }
    }
    tree = tree.apply(changes);
    ASSERT_EQ(tree.root(), defined_root(map)) << "round " << round;
    ASSERT_EQ(tree.size(), map.size());
  }
  for (std::uint64_t i = 0; i < 160; ++i) {
    const Bytes key = key_of(i);
    const auto found = tree.find(key);
    ASSERT_EQ(found.has_value(), map.contains(key));
    if (found) {
      EXPECT_EQ(to_bytes(*found), map[key]);
    }
  }
}

// Invariant 2: every key is proven present or absent, with the light client's verifier.
TEST(Tree, ProvesPresenceAndAbsence) {
  SeededEntropy entropy(22);
  std::vector<Change> changes;
  for (std::uint64_t i = 0; i < 100; ++i)
    changes.push_back({key_of(i * 2), Bytes{7, static_cast<std::uint8_t>(i)}});
  const Tree tree = Tree().apply(changes);
  for (std::uint64_t i = 0; i < 200; ++i) {
    model::StateProof proof = tree.prove(key_of(i));
    EXPECT_EQ(proof.value.empty(), i % 2 == 1);
    EXPECT_TRUE(light::verify_state_proof(tree.root(), proof).ok()) << i;
    if (proof.value.empty()) {
      proof.value = {1};
      EXPECT_FALSE(light::verify_state_proof(tree.root(), proof).ok());
    } else {
      proof.value.clear();
      EXPECT_FALSE(light::verify_state_proof(tree.root(), proof).ok());
    }
  }
}

// Invariant 3: versions are independent; the old one still answers when the new one is gone.
TEST(Tree, KeepsOldVersions) {
  std::vector<Change> changes;
  for (std::uint64_t i = 0; i < 50; ++i) changes.push_back({key_of(i), Bytes{1}});
  const Tree old = Tree().apply(changes);
  const Hash256 root = old.root();
  {
    const Tree changed =
        old.apply({{key_of(3), Bytes{2}}, {key_of(4), std::nullopt}, {key_of(99), Bytes{5}}});
    EXPECT_NE(changed.root(), root);
    EXPECT_EQ(to_bytes(*changed.find(key_of(3))), Bytes{2});
    EXPECT_FALSE(changed.find(key_of(4)).has_value());
    const Tree back =
        changed.apply({{key_of(3), Bytes{1}}, {key_of(4), Bytes{1}}, {key_of(99), std::nullopt}});
    EXPECT_EQ(back.root(), root);
  }
  EXPECT_EQ(old.root(), root);
  EXPECT_EQ(to_bytes(*old.find(key_of(4))), Bytes{1});
  std::size_t visited = 0;
  old.for_each([&](ByteView, ByteView) { ++visited; });
  EXPECT_EQ(visited, 50u);
}

TEST(Tree, RemovingWhatIsAbsentChangesNothing) {
  const Tree tree = Tree().apply({{key_of(1), Bytes{1}}});
  EXPECT_EQ(tree.apply({{key_of(2), std::nullopt}, {key_of(3), std::nullopt}}).root(), tree.root());
  EXPECT_TRUE(tree.apply({{key_of(1), std::nullopt}}).root().is_zero());
  EXPECT_EQ(tree.apply({{key_of(1), std::nullopt}}).size(), 0u);
}

TEST(TreeDeathTest, AnEmptyValueIsOurMistake) {
  EXPECT_DEATH((void)Tree().apply({{key_of(1), Bytes{}}}), "");
}

}  // namespace
}  // namespace custody::ledger::state
