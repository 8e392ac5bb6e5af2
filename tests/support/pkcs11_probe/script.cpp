#include "tests/support/pkcs11_probe/script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <utility>

namespace custody::tests::probe {
namespace {

constexpr std::array<std::pair<std::string_view, CK_RV>, 21> kReturnValues = {{
    {"CKR_HOST_MEMORY", CKR_HOST_MEMORY},
    {"CKR_GENERAL_ERROR", CKR_GENERAL_ERROR},
    {"CKR_FUNCTION_FAILED", CKR_FUNCTION_FAILED},
    {"CKR_ARGUMENTS_BAD", CKR_ARGUMENTS_BAD},
    {"CKR_DEVICE_ERROR", CKR_DEVICE_ERROR},
    {"CKR_DEVICE_MEMORY", CKR_DEVICE_MEMORY},
    {"CKR_DEVICE_REMOVED", CKR_DEVICE_REMOVED},
    {"CKR_KEY_HANDLE_INVALID", CKR_KEY_HANDLE_INVALID},
    {"CKR_MECHANISM_INVALID", CKR_MECHANISM_INVALID},
    {"CKR_OBJECT_HANDLE_INVALID", CKR_OBJECT_HANDLE_INVALID},
    {"CKR_OPERATION_ACTIVE", CKR_OPERATION_ACTIVE},
    {"CKR_PIN_INCORRECT", CKR_PIN_INCORRECT},
    {"CKR_PIN_LOCKED", CKR_PIN_LOCKED},
    {"CKR_SESSION_CLOSED", CKR_SESSION_CLOSED},
    {"CKR_SESSION_HANDLE_INVALID", CKR_SESSION_HANDLE_INVALID},
    {"CKR_TOKEN_NOT_PRESENT", CKR_TOKEN_NOT_PRESENT},
    {"CKR_USER_ALREADY_LOGGED_IN", CKR_USER_ALREADY_LOGGED_IN},
    {"CKR_USER_NOT_LOGGED_IN", CKR_USER_NOT_LOGGED_IN},
    {"CKR_BUFFER_TOO_SMALL", CKR_BUFFER_TOO_SMALL},
    {"CKR_CRYPTOKI_NOT_INITIALIZED", CKR_CRYPTOKI_NOT_INITIALIZED},
    {"CKR_FUNCTION_NOT_SUPPORTED", CKR_FUNCTION_NOT_SUPPORTED},
}};

constexpr std::array<std::pair<std::string_view, Action>, 10> kActions = {{
    {"return", Action::kReturn},
    {"return-after", Action::kReturnAfter},
    {"delay", Action::kDelay},
    {"print", Action::kPrint},
    {"corrupt", Action::kCorrupt},
    {"high-s", Action::kHighS},
    {"short", Action::kShort},
    {"wrong-key", Action::kWrongKey},
    {"crash-before", Action::kCrashBefore},
    {"crash-after", Action::kCrashAfter},
}};

template <typename Value, std::size_t N>
std::optional<Value> find_name(const std::array<std::pair<std::string_view, Value>, N>& table,
                               std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == table.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const bool hex = text.substr(0, 2) == "0x";
  if (hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool parse_argument(const std::string& argument, Rule& rule) {
  if (rule.action == Action::kReturn || rule.action == Action::kReturnAfter) {
    const auto rv = find_name(kReturnValues, argument);
    if (rv) rule.rv = *rv;
    return rv.has_value();
  }
  if (rule.action == Action::kDelay) {
    const auto milliseconds = parse_number(argument);
    if (milliseconds) rule.delay_ms = *milliseconds;
    return milliseconds.has_value();
  }
  return argument.empty();
}

bool acts_on_signature(Action action) {
  return action == Action::kCorrupt || action == Action::kHighS || action == Action::kShort ||
         action == Action::kWrongKey;
}

std::optional<Rule> parse_rule(const std::string& line) {
  std::istringstream words(line);
  std::string call;
  std::string action;
  std::string argument;
  std::string surplus;
  Rule rule;
  words >> rule.function >> call >> action >> argument >> surplus;
  const auto known_action = find_name(kActions, action);
  if (rule.function.substr(0, 2) != "C_" || !known_action || !surplus.empty()) return std::nullopt;
  rule.action = *known_action;
  if (acts_on_signature(rule.action) && rule.function != "C_Sign") return std::nullopt;
  if (call != "*") {
    rule.call = parse_number(call);
    if (!rule.call) return std::nullopt;
  }
  if (!parse_argument(argument, rule)) return std::nullopt;
  return rule;
}

}  // namespace

Script parse_script(std::string_view text) {
  Script script;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    line.erase(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto rule = parse_rule(line);
    if (!rule) {
      script.error = "line " + std::to_string(number) + ": \"" + line + "\"";
      return script;
    }
    script.rules.push_back(*rule);
  }
  return script;
}

}  // namespace custody::tests::probe
