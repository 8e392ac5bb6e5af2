// Blocks as a whole: roots, positions, limits, selection, restart; and random blocks under which the books
// always balance.
#include "ledger/state/state.h"

#include <gtest/gtest.h>

#include "base/merkle/merkle.h"
#include "ledger/state/audit.h"
#include "proto/reader/digests.h"
#include "tests/support/network_fixture.h"

namespace custody::ledger::state {
namespace {

using model::Address;
using model::Amount;
using model::Height;
using model::MemberId;

constexpr model::CurrencyId kBtc(1);
constexpr model::CurrencyId kLtc(2);

class StateTest : public ::testing::Test {
 protected:
  StateTest() : alice_(net_.new_key()), bob_(net_.new_key()) {
    gateway_ = net_.register_gateway("gary", alice_);
    net_.mint(gateway_, kBtc, 1'000'000'000);
  }
  static Address of(const crypto::SoftwareKey& key) { return Address::of_key(key.public_key()); }
  Bytes payment(std::uint64_t amount = 5'000) { return net_.transfer(alice_, of(bob_), kBtc, amount); }
  std::string refusal(const model::BlockHeader& header, const std::vector<Bytes>& transactions = {}) {
    return detail::as_status(net_.state().execute(header, transactions, verifier_)).message();
  }

  tests::Network net_;
  crypto::SoftwareKey alice_;
  crypto::SoftwareKey bob_;
  model::GatewayId gateway_;
  SerialVerifier verifier_;
};

TEST_F(StateTest, RootsCoverTransactionsReceiptsAndState) {
  const std::vector<Bytes> transactions = {payment(1), payment(2)};
  auto execution = net_.try_block(transactions);
  ASSERT_TRUE(execution.ok());
  EXPECT_EQ(execution->transactions_root,
            merkle::root({merkle::leaf_hash(transactions[0]), merkle::leaf_hash(transactions[1])}));
  ASSERT_EQ(execution->receipts.size(), 2u);
  EXPECT_EQ(execution->receipts[1].transaction.view().size(), 32u);
  EXPECT_EQ(execution->receipts[1].index, 1u);
  EXPECT_EQ(execution->members_hash, proto::reader::member_set_hash(model::member_set(net_.genesis())));
  model::BlockHeader header = net_.next_header();
  execution->seal(header);
  EXPECT_TRUE(execution->check_header(header).ok());
  for (Hash256 model::BlockHeader::* field :
       {&model::BlockHeader::transactions_root, &model::BlockHeader::receipts_root,
        &model::BlockHeader::state_root, &model::BlockHeader::members_hash,
        &model::BlockHeader::next_members_hash}) {
    model::BlockHeader wrong = header;
    (wrong.*field).data()[0] ^= 1;
    EXPECT_EQ(execution->check_header(wrong).code(), Code::kInvalid);
  }
}

// Invariant 4: executing changes nothing; applying does exactly what executing said.
TEST_F(StateTest, ExecutingChangesNothing) {
  const Hash256 before = net_.state().root();
  auto execution = net_.try_block({payment()});
  ASSERT_TRUE(execution.ok());
  EXPECT_EQ(net_.state().root(), before);
  EXPECT_NE(execution->state_root, before);
  const Hash256 expected = execution->state_root;
  net_.state().apply(std::move(*execution));
  EXPECT_EQ(net_.state().root(), expected);
}

TEST_F(StateTest, RefusesABlockInTheWrongPlace) {
  const auto changed = [&](auto change) {
    model::BlockHeader header = net_.next_header();
    change(header);
    return refusal(header);
  };
  EXPECT_NE(changed([](auto& h) { h.version = 2; }).find("version 2"), std::string::npos);
  EXPECT_NE(changed([](auto& h) { h.chain_id = {}; }).find("another network"), std::string::npos);
  EXPECT_NE(changed([](auto& h) { h.height = model::next(h.height); }).find("the next is"),
            std::string::npos);
  EXPECT_NE(changed([&](auto& h) { h.time = net_.state().time(); }).find("does not rise"), std::string::npos);
  EXPECT_NE(changed([](auto& h) { h.proposer = MemberId(5); }).find("not a member"), std::string::npos);
  EXPECT_EQ(changed([](auto&) {}), "");
}

TEST_F(StateTest, RefusesABlockOfTooManyBytes) {
  std::vector<Bytes> big(20, Bytes(60'000, 1));
  EXPECT_NE(refusal(net_.next_header(), big).find("allowed are"), std::string::npos);
  std::vector<Bytes> many(model::kMaxTransactions + 1, Bytes{1});
  EXPECT_NE(refusal(net_.next_header(), many).find("too many transactions"), std::string::npos);
}

TEST_F(StateTest, SelectsWhatIsValidAndSaysWhatIsNot) {
  Bytes broken = payment();
  broken.back() ^= 1;
  const std::vector<Bytes> candidates = {payment(1), broken, net_.transfer(bob_, of(alice_), kBtc, 900'000),
                                         payment(2), Bytes{1, 2, 3}};
  const auto selection = net_.state().select(net_.next_header(), candidates, verifier_);
  ASSERT_TRUE(selection.ok());
  EXPECT_EQ(selection->included, (std::vector<std::size_t>{0, 3}));
  ASSERT_EQ(selection->dropped.size(), 3u);
  std::map<std::size_t, Code> reasons;
  for (const Dropped& one : selection->dropped) reasons[one.index] = one.reason.code();
  EXPECT_EQ(reasons,
            (std::map<std::size_t, Code>{{1, Code::kInvalid}, {2, Code::kRefused}, {4, Code::kInvalid}}));
  const auto executed = net_.try_block({candidates[0], candidates[3]});
  ASSERT_TRUE(executed.ok());
  EXPECT_EQ(executed->state_root, selection->execution.state_root);
  EXPECT_EQ(executed->transactions_root, selection->execution.transactions_root);
}

TEST_F(StateTest, SelectsAsManyAsFitABlock) {
  std::vector<Bytes> candidates;
  std::size_t bytes = 0;
  while (bytes < net_.genesis().parameters.max_block_bytes + 10'000u) {
    candidates.push_back(payment(candidates.size() + 1));
    bytes += candidates.back().size();
  }
  const auto selection = net_.state().select(net_.next_header(), candidates, verifier_);
  ASSERT_TRUE(selection.ok());
  EXPECT_TRUE(selection->dropped.empty());
  EXPECT_LT(selection->included.size(), candidates.size());
  candidates.resize(selection->included.size());
  EXPECT_TRUE(net_.try_block(candidates).ok());
  model::Block block{net_.next_header(), net_.last_block().commit, candidates};
  EXPECT_LE(proto::reader::encode(block).size(), net_.genesis().parameters.max_block_bytes);
}

// Invariant 5: a node that restarts from its store has the same state, to the index.
TEST_F(StateTest, LoadsWhatItStored) {
  ASSERT_TRUE(net_.produce({payment()}).ok());
  std::map<Bytes, Bytes> store = net_.stored();
  const auto load = [&] { return net_.load(store); };
  const auto loaded = load();
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  EXPECT_EQ(loaded->root(), net_.state().root());
  EXPECT_EQ(loaded->index().keys, net_.state().index().keys);
  EXPECT_EQ(loaded->index().seen.size(), net_.state().index().seen.size());
  EXPECT_TRUE(audit(*loaded).ok());
  EXPECT_EQ(loaded->execute(net_.next_header(), {}, verifier_)->state_root, net_.try_block({})->state_root);

  const auto original = store;
  store.erase(model::counters_key());
  EXPECT_EQ(load().code(), Code::kCorrupt);
  store = original;
  store[model::totals_key(kBtc)] = Bytes{0xff};
  EXPECT_EQ(load().code(), Code::kCorrupt);
  store = original;
  store[Bytes{99}] = Bytes{1};
  EXPECT_EQ(load().code(), Code::kCorrupt);
  store = original;
  store.erase(model::member_key(MemberId(2)));
  EXPECT_EQ(load().code(), Code::kCorrupt);
}

TEST_F(StateTest, RefusesAGenesisThatBreaksTheRules) {
  model::Genesis genesis = net_.genesis();
  genesis.members[0].weight = model::Weight(1'000);
  EXPECT_EQ(State::from_genesis(genesis, net_.chain_id()).code(), Code::kInvalid);
}

TEST_F(StateTest, TheAuditSeesEveryKindOfDamage) {
  net_.register_payout(gateway_, alice_, kBtc, net_.payout_script(1));
  std::vector<Bytes> burns;
  for (int i = 0; i < 4; ++i)
    burns.push_back(net_.burn(gateway_, alice_, kBtc, 100'000, 50'000, net_.payout_script(1)));
  ASSERT_TRUE(net_.produce(burns).ok());
  ASSERT_TRUE(net_.produce({net_.burn(gateway_, alice_, kBtc, 100'000, 50'000, net_.payout_script(1))}).ok());
  ASSERT_TRUE(audit(net_.state()).ok());
  std::map<Bytes, Bytes> store;
  net_.state().tree().for_each([&](ByteView key, ByteView value) { store[to_bytes(key)] = to_bytes(value); });
  const auto audit_with = [&](const Bytes& key, const std::optional<Bytes>& value) {
    auto damaged = store;
    if (value) {
      damaged[key] = *value;
    } else {
      damaged.erase(key);
    }
    auto at = damaged.begin();
    const auto state = State::load(net_.genesis(), net_.chain_id(), net_.state().height(),
                                   net_.state().time(), [&](Bytes& k, Bytes& v) {
                                     if (at == damaged.end()) return false;
                                     k = at->first;
                                     v = at->second;
                                     ++at;
                                     return true;
                                   });
    return state.ok() ? audit(*state).code() : state.code();
  };
  const auto record = [&]<typename T>(const Bytes& key, const T&, auto change) {
    T value = *net_.state().get<T>(key);
    change(value);
    return audit_with(key, proto::reader::encode(value));
  };
  EXPECT_EQ(
      audit_with(model::balance_key(of(alice_), kBtc), proto::reader::encode(model::Balance{Amount(1)})),
      Code::kCorrupt);
  EXPECT_EQ(audit_with(model::coin_key(kBtc, 1), std::nullopt), Code::kCorrupt);
  EXPECT_EQ(audit_with(model::burn_key(kBtc, 5), std::nullopt), Code::kCorrupt);
  EXPECT_EQ(audit_with(model::slot_key(kBtc, model::SlotId(1)), std::nullopt), Code::kCorrupt);
  const Bytes totals = model::totals_key(kBtc);
  using Totals = model::CurrencyTotals;
  EXPECT_EQ(record(totals, Totals(), [](auto& t) { t.surplus = Amount(1); }), Code::kCorrupt);
  EXPECT_EQ(record(totals, Totals(), [](auto& t) { t.open_slots = 0; }), Code::kCorrupt);
  EXPECT_EQ(record(totals, Totals(), [](auto& t) { t.first_queued_burn = 1; }), Code::kCorrupt);
  EXPECT_EQ(record(totals, Totals(), [](auto& t) { t.next_coin = 1; }), Code::kCorrupt);
  EXPECT_EQ(record(model::burn_key(kBtc, 1), model::BurnRecord(), [](auto& b) { b.amount = Amount(1); }),
            Code::kCorrupt);
  EXPECT_EQ(record(model::coin_key(kBtc, 1), model::CoinRecord(), [](auto& c) { c.slot = model::SlotId(0); }),
            Code::kCorrupt);
}

// Every single changed byte of a valid transaction is refused or gives another root.
TEST_F(StateTest, NoChangedByteOfATransactionGoesUnnoticed) {
  const std::vector<Bytes> transactions = {
      payment(),
      net_.govern(MemberId(1),
                  model::Proposal{MemberId(1), model::RegisterGateway{to_bytes("x"), of(bob_),
                                                                      model::LedgerMs(4'000'000'000'000)}})};
  const auto good = net_.try_block(transactions);
  ASSERT_TRUE(good.ok());
  for (std::size_t which = 0; which < transactions.size(); ++which) {
    for (std::size_t i = 0; i < transactions[which].size(); ++i) {
      for (const std::uint8_t bit : {0x01, 0x80}) {
        std::vector<Bytes> changed = transactions;
        changed[which][i] ^= bit;
        const auto result = net_.try_block(changed);
        if (result.ok()) {
          EXPECT_NE(result->transactions_root, good->transactions_root) << i;
        }
      }
    }
  }
}

// Random blocks of everything: the books balance after each, and a second node that only replays agrees.
class RandomLife : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  static tests::NetworkOptions options(std::uint64_t seed) {
    tests::NetworkOptions out;
    out.seed = seed;
    return out;
  }
  RandomLife() : net_(options(GetParam())) {
    for (int i = 0; i < 6; ++i) users_.push_back(net_.new_key());
    for (const std::size_t i : {0u, 1u}) {
      gateways_.push_back(net_.register_gateway("gateway-" + std::to_string(i), users_[i]));
      for (const model::CurrencyId currency : {kBtc, kLtc}) {
        net_.mint(gateways_[i], currency, 100'000'000);
        net_.register_payout(gateways_[i], users_[i], currency, net_.payout_script(1));
      }
    }
  }
  std::uint64_t below(std::uint64_t bound) { return net_.entropy().below(bound); }
  model::CurrencyId currency() { return below(2) == 0 ? kBtc : kLtc; }

  Bytes random_transaction() {
    const std::size_t gateway = below(2);
    switch (below(8)) {
      case 0:
        return net_.burn(gateways_[gateway], users_[gateway], currency(), 10'000 + below(3'000'000),
                         1 + below(20'000), net_.payout_script(1), below(1'500));
      case 1:
        return net_.head_votes(currency())[below(4)];
      case 2:
        return swap();
      case 3: {
        const MemberId member(static_cast<std::uint16_t>(1 + below(4)));
        return net_.attest(member, model::PolicyAttestation{member, 1 + below(200), {}});
      }
      default:
        return net_.transfer(users_[below(users_.size())],
                             Address::of_key(users_[below(users_.size())].public_key()), currency(),
                             below(30'000'000), below(1'000));
    }
  }
  Bytes swap() {
    const crypto::SoftwareKey& a = users_[below(3)];
    const crypto::SoftwareKey& b = users_[3 + below(3)];
    model::Transfer body;
    const std::uint64_t x = 1'000 + below(1'000'000);
    const std::uint64_t y = 1'000 + below(1'000'000);
    body.inputs = {{Address::of_key(a.public_key()), kBtc, Amount(x)},
                   {Address::of_key(b.public_key()), kLtc, Amount(y)}};
    body.outputs = {{Address::of_key(b.public_key()), kBtc, Amount(x - below(1'000))},
                    {Address::of_key(a.public_key()), kLtc, Amount(y - below(1'000))}};
    return net_.sign(model::TransactionBody(body), {&a, &b});
  }
  // One block of what is valid among random candidates, some of them twice.
  std::vector<Bytes> random_block() {
    std::vector<Bytes> candidates;
    for (std::uint64_t i = 0, n = below(12); i < n; ++i) candidates.push_back(random_transaction());
    if (!candidates.empty()) candidates.push_back(candidates[below(candidates.size())]);
    SerialVerifier verifier;
    const auto selection = net_.state().select(net_.next_header(), candidates, verifier);
    EXPECT_TRUE(selection.ok());
    std::vector<Bytes> out;
    for (const std::size_t i : selection->included) out.push_back(candidates[i]);
    return out;
  }
  void settle_one(model::CurrencyId which) {
    for (const auto& [key, value] :
         net_.state().scan(Bytes{static_cast<std::uint8_t>(model::Table::kSlot)})) {
      const auto slot = *proto::reader::decode<model::SlotRecord>(value, kMaxValue);
      if (slot.currency != which || slot.status != model::SlotStatus::kOpen) continue;
      EXPECT_TRUE(net_.produce({net_.sign(model::TransactionBody(net_.settlement(slot)), {})}).ok());
      ++settled_;
      return;
    }
  }

  tests::Network net_;
  std::vector<crypto::SoftwareKey> users_;
  std::vector<model::GatewayId> gateways_;
  int settled_ = 0;
};

TEST_P(RandomLife, TheBooksBalanceAfterEveryBlock) {
  State replica = *State::from_genesis(net_.genesis(), net_.chain_id());
  std::size_t replayed = 0;
  SerialVerifier verifier;
  for (int round = 0; round < 60; ++round) {
    const Status status = net_.produce(random_block());
    ASSERT_TRUE(status.ok()) << status.to_string();
    if (below(4) == 0) {
      net_.chain(kBtc).mine_empty(1);
      net_.chain(kLtc).mine_empty(1);
    }
    if (below(5) == 0) settle_one(currency());
    if (below(10) == 0) net_.mint(gateways_[below(2)], currency(), 10'000 + below(50'000'000));
    const Status books = audit(net_.state());
    ASSERT_TRUE(books.ok()) << "seed " << GetParam() << " round " << round << ": " << books.to_string();
    for (; replayed < net_.blocks().size(); ++replayed) {
      const model::Block& block = net_.blocks()[replayed].block;
      auto execution = replica.execute(block.header, block.transactions, verifier);
      ASSERT_TRUE(execution.ok());
      ASSERT_TRUE(execution->check_header(block.header).ok());
      replica.apply(std::move(*execution));
    }
  }
  EXPECT_EQ(replica.root(), net_.state().root());
  EXPECT_GT(settled_, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLife, ::testing::Values(101, 102, 103, 104, 105, 106));

}  // namespace
}  // namespace custody::ledger::state
