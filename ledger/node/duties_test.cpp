// One member's duties over the real state machine; its signer signs what it is asked to with software keys.
#include "ledger/node/duties.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ledger/chains/bitcoin/script.h"
#include "ledger/chains/bitcoin/transaction.h"
#include "ledger/custody/custody.h"
#include "ledger/light/light.h"
#include "ledger/node/fixture.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

namespace bitcoin = chains::bitcoin;
using model::ExternalHeight;
using model::MemberId;

constexpr model::CurrencyId kBtc(1);
constexpr model::ExternalChainId kChain(1);
constexpr MemberId kOwn(1);

class ChainView final : public ExternalView {
 public:
  explicit ChainView(tests::Network& network) : network_(network) {}
  std::vector<ExternalDeposit> deposits() const override { return paid; }
  std::optional<ExternalSpend> spend_of(model::ExternalChainId,
                                        const model::OutPoint& outpoint) const override {
    const auto found = spent.find(outpoint);
    return found == spent.end() ? std::nullopt : std::optional(found->second);
  }
  Result<model::BitcoinProof> prove(model::ExternalChainId, const model::ExternalHash& txid,
                                    ExternalHeight up_to) const override {
    if (!proves) return not_found("that block is gone");
    return network_.chain(kBtc).proof(Hash256(txid.array()), up_to.get());
  }
  std::vector<ExternalDeposit> paid;
  std::map<model::OutPoint, ExternalSpend> spent;
  bool proves = true;

 private:
  tests::Network& network_;
};

template <typename T, typename Actions>
std::vector<T> only(const Actions& actions) {
  std::vector<T> out;
  for (const auto& action : actions) {
    if (const auto* one = std::get_if<T>(&action)) out.push_back(*one);
  }
  return out;
}

class DutiesTest : public ::testing::Test {
 protected:
  DutiesTest() : account_(net_.new_key()) { gateway_ = net_.register_gateway("gary", account_); }

  Duties make(MemberId own) { return {net_.genesis(), net_.chain_id(), own, ledger_, external_, entropy_}; }
  // Without the blocks that the signer is shown for their time, which it takes.
  DutiesActions tick(std::uint64_t ms = 1'000) {
    now_ += ms;
    DutiesActions out = duties_.step(DutiesTick{{now_}});
    for (const AskSigner& ask : only<AskSigner>(out)) {
      if (is_ledger_head(ask)) take_ledger_head(ask);
    }
    std::erase_if(out, [](const DutiesAction& action) {
      const auto* ask = std::get_if<AskSigner>(&action);
      return ask != nullptr && is_ledger_head(*ask);
    });
    return out;
  }
  static bool is_ledger_head(const AskSigner& ask) {
    return std::holds_alternative<model::LedgerHeadIntent>(ask.request.intent);
  }
  void take_ledger_head(const AskSigner& ask) {
    model::SignReply reply;
    reply.id = ask.request.id;
    reply.policy = policy_;
    EXPECT_TRUE(answer(reply).empty());
  }
  DutiesActions see_head() {
    tests::FakeChain& chain = net_.chain(kBtc);
    return duties_.step(HeadSeen{kChain, ExternalHeight(chain.height()), chain.hash(chain.height()),
                                 1'700'000'000, model::FeeRate(3'000)});
  }
  DutiesActions answer(const model::SignReply& reply) { return duties_.step(SignerAnswered{reply}); }
  DutiesActions refuse(const AskSigner& ask, Code code = Code::kRefused) {
    model::SignReply reply;
    reply.id = ask.request.id;
    reply.code = static_cast<std::uint8_t>(code);
    reply.rule = to_bytes("guard.some_rule");
    reply.message = to_bytes("for a reason");
    return answer(reply);
  }
  static model::SignReply waits(const AskSigner& ask) {
    model::SignReply reply;
    reply.id = ask.request.id;
    reply.code = static_cast<std::uint8_t>(Code::kRefused);
    reply.rule = to_bytes("policy.pending");
    reply.pending = crypto::sha256(as_bytes("a request"));
    return reply;
  }
  // What a signer that agrees to everything answers.
  model::SignReply approve(const AskSigner& ask) {
    model::SignReply reply;
    reply.id = ask.request.id;
    const auto sign = [&](const auto& intent, const model::TransactionBody& body) {
      const Bytes raw =
          net_.sign(model::Transaction{1, intent.valid_until, intent.salt, body}, {&net_.keys(kOwn).attest});
      const auto envelope = proto::reader::decode<model::Envelope>(raw, raw.size());
      reply.signatures = {envelope->signatures.front().signature};
    };
    if (const auto* head = std::get_if<model::HeadIntent>(&ask.request.intent)) {
      sign(*head, head->head);
    } else if (const auto* mint = std::get_if<model::MintIntent>(&ask.request.intent)) {
      sign(*mint, mint->approval);
    } else if (const auto* slot = std::get_if<model::SlotSignatureIntent>(&ask.request.intent)) {
      sign(*slot, slot->slot_signature);
    } else if (const auto* policy = std::get_if<model::PolicyAttestationIntent>(&ask.request.intent)) {
      sign(*policy, policy->attestation);
    } else {
      const auto& payout = std::get<model::PayoutIntent>(ask.request.intent);
      const auto digests =
          custody::payout_digests(net_.chain_id(), net_.slot(kBtc, payout.slot.get()), net_.wallet(kBtc));
      for (const Hash256& digest : *digests)
        reply.signatures.push_back(net_.keys(kOwn).seats.front().sign(digest));
    }
    return reply;
  }
  void expect_taken(const DutiesActions& actions) {
    const auto submitted = only<SubmitTransaction>(actions);
    ASSERT_EQ(submitted.size(), 1u);
    const Status status = net_.produce({submitted.front().envelope});
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  AskSigner only_question(const DutiesActions& actions) {
    const auto asked = only<AskSigner>(actions);
    EXPECT_EQ(asked.size(), 1u);
    return asked.empty() ? AskSigner{} : asked.front();
  }

  // Pays the gateway's deposit script and mines the block; the ledger knows nothing of it yet.
  ExternalDeposit pay(std::uint64_t amount) {
    const auto script = custody::script_pubkey(net_.chain_id(), net_.wallet(kBtc), gateway_);
    const auto payment = net_.chain(kBtc).pay({{amount, *script}});
    const std::uint32_t height = net_.chain(kBtc).mine({payment});
    return {kBtc,
            gateway_,
            {model::ExternalHash(payment.txid().array()), 0},
            model::Amount(amount),
            ExternalHeight(height)};
  }
  ExternalDeposit deep_deposit(std::uint64_t amount = 1'000'000) {
    external_.paid.push_back(pay(amount));
    net_.chain(kBtc).mine_empty(net_.parameters(kBtc).deposit_depth - 1);
    net_.attest_head(kBtc);
    return external_.paid.back();
  }
  model::SlotRecord open_slot() {
    net_.mint(gateway_, kBtc, 100'000'000);  // a coin of its own for each slot
    if (!registered_) {
      net_.register_payout(gateway_, account_, kBtc, net_.payout_script(1));
      registered_ = true;
    }
    const std::uint64_t id = net_.state().get<model::CurrencyTotals>(model::totals_key(kBtc))->next_slot;
    EXPECT_TRUE(
        net_.produce({net_.burn(gateway_, account_, kBtc, 20'000, 100'000, net_.payout_script(1))}).ok());
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(net_.produce().ok());
    return net_.slot(kBtc, id);
  }
  // Mines what fills the slot and lets the own node see it.
  void fill(const model::SlotRecord& slot) {
    const model::SettlementProof proof = net_.settlement(slot);
    const auto filling = bitcoin::parse_stripped_transaction(proof.proof.transaction);
    external_.spent[slot.inputs.front().outpoint] = {model::ExternalHash(filling->txid().array()),
                                                     proof.proof.height};
  }

  tests::Network net_;
  crypto::SoftwareKey account_;
  model::GatewayId gateway_;
  bool registered_ = false;
  testing::NetworkLedger ledger_{net_};
  ChainView external_{net_};
  SeededEntropy entropy_{9};
  Duties duties_ = make(kOwn);
  std::uint64_t now_ = 0;
  std::optional<model::AttestedPolicy> policy_;  // what the signer says that it decides by
};

// --- external heads ---

TEST_F(DutiesTest, AHeadIsAttestedOnceAndTheLedgerTakesIt) {
  net_.chain(kBtc).mine_empty(5);
  const auto ask = only_question(see_head());
  EXPECT_EQ(std::get<model::HeadIntent>(ask.request.intent).head.fee_rate, model::FeeRate(3'000));
  EXPECT_TRUE(only<AskSigner>(see_head()).empty()) << "while the question is open";
  expect_taken(answer(approve(ask)));
  EXPECT_TRUE(only<AskSigner>(tick(100'000)).empty()) << "the ledger has our vote";
  const auto votes = net_.head_votes(kBtc);
  ASSERT_TRUE(net_.produce({votes[1], votes[2]}).ok());
  EXPECT_TRUE(only<AskSigner>(tick(100'000)).empty()) << "the ledger has recorded it";
  net_.chain(kBtc).mine();
  EXPECT_EQ(only<AskSigner>(see_head()).size(), 1u);
}

TEST_F(DutiesTest, NothingIsAttestedBeforeTheFirstBlock) {
  tests::Network fresh;
  const testing::NetworkLedger ledger(fresh);
  const ChainView external(fresh);
  Duties duties(fresh.genesis(), fresh.chain_id(), kOwn, ledger, external, entropy_);
  EXPECT_TRUE(duties.step(HeadSeen{kChain, ExternalHeight(3), {}, 0, model::FeeRate(1)}).empty());
}

TEST_F(DutiesTest, AnAttestationThatIsNotInABlockIsMadeAgain) {
  net_.chain(kBtc).mine();
  (void)answer(approve(only_question(see_head())));
  EXPECT_TRUE(tick(4'999).empty());
  expect_taken(answer(approve(only_question(tick(1'000)))));
}

// --- mints ---

TEST_F(DutiesTest, ADeepDepositIsApprovedWithEvidenceAndTheLedgerTakesIt) {
  const ExternalDeposit deposit = deep_deposit();
  const auto ask = only_question(tick());
  const auto& intent = std::get<model::MintIntent>(ask.request.intent);
  EXPECT_EQ(intent.approval.outpoint, deposit.outpoint);
  EXPECT_EQ(intent.approval.amount, deposit.amount);
  const auto proven = light::ProvenState::check(
      net_.chain_id(), proto::reader::member_set_hash(model::member_set(net_.genesis())), intent.evidence);
  ASSERT_TRUE(proven.ok()) << proven.status().to_string();
  EXPECT_TRUE(proven
                  ->require<model::RecordedHead>(
                      model::head_key(kChain, ExternalHeight(net_.chain(kBtc).height())), "the head")
                  .ok());
  expect_taken(answer(approve(ask)));
  const auto mint = net_.state().get<model::MintRecord>(model::mint_key(kBtc, deposit.outpoint));
  EXPECT_EQ(mint->approvals, std::vector<MemberId>{kOwn});
  EXPECT_TRUE(only<AskSigner>(tick(100'000)).empty()) << "approved once";
}

TEST_F(DutiesTest, ADepositThatIsShallowOrDustIsNotAskedFor) {
  external_.paid.push_back(pay(net_.parameters(kBtc).min_deposit.get() - 1));
  external_.paid.push_back(pay(1'000'000));
  net_.chain(kBtc).mine_empty(net_.parameters(kBtc).deposit_depth - 2);
  net_.attest_head(kBtc);
  EXPECT_TRUE(tick().empty());
  net_.chain(kBtc).mine();
  net_.attest_head(kBtc);
  EXPECT_EQ(std::get<model::MintIntent>(only_question(tick()).request.intent).approval.amount,
            model::Amount(1'000'000));
}

TEST_F(DutiesTest, AMintedDepositIsNotAskedFor) {
  const model::MintApproval terms = net_.deposit(gateway_, kBtc, 1'000'000);
  auto approvals = net_.mint_approvals(terms);
  approvals.erase(approvals.begin());  // ours
  approvals.push_back([&] {
    model::MintApproval last = terms;
    last.member = MemberId(4);
    return net_.attest(MemberId(4), last);
  }());
  ASSERT_TRUE(net_.produce(approvals).ok());
  external_.paid.push_back({kBtc, gateway_, terms.outpoint, terms.amount, terms.proof.height});
  EXPECT_TRUE(tick().empty());
}

TEST_F(DutiesTest, AnOldDepositIsProvenUnderAHeadThatIsNearEnough) {
  external_.paid.push_back(pay(1'000'000));
  net_.chain(kBtc).mine_empty(10);
  net_.attest_head(kBtc);
  const std::uint32_t near = net_.chain(kBtc).height();
  net_.chain(kBtc).mine_empty(model::kMaxProofHeaders);
  net_.attest_head(kBtc);
  const auto ask = only_question(tick());
  const auto& proof = std::get<model::MintIntent>(ask.request.intent).approval.proof;
  EXPECT_EQ(proof.height.get() + proof.headers.size() - 1, near);
  expect_taken(answer(approve(ask)));
}

TEST_F(DutiesTest, ADepositThatCannotBeProvenIsReportedAndTriedAgain) {
  deep_deposit();
  external_.proves = false;
  const auto reports = only<DutiesReport>(tick());
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].status.message().find("that block is gone"), std::string::npos);
  external_.proves = true;
  EXPECT_EQ(only<AskSigner>(tick()).size(), 1u);
}

TEST_F(DutiesTest, OpenQuestionsAreBounded) {
  const auto script = custody::script_pubkey(net_.chain_id(), net_.wallet(kBtc), gateway_);
  const auto payment = net_.chain(kBtc).pay(std::vector<bitcoin::TxOut>(300, {1'000'000, *script}));
  const ExternalHeight height(net_.chain(kBtc).mine({payment}));
  for (std::uint32_t vout = 0; vout < 300; ++vout) {
    external_.paid.push_back({kBtc,
                              gateway_,
                              {model::ExternalHash(payment.txid().array()), vout},
                              model::Amount(1'000'000),
                              height});
  }
  net_.chain(kBtc).mine_empty(net_.parameters(kBtc).deposit_depth - 1);
  net_.attest_head(kBtc);
  EXPECT_EQ(only<AskSigner>(tick()).size(), 255u) << "and one about the ledger's head, which is answered";
  EXPECT_EQ(only<AskSigner>(tick(100'000)).size(), 1u);
  EXPECT_TRUE(only<AskSigner>(tick(100'000)).empty()) << "nobody has answered";
}

// --- slots ---

TEST_F(DutiesTest, ASlotIsSignedPublishedBroadcastAndSettled) {
  const model::SlotRecord slot = open_slot();
  const auto payout = only_question(tick());
  EXPECT_EQ(std::get<model::PayoutIntent>(payout.request.intent).slot, slot.id);
  const auto publication = only_question(answer(approve(payout)));
  EXPECT_EQ(std::get<model::SlotSignatureIntent>(publication.request.intent).plan, slot);
  expect_taken(answer(approve(publication)));
  EXPECT_TRUE(tick(100'000).empty()) << "signed, and one seat is not enough";

  ASSERT_TRUE(net_.produce({net_.slot_signature(MemberId(2), slot)}).ok());
  const auto two = assemble_slot(net_.chain_id(), ledger_, slot);
  EXPECT_EQ(two.code(), Code::kNotFound);
  EXPECT_EQ(two.status().message(), "2 of 3 seats have signed the slot");
  ASSERT_TRUE(net_.produce({net_.slot_signature(MemberId(4), slot)}).ok());
  const auto three = assemble_slot(net_.chain_id(), ledger_, slot);
  ASSERT_TRUE(three.ok()) << three.status().to_string();
  EXPECT_EQ(three->signed_by, (std::vector<MemberId>{MemberId(1), MemberId(2), MemberId(4)}));
  auto broadcast = only<BroadcastExternal>(tick());
  ASSERT_EQ(broadcast.size(), 1u);
  EXPECT_EQ(broadcast[0].raw, three->raw);
  EXPECT_TRUE(only<BroadcastExternal>(tick(9'000)).empty());
  EXPECT_EQ(only<BroadcastExternal>(tick(1'000)).size(), 1u)
      << "again, as long as the chain does not show it";

  fill(slot);
  auto actions = tick(20'000);
  EXPECT_TRUE(only<BroadcastExternal>(actions).empty());
  Duties other = make(MemberId(2));
  const auto same = other.step(DutiesTick{{now_}});
  ASSERT_EQ(only<SubmitTransaction>(actions).size(), 1u);
  ASSERT_EQ(only<SubmitTransaction>(same).size(), 1u);
  EXPECT_EQ(only<SubmitTransaction>(actions)[0].envelope, only<SubmitTransaction>(same)[0].envelope);
  expect_taken(actions);
  EXPECT_EQ(net_.slot(kBtc, slot.id.get()).status, model::SlotStatus::kSettled);
  EXPECT_TRUE(tick(100'000).empty());
}

TEST_F(DutiesTest, ASettlementWaitsForItsDepth) {
  const model::SlotRecord slot = open_slot();
  fill(slot);
  external_.spent.begin()->second.height = ExternalHeight(net_.chain(kBtc).height());
  EXPECT_TRUE(only<SubmitTransaction>(tick()).empty());
}

TEST_F(DutiesTest, WhatTheSignerSaidOfASlotIsKnownUntilItSigns) {
  const model::SlotRecord slot = open_slot();
  const auto said = [&] { return duties_.said_of(kBtc, slot.id); };
  EXPECT_FALSE(said().has_value());
  const AskSigner first = only_question(tick());
  EXPECT_EQ(only<DutiesReport>(refuse(first)).size(), 1u);
  EXPECT_EQ(said(), SignerSaid(SignerRefused{"guard.some_rule", "for a reason"}));
  const AskSigner second = only_question(tick(1'000));
  const SignerSaid pending = SignerWaits{crypto::sha256(as_bytes("a request"))};
  (void)answer(waits(second));
  EXPECT_EQ(said(), pending);
  const AskSigner third = only_question(tick(2'000));
  model::SignReply nobody;
  nobody.id = third.request.id;
  nobody.code = static_cast<std::uint8_t>(Code::kUnavailable);
  nobody.rule = to_bytes(kNoSignerRule);
  (void)answer(nobody);
  EXPECT_EQ(said(), pending) << "a lost connection says nothing of the slot";
  (void)answer(approve(only_question(tick(2'000))));
  EXPECT_FALSE(said().has_value());
}

TEST_F(DutiesTest, AfterARestartASlotIsServedAgain) {
  const model::SlotRecord slot = open_slot();
  EXPECT_EQ(only<AskSigner>(tick()).size(), 1u);
  Duties restarted = make(kOwn);
  const auto asked = only<AskSigner>(restarted.step(DutiesTick{{now_}}));
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_TRUE(is_ledger_head(asked[0]));
  EXPECT_EQ(std::get<model::PayoutIntent>(asked[1].request.intent).slot, slot.id);
}

TEST_F(DutiesTest, OpenSlotsAreFoundInOrderWhateverHasSettledBetween) {
  std::vector<model::SlotRecord> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(open_slot());
  ASSERT_TRUE(net_.produce({net_.sign(model::TransactionBody(net_.settlement(slots[1])), {})}).ok());
  EXPECT_EQ(open_slots(net_.genesis(), ledger_), (std::vector<model::SlotRecord>{slots[0], slots[2]}));
}

// --- the signer ---

TEST_F(DutiesTest, ARefusalIsReportedAndTriedEverLessOften) {
  deep_deposit();
  AskSigner ask = only_question(tick());
  for (const std::uint64_t wait : {1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000}) {
    const auto reports = only<DutiesReport>(refuse(ask));
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].status.code(), Code::kRefused);
    EXPECT_NE(reports[0].status.message().find("approve mint of"), std::string::npos);
    EXPECT_NE(reports[0].status.message().find("for a reason"), std::string::npos);
    EXPECT_EQ(reports[0].status.hint(), "refused by guard.some_rule");
    EXPECT_TRUE(tick(wait - 1).empty()) << wait;
    ASSERT_TRUE(net_.produce().ok());  // a block is a reason to look, not to ask
    ask = only_question(tick(1));
  }
}

TEST_F(DutiesTest, WhatWaitsForOfficersIsAskedAgainWithFreshEvidenceAndIsNoFailure) {
  deep_deposit();
  AskSigner ask = only_question(tick());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(answer(waits(ask)).empty()) << "nothing to report";
    EXPECT_TRUE(tick(1'999).empty());
    ASSERT_TRUE(net_.produce().ok());
    ask = only_question(tick(1));
    EXPECT_EQ(std::get<model::MintIntent>(ask.request.intent).evidence.header.height, net_.state().height());
  }
  expect_taken(answer(approve(ask)));
}

TEST_F(DutiesTest, ARefusalAfterAWaitIsTheFirstOne) {
  deep_deposit();
  AskSigner ask = only_question(tick());
  for (const std::uint64_t wait : {1'000, 2'000, 4'000}) {
    (void)refuse(ask);
    ask = only_question(tick(wait));
  }
  (void)answer(waits(ask));
  (void)refuse(only_question(tick(2'000)));
  EXPECT_TRUE(tick(999).empty());
  ASSERT_TRUE(net_.produce().ok());
  (void)only_question(tick(1));
}

// A denial does not fill the signer's audit log: a handful of questions in the first minute, then one a
// minute.
TEST_F(DutiesTest, ARefusedPayoutIsAskedForEverLessOften) {
  open_slot();
  const auto questions_in = [&](std::uint64_t ms) {
    std::size_t out = 0;
    for (std::uint64_t t = 0; t < ms; t += 500) {
      for (const AskSigner& ask : only<AskSigner>(tick(500))) {
        (void)refuse(ask);
        ++out;
      }
    }
    return out;
  };
  EXPECT_EQ(questions_in(64'000), 7u);
  EXPECT_EQ(questions_in(600'000), 10u);
  EXPECT_TRUE(duties_.step(SignerConnected{}).empty());
  EXPECT_EQ(questions_in(64'000), 7u) << "it may have another policy now";
}

TEST_F(DutiesTest, ASignerThatIsBackIsAskedAtOnce) {
  deep_deposit();
  AskSigner ask = only_question(tick());
  for (int i = 0; i < 6; ++i) {
    (void)refuse(ask, Code::kUnavailable);
    ask = only_question(tick(60'000));
  }
  (void)refuse(ask, Code::kUnavailable);
  EXPECT_TRUE(tick(1).empty());
  EXPECT_TRUE(duties_.step(SignerConnected{}).empty());
  expect_taken(answer(approve(only_question(tick(1)))));
}

TEST_F(DutiesTest, AnswersToOldOrUnknownQuestionsChangeNothing) {
  deep_deposit();
  const auto ask = only_question(tick());
  const auto approval = approve(ask);
  EXPECT_EQ(only<SubmitTransaction>(answer(approval)).size(), 1u);
  EXPECT_TRUE(answer(approval).empty()) << "answered before";
  model::SignReply unknown = approval;
  unknown.id = 1'000;
  EXPECT_TRUE(answer(unknown).empty());
}

TEST_F(DutiesTest, AnAnswerWithoutItsSignatureIsReported) {
  deep_deposit();
  model::SignReply reply = approve(only_question(tick()));
  reply.signatures.clear();
  const auto actions = answer(reply);
  EXPECT_EQ(only<DutiesReport>(actions).size(), 1u);
  EXPECT_TRUE(only<SubmitTransaction>(actions).empty());
}

// --- ledger time for the signer ---

class LedgerHeadTest : public DutiesTest {
 protected:
  // What the signer is asked at the next tick, by whether it is about the ledger's head.
  struct Questions {
    std::vector<AskSigner> head;
    std::vector<AskSigner> other;
  };
  Questions look() {
    now_ += 6'000;  // later than anything that is asked again for want of an answer
    Questions out;
    for (const AskSigner& ask : only<AskSigner>(duties_.step(DutiesTick{{now_}}))) {
      (is_ledger_head(ask) ? out.head : out.other).push_back(ask);
    }
    return out;
  }
  bool is_shown() {
    const Questions questions = look();
    for (const AskSigner& ask : questions.head) take_ledger_head(ask);
    return !questions.head.empty();
  }
  std::uint64_t ledger_time() const { return net_.state().time().get(); }
  void advance_ledger_to(std::uint64_t time) {
    while (ledger_time() < time) ASSERT_TRUE(net_.produce().ok());
  }
};

TEST_F(LedgerHeadTest, AFinalBlockIsShownWithoutProofs) {
  const Questions questions = look();
  ASSERT_EQ(questions.head.size(), 1u);
  const auto& evidence = std::get<model::LedgerHeadIntent>(questions.head[0].request.intent).evidence;
  EXPECT_TRUE(evidence.proofs.empty());
  const auto proven = light::ProvenState::check(
      net_.chain_id(), proto::reader::member_set_hash(model::member_set(net_.genesis())), evidence);
  ASSERT_TRUE(proven.ok()) << proven.status().to_string();
  EXPECT_EQ(proven->header().height, net_.state().height());
  EXPECT_EQ(look().head.size(), 1u) << "the answer was lost";
}

TEST_F(LedgerHeadTest, IsShownAgainWhenItsTimeHasMovedByTenSeconds) {
  ASSERT_TRUE(is_shown());
  EXPECT_FALSE(is_shown()) << "the ledger stands still";
  const std::uint64_t shown = ledger_time();
  advance_ledger_to(shown + 9'000);
  EXPECT_FALSE(is_shown());
  advance_ledger_to(shown + 10'000);
  EXPECT_TRUE(is_shown());
  EXPECT_FALSE(is_shown());
}

TEST_F(LedgerHeadTest, EvidenceOfMoneyThatTheSignerTookCountsAsShown) {
  ASSERT_TRUE(is_shown());
  advance_ledger_to(ledger_time() + 5'000);
  deep_deposit();
  const Questions mint = look();
  ASSERT_TRUE(mint.head.empty());
  ASSERT_EQ(mint.other.size(), 1u);
  const std::uint64_t shown = ledger_time();
  expect_taken(answer(approve(mint.other[0])));
  advance_ledger_to(shown + 9'000);
  EXPECT_FALSE(is_shown());
  advance_ledger_to(shown + 10'000);
  EXPECT_TRUE(is_shown());
}

// It remembers nothing of what it refuses, the time neither.
TEST_F(LedgerHeadTest, EvidenceThatTheSignerRefusedDoesNotCount) {
  ASSERT_TRUE(is_shown());
  const std::uint64_t shown = ledger_time();
  advance_ledger_to(shown + 5'000);
  deep_deposit();
  const Questions mint = look();
  ASSERT_EQ(mint.other.size(), 1u);
  (void)answer(waits(mint.other[0]));
  advance_ledger_to(shown + 10'000);
  EXPECT_TRUE(is_shown());
}

TEST_F(LedgerHeadTest, ANewConnectionIsShownItAtOnce) {
  ASSERT_TRUE(is_shown());
  (void)duties_.step(SignerConnected{});
  EXPECT_TRUE(is_shown());
}

// --- the policy's attestation ---

class AttestPolicyTest : public DutiesTest {
 protected:
  static model::AttestedPolicy version(std::uint64_t version, std::uint8_t hash = 7) {
    return {version, *Hash256::from(Bytes(32, hash))};
  }
  // The signer has another version in force, and says so when it is shown the ledger's head.
  void put_in_force(const model::AttestedPolicy& attested) {
    policy_ = attested;
    (void)duties_.step(SignerConnected{});
    EXPECT_TRUE(tick().empty()) << "it is told between this look and the next";
  }
  void expect_asked(const AskSigner& ask, const model::AttestedPolicy& attested) {
    const auto* intent = std::get_if<model::PolicyAttestationIntent>(&ask.request.intent);
    ASSERT_NE(intent, nullptr);
    EXPECT_EQ(intent->attestation, (model::PolicyAttestation{kOwn, attested.version, attested.salted_hash}));
  }
  // A first version that the ledger has, at the present height.
  void attest_first() {
    put_in_force(version(1));
    expect_taken(answer(approve(only_question(tick()))));
  }
};

TEST_F(AttestPolicyTest, WhatTheLedgerDoesNotHaveIsAttestedOnce) {
  put_in_force(version(4));
  const auto ask = only_question(tick());
  expect_asked(ask, version(4));
  EXPECT_TRUE(tick().empty()) << "while the question is open";
  expect_taken(answer(approve(ask)));
  const auto record = net_.state().get<model::PolicyAttestationRecord>(model::policy_attestation_key(kOwn));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->version, 4u);
  EXPECT_EQ(record->salted_hash, version(4).salted_hash);
  EXPECT_TRUE(tick(100'000).empty());
  (void)duties_.step(SignerConnected{});
  EXPECT_TRUE(tick().empty());
  EXPECT_TRUE(tick().empty()) << "it says the same";
}

TEST_F(AttestPolicyTest, ASignerThatSaysNothingIsNotAsked) {
  EXPECT_TRUE(tick().empty());
  EXPECT_TRUE(tick(100'000).empty());
}

TEST_F(AttestPolicyTest, ANewVersionIsAttestedWhenTheLedgerTakesIt) {
  attest_first();
  put_in_force(version(2, 8));
  EXPECT_TRUE(tick().empty()) << "the ledger would refuse it";
  const auto first = net_.state().height();
  while (net_.state().height().get() < first.get() + model::kPolicyAttestationBlocks - 2) {
    ASSERT_TRUE(net_.produce().ok());
    EXPECT_TRUE(tick().empty());
  }
  ASSERT_TRUE(net_.produce().ok());
  const auto ask = only_question(tick());
  expect_asked(ask, version(2, 8));
  expect_taken(answer(approve(ask)));
  EXPECT_TRUE(tick(100'000).empty());
}

TEST_F(AttestPolicyTest, WhatEvidenceOfMoneyIsAnsweredWithCountsToo) {
  EXPECT_TRUE(tick().empty());
  deep_deposit();
  model::SignReply reply = approve(only_question(tick()));
  reply.policy = version(1);
  expect_taken(answer(reply));
  expect_asked(only_question(tick()), version(1));
}

TEST_F(AttestPolicyTest, AnAttestationThatIsNotInABlockIsMadeAgain) {
  put_in_force(version(1));
  (void)answer(approve(only_question(tick())));
  EXPECT_TRUE(tick(4'999).empty());
  expect_taken(answer(approve(only_question(tick(1'000)))));
}

TEST_F(AttestPolicyTest, ARefusalIsReportedAndTriedEverLessOften) {
  put_in_force(version(1));
  AskSigner ask = only_question(tick());
  for (const std::uint64_t wait : {1'000, 2'000, 4'000, 8'000}) {
    const auto reports = only<DutiesReport>(refuse(ask));
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_NE(reports[0].status.message().find("attest policy version 1"), std::string::npos);
    EXPECT_TRUE(tick(wait - 1).empty()) << wait;
    ASSERT_TRUE(net_.produce().ok());
    ask = only_question(tick(1));
  }
  expect_taken(answer(approve(ask)));
}

// A signer whose salt is another than the one that was attested: no question can help, the operator must
// know.
TEST_F(AttestPolicyTest, WhatTheLedgerWouldNeverTakeIsReportedAndNotAskedFor) {
  attest_first();
  for (const auto& other : {version(1, 9), version(0)}) {
    net_.produce_until(model::Height(net_.state().height().get() + model::kPolicyAttestationBlocks));
    put_in_force(other);
    const auto actions = tick();
    EXPECT_TRUE(only<AskSigner>(actions).empty());
    const auto reports = only<DutiesReport>(actions);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].status.code(), Code::kRefused);
    EXPECT_NE(reports[0].status.hint().find("policy.salt"), std::string::npos);
    EXPECT_TRUE(tick(999).empty());
    ASSERT_TRUE(net_.produce().ok());
    EXPECT_EQ(only<DutiesReport>(tick(1)).size(), 1u);
  }
}

TEST_F(AttestPolicyTest, NothingIsAttestedBeforeTheFirstBlock) {
  tests::Network fresh;
  const testing::NetworkLedger ledger(fresh);
  const ChainView external(fresh);
  Duties duties(fresh.genesis(), fresh.chain_id(), kOwn, ledger, external, entropy_);
  EXPECT_TRUE(duties.step(DutiesTick{{1'000}}).empty());
}

// --- what history costs ---

TEST_F(DutiesTest, SettledSlotsCostNothing) {
  const auto reads_of_a_look = [&] {
    ledger_.reads = 0;
    (void)tick();
    return ledger_.reads;
  };
  const auto settle = [&](const model::SlotRecord& slot) {
    ASSERT_TRUE(net_.produce({net_.sign(model::TransactionBody(net_.settlement(slot)), {})}).ok());
  };
  settle(open_slot());
  (void)see_head();
  const std::size_t with_one = reads_of_a_look();
  for (int i = 0; i < 10; ++i) settle(open_slot());
  EXPECT_EQ(reads_of_a_look(), with_one);
}

TEST_F(DutiesTest, BetweenBlocksTheLedgerIsReadEveryHalfSecond) {
  (void)tick();
  ledger_.reads = 0;
  for (int i = 0; i < 9; ++i) (void)tick(50);
  EXPECT_EQ(ledger_.reads, 0u);
  (void)tick(50);
  EXPECT_GT(ledger_.reads, 0u);
  ledger_.reads = 0;
  ASSERT_TRUE(net_.produce().ok());
  (void)tick(1);
  EXPECT_GT(ledger_.reads, 0u);
}

TEST_F(DutiesTest, WhatIsDoneOrHasPassedByIsForgotten) {
  for (int i = 0; i < 200; ++i) {
    net_.chain(kBtc).mine();
    (void)refuse(only_question(see_head()));
    (void)tick(10'000);
  }
  EXPECT_LT(duties_.remembered(), 20u);
}

}  // namespace
}  // namespace custody::ledger::node
