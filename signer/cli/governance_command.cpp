#include "signer/cli/governance_command.h"

#include "base/entropy.h"
#include "policy/render/governance.h"
#include "proto/reader/digests.h"
#include "signer/cli/render.h"
#include "signer/cli/signer_call.h"
#include "signer/cli/transfer_command.h"

namespace custody::signer::cli {
namespace {

constexpr std::uint64_t kLifetime = 120;  // blocks

struct Own {
  model::MemberId id;
  PublicKey governance_key;
};

Result<Own> own_member(Context& context, const Network& network) {
  ASSIGN_OR_RETURN(const Json status, call_node(context, "status", Json::object()));
  ASSIGN_OR_RETURN(const std::string name, status.string_at("member"));
  for (const model::Member& member : network.genesis.members) {
    if (as_text(member.name) == name) return Own{member.id, member.governance_key};
  }
  return internal_error("the node's member " + name + " is not in genesis");
}

Result<Signature> ask_signer(Context& context, model::Intent intent) {
  ASSIGN_OR_RETURN(const model::SignReply reply, call_signer(context, std::move(intent)));
  if (reply.signatures.size() != 1) return internal_error("the signer answered without a signature");
  return reply.signatures.front();
}

// Puts the signature under the payload and sends it.
Result<Json> finish(Context& context, const Network& network, const model::Transaction& transaction,
                    const PublicKey& key, const Signature& signature, bool wait) {
  model::Envelope envelope{proto::reader::encode(transaction), {{key, signature}}};
  return submit(context, network.chain_id, envelope, transaction.body, wait);
}

// An officer sees what he signed, above the answer.
Json with_shown(Json answer, const OfficerAsk& ask) {
  if (ask.shown.empty()) return answer;
  const std::string text = ask.shown + "\n" + render(answer);
  answer.set("rendering", ask.shown).set("text", text);
  return answer;
}

struct FoundProposal {
  Bytes payload;
  Bytes action;
};

// The node's bytes, which prove themselves: their hash is what the ballot names.
Result<FoundProposal> find_proposal(Context& context, const Network& network, const model::TxId& id) {
  ASSIGN_OR_RETURN(const Json found, call_node(context, "transaction", Json::object().set("id", id.hex())));
  const auto hex = found.string_at("payload");
  if (!hex.ok()) {
    return refused("transaction " + id.hex() + " is no proposal", "custodyctl gateway list shows proposals");
  }
  FoundProposal out;
  ASSIGN_OR_RETURN(out.payload, from_hex(*hex));
  ASSIGN_OR_RETURN(const auto transaction,
                   proto::reader::decode<model::Transaction>(out.payload, model::kMaxProposalPayload));
  const auto* proposal = std::get_if<model::Proposal>(&transaction.body);
  if (proposal == nullptr ||
      proto::reader::transaction_id(network.chain_id, out.payload, transaction.body) != id) {
    return corrupt("the node answered with another transaction than " + id.hex());
  }
  ASSIGN_OR_RETURN(out.action, policy::render::action_text(*proposal));
  return out;
}

}  // namespace

Result<Json> gateway_propose(Context& context, const ProposeOptions& options) {
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  ASSIGN_OR_RETURN(const Own own, own_member(context, network));
  model::RegisterGateway action;
  action.name = to_bytes(options.name);
  ASSIGN_OR_RETURN(action.account, model::Address::parse(options.account, network.prefix()));
  ASSIGN_OR_RETURN(action.kyc_expiry, parse_date(options.kyc_expiry));
  const model::Proposal proposal{own.id, action};
  ASSIGN_OR_RETURN(const Bytes words, policy::render::action_text(proposal));
  ASSIGN_OR_RETURN(
      const OfficerAsk ask,
      sign_ask(context, options.ask, policy::render::proposal_terms(network.chain_id, own.id, words)));
  SystemEntropy entropy;
  const model::ProposalTxIntent intent{model::Height(network.height.get() + kLifetime), entropy.next_u64(),
                                       proposal, ask.encoded};
  ASSIGN_OR_RETURN(const Signature signature, ask_signer(context, intent));
  const model::Transaction transaction{1, intent.valid_until, intent.salt, intent.proposal};
  ASSIGN_OR_RETURN(const Json sent,
                   finish(context, network, transaction, own.governance_key, signature, options.wait));
  Json out = Json::object();
  ASSIGN_OR_RETURN(const std::string id, sent.string_at("tx"));
  out.set("schema", "custody.proposal/1").set("proposal", id).set("height", *sent.find("height"));
  return with_shown(std::move(out), ask);
}

Result<Json> gateway_vote(Context& context, const BallotOptions& options) {
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  ASSIGN_OR_RETURN(const Own own, own_member(context, network));
  model::Ballot ballot;
  ballot.member = own.id;
  ballot.approve = options.approve;
  ASSIGN_OR_RETURN(ballot.proposal, model::TxId::from_hex(options.proposal));
  ASSIGN_OR_RETURN(const FoundProposal found, find_proposal(context, network, ballot.proposal));
  ASSIGN_OR_RETURN(
      const OfficerAsk ask,
      sign_ask(context, options.ask, policy::render::ballot_terms(network.chain_id, ballot, found.action)));
  SystemEntropy entropy;
  const model::BallotIntent intent{model::Height(network.height.get() + kLifetime), entropy.next_u64(),
                                   ballot, ask.encoded, found.payload};
  ASSIGN_OR_RETURN(const Signature signature, ask_signer(context, intent));
  const model::Transaction transaction{1, intent.valid_until, intent.salt, intent.ballot};
  ASSIGN_OR_RETURN(Json out,
                   finish(context, network, transaction, own.governance_key, signature, options.wait));
  out.set("schema", "custody.ballot/1").set("action", as_text(found.action));
  return with_shown(std::move(out), ask);
}

}  // namespace custody::signer::cli
