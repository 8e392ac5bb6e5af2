#include "policy/render/render.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "policy/render/fixture_test.h"
#include "tests/support/paths.h"

namespace custody::policy::render {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::size_t from = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    out.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  EXPECT_EQ(from, text.size()) << "the text must end with a line feed";
  return out;
}

void expect_golden(const std::string& text, const std::string& name) {
  std::ifstream file(tests::source_dir() + "/policy/render/testdata/" + name, std::ios::binary);
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << name;
}

std::string signed_by_alice(const Request& request) {
  return render_vote(request, "alice", "treasury", Vote::kApprove);
}

std::vector<Request> all_requests() {
  return {fixture::payout(1), fixture::payout(30), fixture::mint(), fixture::ballot(), fixture::proposal()};
}

// Invariant 1: printable ASCII, at most 40 lines of 100 columns, whatever the content.
void expect_a_screen(const std::string& text) {
  const std::vector<std::string> lines = lines_of(text);
  EXPECT_LE(lines.size(), kMaxLines);
  for (const std::string& line : lines) {
    EXPECT_TRUE(is_printable(as_bytes(line), kMaxColumns)) << line;
  }
}

TEST(Render, GoldenTexts) {
  expect_golden(signed_by_alice(fixture::payout(1)), "payout_of_one_burn.txt");
  expect_golden(signed_by_alice(fixture::payout(30)), "payout_of_30_burns.txt");
  expect_golden(render_payments(fixture::payout(30).terms), "payments_of_30_burns.txt");
  expect_golden(signed_by_alice(fixture::mint()), "mint.txt");
  expect_golden(render_vote(fixture::ballot(), "bob", "treasury", Vote::kReject), "ballot.txt");
  expect_golden(signed_by_alice(fixture::proposal()), "proposal.txt");
  expect_golden(signed_by_alice(fixture::widest()), "widest.txt");
}

TEST(Render, GoldenOrders) {
  const Request request = fixture::mint();
  FreezeOrder order{request.terms.chain_id,
                    request.terms.member,
                    Freeze::kFreeze,
                    {},
                    to_bytes("seat key of member 3 may be known to others"),
                    1,
                    7,
                    fixture::hash_of("bundle 7"),
                    fixture::at("2026-11-25T20:30:00Z")};
  expect_golden(render_order(order, "alice"), "freeze.txt");
  order.what = Freeze::kUnfreeze;
  order.currency = to_bytes("BTC");
  expect_golden(render_order(order, "bob"), "unfreeze.txt");
  const Activation activation{request.terms.chain_id, request.terms.member, 8, fixture::hash_of("bundle 8"),
                              fixture::hash_of("bundle 7")};
  expect_golden(render_activation(activation, "alice"), "activation.txt");
}

TEST(Render, GoldenAsks) {
  expect_golden(render_ask(fixture::ask(fixture::ballot()), "carol"), "ask_for_ballot.txt");
  expect_golden(render_ask(fixture::ask(fixture::proposal()), "carol"), "ask_for_proposal.txt");
}

TEST(Render, EveryRenderingFitsAScreen) {
  for (const Request& request : all_requests()) expect_a_screen(signed_by_alice(request));
  Request widest = fixture::widest();
  const std::string name(kMaxName, 'z');
  while (!widest.terms.payments.empty()) {
    expect_a_screen(render_vote(widest, name, name, Vote::kApprove));
    widest.terms.payments.pop_back();
    if (widest.terms.payments.size() > 30) widest.terms.payments.resize(30);
  }
  Ask ask = fixture::ask(fixture::proposal());
  ask.terms.action.assign(kMaxAction, 'x');
  ask.bundle = UINT64_MAX;
  expect_a_screen(render_ask(ask, name));
}

TEST(Render, ALongActionIsBrokenWithoutLoss) {
  Request request = fixture::proposal();
  for (const std::string& action :
       {std::string(kMaxAction, 'x'), "word " + std::string(190, 'y'), std::string(99, ' ') + "end",
        std::string("  two  spaces  "), std::string(89, 'a') + " " + std::string(90, 'b') + " c"}) {
    request.terms.action = to_bytes(action);
    const std::string text = render_request(request);
    expect_a_screen(text);
    std::string shown;
    for (const std::string& line : lines_of(text)) {
      if (line.starts_with("evidence")) break;
      if (line.starts_with("action") || !shown.empty()) shown += line.substr(10);
    }
    std::string expected = action;
    std::erase(expected, ' ');
    std::erase(shown, ' ');
    EXPECT_EQ(shown, expected);
  }
}

// Invariant 2 (B1): what is signed says every field; no two requests have one text.
TEST(AbuseB1, EveryFieldOfARequestChangesTheTextAndTheDigest) {
  std::vector<Request> changed(22, fixture::payout(2));
  std::size_t i = 1;  // the first stays as it is
  changed[i++].terms.chain_id.data()[0] ^= 1;
  changed[i++].terms.member = model::MemberId(3);
  changed[i++].terms.currency_code = to_bytes("LTC");
  changed[i++].terms.currency = model::CurrencyId(2);
  changed[i++].terms.decimals = 7;
  changed[i++].terms.epoch = model::WalletEpoch(2);
  changed[i++].terms.slot = model::SlotId(42);
  changed[i++].terms.subject.data()[0] ^= 1;
  changed[i++].terms.payments[1].gateway = to_bytes("beta");
  changed[i++].terms.payments[1].address.back() ^= 1;
  changed[i++].terms.payments[1].owner = to_bytes("Exchange Two Ltd");
  changed[i++].terms.payments[1].amount = model::Amount(1);
  changed[i++].terms.payments[1].fee_cap = model::Amount(1);
  changed[i++].terms.payments[1].burn = 1;
  changed[i++].terms.payments.pop_back();
  changed[i++].wants.pop_back();
  changed[i++].bundle = 8;
  changed[i++].bundle_hash.data()[0] ^= 1;
  changed[i++].height = model::Height(1);
  changed[i++].opened = fixture::at("2026-11-25T19:29:59Z");
  changed[i++].initiator = to_bytes("carol");
  ASSERT_EQ(i, changed.size());
  std::set<std::string> texts;
  std::set<Hash256> digests;
  for (const Request& request : changed) {
    texts.insert(signed_by_alice(request));
    digests.insert(vote_digest(request, "alice", "treasury", Vote::kApprove));
  }
  EXPECT_EQ(texts.size(), changed.size());
  EXPECT_EQ(digests.size(), changed.size());
}

TEST(AbuseB1, AnotherDepositIsAnotherTextAndDigest) {
  const Request mint = fixture::mint();
  for (const auto& change : {+[](Request& r) { r.terms.deposit.txid.data()[0] ^= 1; },
                             +[](Request& r) { ++r.terms.deposit.vout; }}) {
    Request changed = mint;
    change(changed);
    EXPECT_NE(render_request(changed), render_request(mint));
    EXPECT_NE(vote_digest(changed, "alice", "treasury", Vote::kApprove),
              vote_digest(mint, "alice", "treasury", Vote::kApprove));
  }
}

TEST(AbuseB1, APaymentThatIsNotListedChangesTheTextToo) {
  Request request = fixture::payout(30);
  const std::string before = signed_by_alice(request);
  const std::string line_before = before.substr(before.find("list"), 80);
  request.terms.payments[29].address.back() ^= 1;
  const std::string after = signed_by_alice(request);
  EXPECT_NE(line_before, after.substr(after.find("list"), 80));
  EXPECT_NE(after.find(crypto::sha256(as_bytes(render_payments(request.terms))).hex()), std::string::npos);
}

TEST(AbuseB1, EveryFieldOfAnAskChangesTheTextAndTheDigest) {
  std::vector<Ask> changed(9, fixture::ask());
  std::size_t i = 1;  // the first stays as it is
  changed[i++].terms.chain_id.data()[0] ^= 1;
  changed[i++].terms.member = model::MemberId(3);
  changed[i++].terms.subject.data()[0] ^= 1;
  changed[i++].terms.proposal.data()[0] ^= 1;
  changed[i++].terms.approve = false;
  changed[i++].bundle = 8;
  changed[i++].bundle_hash.data()[0] ^= 1;
  changed[i++].expires = fixture::at("2026-11-25T20:30:01Z");
  ASSERT_EQ(i, changed.size());
  changed.push_back(fixture::ask(fixture::proposal()));
  changed.push_back(changed.back());
  changed.back().terms.action.back() ^= 1;
  std::set<std::string> texts;
  std::set<Hash256> digests;
  for (const Ask& ask : changed) {
    texts.insert(render_ask(ask, "alice"));
    digests.insert(ask_digest(ask, "alice"));
  }
  digests.insert(ask_digest(changed[0], "bob"));
  EXPECT_EQ(texts.size(), changed.size());
  EXPECT_EQ(digests.size(), changed.size() + 1);
}

// Invariant 3: another officer, group or answer is another digest.
TEST(Render, WhoSaysWhatIsSigned) {
  const Request request = fixture::mint();
  const std::set<Hash256> digests = {vote_digest(request, "alice", "treasury", Vote::kApprove),
                                     vote_digest(request, "alice", "treasury", Vote::kReject),
                                     vote_digest(request, "alice", "compliance", Vote::kApprove),
                                     vote_digest(request, "bob", "treasury", Vote::kApprove)};
  EXPECT_EQ(digests.size(), 4u);
}

// B7: a text signed for one purpose is worth nothing for another.
TEST(AbuseB7, FreezeAndUnfreezeAndNetworksHaveDigestsOfTheirOwn) {
  FreezeOrder order{fixture::mint().terms.chain_id,
                    model::MemberId(2),
                    Freeze::kFreeze,
                    {},
                    to_bytes("drill"),
                    1,
                    7,
                    fixture::hash_of("bundle 7"),
                    fixture::at("2026-11-25T20:30:00Z")};
  std::set<Hash256> digests = {order_digest(order, "alice")};
  order.what = Freeze::kUnfreeze;
  digests.insert(order_digest(order, "alice"));
  order.counter = 2;
  digests.insert(order_digest(order, "alice"));
  order.chain_id.data()[0] ^= 1;
  digests.insert(order_digest(order, "alice"));
  EXPECT_EQ(digests.size(), 4u);
}

TEST(Render, ARequestIsThePrefixOfItsVotes) {
  for (const Request& request : all_requests()) {
    const std::string text = render_request(request);
    EXPECT_TRUE(signed_by_alice(request).starts_with(text));
    EXPECT_TRUE(text.starts_with("CAASIOPE REQUEST v1\n"));
  }
}

TEST(Render, TheTermsHashSurvivesANewOpening) {
  const Request first = fixture::payout(3);
  Request again = first;
  again.bundle = 8;
  again.opened = fixture::at("2026-11-26T00:00:00Z");
  EXPECT_EQ(terms_hash(first.terms), terms_hash(again.terms));
  EXPECT_NE(request_id(first), request_id(again));
}

TEST(RenderDeathTest, WhatWasNotCheckedIsAMistakeOfOurs) {
  Request request = fixture::payout(1);
  request.terms.payments[0].owner = to_bytes("One\nfee cap   0.0");
  EXPECT_DEATH(render_request(request), "check_request");
}

}  // namespace
}  // namespace custody::policy::render
