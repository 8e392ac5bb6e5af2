#include "policy/cedar/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/cedar/fixture_test.h"
#include "tests/support/vectors.h"

namespace custody::policy::cedar {
namespace {

using testing::HasSubstr;

constexpr std::string_view kSchema = R"(
  entity User in [Group] { age: Long, nick?: String, boss?: User, ip: ipaddr } tags Long;
  entity Group;
  entity Doc { owner: User, labels: Set<String>, meta: { a: Long, b?: { c?: Long } } };
  entity Color enum ["red"];
  action all;
  action view in all appliesTo { principal: User, resource: Doc, context: { n: Long, at?: datetime } };
  action edit appliesTo { principal: [User, Group], resource: [Doc, Group] };)";

// The first error, or "".
std::string verdict(std::string_view text) {
  const Schema schema = schema_of(kSchema);
  const PolicySet policies = policies_of(text);
  const std::vector<ValidationError> errors = validate(policies, schema);
  return errors.empty() ? "" : errors[0].message;
}

std::string judged(std::string_view expression) {
  return verdict("permit(principal is User, action == Action::\"view\", resource) when { " +
                 std::string(expression) + " };");
}

TEST(CedarValidator, AcceptsWhatCannotErr) {
  for (const char* expression :
       {"principal.age + context.n * 2 > 7",
        "principal has nick && principal.nick == \"x\"",
        "principal has boss && principal.boss has nick && principal.boss.nick like \"a*\"",
        "principal has boss.nick && principal.boss.nick like \"a*\"",
        "resource.meta has b.c && resource.meta.b.c == 1",
        "if principal has nick then principal.nick == \"x\" else false",
        "!(principal has nick) || true",
        "(principal has nick || principal has nick) && principal.nick == \"\"",
        "principal.hasTag(\"a\") && principal.getTag(\"a\") > 0",
        "context has at && context.at < datetime(\"2024-01-01\")",
        "principal in Group::\"x\"",
        "principal in [Group::\"x\", Group::\"y\"]",
        "principal == resource.owner",
        "principal == resource",
        "resource.labels.containsAny([\"a\"])",
        "[1, 2].contains(principal.age)",
        "principal.ip.isInRange(ip(\"10.0.0.0/8\"))",
        "{a: 1} == {a: 2}",
        "false && principal.nothing",
        "true || principal.nothing",
        "action in Action::\"all\"",
        "principal is User && principal.age == 1",
        "principal is Group && principal.nothing",
        "[true, false].contains(true)",
        "(if true then principal else resource) == principal",
        "Color::\"red\" == Color::\"red\""}) {
    EXPECT_EQ(judged(expression), "") << expression;
  }
}

// Cedar's verdict on them is "valid".
TEST(CedarValidator, PoliciesThatNoRequestCanMatchAreNamed) {
  const auto never = [](std::string_view text) {
    EXPECT_EQ(verdict(text), "") << text;
    return never_matching(policies_of(text), schema_of(kSchema));
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(never("permit(principal, action, resource); permit(principal, action, resource) when { false };"
                  "forbid(principal, action, resource) unless { resource is Doc || resource is Group };"),
            (Ids{"policy1", "policy2"}));
  EXPECT_EQ(never("forbid(principal, action, resource) when { resource in Color::\"red\" };"),
            Ids{"policy0"});
  EXPECT_EQ(
      never("permit(principal, action == Action::\"edit\", resource) when { principal is Group } when { "
            "principal is User };"),
      Ids{"policy0"});
  EXPECT_EQ(never("permit(principal, action, resource) unless { true };"), Ids{"policy0"});
  // In some environments is enough.
  EXPECT_EQ(never("permit(principal, action, resource) when { principal is Group };"), Ids{});
  EXPECT_EQ(never("permit(principal, action, resource) when { false || principal in Group::\"x\" };"), Ids{});
  EXPECT_TRUE(
      never_matching(policies_of("permit(principal, action, resource) when { 1 };"), schema_of(kSchema))
          .empty());
}

TEST(CedarValidator, RefusesWhatMayErr) {
  for (const char* expression : {"principal.nick == \"x\"",
                                 "principal.boss.nick == \"x\"",
                                 "principal.nothing",
                                 "resource.meta.b.c == 1",
                                 "principal has nick || principal.nick == \"x\"",
                                 "!(principal has nick) && principal.nick == \"x\"",
                                 "principal.getTag(\"a\") > 0",
                                 "principal.hasTag(\"a\") && principal.getTag(\"b\") > 0",
                                 "resource.getTag(\"a\") > 0",
                                 "context.at < datetime(\"2024-01-01\")",
                                 "1",
                                 "1 + true > 2",
                                 "principal.age < \"a\"",
                                 "principal.age == \"a\"",
                                 "[1, \"a\"].contains(1)",
                                 "[].isEmpty()",
                                 "[principal, resource].isEmpty()",
                                 "[1].contains(\"a\")",
                                 "[1].containsAll([\"a\"])",
                                 "resource.labels.contains(1)",
                                 "if principal has nick then 1 else \"a\"",
                                 "ip(principal.nick).isIpv4()",
                                 "ip(\"x\").isIpv4()",
                                 "ip(\"::1\", \"::1\").isIpv4()",
                                 "{a: 1} == {a: 2, b: 1}",
                                 "principal in 1",
                                 "1 in principal",
                                 "principal in [1]",
                                 "\"a\" like \"a\" && 1 like \"a\"",
                                 "principal.lessThan(decimal(\"1.0\"))",
                                 "action.x == 1"}) {
    EXPECT_NE(judged(expression), "") << expression;
  }
}

TEST(CedarValidator, EveryNameMustBeDeclaredEvenWhereNothingIsEvaluated) {
  for (const char* expression :
       {"false && principal == Nobody::\"x\"", "principal is Nobody", "Color::\"blue\" == Color::\"red\"",
        "action == Action::\"none\"", "false && [Action::\"none\"].contains(action)"}) {
    EXPECT_NE(judged(expression), "") << expression;
  }
  EXPECT_NE(verdict("permit(principal == Nobody::\"x\", action, resource);"), "");
  EXPECT_NE(verdict("permit(principal, action == Action::\"none\", resource);"), "");
  EXPECT_NE(verdict("permit(principal, action, resource is Nobody);"), "");
  EXPECT_NE(verdict("permit(principal == Color::\"blue\", action, resource);"), "");
}

TEST(CedarValidator, SomeActionMustApplyToTheScope) {
  const std::string none = "no action applies to what the scope allows";
  EXPECT_EQ(verdict("permit(principal is Doc, action, resource);"), none);
  EXPECT_EQ(verdict("permit(principal is Group, action == Action::\"view\", resource);"), none);
  EXPECT_EQ(verdict("permit(principal, action == Action::\"all\", resource);"), none);
  EXPECT_EQ(verdict("permit(principal, action in [], resource);"), none);
  EXPECT_EQ(verdict("permit(principal is Group in User::\"x\", action, resource);"), none);
  EXPECT_EQ(verdict("permit(principal, action in Action::\"all\", resource);"), "");
  EXPECT_EQ(verdict("permit(principal in Group::\"x\", action == Action::\"view\", resource);"), "");
}

// A policy is judged for each kind of request that it may apply to.
TEST(CedarValidator, EveryEnvironmentIsJudged) {
  EXPECT_THAT(verdict("permit(principal, action, resource) when { principal.age == 1 };"),
              HasSubstr("Group"));
  EXPECT_EQ(verdict("permit(principal, action, resource) when { principal is User && principal.age == 1 };"),
            "");
  EXPECT_THAT(verdict("permit(principal is User, action, resource) when { context.n == 1 };"),
              HasSubstr("edit"));
}

TEST(CedarValidator, JudgesTemplatesAndLinks) {
  EXPECT_EQ(verdict("permit(principal in ?principal, action, resource == ?resource);"), "");
  EXPECT_NE(verdict("permit(principal == ?principal, action, resource) when { 1 };"), "");
  const Schema schema = schema_of(kSchema);
  PolicySet policies = policies_of("permit(principal == ?principal, action, resource);");
  ASSERT_TRUE(policies.link(0, "good", {entity_uid("User", "x"), std::nullopt}).ok());
  EXPECT_TRUE(validate(policies, schema).empty());
  ASSERT_TRUE(policies.link(0, "bad", {entity_uid("Doc", "x"), std::nullopt}).ok());
  ASSERT_EQ(validate(policies, schema).size(), 1u);
  EXPECT_EQ(validate(policies, schema)[0].policy, "bad");
}

TEST(CedarValidator, ErrorsNamePolicyAndPlace) {
  const Schema schema = schema_of(kSchema);
  const PolicySet policies =
      policies_of("permit(principal, action, resource);\npermit(principal, action, resource)\n  when { 1 };");
  const std::vector<ValidationError> errors = validate(policies, schema);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].policy, "policy1");
  EXPECT_EQ(errors[0].at, (Position{3, 10}));
  EXPECT_THAT(errors[0].message, HasSubstr("expected Bool, found Long"));
}

TEST(CedarValidator, TheExampleOfTheReferenceIsValid) {
  const std::string folder = tests::source_dir() + "/../shared/reference/policy-example/";
  if (!std::filesystem::exists(folder)) {
    if (tests::running_in_ci()) FAIL() << "missing " << folder;
    GTEST_SKIP() << "missing " << folder;
  }
  const Schema schema = schema_of(tests::read_vector("../reference/policy-example/custody.cedarschema"));
  const PolicySet policies = policies_of(tests::read_vector("../reference/policy-example/custody.cedar"));
  EXPECT_EQ(policies.all().size(), 13u);
  for (const ValidationError& error : validate(policies, schema))
    ADD_FAILURE() << error.policy << ": " << error.message;
}

}  // namespace
}  // namespace custody::policy::cedar
