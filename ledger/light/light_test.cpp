#include "ledger/light/light.h"

#include <gtest/gtest.h>

#include "base/crypto/secp256k1.h"
#include "base/entropy.h"

namespace custody::ledger::light {
namespace {

class CommitTest : public ::testing::Test {
 protected:
  CommitTest() {
    SeededEntropy entropy(1);
    const std::uint64_t weights[] = {28, 26, 24, 22};
    for (std::uint16_t i = 0; i < 4; ++i) {
      keys_.push_back(crypto::SoftwareKey::generate(entropy));
      set_.members.push_back({model::MemberId(static_cast<std::uint16_t>(i + 1)), model::Weight(weights[i]),
                              keys_.back().public_key()});
    }
    commit_.height = model::Height(5);
    commit_.round = model::Round(1);
    commit_.block = *model::BlockHash::from(Bytes(32, 3));
  }
  void sign(std::initializer_list<std::uint16_t> members) {
    const Hash256 digest = proto::reader::vote_digest(chain_, model::VoteType::kPrecommit, commit_.height,
                                                      commit_.round, commit_.block);
    commit_.signatures.clear();
    for (std::uint16_t id : members)
      commit_.signatures.push_back({model::MemberId(id), keys_[id - 1u].sign(digest)});
  }
  model::ChainId chain_ = *model::ChainId::from(Bytes(32, 9));
  std::vector<crypto::SoftwareKey> keys_;
  model::MemberSet set_;
  model::Commit commit_;
};

TEST_F(CommitTest, MoreThanTwoThirdsOfWeightIsEnough) {
  sign({1, 2, 3});
  EXPECT_TRUE(verify_commit(chain_, set_, commit_).ok());
  sign({2, 3, 4});  // 72
  EXPECT_TRUE(verify_commit(chain_, set_, commit_).ok());
}

// Abuse case F4: duplicate signers, non-members, sub-quorum, another domain.
TEST_F(CommitTest, F4_RefusesDuplicatesStrangersTooLittleWeightAndAnotherDomain) {
  sign({1, 2});
  EXPECT_EQ(verify_commit(chain_, set_, commit_).code(), Code::kInvalid);
  sign({1, 1, 2});
  EXPECT_EQ(verify_commit(chain_, set_, commit_).code(), Code::kInvalid);
  sign({2, 1, 3});
  EXPECT_EQ(verify_commit(chain_, set_, commit_).code(), Code::kInvalid);
  sign({1, 2, 3});
  commit_.signatures.push_back({model::MemberId(5), commit_.signatures[0].signature});
  EXPECT_EQ(verify_commit(chain_, set_, commit_).code(), Code::kInvalid);
  sign({1, 2, 3});
  EXPECT_FALSE(verify_commit(*model::ChainId::from(Bytes(32, 8)), set_, commit_).ok());
  commit_.round = model::Round(2);
  EXPECT_FALSE(verify_commit(chain_, set_, commit_).ok());
}

TEST_F(CommitTest, F4_OneBadSignatureRefusesTheWholeCommit) {
  sign({1, 2, 3, 4});
  commit_.signatures[3].signature = commit_.signatures[2].signature;
  EXPECT_FALSE(verify_commit(chain_, set_, commit_).ok());
}

// A tree of three keys built by hand: two share the first bit or not, whatever their hashes say.
class ProofTest : public ::testing::Test {
 protected:
  // Root of the subtree at depth over the given leaves, and the path of `target` through it.
  Hash256 build(std::vector<std::pair<Hash256, Hash256>> leaves, std::size_t depth, const Hash256* target,
                std::vector<Hash256>* path) {
    if (leaves.empty()) return {};
    if (leaves.size() == 1) return leaf_hash(leaves[0].first, leaves[0].second);
    std::vector<std::pair<Hash256, Hash256>> sides[2];
    for (const auto& leaf : leaves) sides[position_bit(leaf.first, depth) ? 1 : 0].push_back(leaf);
    const bool right = target != nullptr && position_bit(*target, depth);
    if (target != nullptr) path->push_back(build(sides[right ? 0 : 1], depth + 1, nullptr, nullptr));
    const Hash256 l = build(sides[0], depth + 1, right ? nullptr : target, path);
    const Hash256 r = build(sides[1], depth + 1, right ? target : nullptr, path);
    return inner_hash(l, r);
  }
};

TEST_F(ProofTest, ProvesPresenceAndAbsenceAndNothingElse) {
  std::vector<std::pair<Hash256, Hash256>> leaves;
  for (std::uint8_t i = 0; i < 20; ++i)
    leaves.emplace_back(leaf_position(Bytes{i}), crypto::sha256(Bytes{i, i}));
  const Hash256 root = build(leaves, 0, nullptr, nullptr);
  for (std::uint8_t i = 0; i < 20; ++i) {
    model::StateProof proof;
    proof.key = {i};
    proof.value = {i, i};
    const Hash256 position = leaf_position(proof.key);
    build(leaves, 0, &position, &proof.siblings);
    EXPECT_TRUE(verify_state_proof(root, proof).ok());
    model::StateProof changed = proof;
    changed.value = {i, static_cast<std::uint8_t>(i + 1)};
    EXPECT_FALSE(verify_state_proof(root, changed).ok());
    changed = proof;
    changed.value.clear();  // claims absence
    EXPECT_FALSE(verify_state_proof(root, changed).ok());
    changed.other_position = leaves[(i + 1) % 20].first;
    changed.other_value_hash = leaves[(i + 1) % 20].second;
    EXPECT_FALSE(verify_state_proof(root, changed).ok());
    changed = proof;
    changed.other_position = position;
    changed.other_value_hash = crypto::sha256(proof.value);
    changed.value.clear();
    EXPECT_FALSE(verify_state_proof(root, changed).ok()) << "own leaf as the other leaf";
    changed = proof;
    changed.siblings.pop_back();
    EXPECT_FALSE(verify_state_proof(root, changed).ok());
  }
}

TEST_F(ProofTest, TheEmptyTreeProvesAbsenceOfEverything) {
  model::StateProof proof;
  proof.key = {1};
  EXPECT_TRUE(verify_state_proof(Hash256(), proof).ok());
  proof.value = {1};
  EXPECT_FALSE(verify_state_proof(Hash256(), proof).ok());
}

}  // namespace
}  // namespace custody::ledger::light
