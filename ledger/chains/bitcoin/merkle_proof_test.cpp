#include "ledger/chains/bitcoin/merkle_proof.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/serialize.h"
#include "ledger/chains/bitcoin/transaction.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::text_at;

std::vector<Hash256> rpc_hashes(const Json& list) {
  std::vector<Hash256> out;
  for (const Json& entry : list.items()) out.push_back(*from_rpc_hex(*entry.as_string()));
  return out;
}

std::vector<Hash256> some_txids(std::size_t count) {
  std::vector<Hash256> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(crypto::sha256(Bytes(i + 1, 0x11)));
  return out;
}

// Makes the proof that gettxoutproof would give (BIP-37), level by level from a whole block.
class ProofBuilder {
 public:
  ProofBuilder(const std::vector<Hash256>& txids, const std::set<std::size_t>& wanted)
      : txids_(txids), wanted_(wanted) {
    proof_.header.merkle_root = merkle_root(txids);
    proof_.tx_count = static_cast<std::uint32_t>(txids.size());
    build(merkle_depth(proof_.tx_count), 0);
    proof_.flags.resize((bits_.size() + 7) / 8);
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      if (bits_[i]) proof_.flags[i / 8] |= static_cast<std::uint8_t>(1u << (i % 8));
    }
  }
  MerkleBlock take() { return std::move(proof_); }

 private:
  std::vector<Hash256> leaves_below(std::size_t height, std::size_t position) const {
    const std::size_t first = position << height;
    const std::size_t last = std::min(txids_.size(), (position + 1) << height);
    return {txids_.begin() + static_cast<std::ptrdiff_t>(first),
            txids_.begin() + static_cast<std::ptrdiff_t>(last)};
  }
  Hash256 hash_of(std::size_t height, std::size_t position) const {
    std::vector<Hash256> level = leaves_below(height, position);
    for (std::size_t i = 0; i < height; ++i) {
      if (level.size() % 2 != 0) level.push_back(level.back());
      std::vector<Hash256> above;
      for (std::size_t k = 0; k < level.size(); k += 2)
        above.push_back(merkle_root({level[k], level[k + 1]}));
      level = above;
    }
    return level[0];
  }
  void build(std::size_t height, std::size_t position) {
    const auto first = wanted_.lower_bound(position << height);
    const bool match = first != wanted_.end() && *first < ((position + 1) << height);
    bits_.push_back(match);
    if (height == 0 || !match) {
      proof_.hashes.push_back(hash_of(height, position));
      return;
    }
    build(height - 1, 2 * position);
    if (((2 * position + 1) << (height - 1)) < txids_.size()) build(height - 1, 2 * position + 1);
  }

  const std::vector<Hash256>& txids_;
  const std::set<std::size_t>& wanted_;
  MerkleBlock proof_;
  std::vector<bool> bits_;
};

MerkleBlock build_proof(const std::vector<Hash256>& txids, const std::set<std::size_t>& wanted) {
  return ProofBuilder(txids, wanted).take();
}

TEST(MerkleProof, RegtestProofsOfARealNode) {
  for (const char* file : {"spv/spv_regtest_1.json", "spv/spv_regtest_3.json"}) {
    LOAD_VECTOR_JSON(vector, file);
    const Bytes raw = *from_hex(text_at(vector, "proof"));
    const auto block = parse_merkle_block(raw);
    ASSERT_TRUE(block.ok()) << block.status().to_string();
    EXPECT_EQ(block->serialize(), raw);
    EXPECT_EQ(to_hex(block->header.serialize()), text_at(vector, "header"));
    EXPECT_EQ(to_rpc_hex(block->header.hash()), text_at(vector, "block"));
    EXPECT_TRUE(check_pow(block->header, regtest()).ok());
    const std::vector<Hash256> all = rpc_hashes(*vector.find("blocktx"));
    EXPECT_EQ(merkle_root(all), block->header.merkle_root);

    const auto proven = verify_merkle_block(*block);
    ASSERT_TRUE(proven.ok()) << proven.status().to_string();
    std::vector<Hash256> wanted = rpc_hashes(*vector.find("txids"));
    ASSERT_EQ(proven->size(), wanted.size());
    for (const ProvenTransaction& each : *proven) {
      EXPECT_EQ(all[each.index], each.txid);
      EXPECT_NE(std::find(wanted.begin(), wanted.end(), each.txid), wanted.end());
      const auto inclusion = extract_inclusion(*block, each.txid);
      ASSERT_TRUE(inclusion.ok()) << inclusion.status().to_string();
      EXPECT_EQ(inclusion->index, each.index);
      EXPECT_TRUE(verify_inclusion(each.txid, *inclusion, block->header.merkle_root).ok());
    }
    const auto tx = parse_transaction(*from_hex(text_at(vector, "rawtx")));
    ASSERT_TRUE(tx.ok());
    EXPECT_TRUE(extract_inclusion(*block, tx->txid()).ok());
    EXPECT_EQ(extract_inclusion(*block, Hash256()).code(), Code::kNotFound);
  }
}

TEST(MerkleProof, MainnetBranchOfSumma) {
  LOAD_VECTOR_JSON(vectors, "summa-spv/testProofs.json");
  const auto valid = Json::parse(*vectors.find("valid")->items()[0].as_string(), 100'000);
  ASSERT_TRUE(valid.ok());
  TxInclusion inclusion;
  inclusion.index = static_cast<std::uint32_t>(*valid->u64_at("index"));
  const Bytes nodes = *from_hex(text_at(*valid, "intermediate_nodes").substr(2));
  for (std::size_t i = 0; i < nodes.size(); i += 32) {
    inclusion.path.push_back(*Hash256::from(ByteView(nodes).subspan(i, 32)));
  }
  inclusion.tx_count =
      1u << inclusion.path.size();  // the vector does not tell the count; any of this depth will do
  const Hash256 txid = *Hash256::from_hex(text_at(*valid, "tx_id").substr(2));
  const auto header = parse_header(*from_hex(text_at(*valid->find("confirming_header"), "raw").substr(2)));
  ASSERT_TRUE(header.ok());
  EXPECT_TRUE(check_pow(*header, mainnet()).ok());
  EXPECT_TRUE(verify_inclusion(txid, inclusion, header->merkle_root).ok());
  EXPECT_FALSE(verify_inclusion(Hash256(), inclusion, header->merkle_root).ok());
  inclusion.index ^= 1;
  EXPECT_FALSE(verify_inclusion(txid, inclusion, header->merkle_root).ok());
}

TEST(MerkleProof, EverySizeAndPositionRoundTrips) {
  for (std::size_t count = 1; count <= 35; ++count) {
    const auto txids = some_txids(count);
    for (std::size_t i = 0; i < count; ++i) {
      const MerkleBlock block = build_proof(txids, {i, count / 2});
      const auto reparsed = parse_merkle_block(block.serialize());
      ASSERT_TRUE(reparsed.ok()) << count << ": " << reparsed.status().to_string();
      const auto inclusion = extract_inclusion(*reparsed, txids[i]);
      ASSERT_TRUE(inclusion.ok()) << count << "/" << i << ": " << inclusion.status().to_string();
      EXPECT_EQ(inclusion->index, i);
      EXPECT_EQ(inclusion->path.size(), merkle_depth(static_cast<std::uint32_t>(count)));
      EXPECT_TRUE(verify_inclusion(txids[i], *inclusion, merkle_root(txids)).ok()) << count << "/" << i;
    }
  }
}

TEST(MerkleProof, RefusesTransactionCountsOutOfRange) {
  MerkleBlock block = build_proof(some_txids(3), {1});
  for (const std::uint32_t count : {0u, kMaxBlockTransactions + 1, 0xffffffffu}) {
    block.tx_count = count;
    EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid) << count;
    EXPECT_EQ(extract_inclusion(block, some_txids(3)[1]).code(), Code::kInvalid) << count;
    EXPECT_EQ(parse_merkle_block(block.serialize()).code(), Code::kInvalid) << count;
  }
}

TEST(MerkleProof, RefusesSurplusAndMissingPieces) {
  const MerkleBlock good = build_proof(some_txids(21), {4});
  ASSERT_TRUE(verify_merkle_block(good).ok());
  MerkleBlock block = good;
  block.hashes.push_back(Hash256());
  EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid);
  block = good;
  block.hashes.pop_back();
  EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid);
  block = good;
  block.flags.push_back(0);
  EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid);
  block = good;
  block.flags.pop_back();
  EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid);
  block = good;
  block.flags.back() |= 0x80;
  EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid);
  block = good;
  block.hashes[0] = Hash256();
  EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid);
}

TEST(MerkleProof, RefusesProofsOfNothing) {
  const auto txids = some_txids(4);
  MerkleBlock block;
  block.header.merkle_root = merkle_root(txids);
  block.tx_count = 4;
  block.hashes = {merkle_root(txids)};
  block.flags = {0};
  EXPECT_EQ(verify_merkle_block(block).code(), Code::kInvalid);
}

TEST(MerkleProof, ParseRefusesBadForm) {
  const MerkleBlock good = build_proof(some_txids(21), {4});
  const Bytes raw = good.serialize();
  for (std::size_t size = 0; size < raw.size(); ++size) {
    EXPECT_FALSE(parse_merkle_block(ByteView(raw).first(size)).ok()) << size;
  }
  Bytes longer = raw;
  longer.push_back(0);
  EXPECT_FALSE(parse_merkle_block(longer).ok());
  MerkleBlock block = good;
  block.hashes.resize(22);
  EXPECT_FALSE(parse_merkle_block(block.serialize()).ok());
  block = good;
  block.flags.clear();
  EXPECT_FALSE(parse_merkle_block(block.serialize()).ok());
  EXPECT_FALSE(parse_merkle_block(Bytes(kMaxMerkleBlockSize + 1)).ok());
}

// A block of 3 transactions and one of 4 whose last is repeated have the same root.
TEST(MerkleProof, RefusesRepeatedTransactionsCve20122459) {
  const auto three = some_txids(3);
  std::vector<Hash256> four = three;
  four.push_back(three[2]);
  ASSERT_EQ(merkle_root(three), merkle_root(four));
  EXPECT_TRUE(verify_merkle_block(build_proof(three, {2})).ok());
  EXPECT_EQ(verify_merkle_block(build_proof(four, {2, 3})).code(), Code::kInvalid);

  TxInclusion inclusion = *extract_inclusion(build_proof(three, {2}), three[2]);
  ASSERT_TRUE(verify_inclusion(three[2], inclusion, merkle_root(three)).ok());
  inclusion.tx_count = 4;  // then the sibling must be another transaction
  EXPECT_EQ(verify_inclusion(three[2], inclusion, merkle_root(three)).code(), Code::kInvalid);
  inclusion.index = 3;
  EXPECT_EQ(verify_inclusion(three[2], inclusion, merkle_root(three)).code(), Code::kInvalid);
}

TEST(MerkleProof, InclusionBindsDepthAndIndex) {
  const auto txids = some_txids(5);
  const TxInclusion good = *extract_inclusion(build_proof(txids, {3}), txids[3]);
  const Hash256 root = merkle_root(txids);
  ASSERT_TRUE(verify_inclusion(txids[3], good, root).ok());
  TxInclusion wrong = good;
  wrong.index = 5;
  EXPECT_EQ(verify_inclusion(txids[3], wrong, root).code(), Code::kInvalid);
  wrong = good;
  wrong.tx_count = 4;  // depth 2
  EXPECT_EQ(verify_inclusion(txids[3], wrong, root).code(), Code::kInvalid);
  wrong = good;
  wrong.tx_count = 9;  // depth 4
  EXPECT_EQ(verify_inclusion(txids[3], wrong, root).code(), Code::kInvalid);
  wrong = good;
  wrong.path.pop_back();
  EXPECT_EQ(verify_inclusion(txids[3], wrong, root).code(), Code::kInvalid);
  wrong = good;
  wrong.tx_count = 0;
  EXPECT_EQ(verify_inclusion(txids[3], wrong, root).code(), Code::kInvalid);
  wrong = good;
  wrong.index = 2;
  EXPECT_EQ(verify_inclusion(txids[3], wrong, root).code(), Code::kInvalid);
  wrong = good;
  wrong.path[1] = Hash256();
  EXPECT_EQ(verify_inclusion(txids[3], wrong, root).code(), Code::kInvalid);
  EXPECT_EQ(verify_inclusion(txids[3], good, Hash256()).code(), Code::kInvalid);
}

// CVE-2017-12842 from above: an inner node is offered as a transaction. Its preimage has 64 bytes, so the raw
// transaction that the caller must show is refused by parse_transaction.
TEST(MerkleProof, AnInnerNodeAsLeafHasA64BytePreimage) {
  const auto txids = some_txids(4);
  Bytes preimage = to_bytes(txids[0].view());
  append(preimage, txids[1]);
  const Hash256 inner = crypto::sha256d(preimage);
  const TxInclusion shallow{0, 2, {merkle_root({txids[2], txids[3]})}};
  ASSERT_TRUE(verify_inclusion(inner, shallow, merkle_root(txids)).ok());  // the tree alone cannot tell
  EXPECT_EQ(preimage.size(), kInnerNodeSize);
  EXPECT_EQ(parse_transaction(preimage).code(), Code::kInvalid);
}

TEST(MerkleProof, DepthIsTheCeilingOfTheLogarithm) {
  EXPECT_EQ(merkle_depth(1), 0u);
  EXPECT_EQ(merkle_depth(2), 1u);
  EXPECT_EQ(merkle_depth(3), 2u);
  EXPECT_EQ(merkle_depth(4), 2u);
  EXPECT_EQ(merkle_depth(5), 3u);
  EXPECT_EQ(merkle_depth(kMaxBlockTransactions), kMaxMerkleDepth);
  const Hash256 only = some_txids(1)[0];
  EXPECT_TRUE(verify_inclusion(only, {0, 1, {}}, only).ok());
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
