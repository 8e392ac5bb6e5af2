#include "ledger/light/light.h"

#include "base/crypto/secp256k1.h"

namespace custody::ledger::light {
namespace {

constexpr std::size_t kMaxDepth = 256;

std::string height_text(model::Height height) {
  return std::to_string(height.get());
}

// The hash that stands at the end of the proof's path: the leaf itself, another leaf, or nothing.
Result<Hash256> path_end(const model::StateProof& proof, const Hash256& position) {
  const bool has_other = proof.other_position.has_value() || proof.other_value_hash.has_value();
  if (!proof.value.empty()) {
    if (has_other) return invalid("state proof: a present key has no other leaf");
    return leaf_hash(position, crypto::sha256(proof.value));
  }
  if (!has_other) return Hash256();
  if (!proof.other_position || !proof.other_value_hash)
    return invalid("state proof: half of the other leaf is missing");
  if (*proof.other_position == position) return invalid("state proof: the other leaf is the key's own");
  for (std::size_t depth = 0; depth < proof.siblings.size(); ++depth) {
    if (position_bit(*proof.other_position, depth) != position_bit(position, depth)) {
      return invalid("state proof: the other leaf does not stand in the key's place");
    }
  }
  return leaf_hash(*proof.other_position, *proof.other_value_hash);
}

}  // namespace

Hash256 leaf_position(ByteView key) {
  return crypto::sha256(key);
}

Hash256 leaf_hash(const Hash256& position, const Hash256& value_hash) {
  const std::uint8_t prefix = 0;
  return crypto::sha256({ByteView(&prefix, 1), position.view(), value_hash.view()});
}

Hash256 inner_hash(const Hash256& left, const Hash256& right) {
  const std::uint8_t prefix = 1;
  return crypto::sha256({ByteView(&prefix, 1), left.view(), right.view()});
}

Status verify_state_proof(const Hash256& root, const model::StateProof& proof) {
  if (proof.key.empty()) return invalid("state proof: no key");
  if (proof.siblings.size() > kMaxDepth) return invalid("state proof: path longer than 256");
  const Hash256 position = leaf_position(proof.key);
  ASSIGN_OR_RETURN(Hash256 hash, path_end(proof, position));
  for (std::size_t depth = proof.siblings.size(); depth-- > 0;) {
    const Hash256& sibling = proof.siblings[depth];
    // A lone leaf stands for its whole subtree, so an inner node never has one leaf and nothing else below
    // it; that form is not reachable by hashing real trees and is refused by the root comparison.
    hash = position_bit(position, depth) ? inner_hash(sibling, hash) : inner_hash(hash, sibling);
  }
  if (hash != root) return invalid("state proof: does not lead to the state root");
  return ok_status();
}

Status verify_commit(const model::ChainId& chain, const model::MemberSet& set, const model::Commit& commit) {
  const std::string where = "commit of height " + height_text(commit.height);
  std::uint64_t weight = 0;
  const Hash256 digest = proto::reader::vote_digest(chain, model::VoteType::kPrecommit, commit.height,
                                                    commit.round, commit.block);
  for (std::size_t i = 0; i < commit.signatures.size(); ++i) {
    const model::CommitSignature& one = commit.signatures[i];
    if (i > 0 && !(commit.signatures[i - 1].member < one.member)) {
      return invalid(where + ": members must ascend, each once");
    }
    const model::SetMember* member = set.find(one.member);
    if (member == nullptr)
      return invalid(where + ": member " + std::to_string(one.member.get()) + " is not in the set");
    if (!crypto::verify(member->validator_key, digest, one.signature)) {
      return invalid(where + ": the signature of member " + std::to_string(one.member.get()) +
                     " does not verify");
    }
    weight += member->weight.get();
  }
  if (!model::is_quorum(model::Weight(weight), set.total())) {
    return invalid(where + ": weight " + std::to_string(weight) + " of " + std::to_string(set.total().get()) +
                   " is not more than two thirds");
  }
  return ok_status();
}

Result<ProvenState> ProvenState::check(const model::ChainId& chain, const Hash256& members_hash,
                                       const model::LedgerEvidence& evidence) {
  const model::BlockHeader& header = evidence.header;
  if (header.chain_id != chain) return invalid("evidence is of another network");
  if (header.members_hash != members_hash || proto::reader::member_set_hash(evidence.set) != members_hash) {
    return invalid("evidence at height " + height_text(header.height) + " is not by the known member set");
  }
  ProvenState out;
  out.header_ = header;
  out.hash_ = proto::reader::block_hash(header);
  if (evidence.commit.height != header.height || evidence.commit.block != out.hash_) {
    return invalid("evidence: the commit is for another block");
  }
  TRY(verify_commit(chain, evidence.set, evidence.commit));
  for (const model::StateProof& proof : evidence.proofs) {
    TRY(verify_state_proof(header.state_root, proof));
    out.values_[proof.key] = proof.value.empty() ? std::nullopt : std::optional<Bytes>(proof.value);
  }
  return out;
}

Result<std::optional<Bytes>> ProvenState::raw(ByteView key) const {
  const auto found = values_.find(to_bytes(key));
  if (found == values_.end()) return not_found("the evidence proves nothing about state key " + to_hex(key));
  return found->second;
}

}  // namespace custody::ledger::light
