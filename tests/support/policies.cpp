#include "tests/support/policies.h"

#include <algorithm>

#include "ledger/chains/bitcoin/address.h"
#include "ledger/custody/custody.h"
#include "policy/bundle/attestation.h"
#include "policy/cedar/format.h"
#include "policy/engine/vocabulary.h"
#include "policy/render/governance.h"
#include "policy/render/render.h"
#include "proto/reader/digests.h"

namespace custody::tests {
namespace {

namespace bundle = policy::bundle;
namespace model = ledger::model;
namespace render = policy::render;

std::string currency_policies(const std::string& code, const PolicyLimits& limits) {
  const auto rule = [&](const std::string& id, const std::string& action, const std::string& when) {
    return "@id(\"" + id + "-" + code + "\") permit(principal, action == Action::\"" + action +
           "\", resource in Currency::\"" + code + "\") when { " + when + " };\n";
  };
  const auto text = [](std::uint64_t value) {
    return std::to_string(std::min<std::uint64_t>(value, INT64_MAX));
  };
  const std::string day = "context.windows.currency.amount24h <= ";
  return rule("mint", "mint",
              "context.amount <= " + text(limits.mint) + " && " + day + text(limits.mint_day)) +
         rule("withdraw", "withdraw",
              "context.amount <= " + text(std::min(limits.alone, limits.withdrawal)) + " && " + day +
                  text(limits.withdrawal_day)) +
         rule("withdraw-approved", "withdraw",
              "context.amount <= " + text(limits.withdrawal) + " && " + day + text(limits.withdrawal_day) +
                  " && context.approvals.treasury >= 2") +
         rule("payout", "payout", "context.payees >= 1");
}

bundle::Officer officer(const std::string& name, const std::vector<std::string>& groups) {
  bundle::Officer out;
  out.name = to_bytes(name);
  for (const std::string& group : groups) out.groups.push_back(to_bytes(group));
  out.key = to_bytes(officer_key(name).public_key().view());
  out.valid_from = model::LedgerMs(1'000);
  out.valid_until = model::LedgerMs(253'402'300'799'000);  // the last second of the year 9999
  return out;
}

std::vector<bundle::OfficerSignature> sign(const std::vector<std::string>& officers, const auto& digest_for) {
  std::vector<bundle::OfficerSignature> out;
  for (const std::string& name : officers) {
    out.push_back({to_bytes(name), officer_key(name).sign(digest_for(name))});
  }
  return out;
}

}  // namespace

bundle::Bundle make_policy(const model::Genesis& genesis, const model::ChainId& chain_id,
                           model::MemberId member, const PolicyLimits& limits, bool ballots, bool proposals) {
  bundle::Bundle out;
  out.chain_id = chain_id;
  out.member = member;
  out.version = 1;
  out.groups = {to_bytes("compliance"), to_bytes("treasury")};
  out.officers = {officer("alice", {"treasury"}), officer("bob", {"treasury"}),
                  officer("carol", {"compliance", "treasury"})};
  std::string policies;
  for (const model::Currency& currency : genesis.currencies) {
    policies += currency_policies(std::string(as_text(currency.code)), limits);
    out.units.push_back({currency.code, currency.decimals});
  }
  std::ranges::sort(out.units, {}, &bundle::Unit::currency);
  if (ballots) policies += "@id(\"ballots\") permit(principal, action == Action::\"ballot\", resource);\n";
  if (proposals)
    policies += "@id(\"proposals\") permit(principal, action == Action::\"propose\", resource);\n";
  out.schema = to_bytes(policy::engine::schema_text(out.groups, false));
  out.policies = to_bytes(policy::cedar::format_policies(policies).value());
  out.activation = {to_bytes("treasury"), 2};
  out.unfreeze = {to_bytes("treasury"), 2};
  out.pending_expiry_hours = 24;
  return out;
}

void fill_allow_list(bundle::Bundle& bundle, const model::Genesis& genesis) {
  const auto chain = ledger::custody::network_of(genesis.chains[0]);
  for (std::size_t i = 0; i < bundle::kMaxAllowList; ++i) {
    Bytes script(34, 7);  // pay to a witness script hash, each another
    script[0] = 0;
    script[1] = 32;
    script[2] = static_cast<std::uint8_t>(i);
    script[3] = static_cast<std::uint8_t>(i >> 8);
    const std::string address = *ledger::chains::bitcoin::format_address(script, chain);
    bundle.allow_list.push_back({bundle.units[0].currency, to_bytes(address), to_bytes("owner"),
                                 to_bytes("a test"), render::kMaxTime});
  }
  std::ranges::sort(bundle.allow_list, {}, &bundle::AllowEntry::address);
}

bundle::Bundle next_policy(const bundle::Bundle& before) {
  bundle::Bundle out = before;
  ++out.version;
  out.previous = bundle::bundle_hash(before);
  return out;
}

const crypto::SoftwareKey& officer_key(std::string_view name) {
  static SeededEntropy entropy(77);
  static const crypto::SoftwareKey alice = crypto::SoftwareKey::generate(entropy);
  static const crypto::SoftwareKey bob = crypto::SoftwareKey::generate(entropy);
  static const crypto::SoftwareKey carol = crypto::SoftwareKey::generate(entropy);
  CHECK(name == "alice" || name == "bob" || name == "carol");
  return name == "alice" ? alice : name == "bob" ? bob : carol;
}

Bytes sign_ask(const render::Ask& ask, std::string_view officer) {
  const Signature signature = officer_key(officer).sign(render::ask_digest(ask, officer));
  return bundle::encode_ask({ask, to_bytes(officer), signature});
}

Bytes sign_vote(const render::Request& request, std::string_view officer, std::string_view group,
                render::Vote vote) {
  bundle::SignedVote out;
  out.request = render::request_id(request);
  out.vote = vote;
  out.officer = to_bytes(officer);
  out.group = to_bytes(group);
  out.signature = officer_key(officer).sign(render::vote_digest(request, officer, group, vote));
  return bundle::encode_vote(out);
}

Bytes sign_bundle(const bundle::Bundle& content, const std::vector<std::string>& officers) {
  const render::Activation activation = bundle::activation_of(content);
  return bundle::encode_signed_bundle(
      {bundle::encode_bundle(content),
       sign(officers, [&](const std::string& name) { return render::activation_digest(activation, name); })});
}

Bytes sign_order(const render::FreezeOrder& order, const std::vector<std::string>& officers) {
  return bundle::encode_order(
      {order, sign(officers, [&](const std::string& name) { return render::order_digest(order, name); })});
}

Proposed proposed_gateway(const model::ChainId& chain_id, std::string_view name) {
  const model::Proposal proposal{
      model::MemberId(1),
      model::RegisterGateway{to_bytes(name), model::Address::of_key(officer_key("alice").public_key()),
                             model::LedgerMs(1'798'761'600'000)}};
  const model::Transaction transaction{1, model::Height(100), 7, proposal};
  Proposed out;
  out.payload = proto::reader::encode(transaction);
  out.id = proto::reader::transaction_id(chain_id, out.payload, transaction.body);
  out.action = *policy::render::action_text(proposal);
  return out;
}

model::BallotIntent ballot_on(const Proposed& proposed, model::MemberId member, bool approve) {
  return {model::Height(10), 1, {member, proposed.id, approve}, {}, proposed.payload};
}

Hash256 store_policy(Directory& files, const bundle::Bundle& content) {
  const Hash256 hash = bundle::bundle_hash(content);
  const Status written = files.write_atomic(bundle::file_name(hash), sign_bundle(content, {}));
  CHECK(written.ok());
  SeededEntropy entropy(78);
  CHECK(bundle::make_salt_seed(files, entropy).ok());
  return hash;
}

}  // namespace custody::tests
