#include "policy/render/governance.h"

#include "base/crypto/hash.h"
#include "ledger/model/records.h"
#include "policy/render/text.h"

namespace custody::policy::render {
namespace {

// RFC 3339 in UTC to the millisecond: two times are two texts.
std::string exact_time_text(model::LedgerMs time) {
  std::string text = time_text(time);
  const std::uint64_t ms = time.get() % 1000;
  if (ms == 0) return text;
  const std::string digits = std::to_string(1000 + ms).substr(1);
  return text.insert(text.size() - 1, "." + digits);
}

Result<Bytes> text_of(const model::RegisterGateway& action) {
  if (!is_name(action.name)) return invalid("a gateway's name is 1 to 32 of a-z 0-9 -");
  if (kMaxTime < action.kyc_expiry) return invalid("a gateway's KYC ends in the year 9999 at the latest");
  return to_bytes("register gateway " + std::string(as_text(action.name)) + ", account " +
                  to_hex(action.account.view()) + ", KYC until " + exact_time_text(action.kyc_expiry));
}

Terms terms_for(model::IntentKind kind, const model::ChainId& chain, model::MemberId member) {
  Terms out;
  out.chain_id = chain;
  out.member = member;
  out.kind = kind;
  return out;
}

}  // namespace

Result<Bytes> action_text(const model::Proposal& proposal) {
  return std::visit([](const auto& action) { return text_of(action); }, proposal.action);
}

Hash256 proposal_subject(ByteView action) {
  return crypto::sha256(action);
}

Hash256 ballot_subject(const model::TxId& proposal) {
  return crypto::sha256(model::proposal_key(proposal));
}

Terms proposal_terms(const model::ChainId& chain, model::MemberId member, ByteView action) {
  Terms out = terms_for(model::IntentKind::kProposalTx, chain, member);
  out.action = to_bytes(action);
  out.subject = proposal_subject(action);
  return out;
}

Terms ballot_terms(const model::ChainId& chain, const model::Ballot& ballot, ByteView action) {
  Terms out = terms_for(model::IntentKind::kBallot, chain, ballot.member);
  out.action = to_bytes(action);
  out.proposal = ballot.proposal;
  out.approve = ballot.approve;
  out.subject = ballot_subject(ballot.proposal);
  return out;
}

}  // namespace custody::policy::render
