#include <algorithm>

#include "ledger/state/rules.h"

namespace custody::ledger::state {
namespace {

bool is_name(const Bytes& name) {
  return !name.empty() && name.size() <= model::kMaxName && std::ranges::all_of(name, [](std::uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Bytes table(model::Table id) {
  return {static_cast<std::uint8_t>(id)};
}

Status check_name_free(const Context& context, const Bytes& name) {
  const std::string label = "the gateway name " + std::string(as_text(name));
  for (const Bytes& key : context.overlay.keys(table(model::Table::kGateway))) {
    if (context.overlay.must_get<model::GatewayRecord>(key).name == name) return exists(label + " is taken");
  }
  return ok_status();
}

// One look at every proposal: none may claim the name, and the member may not have too many open.
Status check_proposals(const Context& context, model::MemberId member, const Bytes& name) {
  std::size_t open = 0;
  for (const Bytes& key : context.overlay.keys(table(model::Table::kProposal))) {
    const auto record = context.overlay.must_get<model::ProposalRecord>(key);
    if (record.status == model::ProposalStatus::kDone || record.status == model::ProposalStatus::kRejected) {
      continue;
    }
    if (std::get<model::RegisterGateway>(record.proposal.action).name == name) {
      return exists("another proposal claims the gateway name " + std::string(as_text(name)));
    }
    if (record.status == model::ProposalStatus::kOpen && record.proposal.member == member) ++open;
  }
  if (open >= kMaxOpenProposals) {
    return exhausted("member " + std::to_string(member.get()) + " has " + std::to_string(open) +
                     " open proposals already");
  }
  return ok_status();
}

Status check_action(const Context& context, model::MemberId member, const model::RegisterGateway& action) {
  if (!is_name(action.name)) return invalid("a gateway's name must be 1 to 32 characters of a-z, 0-9 and -");
  if (action.account.kind() != model::Address::Kind::kKey) {
    return invalid("a gateway's account must be one that a key spends from");
  }
  if (action.kyc_expiry <= context.time) return refused("the gateway's KYC attestation has expired");
  TRY(check_name_free(context, action.name));
  return check_proposals(context, member, action.name);
}

// The first epoch boundary with at least notice_epochs whole epochs between.
model::Height effective_height(const Context& context) {
  const std::uint64_t epoch = context.registry.parameters.epoch_blocks;
  const std::uint64_t earliest =
      context.height.get() + epoch * std::uint64_t{context.registry.parameters.notice_epochs};
  return model::Height((earliest + epoch - 1) / epoch * epoch);
}

void enact(Context& context, const model::TxId& id, model::Counters& counters) {
  auto record = context.overlay.must_get<model::ProposalRecord>(model::proposal_key(id));
  const auto& action = std::get<model::RegisterGateway>(record.proposal.action);
  const model::GatewayId gateway(counters.next_gateway++);
  context.overlay.put(model::gateway_key(gateway),
                      model::GatewayRecord{gateway, action.name, action.account, action.kyc_expiry});
  record.status = model::ProposalStatus::kDone;
  context.overlay.put(model::proposal_key(id), record);
}

}  // namespace

Status apply(Context& context, const Signed& transaction, const model::Proposal& body) {
  ASSIGN_OR_RETURN(const auto* member, find_member(context, body.member));
  TRY(require_key(transaction, member->governance_key, "the member's governance key"));
  TRY(check_action(context, body.member, std::get<model::RegisterGateway>(body.action)));
  model::ProposalRecord record;
  record.proposal = body;
  record.opened = context.height;
  context.overlay.put(model::proposal_key(transaction.id()), record);
  return ok_status();
}

Status apply(Context& context, const Signed& transaction, const model::Ballot& body) {
  ASSIGN_OR_RETURN(const auto* member, find_member(context, body.member));
  TRY(require_key(transaction, member->governance_key, "the member's governance key"));
  const Bytes key = model::proposal_key(body.proposal);
  auto record = context.overlay.get<model::ProposalRecord>(key);
  if (!record) return refused("proposal " + body.proposal.hex() + " does not exist");
  if (record->status != model::ProposalStatus::kOpen) return refused("the proposal is decided already");
  if (std::ranges::binary_search(record->approvals, body.member) ||
      std::ranges::binary_search(record->rejections, body.member)) {
    return exists("member " + std::to_string(body.member.get()) + " has voted already");
  }
  insert_member(body.approve ? record->approvals : record->rejections, body.member);
  const model::Weight total = context.registry.set.total();
  const std::uint64_t against = weight_of(context, record->rejections).get();
  if (model::is_quorum(weight_of(context, record->approvals), total)) {
    auto counters = context.overlay.must_get<model::Counters>(model::counters_key());
    if (counters.passed.size() >= kMaxPassedProposals) {
      return exhausted("too many proposals wait for their effective height",
                       "vote again after the next epoch");
    }
    record->status = model::ProposalStatus::kPassed;
    record->effective = effective_height(context);
    counters.passed.push_back(body.proposal);
    context.overlay.put(model::counters_key(), counters);
  } else if (!model::is_quorum(model::Weight(total.get() - against), total)) {
    record->status = model::ProposalStatus::kRejected;
  }
  context.overlay.put(key, *record);
  return ok_status();
}

Status apply(Context& context, const Signed& transaction, const model::PolicyAttestation& body) {
  ASSIGN_OR_RETURN(const auto* member, find_member(context, body.member));
  TRY(require_key(transaction, member->attest_key, "the member's attest key"));
  if (body.version == 0) return invalid("versions of a policy begin at 1");
  const Bytes key = model::policy_attestation_key(body.member);
  if (const auto last = context.overlay.get<model::PolicyAttestationRecord>(key)) {
    if (body.version <= last->version) {
      return refused("policy version " + std::to_string(body.version) + " is not above the attested one, " +
                     std::to_string(last->version));
    }
    // They cost nothing: without this one member could fill blocks.
    if (context.height.get() - last->height.get() < model::kPolicyAttestationBlocks) {
      return refused("this member has attested at height " + std::to_string(last->height.get()) +
                         "; the next may follow " + std::to_string(model::kPolicyAttestationBlocks) +
                         " blocks later",
                     "attest again then");
    }
  }
  context.overlay.put(
      key, model::PolicyAttestationRecord{body.member, body.version, body.salted_hash, context.height});
  return ok_status();
}

void enact_proposals(Context& context) {
  if (context.height.get() % context.registry.parameters.epoch_blocks != 0) return;
  auto counters = context.overlay.must_get<model::Counters>(model::counters_key());
  std::vector<model::TxId> waiting;
  for (const model::TxId& id : counters.passed) {
    if (context.overlay.must_get<model::ProposalRecord>(model::proposal_key(id)).effective <=
        context.height) {
      enact(context, id, counters);
    } else {
      waiting.push_back(id);
    }
  }
  if (waiting.size() == counters.passed.size()) return;
  counters.passed = std::move(waiting);
  context.overlay.put(model::counters_key(), counters);
}

}  // namespace custody::ledger::state
