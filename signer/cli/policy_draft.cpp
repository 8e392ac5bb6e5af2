// policy new.
#include <algorithm>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "policy/bundle/directory.h"
#include "policy/render/text.h"
#include "signer/cli/expectations.h"
#include "signer/cli/policy_command.h"
#include "signer/cli/policy_template.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace engine = policy::engine;

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kDefaultDays = 365;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (;;) {
    const std::size_t end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

struct Validity {
  model::LedgerMs from, until;
};

Result<Validity> read_validity(const PolicyNewOptions& options, std::uint64_t now_ms) {
  Validity out{model::LedgerMs(now_ms / kDayMs * kDayMs), {}};
  if (!options.valid_from.empty()) {
    ASSIGN_OR_RETURN(out.from, parse_date(options.valid_from));
  }
  out.until = model::LedgerMs(out.from.get() + kDefaultDays * kDayMs);
  if (!options.valid_until.empty()) {
    ASSIGN_OR_RETURN(out.until, parse_date(options.valid_until));
  }
  return out;
}

// Before it becomes part of a file's text.
Status check_name(const std::string& officer, const std::string& name) {
  if (policy::render::is_name(as_bytes(name))) return ok_status();
  return invalid("--officer " + to_printable(officer.substr(0, 120)) + ": \"" +
                     to_printable(name.substr(0, 40)) + "\" is no name",
                 "names of officers and groups are 1 to 32 characters of a-z, 0-9 and -");
}

Result<bundle::Officer> read_officer(const std::string& text, const Validity& validity) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() != 4) {
    return invalid(
        "--officer " + to_printable(text.substr(0, 120)) + " is not of the form name:group[,group]:curve:key",
        "such as alice:treasury:p256:02ab...; `custodyctl policy key show` prints curve and key");
  }
  bundle::Officer out;
  TRY(check_name(text, parts[0]));
  out.name = to_bytes(parts[0]);
  for (const std::string& group : split(parts[1], ',')) {
    TRY(check_name(text, group));
    if (group == "distinct" || group == policy::render::kWaitGroup) {
      return invalid("group " + group + ": the name has a meaning of its own", "give the group another name");
    }
    out.groups.push_back(to_bytes(group));
  }
  std::ranges::sort(out.groups);
  const auto key = parse_officer_public_key(parts[2], parts[3]);
  if (!key.ok()) return key.status().with_context("--officer " + to_printable(parts[0].substr(0, 40)));
  out.curve = key->curve;
  out.key = key->key;
  out.valid_from = validity.from;
  out.valid_until = validity.until;
  return out;
}

// Before they become files: what the bundle's own check would say speaks of lines that nobody has seen.
Status check_people(const std::vector<bundle::Officer>& officers) {
  std::map<Bytes, std::string_view> holders;
  for (std::size_t i = 0; i < officers.size(); ++i) {
    const std::string name(as_text(officers[i].name));
    if (i > 0 && officers[i - 1].name == officers[i].name) {
      return invalid("officer " + name + " is given twice",
                     "give each person once, with all groups: " + name + ":group,group:curve:key");
    }
    const auto [holder, is_new] = holders.emplace(officers[i].key, as_text(officers[i].name));
    if (!is_new) {
      return invalid("officers " + std::string(holder->second) + " and " + name + " have the same key",
                     "a person is one officer, with one key");
    }
    if (std::ranges::adjacent_find(officers[i].groups) != officers[i].groups.end()) {
      return invalid("officer " + name + " has a group twice", "name each group once");
    }
  }
  return ok_status();
}

Result<TemplateLimit> read_limit(const std::string& text, const model::Genesis& genesis) {
  const std::vector<std::string> parts = split(text, ':');
  const std::string shown = "--limit " + to_printable(text.substr(0, 80));
  if (parts.size() != 3) {
    return invalid(shown + " is not of the form CODE:SMALL:LARGE",
                   "such as BTC:0.5:10, with a currency of genesis");
  }
  const model::Currency* currency = model::find_currency_by_code(genesis, parts[0]);
  if (currency == nullptr) {
    std::string known;
    for (const model::Currency& one : genesis.currencies) known += " " + std::string(as_text(one.code));
    return invalid(shown + ": genesis has no currency \"" + to_printable(parts[0].substr(0, 20)) + "\"",
                   "known:" + known);
  }
  TemplateLimit out{parts[0], {}, {}};
  for (const auto& [part, amount] : {std::pair(parts[1], &out.small), std::pair(parts[2], &out.large)}) {
    const auto read = parse_amount(part, currency->decimals);
    if (!read.ok()) return read.status().with_context(shown);
    *amount = *read;
  }
  return out;
}

Result<PolicyTemplate> read_template(const PolicyNewOptions& options, const GenesisFile& genesis,
                                     std::uint64_t now_ms) {
  PolicyTemplate out;
  ASSIGN_OR_RETURN(const model::Member member, find_member(genesis.genesis, options.member));
  out.member = member.id;
  ASSIGN_OR_RETURN(const Validity validity, read_validity(options, now_ms));
  for (const std::string& text : options.officers) {
    ASSIGN_OR_RETURN(bundle::Officer officer, read_officer(text, validity));
    out.officers.push_back(std::move(officer));
  }
  std::ranges::sort(out.officers, {}, &bundle::Officer::name);
  TRY(check_people(out.officers));
  for (const std::string& text : options.limits) {
    ASSIGN_OR_RETURN(TemplateLimit limit, read_limit(text, genesis.genesis));
    if (std::ranges::find(out.limits, limit.currency, &TemplateLimit::currency) != out.limits.end()) {
      return invalid("--limit gives limits of " + limit.currency + " twice");
    }
    out.limits.push_back(std::move(limit));
  }
  out.listed_hours = options.listed_hours;
  out.delay_minutes = options.delay_minutes;
  out.expiry_hours = options.expiry_hours;
  return out;
}

// The parts of a bundle are what parse_files knows; expectations are beside them.
bundle::BundleFiles parts_of(const bundle::BundleFiles& files) {
  bundle::BundleFiles out;
  for (const auto& [name, text] : files) {
    if (!name.starts_with("tests/")) out.emplace(name, text);
  }
  return out;
}

Status check_expectations(const bundle::BundleFiles& files, const engine::CompiledBundle& compiled) {
  for (const auto& [name, text] : files) {
    if (!name.starts_with("tests/")) continue;
    ASSIGN_OR_RETURN(const Expectations expectations, parse_expectations(text, name, compiled));
    ASSIGN_OR_RETURN(const std::vector<Unexpected> found, run_expectations(expectations, compiled));
    if (found.empty()) continue;
    return invalid("with these options the policies do not say what they should: " + name + ": " +
                   found.front().name + ": " + found.front().differences.front());
  }
  return ok_status();
}

}  // namespace

Result<Json> policy_new(const Context& context, const PolicyNewOptions& options, std::uint64_t now_ms) {
  ASSIGN_OR_RETURN(const GenesisFile genesis, read_genesis(context, options.genesis));
  ASSIGN_OR_RETURN(const PolicyTemplate wanted, read_template(options, genesis, now_ms));
  TRY(check_new_directory(options.directory));
  ASSIGN_OR_RETURN(const bundle::BundleFiles files, make_policy_files(wanted, genesis));
  // What is written passes, or nothing is written.
  ASSIGN_OR_RETURN(bundle::Bundle content, bundle::parse_files(parts_of(files), options.directory));
  ASSIGN_OR_RETURN(const engine::CompiledBundle compiled, compile_for(genesis, std::move(content)));
  TRY(check_expectations(files, compiled));
  TRY(make_directory(options.directory + "/tests", 0755));
  Json names = Json::array();
  for (const auto& [name, text] : files) {
    TRY(create_file(options.directory + "/" + name, as_bytes(text), 0644));
    names.push(name);
  }
  return Json::object()
      .set("schema", "custody.policy_new/1")
      .set("directory", options.directory)
      .set("version", compiled.bundle().version)
      .set("hash", compiled.hash().hex())
      .set("files", std::move(names));
}

}  // namespace custody::signer::cli
