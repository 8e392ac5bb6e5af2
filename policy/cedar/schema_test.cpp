#include "policy/cedar/schema.h"

#include <gtest/gtest.h>

#include "policy/cedar/fixture_test.h"

namespace custody::policy::cedar {
namespace {

std::string text_result(std::string_view text) {
  const Result<Schema> schema = Schema::parse(text);
  return schema.ok() ? "ok" : schema.status().message();
}

std::string json_result(std::string_view text) {
  const Result<Json> json = parse_data_json(text);
  if (!json.ok()) return json.status().message();
  const Result<Schema> schema = Schema::parse_json(*json);
  return schema.ok() ? "ok" : schema.status().message();
}

TEST(CedarSchema, AcceptsEveryDeclaration) {
  for (const char* text :
       {"",
        "entity A;",
        "entity A, B in [A];",
        "entity A in B; entity B in A;",
        "entity A in [] {};",
        "entity A = {x?: Long};",
        "entity A {\"x y\"?: Long, y: Bool,};",
        "entity A {x: __cedar::Long, y: __cedar::ipaddr};",
        "entity A {x: Set<Set<String>>, y: {z?: datetime}} tags Set<{a: Long}>;",
        "type T = U; type U = Long; entity A {t: T};",
        "type ipaddr = String; entity A {x: ipaddr};",
        "entity Long; entity A {x: Long};",
        "type A = Long; entity A; entity B {x: A};",
        "namespace N { type T = Long; entity A {x: T, y: N::T}; }",
        "entity A; namespace N { entity B in [A]; }",
        "entity principal; entity entity; entity type; entity tags; entity enum; entity appliesTo;",
        "@a @b(\"x\") namespace N { @c entity A {@if d: Long}; }",
        "entity A enum [\"a\", \"a\"];",
        "action x, \"y z\";",
        "action x in y; action y;",
        "action x in [Action::\"y\"]; action y;",
        "namespace N { action x in [N::Action::\"y\"]; action y; }",
        "action y; namespace N { action x in [y]; }",
        "entity A; action x appliesTo {principal: A, resource: [A, A], context: {a: Long},};",
        "entity A; type C = {}; action x appliesTo {principal: A, resource: A, context: C} attributes {};",
        "action x attributes {};",
        "action Action;",
        "namespace N {}",
        "entity A {\"\\u{41}\": Long, __cedar: Long};"}) {
    EXPECT_EQ(text_result(text), "ok") << text;
  }
}

TEST(CedarSchema, RefusesOtherDeclarations) {
  for (const char* text :
       {"entity A in Z;",
        "entity A; entity A;",
        "entity A, A;",
        "entity Action;",
        "namespace N { entity Action; }",
        "entity A {x: Long y: Long};",
        "entity A {if: Long};",
        "entity A {x: Foo};",
        "entity A {x: Boolean};",
        "entity A {x: Set};",
        "entity A {x: Set<>};",
        "type Long = String;",
        "type Set = Long;",
        "type __cedar = Long;",
        "type T = U; type U = T;",
        "type T = {a: T};",
        "type T = Set<T>;",
        "type T = Z;",
        "type T = Long; type T = Long;",
        "namespace N {} namespace N {}",
        "entity A; namespace N { entity A; }",
        "type T = Long; namespace N { entity T; }",
        "action x; namespace N { action x; }",
        "namespace __cedar {}",
        "namespace N::__cedar {}",
        "namespace in {}",
        "entity in;",
        "entity __cedar;",
        "entity A::B;",
        "@a @a entity A;",
        "entity A enum [];",
        "entity A enum [\"a\",];",
        "entity A enum [\"a\"] tags Long;",
        "action x; action x;",
        "action x in y;",
        "action x in [];",
        "action x in x;",
        "action x in y; action y in x;",
        "action x in [Action];",
        "entity A; action x appliesTo {principal: A};",
        "entity A; action x appliesTo {};",
        "entity A; action x appliesTo {principal: [], resource: A};",
        "entity A; action x appliesTo {principal: A, principal: A, resource: A};",
        "entity A; action x appliesTo {principal: A, resource: A, context: {}, context: {}};",
        "entity A; action x appliesTo {principal: A, resource: A, context: A};",
        "entity A; type C = Long; action x appliesTo {principal: A, resource: A, context: C};",
        "entity A {x: Long}",
        "entity A {\"\\*\": Long};",
        "entity A {x: Long, x: String};",
        "namespace N { namespace M {} }",
        "entity A, \x01;",
        "entity A {x: Long,\"};"}) {
    EXPECT_NE(text_result(text), "ok") << text;
  }
}

TEST(CedarSchema, ErrorsSayWhere) {
  EXPECT_EQ(text_result("entity A {\n  x: Foo\n};"), "line 2, column 6: no type Foo is declared");
  EXPECT_EQ(text_result("entity A,\n  \x01;"), "line 2, column 3: a character that cannot stand here");
  EXPECT_EQ(json_result(R"({"N": {"entityTypes": {"A": {"shape": {"type": "Long"}}}, "actions": {}}})"),
            "N.entityTypes.A.shape: the shape of A is not a record");
}

TEST(CedarSchema, ReadsTheJsonForm) {
  for (
      const char* json :
      {"{}", R"({"": {"entityTypes": {}, "actions": {}}})",
       R"({"": {"entityTypes": {"A": {"memberOfTypes": ["A"]}}, "actions": {}}})",
       R"({"": {"entityTypes": {"A": {"shape": {"type": "Record", "attributes": {"x": {"type": "Long", "required": false}}}}}, "actions": {}}})",
       R"({"": {"entityTypes": {"A": {"shape": {"type": "T"}}}, "actions": {}, "commonTypes": {"T": {"type": "Record", "attributes": {}}}}})",
       R"({"": {"entityTypes": {"A": {"tags": {"type": "EntityOrCommon", "name": "Bool"}}}, "actions": {}}})",
       R"({"": {"entityTypes": {"A": {"tags": {"type": "Set", "element": {"type": "Extension", "name": "ipaddr"}}}}, "actions": {}}})",
       R"({"": {"entityTypes": {"A": {"tags": {"type": "__cedar::decimal"}}}, "actions": {}}})",
       R"({"": {"entityTypes": {"A": {"enum": ["a"]}}, "actions": {"x": {"appliesTo": null, "memberOf": null}}}})",
       R"({"": {"entityTypes": {"A": {}}, "actions": {"x": {"memberOf": [{"id": "y"}]}, "y": {"appliesTo": {"principalTypes": ["A"], "resourceTypes": []}}}}})"}) {
    EXPECT_EQ(json_result(json), "ok") << json;
  }
}

TEST(CedarSchema, RefusesOtherJson) {
  const auto type = [](std::string_view json) {
    return R"({"": {"entityTypes": {"A": {"tags": )" + std::string(json) + R"(}}, "actions": {}}})";
  };
  for (const std::string& json : std::vector<std::string>{
           "[]",
           R"({"": {}})",
           R"({"": {"entityTypes": {}}})",
           R"({"": {"entityTypes": null, "actions": {}}})",
           R"({"N M": {"entityTypes": {}, "actions": {}}})",
           R"({"__cedar": {"entityTypes": {}, "actions": {}}})",
           R"({"": {"entityTypes": {"A::B": {}}, "actions": {}}})",
           R"({"": {"entityTypes": {"in": {}}, "actions": {}}})",
           R"({"": {"entityTypes": {"A": {"foo": 1}}, "actions": {}}})",
           R"({"": {"entityTypes": {"A": {"enum": []}}, "actions": {}}})",
           R"({"": {"entityTypes": {"A": {"enum": ["a"], "memberOfTypes": []}}, "actions": {}}})",
           R"({"": {"entityTypes": {"A": {"memberOfTypes": ["B"]}}, "actions": {}}})",
           R"({"": {"entityTypes": {}, "actions": {}, "commonTypes": {"Long": {"type": "String"}}}})",
           R"({"": {"entityTypes": {}, "actions": {"x": {"appliesTo": {}}}}})",
           R"({"": {"entityTypes": {}, "actions": {"x": {"attributes": {}}}}})",
           R"({"": {"entityTypes": {}, "actions": {"x": {"memberOf": [{"id": "y"}]}}}})",
           type(R"({"type": "A"})"),
           type(R"({"type": "Entity", "name": "Long"})"),
           type(R"({"type": "Extension", "name": "foo"})"),
           type(R"({"type": "Record"})"),
           type(R"({"type": "Record", "attributes": {}, "additionalAttributes": true})"),
           type(R"({"type": "Record", "attributes": {}, "foo": 1})"),
           type(R"({"type": "Set"})"),
           type(R"({"type": "Long", "element": {"type": "Long"}})"),
           type(R"({"name": "A"})"),
           type("null"),
           type(R"({"type": "Record", "attributes": {"x": {"type": "Long", "required": "no"}}})")}) {
    EXPECT_NE(json_result(json), "ok") << json;
  }
}

TEST(CedarSchema, ResolvesNamesNearestFirst) {
  const Schema schema = schema_of(
      "type Amount = Long; entity Wallet; namespace N { type Note = {to: Wallet, amount: Amount}; entity "
      "User {note: Note, s: String}; }");
  const EntityType* user = schema.find_type("N::User");
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(to_string(*user->attributes), "{\"note\": {\"amount\": Long, \"to\": Wallet}, \"s\": String}");
  EXPECT_EQ(schema.find_type("User"), nullptr);
}

TEST(CedarSchema, AnnotationsAreKeptWithTheirPlaces) {
  const Schema schema = schema_of("@doc(\"x\") entity A {\n  @unit b: Long };");
  ASSERT_EQ(schema.annotations().size(), 2u);
  EXPECT_EQ(schema.annotations()[0].value, "x");
  EXPECT_EQ(schema.annotations()[1].where, "line 2, column 4");
  EXPECT_EQ(schema.annotations()[1].name, "unit");
  EXPECT_EQ(schema.annotations()[0].attribute, "");
  EXPECT_EQ(schema.annotations()[1].attribute, "b");
  const Result<Json> json = parse_data_json(
      R"({"": {"entityTypes": {"A": {"annotations": {"doc": "x", "plain": null}}}, "actions": {}}})");
  const Result<Schema> from_json = Schema::parse_json(*json);
  ASSERT_TRUE(from_json.ok()) << from_json.status().to_string();
  ASSERT_EQ(from_json->annotations().size(), 2u);
  EXPECT_EQ(from_json->annotations()[0].where, "the empty namespace.entityTypes.A");
  const Result<Json> attribute = parse_data_json(
      R"({"": {"entityTypes": {"A": {"shape": {"type": "Record", "attributes": {"b.c": {"type": "Long",
      "annotations": {"unit": "hours"}}}}}}, "actions": {}}})");
  const Result<Schema> with_attribute = Schema::parse_json(*attribute);
  ASSERT_TRUE(with_attribute.ok()) << with_attribute.status().to_string();
  ASSERT_EQ(with_attribute->annotations().size(), 1u);
  EXPECT_EQ(with_attribute->annotations()[0].attribute, "b.c");
}

TEST(CedarSchema, KnowsEverythingAboveATypeAndAnAction) {
  const Schema schema =
      schema_of("entity A in B; entity B in C; entity C in A; action x in y; action y in z; action z;");
  EXPECT_TRUE(schema.find_type("A")->is_below("C"));
  EXPECT_TRUE(schema.find_type("A")->is_below("A"));
  EXPECT_TRUE(schema.find_action(entity_uid("Action", "x"))->is_below(entity_uid("Action", "z")));
  EXPECT_FALSE(schema.find_action(entity_uid("Action", "z"))->is_below(entity_uid("Action", "x")));
  EXPECT_TRUE(schema.is_action_type("Action"));
  EXPECT_FALSE(schema.is_action_type("N::Action"));
}

}  // namespace
}  // namespace custody::policy::cedar
