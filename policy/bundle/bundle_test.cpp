#include "policy/bundle/bundle.h"

#include <gtest/gtest.h>

#include <functional>

#include "policy/bundle/fixture_test.h"

namespace custody::policy::bundle {
namespace {

using Change = std::function<void(Bundle&)>;

// Refused with a message that has this in it.
void expect_refused(const Change& change, std::string_view why) {
  Bundle bundle = fixture::bundle();
  change(bundle);
  const Status status = check_bundle(bundle);
  EXPECT_EQ(status.code(), Code::kInvalid) << why;
  EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
}

TEST(Bundle, TheExampleIsRight) {
  EXPECT_EQ(check_bundle(fixture::bundle()).to_string(), "ok");
}

// Invariant 1: one bundle has one sequence of bytes.
TEST(Bundle, WhatIsEncodedDecodesToTheSameAndBack) {
  const Bytes bytes = encode_bundle(fixture::bundle());
  const auto decoded = decode_bundle(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
  EXPECT_EQ(*decoded, fixture::bundle());
  EXPECT_EQ(encode_bundle(*decoded), bytes);
}

TEST(Bundle, EveryTruncationAndTrailingByteIsRefused) {
  const Bytes bytes = encode_bundle(fixture::bundle());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_bundle(ByteView(bytes).first(size)).ok()) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_bundle(longer).ok());
  EXPECT_EQ(decode_bundle(Bytes(kMaxBundle + 1)).code(), Code::kInvalid);
}

TEST(Bundle, TheHashIsOfTheBytesAndOfTheNetwork) {
  const Bundle bundle = fixture::bundle();
  Bundle other = bundle;
  other.pending_expiry_hours = 23;
  EXPECT_NE(bundle_hash(bundle), bundle_hash(other));
  other = bundle;
  other.chain_id.data()[31] ^= 1;
  EXPECT_NE(bundle_hash(bundle), bundle_hash(other));
}

TEST(Bundle, TheHeadIsChecked) {
  expect_refused([](Bundle& b) { b.format = 2; }, "format 2 is not known here");
  expect_refused([](Bundle& b) { b.chain_id = {}; }, "network: the chain id is missing");
  expect_refused([](Bundle& b) { b.member = {}; }, "member: the id is missing");
  expect_refused([](Bundle& b) { b.version = 0; }, "versions count from 1");
  expect_refused([](Bundle& b) { b.version = 2; }, "previous: the hash of the version before");
  expect_refused([](Bundle& b) { b.previous = fixture::hash_of(1); }, "only version 1 has none");
}

TEST(Bundle, SchemaAndPoliciesMustParseAndBeThere) {
  expect_refused([](Bundle& b) { b.schema.clear(); }, "schema: 0 bytes");
  expect_refused([](Bundle& b) { b.schema.assign(kMaxSchemaText + 1, ' '); }, "schema: 65537 bytes");
  expect_refused([](Bundle& b) { b.schema = to_bytes("entity ;"); }, "schema: line 1, column 8");
  expect_refused([](Bundle& b) { b.policies.clear(); }, "policies: 0 bytes");
  expect_refused([](Bundle& b) { b.policies.assign(kMaxPolicyText + 1, ' '); }, "policies: 786433 bytes");
  expect_refused([](Bundle& b) { b.policies = to_bytes("permit(principal"); }, "policies: line 1, column");
  expect_refused([](Bundle& b) { b.policies = to_bytes("// none\n"); }, "there is no policy in the text");
}

// Invariant 2: the policies' text is its own canonical form.
TEST(Bundle, PoliciesInAnotherFormAreRefused) {
  expect_refused([](Bundle& b) { b.policies.push_back('\n'); }, "not in canonical form");
  expect_refused([](Bundle& b) { b.policies = to_bytes("permit(principal,action,resource);"); },
                 "not in canonical form");
}

TEST(Bundle, GroupsAreSortedNames) {
  expect_refused([](Bundle& b) { b.groups.clear(); }, "0 groups");
  expect_refused([](Bundle& b) { std::swap(b.groups[0], b.groups[1]); }, "not in ascending order");
  expect_refused([](Bundle& b) { b.groups[1] = b.groups[0]; }, "stands twice");
  expect_refused([](Bundle& b) { b.groups[0] = to_bytes("Compliance"); }, "1 to 32 characters of a-z");
  expect_refused([](Bundle& b) { b.groups[0] = {}; }, "1 to 32 characters of a-z");
  expect_refused([](Bundle& b) { b.groups[0] = to_bytes("distinct"); }, "has a meaning of its own");
  expect_refused([](Bundle& b) { b.groups[1] = to_bytes("wait"); }, "has a meaning of its own");
}

// B3, B5: a person is one officer with one key.
TEST(AbuseB3, DuplicateOfficersAreRefused) {
  expect_refused([](Bundle& b) { b.officers[1].name = b.officers[0].name; }, "\"alice\" stands twice");
  expect_refused([](Bundle& b) { b.officers[2].key = b.officers[0].key; }, "is another's already");
  expect_refused([](Bundle& b) { b.price_source->key = fixture::alice_key().public_key(); },
                 "the key is an officer's");
  expect_refused([](Bundle& b) { std::swap(b.officers[0], b.officers[1]); }, "not in ascending order");
}

TEST(Bundle, OfficersAreChecked) {
  expect_refused([](Bundle& b) { b.officers.clear(); }, "0 officers");
  expect_refused([](Bundle& b) { b.officers[0].name = to_bytes("al ice"); }, "1 to 32 characters of a-z");
  expect_refused([](Bundle& b) { b.officers[0].groups.clear(); }, "officer \"alice\": 0 groups");
  expect_refused([](Bundle& b) { b.officers[0].groups = {to_bytes("ops")}; }, "there is no group \"ops\"");
  expect_refused([](Bundle& b) { std::swap(b.officers[2].groups[0], b.officers[2].groups[1]); },
                 "not in ascending order");
  expect_refused([](Bundle& b) { b.officers[0].valid_until = b.officers[0].valid_from; },
                 "valid_until must be after valid_from");
  expect_refused([](Bundle& b) { b.officers[0].valid_from = model::LedgerMs(1500); }, "a whole second");
  expect_refused([](Bundle& b) { b.officers[0].valid_until = model::LedgerMs(UINT64_MAX); }, "to 9999");
}

TEST(Bundle, KeysLieOnTheirCurve) {
  expect_refused([](Bundle& b) { b.officers[0].key.pop_back(); }, "has 33 bytes, this one has 32");
  expect_refused([](Bundle& b) { b.officers[0].key[0] = 5; }, "not a point of secp256k1");
  expect_refused([](Bundle& b) { b.officers[1].key[0] = 5; }, "not a point of P-256");
  expect_refused([](Bundle& b) { b.officers[1].key.assign(33, 0); }, "not a point of P-256");
  expect_refused([](Bundle& b) { b.officers[0].curve = static_cast<Curve>(3); }, "secp256k1 or p256");
}

TEST(Bundle, TheAllowListIsSortedAndOfKnownCurrencies) {
  expect_refused([](Bundle& b) { std::swap(b.allow_list[0], b.allow_list[1]); }, "not in ascending order");
  expect_refused([](Bundle& b) { b.allow_list[1] = b.allow_list[0]; }, "stands twice");
  expect_refused([](Bundle& b) { b.allow_list[0].address = to_bytes("bc1.q"); },
                 "1 to 90 letters and digits");
  expect_refused([](Bundle& b) { b.allow_list[0].address.assign(91, 'a'); }, "1 to 90 letters and digits");
  expect_refused([](Bundle& b) { b.allow_list[0].owner.clear(); }, "the owner must be");
  expect_refused([](Bundle& b) { b.allow_list[0].owner = to_bytes("One\" fee 0"); }, "the owner must be");
  expect_refused([](Bundle& b) { b.allow_list[0].owner = to_bytes("Caf\xc3\xa9"); }, "the owner must be");
  expect_refused([](Bundle& b) { b.allow_list[0].reason = to_bytes("two\nlines"); }, "the reason must be");
  expect_refused([](Bundle& b) { b.allow_list[0].reason.assign(121, 'a'); }, "the reason must be");
  expect_refused([](Bundle& b) { b.allow_list[0].expires = {}; }, "expires must be a whole second");
  expect_refused([](Bundle& b) { b.allow_list.resize(kMaxAllowList + 1); }, "2001 entries");
}

TEST(AbuseB3, AnUnknownCurrencyIsRefused) {
  expect_refused([](Bundle& b) { b.allow_list[1].currency = to_bytes("XMR"); }, "\"XMR\" has no unit");
}

TEST(Bundle, UnitsAndPriceSourceAreChecked) {
  expect_refused([](Bundle& b) { b.units.clear(); }, "0 units");
  expect_refused([](Bundle& b) { b.units[0].decimals = 10; }, "at most 9 decimals");
  expect_refused([](Bundle& b) { b.units[1].currency = to_bytes("BTC"); }, "unit \"BTC\" stands twice");
  expect_refused([](Bundle& b) { b.units[0].currency = to_bytes("btc"); }, "A-Z and 0-9");
  expect_refused([](Bundle& b) { b.price_source->unit = to_bytes("usd"); }, "A-Z and 0-9");
  expect_refused([](Bundle& b) { b.price_source->name.clear(); }, "price source");
  expect_refused([](Bundle& b) { b.price_source->decimals = 10; }, "at most 9 decimals");
  expect_refused([](Bundle& b) { b.price_source->key = {}; }, "not a point of secp256k1");
  expect_refused([](Bundle& b) { b.price_source->max_age_minutes = 0; }, "max_age_minutes must be 1");
}

// Invariant 3: a quorum is two officers or more and no more than the group has.
TEST(AbuseB3, QuorumsOfZeroOneAndMoreThanTheGroupHasAreRefused) {
  for (const std::uint32_t count : {0u, 1u, 4u, UINT32_MAX}) {
    expect_refused([&](Bundle& b) { b.activation.count = count; }, "activation: " + std::to_string(count));
    expect_refused([&](Bundle& b) { b.unfreeze.count = count; }, "unfreeze: " + std::to_string(count));
  }
  expect_refused([](Bundle& b) { b.activation.group = to_bytes("compliance"); }, "2 of 1 officers");
  expect_refused([](Bundle& b) { b.unfreeze.group = to_bytes("ops"); }, "there is no group \"ops\"");
  Bundle all = fixture::bundle();
  all.activation.count = 3;
  EXPECT_TRUE(check_bundle(all).ok());
}

TEST(AbuseB3, MissingLimitsAreRefused) {
  expect_refused([](Bundle& b) { b.pending_expiry_hours = 0; }, "pending_expiry_hours must be 1");
  expect_refused([](Bundle& b) { b.pending_expiry_hours = kMaxHours + 1; }, "pending_expiry_hours");
  expect_refused([](Bundle& b) { b.activation_delay_minutes = UINT32_MAX; }, "activation_delay_minutes");
}

TEST(Bundle, MoreBytesThanTheLimitAreRefused) {
  Bundle bundle = fixture::bundle();
  const std::string policies =
      "// " + std::string(600'000, 'x') + "\n" + std::string(as_text(bundle.policies));
  bundle.policies = fixture::canonical(policies);
  const AllowEntry entry = bundle.allow_list[0];
  bundle.allow_list.clear();
  for (std::size_t i = 0; i < kMaxAllowList; ++i) {
    bundle.allow_list.push_back(entry);
    bundle.allow_list.back().address = to_bytes(std::string(80, 'a') + std::to_string(10'000 + i));
    bundle.allow_list.back().reason.assign(kMaxReason, 'r');
  }
  const Status status = check_bundle(bundle);
  EXPECT_NE(status.message().find("the limit is 1040384"), std::string::npos) << status.message();
}

TEST(Bundle, AnOfficerIsValidFromTheFirstMomentUntilBeforeTheLast) {
  const Bundle bundle = fixture::bundle();
  const Officer& officer = *find_officer(bundle, as_bytes("alice"));
  EXPECT_FALSE(is_valid_at(officer, model::LedgerMs(officer.valid_from.get() - 1)));
  EXPECT_TRUE(is_valid_at(officer, officer.valid_from));
  EXPECT_TRUE(is_valid_at(officer, model::LedgerMs(officer.valid_until.get() - 1)));
  EXPECT_FALSE(is_valid_at(officer, officer.valid_until));
  EXPECT_EQ(find_officer(bundle, as_bytes("mallory")), nullptr);
}

TEST(Bundle, AQuorumLastsWhileEnoughOfItsGroupAreValid) {
  Bundle bundle = fixture::bundle();
  const model::LedgerMs time = bundle.officers[0].valid_until;
  EXPECT_EQ(quorum_until(bundle, bundle.activation), time);
  EXPECT_EQ(count_valid(bundle, bundle.activation, model::LedgerMs(time.get() - 1)), 3u);
  EXPECT_EQ(count_valid(bundle, bundle.activation, time), 0u);
  bundle.officers[2].valid_until = model::LedgerMs(time.get() + 1'000);
  EXPECT_EQ(quorum_until(bundle, bundle.activation), time) << "carol alone is no quorum";
  EXPECT_EQ(count_valid(bundle, bundle.activation, time), 1u);
  bundle.officers[0].valid_until = model::LedgerMs(time.get() + 2'000);
  EXPECT_EQ(quorum_until(bundle, bundle.activation).get(), time.get() + 1'000);
}

}  // namespace
}  // namespace custody::policy::bundle
