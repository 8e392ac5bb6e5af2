#include <gtest/gtest.h>

#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "signer/guard/money_fixture_test.h"
#include "tests/support/payouts.h"

namespace custody::signer::guard {
namespace {

namespace bitcoin = chains::bitcoin;
namespace custodian = ledger::custody;

class PayoutTest : public MoneyTest, protected tests::Payouts {
 protected:
  PayoutTest() : Payouts(ledger_) {
    add_coin(1, 4'000'000);
    add_coin(2, 4'000'000);
    add_burn(1, 300'000);
    add_burn(2, 200'000);
    plan_ = derive(1, {1, 2}, {1});
  }
  // A quorum recorded this plan, so only the guard's own look at it can refuse it.
  void expect_plan_refused(const model::SlotRecord& plan, std::string_view rule) {
    expect_refused(recorded(plan), rule);
  }
  model::SlotSignatureIntent publication(const Verdict& verdict, const model::SlotRecord& plan) const {
    model::SlotSignatureIntent out{model::Height(100), 1, {kOwn, kBtc, plan.id, {}}, plan};
    for (const Hash256& digest : verdict.digests) {
      out.slot_signature.signatures.push_back(ledger_.keys(2).seat.sign(digest));
    }
    return out;
  }

  model::SlotRecord plan_;
};

TEST_F(PayoutTest, ARecordedPlanIsSignedWithTheSeatKeyAnInputEach) {
  const auto request = recorded(plan_);
  const Verdict verdict = sign(request);
  EXPECT_EQ(verdict.key.key, ledger_.keys(2).seat.public_key());
  EXPECT_EQ(verdict.digests, *custodian::payout_digests(ledger_.chain_id(), plan_, ledger_.wallet()));
  EXPECT_EQ(verdict.digests.size(), plan_.inputs.size());
  EXPECT_EQ(verdict.facts.amount, Amount(500'000 + plan_.fee.get()));
  EXPECT_EQ(verdict.facts.fee, plan_.fee);
  EXPECT_EQ(verdict.facts.kind, model::IntentKind::kPayout);
  EXPECT_EQ(verdict.facts.currency, kBtc);
  EXPECT_EQ(verdict.facts.epoch, model::WalletEpoch(1));
  EXPECT_EQ(verdict.facts.slot, plan_.id);
  EXPECT_EQ(verdict.facts.reserve, Amount(100'000'000));
  EXPECT_EQ(verdict.facts.height, ledger_.header.height);
  EXPECT_EQ(verdict.facts.time, ledger_.header.time);
  ASSERT_EQ(verdict.facts.payees.size(), 2u);
  EXPECT_EQ(verdict.facts.payees[1],
            (model::PayeeFact{2, model::GatewayId(1), to_bytes("gate"), model::LedgerMs(UINT64_MAX / 2),
                              burns[2].payout_script, Amount(200'000), Amount(100'000)}));
  EXPECT_FALSE(verdict.repeat);
  ASSERT_EQ(state_.slots.size(), 1u);
  EXPECT_EQ(state_.slots[0].burns, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(state_.buckets[0].level, Amount(10'000'000 - 500'000 - plan_.fee.get()));
}

TEST_F(PayoutTest, TheSameTermsAgainAreTheSameDigestsAndCostNothing) {
  const Verdict first = sign(recorded(plan_));
  ledger_.advance();
  const Verdict again = sign(intent(plan_));
  EXPECT_TRUE(again.repeat);
  EXPECT_EQ(again.digests, first.digests);
  EXPECT_EQ(again.next.buckets, first.next.buckets);
  EXPECT_EQ(again.next.slots, first.next.slots);
}

TEST_F(PayoutTest, C1_Evidence_EveryProofIsNeeded) {
  record(plan_);
  for (std::size_t missing = 0; missing < keys(plan_).size(); ++missing) {
    auto wrong = intent(plan_);
    wrong.evidence.proofs.erase(wrong.evidence.proofs.begin() + static_cast<std::ptrdiff_t>(missing));
    expect_refused(wrong, "guard.evidence");
  }
}

// A burn that is in a slot is owed: what an expired KYC means for it is for the policy to say.
TEST_F(PayoutTest, AnExpiredGatewayIsAFactAndNoRefusal) {
  const model::LedgerMs expired = ledger_.header.time;
  ledger_.put(
      model::gateway_key(model::GatewayId(1)),
      model::GatewayRecord{model::GatewayId(1), to_bytes("late"), model::Address::treasury(), expired});
  const Verdict verdict = sign(recorded(plan_));
  ASSERT_EQ(verdict.facts.payees.size(), 2u);
  EXPECT_EQ(as_text(verdict.facts.payees[0].gateway_name), "late");
  EXPECT_EQ(verdict.facts.payees[0].kyc_expiry, expired);
}

TEST_F(PayoutTest, Evidence_TotalsThatTheLedgerDoesNotHaveAreRefused) {
  record(plan_);
  ledger_.erase(model::totals_key(kBtc));
  expect_refused(intent(plan_), "guard.evidence");
}

TEST_F(PayoutTest, Evidence_AGatewayThatTheLedgerDoesNotHaveIsRefused) {
  record(plan_);
  ledger_.erase(model::gateway_key(model::GatewayId(1)));
  expect_refused(intent(plan_), "guard.evidence");
}

// A proof of gateway 1 says nothing about the gateway of another burn.
TEST_F(PayoutTest, Evidence_EveryPayeesGatewayIsNeeded) {
  add_gateway(2, "other");
  burns.at(2).gateway = model::GatewayId(2);
  const auto request = recorded(plan_);
  const Verdict verdict = sign(request);
  ASSERT_EQ(verdict.facts.payees.size(), 2u);
  EXPECT_EQ(as_text(verdict.facts.payees[0].gateway_name), "gate");
  EXPECT_EQ(as_text(verdict.facts.payees[1].gateway_name), "other");
  for (const std::uint32_t id : {1, 2}) {
    auto wrong = request;
    std::erase_if(wrong.evidence.proofs, [&](const model::StateProof& proof) {
      return proof.key == model::gateway_key(model::GatewayId(id));
    });
    ASSERT_EQ(wrong.evidence.proofs.size() + 1, request.evidence.proofs.size());
    expect_refused(wrong, "guard.evidence");
  }
}

// The most payees that parameters allow, each of a gateway of its own, and the most inputs.
TEST_F(PayoutTest, TheLargestPayoutsEvidenceIsWithinItsCaps) {
  ledger_.parameters().max_payees = model::kGuardSlotBurns;
  ledger_.parameters().max_inputs = model::kMaxSlotInputs;
  ledger_.put_basics();
  std::vector<std::uint64_t> burn_sequences;
  for (std::uint32_t i = 1; i <= model::kGuardSlotBurns; ++i) {
    add_gateway(i, "gateway-" + std::to_string(i));
    add_burn(i, 20'000);
    burns.at(i).gateway = model::GatewayId(i);
    burn_sequences.push_back(i);
  }
  std::vector<std::uint64_t> coin_sequences;
  for (std::uint64_t i = 1; i <= model::kMaxSlotInputs; ++i) {
    add_coin(i, 13'500);
    coin_sequences.push_back(i);
  }
  const auto plan = derive(1, burn_sequences, coin_sequences);
  ASSERT_EQ(plan.payees.size(), model::kGuardSlotBurns);
  ASSERT_GT(plan.inputs.size(), model::kMaxSlotInputs * 9 / 10);
  const auto request = recorded(plan);
  EXPECT_EQ(sign(request).facts.payees.size(), plan.payees.size());
  std::size_t siblings = 0;
  for (const model::StateProof& proof : request.evidence.proofs) siblings += proof.siblings.size();
  const Bytes bytes = proto::reader::encode(model::SignRequest{1, request});
  EXPECT_TRUE(proto::reader::decode<model::SignRequest>(bytes, model::kMaxEvidence).ok());
  constexpr std::size_t kDeepest = 256;  // levels of the state's tree
  constexpr std::size_t kSibling = 34;   // bytes with its frame
  EXPECT_LT(bytes.size() + (request.evidence.proofs.size() * kDeepest - siblings) * kSibling,
            model::kMaxEvidence);
}

TEST_F(PayoutTest, Stale_EvidenceMoreThanTwoBelowTheLastPrecommitIsRefused) {
  sign_precommit(4);
  expect_refused(recorded(plan_), "guard.stale");
}

TEST_F(PayoutTest, Frozen_NothingIsPaidUnderFreeze) {
  ledger_.put(model::freeze_key(kBtc), model::FreezeRecord{model::Height(1)});
  expect_plan_refused(plan_, "guard.frozen");
}

TEST_F(PayoutTest, SlotSettled_IsNotSignedAgain) {
  plan_.status = model::SlotStatus::kSettled;
  plan_.settled_by = *model::ExternalHash::from(Bytes(32, 3));
  expect_plan_refused(plan_, "guard.slot_settled");
}

TEST_F(PayoutTest, Slot_TheRecordMustNameItself) {
  record(plan_);
  auto wrong = plan_;
  wrong.id = model::SlotId(9);
  ledger_.put(model::slot_key(kBtc, model::SlotId(1)), wrong);
  expect_refused(intent(plan_), "guard.slot");
}

// Abuse case D1: amounts of inputs that lie, so that the fee is huge.
TEST_F(PayoutTest, D1_Coin_AnotherAmountThanTheCoinsIsRefused) {
  plan_.inputs[0].amount = Amount(plan_.inputs[0].amount.get() - 1);
  expect_plan_refused(plan_, "guard.coin");
}

TEST_F(PayoutTest, D1_Plan_AFeeAboveTheCapsIsRefused) {
  for (auto& payee : plan_.payees) payee.fee_cap = Amount(plan_.fee.get() / 2 - 1);
  for (auto& [sequence, burn] : burns) burn.fee_cap = Amount(plan_.fee.get() / 2 - 1);
  expect_plan_refused(plan_, "guard.plan");
}

TEST_F(PayoutTest, D1_Plan_MoneyThatIsNeitherPaidNorChangeIsRefused) {
  plan_.change.back() = Amount(plan_.change.back().get() - 1);
  expect_plan_refused(plan_, "guard.plan");
}

TEST_F(PayoutTest, D2_Wallet_AnotherEpochOrThresholdIsRefused) {
  auto other = plan_;
  other.epoch = model::WalletEpoch(2);
  expect_plan_refused(other, "guard.wallet");
  auto wallet = ledger_.wallet();
  wallet.threshold = 4;
  ledger_.put(model::wallet_key(kBtc, model::WalletEpoch(1)), wallet);
  expect_plan_refused(plan_, "guard.wallet");
}

// Abuse case D4: an input that is not ours, or that is bound elsewhere.
TEST_F(PayoutTest, D4_Coin_OfAnotherSlotOutpointEpochOrGatewayIsRefused) {
  record(plan_);
  const Bytes key = model::coin_key(kBtc, 1);
  model::CoinRecord right = coins.at(1);
  right.slot = plan_.id;
  auto wrong = right;
  wrong.slot = model::SlotId(2);
  ledger_.put(key, wrong);
  expect_refused(intent(plan_), "guard.coin");
  wrong = right;
  wrong.outpoint.vout = 1;
  ledger_.put(key, wrong);
  expect_refused(intent(plan_), "guard.coin");
  wrong = right;
  wrong.epoch = model::WalletEpoch(2);
  ledger_.put(key, wrong);
  expect_refused(intent(plan_), "guard.coin");
  wrong = right;
  wrong.gateway = model::GatewayId(2);
  ledger_.put(key, wrong);
  expect_refused(intent(plan_), "guard.coin");
}

TEST_F(PayoutTest, D4_AnchorBound_AnOpenSlotsAnchorIsNotSpentByAnother) {
  sign(recorded(plan_));
  add_burn(3, 100'000);
  ledger_.advance();
  expect_plan_refused(derive(2, {3}, {1}), "guard.anchor_bound");
}

// Abuse case D5: payouts duplicated, merged or dropped.
TEST_F(PayoutTest, D5_Plan_ABurnOrCoinTwiceIsRefused) {
  auto twice = plan_;
  twice.payees.push_back(twice.payees.front());
  expect_plan_refused(twice, "guard.plan");
  twice = plan_;
  twice.inputs.push_back(twice.inputs.front());
  expect_plan_refused(twice, "guard.plan");
}

TEST_F(PayoutTest, D5_Plan_WithoutPayeesOrInputsIsRefused) {
  auto none = plan_;
  none.payees.clear();
  expect_plan_refused(none, "guard.plan");
  none = plan_;
  none.inputs.clear();
  expect_plan_refused(none, "guard.plan");
}

// Abuse case C5: paid to another address or amount than the burn says.
TEST_F(PayoutTest, C5_Burn_OtherAddressAmountCapOrTransactionIsRefused) {
  auto wrong = plan_;
  wrong.payees[0].script = bitcoin::p2pkh_script_pubkey(Bytes(20, 0xee));
  expect_plan_refused(wrong, "guard.burn");
  wrong = plan_;
  wrong.payees[0].amount = Amount(wrong.payees[0].amount.get() + 1);
  wrong.change[0] = Amount(wrong.change[0].get() - 1);
  expect_plan_refused(wrong, "guard.burn");
  wrong = plan_;
  wrong.payees[0].fee_cap = Amount(1'000'000);
  expect_plan_refused(wrong, "guard.burn");
  wrong = plan_;
  wrong.payees[0].transaction = wrong.payees[1].transaction;
  expect_plan_refused(wrong, "guard.burn");
}

// Abuse case C3: a burn again, in another slot.
TEST_F(PayoutTest, C3_Burn_QueuedSettledOrOfAnotherSlotIsRefused) {
  record(plan_);
  model::BurnRecord burn = burns.at(1);
  burn.slot = plan_.id;
  for (const auto status : {model::BurnStatus::kQueued, model::BurnStatus::kSettled}) {
    burn.status = status;
    ledger_.put(model::burn_key(kBtc, 1), burn);
    expect_refused(intent(plan_), "guard.burn");
  }
  burn.status = model::BurnStatus::kInSlot;
  burn.slot = model::SlotId(2);
  ledger_.put(model::burn_key(kBtc, 1), burn);
  expect_refused(intent(plan_), "guard.burn");
}

TEST_F(PayoutTest, C3_BurnBound_ABurnOfAnOpenSlotIsNotPaidInAnother) {
  sign(recorded(plan_));
  ledger_.advance();
  expect_plan_refused(derive(2, {2}, {2}), "guard.burn_bound");
}

TEST_F(PayoutTest, SlotTerms_ASlotIsSignedWithOneSetOfTermsOnly) {
  sign(recorded(plan_));
  ledger_.advance();
  auto other = derive(1, {1}, {1});
  expect_plan_refused(other, "guard.slot_terms");
}

TEST_F(PayoutTest, Key_WithoutASeatInTheWalletNothingIsSigned) {
  const auto request = recorded(plan_);
  state_.keys.back().key = ledger_.keys(3).seat.public_key();
  expect_refused(request, "guard.key");
  state_.keys.pop_back();
  expect_refused(request, "guard.key");
}

TEST_F(PayoutTest, Bucket_HoldsWhatAStolenHostCanHaveSigned) {
  ledger_.parameters().bucket_capacity = Amount(500'000);
  ledger_.put_basics();
  expect_plan_refused(plan_, "guard.bucket");  // the fee is above it
  ledger_.parameters().bucket_capacity = Amount(500'000 + plan_.fee.get());
  ledger_.put_basics();
  sign(recorded(plan_));
  EXPECT_EQ(state_.buckets[0].level, Amount(0));
}

// Abuse case H1: the bucket fills by ledger time only, and never above its capacity.
TEST_F(PayoutTest, H1_Bucket_FillsByLedgerTimeOnly) {
  state_.buckets[0].level = Amount(0);
  state_.buckets[0].updated = ledger_.header.time;
  const std::uint64_t need = 500'000 + plan_.fee.get();
  ledger_.advance(need - 1);  // 3,600,000 an hour: one a millisecond
  expect_plan_refused(plan_, "guard.bucket");
  ledger_.advance(1);
  sign(recorded(plan_));
  EXPECT_EQ(state_.buckets[0].level, Amount(0));
  add_burn(3, 1'000);
  burns[3].amount = Amount(20'000);
  ledger_.advance(UINT32_MAX);
  sign(recorded(derive(2, {3}, {2})));
  EXPECT_LT(state_.buckets[0].level, ledger_.parameters().bucket_capacity);
  EXPECT_GT(state_.buckets[0].level, Amount(9'000'000));
}

TEST_F(PayoutTest, SlotsFull_RefusesAndASettledSlotMakesRoom) {
  for (std::uint64_t i = 0; i < model::kGuardSlots; ++i) {
    state_.slots.push_back({kBtc, model::SlotId(100 + i), outpoint(100 + i), Hash256(), {1'000 + i}});
  }
  expect_refused(recorded(plan_), "guard.slots_full", Code::kExhausted);
  auto settled = plan_;
  settled.id = model::SlotId(100);
  settled.status = model::SlotStatus::kOpen;
  ledger_.put(model::slot_key(kBtc, settled.id), settled);
  auto with_proof = keys(plan_);
  with_proof.push_back(model::slot_key(kBtc, settled.id));
  expect_refused(model::PayoutIntent{kBtc, plan_.id, ledger_.evidence(with_proof)}, "guard.slots_full",
                 Code::kExhausted);
  settled.status = model::SlotStatus::kSettled;
  ledger_.put(model::slot_key(kBtc, settled.id), settled);
  sign(model::PayoutIntent{kBtc, plan_.id, ledger_.evidence(with_proof)});
  EXPECT_EQ(state_.slots.size(), model::kGuardSlots);
  EXPECT_EQ(state_.slots.front().slot, model::SlotId(101));
  EXPECT_EQ(state_.slots.back().slot, plan_.id);
}

TEST_F(PayoutTest, SlotsFull_BurnsAreCountedOverAllSlots) {
  state_.slots.push_back({kBtc, model::SlotId(100), outpoint(100), Hash256(), {}});
  for (std::uint64_t i = 0; i < model::kGuardSlotBurns - 1; ++i) state_.slots[0].burns.push_back(1'000 + i);
  expect_refused(recorded(plan_), "guard.slots_full", Code::kExhausted);
}

// ---- publishing slot signatures ----

TEST_F(PayoutTest, OwnSeatSignaturesArePublishedWithTheAttestKey) {
  const Verdict signed_plan = sign(recorded(plan_));
  const auto request = publication(signed_plan, plan_);
  const Verdict verdict = sign(request);
  EXPECT_EQ(verdict.key.key, ledger_.keys(2).attest.public_key());
  const model::Transaction transaction{1, model::Height(100), 1, request.slot_signature};
  EXPECT_EQ(verdict.digests.front(),
            proto::reader::transaction_digest(ledger_.chain_id(), proto::reader::encode(transaction),
                                              transaction.body));
}

TEST_F(PayoutTest, SlotSignature_OfAnotherSlotPlanMemberOrKeyIsRefused) {
  const auto unsigned_yet = publication({}, plan_);
  expect_refused(unsigned_yet, "guard.slot");
  const Verdict signed_plan = sign(recorded(plan_));
  auto wrong = publication(signed_plan, plan_);
  wrong.slot_signature.member = model::MemberId(3);
  expect_refused(wrong, "guard.member");
  wrong = publication(signed_plan, plan_);
  wrong.plan.payees[0].amount = Amount(1);
  expect_refused(wrong, "guard.slot_terms");
  wrong = publication(signed_plan, plan_);
  wrong.slot_signature.signatures.pop_back();
  expect_refused(wrong, "guard.slot_signature");
  wrong = publication(signed_plan, plan_);
  wrong.slot_signature.signatures[0] = ledger_.keys(3).seat.sign(signed_plan.digests[0]);
  expect_refused(wrong, "guard.slot_signature");
  wrong = publication(signed_plan, plan_);
  wrong.slot_signature.signatures.push_back(wrong.slot_signature.signatures[0]);
  expect_refused(wrong, "guard.slot_signature");
}

}  // namespace
}  // namespace custody::signer::guard
