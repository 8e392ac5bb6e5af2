#include "policy/cedar/json_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/cedar/fixture_test.h"
#include "policy/cedar/validator.h"

namespace custody::policy::cedar {
namespace {

using testing::HasSubstr;

constexpr std::string_view kSchema = R"(
  entity A in [B] { a?: Long, ip?: ipaddr, at?: datetime, e?: A, r?: {x: Long, y?: String}, s?: Set<Long> } tags String;
  entity B in [C];
  entity C;
  entity Color enum ["red", "blue"];
  entity F { c: Long, color?: Color };
  action "g";
  action "x" in ["g"] appliesTo { principal: A, resource: B, context: { k?: Color, n: Long } };)";

Status read(std::string_view json, const Schema* schema = nullptr) {
  const Result<Json> parsed = parse_data_json(json);
  if (!parsed.ok()) return parsed.status();
  return custody::detail::as_status(entities_from_json(*parsed, schema));
}

std::string entity(std::string_view type, std::string_view attributes,
                   std::string_view more = R"("parents": [])") {
  return R"([{"uid": {"type": ")" + std::string(type) + R"(", "id": "x"}, "attrs": )" +
         std::string(attributes) + ", " + std::string(more) + "}]";
}

Status attribute(std::string_view json) {
  return read(entity("A", R"({"a": )" + std::string(json) + "}"));
}

TEST(CedarJson, ReadsEveryKindOfValue) {
  for (
      const char* json :
      {"true", "1", "-9223372036854775808", "9223372036854775807", "\"x\"", "[]", "[1, \"a\", [2]]", "{}",
       "{\"\": 1}", R"({"__entity": {"type": "A::B", "id": ""}})",
       R"({"__extn": {"fn": "ip", "arg": "1.2.3.4"}})", R"({"__extn": {"fn": "decimal", "args": ["1.5"]}})",
       R"({"__extn": {"fn": "offset", "args": [{"__extn": {"fn": "datetime", "arg": "2024-01-01"}}, {"__extn": {"fn": "duration", "arg": "1h"}}]}})",
       R"({"__extn": {"fn": "isIpv4", "arg": {"__extn": {"fn": "ip", "arg": "1.2.3.4"}}}})"}) {
    EXPECT_TRUE(attribute(json).ok()) << json << attribute(json).to_string();
  }
}

// What only looks like an escape is a record, as in the official reader.
TEST(CedarJson, AnIncompleteEscapeIsARecord) {
  for (const char* json : {R"({"__entity": {"type": "A"}})", R"({"__extn": "ip"})", R"({"__expr": 1})",
                           R"({"type": "A", "id": "b"})"}) {
    EXPECT_TRUE(attribute(json).ok()) << json;
  }
}

TEST(CedarJson, RefusesWhatIsNoValue) {
  for (const char* json :
       {"null", "1.5", "1e3", "9223372036854775808", "18446744073709551616", R"({"a": 1, "a": 2})",
        R"({"__expr": "1"})", R"({"__entity": {"type": "A B", "id": ""}})",
        R"({"__entity": {"type": "in", "id": ""}})", R"({"__entity": {"type": "", "id": ""}})",
        R"({"__entity": {"type": "A::", "id": ""}})", R"({"__entity": {"type": "__cedar::A", "id": ""}})",
        R"({"__extn": {"fn": "ip", "arg": "1.2.3.400"}})", R"({"__extn": {"fn": "ip", "arg": 1}})",
        R"({"__extn": {"fn": "none", "arg": "x"}})", R"({"__extn": {"fn": "contains", "arg": "x"}})",
        R"({"__extn": {"fn": "ip", "args": ["::1", "::1"]}})"}) {
    EXPECT_FALSE(attribute(json).ok()) << json;
  }
}

TEST(CedarJson, ErrorsNameTheEntityAndThePlace) {
  const Status status = read(entity("A", R"({"a": {"b": [1, null]}})"));
  EXPECT_EQ(status.message(), R"(entity 0: A::"x", "attrs": "a": "b": null is not a value)");
}

TEST(CedarJson, AnEntityHasUidAttributesAndParents) {
  for (const char* json :
       {"{}", "[1]", R"([{"attrs": {}, "parents": []}])",
        R"([{"uid": "A::\"x\"", "attrs": {}, "parents": []}])",
        R"([{"uid": {"type": "A", "id": 5}, "attrs": {}, "parents": []}])",
        R"([{"uid": {"type": "A", "id": "x"}, "parents": []}])",
        R"([{"uid": {"type": "A", "id": "x"}, "attrs": {}}])",
        R"([{"uid": {"type": "A", "id": "x"}, "attrs": null, "parents": []}])",
        R"([{"uid": {"type": "A", "id": "x"}, "attrs": {}, "parents": null}])",
        R"([{"uid": {"type": "A", "id": "x"}, "attrs": {}, "parents": [], "tags": null}])"}) {
    EXPECT_FALSE(read(json).ok()) << json;
  }
}

TEST(CedarJson, AnEntityMayStandTwiceOnlyWhenBothSayTheSame) {
  const std::string one = R"({"uid": {"type": "A", "id": "x"}, "attrs": {"a": 1}, "parents": []})";
  const std::string two = R"({"uid": {"type": "A", "id": "x"}, "attrs": {"a": 2}, "parents": []})";
  EXPECT_TRUE(read("[" + one + "," + one + "]").ok());
  EXPECT_THAT(read("[" + one + "," + two + "]").message(), HasSubstr("stands twice"));
}

TEST(CedarJson, AHierarchyHasNoCycle) {
  const auto chain = [](std::string_view a, std::string_view b) {
    return R"({"uid": {"type": "A", "id": ")" + std::string(a) +
           R"("}, "attrs": {}, "parents": [{"type": "A", "id": ")" + std::string(b) + R"("}]})";
  };
  EXPECT_TRUE(read("[" + chain("1", "2") + "," + chain("2", "3") + "]").ok());
  EXPECT_THAT(read("[" + chain("1", "2") + "," + chain("2", "1") + "]").message(), HasSubstr("above itself"));
  EXPECT_THAT(read("[" + chain("1", "1") + "]").message(), HasSubstr("above itself"));
  const std::string action =
      R"([{"uid": {"type": "Action", "id": "x"}, "attrs": {}, "parents": [{"type": "A", "id": "x"}]}])";
  EXPECT_THAT(read(action).message(), HasSubstr("no action"));
}

TEST(CedarJson, ASchemaSaysHowDataIsUnderstood) {
  const Schema schema = schema_of(kSchema);
  for (const char* attributes :
       {R"({"a": 1})", R"({"ip": "1.2.3.4"})", R"({"ip": {"fn": "ip", "arg": "1.2.3.4"}})",
        R"({"ip": {"__extn": {"fn": "ip", "arg": "::1"}}})", R"({"e": {"type": "A", "id": "q"}})",
        R"({"at": {"fn": "offset", "args": ["2024-01-01", "1h"]}})", R"({"r": {"x": 1}})", R"({"s": []})"}) {
    EXPECT_TRUE(read(entity("A", attributes), &schema).ok())
        << attributes << read(entity("A", attributes), &schema).to_string();
  }
}

TEST(CedarJson, DataMustConformToTheSchema) {
  const Schema schema = schema_of(kSchema);
  for (const char* attributes :
       {R"({"a": "1"})", R"({"b": 1})", R"({"ip": "x"})", R"({"ip": 5})", R"({"ip": {"arg": "::1"}})",
        R"({"ip": {"__extn": {"fn": "decimal", "arg": "1.2"}}})", R"({"e": {"type": "B", "id": "q"}})",
        R"({"e": "A::\"q\""})", R"({"r": {"y": "a"}})", R"({"r": {"x": 1, "z": 1}})", R"({"r": 1})",
        R"({"s": ["a"]})", R"({"s": 1})"}) {
    EXPECT_FALSE(read(entity("A", attributes), &schema).ok()) << attributes;
  }
  EXPECT_FALSE(read(entity("F", "{}"), &schema).ok());
  EXPECT_FALSE(read(entity("F", R"({"c": 1, "color": {"type": "Color", "id": "green"}})"), &schema).ok());
  EXPECT_FALSE(read(entity("Color", "{}"), &schema).ok());
  EXPECT_FALSE(read(entity("Z", "{}"), &schema).ok());
}

TEST(CedarJson, HierarchyAndTagsMustConformToTheSchema) {
  const Schema schema = schema_of(kSchema);
  const auto parents = [](std::string_view type) {
    return R"("parents": [{"type": ")" + std::string(type) + R"(", "id": "p"}])";
  };
  EXPECT_TRUE(read(entity("A", "{}", parents("B")), &schema).ok());
  EXPECT_TRUE(read(entity("A", "{}", parents("C")), &schema).ok());
  EXPECT_FALSE(read(entity("A", "{}", parents("A")), &schema).ok());
  EXPECT_FALSE(read(entity("A", "{}", parents("Z")), &schema).ok());
  EXPECT_TRUE(read(entity("A", "{}", R"("parents": [], "tags": {"t": "x"})"), &schema).ok());
  EXPECT_FALSE(read(entity("A", "{}", R"("parents": [], "tags": {"t": 1})"), &schema).ok());
  EXPECT_FALSE(read(entity("B", "{}", R"("parents": [], "tags": {"t": "x"})"), &schema).ok());
}

TEST(CedarJson, ActionsComeFromTheSchemaAndMustBeAsItSays) {
  const Schema schema = schema_of(kSchema);
  const Entities entities = entities_of("[]", &schema);
  const Entity* action = entities.find(entity_uid("Action", "x"));
  ASSERT_NE(action, nullptr);
  EXPECT_TRUE(action->is_below(entity_uid("Action", "g")));
  EXPECT_TRUE(read(entity("Action", "{}", R"("parents": [{"type": "Action", "id": "g"}])"), &schema).ok());
  EXPECT_FALSE(read(entity("Action", "{}"), &schema).ok());
  EXPECT_FALSE(
      read(entity("Action", R"({"a": 1})", R"("parents": [{"type": "Action", "id": "g"}])"), &schema).ok());
}

Status request(const Schema& schema, std::string_view principal, std::string_view action,
               std::string_view resource, std::string_view context) {
  const std::string json = R"({"principal": {"type": ")" + std::string(principal) +
                           R"(", "id": "p"}, "action": {"type": "Action", "id": ")" + std::string(action) +
                           R"("}, "resource": {"type": ")" + std::string(resource) +
                           R"(", "id": "r"}, "context": )" + std::string(context) + "}";
  const Result<Json> parsed = parse_data_json(json);
  if (!parsed.ok()) return parsed.status();
  Arena arena;
  const Result<Request> read = request_from_json(arena, *parsed, &schema);
  return read.ok() ? validate_request(*read, schema) : read.status();
}

TEST(CedarJson, ARequestMustConformToTheSchema) {
  const Schema schema = schema_of(kSchema);
  EXPECT_TRUE(request(schema, "A", "x", "B", R"({"n": 1, "k": {"type": "Color", "id": "red"}})").ok());
  EXPECT_FALSE(request(schema, "A", "x", "B", R"({"n": 1, "k": {"type": "Color", "id": "green"}})").ok());
  EXPECT_FALSE(request(schema, "A", "x", "B", R"({"n": "1"})").ok());
  EXPECT_FALSE(request(schema, "A", "x", "B", R"({})").ok());
  EXPECT_FALSE(request(schema, "A", "x", "B", R"({"n": 1, "m": 1})").ok());
  EXPECT_FALSE(request(schema, "B", "x", "B", R"({"n": 1})").ok());
  EXPECT_FALSE(request(schema, "A", "x", "A", R"({"n": 1})").ok());
  EXPECT_FALSE(request(schema, "A", "g", "B", R"({})").ok());
  EXPECT_FALSE(request(schema, "A", "none", "B", R"({"n": 1})").ok());
  EXPECT_FALSE(request(schema, "Z", "x", "B", R"({"n": 1})").ok());
}

TEST(CedarJson, ARequestHasFourParts) {
  Arena arena;
  for (
      const char* json :
      {"{}", "[]",
       R"({"principal": {"type": "A", "id": "p"}, "action": {"type": "Action", "id": "x"}, "resource": {"type": "B", "id": "r"}})",
       R"({"principal": "A", "action": {"type": "Action", "id": "x"}, "resource": {"type": "B", "id": "r"}, "context": {}})",
       R"({"principal": {"type": "A", "id": "p"}, "action": {"type": "Action", "id": "x"}, "resource": {"type": "B", "id": "r"}, "context": []})"}) {
    EXPECT_FALSE(request_from_json(arena, *parse_data_json(json), nullptr).ok()) << json;
  }
}

}  // namespace
}  // namespace custody::policy::cedar
