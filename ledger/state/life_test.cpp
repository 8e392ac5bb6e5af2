// The whole life of a deposit and a withdrawal over an external chain in memory, with every refusal on the
// way.
#include <gtest/gtest.h>

#include "base/crypto/hash.h"
#include "ledger/custody/custody.h"
#include "ledger/light/light.h"
#include "ledger/state/audit.h"
#include "tests/support/network_fixture.h"

namespace custody::ledger::state {
namespace {

using model::Amount;
using model::Height;
using model::MemberId;

constexpr model::CurrencyId kBtc(1);
constexpr model::CurrencyId kLtc(2);

class LifeTest : public ::testing::Test {
 protected:
  LifeTest() : account_(net_.new_key()) { gateway_ = net_.register_gateway("gary", account_); }
  ~LifeTest() override {
    const Status status = audit(net_.state());
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  model::Address address() const { return model::Address::of_key(account_.public_key()); }
  model::CurrencyTotals totals() const {
    return *net_.state().get<model::CurrencyTotals>(model::totals_key(kBtc));
  }
  Amount balance(const model::Address& of) const { return net_.state().balance(of, kBtc); }
  void expect_refused(const Bytes& transaction, std::string_view reason, std::vector<Bytes> before = {}) {
    before.push_back(transaction);
    const Status block = detail::as_status(net_.try_block(before));
    EXPECT_EQ(block.code(), Code::kInvalid) << reason;
    EXPECT_NE(block.message().find(reason), std::string::npos)
        << "wanted: " << reason << "\ngot: " << block.message();
    if (before.size() > 1) return;
    SerialVerifier verifier;
    EXPECT_FALSE(net_.state().check_transaction(transaction, verifier).ok()) << reason;
  }
  void expect_done(const std::vector<Bytes>& transactions) {
    const Status status = net_.produce(transactions);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  // Gateway with 10 BTC and a payout address past its cool-down.
  void fund_and_register() {
    net_.mint(gateway_, kBtc, 1'000'000'000);
    net_.register_payout(gateway_, account_, kBtc, net_.payout_script(1));
  }
  // A burn that has got its slot.
  model::SlotRecord open_slot(std::uint64_t amount = 300'000'000) {
    const std::uint64_t id = totals().next_slot;
    EXPECT_TRUE(
        net_.produce({net_.burn(gateway_, account_, kBtc, amount, 100'000, net_.payout_script(1))}).ok());
    for (int i = 0; i < 4 && totals().next_slot == id; ++i) EXPECT_TRUE(net_.produce().ok());
    return net_.slot(kBtc, id);
  }

  tests::Network net_;
  crypto::SoftwareKey account_;
  model::GatewayId gateway_;
};

TEST_F(LifeTest, DepositMintBurnPayoutSettle) {
  net_.mint(gateway_, kBtc, 1'000'000'000);
  EXPECT_EQ(balance(address()), Amount(1'000'000'000));
  EXPECT_EQ(totals().supply, Amount(1'000'000'000));
  EXPECT_EQ(totals().recorded_reserve, Amount(1'000'000'000));

  net_.register_payout(gateway_, account_, kBtc, net_.payout_script(1));
  expect_done({net_.burn(gateway_, account_, kBtc, 300'000'000, 100'000, net_.payout_script(1))});
  EXPECT_EQ(totals().pending, Amount(300'100'000));
  EXPECT_EQ(totals().supply, Amount(699'900'000));
  EXPECT_EQ(net_.state().get<model::BurnRecord>(model::burn_key(kBtc, 1))->status,
            model::BurnStatus::kQueued);
  for (int i = 0; i < 3; ++i) expect_done({});  // batch_time_ms
  const auto burn = net_.state().get<model::BurnRecord>(model::burn_key(kBtc, 1));
  EXPECT_EQ(burn->status, model::BurnStatus::kInSlot);
  const model::SlotRecord slot = net_.slot(kBtc, 1);
  EXPECT_EQ(totals().open_slots, 1u);
  EXPECT_EQ(totals().first_queued_burn, 2u);
  EXPECT_TRUE(custody::check_plan(slot, net_.wallet(kBtc), net_.parameters(kBtc)).ok());
  EXPECT_EQ(net_.state().get<model::CoinRecord>(model::coin_key(kBtc, 1))->slot, slot.id);

  expect_done({net_.slot_signature(MemberId(1), slot), net_.slot_signature(MemberId(3), slot),
               net_.slot_signature(MemberId(4), slot)});
  const model::SettlementProof proof = net_.settlement(slot);
  const Amount before = balance(address());
  expect_done({net_.sign(model::TransactionBody(proof), {})});
  EXPECT_EQ(totals().open_slots, 0u);
  EXPECT_EQ(totals().pending, Amount(0));
  EXPECT_EQ(totals().recorded_reserve.get(), 1'000'000'000 - 300'000'000 - slot.fee.get());
  EXPECT_EQ(balance(address()).get(), before.get() + 100'000 - slot.fee.get());  // the unused cap
  EXPECT_EQ(net_.state().get<model::BurnRecord>(model::burn_key(kBtc, 1))->status,
            model::BurnStatus::kSettled);
  EXPECT_FALSE(net_.state().get(model::coin_key(kBtc, 1)).has_value());
  const auto change = net_.state().get<model::CoinRecord>(model::coin_key(kBtc, 2));
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->outpoint.vout, 1u);
  EXPECT_EQ(change->gateway, model::GatewayId(0));
  EXPECT_TRUE(net_.slot(kBtc, 1).settled_by.has_value());

  // The change pays the next burn.
  const model::SlotRecord second = open_slot(200'000'000);
  EXPECT_EQ(second.inputs[0].gateway, model::GatewayId(0));
  expect_done({net_.sign(model::TransactionBody(net_.settlement(second)), {})});
  EXPECT_EQ(totals().pending, Amount(0));
}

TEST_F(LifeTest, EvidenceOfEveryBlockPassesTheLightClient) {
  net_.mint(gateway_, kBtc, 1'000'000'000);
  const auto evidence = net_.evidence({model::totals_key(kBtc), model::gateway_key(gateway_),
                                       model::freeze_key(kBtc), model::balance_key(address(), kBtc)});
  const auto proven = light::ProvenState::check(
      net_.chain_id(), proto::reader::member_set_hash(model::member_set(net_.genesis())), evidence);
  ASSERT_TRUE(proven.ok()) << proven.status().to_string();
  EXPECT_EQ(proven->get<model::CurrencyTotals>(model::totals_key(kBtc)).value()->supply,
            Amount(1'000'000'000));
  EXPECT_FALSE(proven->get<model::FreezeRecord>(model::freeze_key(kBtc)).value().has_value());
}

// --- external heads ---

TEST_F(LifeTest, AHeadIsRecordedWhenMoreThanTwoThirdsAttestIt) {
  net_.chain(kBtc).mine_empty(5);
  auto votes = net_.head_votes(kBtc, 4, 3'000);
  const model::ExternalChainId chain(1);
  expect_done({votes[0], votes[1]});  // 54 of 100
  EXPECT_FALSE(net_.state().get(model::head_tip_key(chain)).has_value());
  expect_done({votes[2]});
  const auto tip = net_.state().get<model::RecordedHead>(model::head_tip_key(chain));
  ASSERT_TRUE(tip.has_value());
  EXPECT_EQ(tip->height, model::ExternalHeight(4));
  EXPECT_EQ(tip->hash, net_.chain(kBtc).hash(4));
  EXPECT_EQ(tip->fee_rate, model::FeeRate(3'000));
  EXPECT_EQ(net_.state().get<model::RecordedHead>(model::head_key(chain, tip->height)), tip);
  EXPECT_FALSE(net_.state().get(model::head_votes_key(chain, MemberId(1))).has_value()) << "dropped";
  expect_refused(votes[3], "not above the recorded head");
}

TEST_F(LifeTest, HeadsNeedTheSameHash) {
  net_.chain(kBtc).mine_empty(5);
  const auto votes = net_.head_votes(kBtc, 5);
  net_.chain(kBtc).rewind(3);
  net_.chain(kBtc).mine_empty(2);
  const auto others = net_.head_votes(kBtc, 5);
  expect_done({votes[0], votes[1], others[2], others[3]});
  EXPECT_FALSE(net_.state().get(model::head_tip_key(model::ExternalChainId(1))).has_value());
  // The next height settles it.
  net_.chain(kBtc).mine_empty(1);
  net_.attest_head(kBtc, 6);
  EXPECT_TRUE(net_.state().get(model::head_tip_key(model::ExternalChainId(1))).has_value());
}

TEST_F(LifeTest, RefusesWrongHeads) {
  net_.chain(kBtc).mine_empty(5);
  const auto head = [&](auto change) {
    model::ExternalHead body{
        MemberId(1), model::ExternalChainId(1), model::ExternalHeight(4), net_.chain(kBtc).hash(4),
        0,           model::FeeRate(1'000)};
    change(body);
    return body;
  };
  expect_refused(net_.attest(MemberId(1), head([](auto& h) { h.member = MemberId(9); })),
                 "member 9 does not exist");
  expect_refused(net_.attest(MemberId(2), head([](auto&) {})), "not by the member's attest key");
  expect_refused(net_.govern(MemberId(1), head([](auto&) {})), "not by the member's attest key");
  expect_refused(net_.attest(MemberId(1), head([](auto& h) { h.chain = model::ExternalChainId(7); })),
                 "chain 7 does not exist");
  expect_refused(net_.attest(MemberId(1), head([&](auto& h) {
                               h.height = model::ExternalHeight(0);
                               h.hash = net_.chain(kBtc).hash(1);
                             })),
                 "contradicts the chain's anchor");
  expect_done({net_.attest(MemberId(1), head([](auto&) {}))});
  expect_refused(net_.attest(MemberId(1), head([](auto&) {})), "attested height 4 already");
  expect_refused(net_.attest(MemberId(1), head([](auto& h) { h.height = model::ExternalHeight(3); })),
                 "attested height 4 already");
}

TEST_F(LifeTest, RefusesHeadsBelowTheAnchor) {
  // The chain of this network is anchored at 0; a copy of the genesis with a later anchor is another network.
  model::Genesis genesis = net_.genesis();
  net_.chain(kBtc).mine_empty(5);
  genesis.chains[0].anchor_height = model::ExternalHeight(3);
  genesis.chains[0].anchor_hash = net_.chain(kBtc).hash(3);
  const auto state = State::from_genesis(genesis, net_.chain_id());
  ASSERT_TRUE(state.ok());
  SerialVerifier verifier;
  const auto status =
      state->check_transaction(net_.attest(MemberId(1), model::ExternalHead{MemberId(1),
                                                                            model::ExternalChainId(1),
                                                                            model::ExternalHeight(2),
                                                                            net_.chain(kBtc).hash(2),
                                                                            0,
                                                                            {}}),
                               verifier);
  EXPECT_NE(status.status().message().find("below the chain's anchor"), std::string::npos);
}

TEST_F(LifeTest, KeepsTheLastHeadsAndVotesOnly) {
  const model::ExternalChainId chain(1);
  net_.chain(kBtc).mine_empty(260);
  for (std::uint32_t height = 1; height <= 210; ++height) net_.attest_head(kBtc, height);
  const Bytes any = model::head_key(chain, model::ExternalHeight(0));
  EXPECT_EQ(net_.state().scan(ByteView(any).first(3)).size(), model::kKeptHeads);
  EXPECT_FALSE(net_.state().get(model::head_key(chain, model::ExternalHeight(10))).has_value());
  EXPECT_TRUE(net_.state().get(model::head_key(chain, model::ExternalHeight(11))).has_value());
  for (std::uint32_t height = 220; height < 235; ++height) expect_done({net_.head_votes(kBtc, height)[0]});
  EXPECT_EQ(net_.state().get<model::HeadVotes>(model::head_votes_key(chain, MemberId(1)))->votes.size(),
            model::kHeadVotesKept);
}

TEST_F(LifeTest, TheFeeRateIsTheWeightedMedianClamped) {
  net_.chain(kBtc).mine_empty(3);
  const auto record = [&](std::uint32_t height, std::vector<std::uint64_t> rates) {
    std::vector<Bytes> votes;
    for (std::size_t i = 0; i < rates.size(); ++i) {
      votes.push_back(net_.head_votes(kBtc, height, rates[i])[i]);
    }
    EXPECT_TRUE(net_.produce(votes).ok());
    return net_.state()
        .get<model::RecordedHead>(model::head_tip_key(model::ExternalChainId(1)))
        ->fee_rate.get();
  };
  EXPECT_EQ(record(1, {9'000, 4'000, 5'000}), 5'000u);  // 28, 26, 24: half of 78 is reached at 26 + 24
  EXPECT_EQ(record(2, {0, 0, 0}), 2'000u) << "default where a node has no figure";
  EXPECT_EQ(record(3, {900'000, 900'000, 1}), 100'000u) << "clamped";
}

// --- mint ---

TEST_F(LifeTest, MintsOnceAtAQuorumOfWeight) {
  const model::MintApproval terms = net_.deposit(gateway_, kBtc, 500'000'000);
  const auto approvals = net_.mint_approvals(terms);  // members 1, 2, 3
  expect_done({approvals[0], approvals[1]});
  EXPECT_EQ(balance(address()), Amount(0));
  expect_done({approvals[2]});
  EXPECT_EQ(balance(address()), Amount(500'000'000));
  const auto record = net_.state().get<model::MintRecord>(model::mint_key(kBtc, terms.outpoint));
  EXPECT_EQ(record->minted, net_.state().height());
  EXPECT_EQ(record->transaction, net_.id_of(approvals[2]));
  EXPECT_EQ(record->approvals.size(), 3u);
  model::MintApproval late = terms;
  late.member = MemberId(4);
  expect_refused(net_.attest(MemberId(4), late), "was minted at height");
  late.member = MemberId(1);
  expect_refused(net_.attest(MemberId(1), late), "was minted at height");
}

TEST_F(LifeTest, RefusesWrongMintApprovals) {
  const model::MintApproval terms = net_.deposit(gateway_, kBtc, 500'000'000);
  const auto changed = [&](auto change, std::uint16_t signer = 1) {
    model::MintApproval body = terms;
    body.member = MemberId(1);
    change(body);
    return net_.attest(MemberId(signer), body);
  };
  expect_refused(changed([](auto&) {}, 2), "not by the member's attest key");
  expect_refused(changed([](auto& b) { b.member = MemberId(8); }), "member 8 does not exist");
  expect_refused(changed([](auto& b) { b.currency = model::CurrencyId(5); }), "currency 5 does not exist");
  expect_refused(changed([](auto& b) { b.gateway = model::GatewayId(5); }), "gateway 5 is not registered");
  expect_refused(changed([](auto& b) { b.amount = Amount(9'999); }), "below the minimum");
  expect_refused(changed([](auto& b) { b.amount = Amount(500'000'001); }), "the output holds");
  expect_refused(changed([](auto& b) { b.outpoint.vout = 0; }), "the output holds");
  expect_refused(changed([](auto& b) { b.currency = kLtc; }), "no head of chain");
  expect_refused(changed([](auto& b) { b.proof.headers.clear(); }), "no headers");
  expect_refused(changed([](auto& b) { b.proof.headers.pop_back(); }), "no head of chain");
  expect_refused(changed([](auto& b) { b.proof.transaction.back() ^= 1; }), "merkle");
  expect_done({changed([](auto&) {})});
  expect_refused(changed([](auto&) {}), "has approved this deposit already");
  const crypto::SoftwareKey other = net_.new_key();
  const model::GatewayId second = net_.register_gateway("second", other);
  expect_refused(changed(
                     [&](auto& b) {
                       b.member = MemberId(2);
                       b.gateway = second;
                     },
                     2),
                 "other terms");
}

TEST_F(LifeTest, RefusesADepositThatIsNotDeepEnough) {
  const auto script = custody::script_pubkey(net_.chain_id(), net_.wallet(kBtc), gateway_);
  auto& chain = net_.chain(kBtc);
  const auto payment = chain.pay({{50'000, *script}});
  chain.mine({payment});
  chain.mine_empty(1);  // depth 2 of 3
  net_.attest_head(kBtc);
  const model::MintApproval body{MemberId(1),    kBtc,
                                 gateway_,       {model::ExternalHash(payment.txid().array()), 0},
                                 Amount(50'000), chain.proof(payment.txid(), chain.height())};
  expect_refused(net_.attest(MemberId(1), body), "2 confirmations, 3 are needed");
}

// Abuse case: one deposit, claimed for two gateways by a salt that names only one of them.
TEST_F(LifeTest, ADepositBelongsToItsGatewayAlone) {
  const crypto::SoftwareKey other = net_.new_key();
  const model::GatewayId second = net_.register_gateway("second", other);
  model::MintApproval terms = net_.deposit(gateway_, kBtc, 500'000'000);
  terms.member = MemberId(1);
  terms.gateway = second;
  expect_refused(net_.attest(MemberId(1), terms), "does not pay to the deposit script of gateway 2");
}

TEST_F(LifeTest, RefusesToMintBeyond64Bits) {
  net_.mint(gateway_, kBtc, INT64_MAX - 1'000);
  net_.mint(gateway_, kBtc, INT64_MAX - 1'000);
  const auto approvals = net_.mint_approvals(net_.deposit(gateway_, kBtc, 1'000'000));
  expect_refused(approvals[2], "exceed 64 bits", {approvals[0], approvals[1]});
}

// --- payout addresses and burns ---

TEST_F(LifeTest, RefusesWrongPayoutAddresses) {
  net_.mint(gateway_, kBtc, 1'000'000'000);
  const auto body = [&](auto change) {
    model::PayoutAddress out{gateway_, kBtc, net_.payout_script(1), Amount(1'000)};
    change(out);
    return model::TransactionBody(out);
  };
  const auto signed_by_account = [&](auto change) { return net_.sign(body(change), {&account_}); };
  const crypto::SoftwareKey stranger = net_.new_key();
  expect_refused(signed_by_account([](auto& b) { b.gateway = model::GatewayId(9); }),
                 "gateway 9 is not registered");
  expect_refused(net_.sign(body([](auto&) {}), {&stranger}), "which is not that of account");
  expect_refused(net_.sign(body([](auto&) {}), {}), "is missing");
  expect_refused(net_.sign(body([](auto&) {}), {&account_, &stranger}), "surplus");
  expect_refused(signed_by_account([](auto& b) { b.currency = model::CurrencyId(9); }),
                 "currency 9 does not exist");
  expect_refused(signed_by_account([](auto& b) { b.script = {0x6a}; }), "not one of P2PKH");
  for (const model::GatewayId owner : {model::GatewayId(0), gateway_}) {
    expect_refused(signed_by_account([&](auto& b) {
                     b.script = *custody::script_pubkey(net_.chain_id(), net_.wallet(kBtc), owner);
                   }),
                   "script of the reserve wallet itself");
  }
  expect_refused(signed_by_account([](auto& b) { b.ledger_fee = Amount(10); }), "does not pay for");
  expect_refused(signed_by_account([](auto& b) { b.ledger_fee = Amount(2'000'000'000); }), "overdraft");
  expect_refused(signed_by_account([](auto& b) { b.currency = kLtc; }), "overdraft");
  expect_done({signed_by_account([](auto&) {})});
  expect_refused(signed_by_account([](auto&) {}), "registered already");
  EXPECT_EQ(balance(model::Address::fee_pool()).get(), 1'000u);
}

TEST_F(LifeTest, RefusesWrongBurns) {
  fund_and_register();
  const auto burn = [&](auto change, const crypto::SoftwareKey* key = nullptr) {
    model::Burn body{gateway_, kBtc, Amount(100'000), Amount(5'000), Amount(1'000), net_.payout_script(1)};
    change(body);
    return net_.sign(model::TransactionBody(body), {key == nullptr ? &account_ : key});
  };
  const crypto::SoftwareKey stranger = net_.new_key();
  expect_refused(burn([](auto& b) { b.gateway = model::GatewayId(3); }), "gateway 3 is not registered");
  expect_refused(burn([](auto&) {}, &stranger), "which is not that of account");
  expect_refused(burn([](auto& b) { b.currency = model::CurrencyId(3); }), "currency 3 does not exist");
  expect_refused(burn([](auto& b) { b.amount = Amount(9'999); }), "below the minimum");
  expect_refused(burn([](auto& b) { b.fee_cap = Amount(0); }), "fee cap is zero");
  expect_refused(burn([](auto& b) { b.ledger_fee = Amount(10); }), "does not pay for");
  expect_refused(burn([&](auto& b) { b.payout_script = net_.payout_script(2); }), "not registered");
  expect_refused(burn([](auto& b) { b.currency = kLtc; }), "not registered");
  expect_refused(burn([](auto& b) { b.amount = Amount(1'000'000'000); }), "overdraft");
  expect_refused(burn([](auto& b) { b.amount = Amount(UINT64_MAX); }), "more than 64 bits");
  expect_refused(burn([](auto& b) { b.fee_cap = Amount(UINT64_MAX - 100'500); }), "more than 64 bits");
}

// Abuse case B1/C5: a freshly registered payout address cannot be used at once.
TEST_F(LifeTest, APayoutAddressHasACoolDown) {
  net_.mint(gateway_, kBtc, 1'000'000'000);
  const model::PayoutAddress body{gateway_, kBtc, net_.payout_script(1), Amount(1'000)};
  const Bytes registration = net_.sign(model::TransactionBody(body), {&account_});
  const auto burn = [&] {
    return net_.burn(gateway_, account_, kBtc, 100'000, 5'000, net_.payout_script(1));
  };
  expect_refused(burn(), "cool-down", {registration});
  expect_done({registration});
  expect_refused(burn(), "cool-down");
  expect_done({});
  expect_refused(burn(), "cool-down");
  expect_done({});
  expect_done({burn()});
}

TEST_F(LifeTest, AnExpiredGatewayNeitherRegistersNorBurns) {
  const crypto::SoftwareKey account = net_.new_key();
  const model::LedgerMs expiry(net_.state().time().get() + 45'000);
  const model::GatewayId gateway = net_.register_gateway("short", account, expiry);
  net_.mint(gateway, kBtc, 1'000'000'000);
  net_.register_payout(gateway, account, kBtc, net_.payout_script(1));
  while (net_.state().time() < expiry) expect_done({});
  expect_refused(net_.burn(gateway, account, kBtc, 100'000, 5'000, net_.payout_script(1)), "KYC attestation");
  const model::PayoutAddress body{gateway, kBtc, net_.payout_script(2), Amount(1'000)};
  expect_refused(net_.sign(model::TransactionBody(body), {&account}), "KYC attestation");
}

// --- slots ---

TEST_F(LifeTest, BurnsAreBatchedAndSeveralSlotsMayBeOpen) {
  fund_and_register();
  net_.mint(gateway_, kBtc, 500'000'000);
  std::vector<Bytes> burns;
  for (std::uint64_t i = 0; i < 4; ++i) {
    burns.push_back(net_.burn(gateway_, account_, kBtc, 10'000'000 + i, 50'000, net_.payout_script(1)));
  }
  expect_done(burns);  // batch_count: planned in the same block
  EXPECT_EQ(totals().open_slots, 1u);
  EXPECT_EQ(net_.slot(kBtc, 1).payees.size(), 4u);
  EXPECT_EQ(net_.slot(kBtc, 1).payees[0].amount, Amount(10'000'000));
  const model::SlotRecord second = open_slot(20'000'000);
  EXPECT_EQ(second.id, model::SlotId(2));
  EXPECT_NE(second.inputs[0].outpoint, net_.slot(kBtc, 1).inputs[0].outpoint) << "a bound coin is not free";
  // No coin is left: the third waits for change.
  expect_done({net_.burn(gateway_, account_, kBtc, 30'000'000, 50'000, net_.payout_script(1))});
  for (int i = 0; i < 5; ++i) expect_done({});
  EXPECT_EQ(totals().open_slots, 2u);
  EXPECT_EQ(totals().first_queued_burn, 6u);
  expect_done({net_.sign(model::TransactionBody(net_.settlement(second)), {})});
  EXPECT_EQ(net_.slot(kBtc, 3).payees[0].amount, Amount(30'000'000))
      << "planned as soon as the change is there";
}

TEST_F(LifeTest, OneGatewaysBurnsThatNobodyCanPayDoNotHoldUpAnothers) {
  fund_and_register();
  const crypto::SoftwareKey other = net_.new_key();
  const model::GatewayId hugo = net_.register_gateway("hugo", other);
  net_.mint(hugo, kBtc, 100'000'000);
  net_.register_payout(hugo, other, kBtc, net_.payout_script(2));
  for (int block = 0; block < 4; ++block) {
    std::vector<Bytes> burns;
    for (int i = 0; i < 300; ++i) {
      burns.push_back(net_.burn(gateway_, account_, kBtc, 10'000, 1, net_.payout_script(1)));
    }
    expect_done(burns);
  }
  EXPECT_EQ(totals().open_slots, 0u) << "a cap of one unit pays for nothing";
  expect_done({net_.burn(hugo, other, kBtc, 20'000'000, 50'000, net_.payout_script(2))});
  ASSERT_EQ(totals().open_slots, 1u);
  EXPECT_EQ(net_.slot(kBtc, 1).payees.size(), 1u);
  EXPECT_EQ(net_.slot(kBtc, 1).payees[0].amount, Amount(20'000'000));
  EXPECT_EQ(totals().first_queued_burn, 1u);
}

TEST_F(LifeTest, RefusesWrongSlotSignatures) {
  fund_and_register();
  const model::SlotRecord slot = open_slot();
  const auto digests = custody::payout_digests(net_.chain_id(), slot, net_.wallet(kBtc));
  const auto body = [&](std::uint16_t member, auto change) {
    model::SlotSignature out{MemberId(member), kBtc, slot.id, {}};
    for (const Hash256& digest : *digests)
      out.signatures.push_back(net_.keys(MemberId(member)).seats[0].sign(digest));
    change(out);
    return out;
  };
  expect_refused(net_.attest(MemberId(2), body(1, [](auto&) {})), "not by the member's attest key");
  expect_refused(net_.attest(MemberId(1), body(1, [](auto& b) { b.member = MemberId(7); })), "member 7");
  expect_refused(net_.attest(MemberId(1), body(1, [](auto& b) { b.slot = model::SlotId(2); })),
                 "does not exist");
  expect_refused(net_.attest(MemberId(1), body(1, [](auto& b) { b.currency = kLtc; })), "does not exist");
  expect_refused(net_.attest(MemberId(1), body(1, [](auto& b) { b.signatures.clear(); })),
                 "0 seat signatures");
  expect_refused(net_.attest(MemberId(1), body(1, [](auto& b) { b.signatures.push_back(b.signatures[0]); })),
                 "2 seat signatures for 1");
  expect_refused(
      net_.attest(
          MemberId(1),
          body(1, [&](auto& b) { b.signatures[0] = net_.keys(MemberId(2)).seats[0].sign((*digests)[0]); })),
      "seat signature for input 0");
  expect_refused(
      net_.attest(
          MemberId(1),
          body(1, [&](auto& b) { b.signatures[0] = net_.keys(MemberId(1)).seats[1].sign((*digests)[0]); })),
      "seat signature for input 0");
  expect_done({net_.attest(MemberId(1), body(1, [](auto&) {}))});
  expect_refused(net_.attest(MemberId(1), body(1, [](auto&) {})), "has signed this slot already");
}

TEST_F(LifeTest, RefusesWrongSettlements) {
  fund_and_register();
  const model::SlotRecord slot = open_slot();
  const model::SettlementProof proof = net_.settlement(slot);
  const auto changed = [&](auto change) {
    model::SettlementProof body = proof;
    change(body);
    return net_.sign(model::TransactionBody(body), {});
  };
  expect_refused(net_.sign(model::TransactionBody(proof), {&account_}), "surplus");
  expect_refused(changed([](auto& b) { b.slot = model::SlotId(2); }), "does not exist");
  expect_refused(changed([](auto& b) { b.currency = kLtc; }), "does not exist");
  expect_refused(changed([](auto& b) { b.proof.headers.pop_back(); }), "no head of chain");
  // A transaction that has nothing to do with the slot, and one that spends its anchor otherwise.
  auto& chain = net_.chain(kBtc);
  const auto unrelated = chain.pay({{1'000, net_.payout_script(5)}});
  auto theft = unrelated;
  theft.inputs[0].previous = {Hash256(slot.inputs[0].outpoint.txid.array()), slot.inputs[0].outpoint.vout};
  chain.mine({unrelated, theft});
  chain.mine_empty(1);
  net_.attest_head(kBtc);
  expect_refused(changed([&](auto& b) { b.proof = chain.proof(unrelated.txid(), chain.height()); }),
                 "does not spend the slot's anchor");
  expect_refused(changed([&](auto& b) { b.proof = chain.proof(theft.txid(), chain.height()); }),
                 "spent by a transaction that is not the plan");
  expect_done({changed([](auto&) {})});
  expect_refused(changed([](auto&) {}), "settled already");
  expect_refused(net_.slot_signature(MemberId(1), slot), "settled already");
}

TEST_F(LifeTest, RefusesASettlementThatIsNotDeepEnough) {
  fund_and_register();
  const model::SlotRecord slot = open_slot();
  auto& chain = net_.chain(kBtc);
  const auto payout = custody::payout_transaction(net_.chain_id(), slot, net_.wallet(kBtc));
  chain.mine({*payout});
  net_.attest_head(kBtc);
  const model::SettlementProof body{kBtc, slot.id, chain.proof(payout->txid(), chain.height())};
  expect_refused(net_.sign(model::TransactionBody(body), {}), "1 confirmations, 2 are needed");
}

}  // namespace
}  // namespace custody::ledger::state
