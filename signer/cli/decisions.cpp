#include "signer/cli/decisions.h"

#include <algorithm>
#include <optional>

#include "base/base64.h"
#include "policy/render/render.h"
#include "signer/cli/explanation_text.h"
#include "signer/cli/signer_call.h"

namespace custody::signer::cli {
namespace {

namespace render = policy::render;

Status not_remembered(const std::string& id) {
  return not_found("no decision about " + id + " is remembered", "list them with custodyctl policy explain");
}

// An answer that may be missing: the signer's word that there is none is not yet the command's.
Result<std::optional<Json>> try_ask(Context& context, const model::PolicyQuery& query) {
  auto answer = ask_policy(context, query);
  if (answer.ok()) return std::optional<Json>(*std::move(answer));
  if (answer.code() != Code::kNotFound) return answer.status();
  context.answered_by_node = false;
  return std::optional<Json>();
}

Result<std::optional<Json>> try_explain(Context& context, const Hash256& subject) {
  // The signer takes zero for the question about all of them.
  if (subject.is_zero()) return std::optional<Json>();
  return try_ask(context, {model::PolicyQuestion::kExplain, subject, 0});
}

Result<std::optional<Json>> explain_open_request(Context& context, const Hash256& id) {
  ASSIGN_OR_RETURN(const std::optional<Json> found,
                   try_ask(context, {model::PolicyQuestion::kRequest, id, 0}));
  if (!found) return found;
  ASSIGN_OR_RETURN(const std::string encoded, found->string_at("encoded"));
  ASSIGN_OR_RETURN(const Bytes bytes, from_base64(encoded, render::kMaxRequest));
  ASSIGN_OR_RETURN(const render::Request request, render::decode_request(bytes));
  return try_explain(context, request.terms.subject);
}

// The list's own entry with what the decision itself says of what was asked.
Result<Json> with_question(Context& context, Json entry) {
  ASSIGN_OR_RETURN(const std::string text, entry.string_at("subject"));
  ASSIGN_OR_RETURN(const Hash256 subject, Hash256::from_hex(text));
  ASSIGN_OR_RETURN(const std::optional<Json> decision, try_explain(context, subject));
  if (!decision) return entry;  // forgotten meanwhile
  for (const char* key : {"kind", "currency", "amount", "gateways", "request"}) {
    const Json* value = decision->find(key);
    if (value != nullptr && !value->is_null()) entry.set(key, *value);
  }
  return entry;
}

Result<Json> entries_of(Context& context) {
  ASSIGN_OR_RETURN(const Json list, ask_policy(context, {model::PolicyQuestion::kExplain, {}, 0}));
  ASSIGN_OR_RETURN(const Json decisions, list.at("decisions"));
  Json out = Json::array();
  for (const Json& one : decisions.items()) {
    ASSIGN_OR_RETURN(Json entry, with_question(context, one));
    out.push(std::move(entry));
  }
  return out;
}

// Of a request that the signer does not have any more.
Result<std::optional<Json>> explain_past_request(Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(const Json entries, entries_of(context));
  const auto found = std::ranges::find_if(entries.items(), [&](const Json& entry) {
    const auto request = entry.string_at("request");
    return request.ok() && *request == id;
  });
  if (found == entries.items().end()) return std::optional<Json>();
  ASSIGN_OR_RETURN(const std::string text, found->string_at("subject"));
  ASSIGN_OR_RETURN(const Hash256 subject, Hash256::from_hex(text));
  return try_explain(context, subject);
}

std::string text_at(const Json& object, std::string_view key) {
  const auto value = object.string_at(key);
  return value.ok() ? *value : "";
}

std::string entry_lines(const Json& entry) {
  std::string out =
      text_at(entry, "time") + "  " + text_at(entry, "outcome") + " (" + text_at(entry, "rule") + ")";
  if (const std::string question = question_text(entry); !question.empty()) out += "  " + question;
  out += "\n  subject " + text_at(entry, "subject") + "\n";
  if (const std::string id = text_at(entry, "request"); !id.empty()) out += "  request " + id + "\n";
  return out;
}

}  // namespace

Result<Json> list_decisions(Context& context) {
  ASSIGN_OR_RETURN(Json entries, entries_of(context));
  std::string text;
  for (const Json& entry : entries.items()) text += entry_lines(entry);
  return Json::object()
      .set("schema", "custody.decisions/1")
      .set("decisions", std::move(entries))
      .set("text", text.empty() ? "no decision is remembered" : text);
}

Result<Json> find_decision(Context& context, const std::string& id) {
  const auto about = Hash256::from_hex(id);
  if (!about.ok()) {
    return invalid(
        "\"" + to_printable(id.substr(0, 80)) + "\" is no subject or request: those are 64 hex digits",
        "list them with custodyctl policy explain");
  }
  ASSIGN_OR_RETURN(std::optional<Json> found, try_explain(context, *about));
  if (!found && !about->is_zero()) {
    ASSIGN_OR_RETURN(found, explain_open_request(context, *about));
  }
  if (!found) {
    ASSIGN_OR_RETURN(found, explain_past_request(context, about->hex()));
  }
  if (!found) return not_remembered(about->hex());
  const std::string text = explanation_text(*found);
  return found->set("text", text);
}

}  // namespace custody::signer::cli
