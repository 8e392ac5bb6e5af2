#include "policy/bundle/directory.h"
#include "policy/bundle/directory_names.h"
#include "policy/render/text.h"

namespace custody::policy::bundle {
namespace {

// Every text was checked: it needs no escapes.

std::string quoted(ByteView text) {
  return "\"" + std::string(as_text(text)) + "\"";
}

std::string line(std::string_view key, const std::string& value) {
  return std::string(key) + " = " + value + "\n";
}

std::string list(const std::vector<Bytes>& names) {
  std::string out;
  for (const Bytes& name : names) {
    if (!out.empty()) out += ", ";
    out += quoted(name);
  }
  return "[" + out + "]";
}

std::string time(model::LedgerMs at) {
  return "\"" + render::time_text(at) + "\"";
}

std::string quorum(std::string_view table, const Quorum& quorum) {
  return "\n[" + std::string(table) + "]\n" + line("group", quoted(quorum.group)) +
         line("count", std::to_string(quorum.count));
}

std::string format_head(const Bundle& bundle) {
  std::string out =
      line("format", std::to_string(bundle.format)) + line("network", "\"" + bundle.chain_id.hex() + "\"") +
      line("member", std::to_string(bundle.member.get())) + line("version", std::to_string(bundle.version)) +
      line("previous", "\"" + bundle.previous.hex() + "\"") + line("groups", list(bundle.groups)) +
      line("activation_delay_minutes", std::to_string(bundle.activation_delay_minutes)) +
      line("pending_expiry_hours", std::to_string(bundle.pending_expiry_hours)) +
      quorum("activation", bundle.activation) + quorum("unfreeze", bundle.unfreeze);
  for (const Unit& unit : bundle.units) {
    out += "\n[units." + std::string(as_text(unit.currency)) + "]\n" +
           line("decimals", std::to_string(unit.decimals));
  }
  if (!bundle.price_source) return out;
  const PriceSource& source = *bundle.price_source;
  return out + "\n[price_source]\n" + line("name", quoted(source.name)) + line("unit", quoted(source.unit)) +
         line("decimals", std::to_string(source.decimals)) + line("key", "\"" + source.key.hex() + "\"") +
         line("max_age_minutes", std::to_string(source.max_age_minutes));
}

std::string format_officers(const Bundle& bundle) {
  std::string out;
  for (const Officer& officer : bundle.officers) {
    out += (out.empty() ? "[officers." : "\n[officers.") + std::string(as_text(officer.name)) + "]\n" +
           line("groups", list(officer.groups)) +
           line("curve", officer.curve == Curve::kP256 ? "\"p256\"" : "\"secp256k1\"") +
           line("key", "\"" + to_hex(officer.key) + "\"") + line("valid_from", time(officer.valid_from)) +
           line("valid_until", time(officer.valid_until));
  }
  return out;
}

std::string format_allow_list(const Bundle& bundle) {
  std::string out;
  for (const AllowEntry& entry : bundle.allow_list) {
    out += (out.empty() ? "[allow." : "\n[allow.") + std::string(as_text(entry.currency)) + "." +
           std::string(as_text(entry.address)) + "]\n" + line("owner", quoted(entry.owner)) +
           line("reason", quoted(entry.reason)) + line("expires", time(entry.expires));
  }
  return out;
}

}  // namespace

BundleFiles format_files(const Bundle& bundle) {
  return {{std::string(kHead), format_head(bundle)},
          {std::string(kOfficers), format_officers(bundle)},
          {std::string(kAllowList), format_allow_list(bundle)},
          {std::string(kSchema), std::string(as_text(bundle.schema))},
          {std::string(kPolicies), std::string(as_text(bundle.policies))}};
}

}  // namespace custody::policy::bundle
