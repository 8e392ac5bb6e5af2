#include "tests/conformance/cedar/runner.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "policy/cedar/authorizer.h"
#include "policy/cedar/json_format.h"
#include "policy/cedar/limits.h"
#include "policy/cedar/policy.h"
#include "policy/cedar/schema.h"
#include "policy/cedar/validator.h"

namespace custody::tests::cedar {
namespace {

using namespace custody::policy::cedar;  // NOLINT(google-build-using-namespace): this file is about it

using Names = std::initializer_list<std::string_view>;

Status check_fields(const Json& json, std::string_view what, Names known) {
  if (!json.is_object()) return invalid(std::string(what) + ": expected an object");
  for (const auto& [name, value] : json.members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return invalid(std::string(what) + ": unknown field " + quote(name));
    }
  }
  return ok_status();
}

// {"type", "id"}, or Cedar's explicit form of it. What else is wrong with it uid_from_json says.
Status check_uid(const Json& json, std::string_view what) {
  if (const Json* inner = json.find("__entity"); inner != nullptr) {
    TRY(check_fields(json, what, {"__entity"}));
    return check_fields(*inner, what, {"type", "id"});
  }
  return check_fields(json, what, {"type", "id"});
}

Status check_request(const Json& request) {
  TRY(check_fields(request, "the request", {"principal", "action", "resource", "context"}));
  for (const std::string_view name : {"principal", "action", "resource"}) {
    if (const Json* uid = request.find(name)) TRY(check_uid(*uid, name));
  }
  return ok_status();
}

Result<std::optional<Schema>> read_schema(const Json& job) {
  const Json* json = job.find("schema");
  if (json == nullptr || json->is_null()) return std::optional<Schema>();
  if (json->is_object()) {
    ASSIGN_OR_RETURN(Schema schema, Schema::parse_json(*json));
    return std::optional<Schema>(std::move(schema));
  }
  ASSIGN_OR_RETURN(const std::string text, json->as_string());
  ASSIGN_OR_RETURN(Schema schema, Schema::parse(text));
  return std::optional<Schema>(std::move(schema));
}

Result<std::size_t> find_template(const PolicySet& policies, std::string_view id) {
  for (std::size_t i = 0; i < policies.all().size(); ++i) {
    if (policies.all()[i].id == id) return i;
  }
  return not_found("no template " + quote(id));
}

Status add_link(PolicySet* policies, const Json& link) {
  TRY(check_fields(link, "a link", {"template", "id", "slots"}));
  ASSIGN_OR_RETURN(const std::string template_id, link.string_at("template"));
  ASSIGN_OR_RETURN(const std::string id, link.string_at("id"));
  if (id.empty()) return invalid("a link's id is empty");
  ASSIGN_OR_RETURN(const std::size_t place, find_template(*policies, template_id));
  Arena arena;
  SlotValues slots;
  const Json* values = link.find("slots");
  if (values == nullptr || !values->is_object()) return invalid("\"slots\" is not an object");
  for (const auto& [name, value] : values->members()) {
    TRY(check_uid(value, name));
    ASSIGN_OR_RETURN(const EntityUid uid, uid_from_json(arena, value));
    if (name == "?principal") {
      slots.principal = uid;
    } else if (name == "?resource") {
      slots.resource = uid;
    } else {
      return invalid("no slot is named " + quote(name));
    }
  }
  return policies->link(place, id, slots);
}

Result<PolicySet> read_policies(const Json& job) {
  ASSIGN_OR_RETURN(const std::string text, job.string_at("policies"));
  ASSIGN_OR_RETURN(PolicySet policies, PolicySet::parse(text));
  const Json* links = job.find("links");
  if (links == nullptr || links->is_null()) return policies;
  if (!links->is_array()) return invalid("\"links\" is not an array");
  for (const Json& link : links->items()) {
    if (Status status = add_link(&policies, link); !status.ok()) return status.with_context("links");
  }
  return policies;
}

Result<bool> read_validate_request(const Json& job) {
  const Json* flag = job.find("validateRequest");
  if (flag == nullptr || flag->is_null()) return false;
  return flag->as_bool();
}

Result<Json> authorize(const Json& job) {
  ASSIGN_OR_RETURN(const PolicySet policies, read_policies(job));
  ASSIGN_OR_RETURN(const std::optional<Schema> schema, read_schema(job));
  const Schema* rules = schema ? &*schema : nullptr;
  ASSIGN_OR_RETURN(const bool validate, read_validate_request(job));
  const Json* request_json = job.find("request");
  const Json* entities_json = job.find("entities");
  if (request_json == nullptr || entities_json == nullptr)
    return invalid("no \"request\" or no \"entities\"");
  TRY(check_request(*request_json));
  Arena arena;
  ASSIGN_OR_RETURN(const Request request, request_from_json(arena, *request_json, rules));
  if (validate && rules != nullptr) TRY(validate_request(request, *rules));
  ASSIGN_OR_RETURN(const Entities entities, entities_from_json(*entities_json, rules));
  ASSIGN_OR_RETURN(const Decision decision, cedar_decide(policies, request, entities));
  Json reasons = Json::array();
  Json errors = Json::array();
  for (const std::uint32_t place : decision.reasons) reasons.push(policies.active()[place].id);
  for (const PolicyError& error : decision.errors) errors.push(policies.active()[error.policy].id);
  Json answer;
  answer.set("decision", decision.allow ? "allow" : "deny");
  answer.set("reason", std::move(reasons));
  answer.set("errors", std::move(errors));
  return answer;
}

Result<Json> validate_policies(const Json& job) {
  ASSIGN_OR_RETURN(const PolicySet policies, read_policies(job));
  ASSIGN_OR_RETURN(const std::optional<Schema> schema, read_schema(job));
  if (!schema) return invalid("no \"schema\" to validate with");
  Json errors = Json::array();
  for (const ValidationError& error : validate(policies, *schema)) {
    Json entry;
    entry.set("policy", error.policy);
    entry.set("message", to_string(error.at) + ": " + error.message);
    errors.push(std::move(entry));
  }
  Json answer;
  answer.set("valid", errors.items().empty());
  answer.set("errors", std::move(errors));
  return answer;
}

Result<Json> answer_job(std::string_view line) {
  ASSIGN_OR_RETURN(const Json job, parse_data_json(line));
  TRY(check_fields(job, "the line",
                   {"op", "policies", "schema", "entities", "request", "validateRequest", "links"}));
  ASSIGN_OR_RETURN(const std::string op, job.string_at("op"));
  if (op == "authorize") return authorize(job);
  if (op == "validate") return validate_policies(job);
  return invalid("unknown op " + quote(op));
}

}  // namespace

std::string answer_line(std::string_view line) {
  const Result<Json> answer = answer_job(line);
  if (answer.ok()) return answer->dump();
  Json error;
  error.set("error", answer.status().to_string());
  return error.dump();
}

}  // namespace custody::tests::cedar
