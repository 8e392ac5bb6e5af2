// Transfers and what all transactions have in common: each refusal seen, and what it leaves untouched.
#include <gtest/gtest.h>

#include "ledger/state/audit.h"
#include "tests/support/network_fixture.h"

namespace custody::ledger::state {
namespace {

using model::Address;
using model::Amount;
using model::Height;

constexpr model::CurrencyId kBtc(1);
constexpr model::CurrencyId kLtc(2);
constexpr std::uint64_t kFunds = 1'000'000'000;

class TransferTest : public ::testing::Test {
 protected:
  TransferTest() : alice_(net_.new_key()), bob_(net_.new_key()) {
    const model::GatewayId gateway = net_.register_gateway("gary", alice_);
    net_.mint(gateway, kBtc, kFunds);
    net_.mint(gateway, kLtc, kFunds);
  }
  ~TransferTest() override {
    const Status status = audit(net_.state());
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  static Address of(const crypto::SoftwareKey& key) { return Address::of_key(key.public_key()); }
  Amount balance(const Address& account, model::CurrencyId currency = kBtc) const {
    return net_.state().balance(account, currency);
  }
  model::TransferLeg leg(const crypto::SoftwareKey& key, std::uint64_t amount,
                         model::CurrencyId currency = kBtc) {
    return {of(key), currency, Amount(amount)};
  }
  // A valid payment from Alice to Bob, changed.
  template <typename F>
  Bytes changed(F change, const std::vector<const crypto::SoftwareKey*>& keys) {
    model::Transfer body;
    body.inputs = {leg(alice_, 6'000)};
    body.outputs = {leg(bob_, 5'000)};
    change(body);
    return net_.sign(model::TransactionBody(body), keys);
  }
  template <typename F>
  Bytes changed(F change) {
    return changed(change, {&alice_});
  }
  template <typename F>
  Bytes with_header(F change) {
    model::Transfer body;
    body.inputs = {leg(alice_, 6'000)};
    body.outputs = {leg(bob_, 5'000)};
    model::Transaction transaction = net_.make(body);
    change(transaction);
    return net_.sign(transaction, {&alice_});
  }
  void expect_refused(const Bytes& transaction, std::string_view reason) {
    const Hash256 root = net_.state().root();
    const Status block = detail::as_status(net_.try_block({transaction}));
    EXPECT_EQ(block.code(), Code::kInvalid);
    EXPECT_NE(block.message().find("transaction 0 ("), std::string::npos) << block.message();
    EXPECT_NE(block.message().find(reason), std::string::npos)
        << "wanted: " << reason << "\ngot: " << block.message();
    SerialVerifier verifier;
    const auto alone = net_.state().check_transaction(transaction, verifier);
    EXPECT_NE(alone.status().message().find(reason), std::string::npos) << alone.status().message();
    EXPECT_EQ(net_.state().root(), root);
  }

  tests::Network net_;
  crypto::SoftwareKey alice_;
  crypto::SoftwareKey bob_;
};

TEST_F(TransferTest, MovesTheAmountAndPoolsTheFee) {
  const Amount pool = balance(Address::fee_pool());
  const Bytes payment = net_.transfer(alice_, of(bob_), kBtc, 5'000, 700);
  SerialVerifier verifier;
  const auto admitted = net_.state().check_transaction(payment, verifier);
  ASSERT_TRUE(admitted.ok()) << admitted.status().to_string();
  EXPECT_EQ(admitted->id, net_.id_of(payment));
  ASSERT_TRUE(net_.produce({payment}).ok());
  EXPECT_EQ(balance(of(alice_)), Amount(kFunds - 5'700));
  EXPECT_EQ(balance(of(bob_)), Amount(5'000));
  EXPECT_EQ(balance(Address::fee_pool()).get(), pool.get() + 700);
}

TEST_F(TransferTest, ASwapOfTwoPartiesAndTwoCurrenciesIsOneTransaction) {
  ASSERT_TRUE(net_.produce({net_.transfer(alice_, of(bob_), kLtc, 50'000)}).ok());
  const Bytes swap = changed(
      [&](auto& t) {
        t.inputs = {leg(alice_, 6'000), leg(bob_, 20'000, kLtc)};
        t.outputs = {leg(bob_, 5'800), leg(alice_, 19'000, kLtc)};
      },
      {&alice_, &bob_});
  ASSERT_TRUE(net_.produce({swap}).ok());
  EXPECT_EQ(balance(of(bob_)), Amount(5'800));
  EXPECT_EQ(balance(of(bob_), kLtc), Amount(30'000));
}

TEST_F(TransferTest, MoneyReceivedInABlockMayBeSpentInIt) {
  const crypto::SoftwareKey carol = net_.new_key();
  ASSERT_TRUE(net_.produce({net_.transfer(alice_, of(bob_), kBtc, 10'000),
                            net_.transfer(bob_, of(carol), kBtc, 9'000)})
                  .ok());
  EXPECT_EQ(balance(of(bob_)), Amount(0));
  EXPECT_FALSE(net_.state().get(model::balance_key(of(bob_), kBtc)).has_value()) << "zero is no record";
}

TEST_F(TransferTest, RefusesWrongLegs) {
  expect_refused(changed([](auto& t) { t.inputs.clear(); }), "at least one input");
  expect_refused(changed([](auto& t) { t.inputs[0].amount = Amount(0); }), "an amount is zero");
  expect_refused(changed([](auto& t) { t.outputs[0].amount = Amount(0); }), "an amount is zero");
  expect_refused(changed([](auto& t) { t.inputs.push_back(t.inputs[0]); }), "twice among the inputs");
  expect_refused(changed([](auto& t) { t.outputs.push_back(t.outputs[0]); }), "twice among the outputs");
  expect_refused(changed([](auto& t) { t.outputs[0].currency = model::CurrencyId(3); }),
                 "currency 3 does not exist");
  expect_refused(changed([](auto& t) { t.outputs[0].currency = model::CurrencyId(60'000); }),
                 "currency 60000 does not exist");
  expect_refused(changed([](auto& t) { t.outputs[0].amount = Amount(6'001); }), "outputs exceed inputs");
  expect_refused(changed([](auto& t) { t.outputs[0].currency = kLtc; }), "outputs exceed inputs");
  expect_refused(changed([&](auto& t) { t.outputs = {leg(bob_, UINT64_MAX), leg(alice_, 7'000)}; }),
                 "more than 64 bits");
}

// Abuse case: what nobody holds the key of cannot be spent.
TEST_F(TransferTest, RefusesToSpendFromTheTreasuryAndTheFeePool) {
  for (const Address& account : {Address::treasury(), Address::fee_pool()}) {
    expect_refused(changed([&](auto& t) { t.inputs.push_back({account, kBtc, Amount(1)}); }),
                   "cannot be spent from");
  }
}

TEST_F(TransferTest, RefusesOverdrafts) {
  expect_refused(changed([&](auto& t) {
                   t.inputs[0].amount = Amount(kFunds + 1);
                   t.outputs[0].amount = Amount(kFunds - 999);
                 }),
                 "overdraft");
  expect_refused(changed([&](auto& t) { t.inputs = {leg(bob_, 6'000)}; }, {&bob_}), "overdraft");
}

TEST_F(TransferTest, TheFeePaysForTheBytesInOneOrSeveralCurrencies) {
  const Bytes good = net_.transfer(alice_, of(bob_), kBtc, 5'000, 1'000);
  const std::uint64_t size = good.size();  // amounts of the same length below
  EXPECT_TRUE(net_.try_block({net_.transfer(alice_, of(bob_), kBtc, 5'000, size)}).ok());
  expect_refused(net_.transfer(alice_, of(bob_), kBtc, 5'000, size - 1), "the fee pays for");
  const Bytes both = changed([&](auto& t) {
    t.inputs = {leg(alice_, 5'200), leg(alice_, 5'200, kLtc)};
    t.outputs = {leg(bob_, 5'000), leg(bob_, 5'000, kLtc)};
  });
  EXPECT_TRUE(net_.try_block({both}).ok());
  EXPECT_LT(both.size(), 400u);
}

TEST_F(TransferTest, RefusesWrongSignatures) {
  const auto none = [](auto&) {};
  expect_refused(changed(none, {}), "is missing");
  expect_refused(changed(none, {&bob_}), "is surplus");
  expect_refused(changed(none, {&alice_, &bob_}), "is surplus");
  expect_refused(changed([&](auto& t) { t.inputs.push_back(leg(bob_, 10)); }), "is missing");

  const Bytes good = changed(none);
  auto envelope = *proto::reader::decode<model::Envelope>(good, good.size());
  const auto resigned = [&](auto change) {
    model::Envelope out = envelope;
    change(out);
    return proto::reader::encode(out);
  };
  expect_refused(resigned([](auto& e) { e.signatures.push_back(e.signatures[0]); }), "ascend by key");
  expect_refused(resigned([](auto& e) { e.signatures[0].signature.data()[40] ^= 1; }), "does not verify");
  const Bytes other = changed([](auto& t) { t.memo = {1}; });
  const auto foreign = *proto::reader::decode<model::Envelope>(other, other.size());
  expect_refused(resigned([&](auto& e) { e.signatures = foreign.signatures; }), "does not verify");
}

// Abuse case: the second form of a signature would make a second envelope of the same payment.
TEST_F(TransferTest, RefusesHighS) {
  const Bytes good = changed([](auto&) {});
  auto envelope = *proto::reader::decode<model::Envelope>(good, good.size());
  const Bytes order = *from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  int borrow = 0;
  std::uint8_t* s = envelope.signatures[0].signature.data() + 32;
  for (std::size_t i = 32; i-- > 0;) {
    const int digit = order[i] - s[i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    s[i] = static_cast<std::uint8_t>(digit & 0xff);
  }
  expect_refused(proto::reader::encode(envelope), "high S");
}

TEST_F(TransferTest, RefusesWrongHeaders) {
  expect_refused(with_header([](auto& t) { t.version = 2; }), "version 2");
  expect_refused(with_header([&](auto& t) { t.valid_until = net_.state().height(); }), "expired");
  expect_refused(with_header([&](auto& t) { t.valid_until = Height(net_.next_height().get() + 101); }),
                 "more than 100 blocks ahead");
  EXPECT_TRUE(net_.try_block({with_header([&](auto& t) { t.valid_until = net_.next_height(); })}).ok());
  EXPECT_TRUE(
      net_.try_block({with_header([&](auto& t) { t.valid_until = Height(net_.next_height().get() + 100); })})
          .ok());
}

TEST_F(TransferTest, RefusesBytesThatAreNotCanonicalOrTooMany) {
  Bytes trailing = changed([](auto&) {});
  trailing.push_back(0);
  expect_refused(trailing, "field");
  expect_refused(Bytes{}, "");
  expect_refused(Bytes(net_.genesis().parameters.max_transaction_bytes + 1u, 0), "the limit is");
  // The memo's limit holds where the bytes are read; the encoder would refuse to write it.
  Bytes long_memo = changed([](auto& t) { t.memo = Bytes(model::kMaxMemo, 7); });
  EXPECT_TRUE(net_.try_block({long_memo}).ok());
}

// Abuse case F2: a payment is executed once, in its block and in every later one.
TEST_F(TransferTest, RefusesReplays) {
  const Bytes payment = net_.transfer(alice_, of(bob_), kBtc, 5'000);
  EXPECT_NE(detail::as_status(net_.try_block({payment, payment})).message().find("transaction 1 (transfer)"),
            std::string::npos);
  ASSERT_TRUE(net_.produce({payment}).ok());
  expect_refused(payment, "executed already");
  const auto until = net_.state().height().get() + 19;
  net_.produce_until(Height(until - 1));
  expect_refused(payment, "executed already");
  EXPECT_FALSE(net_.state().scan(Bytes{static_cast<std::uint8_t>(model::Table::kSeen)}).empty());
  net_.produce_until(Height(until));
  expect_refused(payment, "expired");
  EXPECT_TRUE(net_.state().scan(Bytes{static_cast<std::uint8_t>(model::Table::kSeen)}).empty())
      << "shard dropped";
}

TEST_F(TransferTest, AnotherNetworksSignatureIsWorthless) {
  tests::NetworkOptions options;
  options.seed = 2;
  tests::Network other(options);
  const Bytes foreign = other.transfer(alice_, of(bob_), kBtc, 5'000);
  EXPECT_FALSE(net_.try_block({foreign}).ok());
}

}  // namespace
}  // namespace custody::ledger::state
