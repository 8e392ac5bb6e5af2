// What the tests of this folder share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "policy/cedar/authorizer.h"
#include "policy/cedar/json_format.h"
#include "policy/cedar/policy.h"
#include "policy/cedar/schema.h"

namespace custody::policy::cedar {

inline std::string when(std::string_view expression) {
  return "permit(principal, action, resource) when { " + std::string(expression) + " };";
}

inline PolicySet policies_of(std::string_view text) {
  Result<PolicySet> policies = PolicySet::parse(text);
  EXPECT_TRUE(policies.ok()) << text << "\n" << policies.status().to_string();
  return policies.ok() ? std::move(policies).value() : PolicySet();
}

inline Schema schema_of(std::string_view text) {
  Result<Schema> schema = Schema::parse(text);
  EXPECT_TRUE(schema.ok()) << text << "\n" << schema.status().to_string();
  return schema.ok() ? std::move(schema).value() : Schema();
}

inline Entities entities_of(std::string_view json, const Schema* schema = nullptr) {
  const Result<Json> parsed = parse_data_json(json);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  Result<Entities> entities = entities_from_json(parsed.ok() ? *parsed : Json::array(), schema);
  EXPECT_TRUE(entities.ok()) << entities.status().to_string();
  return entities.ok() ? std::move(entities).value() : Entities();
}

inline Request request_of(Arena& arena, std::string_view context = "{}") {
  const Result<Json> parsed = parse_data_json(context);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  Request request{entity_uid("User", "alice"), entity_uid("Action", "view"), entity_uid("Doc", "plan"), {}};
  Result<Record> record = context_from_json(arena, parsed.ok() ? *parsed : Json::object(), nullptr);
  EXPECT_TRUE(record.ok()) << record.status().to_string();
  if (record.ok()) request.context = *record;
  return request;
}

// A store, as JSON, that request_of() fits: alice is in ops and staff.
inline constexpr std::string_view kStore = R"([
  {"uid": {"type": "User", "id": "alice"}, "attrs": {"age": 30, "name": "Alice", "boss": {"__entity": {"type": "User", "id": "bob"}}},
   "parents": [{"type": "Group", "id": "ops"}], "tags": {"role": "admin"}},
  {"uid": {"type": "Group", "id": "ops"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]},
  {"uid": {"type": "Doc", "id": "plan"}, "attrs": {"owner": {"__entity": {"type": "User", "id": "alice"}}, "labels": ["a", "b"]},
   "parents": [{"type": "Folder", "id": "top"}]}])";

// What an expression evaluates to over kStore, as text; "error: ..." when it errs.
inline std::string evaluated(std::string_view expression, std::string_view context = "{}") {
  const PolicySet policies = policies_of(when(expression));
  const Entities entities = entities_of(kStore);
  Arena arena;
  const Request request = request_of(arena, context);
  Evaluator evaluator(request, entities, arena);
  Value value;
  if (policies.all().empty()) return "not parsed";
  if (!evaluator.evaluate(*policies.all()[0].conditions[0].body, &value)) {
    return "error: " + to_string(evaluator.error());
  }
  return to_string(value);
}

}  // namespace custody::policy::cedar
