// Each limit of limits.h: what is at it passes, what is over it is refused with kExhausted. No input
// overflows the stack.
#include "policy/cedar/limits.h"

#include <gtest/gtest.h>

#include "policy/cedar/fixture_test.h"
#include "policy/cedar/format.h"
#include "policy/cedar/validator.h"

namespace custody::policy::cedar {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

Code parse(std::string_view text) {
  return PolicySet::parse(text).code();
}

TEST(CedarLimits, MaxPolicyText) {
  EXPECT_EQ(parse(std::string(kMaxPolicyText, ' ')), Code::kOk);
  EXPECT_EQ(parse(std::string(kMaxPolicyText + 1, ' ')), Code::kExhausted);
}

TEST(CedarLimits, MaxSchemaText) {
  EXPECT_EQ(Schema::parse(std::string(kMaxSchemaText, ' ')).code(), Code::kOk);
  EXPECT_EQ(Schema::parse(std::string(kMaxSchemaText + 1, ' ')).code(), Code::kExhausted);
}

TEST(CedarLimits, MaxEntityText) {
  EXPECT_EQ(parse_data_json("[]" + std::string(kMaxEntityText - 2, ' ')).code(), Code::kOk);
  EXPECT_EQ(parse_data_json("[]" + std::string(kMaxEntityText - 1, ' ')).code(), Code::kExhausted);
}

TEST(CedarLimits, MaxPolicies) {
  const std::string policy = "permit(principal,action,resource);";
  const std::string full = repeated(policy, kMaxPolicies);
  EXPECT_EQ(parse(full), Code::kOk);
  EXPECT_EQ(parse(full + policy), Code::kExhausted);
  PolicySet policies =
      policies_of(repeated(policy, kMaxPolicies - 1) + "permit(principal == ?principal,action,resource);");
  EXPECT_TRUE(policies.link(kMaxPolicies - 1, "last", {entity_uid("A", "x"), std::nullopt}).ok());
  EXPECT_EQ(policies.link(kMaxPolicies - 1, "more", {entity_uid("A", "x"), std::nullopt}).code(),
            Code::kExhausted);
}

TEST(CedarLimits, MaxNestingOfExpressions) {
  struct Form {
    std::string_view open;
    std::string_view close;
  };
  for (const Form& form :
       {Form{"(", ")"}, Form{"[", "]"}, Form{"{a: ", "}"}, Form{"!(", ")"}, Form{"if true then ", " else 1"},
        Form{"ip(", ")"}, Form{"1 + (", ")"}, Form{"-(", ")"}}) {
    const auto nested = [&](std::size_t levels) {
      return when(repeated(form.open, levels) + "1" + repeated(form.close, levels));
    };
    EXPECT_EQ(parse(nested(kMaxNesting / 2)), Code::kOk) << form.open;
    EXPECT_EQ(parse(nested(kMaxNesting + 1)), Code::kExhausted) << form.open;
    EXPECT_EQ(parse(nested(200'000)), Code::kExhausted) << form.open;
  }
  EXPECT_EQ(parse(when("principal" + repeated(".a", kMaxNesting - 1))), Code::kOk);
  EXPECT_EQ(parse(when("principal" + repeated(".a", kMaxNesting))), Code::kExhausted);
  EXPECT_EQ(parse(when("principal has a" + repeated(".a", kMaxNesting))), Code::kExhausted);
  EXPECT_EQ(parse("permit(principal == " + repeated("(", 100'000)), Code::kInvalid);
}

// At the limit everything that walks the tree does so.
TEST(CedarLimits, WhatIsAtTheNestingLimitIsEvaluatedValidatedAndFormatted) {
  const std::string text = when(repeated("!(", kMaxNesting - 1) + "true" + repeated(")", kMaxNesting - 1));
  const PolicySet policies = policies_of(text);
  const Entities entities;
  Arena arena;
  EXPECT_FALSE(cedar_decide(policies, request_of(arena), entities)->allow);
  EXPECT_TRUE(
      validate(policies, schema_of("entity U; action a appliesTo {principal: U, resource: U};")).empty());
  EXPECT_TRUE(format_policies(text).ok());
}

// A long chain is not a deep one.
TEST(CedarLimits, ChainsMayBeLong) {
  for (const char* operand : {" && true", " || false"})
    EXPECT_EQ(parse(when("true" + repeated(operand, 50'000))), Code::kOk);
  EXPECT_EQ(evaluated("0" + repeated(" + 1", 50'000) + repeated(" - 1", 50'000) + " == 0"), "true");
}

TEST(CedarLimits, MaxNestingOfJson) {
  // Three levels are around the value: the entities, the entity and its attributes.
  const auto nested = [](std::size_t levels) {
    return R"([{"uid": {"type": "A", "id": "x"}, "parents": [], "attrs": {"a": )" + std::string(levels, '[') +
           std::string(levels, ']') + "}}]";
  };
  EXPECT_EQ(parse_data_json(nested(kMaxNesting - 3)).code(), Code::kOk);
  EXPECT_EQ(entities_of(nested(kMaxNesting - 3)).size(), 1u);
  EXPECT_FALSE(parse_data_json(nested(kMaxNesting - 2)).ok());
  EXPECT_FALSE(parse_data_json(std::string(1'000'000, '[')).ok());
}

TEST(CedarLimits, MaxNestingOfTypes) {
  const auto nested = [](std::size_t levels) {
    return "entity A { a: " + repeated("Set<", levels) + "Long" + repeated(">", levels) + "};";
  };
  EXPECT_EQ(Schema::parse(nested(kMaxNesting / 2)).code(), Code::kOk);
  EXPECT_EQ(Schema::parse(nested(kMaxNesting + 1)).code(), Code::kExhausted);
  EXPECT_EQ(Schema::parse(nested(200'000)).code(), Code::kExhausted);
  std::string chain = "type T0 = Long;";
  for (std::size_t i = 1; i <= kMaxNesting; ++i) {
    chain += "type T" + std::to_string(i) + " = Set<T" + std::to_string(i - 1) + ">;";
  }
  EXPECT_EQ(Schema::parse(chain).code(), Code::kExhausted);
}

TEST(CedarLimits, MaxNestingOfTypesInJson) {
  const auto nested = [](std::size_t levels) {
    return Json::parse(R"({"": {"entityTypes": {"A": {"shape": {"type": "Record", "attributes": {"a": )" +
                           repeated(R"({"type": "Set", "element": )", levels) + R"({"type": "Long"})" +
                           repeated("}", levels) + R"(}}}}, "actions": {}}})",
                       kMaxEntityText, 1'000);
  };
  EXPECT_EQ(Schema::parse_json(*nested(kMaxNesting / 2)).code(), Code::kOk);
  EXPECT_EQ(Schema::parse_json(*nested(kMaxNesting + 1)).code(), Code::kExhausted);
  EXPECT_EQ(Schema::parse_json(*nested(3 * kMaxNesting)).code(), Code::kExhausted);
}

TEST(CedarLimits, MaxTypeSize) {
  const auto record = [](std::size_t attributes) {
    std::string text = "entity A {";
    for (std::size_t i = 0; i < attributes; ++i) text += "a" + std::to_string(i) + ":Long,";
    return Schema::parse(text + "};").code();
  };
  EXPECT_EQ(record(kMaxTypeSize - 1), Code::kOk);
  EXPECT_EQ(record(kMaxTypeSize), Code::kExhausted);
}

// Thirty lines describe a type of 2^30 attributes.
TEST(CedarLimits, ATypeIsMeasuredWithWhatItNames) {
  std::string text = "type T0 = {a: Long};";
  for (int i = 1; i <= 30; ++i) {
    const std::string inner = "T" + std::to_string(i - 1);
    text.append("type T").append(std::to_string(i)).append(" = {a: ").append(inner);
    text.append(", b: ").append(inner).append("};");
  }
  EXPECT_EQ(Schema::parse(text).code(), Code::kExhausted);
}

TEST(CedarLimits, MaxCollection) {
  const std::string items = repeated("1,", kMaxCollection);
  EXPECT_EQ(parse(when("[" + items + "] == 1")), Code::kOk);
  EXPECT_EQ(parse(when("[" + items + "1] == 1")), Code::kExhausted);
  std::string fields;
  for (std::size_t i = 0; i < kMaxCollection; ++i) fields += "a" + std::to_string(i) + ":1,";
  EXPECT_EQ(parse(when("{" + fields + "} == 1")), Code::kOk);
  EXPECT_EQ(parse(when("{" + fields + "b:1} == 1")), Code::kExhausted);
}

TEST(CedarLimits, MaxCollectionOfActionsInAScope) {
  const auto scope = [](std::size_t actions) {
    return parse("permit(principal, action in [" + repeated("Action::\"a\",", actions) + "], resource);");
  };
  EXPECT_EQ(scope(kMaxCollection), Code::kOk);
  EXPECT_EQ(scope(kMaxCollection + 1), Code::kExhausted);
}

TEST(CedarLimits, MaxCollectionOfAttributes) {
  std::string fields;
  for (std::size_t i = 0; i <= kMaxCollection; ++i) fields += "a" + std::to_string(i) + ":Long,";
  const Status refusal = Schema::parse("entity A {" + fields + "};").status();
  EXPECT_EQ(refusal.code(), Code::kExhausted);
  EXPECT_NE(refusal.message().find("too many attributes"), std::string::npos) << refusal.message();
}

TEST(CedarLimits, MaxCollectionOfData) {
  Arena arena;
  const std::string items = repeated("1,", kMaxCollection - 1);
  const auto context = [&](const std::string& json) {
    return context_from_json(arena, *parse_data_json(json), nullptr).code();
  };
  EXPECT_EQ(context(R"({"a": [)" + items + "1]}"), Code::kOk);
  EXPECT_EQ(context(R"({"a": [)" + items + "1,1]}"), Code::kExhausted);
  std::string fields = R"("a": 1)";
  for (std::size_t i = 1; i < kMaxCollection; ++i) fields += R"(,"a)" + std::to_string(i) + R"(":1)";
  EXPECT_EQ(context("{" + fields + "}"), Code::kOk);
  EXPECT_EQ(context("{" + fields + R"(,"b":1})"), Code::kExhausted);
  EXPECT_EQ(context(R"({"r": {)" + fields + R"(,"b":1}})"), Code::kExhausted);
  for (const char* part : {R"("attrs")", R"("attrs": {}, "tags")"}) {
    const auto entity = [&](const std::string& more) {
      std::string json = R"([{"uid": {"type": "A", "id": "x"}, "parents": [], )";
      json.append(part).append(": {").append(fields).append(more).append("}}]");
      return entities_from_json(*parse_data_json(json), nullptr).code();
    };
    EXPECT_EQ(entity(""), Code::kOk) << part;
    EXPECT_EQ(entity(R"(,"b":1)"), Code::kExhausted) << part;
  }
}

Result<Entities> chain_of_entities(std::size_t length) {
  EntitiesBuilder builder;
  for (std::size_t i = 0; i < length; ++i) {
    Arena& arena = builder.arena();
    const std::span<EntityUid> parent = arena.array<EntityUid>(1);
    parent[0] = entity_uid(arena, "A", std::to_string(i + 1));
    TRY(builder.add(entity_uid(arena, "A", std::to_string(i)), {}, {}, parent));
  }
  return std::move(builder).build();
}

TEST(CedarLimits, MaxHierarchyDepth) {
  EXPECT_EQ(chain_of_entities(kMaxHierarchyDepth).code(), Code::kOk);
  EXPECT_EQ(chain_of_entities(kMaxHierarchyDepth + 1).code(), Code::kExhausted);
  EXPECT_EQ(chain_of_entities(200'000).code(), Code::kExhausted);
}

// Children of many parents: flat, and still too many pairs.
TEST(CedarLimits, MaxAncestorLinks) {
  constexpr std::size_t kParents = 4'000;
  EntitiesBuilder builder;
  std::vector<EntityUid> uids;
  uids.reserve(kParents);
  for (std::size_t i = 0; i < kParents; ++i)
    uids.push_back(entity_uid(builder.arena(), "P", std::to_string(i)));
  const std::span<EntityUid> parents = builder.arena().copy(uids);
  for (std::size_t i = 0; i <= kMaxAncestorLinks / kParents; ++i) {
    ASSERT_TRUE(builder.add(entity_uid(builder.arena(), "C", std::to_string(i)), {}, {}, parents).ok());
  }
  EXPECT_EQ(std::move(builder).build().code(), Code::kExhausted);
}

// Each type lies in every type before it.
TEST(CedarLimits, MaxAncestorLinksOfTypes) {
  const auto schema = [](std::size_t types) {
    std::string text = "entity A0;";
    std::string before = "A0";
    for (std::size_t i = 1; i < types; ++i) {
      const std::string name = "A" + std::to_string(i);
      text.append("entity ").append(name).append(" in [").append(before).append("];");
      before.append(",").append(name);
    }
    return Schema::parse(text).code();
  };
  EXPECT_EQ(schema(200), Code::kOk);  // about 200^3 / 6 pairs
  EXPECT_EQ(schema(400), Code::kExhausted);
}

TEST(CedarLimits, MaxEntities) {
  EntitiesBuilder builder;
  for (std::size_t i = 0; i < kMaxEntities; ++i) {
    ASSERT_TRUE(builder.add(entity_uid(builder.arena(), "A", std::to_string(i)), {}, {}, {}).ok());
  }
  EXPECT_EQ(builder.add(entity_uid("A", "more"), {}, {}, {}).code(), Code::kExhausted);
}

// Patterns, set operations and sorting: a short policy cannot keep the engine busy for long.
TEST(CedarLimits, MaxDecisionCost) {
  Arena arena;
  const std::string text(1u << 20, 'a');
  const std::string context = R"({"text": ")" + text + R"(", "set": [)" + repeated("1,", 1000) + "2]}";
  const Request request = request_of(arena, context);
  const Entities entities;
  const std::string pattern = "*" + std::string(50'000, 'a') + "b*";
  EXPECT_EQ(
      cedar_decide(policies_of(when("context.text like \"" + pattern + "\"")), request, entities).code(),
      Code::kExhausted);
  EXPECT_EQ(cedar_decide(policies_of(when("context.text like \"*a*\"")), request, entities).code(),
            Code::kOk);
  const std::string equal = "[" + repeated("context.text,", 1000) + "context.text].contains(context.text)";
  EXPECT_EQ(cedar_decide(policies_of(when(equal)), request, entities).code(), Code::kExhausted);
}

TEST(CedarLimits, MaxValidationCost) {
  std::string schema = "entity A;";
  for (int i = 0; i < 3000; ++i)
    schema += "action a" + std::to_string(i) + " appliesTo {principal: A, resource: A};";
  const PolicySet policies = policies_of(when("true" + repeated(" && 1 == 1", 60'000)));
  const std::vector<ValidationError> errors = validate(policies, schema_of(schema));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_NE(errors[0].message.find("costs more"), std::string::npos);
}

// What each operand makes known is handed on to all that follow: quadratic, so it is counted.
TEST(CedarLimits, MaxValidationCostOfWhatIsKnown) {
  std::string chain = "true";
  for (int i = 0; i < 50'000; ++i) chain += " && principal.hasTag(\"" + std::to_string(i) + "\")";
  const Schema schema = schema_of("entity A tags Long; action a appliesTo {principal: A, resource: A};");
  const PolicySet policies = policies_of(when(chain));
  const std::vector<ValidationError> errors = validate(policies, schema);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_NE(errors[0].message.find("costs more"), std::string::npos);
}

TEST(CedarLimits, MaxDeclarations) {
  std::string names = "A0";
  for (std::size_t i = 1; i < kMaxDeclarations; ++i) names += ",A" + std::to_string(i);
  EXPECT_EQ(Schema::parse("entity " + names + ";").code(), Code::kOk);
  EXPECT_EQ(Schema::parse("entity " + names + "; entity B;").code(), Code::kExhausted);
}

TEST(CedarLimits, MaxEnvironments) {
  std::string names = "A0";
  for (int i = 1; i < 1000; ++i) names += ",A" + std::to_string(i);
  const std::string pairs = " appliesTo {principal: [" + names + "], resource: [" + names + "]};";
  EXPECT_EQ(Schema::parse("entity " + names + "; action x" + pairs).code(), Code::kOk);
  EXPECT_EQ(Schema::parse("entity " + names + "; action x" + pairs +
                          "action y appliesTo {principal: A0, resource: A0};")
                .code(),
            Code::kExhausted);
}

}  // namespace
}  // namespace custody::policy::cedar
