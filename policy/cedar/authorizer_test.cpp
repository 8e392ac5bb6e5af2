#include "policy/cedar/authorizer.h"

#include <gtest/gtest.h>

#include "policy/cedar/fixture_test.h"

namespace custody::policy::cedar {

std::size_t allocation_count();  // of this program, counting_new_test.cpp

namespace {

std::string ids(const PolicySet& policies, const std::vector<std::uint32_t>& places) {
  std::string out;
  for (const std::uint32_t place : places) out += std::string(policies.active()[place].id) + " ";
  return out;
}

struct Judged {
  bool allow = false;
  std::string reasons;
  std::string errors;
};

Judged judge(std::string_view text) {
  const PolicySet policies = policies_of(text);
  const Entities entities = entities_of(kStore);
  Arena arena;
  const Request request = request_of(arena);
  const Result<Decision> decision = cedar_decide(policies, request, entities);
  EXPECT_TRUE(decision.ok()) << decision.status().to_string();
  if (!decision.ok()) return {};
  std::vector<std::uint32_t> errors;
  for (const PolicyError& error : decision->errors) errors.push_back(error.policy);
  return {decision->allow, ids(policies, decision->reasons), ids(policies, errors)};
}

TEST(CedarAuthorizer, DeniesWithoutAPermit) {
  const Judged judged = judge("permit(principal, action, resource) when { false };");
  EXPECT_FALSE(judged.allow);
  EXPECT_EQ(judged.reasons, "");
}

TEST(CedarAuthorizer, EveryPermitThatHoldsIsAReason) {
  const Judged judged = judge(when("true") + when("false") + when("principal.age == 30"));
  EXPECT_TRUE(judged.allow);
  EXPECT_EQ(judged.reasons, "policy0 policy2 ");
}

TEST(CedarAuthorizer, AForbidWinsAndIsTheOnlyReason) {
  const Judged judged =
      judge(when("true") + "forbid(principal, action, resource) unless { principal.age > 40 };");
  EXPECT_FALSE(judged.allow);
  EXPECT_EQ(judged.reasons, "policy1 ");
}

// Cedar's own rule, which policy/engine does not follow: an erring forbid forbids nothing.
TEST(CedarAuthorizer, APolicyThatErrsIsSkippedAndNamed) {
  const Judged judged =
      judge(when("true") + "forbid(principal, action, resource) when { principal.nothing };");
  EXPECT_TRUE(judged.allow);
  EXPECT_EQ(judged.errors, "policy1 ");
}

TEST(CedarAuthorizer, AConditionAfterAFalseOneIsNotEvaluated) {
  EXPECT_EQ(judge("permit(principal, action, resource) when { false } when { 1 };").errors, "");
  EXPECT_EQ(judge("permit(principal == User::\"bob\", action, resource) when { 1 };").errors, "");
  EXPECT_EQ(judge("permit(principal, action, resource) when { 1 } when { false };").errors, "policy0 ");
}

// Every form of scope, found through the index: the same policies as when all are tried.
TEST(CedarAuthorizer, TheIndexFindsEveryPolicyThatMatches) {
  const std::vector<std::string> principals = {"principal",
                                               "principal == User::\"alice\"",
                                               "principal in Group::\"staff\"",
                                               "principal is User",
                                               "principal is Doc",
                                               "principal == User::\"bob\""};
  const std::vector<std::string> actions = {
      "action",
      "action == Action::\"view\"",
      "action in [Action::\"edit\", Action::\"view\", Action::\"view\"]",
      "action == Action::\"edit\"",
      "action in []",
      "action in Action::\"all\""};
  const std::vector<std::string> resources = {"resource", "resource == Doc::\"plan\"",
                                              "resource in Folder::\"top\"", "resource in Folder::\"other\"",
                                              "resource is Doc in Folder::\"top\""};
  std::string text;
  for (const auto& p : principals) {
    for (const auto& a : actions) {
      for (const auto& r : resources)
        text.append("permit(").append(p).append(", ").append(a).append(", ").append(r).append(");\n");
    }
  }
  const PolicySet policies = policies_of(text);
  const Entities entities = entities_of(kStore);
  Arena arena;
  const Request request = request_of(arena);
  std::vector<std::uint32_t> expected;
  Evaluator evaluator(request, entities, arena);
  for (std::uint32_t place = 0; place < policies.active().size(); ++place) {
    if (evaluator.satisfied(policies.active()[place])) expected.push_back(place);
  }
  EXPECT_EQ(expected.size(), 4u * 3u * 4u);
  const Result<Decision> decision = cedar_decide(policies, request, entities);
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ(decision->reasons, expected);
}

TEST(CedarAuthorizer, AnEntityCanBePutInThePlaceOfAnother) {
  const PolicySet policies =
      policies_of("permit(principal in Group::\"ops\", action, resource) when { principal.age == 40 };");
  Entities entities = entities_of(kStore);
  Arena arena;
  Request request = request_of(arena);
  const EntityUid alice = request.principal;
  const EntityUid carol = entity_uid("User", "carol");
  const EntityUid groups[] = {entity_uid("Group", "ops"), entity_uid("Group", "staff")};
  std::vector<EntityUid> ancestors(std::begin(groups), std::end(groups));
  sort_ancestors(ancestors);
  Field age{"age", Value(std::int64_t{40})};
  const Record attributes = *make_record({&age, 1});
  const std::size_t before = allocation_count();
  entities.replace(alice, {carol, attributes, {}, {}, ancestors});
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(entities.find(alice), nullptr);
  request.principal = carol;
  const Result<Decision> decision = cedar_decide(policies, request, entities);
  ASSERT_TRUE(decision.ok());
  EXPECT_TRUE(decision->allow);
}

TEST(CedarAuthorizer, NothingIsAllocatedOnceWarm) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text +=
        "permit(principal, action, resource in Folder::\"top\") when { [principal.age, context.n].contains(" +
        std::to_string(i) + ") && {a: principal.name} != {a: \"x\"} };";
  }
  const PolicySet policies = policies_of(text + when("1 + true == 2"));
  const Entities entities = entities_of(kStore);
  Arena arena;
  const Request request = request_of(arena, R"({"n": 7})");
  Authorizer authorizer(policies);
  ASSERT_TRUE(authorizer.decide(request, entities).ok());
  const std::size_t before = allocation_count();
  const Result<const Decision*> decision = authorizer.decide(request, entities);
  EXPECT_EQ(allocation_count(), before);
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ(ids(policies, (*decision)->reasons), "policy7 policy30 ");
  EXPECT_EQ((*decision)->errors.size(), 1u);
}

}  // namespace
}  // namespace custody::policy::cedar
