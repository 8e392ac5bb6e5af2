#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/cedar/fixture_test.h"

namespace custody::policy::cedar {
namespace {

std::string message(std::string_view text) {
  const Result<PolicySet> policies = PolicySet::parse(text);
  return policies.ok() ? "ok" : policies.status().message();
}

TEST(CedarParser, AcceptsEveryFormOfExpression) {
  for (const char* text : {"principal[\"a\\u{41}\"]",
                           "{\"if\": 1, a: 2,}",
                           "[1, 2,]",
                           "ip()",
                           "ip(\"a\", \"b\",)",
                           "ip(\"a\").isIpv4(1)",
                           "principal has a.b.c",
                           "principal has \"a b\"",
                           "principal has principal",
                           "principal is A::B in A::\"x\"",
                           "1 is A",
                           "principal::\"x\"",
                           "permit::\"x\"",
                           "A :: \"x\" == A::\"x\"",
                           "- - - -1",
                           "!!!!true",
                           "-9223372036854775808",
                           "9223372036854775807",
                           "1 * principal.a * 3",
                           "\"a\" like \"b*\\*\"",
                           "true.a",
                           "(principal).a",
                           "- 1.a",
                           "1 // comment\n == 1",
                           "1 // comment\r == 1",
                           "1\u00a0==\u2028 1",
                           "if true then 1 else if false then 2 else 3",
                           "(if true then 1 else 2) + 1",
                           "[if true then 1 else 2]",
                           "\"\\n\\r\\t\\0\\'\\\"\\\\\\x41\\u{4_1}\\u{10FFFF}\" == \"a\nb\""}) {
    EXPECT_EQ(message(when(text)), "ok") << text;
  }
}

TEST(CedarParser, RefusesWhatIsNotOfTheLanguage) {
  for (const char* text : {"",
                           "principal.if",
                           "principal has in",
                           "{in: 1}",
                           "principal.__cedar",
                           "principal has a::b",
                           "principal[1]",
                           "principal[context.a]",
                           "isIpv4(ip(\"a\"))",
                           "principal.ip(\"a\")",
                           "foo(1)",
                           "principal.foo(1)",
                           "[1].contains()",
                           "[1].contains(1, 2)",
                           "[].isEmpty(1)",
                           "principal.hasTag()",
                           "foo",
                           "a::b",
                           "A::in::\"x\"",
                           "__cedar::A::\"x\"",
                           "principal is in",
                           "principal is \"A\"",
                           "principal is (A)",
                           "1 in 2 in 3",
                           "1 == 2 == 3",
                           "1 < 2 < 3",
                           "1 = 2",
                           "-----1",
                           "!!!!!true",
                           "!-1",
                           "-!true",
                           "-(9223372036854775808)",
                           "9223372036854775808",
                           "99999999999999999999",
                           "1 / 2",
                           "1 % 2",
                           "\"a\" like principal",
                           "\"\\*\" == \"a\"",
                           "\"\\x80\" == \"\"",
                           "\"\\x4\" == \"\"",
                           "\"\\u{}\" == \"\"",
                           "\"\\u{_41}\" == \"\"",
                           "\"\\u{1234567}\" == \"\"",
                           "\"\\u{d800}\" == \"\"",
                           "\"\\u{110000}\" == \"\"",
                           "\"\\u0041\" == \"\"",
                           "\"\\q\" == \"\"",
                           "\"a\rb\" == \"\"",
                           "\"\\\n\" == \"\"",
                           "{a: 1, \"a\": 2}",
                           "{1: 1}",
                           "{(a): 1}",
                           "[,]",
                           "1 + if true then 1 else 2",
                           "principal has \"a\".b",
                           "principal has a[\"b\"]",
                           "principal has (a)",
                           "principal has a has b",
                           "?principal == principal",
                           "A::{a: 1}",
                           "principal(1)",
                           "ip.a",
                           "1(2)",
                           "unknown(\"x\")",
                           "\u200b1 == 1",
                           "\"a"}) {
    EXPECT_NE(message(when(text)), "ok") << text;
  }
}

TEST(CedarParser, AcceptsEveryFormOfScope) {
  for (const char* scope :
       {"principal, action, resource", "principal, action, resource,",
        "principal == A::\"x\", action, resource",
        "principal == ((A::\"x\")), action in ([Action::\"x\"]), resource",
        "principal is A, action, resource", "principal is A in B::\"x\", action, resource",
        "principal, action == N::Action::\"x\", resource", "principal, action in [], resource",
        "principal in ?principal, action, resource == ?resource"}) {
    const std::string text = "permit(" + std::string(scope) + ");";
    EXPECT_EQ(message(text), "ok") << text;
  }
}

TEST(CedarParser, RefusesOtherScopes) {
  for (const char* scope :
       {"principal, action", "principal, action, resource, context", "action, principal, resource",
        "principal == principal, action, resource", "principal in [A::\"x\"], action, resource",
        "principal is A == B::\"x\", action, resource", "principal in B::\"x\" is A, action, resource",
        "principal != A::\"x\", action, resource", "principal: A, action, resource",
        "principal, action == A::\"x\", resource", "principal, action == Action::N::\"x\", resource",
        "principal, action is Action, resource", "principal, action in ?action, resource",
        "principal == ?resource, action, resource", "(principal), action, resource",
        "principal, action in [[Action::\"x\"]], resource"}) {
    EXPECT_NE(message("permit(" + std::string(scope) + ");"), "ok") << scope;
  }
}

TEST(CedarParser, ReadsPoliciesAndAnnotations) {
  EXPECT_TRUE(policies_of("").all().empty());
  EXPECT_TRUE(policies_of("// only a comment").all().empty());
  const PolicySet policies = policies_of(
      "@id(\"x\") @if permit(principal, action, resource);\nforbid(principal, action, resource) when { true "
      "} unless { false };");
  ASSERT_EQ(policies.all().size(), 2u);
  EXPECT_EQ(policies.all()[0].id, "policy0");
  EXPECT_EQ(policies.all()[0].annotations[0].value, "x");
  EXPECT_EQ(policies.all()[0].annotations[1].name, "if");
  EXPECT_EQ(policies.all()[1].effect, Effect::kForbid);
  EXPECT_TRUE(policies.all()[1].conditions[1].unless);
  for (const char* bad :
       {"permit(principal, action, resource)", "allow(principal, action, resource);",
        "permit(principal, action, resource) foo { true };", "permit(principal, action, resource);;",
        "@id(\"a\") @id(\"b\") permit(principal, action, resource);",
        "@id(\"\\*\") permit(principal, action, resource);"}) {
    EXPECT_NE(message(bad), "ok") << bad;
  }
}

// Line and column, counted in characters and not in bytes.
TEST(CedarParser, ErrorsSayWhere) {
  EXPECT_EQ(message("permit(principal, action, resource)\nwhen { \"é😀\" == };"),
            "line 2, column 16: expected an expression, found \"}\"");
  EXPECT_EQ(message("permit(principal, action, resource);\n  \"open"),
            "line 2, column 3: the string has no end");
  EXPECT_EQ(message("permit(principal, action, resource) // \xff\n;"),
            "line 1, column 37: the comment is not UTF-8");
  EXPECT_EQ(message("\xff"), "line 1, column 1: the text is not UTF-8");
  EXPECT_EQ(message("permit(principal, action, resource) when { 1 == 2"),
            "line 1, column 50: expected \"}\", found the end of the text");
}

TEST(CedarParser, LinksFillEverySlotAndNoOther) {
  PolicySet policies = policies_of(
      "permit(principal, action, resource);permit(principal == ?principal, action, resource in ?resource);");
  const EntityUid alice = entity_uid("User", "alice");
  const EntityUid plan = entity_uid("Doc", "plan");
  EXPECT_EQ(policies.active().size(), 1u);
  EXPECT_EQ(policies.link(0, "l", {alice, plan}).code(), Code::kInvalid);
  EXPECT_EQ(policies.link(7, "l", {alice, plan}).code(), Code::kInvalid);
  EXPECT_EQ(policies.link(1, "l", {alice, std::nullopt}).code(), Code::kInvalid);
  EXPECT_EQ(policies.link(1, "policy1", {alice, plan}).code(), Code::kExists);
  EXPECT_TRUE(policies.link(1, "l", {alice, plan}).ok());
  EXPECT_EQ(policies.link(1, "l", {alice, plan}).code(), Code::kExists);
  ASSERT_EQ(policies.active().size(), 2u);
  EXPECT_EQ(policies.active()[1].id, "l");
  EXPECT_EQ(to_string(policies.active()[1].principal.entity), "User::\"alice\"");
}

}  // namespace
}  // namespace custody::policy::cedar
