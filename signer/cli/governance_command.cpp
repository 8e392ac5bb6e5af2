#include "signer/cli/governance_command.h"

#include "base/entropy.h"
#include "proto/reader/digests.h"
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

}  // namespace

Result<Json> gateway_propose(Context& context, const ProposeOptions& options) {
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  ASSIGN_OR_RETURN(const Own own, own_member(context, network));
  model::RegisterGateway action;
  action.name = to_bytes(options.name);
  ASSIGN_OR_RETURN(action.account, model::Address::parse(options.account, network.prefix()));
  ASSIGN_OR_RETURN(action.kyc_expiry, parse_date(options.kyc_expiry));
  SystemEntropy entropy;
  const model::ProposalTxIntent intent{model::Height(network.height.get() + kLifetime), entropy.next_u64(),
                                       model::Proposal{own.id, action}};
  ASSIGN_OR_RETURN(const Signature signature, ask_signer(context, intent));
  const model::Transaction transaction{1, intent.valid_until, intent.salt, intent.proposal};
  ASSIGN_OR_RETURN(const Json sent,
                   finish(context, network, transaction, own.governance_key, signature, options.wait));
  Json out = Json::object();
  ASSIGN_OR_RETURN(const std::string id, sent.string_at("tx"));
  out.set("schema", "custody.proposal/1").set("proposal", id).set("height", *sent.find("height"));
  return out;
}

Result<Json> gateway_vote(Context& context, const std::string& proposal, bool approve, bool wait) {
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  ASSIGN_OR_RETURN(const Own own, own_member(context, network));
  model::Ballot ballot;
  ballot.member = own.id;
  ballot.approve = approve;
  ASSIGN_OR_RETURN(ballot.proposal, model::TxId::from_hex(proposal));
  SystemEntropy entropy;
  const model::BallotIntent intent{model::Height(network.height.get() + kLifetime), entropy.next_u64(),
                                   ballot};
  ASSIGN_OR_RETURN(const Signature signature, ask_signer(context, intent));
  const model::Transaction transaction{1, intent.valid_until, intent.salt, intent.ballot};
  ASSIGN_OR_RETURN(Json out, finish(context, network, transaction, own.governance_key, signature, wait));
  out.set("schema", "custody.ballot/1");
  return out;
}

}  // namespace custody::signer::cli
