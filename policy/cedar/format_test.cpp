#include "policy/cedar/format.h"

#include <gtest/gtest.h>

#include "policy/cedar/fixture_test.h"

namespace custody::policy::cedar {
namespace {

std::string formatted(std::string_view text) {
  Result<std::string> out = format_policies(text);
  EXPECT_TRUE(out.ok()) << out.status().to_string();
  return out.ok() ? *out : "";
}

// The expression of the one condition, formatted, read again and compared.
std::string expression(std::string_view text) {
  const PolicySet policies = policies_of(when(text));
  const std::string out = format_expr(*policies.all()[0].conditions[0].body);
  const PolicySet again = policies_of(when(out));
  EXPECT_TRUE(same_expr(*policies.all()[0].conditions[0].body, *again.all()[0].conditions[0].body))
      << text << "\n"
      << out;
  return out;
}

TEST(CedarFormat, LaysOutAPolicy) {
  EXPECT_EQ(formatted("@id ( \"a\" )@note permit(principal==User::\"a\",action "
                      "in[Action::\"x\",Action::\"y\"],resource)when{true}unless{false};"),
            "@id(\"a\")\n@note\npermit (principal == User::\"a\", action in [Action::\"x\", Action::\"y\"], "
            "resource)\n"
            "when { true }\nunless { false };\n");
  EXPECT_EQ(formatted("permit(principal is A in ?principal,action,resource==?resource);"),
            "permit (principal is A in ?principal, action, resource == ?resource);\n");
}

TEST(CedarFormat, BreaksWhatIsTooLong) {
  const std::string id(50, 'x');
  EXPECT_EQ(
      formatted("permit(principal == User::\"" + id + "\", action, resource in Folder::\"" + id + "\");"),
      "permit (\n  principal == User::\"" + id + "\",\n  action,\n  resource in Folder::\"" + id +
          "\"\n);\n");
  EXPECT_EQ(formatted(when("context.a == \"" + id + "\" && (context.b || context.c) && context.d == \"" + id +
                           "\"")),
            "permit (principal, action, resource)\nwhen {\n  context.a == \"" + id +
                "\" &&\n  (context.b || context.c) &&\n  context.d == \"" + id + "\"\n};\n");
}

TEST(CedarFormat, KeepsParenthesesThatMatterOnly) {
  EXPECT_EQ(expression("((true)) && ((false) || (true))"), "true && (false || true)");
  EXPECT_EQ(expression("(true && false) || true"), "true && false || true");
  EXPECT_EQ(expression("(true && false) && true"), "(true && false) && true");
  EXPECT_EQ(expression("1 - (2 - 3) - 4 == (1 * 2) + 3"), "1 - (2 - 3) - 4 == 1 * 2 + 3");
  EXPECT_EQ(expression("(1 + 2) * 3 == 9"), "(1 + 2) * 3 == 9");
  EXPECT_EQ(expression("(1 == 2) == (3 in 4)"), "(1 == 2) == (3 in 4)");
  EXPECT_EQ(expression("!(!true)"), "!(!true)");
  EXPECT_EQ(expression("!(a::\"b\" has c)"), "!(a::\"b\" has c)");
  EXPECT_EQ(expression("(if true then 1 else 2) == 1"), "(if true then 1 else 2) == 1");
  EXPECT_EQ(expression("if (true) then (1) else (if false then 2 else 3)"),
            "if true then 1 else if false then 2 else 3");
  EXPECT_EQ(expression("(principal).a"), "principal.a");
}

TEST(CedarFormat, KeepsSigns) {
  EXPECT_EQ(expression("-5 == 0"), "-5 == 0");
  EXPECT_EQ(expression("-(5) == 0"), "-(5) == 0");
  EXPECT_EQ(expression("- -5 == 0"), "-(-5) == 0");
  EXPECT_EQ(expression("1 - -5 == 0"), "1 - -5 == 0");
  EXPECT_EQ(expression("(-5).a"), "(-5).a");
  EXPECT_EQ(expression("-5.a == 0"), "-5.a == 0");
  EXPECT_EQ(expression("-9223372036854775808 == 0"), "-9223372036854775808 == 0");
}

TEST(CedarFormat, WritesNamesPlainWherePossible) {
  EXPECT_EQ(expression("principal[\"a\"][\"b c\"].d"), "principal.a[\"b c\"].d");
  EXPECT_EQ(expression("principal[\"if\"] == {\"a\": 1, \"in\": 2}"),
            "principal[\"if\"] == {a: 1, \"in\": 2}");
  EXPECT_EQ(expression("principal has \"a\""), "principal has a");
  EXPECT_EQ(expression("principal.x has a.b.c"), "principal.x has a.b.c");
  EXPECT_EQ(expression("principal has a && principal.a has b"), "principal has a && principal.a has b");
}

TEST(CedarFormat, WritesEveryOtherForm) {
  EXPECT_EQ(expression("\"x\" like \"a*\\*\\\"*\""), "\"x\" like \"a*\\*\\\"*\"");
  EXPECT_EQ(expression("principal is A::B in [A::\"x\",]"), "principal is A::B in [A::\"x\"]");
  EXPECT_EQ(expression("[1,2].containsAll([ ]) == ip( \"::1\" ).isInRange(ip())"),
            "[1, 2].containsAll([]) == ip(\"::1\").isInRange(ip())");
  EXPECT_EQ(expression("\"\\u{202e}\\x41\" == \"\\n\""), "\"\\u{202e}A\" == \"\\n\"");
}

TEST(CedarFormat, KeepsComments) {
  const std::string text =
      "// file\n\n// first\npermit(principal, // who\n action, resource) // tail of the scope\nwhen { true "
      "// why\n } // end\n;// last\n"
      "forbid(principal, action, resource); // after\n// the end";
  const std::string once = formatted(text);
  EXPECT_EQ(once,
            "// file\n// first\n// who\n// last\npermit (principal, action, resource)\n// tail of the "
            "scope\n// why\n// end\nwhen { true };\n\n"
            "// after\nforbid (principal, action, resource);\n\n// the end\n");
  EXPECT_EQ(formatted(once), once);
}

TEST(CedarFormat, ACommentBetweenConditionsStaysWhereItIs) {
  const std::string once = formatted(
      "permit(principal, action, resource) when { true } // one\n when { // two\n 1 == 1 } when { false };");
  EXPECT_EQ(once,
            "permit (principal, action, resource)\nwhen { true }\n// one\n// two\nwhen { 1 == 1 }\nwhen { "
            "false };\n");
  EXPECT_EQ(formatted(once), once);
}

TEST(CedarFormat, RefusesWhatDoesNotParse) {
  EXPECT_FALSE(format_policies("permit(principal, action)").ok());
  EXPECT_EQ(formatted(""), "");
}

}  // namespace
}  // namespace custody::policy::cedar
