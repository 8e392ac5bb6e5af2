#include <gtest/gtest.h>

#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "tests/support/fake_chain.h"

namespace custody::ledger::custody {
namespace {

namespace bitcoin = chains::bitcoin;

class ProofTest : public ::testing::Test {
 protected:
  ProofTest() {
    SeededEntropy entropy(8);
    wallet_.currency = model::CurrencyId(1);
    wallet_.epoch = model::WalletEpoch(1);
    wallet_.threshold = 2;
    for (std::uint16_t i = 1; i <= 3; ++i) {
      wallet_.seats.push_back(crypto::SoftwareKey::generate(entropy).public_key());
      wallet_.members.emplace_back(i);
    }
    const Bytes script = *script_pubkey(ledger_, wallet_, model::GatewayId(1));
    deposit_ = chain_.pay({{70'000, bitcoin::p2pkh_script_pubkey(Bytes(20, 1))}, {50'000, script}});
    chain_.mine_empty(3);
    chain_.mine({chain_.pay({{1'000, bitcoin::p2pkh_script_pubkey(Bytes(20, 2))}}), deposit_,
                 chain_.pay({{1'000, bitcoin::p2pkh_script_pubkey(Bytes(20, 3))}})});
    chain_.mine_empty(5);
    record_ = chain_.describe(model::ExternalChainId(1), "bitcoin-regtest");
    proof_ = chain_.proof(deposit_.txid(), 9);
    head_ = {model::ExternalHeight(9), chain_.hash(9), model::FeeRate(1000)};
    approval_.member = model::MemberId(1);
    approval_.currency = model::CurrencyId(1);
    approval_.gateway = model::GatewayId(1);
    approval_.outpoint = {model::ExternalHash(deposit_.txid().array()), 1};
    approval_.amount = model::Amount(50'000);
  }
  Code code(std::uint32_t depth = 6) const { return verify_proof(record_, proof_, head_, depth).code(); }

  tests::FakeChain chain_;
  model::ChainId ledger_ = *model::ChainId::from(Bytes(32, 5));
  model::ReserveWallet wallet_;
  bitcoin::Transaction deposit_;
  model::ExternalChain record_;
  model::BitcoinProof proof_;
  model::RecordedHead head_;
  model::MintApproval approval_;
};

TEST_F(ProofTest, AcceptsADeepTransactionUnderTheRecordedHead) {
  const auto transaction = verify_proof(record_, proof_, head_, 6);
  ASSERT_TRUE(transaction.ok()) << transaction.status().to_string();
  EXPECT_EQ(transaction->txid(), deposit_.txid());
  EXPECT_TRUE(check_deposit(ledger_, wallet_, approval_, *transaction).ok());
}

TEST_F(ProofTest, RefusesTooFewConfirmations) {
  EXPECT_EQ(code(7), Code::kRefused);
}

// What a miner pays straight into a deposit script cannot be spent for 100 blocks: a plan with it would stand
// in the way of every withdrawal until then.
TEST_F(ProofTest, ACoinbaseCountsWhenItIsMature) {
  bitcoin::Transaction coinbase;
  coinbase.inputs.push_back({{Hash256(), UINT32_MAX}, Bytes(10, 1), UINT32_MAX, {}});
  coinbase.outputs.push_back({50'000, *script_pubkey(ledger_, wallet_, model::GatewayId(1))});
  const std::uint32_t first = chain_.mine({coinbase});
  chain_.mine_empty(99);
  const auto result = [&](std::uint32_t confirmations) {
    const std::uint32_t tip = first + confirmations - 1;
    const model::RecordedHead head{model::ExternalHeight(tip), chain_.hash(tip), model::FeeRate(1'000)};
    return verify_proof(record_, chain_.proof(coinbase.txid(), tip), head, 6).code();
  };
  EXPECT_EQ(result(99), Code::kRefused);
  EXPECT_EQ(result(100), Code::kOk);
}

TEST_F(ProofTest, RefusesAnotherHead) {
  head_.hash = chain_.hash(8);
  EXPECT_EQ(code(), Code::kInvalid);
  head_ = {model::ExternalHeight(10), chain_.hash(9), {}};
  EXPECT_EQ(code(), Code::kInvalid);
}

TEST_F(ProofTest, RefusesHeadersThatDoNotLink) {
  proof_.headers[2] = proof_.headers[1];
  EXPECT_EQ(code(), Code::kInvalid);
}

TEST_F(ProofTest, RefusesHeadersWithoutWork) {
  // The bits of an easier target than the chain allows, in the header that is the recorded head itself.
  auto header = *bitcoin::parse_header(proof_.headers.back());
  header.bits = 0x2100ffff;
  proof_.headers.back() = *model::ExternalHeader::from(header.serialize());
  head_.hash = model::ExternalHash(header.hash().array());
  EXPECT_EQ(code(), Code::kInvalid);
}

TEST_F(ProofTest, RefusesNoHeadersAndTooMany) {
  const auto headers = proof_.headers;
  proof_.headers.clear();
  EXPECT_EQ(code(0), Code::kInvalid);
  proof_.headers.assign(model::kMaxProofHeaders + 1, headers[0]);
  EXPECT_EQ(code(), Code::kInvalid);
  proof_.headers = headers;
  proof_.height = model::ExternalHeight(0);
  EXPECT_EQ(code(), Code::kInvalid);
}

// Abuse case: a Merkle path that does not lead to the header's root, or another place in the block.
TEST_F(ProofTest, RefusesAnotherPathIndexOrTransaction) {
  const model::BitcoinProof good = proof_;
  proof_.path[0] = proof_.path[1];
  EXPECT_EQ(code(), Code::kInvalid);
  proof_ = good;
  proof_.index ^= 1;
  EXPECT_EQ(code(), Code::kInvalid);
  proof_ = good;
  proof_.path.pop_back();
  EXPECT_EQ(code(), Code::kInvalid);
  proof_ = good;
  proof_.transaction = chain_.pay({{50'000, Bytes{0x51}}}).serialize();
  EXPECT_EQ(code(), Code::kInvalid);
  proof_ = good;
  proof_.transaction.push_back(0);
  EXPECT_EQ(code(), Code::kInvalid);
}

TEST_F(ProofTest, RefusesATransactionWithWitness) {
  deposit_.inputs[0].witness = {Bytes{1}};
  proof_.transaction = deposit_.serialize();
  EXPECT_EQ(code(), Code::kInvalid);
}

TEST_F(ProofTest, EveryChangedByteOfAProofIsRefused) {
  for (std::size_t i = 0; i < proof_.transaction.size(); ++i) {
    proof_.transaction[i] ^= 1;
    EXPECT_NE(code(), Code::kOk) << i;
    proof_.transaction[i] ^= 1;
  }
  for (model::ExternalHeader& header : proof_.headers) {
    for (std::size_t i = 0; i < header.size(); i += 3) {
      header.data()[i] ^= 1;
      EXPECT_NE(code(), Code::kOk) << i;
      header.data()[i] ^= 1;
    }
  }
  EXPECT_EQ(code(), Code::kOk);
}

TEST_F(ProofTest, RefusesDepositsWithOtherTerms) {
  const auto refused_with = [&](auto change) {
    model::MintApproval changed = approval_;
    change(changed);
    return !check_deposit(ledger_, wallet_, changed, deposit_).ok();
  };
  EXPECT_TRUE(refused_with([](auto& a) { a.amount = model::Amount(50'001); }));
  EXPECT_TRUE(refused_with([](auto& a) { a.gateway = model::GatewayId(2); }));
  EXPECT_TRUE(refused_with([](auto& a) { a.gateway = model::GatewayId(0); }));
  EXPECT_TRUE(refused_with([](auto& a) { a.outpoint.vout = 0; }));
  EXPECT_TRUE(refused_with([](auto& a) { a.outpoint.vout = 2; }));
  EXPECT_TRUE(refused_with([](auto& a) { a.outpoint.txid = {}; }));
  EXPECT_TRUE(refused_with([](auto& a) { a.currency = model::CurrencyId(2); }));
}

// Another network's ledger cannot claim the same deposit.
TEST_F(ProofTest, RefusesTheDepositOnAnotherLedger) {
  EXPECT_FALSE(check_deposit(*model::ChainId::from(Bytes(32, 6)), wallet_, approval_, deposit_).ok());
}

}  // namespace
}  // namespace custody::ledger::custody
