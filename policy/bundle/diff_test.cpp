#include "policy/bundle/diff.h"

#include <gtest/gtest.h>

#include <functional>

#include "policy/bundle/fixture_test.h"
#include "policy/render/text.h"

namespace custody::policy::bundle {
namespace {

using fixture::at;
using Lines = std::vector<std::string>;

Lines words(const std::vector<Change>& changes) {
  Lines out;
  for (const Change& change : changes) {
    EXPECT_TRUE(render::is_printable(as_bytes(change.sentence), 100'000)) << change.sentence;
    out.push_back(std::string(kind_name(change.kind)) + " " + std::string(effect_name(change.effect)) + ": " +
                  change.sentence);
  }
  return out;
}

void expect_change(const std::function<void(Bundle&)>& change, const std::string& forth,
                   const std::string& back) {
  const Bundle before = fixture::bundle();
  Bundle after = before;
  change(after);
  EXPECT_TRUE(check_bundle(after).ok()) << check_bundle(after).to_string();
  EXPECT_EQ(words(diff_bundles(before, after)), Lines{forth});
  EXPECT_EQ(words(diff_bundles(after, before)), Lines{back});
}

TEST(Diff, TheSameBundleSaysNothing) {
  EXPECT_TRUE(diff_bundles(fixture::bundle(), fixture::bundle()).empty());
}

TEST(Diff, ForWhomAndAfterWhatItIs) {
  Bundle before = fixture::bundle();
  before.version = 2;
  before.previous = fixture::hash_of(1);
  Bundle after = before;
  after.version = 3;
  after.previous = fixture::hash_of(2);
  EXPECT_EQ(words(diff_bundles(before, after)),
            (Lines{"version neutral: the version is 3, before it was 2",
                   "version neutral: the hash of the version before it is " + after.previous.hex() +
                       ", before it was " + before.previous.hex()}));
  const model::ChainId other(fixture::hash_of(9).array());
  expect_change([&](Bundle& b) { b.chain_id = other; },
                "network unknown: attention: this is for another network, " + other.hex() +
                    ", before it was " + fixture::chain_id().hex(),
                "network unknown: attention: this is for another network, " + fixture::chain_id().hex() +
                    ", before it was " + other.hex());
  expect_change([](Bundle& b) { b.member = model::MemberId(3); },
                "member unknown: attention: this is for another member, 3, before it was 2",
                "member unknown: attention: this is for another member, 2, before it was 3");
}

TEST(Diff, Officers) {
  const auto key = crypto::p256::SoftwareKey::from_secret(fixture::alice_key().secret())->public_key();
  expect_change(
      [&](Bundle& b) {
        b.officers.push_back(fixture::officer("dave", {"compliance", "treasury"}, Curve::kP256, key));
      },
      "officer loosens: officer dave is added to compliance, treasury with the key P-256 " + key.hex() +
          ", valid from 2026-01-01T00:00:00Z until 2027-01-01T00:00:00Z",
      "officer tightens: officer dave is removed from compliance, treasury");
  expect_change(
      [](Bundle& b) { b.officers[0].groups.insert(b.officers[0].groups.begin(), to_bytes("compliance")); },
      "officer loosens: officer alice joins group compliance, valid until 2027-01-01T00:00:00Z",
      "officer tightens: officer alice leaves group compliance");
  expect_change([](Bundle& b) { b.officers[1].valid_until = at("2028-01-01T00:00:00Z"); },
                "officer loosens: officer bob is valid until 2028-01-01T00:00:00Z, before it was "
                "2027-01-01T00:00:00Z",
                "officer tightens: officer bob is valid until 2027-01-01T00:00:00Z, before it was "
                "2028-01-01T00:00:00Z");
  expect_change([](Bundle& b) { b.officers[1].valid_from = at("2026-02-01T00:00:00Z"); },
                "officer tightens: officer bob is valid from 2026-02-01T00:00:00Z, before it was "
                "2026-01-01T00:00:00Z; until 2027-01-01T00:00:00Z",
                "officer loosens: officer bob is valid from 2026-01-01T00:00:00Z, before it was "
                "2026-02-01T00:00:00Z; until 2027-01-01T00:00:00Z");
}

TEST(Diff, AKeyChangeIsForAPersonToJudge) {
  Bundle after = fixture::bundle();
  std::swap(after.officers[0].key, after.officers[2].key);
  const Lines lines = words(diff_bundles(fixture::bundle(), after));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "officer unknown: officer alice has the key secp256k1 " +
                          fixture::carol_key().public_key().hex() + ", before it was secp256k1 " +
                          fixture::alice_key().public_key().hex());
}

TEST(Diff, GroupsAndQuorums) {
  expect_change([](Bundle& b) { b.groups.insert(b.groups.begin(), to_bytes("audit")); },
                "group neutral: group audit is added", "group neutral: group audit is removed");
  expect_change([](Bundle& b) { b.activation.count = 3; },
                "quorum tightens: the quorum for activation is raised from 2 to 3 of treasury",
                "quorum loosens: the quorum for activation is lowered from 3 to 2 of treasury");
}

TEST(Diff, AQuorumOfAnotherGroupIsForAPersonToJudge) {
  Bundle before = fixture::bundle();
  before.officers[0].groups.insert(before.officers[0].groups.begin(), to_bytes("compliance"));
  Bundle after = before;
  after.unfreeze.group = to_bytes("compliance");
  EXPECT_EQ(words(diff_bundles(before, after)),
            Lines{"quorum unknown: unfreezing takes 2 of compliance, before it was 2 of treasury"});
}

TEST(Diff, Times) {
  expect_change([](Bundle& b) { b.activation_delay_minutes = 30; },
                "time loosens: the delay of an activation is 30 minutes, before it was 60 minutes",
                "time tightens: the delay of an activation is 60 minutes, before it was 30 minutes");
  expect_change(
      [](Bundle& b) { b.pending_expiry_hours = 12; },
      "time tightens: the time after which a waiting request expires is 12 hours, before it was 24 hours",
      "time loosens: the time after which a waiting request expires is 24 hours, before it was 12 hours");
}

TEST(Diff, AllowList) {
  expect_change(
      [](Bundle& b) { b.allow_list.erase(b.allow_list.begin()); },
      "allow_list tightens: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq of \"Exchange One "
      "Ltd\" is listed no more",
      "allow_list loosens: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq of \"Exchange One "
      "Ltd\" is listed until 2026-12-31T00:00:00Z: settlement account, ticket 17");
  expect_change([](Bundle& b) { b.allow_list[0].owner = to_bytes("Other Ltd"); },
                "allow_list unknown: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq is of \"Other "
                "Ltd\", before it was of \"Exchange One Ltd\"",
                "allow_list unknown: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq is of \"Exchange "
                "One Ltd\", before it was of \"Other Ltd\"");
  expect_change(
      [](Bundle& b) { b.allow_list[0].reason = to_bytes("ticket 18"); },
      "allow_list neutral: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq has another reason: "
      "ticket 18",
      "allow_list neutral: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq has another reason: "
      "settlement account, ticket 17");
  expect_change([](Bundle& b) { b.allow_list[0].expires = at("2027-12-31T00:00:00Z"); },
                "allow_list loosens: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq is listed until "
                "2027-12-31T00:00:00Z, before it was 2026-12-31T00:00:00Z",
                "allow_list tightens: BTC address bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq is listed until "
                "2026-12-31T00:00:00Z, before it was 2027-12-31T00:00:00Z");
}

TEST(Diff, UnitsPriceSourceAndSchema) {
  expect_change([](Bundle& b) { b.units.push_back({to_bytes("XMR"), 6}); },
                "unit loosens: currency XMR is known, in units of 6 decimals",
                "unit tightens: currency XMR is known no more");
  expect_change([](Bundle& b) { b.units[0].decimals = 8; },
                "unit tightens: the unit of currency BTC is 8 decimals, before it was 4 decimals: the same "
                "number in a limit of its amounts is 10000 times less",
                "unit loosens: the unit of currency BTC is 4 decimals, before it was 8 decimals: the same "
                "number in a limit of its amounts is 10000 times more");
  expect_change(
      [](Bundle& b) { b.price_source->max_age_minutes = 60; },
      "price_source loosens: the oldest price that counts is 60 minutes old, before it was 30 minutes "
      "old",
      "price_source tightens: the oldest price that counts is 30 minutes old, before it was 60 minutes "
      "old");
  const std::string desk =
      "price-desk in USD of 2 decimals with the key " + fixture::oracle_key().public_key().hex();
  expect_change([](Bundle& b) { b.price_source.reset(); },
                "price_source unknown: prices are stated no more, before it was by " + desk,
                "price_source unknown: prices are stated by " + desk + ", at most 30 minutes old");
  std::string other = desk;
  other.replace(0, 10, "desk-two");
  expect_change([](Bundle& b) { b.price_source->name = to_bytes("desk-two"); },
                "price_source unknown: prices are stated by " + other + ", before it was by " + desk,
                "price_source unknown: prices are stated by " + desk + ", before it was by " + other);
}

TEST(Diff, TheLinesOfTheSchemaThatChanged) {
  const Bundle before = fixture::bundle();
  Bundle after = before;
  after.schema = to_bytes(
      "entity Member;\nentity Ledger;\n// all of it\n"
      "action ballot appliesTo { principal: Member, resource: Ledger, context: { height: Long } };\n");
  const auto forth = diff_bundles(before, after);
  EXPECT_EQ(words(forth), Lines{"schema unknown: the schema is another from line 3 on"});
  EXPECT_EQ(forth[0].before, "");
  EXPECT_EQ(forth[0].after, "// all of it\n");
  after.schema = before.schema;
  after.schema.pop_back();
  const auto ending = diff_bundles(before, after);
  ASSERT_EQ(ending.size(), 1u);
  EXPECT_EQ(ending[0].before, ending[0].after + "\n");
}

// Policies.

Lines policies(std::string_view before, std::string_view after) {
  return words(diff_policies(before, after));
}

std::string policy(const std::string& rest, const std::string& id = "small") {
  return "@id(\"" + id + "\") permit(principal, action, resource)" + rest + ";";
}

TEST(DiffPolicies, AddedAndRemoved) {
  const std::string forbid = "@id(\"night\") forbid(principal, action, resource);";
  EXPECT_EQ(policies("", policy("")), Lines{"policy loosens: policy small (a permit) is added"});
  EXPECT_EQ(policies(policy(""), ""), Lines{"policy tightens: policy small (a permit) is removed"});
  EXPECT_EQ(policies("", forbid), Lines{"policy tightens: policy night (a forbid) is added"});
  EXPECT_EQ(policies(forbid, ""), Lines{"policy loosens: policy night (a forbid) is removed"});
  EXPECT_EQ(
      policies("", "forbid(principal, action, resource);"),
      Lines{"policy tightens: the policy without @id, forbid (principal, action, resource);, (a forbid) is "
            "added"});
}

TEST(DiffPolicies, ASingleLimit) {
  const auto when = [](const std::string& condition) { return policy(" when { " + condition + " }"); };
  EXPECT_EQ(policies(when("context.amount <= 100"), when("context.amount <= 200")),
            Lines{"policy loosens: policy small: the limit of context.amount is loosened from 100 to 200"});
  EXPECT_EQ(policies(when("context.amount < 200"), when("context.amount < 100")),
            Lines{"policy tightens: policy small: the limit of context.amount is tightened from 200 to 100"});
  EXPECT_EQ(
      policies(when("context.approvals.treasury >= 2"), when("context.approvals.treasury >= 1")),
      Lines{"policy loosens: policy small: the limit of context.approvals.treasury is loosened from 2 to 1"});
  EXPECT_EQ(policies(when("100 >= context.amount"), when("200 >= context.amount")),
            Lines{"policy loosens: policy small: the limit of context.amount is loosened from 100 to 200"});
  EXPECT_EQ(policies(when("2 < context.hour"), when("3 < context.hour")),
            Lines{"policy tightens: policy small: the limit of context.hour is tightened from 2 to 3"});
  EXPECT_EQ(policies(when("context.amount > -5"), when("context.amount > -6")),
            Lines{"policy loosens: policy small: the limit of context.amount is loosened from -5 to -6"});
}

TEST(DiffPolicies, TheDirectionFollowsForbidUnlessNotAndIf) {
  const auto effect = [](const std::string& frame) {
    const auto filled = [&](const std::string& limit) {
      std::string text = frame;
      return text.replace(text.find('#'), 1, limit);
    };
    const auto changes = diff_policies(filled("context.amount <= 100"), filled("context.amount <= 200"));
    return changes.size() == 1 ? changes[0].effect : Effect::kNeutral;
  };
  const std::string permit = "@id(\"p\") permit(principal, action, resource)";
  const std::string forbid = "@id(\"p\") forbid(principal, action, resource)";
  EXPECT_EQ(effect(permit + " when { # };"), Effect::kLoosens);
  EXPECT_EQ(effect(permit + " unless { # };"), Effect::kTightens);
  EXPECT_EQ(effect(permit + " when { !(#) };"), Effect::kTightens);
  EXPECT_EQ(effect(permit + " unless { !(#) };"), Effect::kLoosens);
  EXPECT_EQ(effect(forbid + " when { # };"), Effect::kTightens);
  EXPECT_EQ(effect(forbid + " unless { # };"), Effect::kLoosens);
  EXPECT_EQ(effect(permit + " when { context.a && (# || context.b) };"), Effect::kLoosens);
  EXPECT_EQ(effect(permit + " when { if context.a then # else false };"), Effect::kLoosens);
  EXPECT_EQ(effect(permit + " when { if # then context.a else context.b };"), Effect::kUnknown);
  EXPECT_EQ(effect(permit + " when { (#) == context.a };"), Effect::kUnknown);
}

TEST(DiffPolicies, SeveralLimits) {
  const auto when = [](const std::string& amount, const std::string& approvals) {
    return policy(" when { context.amount <= " + amount + " && context.approvals.distinct >= " + approvals +
                  " }");
  };
  EXPECT_EQ(
      policies(when("100", "2"), when("200", "1")),
      Lines{"policy loosens: policy small: the limit of context.amount is loosened from 100 to 200, the "
            "limit of context.approvals.distinct is loosened from 2 to 1"});
  EXPECT_EQ(
      policies(when("100", "2"), when("200", "3")),
      Lines{"policy unknown: policy small: the limit of context.amount is loosened from 100 to 200, the "
            "limit of context.approvals.distinct is tightened from 2 to 3"});
}

TEST(DiffPolicies, OtherChanges) {
  const std::string one = policy(" when { context.a }");
  const std::string two = policy(" when { context.a } when { context.b }");
  EXPECT_EQ(policies(one, two), Lines{"policy tightens: policy small has further conditions"});
  EXPECT_EQ(policies(two, policy(" when { context.b } when { context.a }")),
            Lines{"policy neutral: policy small has the same conditions in another order"});
  EXPECT_EQ(policies(two, one), Lines{"policy loosens: policy small has fewer conditions"});
  EXPECT_EQ(policies(one, policy(" when { context.b }")),
            Lines{"policy unknown: policy small has other conditions"});
  EXPECT_EQ(policies(one, policy(" unless { context.a }")),
            Lines{"policy unknown: policy small has other conditions"});
  EXPECT_EQ(policies(policy(" when { context.n <= 1 }"), policy(" when { context.n < 1 }")),
            Lines{"policy unknown: policy small has other conditions"});
  EXPECT_EQ(policies(one, "@id(\"small\") forbid(principal, action, resource) when { context.a };"),
            Lines{"policy unknown: policy small is a forbid now, before it was a permit"});
  EXPECT_EQ(
      policies(one,
               "@id(\"small\") permit(principal, action == Action::\"x\", resource) when { context.a };"),
      Lines{"policy unknown: policy small is about something else: its scope or conditions changed"});
  EXPECT_EQ(policies(one, "@note(\"x\") " + one),
            Lines{"policy neutral: policy small has other annotations"});
  EXPECT_EQ(policies(one, "// why\n" + one),
            Lines{"policy neutral: the policies' order or comments changed from line 1 on"});
}

// Where the sentence does not say what changed, the texts do.
TEST(DiffPolicies, OldAndNewTextStandBesideWhatAPersonMustJudge) {
  const auto text_of = [](std::string_view policy) {
    return std::string(as_text(fixture::canonical(policy)));
  };
  const auto expect_texts = [&](const std::string& before, const std::string& after) {
    const auto changes = diff_policies(before, after);
    ASSERT_EQ(changes.size(), 1u) << after;
    EXPECT_EQ(changes[0].before, text_of(before));
    EXPECT_EQ(changes[0].after, text_of(after));
  };
  const std::string scope =
      "@id(\"p\") permit(principal, action == Action::\"withdraw\", resource in Currency::\"BTC\")";
  const std::string one = scope + " when { context.a && context.b };";
  expect_texts(one,
               "@id(\"p\") permit(principal, action, resource in Currency::\"BTC\")"
               " when { context.a && context.b };");
  expect_texts(one,
               "@id(\"p\") permit(principal, action == Action::\"withdraw\", resource)"
               " when { context.a && context.b };");
  expect_texts(one, scope + " when { context.a || context.b };");
  expect_texts(scope + " when { context.what like \"register gateway *\" };",
               scope + " when { context.what like \"*\" };");
  expect_texts("@doc(\"a\") " + one, "@doc(\"b\") " + one);
  expect_texts(one, "@id(\"p\") forbid" + one.substr(one.find("(principal")));
  expect_texts(one, scope + ";");
  expect_texts(scope + ";", one);
  expect_texts("", one);
  expect_texts(one, "");
}

// A limit says itself; words that changed with it are not passed over.
TEST(DiffPolicies, ALimitAndOtherAnnotationsAreTwoChanges) {
  const std::string rest = " @id(\"p\") permit(principal, action, resource) when { context.n <= ";
  const auto changes = diff_policies("@doc(\"at most 1\")" + rest + "1 };", "@doc(\"any\")" + rest + "9 };");
  EXPECT_EQ(words(changes), (Lines{"policy loosens: policy p: the limit of context.n is loosened from 1 to 9",
                                   "policy neutral: policy p has other annotations"}));
  EXPECT_EQ(changes[0].before, "");
  EXPECT_NE(changes[1].before.find("at most 1"), std::string::npos);
}

TEST(DiffPolicies, EqualNamesAreToldApart) {
  EXPECT_EQ(policies(policy("") + policy(""), policy("")),
            Lines{"policy tightens: policy small (number 2) (a permit) is removed"});
  EXPECT_EQ(policies("permit(principal, action, resource);permit(principal, action, resource);",
                     "permit(principal, action, resource);")
                .size(),
            1u);
}

TEST(DiffPolicies, NothingInAPolicyCanMoveTheCursor) {
  EXPECT_EQ(policies("", policy("", "a\\nb\\u{1b}[2Jc\\u{e9}")),
            Lines{R"(policy loosens: policy a\x0ab\x1b[2Jc\xc3\xa9 (a permit) is added)"});
}

}  // namespace
}  // namespace custody::policy::bundle
