// What the followers report, sorted, over the small network of tests/support.
#include "ledger/node/external_chains.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ledger/custody/custody.h"
#include "tests/support/network_fixture.h"

namespace custody::ledger::node {
namespace {

constexpr model::CurrencyId kBtc(1);
constexpr model::ExternalChainId kChain(1);

class StateView final : public LedgerView {
 public:
  explicit StateView(const tests::Network& network) : network_(network) {}
  model::Height height() const override { return network_.state().height(); }
  std::optional<Bytes> get(ByteView key) const override { return network_.state().get(key); }
  void scan(ByteView prefix, const std::function<bool(ByteView, ByteView)>& visit) const override {
    for (const auto& [key, value] : network_.state().scan(prefix)) {
      if (!visit(key, value)) return;
    }
  }
  Result<model::LedgerEvidence> evidence(const std::vector<Bytes>& keys) const override {
    return network_.evidence(keys);
  }

 private:
  const tests::Network& network_;
};

class ExternalChainsTest : public ::testing::Test {
 protected:
  ExternalChainsTest() : account_(net_.new_key()) {
    gateway_ = net_.register_gateway("gary", account_);
    (void)chains_.watches(view_);
  }
  // As a follower reports it: with these amounts to the gateway's deposit script.
  followers::TransactionFound payment(const std::vector<std::uint64_t>& amounts, std::uint32_t height) {
    const auto script = custody::script_pubkey(net_.chain_id(), net_.wallet(kBtc), gateway_);
    CHECK(script.ok());
    std::vector<chains::bitcoin::TxOut> outputs;
    for (const std::uint64_t amount : amounts) outputs.push_back({amount, *script});
    const chains::bitcoin::Transaction transaction = net_.chain(kBtc).pay(outputs);
    followers::TransactionFound found{};
    found.height = model::ExternalHeight(height);
    found.txid = model::ExternalHash(transaction.txid().array());
    found.transaction = transaction.serialize();
    return found;
  }
  std::uint64_t least() const { return net_.parameters(kBtc).min_deposit.get(); }
  Code provable(const followers::TransactionFound& found) const {
    return chains_.prove(kChain, found.txid, found.height).code();
  }

  tests::Network net_;
  crypto::SoftwareKey account_;
  model::GatewayId gateway_;
  StateView view_{net_};
  // What is proven does not matter here.
  ExternalChains chains_{
      net_.genesis(), net_.chain_id(),
      [](model::ExternalChainId, const followers::TransactionFound&,
         model::ExternalHeight) -> Result<model::BitcoinProof> { return model::BitcoinProof{}; }};
};

TEST_F(ExternalChainsTest, DepositsAreThoseOfAtLeastTheMinimum) {
  chains_.found(kChain, payment({least() - 1, least(), 7, least() + 5}, 40));
  const std::vector<ExternalDeposit> deposits = chains_.deposits();
  ASSERT_EQ(deposits.size(), 2u);
  EXPECT_EQ(deposits[0].outpoint.vout, 1u);
  EXPECT_EQ(deposits[0].gateway, gateway_);
  EXPECT_EQ(deposits[1].amount.get(), least() + 5);
}

// Abuse case C8: anyone can fill blocks with them, and every look at the deposits would pay for it for ever.
TEST_F(ExternalChainsTest, DustIsNotEvenRemembered) {
  const auto dust = payment({least() - 1, 1}, 40);
  chains_.found(kChain, dust);
  EXPECT_TRUE(chains_.deposits().empty());
  EXPECT_EQ(provable(dust), Code::kNotFound);
  auto spender = payment({1}, 41);
  spender.spent.push_back({Hash256(), 3});
  chains_.found(kChain, spender);
  EXPECT_EQ(provable(spender), Code::kOk) << "a spend of an anchor is remembered whatever it pays";
}

TEST_F(ExternalChainsTest, WhatIsMintedIsForgottenAndWhatIsUndoneToo) {
  const model::MintApproval terms = net_.deposit(gateway_, kBtc, least());
  followers::TransactionFound found{};
  found.height = model::ExternalHeight(terms.proof.height);
  found.txid = terms.outpoint.txid;
  found.transaction = terms.proof.transaction;
  chains_.found(kChain, found);
  const auto later = payment({least()}, 90);
  chains_.found(kChain, later);
  ASSERT_EQ(chains_.deposits().size(), 2u);
  ASSERT_TRUE(net_.produce(net_.mint_approvals(terms)).ok());
  EXPECT_EQ(chains_.deposits().size(), 2u) << "until the ledger is looked at";
  (void)chains_.watches(view_);
  ASSERT_EQ(chains_.deposits().size(), 1u);
  EXPECT_EQ(chains_.deposits()[0].outpoint.txid, later.txid);
  EXPECT_EQ(provable(found), Code::kNotFound);
  chains_.undone(kChain, model::ExternalHeight(91));
  EXPECT_EQ(chains_.deposits().size(), 1u);
  chains_.undone(kChain, model::ExternalHeight(90));
  EXPECT_TRUE(chains_.deposits().empty());
}

}  // namespace
}  // namespace custody::ledger::node
