#include "policy/bundle/statement.h"

#include <gtest/gtest.h>

#include <functional>

#include "policy/bundle/fixture_test.h"
#include "policy/render/governance.h"
#include "policy/render/render.h"

namespace custody::policy::bundle {
namespace {

using fixture::at;
using render::Freeze;
using render::Vote;

const ActiveBundle& active() {
  static const ActiveBundle value = make_active(fixture::bundle());
  return value;
}
model::LedgerMs now() {
  return at("2026-11-25T20:00:00Z");
}

// n - s: the other signature that the curve's equation accepts.
Signature with_high_s(const Signature& low, std::string_view order_hex) {
  const Bytes order = *from_hex(order_hex);
  Signature out = low;
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int digit = order[i] - low.data()[32 + i] - borrow;
    out.data()[32 + i] = static_cast<std::uint8_t>(digit & 0xff);
    borrow = digit < 0 ? 1 : 0;
  }
  return out;
}
constexpr char kOrderK1[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
constexpr char kOrderR1[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

void expect_refused(const Status& status, Code code, std::string_view why) {
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_NE(status.message().find(why), std::string::npos) << status.to_string();
}

// Votes.

render::Request request() {
  render::Request out;
  out.terms.chain_id = fixture::chain_id();
  out.terms.member = model::MemberId(2);
  out.terms.kind = model::IntentKind::kBallot;
  out.terms.action = to_bytes("register gateway gary");
  out.terms.proposal.data()[0] = 1;
  out.wants = {{{{to_bytes("treasury"), 2}}}};
  out.bundle = active().bundle.version;
  out.bundle_hash = active().hash;
  out.opened = at("2026-11-25T19:30:00Z");
  out.expires = at("2026-11-26T19:30:00Z");
  return out;
}

SignedVote vote(std::string_view officer, std::string_view group = "treasury", Vote what = Vote::kApprove,
                const render::Request& about = request()) {
  return {render::request_id(about), what, to_bytes(officer), to_bytes(group),
          fixture::sign_as(officer, render::vote_digest(about, officer, group, what))};
}

Status judge(const SignedVote& vote, const std::vector<SignedVote>& before = {}) {
  return verify_vote(vote, request(), before, active(), now());
}

TEST(Vote, OfOfficersWithKeysOfEitherCurveCounts) {
  EXPECT_EQ(judge(vote("alice")).to_string(), "ok");
  EXPECT_EQ(judge(vote("bob")).to_string(), "ok");
  EXPECT_EQ(judge(vote("carol", "compliance")).to_string(), "ok");
  EXPECT_EQ(judge(vote("carol", "treasury", Vote::kReject)).to_string(), "ok");
}

TEST(Vote, TheBytesDecodeToTheSame) {
  const SignedVote original = vote("bob");
  EXPECT_EQ(*decode_vote(encode_vote(original)), original);
}

TEST(Vote, TruncatedOrLongerBytesAreRefused) {
  const Bytes bytes = encode_vote(vote("alice"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_vote(ByteView(bytes).first(size)).ok()) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_vote(longer).ok());
  EXPECT_FALSE(decode_vote(Bytes(kMaxSignedVote + 1)).ok());
}

TEST(AbuseB1, AVoteWhoseTextDiffersInOneWordIsRefused) {
  SignedVote other = vote("alice");
  other.vote = Vote::kReject;
  expect_refused(judge(other), Code::kUnauthenticated, "signature of officer alice is wrong");
  other = vote("carol", "treasury");
  other.group = to_bytes("compliance");
  expect_refused(judge(other), Code::kUnauthenticated, "signature of officer carol is wrong");
}

TEST(AbuseB2, AVoteOfAnEarlierPolicyVersionIsVoid) {
  const ActiveBundle next = make_active(fixture::next_bundle(active().bundle));
  expect_refused(verify_vote(vote("alice"), request(), {}, next, now()), Code::kRefused,
                 "opened under policy version 1, and version 2 is in force: its approvals are void");
  // The same version with other content, as after a restore of other files.
  Bundle twin = fixture::bundle();
  twin.pending_expiry_hours = 1;
  EXPECT_EQ(verify_vote(vote("alice"), request(), {}, make_active(twin), now()).code(), Code::kRefused);
}

TEST(AbuseB5, ASecondApprovalOfOnePersonIsRefused) {
  expect_refused(judge(vote("carol"), {vote("carol")}), Code::kExists,
                 "has approved it already, as treasury");
  expect_refused(judge(vote("carol", "compliance"), {vote("alice"), vote("carol")}), Code::kExists,
                 "officer carol has approved it already, as treasury");
}

TEST(AbuseB5, AnAliasOfOneKeyIsNoBundle) {
  Bundle bundle = fixture::bundle();
  bundle.officers.push_back(bundle.officers[0]);
  bundle.officers.back().name = to_bytes("zoe");
  EXPECT_EQ(check_bundle(bundle).code(), Code::kInvalid);
}

TEST(AbuseB5, WhoAskedMayNotApprove) {
  render::Request own = request();
  own.initiator = to_bytes("alice");
  expect_refused(verify_vote(vote("alice", "treasury", Vote::kApprove, own), own, {}, active(), now()),
                 Code::kRefused, "officer alice asked for it himself");
  EXPECT_TRUE(verify_vote(vote("bob", "treasury", Vote::kApprove, own), own, {}, active(), now()).ok());
}

TEST(Vote, WhoApprovedMayRejectAndThenHasSpoken) {
  const SignedVote reject = vote("alice", "treasury", Vote::kReject);
  EXPECT_TRUE(judge(reject, {vote("alice")}).ok());
  expect_refused(judge(reject, {vote("alice"), reject}), Code::kExists, "has rejected it already");
  expect_refused(judge(vote("alice"), {reject}), Code::kExists, "has rejected it already");
}

TEST(AbuseB6, AnExpiredOfficerIsRefusedFromTheVeryMoment) {
  render::Request late = request();
  late.expires = at("2027-06-01T00:00:00Z");
  const SignedVote approval = vote("alice", "treasury", Vote::kApprove, late);
  const model::LedgerMs end = at("2027-01-01T00:00:00Z");
  EXPECT_TRUE(verify_vote(approval, late, {}, active(), model::LedgerMs(end.get() - 1)).ok());
  expect_refused(verify_vote(approval, late, {}, active(), end), Code::kRefused,
                 "valid from 2026-01-01T00:00:00Z until before 2027-01-01T00:00:00Z, not at");
  EXPECT_EQ(verify_vote(approval, late, {}, active(), at("2025-12-31T23:59:59Z")).code(), Code::kRefused);
}

TEST(AbuseB6, ARevokedOfficerIsRefused) {
  Bundle without = fixture::next_bundle(active().bundle);
  std::erase_if(without.officers, [](const Officer& officer) { return as_text(officer.name) == "alice"; });
  const ActiveBundle next = make_active(without);
  render::Request about = request();
  about.bundle = next.bundle.version;
  about.bundle_hash = next.hash;
  expect_refused(verify_vote(vote("alice", "treasury", Vote::kApprove, about), about, {}, next, now()),
                 Code::kRefused, "there is no officer \"alice\" in policy version 2");
}

TEST(AbuseB6, AVoteThatCountedEndsWithItsOfficersTime) {
  const model::LedgerMs end = at("2027-01-01T00:00:00Z");
  EXPECT_TRUE(still_counts(vote("alice"), active(), model::LedgerMs(end.get() - 1)));
  EXPECT_FALSE(still_counts(vote("alice"), active(), end));
  Bundle changed = fixture::bundle();
  changed.officers[2].groups = {to_bytes("compliance")};
  EXPECT_FALSE(still_counts(vote("carol"), make_active(changed), now()));
  changed.officers.erase(changed.officers.begin());
  EXPECT_FALSE(still_counts(vote("alice"), make_active(changed), now()));
}

TEST(AbuseB6, AnExpiredRequestIsRefused) {
  EXPECT_TRUE(verify_vote(vote("alice"), request(), {}, active(), at("2026-11-26T19:29:59Z")).ok());
  expect_refused(verify_vote(vote("alice"), request(), {}, active(), at("2026-11-26T19:30:00Z")),
                 Code::kRefused, "the request expired at 2026-11-26T19:30:00Z");
}

TEST(AbuseB7, AVoteOnAnotherRequestIsRefused) {
  render::Request other = request();
  other.opened = at("2026-11-25T19:31:00Z");
  const SignedVote replayed = vote("alice", "treasury", Vote::kApprove, other);
  expect_refused(judge(replayed), Code::kRefused, "the vote is about request");
  SignedVote relabelled = replayed;
  relabelled.request = render::request_id(request());
  expect_refused(judge(relabelled), Code::kUnauthenticated, "signature of officer alice is wrong");
}

TEST(AbuseB7, AVoteOfAnotherNetworkIsRefused) {
  render::Request other = request();
  other.terms.chain_id.data()[0] ^= 1;
  SignedVote replayed = vote("alice", "treasury", Vote::kApprove, other);
  replayed.request = render::request_id(request());
  EXPECT_EQ(judge(replayed).code(), Code::kUnauthenticated);
}

TEST(Vote, OfAGroupThatIsNotTheOfficersIsRefused) {
  expect_refused(judge(vote("alice", "compliance")), Code::kRefused, "not in group \"compliance\"");
}

TEST(Vote, OfAnUnknownOfficerIsRefused) {
  SignedVote unknown = vote("alice");
  unknown.officer = to_bytes("mal\nlory");
  expect_refused(judge(unknown), Code::kRefused, "there is no officer \"mal\\x0alory\"");
}

TEST(Vote, WithAKeyOfTheOtherCurveIsRefused) {
  const Hash256 digest = render::vote_digest(request(), "bob", "treasury", Vote::kApprove);
  SignedVote wrong = vote("bob");
  wrong.signature = crypto::SoftwareKey::from_secret(fixture::bob_key().secret())->sign(digest);
  expect_refused(judge(wrong), Code::kUnauthenticated, "signature of officer bob is wrong");
}

TEST(Vote, WithHighSIsRefusedOnEitherCurve) {
  SignedVote high = vote("alice");
  high.signature = with_high_s(high.signature, kOrderK1);
  EXPECT_EQ(judge(high).code(), Code::kUnauthenticated);
  high = vote("bob");
  high.signature = with_high_s(high.signature, kOrderR1);
  EXPECT_EQ(judge(high).code(), Code::kUnauthenticated);
}

// Invariant 5: refusals come in one order, the signature last.
TEST(Vote, OfManyFaultsTheFirstIsNamed) {
  render::Request request_now = request();
  SignedVote bad = vote("alice", "compliance");
  bad.signature = {};
  expect_refused(verify_vote(bad, request_now, {}, active(), now()), Code::kRefused, "not in group");
  bad.officer = to_bytes("nobody");
  expect_refused(verify_vote(bad, request_now, {}, active(), now()), Code::kRefused, "there is no officer");
  expect_refused(verify_vote(bad, request_now, {}, active(), request_now.expires), Code::kRefused, "expired");
  bad.request = {};
  expect_refused(verify_vote(bad, request_now, {}, active(), request_now.expires), Code::kRefused,
                 "the vote is about request");
}

// Asks.

render::Terms terms(bool approve = true) {
  model::TxId proposal;
  proposal.data()[0] = 1;
  return render::ballot_terms(fixture::chain_id(), {model::MemberId(2), proposal, approve},
                              as_bytes("register gateway gary"));
}

render::Ask an_ask() {
  return {terms(), active().bundle.version, active().hash, at("2026-11-25T21:00:00Z")};
}

SignedAsk signed_ask(std::string_view officer, const render::Ask& ask = an_ask()) {
  return {ask, to_bytes(officer), fixture::sign_as(officer, render::ask_digest(ask, officer))};
}

Status judge_ask(const SignedAsk& ask, model::LedgerMs time = now()) {
  return verify_ask(ask, terms(), active(), time);
}

TEST(Ask, OfOfficersWithKeysOfEitherCurveCounts) {
  for (const char* officer : {"alice", "bob", "carol"}) {
    EXPECT_EQ(judge_ask(signed_ask(officer)).to_string(), "ok") << officer;
  }
  render::Ask proposal = an_ask();
  proposal.terms = render::proposal_terms(fixture::chain_id(), model::MemberId(2), as_bytes("do this"));
  EXPECT_EQ(verify_ask(signed_ask("alice", proposal), proposal.terms, active(), now()).to_string(), "ok");
}

TEST(Ask, TheBytesDecodeToTheSameAndNoTruncationDoes) {
  render::Ask widest = an_ask();
  widest.terms = render::proposal_terms(fixture::chain_id(), model::MemberId(UINT16_MAX),
                                        Bytes(render::kMaxAction, 'x'));
  widest.bundle = UINT64_MAX;
  widest.expires = render::kMaxTime;
  const SignedAsk original{widest, Bytes(kMaxName, 'x'), {}};
  const Bytes bytes = encode_ask(original);
  EXPECT_LE(bytes.size(), kMaxSignedAsk);
  EXPECT_EQ(*decode_ask(bytes), original);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_ask(ByteView(bytes).first(size)).ok()) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_ask(longer).ok());
  EXPECT_FALSE(decode_ask(Bytes(kMaxSignedAsk + 1)).ok());
}

TEST(Ask, ForWhatNobodyCanAskForDoesNotDecode) {
  SignedAsk wrong = signed_ask("alice");
  wrong.ask.terms.kind = model::IntentKind::kMint;
  EXPECT_EQ(decode_ask(encode_ask(wrong)).status().message(), "ask: kind must be proposal or ballot");
  EXPECT_EQ(judge_ask(wrong).code(), Code::kInvalid);
}

TEST(AbuseB7, AnAskForOthersIsRefused) {
  const auto refused = [](const std::function<void(render::Ask&)>& change, std::string_view why) {
    render::Ask changed = an_ask();
    change(changed);
    expect_refused(judge_ask(signed_ask("alice", changed)), Code::kRefused, why);
  };
  refused([](render::Ask& a) { a.terms.chain_id.data()[0] ^= 1; }, "the ask is for another network");
  refused([](render::Ask& a) { a.terms.member = model::MemberId(3); }, "for member 3, this is member 2");
  refused([](render::Ask& a) { a.bundle = 2; }, "the ask was signed under policy version 2");
  refused([](render::Ask& a) { a.bundle_hash.data()[0] ^= 1; }, "signed under policy version 1");
  refused([](render::Ask& a) { a.terms.subject.data()[0] ^= 1; }, "the ask is about subject");
  refused([](render::Ask& a) { a.terms.approve = false; }, "but for something else");
  refused([](render::Ask& a) { a.terms.proposal.data()[1] ^= 1; }, "but for something else");
}

// Abuse case B6, by the time of the ledger.
TEST(AbuseB6, AnAskCountsUntilItExpiresAndNeverForLongerThanADay) {
  const SignedAsk ask = signed_ask("alice");
  EXPECT_TRUE(judge_ask(ask, model::LedgerMs(ask.ask.expires.get() - 1)).ok());
  expect_refused(judge_ask(ask, ask.ask.expires), Code::kRefused, "the ask expired at 2026-11-25T21:00:00Z");
  const model::LedgerMs day_before(ask.ask.expires.get() - kMaxAskHours * 3'600'000);
  EXPECT_TRUE(judge_ask(ask, day_before).ok());
  expect_refused(judge_ask(ask, model::LedgerMs(day_before.get() - 1)), Code::kRefused, "more than 24 hours");
}

TEST(AbuseB6, AnAskOfAnOfficerWhoIsUnknownOrNotValidIsRefused) {
  SignedAsk unknown = signed_ask("alice");
  unknown.officer = to_bytes("mallory");
  expect_refused(judge_ask(unknown), Code::kRefused, "there is no officer \"mallory\" in policy version 1");
  render::Ask late = an_ask();
  late.expires = at("2027-01-01T12:00:00Z");
  const model::LedgerMs end = at("2027-01-01T00:00:00Z");
  EXPECT_TRUE(judge_ask(signed_ask("alice", late), model::LedgerMs(end.get() - 1)).ok());
  expect_refused(judge_ask(signed_ask("alice", late), end), Code::kRefused, "officer alice is valid from");
}

TEST(Ask, SignaturesAreChecked) {
  SignedAsk wrong = signed_ask("bob");
  wrong.signature = crypto::SoftwareKey::from_secret(fixture::bob_key().secret())
                        ->sign(render::ask_digest(wrong.ask, "bob"));
  expect_refused(judge_ask(wrong), Code::kUnauthenticated, "signature of officer bob is wrong");
  SignedAsk high = signed_ask("alice");
  high.signature = with_high_s(high.signature, kOrderK1);
  EXPECT_EQ(judge_ask(high).code(), Code::kUnauthenticated);
  high = signed_ask("bob");
  high.signature = with_high_s(high.signature, kOrderR1);
  EXPECT_EQ(judge_ask(high).code(), Code::kUnauthenticated);
  SignedAsk renamed = signed_ask("alice");
  renamed.officer = to_bytes("carol");
  expect_refused(judge_ask(renamed), Code::kUnauthenticated, "signature of officer carol is wrong");
}

// Invariant 5: refusals come in one order, the signature last.
TEST(Ask, OfManyFaultsTheFirstIsNamed) {
  SignedAsk bad = signed_ask("alice");
  bad.signature = {};
  const model::LedgerMs end = at("2027-01-01T00:00:00Z");
  bad.ask.expires = end;
  expect_refused(judge_ask(bad, model::LedgerMs(end.get() - 1)), Code::kUnauthenticated, "signature");
  bad.officer = to_bytes("nobody");
  expect_refused(judge_ask(bad, model::LedgerMs(end.get() - 1)), Code::kRefused, "there is no officer");
  expect_refused(judge_ask(bad, end), Code::kRefused, "the ask expired");
  bad.ask.terms.approve = false;
  expect_refused(judge_ask(bad, end), Code::kRefused, "but for something else");
  bad.ask.bundle = 2;
  expect_refused(judge_ask(bad, end), Code::kRefused, "signed under policy version 2");
}

// Bundles.

SignedBundle signed_by(const Bundle& bundle, const std::vector<std::string>& officers) {
  SignedBundle out{encode_bundle(bundle), {}};
  for (const std::string& officer : officers) {
    const Hash256 digest = render::activation_digest(activation_of(bundle), officer);
    out.signatures.push_back({to_bytes(officer), fixture::sign_as(officer, digest)});
  }
  return out;
}

Status judge_bundle(const SignedBundle& bundle) {
  return verify_bundle(bundle, active(), now()).status();
}

Bundle next() {
  return fixture::next_bundle(active().bundle);
}

TEST(Activation, AQuorumPutsTheNextVersionInForce) {
  const auto verified = verify_bundle(signed_by(next(), {"alice", "bob"}), active(), now());
  ASSERT_TRUE(verified.ok()) << verified.status().to_string();
  EXPECT_EQ(*verified, next());
  EXPECT_TRUE(judge_bundle(signed_by(next(), {"alice", "bob", "carol"})).ok());
}

TEST(Activation, TheBytesDecodeToTheSameAndNoTruncationDoes) {
  const SignedBundle original = signed_by(next(), {"alice", "bob"});
  const Bytes bytes = encode_signed_bundle(original);
  EXPECT_EQ(*decode_signed_bundle(bytes), original);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_signed_bundle(ByteView(bytes).first(size));
    EXPECT_FALSE(decoded.ok() && judge_bundle(*decoded).ok()) << size;
  }
  EXPECT_FALSE(decode_signed_bundle(Bytes(kMaxSignedBundle + 1)).ok());
}

TEST(AbuseB11, FewerSignaturesThanTheQuorumActivateNothing) {
  expect_refused(judge_bundle(signed_by(next(), {})), Code::kRefused, "0 of the 2 signatures");
  expect_refused(judge_bundle(signed_by(next(), {"alice"})), Code::kRefused, "1 of the 2 signatures");
}

TEST(AbuseB5, OnePersonTwiceIsNoQuorum) {
  expect_refused(judge_bundle(signed_by(next(), {"alice", "alice"})), Code::kRefused, "alice signs twice");
  expect_refused(judge_bundle(signed_by(next(), {"bob", "alice"})), Code::kInvalid, "not in the order");
}

TEST(AbuseB4, AnOlderOrEqualVersionIsRefusedHoweverWellItIsSigned) {
  const ActiveBundle second = make_active(next());
  const Bundle third = fixture::next_bundle(second.bundle);
  const SignedBundle again = signed_by(second.bundle, {"alice", "bob"});
  expect_refused(verify_bundle(again, second, now()).status(), Code::kRefused,
                 "version 2 is not newer than version 2");
  expect_refused(verify_bundle(again, make_active(third), now()).status(), Code::kRefused,
                 "version 2 is not newer than version 3");
  expect_refused(verify_bundle(signed_by(active().bundle, {"alice", "bob"}), second, now()).status(),
                 Code::kRefused, "version 1 is not newer than version 2");
}

// Nobody could replace it, or end a freeze, ever again.
TEST(Activation, AVersionUnderWhichNoQuorumIsValidIsRefused) {
  const model::LedgerMs effective = effective_time(active().bundle, now());
  Bundle lost = next();
  for (Officer& officer : lost.officers) officer.valid_until = effective;
  expect_refused(judge_bundle(signed_by(lost, {"alice", "bob"})), Code::kRefused,
                 "nobody could put another version in force: of group treasury 0 would be valid");
  for (std::size_t i = 0; i < 2; ++i) lost.officers[i].valid_until = model::LedgerMs(effective.get() + 1'000);
  EXPECT_TRUE(judge_bundle(signed_by(lost, {"alice", "bob"})).ok());
  lost = next();
  for (std::size_t i = 0; i < 2; ++i) lost.officers[i].valid_from = model::LedgerMs(effective.get() + 1'000);
  expect_refused(judge_bundle(signed_by(lost, {"alice", "bob"})), Code::kRefused, "1 would be valid");
  lost = next();
  lost.unfreeze = {to_bytes("compliance"), 2};
  lost.officers[0].groups = {to_bytes("compliance"), to_bytes("treasury")};
  lost.officers[0].valid_until = effective;
  expect_refused(judge_bundle(signed_by(lost, {"alice", "bob"})), Code::kRefused,
                 "nobody could end a freeze");
}

// Versions that waited and were replaced leave gaps.
TEST(Activation, AVersionMayLieAboveTheNextButNotFarAbove) {
  Bundle later = next();
  later.version = active().bundle.version + kMaxVersionStep;
  EXPECT_TRUE(judge_bundle(signed_by(later, {"alice", "bob"})).ok());
  ++later.version;
  expect_refused(judge_bundle(signed_by(later, {"alice", "bob"})), Code::kRefused,
                 "version 1002 is too far above version 1");
}

TEST(Activation, AnotherHistoryNetworkOrMemberIsRefused) {
  Bundle other = next();
  other.previous.data()[0] ^= 1;
  expect_refused(judge_bundle(signed_by(other, {"alice", "bob"})), Code::kRefused, "the bundle follows");
  other = next();
  other.chain_id.data()[0] ^= 1;
  expect_refused(judge_bundle(signed_by(other, {"alice", "bob"})), Code::kRefused, "is for network");
  other = next();
  other.member = model::MemberId(3);
  expect_refused(judge_bundle(signed_by(other, {"alice", "bob"})), Code::kRefused, "is for member 3");
}

TEST(AbuseB3, ABundleThatBreaksARuleIsRefusedWithAllSignatures) {
  Bundle bad = next();
  bad.activation.count = 1;
  expect_refused(judge_bundle(signed_by(bad, {"alice", "bob"})), Code::kInvalid, "is no quorum");
}

// Who has no key must not make a signer read a megabyte of policies: votes wait for it.
TEST(AbuseA4, WhatNoQuorumSignedIsNotRead) {
  Bundle bad = next();
  bad.policies = to_bytes("this is no policy");
  expect_refused(judge_bundle(signed_by(bad, {"alice"})), Code::kRefused, "1 of the 2 signatures");
  bad.version = 1;
  expect_refused(judge_bundle(signed_by(bad, {})), Code::kRefused, "is not newer");
}

// Whoever hands the file on could add one, and no officer could take it out again.
TEST(Activation, ASignatureThatDoesNotCountKeepsNoOtherFromCounting) {
  SignedBundle bundle = signed_by(next(), {"alice", "bob", "carol"});
  bundle.signatures[2].signature = {};
  EXPECT_TRUE(judge_bundle(bundle).ok());
  bundle.signatures[2].officer = to_bytes("dave");
  EXPECT_TRUE(judge_bundle(bundle).ok());
  bundle.signatures[1].signature = {};
  expect_refused(judge_bundle(bundle), Code::kUnauthenticated, "1 of the 2 signatures that group");
  expect_refused(judge_bundle(bundle), Code::kUnauthenticated, "bob is wrong");
}

TEST(Activation, NamesTwiceOrOutOfOrderAreNoListOfSignatures) {
  SignedBundle bundle = signed_by(next(), {"alice", "bob", "carol"});
  std::swap(bundle.signatures[1], bundle.signatures[2]);
  expect_refused(judge_bundle(bundle), Code::kInvalid, "not in the order");
  bundle.signatures[1] = bundle.signatures[0];
  expect_refused(judge_bundle(bundle), Code::kRefused, "alice signs twice");
}

TEST(Activation, TheActiveBundlesOfficersDecideNotTheNewOnes) {
  Bundle coup = next();
  coup.officers[0].key = to_bytes(fixture::oracle_key().public_key().view());
  coup.price_source.reset();
  SignedBundle bundle = signed_by(coup, {"alice", "bob"});
  bundle.signatures[0].signature =
      fixture::oracle_key().sign(render::activation_digest(activation_of(coup), "alice"));
  expect_refused(judge_bundle(bundle), Code::kUnauthenticated, "alice is wrong");
}

TEST(Activation, OfficersOutsideTheGroupOrTheirTimeAreRefused) {
  Bundle first = fixture::bundle();
  first.activation = {to_bytes("treasury"), 2};
  first.officers[2].groups = {to_bytes("compliance")};
  first.officers[1].valid_until = at("2026-06-01T00:00:00Z");
  const ActiveBundle base = make_active(first);
  const Bundle following = fixture::next_bundle(first);
  expect_refused(verify_bundle(signed_by(following, {"alice", "carol"}), base, now()).status(),
                 Code::kRefused, "carol is not in group \"treasury\"");
  expect_refused(verify_bundle(signed_by(following, {"alice", "bob"}), base, now()).status(), Code::kRefused,
                 "officer bob is valid from");
}

TEST(AbuseB7, ASignatureForAnotherBundleOrPurposeIsRefused) {
  SignedBundle bundle = signed_by(next(), {"alice", "bob"});
  Bundle other = next();
  other.pending_expiry_hours = 13;
  bundle.bundle = encode_bundle(other);
  EXPECT_EQ(judge_bundle(bundle).code(), Code::kUnauthenticated);
}

// Freezes.

render::FreezeOrder order(Freeze what, std::uint64_t counter, std::string_view currency = "") {
  return {fixture::chain_id(),
          model::MemberId(2),
          what,
          to_bytes(currency),
          to_bytes("a key may be known"),
          counter,
          1,
          active().hash,
          at("2026-11-25T21:00:00Z")};
}

SignedOrder signed_order(const render::FreezeOrder& order, const std::vector<std::string>& officers) {
  SignedOrder out{order, {}};
  for (const std::string& officer : officers) {
    out.signatures.push_back(
        {to_bytes(officer), fixture::sign_as(officer, render::order_digest(order, officer))});
  }
  return out;
}

Status judge_order(const SignedOrder& order, const FreezeState& state = {}) {
  return verify_order(order, state, active(), now());
}

TEST(AbuseB11, AnyOneOfficerFreezesAndAQuorumEndsIt) {
  const SignedOrder freeze = signed_order(order(Freeze::kFreeze, 1), {"carol"});
  ASSERT_EQ(judge_order(freeze).to_string(), "ok");
  const FreezeState frozen = apply_order(freeze.order, {});
  EXPECT_TRUE(is_frozen(frozen, as_bytes("BTC")));
  EXPECT_TRUE(is_frozen(frozen, as_bytes("LTC")));
  const render::FreezeOrder end = order(Freeze::kUnfreeze, 2);
  expect_refused(judge_order(signed_order(end, {"alice"}), frozen), Code::kRefused, "1 of the 2 signatures");
  expect_refused(judge_order(signed_order(end, {"alice", "alice"}), frozen), Code::kRefused, "signs twice");
  ASSERT_TRUE(judge_order(signed_order(end, {"alice", "bob"}), frozen).ok());
  EXPECT_FALSE(is_frozen(apply_order(end, frozen), as_bytes("BTC")));
}

TEST(Freeze, OneCurrencyLeavesTheOthers) {
  FreezeState state = apply_order(order(Freeze::kFreeze, 1, "LTC"), {});
  EXPECT_TRUE(is_frozen(state, as_bytes("LTC")));
  EXPECT_FALSE(is_frozen(state, as_bytes("BTC")));
  state = apply_order(order(Freeze::kFreeze, 2, "BTC"), state);
  ASSERT_EQ(state.in_force.size(), 2u);
  EXPECT_EQ(state.in_force[0].currency, to_bytes("BTC"));
  EXPECT_EQ(state.in_force[1].currency, to_bytes("LTC"));
  EXPECT_EQ(apply_order(order(Freeze::kFreeze, 3, "BTC"), state).in_force.size(), 2u);
  state = apply_order(order(Freeze::kUnfreeze, 3, "LTC"), state);
  EXPECT_FALSE(is_frozen(state, as_bytes("LTC")));
  EXPECT_TRUE(is_frozen(state, as_bytes("BTC")));
  EXPECT_EQ(state.counter, 3u);
}

TEST(Freeze, TheEndForOneCurrencyDoesNotEndTheFreezeOfEverything) {
  FreezeState state = apply_order(order(Freeze::kFreeze, 1), {});
  expect_refused(judge_order(signed_order(order(Freeze::kUnfreeze, 2, "BTC"), {"alice", "bob"}), state),
                 Code::kRefused, "BTC by itself is not frozen");
  state = apply_order(order(Freeze::kFreeze, 2, "BTC"), state);
  state = apply_order(order(Freeze::kUnfreeze, 3, "BTC"), state);
  EXPECT_TRUE(is_frozen(state, as_bytes("BTC")));
  EXPECT_EQ(apply_order(order(Freeze::kUnfreeze, 4), state), (FreezeState{4, {}}));
}

// Whoever ends a freeze must know whose it is; one of everything does not hide those before it.
TEST(Freeze, EachSaysWhoOrderedItWhyAndWhen) {
  render::FreezeOrder one = order(Freeze::kFreeze, 1, "LTC");
  one.reason = to_bytes("a stolen key");
  FreezeState state = apply_order(one, {}, as_bytes("carol"), model::LedgerMs(1'000));
  state = apply_order(order(Freeze::kFreeze, 2), state, as_bytes("alice"), model::LedgerMs(2'000));
  ASSERT_EQ(state.in_force.size(), 2u);
  EXPECT_TRUE(is_everything_frozen(state));
  EXPECT_EQ(find_freeze(state, as_bytes("LTC"))->officer, to_bytes("alice"));
  EXPECT_EQ(state.in_force[1], (FreezeInForce{to_bytes("LTC"), to_bytes("carol"), to_bytes("a stolen key"),
                                              model::LedgerMs(1'000)}));
  EXPECT_EQ(apply_order(order(Freeze::kFreeze, 3), state, as_bytes("bob"), now()).in_force, state.in_force)
      << "the first stays";
  state = apply_order(order(Freeze::kUnfreeze, 3), state);
  EXPECT_EQ(find_freeze(state, as_bytes("LTC")), nullptr);
}

TEST(AbuseB7, AnOrderCountsOnce) {
  const SignedOrder freeze = signed_order(order(Freeze::kFreeze, 1), {"alice"});
  const FreezeState state = apply_order(freeze.order, {});
  expect_refused(judge_order(freeze, state), Code::kExists, "has taken effect already");
  const FreezeState later = apply_order(order(Freeze::kUnfreeze, 2), state);
  expect_refused(judge_order(freeze, later), Code::kExists, "has taken effect already");
  expect_refused(judge_order(signed_order(order(Freeze::kFreeze, 9), {"alice"}), later), Code::kRefused,
                 "the next order has the counter 3, not 9");
}

// One dishonest officer may freeze, but not use up the counters of the others' orders with freezes that
// change nothing: that would keep their freeze, or its end, from ever taking effect.
TEST(AbuseB11, AFreezeOfWhatIsFrozenUsesNoCounter) {
  const FreezeState one = apply_order(order(Freeze::kFreeze, 1, "BTC"), {});
  expect_refused(judge_order(signed_order(order(Freeze::kFreeze, 2, "BTC"), {"carol"}), one), Code::kExists,
                 "BTC is frozen already");
  EXPECT_TRUE(judge_order(signed_order(order(Freeze::kFreeze, 2, "LTC"), {"carol"}), one).ok());
  const FreezeState all = apply_order(order(Freeze::kFreeze, 2), one);
  for (const std::string_view what : {"", "BTC", "LTC"}) {
    expect_refused(judge_order(signed_order(order(Freeze::kFreeze, 3, what), {"carol"}), all), Code::kExists,
                   "everything is frozen already");
  }
  EXPECT_TRUE(judge_order(signed_order(order(Freeze::kUnfreeze, 3), {"alice", "bob"}), all).ok());
}

TEST(Freeze, WhatIsNotFrozenIsNotUnfrozen) {
  expect_refused(judge_order(signed_order(order(Freeze::kUnfreeze, 1), {"alice", "bob"})), Code::kRefused,
                 "nothing is frozen");
}

TEST(Freeze, OrdersForOthersOrOfOtherTimesAreRefused) {
  const auto refused = [](const std::function<void(render::FreezeOrder&)>& change, std::string_view why) {
    render::FreezeOrder changed = order(Freeze::kFreeze, 1);
    change(changed);
    expect_refused(judge_order(signed_order(changed, {"alice"})), Code::kRefused, why);
  };
  refused([](render::FreezeOrder& o) { o.chain_id.data()[0] ^= 1; }, "another network");
  refused([](render::FreezeOrder& o) { o.member = model::MemberId(3); }, "for member 3");
  refused([](render::FreezeOrder& o) { o.bundle = 2; }, "signed under policy version 2");
  refused([](render::FreezeOrder& o) { o.bundle_hash.data()[0] ^= 1; }, "signed under policy version 1");
  refused([](render::FreezeOrder& o) { o.currency = to_bytes("XMR"); }, "no currency XMR");
  refused([](render::FreezeOrder& o) { o.expires = now(); }, "the order expired at");
}

TEST(Freeze, ManyCurrenciesAreFrozenTogether) {
  FreezeState state;
  for (std::size_t i = 0; i < kMaxFrozen; ++i)
    state.in_force.push_back({to_bytes("A" + std::to_string(10 + i)), {}, {}, {}});
  expect_refused(judge_order(signed_order(order(Freeze::kFreeze, 1, "BTC"), {"alice"}), state),
                 Code::kExhausted, "64 currencies are frozen");
  EXPECT_TRUE(judge_order(signed_order(order(Freeze::kFreeze, 1), {"alice"}), state).ok());
}

TEST(Freeze, SignaturesAreChecked) {
  SignedOrder freeze = signed_order(order(Freeze::kFreeze, 1), {"alice"});
  freeze.order.reason = to_bytes("another reason");
  expect_refused(judge_order(freeze), Code::kUnauthenticated, "alice is wrong");
  expect_refused(judge_order(signed_order(order(Freeze::kFreeze, 1), {})), Code::kRefused,
                 "has one signature");
  expect_refused(judge_order(signed_order(order(Freeze::kFreeze, 1), {"alice", "bob"})), Code::kRefused,
                 "has one signature");
  freeze = signed_order(order(Freeze::kFreeze, 1), {"alice"});
  freeze.signatures[0].officer = to_bytes("mallory");
  expect_refused(judge_order(freeze), Code::kRefused, "no officer \"mallory\"");
  SignedOrder relabelled = signed_order(order(Freeze::kUnfreeze, 1), {"alice"});
  relabelled.order.what = Freeze::kFreeze;
  expect_refused(judge_order(relabelled), Code::kUnauthenticated, "alice is wrong");
}

TEST(Freeze, TheBytesDecodeToTheSameAndNoTruncationDoes) {
  const SignedOrder original = signed_order(order(Freeze::kUnfreeze, 1, "BTC"), {"alice", "bob"});
  const Bytes bytes = encode_order(original);
  EXPECT_EQ(*decode_order(bytes), original);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_order(ByteView(bytes).first(size));
    EXPECT_FALSE(decoded.ok() && *decoded == original) << size;
  }
  SignedOrder wrong = original;
  wrong.order.counter = 0;
  EXPECT_EQ(decode_order(encode_order(wrong)).status().message(), "order: counter must be above zero");
}

}  // namespace
}  // namespace custody::policy::bundle
