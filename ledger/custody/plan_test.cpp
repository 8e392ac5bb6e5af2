#include <gtest/gtest.h>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/payout.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"

namespace custody::ledger::custody {
namespace {

namespace bitcoin = chains::bitcoin;
using model::Amount;
using model::FeeRate;

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    SeededEntropy entropy(9);
    wallet_.currency = model::CurrencyId(1);
    wallet_.epoch = model::WalletEpoch(1);
    wallet_.threshold = 3;
    for (std::uint16_t i = 1; i <= 4; ++i) {
      keys_.push_back(crypto::SoftwareKey::generate(entropy));
      wallet_.seats.push_back(keys_.back().public_key());
      wallet_.members.emplace_back(i);
    }
    parameters_.currency = model::CurrencyId(1);
    parameters_.min_burn = Amount(10'000);
    parameters_.min_fee_rate = FeeRate(1'000);
    parameters_.max_fee_rate = FeeRate(100'000);
    parameters_.batch_time_ms = 1'000;
    parameters_.batch_count = 3;
    parameters_.batch_value = Amount(1'000'000);
    parameters_.max_inputs = 5;
    parameters_.max_payees = 4;
    request_.currency = model::CurrencyId(1);
    request_.slot = model::SlotId(1);
    request_.height = model::Height(10);
    request_.now = model::LedgerMs(5'000);
    request_.fee_rate = FeeRate(2'000);
    request_.wallet = &wallet_;
    request_.parameters = &parameters_;
  }
  void burn(std::uint64_t amount, std::uint64_t cap = 100'000, std::uint64_t time = 1'000) {
    QueuedBurn one;
    one.sequence = request_.burns.size() + 1;
    one.record.amount = Amount(amount);
    one.record.fee_cap = Amount(cap);
    one.record.payout_script =
        bitcoin::p2pkh_script_pubkey(Bytes(20, static_cast<std::uint8_t>(one.sequence)));
    one.record.time = model::LedgerMs(time);
    request_.burns.push_back(one);
  }
  void coin(std::uint64_t amount, std::uint32_t gateway = 1) {
    FreeCoin one;
    one.sequence = request_.coins.size() + 1;
    one.record.outpoint = {*model::ExternalHash::from(Bytes(32, static_cast<std::uint8_t>(one.sequence))), 0};
    one.record.amount = Amount(amount);
    one.record.gateway = model::GatewayId(gateway);
    request_.coins.push_back(one);
  }
  void expect_sound(const model::SlotRecord& slot) {
    const Status status = check_plan(slot, wallet_, parameters_);
    EXPECT_TRUE(status.ok()) << status.to_string();
  }

  std::vector<crypto::SoftwareKey> keys_;
  model::ChainId ledger_ = *model::ChainId::from(Bytes(32, 5));
  model::ReserveWallet wallet_;
  model::CurrencyParameters parameters_;
  PlanRequest request_;
};

TEST_F(PlanTest, PaysExactlyTheAmountAndSplitsTheChange) {
  burn(300'000);
  coin(1'000'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  expect_sound(*slot);
  EXPECT_EQ(slot->payees[0].amount, Amount(300'000));
  EXPECT_EQ(slot->change.size(), 4u);  // nothing else remains in the reserve
  EXPECT_EQ(slot->fee_rate, FeeRate(2'000));
}

TEST_F(PlanTest, WaitsForTimeCountOrValue) {
  coin(10'000'000);
  EXPECT_FALSE(derive_plan(request_).has_value()) << "no burn";
  burn(20'000, 100'000, 4'500);
  EXPECT_FALSE(derive_plan(request_).has_value()) << "too early";
  request_.now = model::LedgerMs(5'499);
  EXPECT_FALSE(derive_plan(request_).has_value());
  request_.now = model::LedgerMs(5'500);
  EXPECT_TRUE(derive_plan(request_).has_value()) << "by time";
  request_.now = model::LedgerMs(5'000);
  burn(20'000, 100'000, 4'500);
  EXPECT_FALSE(derive_plan(request_).has_value());
  burn(20'000, 100'000, 4'500);
  EXPECT_TRUE(derive_plan(request_).has_value()) << "by count";
  request_.burns.clear();
  burn(1'000'000, 100'000, 4'999);
  EXPECT_TRUE(derive_plan(request_).has_value()) << "by value";
}

TEST_F(PlanTest, ClampsTheFeeRate) {
  burn(300'000, 1'000'000);
  coin(2'000'000);
  request_.fee_rate = FeeRate(0);
  EXPECT_EQ(derive_plan(request_)->fee_rate, FeeRate(1'000));
  request_.fee_rate = FeeRate(1'000'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->fee_rate, FeeRate(100'000));
  expect_sound(*slot);
}

// Invariant 3: nobody pays more than the cap; a burn whose share exceeds it waits, those after it do not.
TEST_F(PlanTest, PassesOverABurnWhoseCapIsTooSmall) {
  burn(300'000, 10);
  burn(200'000);
  coin(1'000'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  ASSERT_EQ(slot->payees.size(), 1u);
  EXPECT_EQ(slot->payees[0].burn, 2u);
  expect_sound(*slot);
  request_.burns.pop_back();
  EXPECT_FALSE(derive_plan(request_).has_value()) << "no cap suffices";
}

TEST_F(PlanTest, SplitsNoChangeAtTheCostOfACap) {
  burn(300'000, 600);  // 1 input, 1 payee, 1 change at 2 per vB is below; three more change outputs are not
  coin(1'000'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->change.size(), 1u);
  expect_sound(*slot);
}

TEST_F(PlanTest, TakesOldestCoinsFirstAndPlansWhatTheyCover) {
  burn(300'000);
  burn(300'000);
  burn(300'000);
  for (int i = 0; i < 3; ++i) coin(250'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->payees.size(), 2u);
  EXPECT_EQ(slot->inputs.size(), 3u);
  EXPECT_EQ(slot->inputs[0].coin, 1u);
  expect_sound(*slot);
  request_.coins.resize(1);
  EXPECT_FALSE(derive_plan(request_).has_value()) << "not even the oldest is covered";
}

TEST_F(PlanTest, LargerCoinsTakeThePlaceOfSmallOnesWhenInputsRunOut) {
  burn(900'000);
  for (int i = 0; i < 6; ++i) coin(20'000);
  coin(1'000'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->inputs.size(), 5u);
  EXPECT_EQ(slot->inputs.back().coin, 7u);
  expect_sound(*slot);
}

TEST_F(PlanTest, ABurnThatTakesMoreInputsThanAllowedDoesNotHoldUpTheOthers) {
  burn(700'000);
  burn(60'000);
  for (int i = 0; i < 8; ++i) coin(100'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  ASSERT_EQ(slot->payees.size(), 1u);
  EXPECT_EQ(slot->payees[0].burn, 2u);
  expect_sound(*slot);
  request_.coins.resize(6);
  EXPECT_FALSE(derive_plan(request_).has_value()) << "coins that are to come may cover it: it is waited for";
}

TEST_F(PlanTest, AnyNumberOfOldSmallCoinsLeavesTheLargeOnesInReach) {
  burn(900'000);
  for (std::size_t i = 0; i < kMaxCoinsConsidered; ++i) {
    coin(2'000);
    request_.coins.back().record.outpoint.vout = static_cast<std::uint32_t>(i);
  }
  coin(1'000'000);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->inputs.back().coin, kMaxCoinsConsidered + 1);
  expect_sound(*slot);
}

TEST_F(PlanTest, ChangeThatWouldBeDustGoesToTheFee) {
  burn(300'000);
  coin(1'000'000);
  const std::uint64_t fee_without_change = [&] {
    model::SlotRecord probe = *derive_plan(request_);
    std::vector<bitcoin::TxOut> outputs{{300'000, probe.payees[0].script}};
    return bitcoin::max_virtual_size({{3, 5}}, outputs) * 2;
  }();
  request_.coins.clear();
  coin(300'000 + fee_without_change + 100);
  const auto slot = derive_plan(request_);
  ASSERT_TRUE(slot.has_value());
  EXPECT_TRUE(slot->change.empty());
  EXPECT_EQ(slot->fee.get(), fee_without_change + 100);
  expect_sound(*slot);
}

TEST_F(PlanTest, FeeSharesSumToTheFee) {
  model::SlotRecord slot;
  slot.payees.resize(3);
  slot.fee = Amount(1'000);
  EXPECT_EQ(fee_share(slot, 0), Amount(334));
  EXPECT_EQ(fee_share(slot, 1), Amount(333));
  EXPECT_EQ(fee_share(slot, 2), Amount(333));
}

class CheckPlanTest : public PlanTest {
 protected:
  CheckPlanTest() {
    burn(300'000);
    burn(200'000);
    coin(400'000);
    coin(400'000, 0);
    slot_ = *derive_plan(request_);
  }
  // A changed plan, refused with this in the message.
  template <typename F>
  void expect_refused(std::string_view what, F change) {
    model::SlotRecord changed = slot_;
    change(changed);
    const Status status = check_plan(changed, wallet_, parameters_);
    EXPECT_EQ(status.code(), Code::kRefused) << what;
    EXPECT_NE(status.message().find(what), std::string::npos) << status.message();
  }
  model::SlotRecord slot_;
};

// Invariant 2: the guard's check refuses every plan that the derivation could not have made.
TEST_F(CheckPlanTest, RefusesWhatIsWrong) {
  expect_sound(slot_);
  expect_refused("another wallet", [](auto& s) { s.epoch = model::WalletEpoch(2); });
  expect_refused("another wallet", [](auto& s) { s.currency = model::CurrencyId(2); });
  expect_refused("inputs, allowed", [](auto& s) { s.inputs.clear(); });
  expect_refused("inputs, allowed", [](auto& s) { s.inputs.resize(6); });
  expect_refused("payees, allowed", [](auto& s) { s.payees.clear(); });
  expect_refused("payees, allowed", [](auto& s) { s.payees.resize(5); });
  expect_refused("change outputs", [](auto& s) { s.change.resize(9); });
  expect_refused("spent twice", [](auto& s) { s.inputs[1].outpoint = s.inputs[0].outpoint; });
  expect_refused("spent twice", [](auto& s) { s.inputs[1].coin = s.inputs[0].coin; });
  expect_refused("paid twice", [](auto& s) { s.payees[1].burn = s.payees[0].burn; });
  expect_refused("not one of", [](auto& s) { s.payees[0].script = Bytes{0x6a}; });
  expect_refused("gets dust", [](auto& s) { s.payees[0].amount = Amount(545); });
  expect_refused("change output is dust", [](auto& s) { s.change[0] = Amount(329); });
  expect_refused("together", [](auto& s) { s.payees[0].amount = Amount(300'001); });
  expect_refused("together", [](auto& s) { s.inputs[0].amount = Amount(UINT64_MAX); });
  expect_refused("fee rate", [](auto& s) { s.fee_rate = FeeRate(999); });
  expect_refused("fee rate", [](auto& s) { s.fee_rate = FeeRate(100'001); });
  expect_refused("below its rate", [](auto& s) {
    s.fee = Amount(s.fee.get() - 1);
    s.change[0] = Amount(s.change[0].get() + 1);
  });
  expect_refused("above its rate", [](auto& s) {
    s.fee = Amount(s.fee.get() + 1);
    s.change[0] = Amount(s.change[0].get() - 1);
  });
  expect_refused("above its cap", [](auto& s) { s.payees[1].fee_cap = Amount(10); });
}

TEST_F(CheckPlanTest, TheSeatsSignaturesAssembleIntoATransaction) {
  const auto transaction = payout_transaction(ledger_, slot_, wallet_);
  const auto digests = payout_digests(ledger_, slot_, wallet_);
  ASSERT_TRUE(transaction.ok() && digests.ok());
  ASSERT_EQ(digests->size(), 2u);
  EXPECT_EQ(transaction->inputs[0].sequence, 0xfffffffdu);
  EXPECT_EQ(transaction->version, 2u);
  EXPECT_EQ(transaction->lock_time, 0u);
  std::vector<bitcoin::SignedInput> inputs;
  for (std::size_t i = 0; i < 2; ++i) {
    bitcoin::SignedInput input;
    input.witness_script = *witness_script(ledger_, wallet_, slot_.inputs[i].gateway);
    input.value = slot_.inputs[i].amount.get();
    for (std::size_t k = 0; k < 3; ++k)
      input.signatures[keys_[k].public_key()] = keys_[k].sign((*digests)[i]);
    inputs.push_back(input);
  }
  const auto assembled = bitcoin::assemble(*transaction, inputs);
  ASSERT_TRUE(assembled.ok()) << assembled.status().to_string();
  EXPECT_EQ(assembled->txid(), transaction->txid());
  EXPECT_GE(slot_.fee.get() * 1000, assembled->virtual_size() * slot_.fee_rate.get());
  model::ReserveWallet other = wallet_;
  other.epoch = model::WalletEpoch(2);
  EXPECT_FALSE(payout_transaction(ledger_, slot_, other).ok());
}

TEST(WeightedMedian, IsTheSmallestRateWithHalfOfTheWeight) {
  using model::Weight;
  EXPECT_EQ(weighted_median({}), FeeRate(0));
  EXPECT_EQ(weighted_median({{FeeRate(5), Weight(1)}}), FeeRate(5));
  EXPECT_EQ(weighted_median({{FeeRate(9), Weight(24)}, {FeeRate(1), Weight(28)}, {FeeRate(5), Weight(26)}}),
            FeeRate(5));
  EXPECT_EQ(weighted_median({{FeeRate(9), Weight(50)}, {FeeRate(1), Weight(50)}}), FeeRate(1));
}

// Random requests: what is derived passes the guard's check and keeps the order.
TEST_F(PlanTest, WhateverIsDerivedPassesTheCheck) {
  SeededEntropy entropy(11);
  int planned = 0;
  for (int round = 0; round < 2'000; ++round) {
    request_.burns.clear();
    request_.coins.clear();
    for (std::uint64_t i = 0, n = 1 + entropy.below(8); i < n; ++i) {
      burn(10'000 + entropy.below(500'000), 1 + entropy.below(3'000));
    }
    for (std::uint64_t i = 0, n = entropy.below(12); i < n; ++i) {
      coin(1'000 + entropy.below(400'000), static_cast<std::uint32_t>(entropy.below(3)));
    }
    request_.fee_rate = FeeRate(entropy.below(8'000));
    const auto slot = derive_plan(request_);
    if (!slot) continue;
    ++planned;
    expect_sound(*slot);
    for (std::size_t i = 1; i < slot->payees.size(); ++i) {
      EXPECT_LT(slot->payees[i - 1].burn, slot->payees[i].burn);
    }
    EXPECT_EQ(*derive_plan(request_), *slot) << "not deterministic";
  }
  EXPECT_GT(planned, 500);
}

}  // namespace
}  // namespace custody::ledger::custody
