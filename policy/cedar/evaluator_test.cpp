#include "policy/cedar/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "policy/cedar/fixture_test.h"

namespace custody::policy::cedar {
namespace {

using testing::HasSubstr;
using Cases = std::vector<std::pair<const char*, const char*>>;

void expect_all(const Cases& cases) {
  for (const auto& [expression, value] : cases) EXPECT_EQ(evaluated(expression), value) << expression;
}

void expect_error(const std::vector<const char*>& expressions, std::string_view reason) {
  for (const char* expression : expressions)
    EXPECT_THAT(evaluated(expression), HasSubstr(std::string(reason))) << expression;
}

TEST(CedarEvaluator, Logic) {
  expect_all({{"true && false", "false"},
              {"false && (1 + true == 2)", "false"},
              {"true || (1 + true == 2)", "true"},
              {"!!true", "true"},
              {"if 1 < 2 then \"a\" else 7 + true", "\"a\""}});
  expect_error({"1 && true", "true && 1", "false || 1", "!1", "if 1 then 2 else 3"}, "type");
}

TEST(CedarEvaluator, Arithmetic) {
  expect_all({{"1 + 2 - 4", "-1"}, {"2 * -3 * 4", "-24"}, {"-(5)", "-5"}, {"- -5", "5"}, {"7 >= 7", "true"}});
  expect_error({"9223372036854775807 + 1", "-9223372036854775808 - 1", "-(-9223372036854775808)",
                "4611686018427387904 * 2"},
               "range");
  expect_error({"1 + \"a\"", "-true", "1 < true", "\"a\" < \"b\""}, "type");
}

TEST(CedarEvaluator, EqualityHoldsBetweenAnyTwoValues) {
  expect_all({{"1 == true", "false"},
              {"[1, 2, 2] == [2, 1]", "true"},
              {"{a: 1, b: [2]} == {\"b\": [2], a: 1}", "true"},
              {"principal == User::\"alice\"", "true"},
              {"principal != resource", "true"},
              {"ip(\"10.0.0.1\") == ip(\"10.0.0.1/32\")", "true"},
              {"decimal(\"1.0\") == decimal(\"1.0000\")", "true"}});
}

TEST(CedarEvaluator, Sets) {
  expect_all({{"[1, 2].contains(2)", "true"},
              {"[[1], 2].contains([1])", "true"},
              {"[1, 2].containsAll([])", "true"},
              {"[1].containsAll([1, 2])", "false"},
              {"[1, 2].containsAny([3, 2])", "true"},
              {"[].isEmpty()", "true"}});
  expect_error({"1.contains(1)", "[1].containsAll(1)", "principal.isEmpty()"}, "type");
}

TEST(CedarEvaluator, Hierarchy) {
  expect_all({{"principal in principal", "true"},
              {"principal in Group::\"staff\"", "true"},
              {"principal in [Group::\"none\", Group::\"ops\"]", "true"},
              {"principal in []", "false"},
              {"User::\"nobody\" in Group::\"ops\"", "false"},
              {"resource in Folder::\"top\"", "true"},
              {"principal is User", "true"},
              {"principal is User in Group::\"ops\"", "true"},
              {"principal is Doc in 7", "false"}});
  expect_error({"1 in principal", "principal in 1", "principal in [principal, 1]", "1 is User",
                "principal is User in 7"},
               "type");
}

TEST(CedarEvaluator, AttributesAndTags) {
  expect_all({{"principal.age", "30"},
              {"principal[\"name\"]", "\"Alice\""},
              {"resource.owner.age", "30"},
              {"principal has age", "true"},
              {"principal has boss.age", "false"},
              {"resource has owner.boss.name", "false"},
              {"resource has owner.name", "true"},
              {"User::\"nobody\" has age", "false"},
              {"principal.hasTag(\"role\")", "true"},
              {"principal.getTag(\"role\")", "\"admin\""},
              {"resource.hasTag(\"role\")", "false"},
              {"{a: {b: 1}}.a.b", "1"}});
  expect_error({"principal.nothing", "{a: 1}.b"}, "no such attribute");
  expect_error({"principal.boss.age", "User::\"nobody\".getTag(\"a\")"}, "does not exist");
  expect_error({"principal.getTag(\"none\")"}, "no such tag");
  expect_error({"1.a", "1 has a", "1.hasTag(\"a\")", "principal.hasTag(1)"}, "type");
}

TEST(CedarEvaluator, Like) {
  expect_all({{"\"\" like \"\"", "true"},
              {"\"abc\" like \"a*c\"", "true"},
              {"\"ac\" like \"a*c\"", "true"},
              {"\"abcbd\" like \"a*b*d\"", "true"},
              {"\"aa\" like \"a\"", "false"},
              {"\"a\" like \"a*a\"", "false"},
              {"\"a*b\" like \"a\\*b\"", "true"},
              {"\"axb\" like \"a\\*b\"", "false"},
              {"\"😀\" like \"*\"", "true"},
              {"\"abab\" like \"*ab\"", "true"},
              {"\"aab\" like \"*a*ab\"", "true"}});
  expect_error({"1 like \"*\""}, "type");
}

TEST(CedarEvaluator, Extensions) {
  expect_all(
      {{"ip(\"10.0.0.1\").isInRange(ip(\"10.0.0.0/8\"))", "true"},
       {"ip(\"::1\").isIpv4()", "false"},
       {"decimal(\"1.1\").lessThan(decimal(\"1.2\"))", "true"},
       {"datetime(\"2024-01-01\") < datetime(\"2024-01-02\")", "true"},
       {"datetime(\"2024-01-01\").offset(duration(\"-1ms\")).toDate() == datetime(\"2023-12-31\")", "true"},
       {"datetime(\"2024-01-02\").durationSince(datetime(\"2024-01-01\")).toHours()", "24"},
       {"duration(\"-90s\").toMinutes()", "-1"},
       {"ip(context.from).isLoopback()", "error: line 1, column 54: there is no such attribute"}});
  expect_error({"ip(\"x\")", "decimal(\"1\")", "datetime(\"x\")", "duration(\"x\")"}, "form");
  expect_error({"ip()", "ip(\"::1\", \"::1\")", "ip(\"::1\").isIpv4(1)"}, "number of arguments");
  expect_error({"ip(1)", "1.isIpv4()", "ip(\"::1\").lessThan(decimal(\"1.0\"))",
                "decimal(\"1.0\") < decimal(\"2.0\")", "datetime(\"2024-01-01\") < duration(\"1h\")"},
               "type");
}

TEST(CedarEvaluator, ReadsTheContext) {
  EXPECT_EQ(evaluated("context.n", R"({"n": -9223372036854775808})"), "-9223372036854775808");
  EXPECT_EQ(evaluated("context.ip.isIpv6()", R"({"ip": {"__extn": {"fn": "ip", "arg": "::1"}}})"), "true");
  EXPECT_EQ(evaluated("context == {a: [1]}", R"({"a": [1, 1]})"), "true");
}

}  // namespace
}  // namespace custody::policy::cedar
