#include <gtest/gtest.h>

#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "signer/guard/money_fixture_test.h"

namespace custody::signer::guard {
namespace {

namespace bitcoin = chains::bitcoin;
namespace custodian = ledger::custody;

constexpr std::uint64_t kDeposit = 5'000'000;

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
  EXPECT_EQ(verdict.facts.deposit, approval().outpoint);
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

}  // namespace
}  // namespace custody::signer::guard
