#include "signer/cli/request_summary.h"

#include <algorithm>

#include "policy/render/text.h"
#include "signer/cli/signer_call.h"

namespace custody::signer::cli {
namespace {

std::string text_at(const Json& object, std::string_view key) {
  const auto value = object.string_at(key);
  return value.ok() ? *value : "";
}

std::string number_at(const Json& object, std::string_view key) {
  const auto value = object.u64_at(key);
  return value.ok() ? std::to_string(*value) : "?";
}

bool is_set(const Json& object, std::string_view key) {
  const auto value = object.bool_at(key);
  return value.ok() && *value;
}

const Json::Array& list_at(const Json& object, std::string_view key) {
  static const Json::Array none;
  const Json* value = object.find(key);
  return value == nullptr || !value->is_array() ? none : value->items();
}

// "treasury 1 of 2 and wait 0 of 4"
std::string wants_line(const Json& all_of) {
  std::string out;
  for (const Json& want : all_of.items()) {
    out += (out.empty() ? "" : " and ") + text_at(want, "group") + " " + number_at(want, "have") + " of " +
           number_at(want, "count");
  }
  return out;
}

bool is_missing(const Json& want) {
  const auto have = want.u64_at("have");
  const auto count = want.u64_at("count");
  return have.ok() && count.ok() && *have < *count;
}

std::string rejecters(const Json& request) {
  std::string out;
  for (const Json& vote : list_at(request, "votes")) {
    if (text_at(vote, "vote") != "reject") continue;
    out += (out.empty() ? "" : ", ") + text_at(vote, "officer") + " as " + text_at(vote, "group");
  }
  return out;
}

std::string status_text(const Json& request) {
  return text_at(request, "status") + (is_open(request) && is_set(request, "frozen") ? " but frozen" : "");
}

}  // namespace

Result<Freezes> ask_freezes(Context& context) {
  ASSIGN_OR_RETURN(const Json status, ask_policy(context, {model::PolicyQuestion::kBundle, {}, 0}));
  Freezes out;
  ASSIGN_OR_RETURN(out.everything, status.bool_at("frozen_everything"));
  for (const Json& code : list_at(status, "frozen")) {
    ASSIGN_OR_RETURN(std::string text, code.as_string());
    out.currencies.insert(std::move(text));
  }
  ASSIGN_OR_RETURN(const std::string time, status.string_at("ledger_time"));
  ASSIGN_OR_RETURN(out.time, policy::render::parse_time(time));
  return out;
}

void mark(Json& request, const Freezes& freezes) {
  const auto expires = policy::render::parse_time(text_at(request, "expires"));
  if (is_open(request) && expires.ok() && *expires <= freezes.time) request.set("status", "expired");
  request.set("frozen", freezes.everything || freezes.currencies.contains(text_at(request, "currency")));
}

bool is_open(const Json& request) {
  return text_at(request, "status") == "open";
}

std::string closed_to(const Json& request, bool approves) {
  const std::string status = text_at(request, "status");
  if (status == "rejected") return "was rejected by " + rejecters(request);
  if (status == "expired") return "expired at " + text_at(request, "expires");
  return status == "signed" && approves ? "is signed already" : "";
}

bool is_wanted(const Json& request, const std::string& group) {
  return std::ranges::any_of(list_at(request, "wants"), [&](const Json& all_of) {
    return std::ranges::any_of(all_of.items(), [&](const Json& want) {
      const std::string of = text_at(want, "group");
      return (of == group || of == "distinct") && is_missing(want);
    });
  });
}

std::string summary_lines(const Json& request) {
  std::string out = text_at(request, "request") + "\n  " + text_at(request, "kind");
  if (request.find("amount") != nullptr)
    out += " of " + text_at(request, "amount") + " " + text_at(request, "currency");
  out += ", " + status_text(request) + ", until " + text_at(request, "expires") + "\n";
  if (request.find("asked_by") != nullptr) out += "  asked by officer " + text_at(request, "asked_by") + "\n";
  for (const Json& vote : list_at(request, "votes")) {
    out += "  " + text_at(vote, "officer") + " as " + text_at(vote, "group") + ": " + text_at(vote, "vote") +
           "\n";
  }
  if (!is_open(request)) return out;
  std::string_view label = "  needs ";
  for (const Json& wants : list_at(request, "wants")) {
    out += std::string(label) + wants_line(wants) + "\n";
    label = "  or    ";
  }
  return out;
}

}  // namespace custody::signer::cli
