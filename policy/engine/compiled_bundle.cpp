#include "policy/engine/compiled_bundle.h"

#include <algorithm>

#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/address.h"
#include "ledger/custody/custody.h"

namespace custody::policy::engine {
namespace {

constexpr std::size_t kShownFindings = 5;

std::string text(ByteView bytes) {
  return to_printable(as_text(bytes));
}

}  // namespace

Result<Network> network_for(const model::Genesis& genesis, const model::ChainId& chain_id,
                            model::MemberId member) {
  const auto found = std::ranges::find(genesis.members, member, &model::Member::id);
  if (found == genesis.members.end()) {
    return not_found("genesis has no member " + std::to_string(member.get()));
  }
  return Network{chain_id, member, found->name, genesis.currencies, genesis.chains};
}

Result<CompiledBundle> CompiledBundle::compile(bundle::Bundle bundle, const Network& network) {
  TRY(bundle::check_bundle(bundle));
  CompiledBundle out;
  out.content_->active = bundle::make_active(std::move(bundle));
  out.content_->network = network;
  TRY(out.check_network());
  TRY(out.compile_currencies());
  TRY(out.compile_allow_list());
  TRY(out.compile_policies());
  TRY(out.check_waiting());
  return out;
}

Status CompiledBundle::check_network() const {
  if (bundle().chain_id != network().chain_id) {
    return invalid("network: the bundle is for network " + bundle().chain_id.hex() + ", and this is " +
                   network().chain_id.hex());
  }
  if (bundle().member != network().member) {
    return invalid("member: the bundle is for member " + std::to_string(bundle().member.get()) +
                   ", and this is member " + std::to_string(network().member.get()));
  }
  return ok_status();
}

Status CompiledBundle::compile_currencies() {
  for (const bundle::Unit& unit : bundle().units) {
    const std::string what = "unit " + text(unit.currency);
    const auto currency = std::ranges::find(network().currencies, unit.currency, &model::Currency::code);
    if (currency == network().currencies.end()) return invalid(what + ": the network has no such currency");
    if (unit.decimals > currency->decimals) {
      return invalid(what + ": " + std::to_string(unit.decimals) + " decimals, and the currency has " +
                     std::to_string(currency->decimals));
    }
    const auto chain = std::ranges::find(network().chains, currency->chain, &model::ExternalChain::id);
    if (chain == network().chains.end()) return invalid(what + ": the network does not know its chain");
    content_->currencies.push_back({currency->id, std::string(as_text(currency->code)), currency->decimals,
                                    unit.decimals, ledger::custody::network_of(*chain)});
  }
  return ok_status();
}

Status CompiledBundle::compile_allow_list() {
  for (std::uint32_t place = 0; place < bundle().allow_list.size(); ++place) {
    const bundle::AllowEntry& entry = bundle().allow_list[place];
    const std::string what = "allow-list entry " + text(entry.address);
    const auto currency = std::ranges::find(currencies(), as_text(entry.currency), &CompiledCurrency::code);
    CHECK(currency != currencies().end());  // check_bundle: every entry's currency has a unit
    const auto script = chains::bitcoin::parse_address(as_text(entry.address), currency->chain);
    if (!script.ok()) return script.status().with_context(what);
    const auto address = chains::bitcoin::format_address(*script, currency->chain);
    if (!address.ok()) return address.status().with_context(what);
    if (*address != as_text(entry.address)) {
      return invalid(what + " is not written as it is shown", "write " + *address);
    }
    const EntryKey key{currency->id, crypto::sha256(*script)};
    CHECK(content_->entries.emplace(key, place).second);  // one text per script, none twice
  }
  return ok_status();
}

Status CompiledBundle::compile_policies() {
  auto schema = cedar::Schema::parse(as_text(bundle().schema));
  if (!schema.ok()) return schema.status().with_context("schema");
  content_->schema = std::move(schema).value();
  auto facts = read_declared_facts(this->schema(), bundle().groups, bundle().price_source.has_value());
  if (!facts.ok()) return facts.status().with_context("schema");
  content_->facts = std::move(facts).value();
  auto policies = cedar::PolicySet::parse(as_text(bundle().policies));
  if (!policies.ok()) return policies.status().with_context("policies");
  content_->policies = std::move(policies).value();
  const std::vector<Finding> findings =
      lint(this->policies(), this->schema(), names_of(bundle(), std::string(as_text(network().member_name))));
  if (findings.empty()) {
    content_->thresholds = engine::thresholds(this->policies());
    return ok_status();
  }
  std::string message = "policies: ";
  for (std::size_t i = 0; i < findings.size() && i < kShownFindings; ++i) {
    message += (i == 0 ? "" : "; ") + to_string(findings[i]);
  }
  if (findings.size() > kShownFindings) {
    message += "; and " + std::to_string(findings.size() - kShownFindings) + " more";
  }
  return invalid(message, "`custodyctl policy lint` lists all of them");
}

Status CompiledBundle::check_waiting() const {
  const std::int64_t lifetime = bundle().pending_expiry_hours;
  for (const Threshold& threshold : thresholds()) {
    if (threshold.group != render::kWaitGroup || threshold.least < lifetime) continue;
    return invalid("policies: a policy waits for " + std::to_string(threshold.least) +
                       " hours, but a request expires after " + std::to_string(lifetime),
                   "let requests live longer (pending_expiry_hours), or wait for less");
  }
  return ok_status();
}

const CompiledCurrency* CompiledBundle::find_currency(model::CurrencyId id) const {
  const auto found = std::ranges::find(currencies(), id, &CompiledCurrency::id);
  return found == currencies().end() ? nullptr : &*found;
}

const std::uint32_t* CompiledBundle::find_entry(model::CurrencyId currency, const Hash256& script) const {
  const auto found = content_->entries.find({currency, script});
  return found == content_->entries.end() ? nullptr : &found->second;
}

std::size_t CompiledBundle::find_group(std::string_view name) const {
  const auto& groups = bundle().groups;
  const auto found = std::ranges::find_if(groups, [&](const Bytes& group) { return as_text(group) == name; });
  return static_cast<std::size_t>(found - groups.begin());
}

}  // namespace custody::policy::engine
