#include "proto/reader/digests.h"

#include <array>

namespace custody::proto::reader {
namespace {

// In the order of TransactionBody's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<model::TransactionBody>> kTransactionTags = {
    "caasiope/tx/transfer",          "caasiope/tx/burn",          "caasiope/tx/payout_address",
    "caasiope/tx/external_head",     "caasiope/tx/mint_approval", "caasiope/tx/slot_signature",
    "caasiope/tx/settlement",        "caasiope/tx/proposal",      "caasiope/tx/ballot",
    "caasiope/tx/policy_attestation"};

constexpr std::size_t kMaxGenesis = 1u << 20;

// What members sign for a vote; the type is in the tag.
struct SignedVote {
  model::Height height;
  model::Round round;
  std::optional<model::BlockHash> block;
};
template <class V>
void describe(V& v, SignedVote& m) {
  v.field(1, m.height);
  v.field(2, m.round);
  v.optional(3, m.block);
}

}  // namespace

Hash256 digest(std::string_view tag, const model::ChainId& chain, ByteView bytes) {
  const Hash256 tag_hash = crypto::sha256(as_bytes(tag));
  return crypto::sha256({tag_hash.view(), tag_hash.view(), chain.view(), bytes});
}

model::ChainId chain_id_of(ByteView genesis_bytes) {
  return model::ChainId(crypto::tagged_hash("caasiope/genesis", genesis_bytes).array());
}

Hash256 transaction_digest(const model::ChainId& chain, ByteView payload,
                           const model::TransactionBody& body) {
  return digest(kTransactionTags.at(body.index()), chain, payload);
}

model::TxId transaction_id(const model::ChainId& chain, ByteView payload,
                           const model::TransactionBody& body) {
  return model::TxId(transaction_digest(chain, payload, body).array());
}

model::BlockHash block_hash(const model::BlockHeader& header) {
  return model::BlockHash(crypto::tagged_hash("caasiope/block", encode(header)).array());
}

Hash256 vote_digest(const model::ChainId& chain, model::VoteType type, model::Height height,
                    model::Round round, const std::optional<model::BlockHash>& block) {
  const std::string_view tag = type == model::VoteType::kPrevote ? "caasiope/prevote" : "caasiope/precommit";
  return digest(tag, chain, encode(SignedVote{height, round, block}));
}

Hash256 proposal_digest(const model::ChainId& chain, const model::BlockProposal& proposal) {
  model::BlockProposal unsigned_proposal = proposal;
  unsigned_proposal.signature = {};
  return digest("caasiope/proposal", chain, encode(unsigned_proposal));
}

Hash256 member_set_hash(const model::MemberSet& set) {
  return crypto::sha256(encode(set));
}

Hash256 slot_terms_hash(const model::SlotRecord& slot) {
  model::SlotRecord terms = slot;
  terms.status = model::SlotStatus::kOpen;
  terms.settled_by.reset();
  return crypto::sha256(encode(terms));
}

Result<model::Genesis> decode_genesis(ByteView bytes) {
  auto genesis = decode<model::Genesis>(bytes, kMaxGenesis);
  if (!genesis.ok()) return genesis.status().with_context("genesis");
  TRY(model::check_genesis(*genesis));
  return genesis;
}

Result<DecodedTransaction> decode_transaction(const model::ChainId& chain, ByteView envelope,
                                              std::size_t max_size) {
  auto outer = decode<model::Envelope>(envelope, max_size);
  if (!outer.ok()) return outer.status().with_context("transaction envelope");
  auto inner = decode<model::Transaction>(outer->payload, max_size);
  if (!inner.ok()) return inner.status().with_context("transaction");
  if (inner->version != 1) {
    return invalid("transaction version " + std::to_string(inner->version) + " is not known here");
  }
  const model::TxId id = transaction_id(chain, outer->payload, inner->body);
  return DecodedTransaction{std::move(*outer), std::move(*inner), id};
}

}  // namespace custody::proto::reader
