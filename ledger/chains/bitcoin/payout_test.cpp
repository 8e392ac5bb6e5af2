#include "ledger/chains/bitcoin/payout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/bitcoin_wallet.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::BitcoinPayout;
using tests::BitcoinWallet;
using tests::make_bitcoin_payout;
using tests::make_bitcoin_wallet;
using tests::sign_bitcoin_payout;

struct Case {
  SeededEntropy entropy;
  BitcoinWallet wallet;
  BitcoinPayout payout;

  explicit Case(std::uint64_t seed, std::size_t required = 3, std::size_t seats = 4, std::size_t coins = 2)
      : entropy(seed),
        wallet(make_bitcoin_wallet(entropy, required, seats)),
        payout(make_bitcoin_payout(entropy, wallet, coins)) {}

  void sign(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) sign_bitcoin_payout(payout, wallet.seats[i]);
  }
  Result<Transaction> assembled() const { return assemble(payout.tx, payout.signed_inputs()); }
};

TEST(Payout, AssemblesExactlyMSignaturesInScriptOrder) {
  Case c(1);
  c.sign(4);  // one more than needed
  const auto tx = c.assembled();
  ASSERT_TRUE(tx.ok()) << tx.status().to_string();
  const Multisig multisig = *parse_sortedmulti(c.wallet.witness_script);
  const Sighash sighash(c.payout.tx);
  for (std::size_t i = 0; i < tx->inputs.size(); ++i) {
    const auto& witness = tx->inputs[i].witness;
    ASSERT_EQ(witness.size(), 5u);
    EXPECT_TRUE(witness.front().empty());
    EXPECT_EQ(witness.back(), c.wallet.witness_script);
    // As CHECKMULTISIG does: each signature belongs to a key after the previous signature's.
    const Hash256 digest = sighash.digest(i, c.wallet.witness_script, c.payout.inputs[i].spent.value);
    auto key = multisig.keys.begin();
    for (std::size_t s = 1; s <= 3; ++s) {
      const Signature signature = *parse_script_signature(witness[s]);
      key = std::find_if(key, multisig.keys.end(),
                         [&](const PublicKey& k) { return crypto::verify(k, digest, signature); });
      ASSERT_NE(key, multisig.keys.end());
      ++key;
    }
  }
  EXPECT_EQ(tx->txid(), c.payout.tx.txid());
  EXPECT_EQ(*parse_transaction(tx->serialize()), *tx);
}

TEST(Payout, TheSameSignaturesGiveTheSameBytesInAnyOrderOfSigning) {
  Case forward(2);
  Case backward(2);
  forward.sign(4);
  for (std::size_t i = 4; i-- > 0;) sign_bitcoin_payout(backward.payout, backward.wallet.seats[i]);
  EXPECT_EQ(forward.assembled()->serialize(), backward.assembled()->serialize());
}

TEST(Payout, FewerThanMSignaturesAreNotEnough) {
  Case c(3);
  c.sign(2);
  EXPECT_EQ(c.assembled().code(), Code::kUnavailable);
  c.sign(3);
  EXPECT_TRUE(c.assembled().ok());
  c.payout.inputs[1].signatures.erase(c.wallet.seats[0].public_key());
  const auto refused = c.assembled();
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_NE(refused.status().message().find("input 1"), std::string::npos);
}

TEST(Payout, WrongSignaturesAreRefusedByName) {
  Case c(4);
  c.sign(3);
  const PublicKey key = c.wallet.seats[1].public_key();
  auto& signatures = c.payout.inputs[0].signatures;
  std::swap(signatures[key], c.payout.inputs[1].signatures[key]);  // each signs the other input
  const auto refused = c.assembled();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.status().message().find(key.hex()), std::string::npos);
}

TEST(Payout, ASignatureByAStrangerIsRefused) {
  Case c(5);
  c.sign(3);
  sign_bitcoin_payout(c.payout, crypto::SoftwareKey::generate(c.entropy));
  EXPECT_EQ(c.assembled().code(), Code::kInvalid);
}

TEST(Payout, ASignatureForAnotherAmountIsRefused) {
  Case c(6);
  c.sign(3);
  c.payout.inputs[0].spent.value += 1;
  EXPECT_EQ(c.assembled().code(), Code::kInvalid);
}

TEST(Payout, AChangedTransactionIsRefused) {
  Case c(7);
  c.sign(3);
  c.payout.tx.outputs[0].value += 1;
  EXPECT_EQ(c.assembled().code(), Code::kInvalid);
}

TEST(Payout, InputsMustMatchAndBeUnsigned) {
  Case c(8);
  c.sign(3);
  auto inputs = c.payout.signed_inputs();
  inputs.pop_back();
  EXPECT_EQ(assemble(c.payout.tx, inputs).code(), Code::kInvalid);
  Transaction signed_tx = c.payout.tx;
  signed_tx.inputs[0].witness = {Bytes{1}};
  EXPECT_EQ(assemble(signed_tx, c.payout.signed_inputs()).code(), Code::kInvalid);
  inputs = c.payout.signed_inputs();
  inputs[0].witness_script = Bytes{0x51};
  EXPECT_EQ(assemble(c.payout.tx, inputs).code(), Code::kInvalid);
}

TEST(Payout, CheckSignatureSaysWhichInput) {
  Case c(9);
  c.sign(1);
  const Sighash sighash(c.payout.tx);
  const auto inputs = c.payout.signed_inputs();
  const PublicKey key = c.wallet.seats[0].public_key();
  EXPECT_TRUE(check_signature(sighash, 1, inputs[1], key, inputs[1].signatures.at(key)).ok());
  const Status refused = check_signature(sighash, 1, inputs[1], key, inputs[0].signatures.at(key));
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.message().find("input 1"), std::string::npos);
}

// The bound holds for every threshold and is never more than the signatures' slack above the truth.
TEST(Payout, TheSizeBoundHoldsForRealSignatures) {
  std::uint64_t seed = 100;
  for (const auto& [m, n] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {2, 3}, {3, 4}, {5, 7}, {8, 14}, {14, 14}}) {
    for (const std::size_t coins : {1u, 2u, 5u}) {
      Case c(++seed, m, n, coins);
      c.sign(m);
      const auto tx = c.assembled();
      ASSERT_TRUE(tx.ok()) << tx.status().to_string();
      const std::uint64_t bound =
          max_virtual_size(std::vector<MultisigShape>(coins, {m, n + 1}), c.payout.tx.outputs);
      EXPECT_GE(bound, tx->virtual_size());
      EXPECT_LE(bound, tx->virtual_size() + (3 * m * coins + 3) / 4);
    }
  }
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
