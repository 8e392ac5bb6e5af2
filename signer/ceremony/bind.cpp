#include <algorithm>

#include "base/crypto/hash.h"
#include "base/file.h"
#include "ledger/network/curve.h"
#include "policy/bundle/attestation.h"
#include "policy/bundle/directory.h"
#include "policy/bundle/statement.h"
#include "policy/engine/compiled_bundle.h"
#include "proto/reader/digests.h"
#include "signer/audit/audit_log.h"
#include "signer/ceremony/ceremony.h"
#include "signer/ceremony/member_files.h"

namespace custody::signer::ceremony {
namespace {

namespace model = ledger::model;

constexpr std::size_t kMaxGenesisFile = 1u << 20;

Result<const model::Member*> find_member(const model::Genesis& genesis, const std::string& name) {
  for (const model::Member& member : genesis.members) {
    if (as_text(member.name) == name) return &member;
  }
  return refused("genesis has no member named " + name, "make genesis from this member's public.json");
}

// The keys that genesis gives the member, by the names of the ceremony.
std::vector<std::pair<std::string, PublicKey>> keys_in_genesis(const model::Genesis& genesis,
                                                               const model::Member& member) {
  std::vector<std::pair<std::string, PublicKey>> out = {{"validator", member.validator_key},
                                                        {"attest", member.attest_key},
                                                        {"governance", member.governance_key}};
  for (const model::SeatKey& seat : member.seats) {
    const model::Currency* currency = model::find_currency(genesis, seat.currency);
    const std::string code = currency == nullptr ? "?" : std::string(as_text(currency->code));
    out.emplace_back("seat-" + code + "-" + std::to_string(seat.epoch.get()), seat.key);
  }
  return out;
}

Status check_keys(const SignerConfig& config, const model::Genesis& genesis, const model::Member& member) {
  const auto expected = keys_in_genesis(genesis, member);
  const std::string hint = "make genesis from the public.json of this directory";
  for (const auto& [name, key] : expected) {
    const auto pin = std::ranges::find(config.keys, name, &journal::KeyPin::name);
    if (pin == config.keys.end())
      return refused("genesis names a key " + name + ", which this token does not have", hint);
    if (pin->key != key) {
      return refused(
          "genesis has another key " + name + ": " + key.hex() + ", the token's is " + pin->key.hex(), hint);
    }
  }
  for (const journal::KeyPin& pin : config.keys) {
    const auto named = [&pin](const auto& each) { return each.first == pin.name; };
    if (std::ranges::none_of(expected, named))
      return refused("genesis does not have this member's key " + pin.name, hint);
  }
  return ok_status();
}

Status check_curve_key(const std::string& file, const model::Member& member) {
  ASSIGN_OR_RETURN(const auto curve, ledger::network::read_curve_key_file(file));
  if (curve.public_key == member.curve_key) return ok_status();
  return refused("genesis has another CURVE key, " + member.curve_key.hex(),
                 "make genesis from the public.json of this directory");
}

// The first version, which no officers have signed: who runs the ceremony vouches for it.
Result<policy::bundle::Bundle> read_policy(const std::string& path, const model::Genesis& genesis,
                                           const model::ChainId& chain, model::MemberId member) {
  ASSIGN_OR_RETURN(policy::bundle::Bundle bundle, policy::bundle::read_directory(path));
  if (bundle.version != 1 || !bundle.previous.is_zero()) {
    return refused(
        path + ": the ceremony binds version 1, and this is version " + std::to_string(bundle.version),
        "later versions are signed by officers: `custodyctl policy activate`");
  }
  ASSIGN_OR_RETURN(policy::engine::Network network, policy::engine::network_for(genesis, chain, member));
  const auto compiled = policy::engine::CompiledBundle::compile(bundle, network);
  if (!compiled.ok()) return compiled.status().with_context(path);
  return bundle;
}

// An audit log without a journal is a signer that has signed and forgot what.
Status check_unbound(const std::string& signer_directory) {
  ASSIGN_OR_RETURN(const auto files, open_directory(signer_directory));
  if (files->exists(journal::kFileName)) {
    return exists("this member's signer has a journal; nothing was changed",
                  "a signer is bound once: its journal is what keeps it from signing twice");
  }
  if (!files->exists(audit::kFileName)) return ok_status();
  return refused("this member's signer has run before and its journal is gone; nothing was changed",
                 "restore the newest journal; with a new one the signer would sign twice");
}

}  // namespace

Result<Json> bind_member(const BindOptions& options, Entropy& entropy) {
  const std::string base = options.directory + "/";
  TRY(check_unbound(base + kSignerDirectory));
  ASSIGN_OR_RETURN(const SignerConfig config, load_signer_config(base + kSignerConfig));
  ASSIGN_OR_RETURN(const Bytes genesis_bytes, read_file(options.genesis, kMaxGenesisFile));
  ASSIGN_OR_RETURN(const model::Genesis genesis, proto::reader::decode_genesis(genesis_bytes));
  ASSIGN_OR_RETURN(const model::Member* member, find_member(genesis, config.member));
  TRY(check_keys(config, genesis, *member));
  TRY(check_curve_key(base + kCurveFile, *member));
  const model::ChainId chain = proto::reader::chain_id_of(genesis_bytes);
  ASSIGN_OR_RETURN(const policy::bundle::Bundle policy,
                   read_policy(options.policy, genesis, chain, member->id));

  journal::Binding binding;
  binding.chain_id = Hash256(chain.array());
  binding.member = member->id.get();
  binding.policy = policy::bundle::bundle_hash(policy);
  binding.token_label = config.token_label;
  binding.token_serial = config.token_serial;
  binding.keys = config.keys;
  TRY(write_file_atomic(base + kGenesisFile, genesis_bytes, 0600));
  ASSIGN_OR_RETURN(const auto directory, open_directory(base + kSignerDirectory));
  TRY(directory->write_atomic(
      policy::bundle::file_name(binding.policy),
      policy::bundle::encode_signed_bundle({policy::bundle::encode_bundle(policy), {}})));
  TRY(policy::bundle::make_salt_seed(*directory, entropy));
  // Last: from here on the binding holds.
  TRY(journal::SignerJournal::create(*directory, binding, entropy));

  Json out = Json::object();
  out.set("schema", "custody.binding/1");
  out.set("member", config.member);
  out.set("member_id", static_cast<std::uint64_t>(binding.member));
  out.set("chain_id", chain.hex());
  out.set("policy", binding.policy.hex());
  out.set("officers", static_cast<std::uint64_t>(policy.officers.size()));
  return out;
}

}  // namespace custody::signer::ceremony
