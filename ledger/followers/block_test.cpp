#include "ledger/followers/block.h"

#include <gtest/gtest.h>

#include "ledger/chains/bitcoin/merkle_proof.h"
#include "ledger/chains/bitcoin/script.h"
#include "tests/support/fake_chain.h"

namespace custody::ledger::followers {
namespace {

namespace bitcoin = chains::bitcoin;
using custody::tests::FakeChain;

// A block with `count` payments besides the coinbase, every third with a witness.
std::uint32_t mine_payments(FakeChain& chain, std::size_t count) {
  std::vector<bitcoin::Transaction> payments;
  for (std::size_t i = 0; i < count; ++i) {
    payments.push_back(chain.pay({{1'000 + i, Bytes{0x51}}, {7, Bytes(300, 0x6a)}}));
    if (i % 3 == 0) payments.back().inputs[0].witness = {Bytes(72, 1), {}, Bytes(33, 2)};
  }
  return chain.mine(payments);
}

TEST(SplitBlock, FindsEveryTransactionWithItsInputsAndOutputs) {
  FakeChain chain;
  const std::uint32_t height = mine_payments(chain, 5);
  const Bytes raw = chain.raw_block(height);
  const auto transactions = split_block(raw, chain.header(height));
  ASSERT_TRUE(transactions.ok()) << transactions.status().to_string();
  ASSERT_EQ(transactions->size(), 6U);
  EXPECT_EQ((*transactions)[0].inputs[0].vout, 0xffffffff);
  for (std::size_t i = 1; i < 6; ++i) {
    const BlockTransaction& each = (*transactions)[i];
    const auto parsed = bitcoin::parse_transaction(each.stripped);
    ASSERT_TRUE(parsed.ok());
    EXPECT_FALSE(parsed->has_witness());
    EXPECT_EQ(parsed->txid(), each.txid);
    EXPECT_EQ(each.outputs[0].value, 1'000 + i - 1);
    EXPECT_EQ(to_bytes(each.outputs[0].script), Bytes{0x51});
    EXPECT_EQ(each.inputs[0], parsed->inputs[0].previous);
  }
}

TEST(MerkleTree, ProvesEachTransactionForEveryBlockSize) {
  FakeChain chain;
  for (const std::size_t payments : {0, 1, 2, 3, 4, 6, 7, 20}) {
    const std::uint32_t height = mine_payments(chain, payments);
    const Bytes raw = chain.raw_block(height);
    const auto transactions = split_block(raw, chain.header(height));
    ASSERT_TRUE(transactions.ok());
    const MerkleTree tree(*transactions);
    for (std::size_t i = 0; i < transactions->size(); ++i) {
      const bitcoin::TxInclusion inclusion{static_cast<std::uint32_t>(i),
                                           static_cast<std::uint32_t>(transactions->size()), tree.path(i)};
      EXPECT_TRUE(
          bitcoin::verify_inclusion((*transactions)[i].txid, inclusion, chain.header(height).merkle_root)
              .ok())
          << i << " of " << transactions->size();
    }
  }
}

TEST(SplitBlock, RefusesEveryCutAndEverySurplusByte) {
  FakeChain chain;
  const std::uint32_t height = mine_payments(chain, 2);
  const Bytes raw = chain.raw_block(height);
  for (std::size_t size = 0; size < raw.size(); ++size) {
    EXPECT_FALSE(split_block(ByteView(raw).first(size), chain.header(height)).ok()) << size;
  }
  Bytes longer = raw;
  longer.push_back(0);
  EXPECT_FALSE(split_block(longer, chain.header(height)).ok());
}

TEST(SplitBlock, RefusesAnotherHeaderAndChangedTransactions) {
  FakeChain chain;
  const std::uint32_t height = mine_payments(chain, 2);
  EXPECT_EQ(split_block(chain.raw_block(height), chain.header(0)).code(), Code::kInvalid);
  Bytes changed = chain.raw_block(height);
  changed[changed.size() - 310] ^= 1;  // inside the last output's script
  const auto result = split_block(changed, chain.header(height));
  EXPECT_EQ(result.code(), Code::kInvalid);
  EXPECT_NE(result.status().message().find("Merkle root"), std::string::npos);
}

TEST(SplitBlock, RefusesMoreBytesThanABlockMayHave) {
  const FakeChain chain;
  EXPECT_EQ(split_block(Bytes(kMaxBlockSize + 1), chain.header(0)).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::ledger::followers
