#include "policy/bundle/directory.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>

#include "base/config.h"
#include "base/file.h"
#include "policy/bundle/directory_names.h"
#include "policy/bundle/visible.h"
#include "policy/cedar/format.h"
#include "policy/render/text.h"

namespace custody::policy::bundle {
namespace {

constexpr std::string_view kPolicySuffix = ".cedar";
constexpr std::string_view kTests = "tests";
constexpr std::size_t kShownStrangers = 5;
constexpr std::string_view kStrangerHint =
    "policies are *.cedar beside bundle.toml, expectations tests/*.toml, notes *.md; rename it or move it "
    "away";

bool is_policy_file(std::string_view name) {
  return name.ends_with(kPolicySuffix) && !name.starts_with('.');
}

std::string file_in(const std::string& directory, std::string_view name) {
  return directory + "/" + std::string(name);
}

std::size_t max_size_of(std::string_view name) {
  if (name == kSchema) return kMaxSchemaText;
  return is_policy_file(name) ? kMaxPolicyText : kMaxTomlFile;
}

bool is_part(std::string_view name) {
  return name == kHead || name == kOfficers || name == kAllowList || name == kSchema || is_policy_file(name);
}

// What people and their tools leave beside a draft.
bool is_beside(std::string_view name, bool is_folder) {
  if (name.starts_with('.')) return true;
  if (is_folder) return false;
  return name.ends_with('~') || name.ends_with(".md") || name == "README" || name == "README.txt";
}

// Reading.

// A key that is missing is the file's fault, not a missing file.
Status as_invalid(const Status& status) {
  return status.code() == Code::kNotFound ? invalid(status.message(), status.hint()) : status;
}

// One TOML file; every read names file, line and key when the value is not right.
class TomlFile {
 public:
  static Result<TomlFile> open(const BundleFiles& files, std::string_view name, const std::string& where) {
    const auto file = files.find(std::string(name));
    const std::string origin = file_in(where, name);
    if (file == files.end())
      return invalid(origin + ": there is no such file", "every file of a bundle is mandatory");
    if (file->second.size() > kMaxTomlFile) return invalid(origin + ": more than 1 MiB");
    ASSIGN_OR_RETURN(Config config, Config::parse(file->second, origin));
    return TomlFile(std::move(config));
  }

  Status name(const std::string& key, Bytes& out) {
    const auto value = config_.string(key);
    if (!value.ok()) return as_invalid(value.status());
    out = to_bytes(*value);
    return ok_status();
  }
  Status names(const std::string& key, std::vector<Bytes>& out) {
    const auto values = config_.strings(key);
    if (!values.ok()) return as_invalid(values.status());
    for (const std::string& value : *values) out.push_back(to_bytes(value));
    std::ranges::sort(out);
    return ok_status();
  }
  template <std::unsigned_integral T>
  Status number(const std::string& key, T& out) {
    const auto value = config_.u64(key);
    if (!value.ok()) return as_invalid(value.status());
    if (*value > std::numeric_limits<T>::max()) return at(key, invalid("out of range"));
    out = static_cast<T>(*value);
    return ok_status();
  }
  Status time(const std::string& key, model::LedgerMs& out) {
    const auto value = config_.string(key);
    if (!value.ok()) return as_invalid(value.status());
    const auto parsed = render::parse_time(*value);
    if (!parsed.ok()) return at(key, parsed.status());
    out = *parsed;
    return ok_status();
  }
  Status hex(const std::string& key, Bytes& out) {
    const auto value = config_.string(key);
    if (!value.ok()) return as_invalid(value.status());
    auto parsed = from_hex(*value);
    if (!parsed.ok()) return at(key, parsed.status());
    out = *std::move(parsed);
    return ok_status();
  }
  template <typename Fixed>
  Status fixed(const std::string& key, Fixed& out) {
    Bytes raw;
    TRY(hex(key, raw));
    const auto parsed = Fixed::from(raw);
    if (!parsed.ok()) return at(key, parsed.status());
    out = *parsed;
    return ok_status();
  }
  Status curve(const std::string& key, Curve& out) {
    const auto value = config_.string(key);
    if (!value.ok()) return as_invalid(value.status());
    if (*value != "secp256k1" && *value != "p256") {
      return at(key, invalid(R"(must be "secp256k1" or "p256", not ")" + to_printable(*value) + "\""));
    }
    out = *value == "p256" ? Curve::kP256 : Curve::kSecp256k1;
    return ok_status();
  }

  Status at(const std::string& key, const Status& status) const {
    return status.with_context(config_.where(key) + ": " + to_printable(key));
  }
  std::string where(const std::string& key) const { return config_.where(key); }
  Config& config() { return config_; }

 private:
  explicit TomlFile(Config config) : config_(std::move(config)) {}
  Config config_;
};

Status read_quorum(TomlFile& file, const std::string& table, Quorum& out) {
  TRY(file.name(table + ".group", out.group));
  return file.number(table + ".count", out.count);
}

Status read_price_source(TomlFile& file, Bundle& bundle) {
  if (!file.config().has("price_source")) return ok_status();
  PriceSource& source = bundle.price_source.emplace();
  TRY(file.name("price_source.name", source.name));
  TRY(file.name("price_source.unit", source.unit));
  TRY(file.number("price_source.decimals", source.decimals));
  TRY(file.fixed("price_source.key", source.key));
  return file.number("price_source.max_age_minutes", source.max_age_minutes);
}

Status read_head(TomlFile& file, Bundle& bundle) {
  TRY(file.number("format", bundle.format));
  TRY(file.fixed("network", bundle.chain_id));
  std::uint16_t member = 0;
  TRY(file.number("member", member));
  bundle.member = model::MemberId(member);
  TRY(file.number("version", bundle.version));
  TRY(file.fixed("previous", bundle.previous));
  TRY(file.names("groups", bundle.groups));
  TRY(file.number("activation_delay_minutes", bundle.activation_delay_minutes));
  TRY(file.number("pending_expiry_hours", bundle.pending_expiry_hours));
  TRY(read_quorum(file, "activation", bundle.activation));
  TRY(read_quorum(file, "unfreeze", bundle.unfreeze));
  for (const std::string& code : file.config().tables("units")) {
    Unit& unit = bundle.units.emplace_back();
    unit.currency = to_bytes(code);
    TRY(file.number("units." + code + ".decimals", unit.decimals));
  }
  std::ranges::sort(bundle.units, {}, &Unit::currency);
  TRY(read_price_source(file, bundle));
  return file.config().finish();
}

Status read_officers(TomlFile& file, Bundle& bundle) {
  for (const std::string& name : file.config().tables("officers")) {
    const std::string table = "officers." + name;
    Officer& officer = bundle.officers.emplace_back();
    officer.name = to_bytes(name);
    TRY(file.names(table + ".groups", officer.groups));
    TRY(file.curve(table + ".curve", officer.curve));
    TRY(file.hex(table + ".key", officer.key));
    TRY(file.time(table + ".valid_from", officer.valid_from));
    TRY(file.time(table + ".valid_until", officer.valid_until));
  }
  std::ranges::sort(bundle.officers, {}, &Officer::name);
  return file.config().finish();
}

Status read_entry(TomlFile& file, const std::string& code, const std::string& address, Bundle& bundle) {
  const std::string table = "allow." + code + "." + address;
  AllowEntry& entry = bundle.allow_list.emplace_back();
  entry.currency = to_bytes(code);
  entry.address = to_bytes(address);
  TRY(file.name(table + ".owner", entry.owner));
  TRY(file.name(table + ".reason", entry.reason));
  return file.time(table + ".expires", entry.expires);
}

Status read_allow_list(TomlFile& file, Bundle& bundle) {
  for (const std::string& code : file.config().tables("allow")) {
    for (const std::string& address : file.config().tables("allow." + code)) {
      TRY(read_entry(file, code, address, bundle));
    }
  }
  std::ranges::sort(bundle.allow_list, {},
                    [](const AllowEntry& entry) { return std::tie(entry.currency, entry.address); });
  return file.config().finish();
}

Status read_schema(const BundleFiles& files, const std::string& where, Bundle& bundle) {
  const auto file = files.find(std::string(kSchema));
  const std::string origin = file_in(where, kSchema);
  if (file == files.end())
    return invalid(origin + ": there is no such file", "every file of a bundle is mandatory");
  if (file->second.size() > kMaxSchemaText) return invalid(origin + ": more than 64 KiB");
  bundle.schema = to_bytes(file->second);
  return ok_status();
}

// By itself, so that an error names its file and line.
Status check_policy_file(const std::string& text) {
  if (text.size() > kMaxPolicyText) return invalid("more than 768 KiB of policies");
  TRY(check_visible(text));
  const auto parsed = cedar::PolicySet::parse(text);
  return parsed.ok() ? ok_status() : invalid(parsed.status().message(), parsed.status().hint());
}

void read_policies(const BundleFiles& files, const std::string& where, ReadFiles& out) {
  const std::size_t before = out.faults.size();
  std::string joined;
  for (const auto& [name, text] : files) {
    if (!is_policy_file(name)) continue;
    const Status status = check_policy_file(text).with_context(file_in(where, name));
    if (!status.ok()) out.faults.push_back(status);
    if (joined.size() + text.size() > kMaxPolicyText) {
      if (status.ok()) out.faults.push_back(invalid(where + ": more than 768 KiB of policies"));
      return;
    }
    if (!joined.empty() && !joined.ends_with('\n')) joined += '\n';
    joined += text;
  }
  if (out.faults.size() != before) return;
  const auto canonical = cedar::format_policies(joined);
  if (canonical.ok()) {
    out.bundle.policies = to_bytes(*canonical);
  } else {
    out.faults.push_back(invalid(where + ": " + canonical.status().message()));
  }
}

// The parts of a bundle in its files, read one by one.
class Reader {
 public:
  Reader(const BundleFiles& files, const std::string& where) : files_(files), where_(where) {}

  ReadFiles read() && {
    const bool head = read_toml(kHead, head_, read_head);
    const bool officers = read_toml(kOfficers, officers_, read_officers);
    const bool allow_list = read_toml(kAllowList, allow_list_, read_allow_list);
    out_.names_known = head && officers;
    const bool schema = keep(read_schema(files_, where_, out_.bundle));
    const std::size_t before = out_.faults.size();
    read_policies(files_, where_, out_);
    const bool policies = out_.faults.size() == before;
    for (const Fault& fault : find_faults(out_.bundle)) {
      const std::string_view part = std::string_view(fault.key).substr(0, fault.key.find('.'));
      if (part == "schema" ? schema : part == "policies" ? policies : is_known(part, allow_list)) add(fault);
    }
    return std::move(out_);
  }

 private:
  template <typename Read>
  bool read_toml(std::string_view name, std::optional<TomlFile>& file, Read read_keys) {
    auto opened = TomlFile::open(files_, name, where_);
    if (!opened.ok()) return keep(opened.status());
    file = std::move(opened).value();
    return keep(read_keys(*file, out_.bundle));
  }

  bool keep(const Status& status) {
    if (!status.ok()) out_.faults.push_back(status);
    return status.ok();
  }

  // What a file lacks that could not be read is no offence of another one.
  bool is_known(std::string_view part, bool allow_list) const {
    return out_.names_known && (part != "allow" || allow_list);
  }

  void add(const Fault& fault) { out_.faults.push_back(fault.status.with_context(place_of(fault.key))); }

  // File, and line where there is one.
  std::string place_of(const std::string& key) const {
    if (key.empty() || key == "policies") return where_;
    if (key == "schema") return file_in(where_, kSchema);
    if (key.starts_with("officers")) return officers_->where(key);
    return key.starts_with("allow") ? allow_list_->where(key) : head_->where(key);
  }

  const BundleFiles& files_;
  const std::string& where_;
  std::optional<TomlFile> head_, officers_, allow_list_;
  ReadFiles out_;
};

// Calls visit with the name of each entry of a directory, and whether it is a folder; in no order.
Status visit_entries(const std::string& path, const std::function<Status(const std::string&, bool)>& visit) {
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code unknown;  // what cannot be looked at is no folder, and fails when it is read
    TRY(visit(entry->path().filename().string(), entry->is_directory(unknown)));
  }
  if (error == std::errc::no_such_file_or_directory) return not_found(path + ": there is no such directory");
  if (error) return io_error(path + ": " + error.message());
  return ok_status();
}

// Names, ascending.
struct Listing {
  std::vector<std::string> parts, strangers;
  bool has_tests = false;
};

Status note_stranger(const std::string& name, const std::string& path, Listing& out) {
  if (out.strangers.size() == kMaxPolicyFiles) {
    return exhausted(
        path + ": more than " + std::to_string(kMaxPolicyFiles) + " files that are no part of a policy",
        "name the directory of a draft");
  }
  out.strangers.push_back(name);
  return ok_status();
}

Result<Listing> list_draft(const std::string& path) {
  Listing out;
  TRY(visit_entries(path, [&](const std::string& name, bool is_folder) -> Status {
    if (is_folder && name == kTests) {
      out.has_tests = true;
    } else if (is_part(name) && !is_folder) {
      if (out.parts.size() == kMaxPolicyFiles) {
        return exhausted(path + ": more than " + std::to_string(kMaxPolicyFiles) + " files of a bundle");
      }
      out.parts.push_back(name);
    } else if (!is_beside(name, is_folder)) {
      return note_stranger(name, path, out);
    }
    return ok_status();
  }));
  if (out.has_tests) {
    TRY(visit_entries(file_in(path, kTests), [&](const std::string& name, bool is_folder) -> Status {
      if ((name.ends_with(".toml") && !is_folder) || is_beside(name, is_folder)) return ok_status();
      return note_stranger(file_in(std::string(kTests), name), path, out);
    }));
  }
  std::ranges::sort(out.parts);
  std::ranges::sort(out.strangers);
  return out;
}

}  // namespace

ReadFiles read_all(const BundleFiles& files, const std::string& where) {
  return Reader(files, where).read();
}

Result<Bundle> parse_files(const BundleFiles& files, const std::string& where) {
  ReadFiles read = read_all(files, where);
  if (!read.faults.empty()) return read.faults.front();
  return std::move(read.bundle);
}

Result<Draft> read_draft(const std::string& path) {
  ASSIGN_OR_RETURN(Listing listing, list_draft(path));
  Draft out;
  for (const std::string& name : listing.parts) {
    ASSIGN_OR_RETURN(const Bytes text, read_file(file_in(path, name), max_size_of(name)));
    out.files.emplace(name, as_text(text));
  }
  out.strangers = std::move(listing.strangers);
  return out;
}

Status check_strangers(const std::vector<std::string>& strangers, const std::string& path) {
  if (strangers.empty()) return ok_status();
  std::string names;
  for (std::size_t i = 0; i < strangers.size() && i < kShownStrangers; ++i) {
    names += (i == 0 ? "" : ", ") + to_printable(file_in(path, strangers[i]));
  }
  if (strangers.size() > kShownStrangers) {
    names += " and " + std::to_string(strangers.size() - kShownStrangers) + " more";
  }
  return invalid(names + ": no part of a policy, and would be left out", std::string(kStrangerHint));
}

Result<BundleFiles> read_files(const std::string& path) {
  ASSIGN_OR_RETURN(Draft draft, read_draft(path));
  TRY(check_strangers(draft.strangers, path));
  return std::move(draft.files);
}

Result<Bundle> read_directory(const std::string& path) {
  ASSIGN_OR_RETURN(const BundleFiles files, read_files(path));
  return parse_files(files, path);
}

Status write_directory(const std::string& path, const Bundle& bundle) {
  TRY(make_directory(path, 0755));
  ASSIGN_OR_RETURN(const Listing listing, list_draft(path));
  TRY(check_strangers(listing.strangers, path));
  for (const std::string& name : listing.parts) {
    if (!is_policy_file(name) || name == kPolicies) continue;
    return exists(file_in(path, name) + ": policies in another file than " + std::string(kPolicies),
                  "move it away: its policies would count too");
  }
  for (const auto& [name, text] : format_files(bundle)) {
    TRY(write_file_atomic(file_in(path, name), as_bytes(text), 0644));
  }
  return ok_status();
}

}  // namespace custody::policy::bundle
