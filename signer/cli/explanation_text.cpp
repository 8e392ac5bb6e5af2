#include "signer/cli/explanation_text.h"

namespace custody::signer::cli {
namespace {

std::string plain(const Json& value) {
  const auto text = value.as_string();
  return text.ok() ? *text : value.dump();
}

std::string at(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null() ? "" : plain(*value);
}

const Json& child(const Json& object, std::string_view key) {
  static const Json none;
  const Json* value = object.find(key);
  return value == nullptr ? none : *value;
}

std::string policy_lines(const Json& policy) {
  std::string out = "    " + at(policy, "effect") + " " + at(policy, "id");
  if (const std::string doc = at(policy, "doc"); !doc.empty()) out += ": " + doc;
  if (const std::string failed = at(policy, "failed"); !failed.empty()) out += "\n      not so: " + failed;
  return out + "\n";
}

std::string part_lines(const Json& part) {
  std::string out = "  " + at(part, "action");
  if (const std::string burn = at(part, "burn"); !burn.empty()) out += " of burn " + burn;
  for (const char* key : {"amount", "principal", "resource"}) {
    if (const std::string text = at(part, key); !text.empty()) out += ", " + text;
  }
  if (const std::string address = at(part, "address"); !address.empty()) out += ", to " + address;
  out += ": " + at(part, "outcome") + "\n";
  for (const Json& policy : child(part, "policies").items()) out += policy_lines(policy);
  std::string_view label = "    where ";
  for (const auto& [path, value] : child(part, "facts").members()) {
    out += std::string(label) + path + " = " + plain(value) + "\n";
    label = "          ";
  }
  return out;
}

// {"treasury": 2, "wait": 4} as "2 of treasury and 4 hours since opening"
std::string wants_line(const Json& all_of) {
  std::string out;
  for (const auto& [group, count] : all_of.members()) {
    out += out.empty() ? "" : " and ";
    out += plain(count);
    out += group == "wait"       ? " hours since opening"
           : group == "distinct" ? " officers in all"
                                 : " of " + group;
  }
  return out;
}

}  // namespace

std::string question_text(const Json& decision) {
  std::string out = at(decision, "kind");
  if (const std::string amount = at(decision, "amount"); !amount.empty())
    out += " of " + amount + " " + at(decision, "currency");
  std::string_view label = " for ";
  for (const Json& gateway : child(decision, "gateways").items()) {
    out += std::string(label) + plain(gateway);
    label = ", ";
  }
  return out;
}

std::string explanation_text(const Json& decision) {
  std::string out = at(decision, "outcome") + " (" + at(decision, "rule");
  if (const std::string bundle = at(decision, "bundle"); !bundle.empty()) out += ", bundle " + bundle;
  if (const std::string time = at(decision, "time"); !time.empty()) out += ", " + time;
  out += ")\n";
  if (child(decision, "parts").items().empty()) {
    if (const std::string question = question_text(decision); !question.empty())
      out += "  " + question + "\n";
  }
  if (const std::string reason = at(decision, "reason"); !reason.empty()) out += "  " + reason + "\n";
  if (const std::string officer = at(decision, "initiator"); !officer.empty())
    out += "  asked by officer " + officer + "\n";
  if (const std::string request = at(decision, "request"); !request.empty())
    out += "  request " + request + "\n";
  if (decision.find("cut") != nullptr) out += "  too long to be kept: only its outcome is known\n";
  for (const Json& part : child(decision, "parts").items()) out += part_lines(part);
  std::string_view label = "  needs ";
  for (const Json& wants : child(decision, "wants").items()) {
    out += std::string(label) + wants_line(wants) + "\n";
    label = "  or    ";
  }
  return out;
}

}  // namespace custody::signer::cli
