#include <algorithm>
#include <set>

#include "base/crypto/p256.h"
#include "base/crypto/secp256k1.h"
#include "policy/bundle/bundle.h"
#include "policy/bundle/describe.h"
#include "policy/bundle/visible.h"
#include "policy/cedar/format.h"
#include "policy/cedar/schema.h"
#include "policy/render/text.h"

namespace custody::policy::bundle {
namespace {

constexpr std::uint32_t kMaxMinutes = 60 * kMaxHours;
constexpr std::uint8_t kMaxDecimals = 9;

std::string quoted(ByteView text) {
  return "\"" + to_printable(as_text(text)) + "\"";
}

Status check_name(ByteView name, const std::string& what) {
  if (render::is_name(name)) return ok_status();
  return invalid(what + ": the name " + quoted(name) + " must be 1 to 32 characters of a-z, 0-9 and -");
}

Status check_code(ByteView code, const std::string& what) {
  if (render::is_code(code)) return ok_status();
  return invalid(what + ": " + quoted(code) + " must be 1 to 8 characters of A-Z and 0-9");
}

bool is_address(ByteView text) {
  return !text.empty() && text.size() <= render::kMaxAddress && std::ranges::all_of(text, [](std::uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

Status check_time(model::LedgerMs time, const std::string& what) {
  if (time.get() > 0 && time <= render::kMaxTime && time.get() % 1000 == 0) return ok_status();
  return invalid(what + " must be a whole second from 1970 to 9999");
}

Status check_count(std::size_t count, std::size_t least, std::size_t most, const std::string& what) {
  if (count >= least && count <= most) return ok_status();
  return invalid(std::to_string(count) + " " + what + "; there must be " + std::to_string(least) + " to " +
                 std::to_string(most));
}

Status check_order(bool ascending, const std::string& what, ByteView name) {
  if (ascending) return ok_status();
  return invalid(what + " " + quoted(name) + " stands twice or not in ascending order");
}

// What is wrong, by the key of the text files that says it.
class Faults {
 public:
  void add(std::string key, Status status) {
    if (!status.ok()) found_.push_back({std::move(key), std::move(status)});
  }
  bool empty() const { return found_.empty(); }
  std::vector<Fault> take() && { return std::move(found_); }

 private:
  std::vector<Fault> found_;
};

std::string key_of(std::string_view table, ByteView name) {
  return std::string(table) + "." + std::string(as_text(name));
}

void check_head(const Bundle& bundle, Faults& out) {
  if (bundle.format != 1) {
    out.add("format", invalid("format " + std::to_string(bundle.format) + " is not known here"));
  }
  if (bundle.chain_id.is_zero()) out.add("network", invalid("network: the chain id is missing"));
  if (bundle.member.get() == 0) out.add("member", invalid("member: the id is missing"));
  if (bundle.version == 0 || bundle.version > kMaxVersion) {
    out.add("version", invalid("version: versions count from 1 to " + std::to_string(kMaxVersion)));
  }
  if ((bundle.version == 1) != bundle.previous.is_zero()) {
    out.add("previous",
            invalid("previous: the hash of the version before; only version 1 has none, and says zero"));
  }
}

Status check_schema(const Bytes& schema) {
  if (schema.empty() || schema.size() > kMaxSchemaText) {
    return invalid("schema: " + std::to_string(schema.size()) + " bytes; there must be 1 to " +
                   std::to_string(kMaxSchemaText));
  }
  TRY(check_visible(as_text(schema)).with_context("schema"));
  const auto parsed = cedar::Schema::parse(as_text(schema));
  return parsed.ok() ? ok_status() : invalid("schema: " + parsed.status().message());
}

Status check_policies(const Bytes& policies) {
  if (policies.empty() || policies.size() > kMaxPolicyText) {
    return invalid("policies: " + std::to_string(policies.size()) + " bytes; there must be 1 to " +
                   std::to_string(kMaxPolicyText));
  }
  TRY(check_visible(as_text(policies)).with_context("policies"));
  const auto parsed = cedar::PolicySet::parse(as_text(policies));
  if (!parsed.ok()) return invalid("policies: " + parsed.status().message());
  if (parsed->all().empty()) return invalid("policies: there is no policy in the text");
  const auto canonical = cedar::format_policies(as_text(policies));
  if (!canonical.ok()) return invalid("policies: " + canonical.status().message());
  if (*canonical != as_text(policies)) {
    return invalid("policies: the text is not in canonical form", "format it with custodyctl policy format");
  }
  return ok_status();
}

Status check_groups(const Bundle& bundle) {
  TRY(check_count(bundle.groups.size(), 1, kMaxGroups, "groups"));
  for (std::size_t i = 0; i < bundle.groups.size(); ++i) {
    const Bytes& group = bundle.groups[i];
    TRY(check_name(group, "group"));
    if (as_text(group) == "distinct" || as_text(group) == render::kWaitGroup) {
      return invalid("group " + quoted(group) + ": the name has a meaning of its own",
                     "give the group another name");
    }
    TRY(check_order(i == 0 || bundle.groups[i - 1] < group, "group", group));
  }
  return ok_status();
}

Status check_officer_groups(const Bundle& bundle, const Officer& officer, const std::string& label) {
  TRY(check_count(officer.groups.size(), 1, kMaxGroups, "groups").with_context(label));
  for (std::size_t i = 0; i < officer.groups.size(); ++i) {
    const Bytes& group = officer.groups[i];
    if (!std::ranges::binary_search(bundle.groups, group)) {
      return invalid(label + ": there is no group " + quoted(group), "name one of the bundle's groups");
    }
    TRY(check_order(i == 0 || officer.groups[i - 1] < group, label + ": group", group));
  }
  return ok_status();
}

Status check_key(Curve curve, ByteView key) {
  switch (curve) {
    case Curve::kSecp256k1:
      return crypto::parse_public_key(key).status();
    case Curve::kP256:
      return crypto::p256::parse_public_key(key).status();
  }
  return invalid("the curve must be secp256k1 or p256");
}

Status check_officer(const Bundle& bundle, std::size_t place, std::set<Bytes>& keys) {
  const Officer& officer = bundle.officers[place];
  TRY(check_name(officer.name, "officer"));
  const std::string label = "officer " + quoted(officer.name);
  TRY(check_order(place == 0 || bundle.officers[place - 1].name < officer.name, "officer", officer.name));
  TRY(check_officer_groups(bundle, officer, label));
  TRY(check_key(officer.curve, officer.key).with_context(label + ": key"));
  if (!keys.insert(officer.key).second) {
    return invalid(label + ": the key " + to_hex(officer.key) + " is another's already",
                   "a person is one officer, with one key");
  }
  TRY(check_time(officer.valid_from, label + ": valid_from"));
  TRY(check_time(officer.valid_until, label + ": valid_until"));
  if (officer.valid_until > officer.valid_from) return ok_status();
  return invalid(label + ": valid_until must be after valid_from");
}

void check_officers(const Bundle& bundle, std::set<Bytes>& keys, Faults& out) {
  out.add("officers", check_count(bundle.officers.size(), 1, kMaxOfficers, "officers"));
  for (std::size_t i = 0; i < bundle.officers.size(); ++i) {
    out.add(key_of("officers", bundle.officers[i].name), check_officer(bundle, i, keys));
  }
}

Status check_entry(const Bundle& bundle, const AllowEntry& entry) {
  TRY(check_code(entry.currency, "currency"));
  if (find_unit(bundle, entry.currency) == nullptr) {
    return invalid("currency " + quoted(entry.currency) + " has no unit in this bundle");
  }
  if (!is_address(entry.address)) return invalid("the address must be 1 to 90 letters and digits");
  if (!render::is_plain(entry.owner, kMaxName)) {
    return invalid(
        "the owner must be 1 to 32 characters of plain text: no quote, no backslash, single spaces");
  }
  if (!render::is_plain(entry.reason, kMaxReason)) {
    return invalid(
        "the reason must be 1 to 120 characters of plain text: no quote, no backslash, single spaces");
  }
  return check_time(entry.expires, "expires");
}

Status check_listed(const Bundle& bundle, std::size_t place) {
  const AllowEntry& entry = bundle.allow_list[place];
  TRY(check_entry(bundle, entry).with_context("allow-list entry " + quoted(entry.address)));
  if (place == 0) return ok_status();
  const AllowEntry& before = bundle.allow_list[place - 1];
  return check_order(std::tie(before.currency, before.address) < std::tie(entry.currency, entry.address),
                     "allow-list entry", entry.address);
}

void check_allow_list(const Bundle& bundle, Faults& out) {
  out.add("allow", check_count(bundle.allow_list.size(), 0, kMaxAllowList, "entries in the allow-list"));
  for (std::size_t i = 0; i < bundle.allow_list.size(); ++i) {
    const AllowEntry& entry = bundle.allow_list[i];
    out.add(key_of(key_of("allow", entry.currency), entry.address), check_listed(bundle, i));
  }
}

Status check_unit(const Bundle& bundle, std::size_t place) {
  const Unit& unit = bundle.units[place];
  TRY(check_code(unit.currency, "unit"));
  TRY(check_order(place == 0 || bundle.units[place - 1].currency < unit.currency, "unit", unit.currency));
  if (unit.decimals <= kMaxDecimals) return ok_status();
  return invalid("unit " + quoted(unit.currency) + ": at most 9 decimals");
}

void check_units(const Bundle& bundle, Faults& out) {
  out.add("units", check_count(bundle.units.size(), 1, kMaxUnits, "units"));
  for (std::size_t i = 0; i < bundle.units.size(); ++i) {
    out.add(key_of("units", bundle.units[i].currency), check_unit(bundle, i));
  }
}

Status check_price_source(const PriceSource& source, std::set<Bytes>& keys) {
  TRY(check_name(source.name, "price source"));
  const std::string label = "price source " + quoted(source.name);
  TRY(check_code(source.unit, label + ": reference unit"));
  if (source.decimals > kMaxDecimals) return invalid(label + ": at most 9 decimals");
  TRY(check_key(Curve::kSecp256k1, source.key).with_context(label + ": key"));
  if (!keys.insert(to_bytes(source.key.view())).second) return invalid(label + ": the key is an officer's");
  if (source.max_age_minutes == 0 || source.max_age_minutes > kMaxMinutes) {
    return invalid(label + ": max_age_minutes must be 1 to " + std::to_string(kMaxMinutes));
  }
  return ok_status();
}

Status check_quorum(const Bundle& bundle, const Quorum& quorum, const std::string& what) {
  if (!std::ranges::binary_search(bundle.groups, quorum.group)) {
    return invalid(what + ": there is no group " + quoted(quorum.group), "name one of the bundle's groups");
  }
  const auto size = std::ranges::count_if(
      bundle.officers, [&](const Officer& officer) { return is_member_of(officer, quorum.group); });
  if (quorum.count < 2 || quorum.count > static_cast<std::uint64_t>(size)) {
    return invalid(what + ": " + std::to_string(quorum.count) + " of " + std::to_string(size) +
                       " officers in group " + quoted(quorum.group) + " is no quorum",
                   "at least 2 and at most as many as the group has");
  }
  return ok_status();
}

void check_limits(const Bundle& bundle, Faults& out) {
  out.add("activation", check_quorum(bundle, bundle.activation, "activation"));
  out.add("unfreeze", check_quorum(bundle, bundle.unfreeze, "unfreeze"));
  if (bundle.activation_delay_minutes > kMaxMinutes) {
    out.add("activation_delay_minutes",
            invalid("activation_delay_minutes must be 0 to " + std::to_string(kMaxMinutes)));
  }
  if (bundle.pending_expiry_hours == 0 || bundle.pending_expiry_hours > kMaxHours) {
    out.add("pending_expiry_hours",
            invalid("pending_expiry_hours must be 1 to " + std::to_string(kMaxHours)));
  }
}

Status check_size(const Bundle& bundle) {
  const std::size_t size = encode_bundle(bundle).size();
  if (size <= kMaxBundle) return ok_status();
  return invalid("the bundle has " + std::to_string(size) + " bytes, the limit is " +
                 std::to_string(kMaxBundle));
}

}  // namespace

std::vector<Fault> find_faults(const Bundle& bundle) {
  Faults out;
  check_head(bundle, out);
  out.add("schema", check_schema(bundle.schema));
  out.add("policies", check_policies(bundle.policies));
  out.add("groups", check_groups(bundle));
  std::set<Bytes> keys;
  check_officers(bundle, keys, out);
  check_units(bundle, out);
  check_allow_list(bundle, out);
  if (bundle.price_source) out.add("price_source", check_price_source(*bundle.price_source, keys));
  check_limits(bundle, out);
  if (out.empty()) out.add("", check_size(bundle));
  return std::move(out).take();
}

Status check_bundle(const Bundle& bundle) {
  const std::vector<Fault> found = find_faults(bundle);
  return found.empty() ? ok_status() : found.front().status;
}

}  // namespace custody::policy::bundle
