#include "policy/engine/bundle.h"

#include <algorithm>

#include "base/config.h"
#include "base/crypto/hash.h"

namespace custody::policy::engine {
inline namespace narrow {
namespace {

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Where a name stands first as a whole word, counted from 1; the file is small and parsed once. 1 when it is
// nowhere.
std::size_t line_of(std::string_view text, std::string_view name, std::size_t from = 0) {
  for (std::size_t at = text.find(name, from); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const bool begins = at == 0 || !is_key_character(text[at - 1]);
    const std::size_t end = at + name.size();
    if (begins && (end == text.size() || !is_key_character(text[end]))) {
      return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, at), '\n'));
    }
  }
  return 1;
}

// Decimal units to minor units: digits, at most one point, no sign, no exponent.
Result<model::Amount> parse_amount(std::string_view text, unsigned decimals) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point == std::string_view::npos ? "" : text.substr(point + 1);
  const auto digits = [](std::string_view view) {
    return std::ranges::all_of(view, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || !digits(whole) || !digits(part) || (point != std::string_view::npos && part.empty())) {
    return invalid("must be a positive decimal number in quotes, not \"" + std::string(text) + "\"");
  }
  if (part.size() > decimals) return invalid("has more than " + std::to_string(decimals) + " decimals");
  std::string all(whole);
  all += part;
  all.append(decimals - part.size(), '0');
  std::uint64_t value = 0;
  for (const char c : all) {
    const auto scaled = checked_mul<std::uint64_t>(value, 10);
    const auto sum =
        scaled ? checked_add<std::uint64_t>(*scaled, static_cast<std::uint64_t>(c - '0')) : scaled;
    if (!sum) return invalid("is above 64 bits of minor units");
    value = *sum;
  }
  if (value == 0) return invalid("must be above zero");
  return model::Amount(value);
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& origin, Config& config)
      : text_(text), origin_(origin), config_(config) {}

  Status version() {
    const auto version = config_.u64("version");
    if (!version.ok()) return version.status();
    if (*version == 1) return ok_status();
    return at("version", "", invalid("version " + std::to_string(*version) + " is not known here"));
  }

  Result<Limits> limits(const model::Currency& currency) {
    const std::string table = "currencies." + std::string(as_text(currency.code));
    Limits out;
    TRY(amount(table, "mint_per_transaction", currency, out.mint_per_transaction));
    TRY(amount(table, "mint_per_day", currency, out.mint_per_day));
    TRY(amount(table, "payout_per_transaction", currency, out.payout_per_transaction));
    TRY(amount(table, "payout_per_day", currency, out.payout_per_day));
    if (out.mint_per_day < out.mint_per_transaction) return below(table, "mint_per_day");
    if (out.payout_per_day < out.payout_per_transaction) return below(table, "payout_per_day");
    return out;
  }

  Result<bool> allowed(const std::string& key) {
    ASSIGN_OR_RETURN(const std::string word, config_.string("governance." + key));
    if (word == "allow") return true;
    if (word == "deny") return false;
    return at("governance", key, invalid("must be \"allow\" or \"deny\", not \"" + word + "\""));
  }

  Status unknown_currency(const std::string& code) {
    return at("currencies." + code, "", invalid("this network has no currency " + code));
  }

 private:
  // The error with origin:line of table and key.
  Status at(const std::string& table, const std::string& key, const Status& status) {
    const std::size_t start = text_.find("[" + table + "]");
    const std::size_t from = start == std::string_view::npos ? 0 : start;
    const std::size_t line = line_of(text_, key.empty() ? table : key, from);
    const std::string name = key.empty() ? table : table + "." + key;
    return status.with_context(origin_ + ":" + std::to_string(line) + ": " + name);
  }
  Status amount(const std::string& table, const std::string& key, const model::Currency& currency,
                model::Amount& out) {
    ASSIGN_OR_RETURN(const std::string text, config_.string(table + "." + key));
    const auto parsed = parse_amount(text, currency.decimals);
    if (!parsed.ok()) return at(table, key, parsed.status());
    out = *parsed;
    return ok_status();
  }
  Status below(const std::string& table, const std::string& key) {
    return at(table, key, invalid("is below the limit of one transaction"));
  }

  std::string_view text_;
  const std::string& origin_;
  Config& config_;
};

Result<PolicyBundle> parse(std::string_view text, const std::string& origin,
                           const std::vector<model::Currency>& currencies) {
  ASSIGN_OR_RETURN(Config config, Config::parse(text, origin));
  Parser parser(text, origin, config);
  TRY(parser.version());
  PolicyBundle bundle;
  for (const std::string& code : config.tables("currencies")) {
    const auto found = std::ranges::find_if(
        currencies, [&](const model::Currency& currency) { return as_text(currency.code) == code; });
    if (found == currencies.end()) return parser.unknown_currency(code);
    ASSIGN_OR_RETURN(const Limits limits, parser.limits(*found));
    bundle.limits.emplace(found->id, limits);
  }
  ASSIGN_OR_RETURN(bundle.ballots, parser.allowed("ballots"));
  ASSIGN_OR_RETURN(bundle.proposals, parser.allowed("proposals"));
  TRY(config.finish());
  bundle.hash = crypto::sha256(as_bytes(text));
  return bundle;
}

}  // namespace

Result<PolicyBundle> parse_policy(std::string_view text, const std::string& origin,
                                  const std::vector<model::Currency>& currencies) {
  if (text.size() > kMaxPolicyFile) {
    return invalid(origin + ": larger than " + std::to_string(kMaxPolicyFile) + " bytes");
  }
  auto bundle = parse(text, origin, currencies);
  if (bundle.ok() || bundle.status().code() == Code::kInvalid) return bundle;
  // A missing key is the file's fault, not a missing file.
  return invalid(bundle.status().message(), "every key of the policy is mandatory");
}

}  // namespace narrow
}  // namespace custody::policy::engine
