#include <gtest/gtest.h>

#include <functional>

#include "policy/render/fixture_test.h"
#include "policy/render/render.h"

namespace custody::policy::render {
namespace {

using Change = std::function<void(Request&)>;

void expect_refused(Request request, const Change& change, std::string_view why) {
  change(request);
  const Status status = check_request(request);
  EXPECT_EQ(status.code(), Code::kInvalid) << why;
  EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
}

TEST(CheckRequest, TheExamplesAreRight) {
  for (const Request& request : {fixture::payout(1), fixture::payout(30), fixture::mint(), fixture::ballot(),
                                 fixture::proposal(), fixture::widest()}) {
    EXPECT_EQ(check_request(request).to_string(), "ok");
  }
}

TEST(CheckRequest, WhatIsEncodedDecodesToTheSame) {
  for (const Request& request :
       {fixture::payout(30), fixture::mint(), fixture::ballot(), fixture::proposal(), fixture::widest()}) {
    const Bytes bytes = encode_request(request);
    EXPECT_LE(bytes.size(), kMaxRequest);
    const auto decoded = decode_request(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
    EXPECT_EQ(*decoded, request);
  }
}

TEST(CheckRequest, EveryTruncationIsRefused) {
  const Bytes bytes = encode_request(fixture::payout(2));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_request(ByteView(bytes).first(size)).ok()) << size;
  }
  EXPECT_EQ(decode_request(Bytes(kMaxRequest + 1)).code(), Code::kInvalid);
}

TEST(CheckRequest, DecodingChecks) {
  Request request = fixture::mint();
  request.wants.clear();
  EXPECT_EQ(decode_request(encode_request(request)).status().message(),
            "request: wants must be 1 to 8 alternatives");
}

TEST(CheckRequest, TextsThatCouldShowSomethingElseAreRefused) {
  const Request payout = fixture::payout(2);
  expect_refused(
      payout, [](Request& r) { r.terms.payments[1].owner = to_bytes("a\nfee"); }, "payment 2: owner");
  expect_refused(payout, [](Request& r) { r.terms.payments[1].owner = to_bytes("a\", fee"); }, "owner");
  expect_refused(payout, [](Request& r) { r.terms.payments[0].owner = to_bytes("a  b"); }, "owner");
  expect_refused(payout, [](Request& r) { r.terms.payments[0].owner.assign(33, 'a'); }, "owner");
  expect_refused(payout, [](Request& r) { r.terms.payments[0].address = to_bytes("a b"); }, "address");
  expect_refused(payout, [](Request& r) { r.terms.payments[0].address.assign(91, 'a'); }, "address");
  expect_refused(payout, [](Request& r) { r.terms.payments[0].address.clear(); }, "address");
  expect_refused(payout, [](Request& r) { r.terms.payments[0].gateway = to_bytes("Alpha"); }, "gateway");
  expect_refused(payout, [](Request& r) { r.terms.currency_code = to_bytes("B\x1b[C"); }, "currency");
  expect_refused(payout, [](Request& r) { r.wants[0].all_of[0].group = to_bytes("a b"); }, "wanted group");
  expect_refused(payout, [](Request& r) { r.initiator = to_bytes("A"); }, "initiator");
  expect_refused(fixture::proposal(), [](Request& r) { r.terms.action.push_back('\n'); }, "action");
  expect_refused(fixture::proposal(), [](Request& r) { r.terms.action.assign(201, 'a'); }, "action");
  expect_refused(fixture::proposal(), [](Request& r) { r.terms.action.clear(); }, "action");
}

TEST(CheckRequest, AmountsAreThereAndAddUp) {
  const Request payout = fixture::payout(2);
  expect_refused(payout, [](Request& r) { r.terms.payments[0].amount = {}; }, "amount must be above zero");
  expect_refused(
      payout, [](Request& r) { r.terms.payments[0].amount = model::Amount(UINT64_MAX); }, "add up");
  expect_refused(
      payout, [](Request& r) { r.terms.payments[0].fee_cap = model::Amount(UINT64_MAX); }, "add up");
  expect_refused(payout, [](Request& r) { r.terms.payments.clear(); }, "payments must be 1 to 256");
  expect_refused(payout, [](Request& r) { r.terms.payments.resize(257); }, "payments must be 1 to 256");
  expect_refused(payout, [](Request& r) { r.terms.decimals = 10; }, "decimals");
}

// What is not shown for a kind is not there.
TEST(CheckRequest, AKindHasItsFieldsAndNoOthers) {
  const Request payout = fixture::payout(1);
  const Request mint = fixture::mint();
  const Request ballot = fixture::ballot();
  expect_refused(payout, [](Request& r) { r.terms.kind = model::IntentKind::kSlotSignature; }, "kind");
  expect_refused(payout, [](Request& r) { r.terms.chain_id = {}; }, "chain id");
  expect_refused(payout, [](Request& r) { r.terms.member = {}; }, "member");
  expect_refused(payout, [](Request& r) { r.terms.currency = {}; }, "currency");
  expect_refused(payout, [](Request& r) { r.terms.epoch = {}; }, "wallet epoch");
  expect_refused(payout, [](Request& r) { r.terms.slot = {}; }, "slot");
  expect_refused(payout, [](Request& r) { r.terms.payments[0].burn = 0; }, "burn");
  expect_refused(payout, [](Request& r) { r.terms.proposal.data()[0] = 1; }, "proposal");
  expect_refused(payout, [](Request& r) { r.terms.approve = true; }, "approve");
  expect_refused(payout, [](Request& r) { r.terms.action = to_bytes("x"); }, "action");
  expect_refused(mint, [](Request& r) { r.terms.slot = model::SlotId(1); }, "slot");
  expect_refused(mint, [](Request& r) { r.terms.deposit = {}; }, "deposit");
  expect_refused(payout, [&](Request& r) { r.terms.deposit = mint.terms.deposit; }, "deposit");
  expect_refused(ballot, [](Request& r) { r.terms.deposit.vout = 1; }, "deposit");
  expect_refused(
      mint, [](Request& r) { r.terms.payments.push_back(r.terms.payments[0]); }, "payments must be 1 to 1");
  expect_refused(mint, [](Request& r) { r.terms.payments[0].burn = 1; }, "fee cap and burn");
  expect_refused(
      mint, [](Request& r) { r.terms.payments[0].fee_cap = model::Amount(1); }, "fee cap and burn");
  expect_refused(mint, [](Request& r) { r.terms.payments[0].address = to_bytes("a"); }, "address and owner");
  expect_refused(ballot, [](Request& r) { r.terms.currency_code = to_bytes("BTC"); }, "no money moves");
  expect_refused(ballot, [](Request& r) { r.terms.payments.resize(1); }, "no money moves");
  expect_refused(ballot, [](Request& r) { r.terms.proposal = {}; }, "proposal");
}

TEST(CheckRequest, WantsWantSomething) {
  const Request mint = fixture::mint();
  expect_refused(mint, [](Request& r) { r.wants.clear(); }, "1 to 8 alternatives");
  expect_refused(mint, [](Request& r) { r.wants.resize(9, r.wants[0]); }, "1 to 8 alternatives");
  expect_refused(mint, [](Request& r) { r.wants[1].all_of.clear(); }, "of 1 to 18 wants");
  expect_refused(mint, [](Request& r) { r.wants[0].all_of[1] = r.wants[0].all_of[0]; }, "named once");
  expect_refused(mint, [](Request& r) { r.wants[0].all_of[0].count = 0; }, "wanted count");
  expect_refused(mint, [](Request& r) { r.wants[0].all_of[0].count = kMaxCount + 1; }, "wanted count");
  expect_refused(mint, [](Request& r) { r.wants[1].all_of[2].count = kMaxWaitHours + 1; }, "wanted count");
}

TEST(CheckRequest, PolicyAndTimesAreThere) {
  const Request mint = fixture::mint();
  expect_refused(mint, [](Request& r) { r.bundle = 0; }, "bundle");
  expect_refused(mint, [](Request& r) { r.bundle_hash = {}; }, "bundle");
  expect_refused(mint, [](Request& r) { r.expires = r.opened; }, "expiry");
  expect_refused(mint, [](Request& r) { r.expires = model::LedgerMs(UINT64_MAX); }, "expiry");
}

TEST(CheckOrder, EveryFieldIsChecked) {
  const FreezeOrder good{fixture::mint().terms.chain_id,
                         model::MemberId(2),
                         Freeze::kFreeze,
                         to_bytes("BTC"),
                         to_bytes("drill"),
                         1,
                         7,
                         fixture::hash_of("bundle 7"),
                         fixture::at("2026-11-25T20:30:00Z")};
  EXPECT_TRUE(check_order(good).ok());
  const auto refused = [&](const std::function<void(FreezeOrder&)>& change, std::string_view why) {
    FreezeOrder order = good;
    change(order);
    const Status status = check_order(order);
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_TRUE(status.message().starts_with(why)) << status.message();
  };
  refused([](FreezeOrder& o) { o.what = static_cast<Freeze>(3); }, "order");
  refused([](FreezeOrder& o) { o.chain_id = {}; }, "chain id");
  refused([](FreezeOrder& o) { o.member = {}; }, "member");
  refused([](FreezeOrder& o) { o.currency = to_bytes("btc"); }, "currency");
  refused([](FreezeOrder& o) { o.reason.clear(); }, "reason");
  refused([](FreezeOrder& o) { o.reason = to_bytes("a\nb"); }, "reason");
  refused([](FreezeOrder& o) { o.counter = 0; }, "counter");
  refused([](FreezeOrder& o) { o.bundle = 0; }, "bundle");
  refused([](FreezeOrder& o) { o.expires = {}; }, "expiry");
}

TEST(CheckAsk, EveryFieldIsChecked) {
  EXPECT_TRUE(check_ask(fixture::ask()).ok());
  EXPECT_TRUE(check_ask(fixture::ask(fixture::proposal())).ok());
  const auto refused = [&](const std::function<void(Ask&)>& change, std::string_view why) {
    Ask ask = fixture::ask();
    change(ask);
    const Status status = check_ask(ask);
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_TRUE(status.message().starts_with(why)) << status.message();
  };
  refused([](Ask& a) { a.terms = fixture::mint().terms; }, "kind");
  refused([](Ask& a) { a.terms = fixture::payout(1).terms; }, "kind");
  refused([](Ask& a) { a.terms.chain_id = {}; }, "chain id");
  refused([](Ask& a) { a.terms.member = {}; }, "member");
  refused([](Ask& a) { a.terms.payments.resize(1); }, "currency, wallet, slot and payments");
  refused([](Ask& a) { a.terms.proposal = {}; }, "proposal");
  refused([](Ask& a) { a.terms.action.clear(); }, "action");
  refused([](Ask& a) { a.bundle = 0; }, "bundle");
  refused([](Ask& a) { a.bundle_hash = {}; }, "bundle");
  refused([](Ask& a) { a.expires = {}; }, "expiry");
  refused([](Ask& a) { a.expires = model::LedgerMs(UINT64_MAX); }, "expiry");
}

}  // namespace
}  // namespace custody::policy::render
