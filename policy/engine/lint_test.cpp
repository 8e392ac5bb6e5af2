#include "policy/engine/lint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "policy/cedar/authorizer.h"
#include "policy/engine/vocabulary.h"

namespace custody::policy::engine {
namespace {

const cedar::Schema& schema() {
  static const cedar::Schema parsed = [] {
    const std::vector<Bytes> groups = {to_bytes("compliance"), to_bytes("treasury")};
    return std::move(cedar::Schema::parse(schema_text(groups, true))).value();
  }();
  return parsed;
}

const Names& names() {
  static const Names known = {{"compliance", "treasury"}, {"carol", "tara"}, {"BTC"}, "member-2"};
  return known;
}

std::vector<Finding> findings(std::string_view text) {
  const auto policies = cedar::PolicySet::parse(text);
  EXPECT_TRUE(policies.ok()) << policies.status().to_string() << "\n" << text;
  return policies.ok() ? lint(*policies, schema(), names()) : std::vector<Finding>();
}

// The rules that a text breaks, in order, each once.
std::string rules(std::string_view text) {
  std::string out;
  for (const Finding& finding : findings(text)) {
    if (out.find(finding.rule) == std::string::npos) out += finding.rule + " ";
  }
  return out;
}

std::string withdraw(std::string_view effect, std::string_view conditions) {
  return "@id(\"p\") " + std::string(effect) + "(principal, action == Action::\"withdraw\", resource) " +
         std::string(conditions) + ";";
}
std::string permit_when(std::string_view condition) {
  return rules(withdraw("permit", "when { " + std::string(condition) + " }"));
}
std::string permit_unless(std::string_view condition) {
  return rules(withdraw("permit", "unless { " + std::string(condition) + " }"));
}
std::string forbid_when(std::string_view condition) {
  return rules(withdraw("forbid", "when { " + std::string(condition) + " }"));
}
std::string forbid_unless(std::string_view condition) {
  return rules(withdraw("forbid", "unless { " + std::string(condition) + " }"));
}

TEST(Lint, WhatOfficersWriteIsClean) {
  EXPECT_EQ(permit_when("context.amount <= 100 && context.payee.listed && context.approvals.treasury >= 1"),
            "");
  EXPECT_EQ(permit_when("context.approvals.treasury > 1 || (context.waitedHours >= 24 && "
                        "context.approvals.distinct >= 1)"),
            "");
  EXPECT_EQ(permit_when("if context.amount <= 5 then true else context.approvals.treasury >= 2"), "");
  EXPECT_EQ(permit_unless("!(context.approvals.treasury >= 2)"), "");
  EXPECT_EQ(forbid_unless("context.approvals.treasury >= 2"), "");
  EXPECT_EQ(forbid_when("context.amount > 5 && !(context.approvals[\"treasury\"] >= 2)"), "");
  EXPECT_EQ(forbid_when("principal.kycHours < 24 || resource.frozen"), "");
  EXPECT_EQ(permit_when("context has payee.owner && context.payee.owner like \"Exchange *\""), "");
  EXPECT_EQ(permit_when("[1, 2, 3].contains(context.weekday) && context.time.toTime() < duration(\"8h\")"),
            "");
}

// The findings on a ballot's policy with this principal and this condition.
std::vector<Finding> ballot(std::string_view principal, std::string_view condition) {
  return findings("@id(\"p\") forbid(" + std::string(principal) +
                  ", action == Action::\"ballot\", resource) when { " + std::string(condition) + " };");
}

TEST(Lint, NamesThatTheBundleDoesNotKnowAreRefused) {
  const struct {
    std::vector<Finding> found;
    std::string named;
    std::string known;
  } cases[] = {
      {ballot("principal in Group::\"tresury\"", "true"), "Group::\"tresury\"", "compliance, treasury"},
      {ballot("principal is Officer in Group::\"Treasury\"", "true"), "Group::\"Treasury\"",
       "compliance, treasury"},
      {ballot("principal == Officer::\"mallory\"", "true"), "Officer::\"mallory\"", "carol, tara"},
      {ballot("principal == Member::\"member-1\"", "true"), "Member::\"member-1\"", "member-2"},
      {ballot("principal", "resource == Ledger::\"chian\""), "Ledger::\"chian\"", "chain"},
      {findings("@id(\"p\") forbid(principal, action == Action::\"withdraw\", resource in "
                "Currency::\"BCT\");"),
       "Currency::\"BCT\"", "BTC"},
  };
  for (const auto& [found, named, known] : cases) {
    ASSERT_EQ(found.size(), 1u) << named;
    EXPECT_EQ(found[0].rule, "name");
    std::string expected = named;
    expected.append(" is not known here and would never match; write one that is: ").append(known);
    EXPECT_EQ(found[0].message, expected);
  }
}

// Gateways and wallets come and go, but not under every name.
TEST(Lint, GatewaysAndWalletsHaveTheFormOfTheirNames) {
  const auto named = [](std::string_view entity) {
    return permit_when((entity.starts_with("Gateway") ? "principal == " : "resource == ") +
                       std::string(entity));
  };
  for (const std::string_view good :
       {"Gateway::\"acme-2\"", "Wallet::\"BTC-1\"", "Wallet::\"BTC-4294967295\""}) {
    EXPECT_EQ(named(good), "") << good;
  }
  for (const std::string_view bad :
       {"Gateway::\"Acme\"", "Gateway::\"\"", "Gateway::\"acme gmbh\"", "Wallet::\"BTC\"",
        "Wallet::\"btc-1\"", "Wallet::\"BTC-\"", "Wallet::\"BTC-01\"", "Wallet::\"BTC-0\"",
        "Wallet::\"BTC-1a\"", "Wallet::\"XYZ-1\"", "Wallet::\"BTC-42949672950\""}) {
    EXPECT_EQ(named(bad), "name ") << bad;
  }
  EXPECT_EQ(rules("@id(\"p\") forbid(principal == Gateway::\"Acme\", action == Action::\"withdraw\", "
                  "resource == Wallet::\"BTC\");"),
            "name ");
}

// A forbid that never applies forbids nothing, and nobody would notice.
TEST(Lint, MoreApprovalsThanThereAreOfficersAreImpossible) {
  const auto found = [](std::string_view text) {
    Names with_sizes = names();
    with_sizes.sizes = {{"compliance", 0}, {"treasury", 2}, {"distinct", 2}};
    std::string out;
    for (const Finding& one : lint(*cedar::PolicySet::parse(text), schema(), with_sizes)) {
      out += one.rule + ": " + one.message + "\n";
    }
    return out;
  };
  const auto treasury = [&](std::string_view comparison) {
    return found(withdraw("permit", "when { context.approvals." + std::string(comparison) + " }"));
  };
  EXPECT_EQ(treasury("treasury >= 2"), "");
  EXPECT_EQ(treasury("treasury > 1 && context.approvals.distinct >= 2"), "");
  EXPECT_EQ(
      treasury("treasury >= 99"),
      "impossible: there are 2 officers in the group treasury, so that there are never so many approvals; "
      "ask for fewer, or add officers\n");
  EXPECT_NE(treasury("treasury > 2"), "");
  EXPECT_NE(treasury("treasury > 9223372036854775807"), "");
  EXPECT_NE(treasury("compliance >= 1"), "");
  EXPECT_NE(treasury("distinct >= 3").find("2 officers in all"), std::string::npos);
  EXPECT_NE(found(withdraw("forbid", "unless { context.amount < 5 || context.approvals.treasury >= 3 }")),
            "");
  EXPECT_EQ(found(withdraw("permit", "when { context.waitedHours >= 99 }")), "");
}

TEST(Lint, HoursAndWeekdaysThatNoDayHasAreImpossible) {
  for (const std::string_view good :
       {"context.hour > 22", "context.hour < 1", "context.hour >= 0", "context.hour == 23",
        "7 == context.weekday", "1 <= context.weekday", "context.weekday != 7", "context.amount > 25",
        "context.payee.listedHours > 25"}) {
    EXPECT_EQ(permit_when(good), "") << good;
  }
  for (const std::string_view bad :
       {"context.hour > 25", "context.hour > 23", "context.hour >= 24", "context.hour < 0",
        "context.hour <= -1", "context.hour == 24", "23 < context.hour", "0 > context.hour",
        "context.weekday == 0", "context.weekday != 0", "context.weekday == 8", "context.weekday > 7",
        "!(context.weekday < 1)"}) {
    EXPECT_EQ(permit_when(bad), "impossible ") << bad;
    EXPECT_EQ(forbid_unless(bad), "impossible ") << bad;
  }
}

TEST(Lint, APolicyThatNoRequestCanMatchIsImpossible) {
  EXPECT_EQ(permit_when("false"), "impossible ");
  EXPECT_EQ(permit_unless("true"), "impossible ");
  EXPECT_EQ(forbid_when("principal is Officer"), "impossible ");
  EXPECT_EQ(permit_when("context.nothing < 5 && false"), "strict ");
  EXPECT_EQ(permit_when("false || context.amount < 5"), "");
  // One that matches in some environments only is fine.
  EXPECT_EQ(rules("@id(\"p\") forbid(principal, action == Action::\"ballot\", resource) when { principal is "
                  "Officer };"),
            "");
  // The wallets of a schema that does not put them into currencies.
  std::string text = schema_text(std::vector<Bytes>{to_bytes("treasury")}, false);
  text.replace(text.find("entity Wallet in [Currency]"), 27, "entity Wallet");
  const auto loose = cedar::Schema::parse(text);
  ASSERT_TRUE(loose.ok()) << loose.status().to_string();
  const auto policies = cedar::PolicySet::parse(withdraw("forbid", "when { resource in Currency::\"BTC\" }"));
  const auto found = lint(*policies, *loose, names());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].rule, "impossible");
}

TEST(Lint, NamesAreLookedForInEveryPartOfACondition) {
  for (const std::string_view condition : {
           "principal is Officer && principal in [Group::\"treasury\", Group::\"x\"]",
           "!(principal == Officer::\"x\")",
           "if context.approve then principal in Group::\"x\" else false",
           "principal is Officer in Group::\"x\" || context.approve",
           "[Officer::\"tara\", Officer::\"x\"].contains(principal)",
       }) {
    const auto found = ballot("principal", condition);
    const auto named = std::ranges::find(found, "name", &Finding::rule);
    ASSERT_NE(named, found.end()) << condition;
    EXPECT_NE(named->message.find("::\"x\""), std::string::npos) << named->message;
  }
}

TEST(Lint, NamesOfTheBundleAndOfTheLedgerPass) {
  EXPECT_TRUE(ballot("principal in Group::\"treasury\"", "resource == Ledger::\"chain\"").empty());
  EXPECT_TRUE(
      ballot("principal", "principal == Officer::\"tara\" || principal == Member::\"member-2\"").empty());
  EXPECT_EQ(forbid_when("resource in Currency::\"BTC\" && principal == Gateway::\"gary\""), "");
  EXPECT_EQ(forbid_when("resource == Wallet::\"BTC-7\""), "");
}

TEST(Lint, AMemberWhoseNameIsNotKnownHereIsNotLookedAt) {
  const auto policies = cedar::PolicySet::parse(
      "@id(\"p\") permit(principal == Member::\"any\", action == Action::\"ballot\", resource);");
  ASSERT_TRUE(policies.ok());
  Names unknown = names();
  unknown.member.reset();
  EXPECT_TRUE(lint(*policies, schema(), unknown).empty());
  EXPECT_EQ(lint(*policies, schema(), names()).size(), 1u);
}

TEST(Lint, AMessageListsEightNamesAtMost) {
  const auto policies = cedar::PolicySet::parse(
      "@id(\"p\") permit(principal == Officer::\"x\", action == Action::\"ballot\", resource);");
  ASSERT_TRUE(policies.ok());
  Names many;
  for (const char c : std::string_view("abcdefghij")) many.officers.emplace(1, c);
  const auto found = lint(*policies, schema(), many);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].message.ends_with(": a, b, c, d, e, f, g, h and 2 more")) << found[0].message;
}

TEST(Lint, MoreApprovalsMayNotTurnAllowIntoDeny) {
  EXPECT_EQ(forbid_when("context.approvals.treasury >= 2"), "approvals ");
  EXPECT_EQ(forbid_when("context.waitedHours > 2"), "approvals ");
  EXPECT_EQ(permit_unless("context.approvals.treasury >= 2"), "approvals ");
  EXPECT_EQ(permit_when("!(context.approvals.treasury >= 2)"), "approvals ");
  EXPECT_EQ(permit_when("!(context.amount > 5 && !!(context.waitedHours >= 2))"), "approvals ");
  EXPECT_EQ(forbid_unless("!(context.approvals.distinct > 2)"), "approvals ");
  EXPECT_EQ(forbid_when("if context.amount > 5 then context.approvals.treasury >= 1 else true"),
            "approvals ");
}

TEST(Lint, ApprovalsAreComparedUpwardsWithANumberOnly) {
  EXPECT_EQ(permit_when("context.approvals.treasury == 2"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals.treasury != 0"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals.treasury < 2"), "approvals ");
  EXPECT_EQ(permit_when("!(context.approvals.treasury < 2)"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals.treasury <= 2"), "approvals ");
  EXPECT_EQ(permit_when("2 <= context.approvals.treasury"), "approvals ");
  EXPECT_EQ(permit_when("2 >= context.approvals.treasury"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals.treasury >= context.approvals.compliance"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals.treasury >= context.hour"), "approvals ");
  EXPECT_EQ(permit_when("context.hour >= context.waitedHours"), "approvals ");
  EXPECT_EQ(permit_when("[1, 2].contains(context.approvals.treasury)"), "approvals ");
  EXPECT_EQ(permit_when("[context.waitedHours].contains(24)"), "approvals ");
}

TEST(Lint, ApprovalsDoNotHideInOtherExpressions) {
  EXPECT_EQ(permit_when("if context.approvals.treasury >= 2 then false else true"), "approvals ");
  EXPECT_EQ(permit_when("(context.approvals.treasury >= 2) == false"), "approvals ");
  EXPECT_EQ(permit_when("(context.approvals.treasury >= 2) != true"), "approvals ");
  EXPECT_EQ(permit_when("[context.approvals.treasury >= 2].contains(false)"), "approvals ");
  EXPECT_EQ(permit_when("{a: context.approvals.treasury >= 2} == {a: false}"), "approvals ");
  EXPECT_EQ(permit_when("{a: context.approvals}.a.treasury >= 2"), "approvals attribute ");
  EXPECT_EQ(permit_when("{a: context}.a.approvals.treasury >= 2"), "approvals attribute ");
  EXPECT_EQ(permit_when("(if true then context else context).approvals.treasury >= 2"),
            "approvals attribute ");
  EXPECT_EQ(permit_when("(if true then context.approvals else context.approvals).treasury >= 2"),
            "approvals attribute ");
  EXPECT_EQ(permit_when("context == context"), "approvals ");
  EXPECT_EQ(permit_when("[context].contains(context)"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals == context.approvals"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals == {compliance: 1, distinct: 1, treasury: 0}"), "approvals ");
  EXPECT_EQ(permit_when("context.approvals has treasury"), "approvals ");
  EXPECT_EQ(permit_when("context has approvals"), "approvals ");
  EXPECT_EQ(permit_when("context has approvals.treasury"), "approvals ");
  EXPECT_EQ(permit_when("context has waitedHours"), "approvals ");
}

TEST(Lint, NothingIsCalculated) {
  EXPECT_EQ(permit_when("context.amount + 1 <= 100"), "arithmetic ");
  EXPECT_EQ(permit_when("context.amount - context.feeCap <= 100"), "arithmetic ");
  EXPECT_EQ(permit_when("context.amount * 2 <= 100"), "arithmetic ");
  EXPECT_EQ(permit_when("context.amount <= 24 * 7"), "arithmetic ");
  EXPECT_EQ(permit_when("-context.amount <= 5"), "arithmetic ");
  EXPECT_EQ(permit_when("context.amount >= -5"), "");
  EXPECT_EQ(permit_when("context.approvals.treasury + 1 >= 2"), "arithmetic approvals ");
  EXPECT_EQ(permit_when("context.approvals.treasury >= 1 + 1"), "approvals arithmetic ");
}

TEST(Lint, NoFunctionCanErr) {
  EXPECT_EQ(permit_when("context.time.offset(duration(\"1h\")) > datetime(\"2026-01-01\")"), "arithmetic ");
  EXPECT_EQ(permit_when("context.time.durationSince(datetime(\"2026-01-01\")) > duration(\"1d\")"),
            "arithmetic ");
  EXPECT_EQ(permit_when("context.time.toDate() > datetime(\"2026-01-01\")"), "arithmetic ");
  EXPECT_EQ(permit_when("ip(context.payee.address).isLoopback()"), "strict ");
  EXPECT_EQ(permit_when("Gateway::\"acme\".kycHours > 5"), "attribute ");
  EXPECT_EQ(permit_when("(if context.hour > 5 then principal else principal).kycHours > 5"), "attribute ");
  EXPECT_EQ(permit_when("principal.getTag(\"x\") == 1"), "strict ");
}

TEST(Lint, PoliciesAreValidBySchema) {
  EXPECT_EQ(permit_when("context.amonut <= 5"), "strict ");
  EXPECT_EQ(permit_when("context.amount <= \"5\""), "strict ");
  EXPECT_EQ(permit_when("context.confirmations > 5"), "strict ");
  EXPECT_EQ(rules("@id(\"p\") permit(principal, action == Action::\"burn\", resource);"), "strict ");
}

TEST(Lint, EveryPolicyHasANameOfItsOwn) {
  EXPECT_EQ(rules("permit(principal, action, resource);"), "id ");
  EXPECT_EQ(rules("@id permit(principal, action, resource);"), "id ");
  EXPECT_EQ(rules("@id(\"a b\") permit(principal, action, resource);"), "id ");
  EXPECT_EQ(rules("@id(\"" + std::string(65, 'a') + "\") permit(principal, action, resource);"), "id ");
  EXPECT_EQ(rules("@id(\"" + std::string(64, 'a') + "\") permit(principal, action, resource);"), "");
  EXPECT_EQ(rules("@id(\"a\") permit(principal, action, resource); "
                  "@id(\"a\") forbid(principal, action, resource);"),
            "id ");
}

TEST(Lint, OtherAnnotationsAreRefused) {
  EXPECT_EQ(rules("@id(\"a\") @aprovals(\"2 of treasury\") permit(principal, action, resource);"),
            "annotation ");
  EXPECT_EQ(rules("@id(\"a\") @doc(\"why\") permit(principal, action, resource);"), "");
}

TEST(Lint, TemplatesAreRefused) {
  EXPECT_EQ(rules("@id(\"a\") permit(principal == ?principal, action, resource);"), "template ");
}

TEST(Lint, AFindingSaysWhereAndWhatToDo) {
  const auto found = findings(
      "@id(\"small\")\npermit(principal, action, resource)\nwhen { context.hour > 3 };\n"
      "@id(\"large\")\nforbid(principal, action, resource)\n"
      "when { context.hour > 3 && context.waitedHours >= 2 };");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(to_string(found[0]),
            "line 6, column 28: large: approvals: more approvals or waiting would turn ALLOW into DENY here; "
            "in a permit write it in `when`, in a forbid in `unless`");
}

// Writes conditions in which approvals may stand anywhere.
class RandomPolicies {
 public:
  explicit RandomPolicies(std::uint64_t seed) : random_(seed) {}

  std::string text() {
    std::string out;
    for (std::uint32_t i = 0, count = 1 + pick(4); i < count; ++i) {
      out += "@id(\"p" + std::to_string(i) + "\") " + (pick(3) == 0 ? "forbid" : "permit") +
             "(principal, action == Action::\"withdraw\", resource) " + (pick(2) == 0 ? "when" : "unless") +
             " { " + condition(3) + " };\n";
    }
    return out;
  }
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

 private:
  std::string condition(std::uint32_t depth) {
    const std::uint32_t kind = depth == 0 ? pick(3) : pick(9);
    switch (kind) {
      case 0:
      case 1:
        return "(" + number() + (pick(4) == 0 ? compare() : " >= ") + std::to_string(pick(4)) + ")";
      case 2:
        return "context.payee.listed";
      case 3:
      case 4:
        return "(" + condition(depth - 1) + " && " + condition(depth - 1) + ")";
      case 5:
        return "(" + condition(depth - 1) + " || " + condition(depth - 1) + ")";
      case 6:
        return "!(" + condition(depth - 1) + ")";
      case 7:
        return "(if " + condition(depth - 1) + " then " + condition(depth - 1) + " else " +
               condition(depth - 1) + ")";
      default:
        return "(" + condition(depth - 1) + (pick(2) == 0 ? " == " : " != ") + condition(depth - 1) + ")";
    }
  }
  std::string number() {
    constexpr std::string_view kNumbers[] = {"context.approvals.treasury",
                                             "context.approvals.compliance",
                                             "context.approvals.distinct",
                                             "context.waitedHours",
                                             "context.amount",
                                             "context.hour"};
    return std::string(kNumbers[pick(6)]);
  }
  std::string compare() {
    constexpr std::string_view kOperators[] = {" < ", " <= ", " == ", " > ", " != "};
    return std::string(kOperators[pick(5)]);
  }

  std::mt19937_64 random_;
};

// treasury, compliance, distinct, hours waited, amount, hour
bool allowed(const cedar::PolicySet& policies, const std::array<std::int64_t, 6>& numbers) {
  cedar::Field approvals[] = {{"treasury", cedar::Value(numbers[0])},
                              {"compliance", cedar::Value(numbers[1])},
                              {"distinct", cedar::Value(numbers[2])}};
  cedar::Field payee[] = {{"listed", cedar::Value(numbers[4] % 2 == 0)}};
  const cedar::Record approvals_record = *cedar::make_record(approvals);
  const cedar::Record payee_record = *cedar::make_record(payee);
  cedar::Field context[] = {{"approvals", cedar::Value(&approvals_record)},
                            {"payee", cedar::Value(&payee_record)},
                            {"waitedHours", cedar::Value(numbers[3])},
                            {"amount", cedar::Value(numbers[4])},
                            {"hour", cedar::Value(numbers[5])}};
  const cedar::Request request{cedar::entity_uid("Gateway", "acme"), cedar::entity_uid("Action", "withdraw"),
                               cedar::entity_uid("Wallet", "BTC-1"), *cedar::make_record(context)};
  const auto decision = cedar::cedar_decide(policies, request, cedar::Entities());
  EXPECT_TRUE(decision.ok() && decision->errors.empty());
  return decision.ok() && decision->allow;
}

// What the rules are for: whatever lint lets pass, more approvals or waiting never turn ALLOW into DENY.
TEST(Lint, WhatPassesIsMonotone) {
  std::size_t passed = 0;
  std::size_t allows = 0;
  std::size_t turned_by_approvals = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    RandomPolicies random(seed);
    const std::string text = random.text();
    const auto policies = cedar::PolicySet::parse(text);
    ASSERT_TRUE(policies.ok()) << text;
    if (!lint(*policies, schema(), names()).empty()) continue;
    ++passed;
    for (int i = 0; i < 30; ++i) {
      std::array<std::int64_t, 6> few{};
      for (std::int64_t& number : few) number = random.pick(4);
      std::array<std::int64_t, 6> more = few;
      for (std::size_t which = 0; which < 4; ++which) more[which] += random.pick(3);
      const bool before = allowed(*policies, few);
      const bool after = allowed(*policies, more);
      ASSERT_TRUE(after || !before) << "seed " << seed << "\n" << text;
      allows += before ? 1 : 0;
      turned_by_approvals += after && !before ? 1 : 0;
    }
  }
  EXPECT_GT(passed, 300u);
  EXPECT_GT(allows, 1'000u);
  EXPECT_GT(turned_by_approvals, 100u);
}

TEST(Lint, ThresholdsAreTheLeastNumbersThatSuffice) {
  const auto policies = cedar::PolicySet::parse(
      withdraw("permit", "when { context.approvals.treasury >= 2 || context.approvals.treasury > 2 }") +
      withdraw("forbid", "unless { context.waitedHours >= 24 || context.approvals.distinct >= 2 }") +
      withdraw("permit",
               "when { context.approvals.treasury >= 2 && context.waitedHours > "
               "9223372036854775807 }"));
  ASSERT_TRUE(policies.ok());
  const std::vector<Threshold> expected = {{"distinct", 2}, {"treasury", 2}, {"treasury", 3}, {"wait", 24}};
  EXPECT_EQ(thresholds(*policies), expected);
}

}  // namespace
}  // namespace custody::policy::engine
