#include <gtest/gtest.h>

#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "signer/guard/guard.h"
#include "tests/support/payouts.h"

namespace custody::signer::guard {
namespace {

namespace bitcoin = chains::bitcoin;
namespace custodian = ledger::custody;
using model::Amount;

constexpr model::CurrencyId kBtc{1};
constexpr model::MemberId kOwn{2};
constexpr std::uint64_t kDeposit = 5'000'000;

class MoneyTest : public ::testing::Test {
 protected:
  MoneyTest() : ledger_(chain_), state_(*initial_state(ledger_.genesis(), ledger_.chain_id(), kOwn)) {
    model::GatewayRecord gateway;
    gateway.id = model::GatewayId(1);
    gateway.name = to_bytes("gary");
    gateway.account = model::Address::treasury();
    gateway.kyc_expiry = model::LedgerMs(ledger_.header.time.get() + 3'600'000);
    ledger_.put(model::gateway_key(gateway.id), gateway);
    model::CurrencyTotals totals;
    totals.recorded_reserve = Amount(90'000'000);
    ledger_.put(model::totals_key(kBtc), totals);
  }

  void expect_refused(const model::Intent& intent, std::string_view rule, Code code = Code::kRefused) const {
    const auto verdict = check(state_, intent);
    ASSERT_FALSE(verdict.ok()) << "expected " << rule;
    EXPECT_EQ(verdict.code(), code);
    EXPECT_EQ(rule_of(verdict.status()), rule) << verdict.status().to_string();
  }
  Verdict sign(const model::Intent& intent) {
    auto verdict = check(state_, intent);
    EXPECT_TRUE(verdict.ok()) << verdict.status().to_string();
    if (!verdict.ok()) return {};
    state_ = verdict->next;
    return *verdict;
  }
  void sign_precommit(std::uint64_t height) {
    sign(
        model::VoteIntent{model::VoteType::kPrecommit, model::Height(height), model::Round(0), std::nullopt});
  }

  tests::FakeChain chain_;
  tests::ProvenLedger ledger_;
  model::GuardState state_;
};

// ---- mint ----

class MintTest : public MoneyTest {
 protected:
  MintTest() {
    const Bytes script = *custodian::script_pubkey(ledger_.chain_id(), ledger_.wallet(), model::GatewayId(1));
    deposit_ = chain_.pay({{kDeposit, script}, {kDeposit, bitcoin::p2pkh_script_pubkey(Bytes(20, 1))}});
    chain_.mine({deposit_});
    chain_.mine_empty(4);
    attest_head();
  }
  void attest_head() {
    const model::ExternalHeight height(chain_.height());
    ledger_.put(model::head_key(model::ExternalChainId(1), height),
                model::RecordedHead{height, chain_.hash(chain_.height()), model::FeeRate(1'000)});
  }
  std::vector<Bytes> keys(const model::MintApproval& approval) const {
    const auto tip =
        static_cast<std::uint32_t>(approval.proof.height.get() + approval.proof.headers.size() - 1);
    return {model::parameters_key(),
            model::wallet_key(kBtc, model::WalletEpoch(1)),
            model::gateway_key(approval.gateway),
            model::head_key(model::ExternalChainId(1), model::ExternalHeight(tip)),
            model::mint_key(kBtc, approval.outpoint),
            model::freeze_key(kBtc),
            model::totals_key(kBtc)};
  }
  model::MintApproval approval() const {
    return {kOwn,
            kBtc,
            model::GatewayId(1),
            {model::ExternalHash(deposit_.txid().array()), 0},
            Amount(kDeposit),
            chain_.proof(deposit_.txid(), chain_.height())};
  }
  model::MintIntent intent(const model::MintApproval& of) const {
    return {model::Height(100), 7, of, ledger_.evidence(keys(of))};
  }
  model::MintIntent intent() const { return intent(approval()); }
  bitcoin::Transaction deposit_;
};

TEST_F(MintTest, AProvenDepositIsApprovedWithTheAttestKey) {
  const Verdict verdict = sign(intent());
  EXPECT_EQ(verdict.key.key, ledger_.keys(2).attest.public_key());
  const model::Transaction transaction{1, model::Height(100), 7, approval()};
  EXPECT_EQ(verdict.digests, std::vector<Hash256>{proto::reader::transaction_digest(
                                 ledger_.chain_id(), proto::reader::encode(transaction), transaction.body)});
  EXPECT_EQ(verdict.facts.kind, model::IntentKind::kMint);
  EXPECT_EQ(verdict.facts.amount, Amount(kDeposit));
  EXPECT_EQ(verdict.facts.gateway, model::GatewayId(1));
  EXPECT_EQ(as_text(verdict.facts.gateway_name), "gary");
  EXPECT_EQ(verdict.facts.kyc_expiry, model::LedgerMs(ledger_.header.time.get() + 3'600'000));
  EXPECT_EQ(verdict.facts.epoch, model::WalletEpoch(1));
  EXPECT_EQ(verdict.facts.confirmations, 5u);
  EXPECT_EQ(verdict.facts.reserve, Amount(90'000'000));
  EXPECT_EQ(verdict.facts.height, ledger_.header.height);
  EXPECT_EQ(verdict.facts.time, ledger_.header.time);
  EXPECT_EQ(state_.head.height, ledger_.header.height);
  EXPECT_EQ(state_.head.time, ledger_.header.time);
}

TEST_F(MintTest, Member_AnotherMembersApprovalIsRefused) {
  auto wrong = approval();
  wrong.member = model::MemberId(1);
  expect_refused(intent(wrong), "guard.member");
}

// Abuse case C1: a deposit that the ledger's evidence does not show.
TEST_F(MintTest, C1_Evidence_TooLittleWeightIsRefused) {
  auto wrong = intent();
  wrong.evidence = ledger_.evidence(keys(approval()), {1, 2});
  expect_refused(wrong, "guard.evidence");
}

TEST_F(MintTest, C1_Evidence_AnotherNetworkSetOrBlockIsRefused) {
  auto wrong = intent();
  wrong.evidence.header.chain_id = *model::ChainId::from(Bytes(32, 1));
  expect_refused(wrong, "guard.evidence");
  wrong = intent();
  wrong.evidence.set.members[0].weight = model::Weight(99);
  expect_refused(wrong, "guard.evidence");
  wrong = intent();
  wrong.evidence.header.members_hash = Hash256();
  expect_refused(wrong, "guard.evidence");
  wrong = intent();
  wrong.evidence.header.time = model::LedgerMs(wrong.evidence.header.time.get() + 1);
  expect_refused(wrong, "guard.evidence");
  wrong = intent();
  wrong.evidence.proofs[2].value.back() ^= 1;
  expect_refused(wrong, "guard.evidence");
}

TEST_F(MintTest, C1_Evidence_EveryProofIsNeeded) {
  for (std::size_t missing = 0; missing < keys(approval()).size(); ++missing) {
    auto wrong = intent();
    wrong.evidence.proofs.erase(wrong.evidence.proofs.begin() + static_cast<std::ptrdiff_t>(missing));
    expect_refused(wrong, "guard.evidence");
  }
}

TEST_F(MintTest, C1_Evidence_AHeadThatNoQuorumRecordedIsRefused) {
  ledger_.erase(model::head_key(model::ExternalChainId(1), model::ExternalHeight(chain_.height())));
  expect_refused(intent(), "guard.evidence");
}

TEST_F(MintTest, Head_EvidenceBelowTheGuardsHeadIsRefused) {
  ledger_.advance();
  sign(intent());
  ledger_.header.height = model::Height(1);
  expect_refused(intent(), "guard.head");
}

TEST_F(MintTest, Fork_AnotherBlockAtTheHeadsHeightIsRefused) {
  sign(intent());
  sign(intent());
  ledger_.put(model::freeze_key(model::CurrencyId(9)), model::FreezeRecord{});
  expect_refused(intent(), "guard.fork");
}

TEST_F(MintTest, Stale_EvidenceMoreThanTwoBelowTheLastPrecommitIsRefused) {
  sign_precommit(3);
  EXPECT_TRUE(check(state_, intent()).ok()) << "two below";
  sign_precommit(4);
  expect_refused(intent(), "guard.stale");
  ledger_.advance();
  sign(intent());
}

TEST_F(MintTest, Time_LedgerTimeNeverGoesBack) {
  ledger_.advance();
  sign(intent());
  ledger_.advance(0);
  ledger_.header.time = model::LedgerMs(state_.head.time.get() - 1);
  expect_refused(intent(), "guard.time");
}

TEST_F(MintTest, Currency_UnknownIsRefused) {
  auto wrong = approval();
  wrong.currency = model::CurrencyId(2);
  auto request = intent();
  request.approval = wrong;
  expect_refused(request, "guard.currency");
}

TEST_F(MintTest, Parameters_WithoutTheCurrencyAreRefused) {
  auto parameters = ledger_.genesis().parameters;
  parameters.currencies.clear();
  ledger_.put(model::parameters_key(), parameters);
  expect_refused(intent(), "guard.parameters");
}

// Abuse case D2: a wallet with other keys or another threshold.
TEST_F(MintTest, D2_Wallet_AnotherThanTheGuardsIsRefused) {
  auto wallet = ledger_.wallet();
  wallet.threshold = 2;
  ledger_.put(model::wallet_key(kBtc, model::WalletEpoch(1)), wallet);
  expect_refused(intent(), "guard.wallet");
}

TEST_F(MintTest, Frozen_ACurrencyUnderFreezeIsNotMinted) {
  ledger_.put(model::freeze_key(kBtc), model::FreezeRecord{model::Height(1)});
  expect_refused(intent(), "guard.frozen");
}

// Abuse case B6: expiry by ledger time.
TEST_F(MintTest, B6_Kyc_AnExpiredGatewayIsRefused) {
  ledger_.advance(3'600'000 - 1);
  EXPECT_TRUE(check(state_, intent()).ok());
  ledger_.advance(1);
  expect_refused(intent(), "guard.kyc");
}

// Abuse cases C3, C4: the same deposit again.
TEST_F(MintTest, C4_Minted_AMintedDepositIsRefused) {
  model::MintRecord record{model::GatewayId(1), Amount(kDeposit), {model::MemberId(1)}, std::nullopt};
  ledger_.put(model::mint_key(kBtc, approval().outpoint), record);
  EXPECT_TRUE(check(state_, intent()).ok()) << "approved by another member";
  record.minted = model::Height(1);
  ledger_.put(model::mint_key(kBtc, approval().outpoint), record);
  expect_refused(intent(), "guard.minted");
}

TEST_F(MintTest, MintTerms_OtherGatewayOrAmountThanTheOthersApprovedIsRefused) {
  ledger_.put(
      model::mint_key(kBtc, approval().outpoint),
      model::MintRecord{model::GatewayId(1), Amount(kDeposit - 1), {model::MemberId(1)}, std::nullopt});
  expect_refused(intent(), "guard.mint_terms");
}

TEST_F(MintTest, C8_MinDeposit_DustIsRefused) {
  ledger_.parameters().min_deposit = Amount(kDeposit + 1);
  ledger_.put_basics();
  expect_refused(intent(), "guard.min_deposit");
}

TEST_F(MintTest, C2_Deposit_ZeroTransactionAndEmptyProofAreRefused) {
  auto wrong = approval();
  wrong.outpoint.txid = {};
  expect_refused(intent(wrong), "guard.deposit");
  auto request = intent();
  request.approval.proof.headers.clear();
  expect_refused(request, "guard.deposit");
}

// Abuse case C6: not before it is deep enough.
TEST_F(MintTest, C6_Deposit_NotDeepEnoughIsRefused) {
  auto shallow = approval();
  ledger_.parameters().deposit_depth = 6;
  ledger_.put_basics();
  expect_refused(intent(shallow), "guard.deposit");
  chain_.mine_empty(1);
  attest_head();
  sign(intent());
}

TEST_F(MintTest, C5_Deposit_OtherAmountGatewayOutputOrTransactionIsRefused) {
  auto wrong = approval();
  wrong.amount = Amount(kDeposit + 1);
  expect_refused(intent(wrong), "guard.deposit");
  wrong = approval();
  wrong.outpoint.vout = 1;
  expect_refused(intent(wrong), "guard.deposit");
  wrong = approval();
  wrong.outpoint.vout = 2;
  expect_refused(intent(wrong), "guard.deposit");
  wrong = approval();
  wrong.outpoint.txid = *model::ExternalHash::from(Bytes(32, 7));
  expect_refused(intent(wrong), "guard.deposit");
  model::GatewayRecord other;
  other.id = model::GatewayId(2);
  other.account = model::Address::treasury();
  other.kyc_expiry = model::LedgerMs(UINT64_MAX);
  ledger_.put(model::gateway_key(other.id), other);
  wrong = approval();
  wrong.gateway = other.id;
  expect_refused(intent(wrong), "guard.deposit");
}

TEST_F(MintTest, NothingIsRememberedOfARefusal) {
  const model::GuardState before = state_;
  ledger_.put(model::freeze_key(kBtc), model::FreezeRecord{model::Height(1)});
  expect_refused(intent(), "guard.frozen");
  EXPECT_EQ(state_, before);
}

// ---- the ledger's head ----

class HeadTest : public MoneyTest {
 protected:
  void expect_not_taken(const model::LedgerEvidence& evidence, std::string_view rule) const {
    const auto next = advance(state_, evidence);
    ASSERT_FALSE(next.ok()) << "expected " << rule;
    EXPECT_EQ(next.code(), Code::kRefused);
    EXPECT_EQ(rule_of(next.status()), rule) << next.status().to_string();
  }
  void take(const model::LedgerEvidence& evidence) {
    const auto next = advance(state_, evidence);
    ASSERT_TRUE(next.ok()) << next.status().to_string();
    state_ = *next;
  }
};

TEST_F(HeadTest, AProvenBlockMovesTheHeadAndNothingElse) {
  const auto evidence = ledger_.evidence({});
  model::GuardState expected = state_;
  expected.head = {ledger_.header.height, proto::reader::block_hash(evidence.header), ledger_.header.time,
                   ledger_.header.next_members_hash};
  take(evidence);
  EXPECT_EQ(state_, expected);
  take(evidence);
  EXPECT_EQ(state_, expected) << "the same block again";
}

TEST_F(HeadTest, H1_ABlockIsTakenByTheRulesForEvidence) {
  expect_not_taken(ledger_.evidence({}, {1, 2}), "guard.evidence");
  auto bent = ledger_.evidence({});
  bent.header.time = model::LedgerMs(bent.header.time.get() + 3'600'000);
  expect_not_taken(bent, "guard.evidence");

  const auto old = ledger_.evidence({});
  ledger_.advance();
  take(ledger_.evidence({}));
  expect_not_taken(old, "guard.head");
  ledger_.put(model::freeze_key(model::CurrencyId(9)), model::FreezeRecord{});
  expect_not_taken(ledger_.evidence({}), "guard.fork");
  ledger_.advance(0);
  ledger_.header.time = model::LedgerMs(state_.head.time.get() - 1);
  expect_not_taken(ledger_.evidence({}), "guard.time");
  sign_precommit(6);
  expect_not_taken(ledger_.evidence({}), "guard.stale");
}

TEST_F(HeadTest, Head_MoneyBelowTheBlockThatWasShownIsRefused) {
  const auto old = ledger_.evidence({});
  ledger_.advance();
  take(ledger_.evidence({}));
  model::PayoutIntent payout{kBtc, model::SlotId(1), old};
  expect_refused(payout, "guard.head");
}

TEST_F(HeadTest, NothingIsSignedForAHeadAStatementOrAQuestion) {
  expect_refused(model::LedgerHeadIntent{ledger_.evidence({})}, "guard.intent");
  expect_refused(model::StatementIntent{}, "guard.intent");
  expect_refused(model::PolicyQuery{}, "guard.intent");
}

// ---- payout ----

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
  ASSERT_EQ(verdict.facts.payees.size(), 2u);
  EXPECT_EQ(verdict.facts.payees[1].amount, Amount(200'000));
  EXPECT_FALSE(verdict.repeat);
  ASSERT_EQ(state_.slots.size(), 1u);
  EXPECT_EQ(state_.slots[0].burns, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(state_.buckets[0].level, Amount(10'000'000 - 500'000 - plan_.fee.get()));
}

TEST_F(PayoutTest, TheFactsAreWhatTheLedgerSaysOfThePlan) {
  burns.at(2).gateway = model::GatewayId(2);
  const model::GatewayRecord other{model::GatewayId(2), to_bytes("olga"), model::Address::treasury(),
                                   model::LedgerMs(7)};
  ledger_.put(model::gateway_key(other.id), other);
  record(plan_);
  auto proven = keys(plan_);
  proven.push_back(model::gateway_key(other.id));
  const Verdict verdict = sign(model::PayoutIntent{kBtc, plan_.id, ledger_.evidence(proven)});
  const model::IntentFacts& facts = verdict.facts;
  EXPECT_EQ(facts.kind, model::IntentKind::kPayout);
  EXPECT_EQ(facts.currency, kBtc);
  EXPECT_EQ(facts.epoch, model::WalletEpoch(1));
  EXPECT_EQ(facts.slot, plan_.id);
  EXPECT_EQ(facts.reserve, Amount(100'000'000));
  EXPECT_EQ(facts.height, ledger_.header.height);
  EXPECT_EQ(facts.time, ledger_.header.time);
  ASSERT_EQ(facts.payees.size(), 2u);
  EXPECT_EQ(as_text(facts.payees[0].gateway_name), "gate");
  EXPECT_EQ(facts.payees[0].kyc_expiry, model::LedgerMs(UINT64_MAX / 2));
  EXPECT_EQ(facts.payees[1],
            (model::PayeeFact{2, other.id, other.name, other.kyc_expiry, burns.at(2).payout_script,
                              Amount(200'000), burns.at(2).fee_cap}))
      << "its KYC is over: the policy judges what is in a slot already";
}

TEST_F(PayoutTest, C1_Evidence_EachPayeesGatewayIsProven) {
  burns.at(2).gateway = model::GatewayId(2);
  record(plan_);
  expect_refused(intent(plan_), "guard.evidence");
  auto proven = keys(plan_);
  proven.push_back(model::gateway_key(model::GatewayId(2)));
  expect_refused(model::PayoutIntent{kBtc, plan_.id, ledger_.evidence(proven)}, "guard.evidence");
}

TEST_F(PayoutTest, C1_Evidence_ARecordThatTheLedgerDoesNotHaveIsRefused) {
  ledger_.erase(model::totals_key(kBtc));
  expect_plan_refused(plan_, "guard.evidence");
}

// 100 burns of as many gateways, at the deepest place that the ledger's tree has.
TEST_F(PayoutTest, TheEvidenceOfTheLargestPlanIsNotTooLarge) {
  model::StateProof deepest;
  deepest.key = Bytes(32, 1);
  deepest.value = Bytes(1'024, 2);
  deepest.siblings.assign(256, Hash256());
  model::PayoutIntent largest = recorded(plan_);
  largest.evidence.proofs.assign(6 + 8 + 3 * model::kMaxSlotInputs, deepest);
  const Bytes request = proto::reader::encode(model::SignRequest{UINT64_MAX, largest});
  EXPECT_LE(request.size(), model::kMaxEvidence);
  EXPECT_TRUE(proto::reader::decode<model::SignRequest>(request, model::kMaxEvidence).ok());
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
