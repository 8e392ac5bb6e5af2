// What can be believed about the ledger without running it: commits of a known member set, and proofs against
// a state root.
//
// State tree: a compact sparse Merkle tree. A key's position is SHA-256(key), read from the most significant
// bit. A leaf is SHA-256(0x00 || position || SHA-256(value)); an inner node SHA-256(0x01 || left || right);
// an empty subtree is 32 zero bytes; a subtree that holds exactly one leaf is that leaf. So the root of the
// empty tree is zero. Thread-safety: pure functions.
#pragma once

#include <map>

#include "ledger/model/intents.h"
#include "proto/reader/digests.h"

namespace custody::ledger::light {

Hash256 leaf_position(ByteView key);
Hash256 leaf_hash(const Hash256& position, const Hash256& value_hash);
Hash256 inner_hash(const Hash256& left, const Hash256& right);
// Bit `depth` (0 = most significant) of a position.
inline bool position_bit(const Hash256& position, std::size_t depth) {
  return (position.array()[depth / 8] >> (7 - depth % 8) & 1) != 0;
}

// That key has value (or is absent when value is empty) under root. kInvalid says why not.
Status verify_state_proof(const Hash256& root, const model::StateProof& proof);

// Distinct members of set, ascending, each signature valid for (height, round, block), together strictly more
// than two thirds of the set's weight. kInvalid names the first offence. A single bad signature refuses the
// whole commit.
Status verify_commit(const model::ChainId& chain, const model::MemberSet& set, const model::Commit& commit);

// Evidence that has been checked against a member set hash: a final header, and what its state holds.
class ProvenState {
 public:
  // members_hash: of the set that is known to vote on header.height (GuardHead::members_hash, or a trusted
  // header's next_members_hash). Checks header, commit, set and every proof.
  static Result<ProvenState> check(const model::ChainId& chain, const Hash256& members_hash,
                                   const model::LedgerEvidence& evidence);

  const model::BlockHeader& header() const { return header_; }
  const model::BlockHash& hash() const { return hash_; }
  // kNotFound when the evidence says nothing about the key; nullopt when it proves absence.
  Result<std::optional<Bytes>> raw(ByteView key) const;
  template <typename T>
  Result<std::optional<T>> get(ByteView key) const {
    ASSIGN_OR_RETURN(const std::optional<Bytes> value, raw(key));
    if (!value) return std::optional<T>();
    ASSIGN_OR_RETURN(T record, proto::reader::decode<T>(*value, 1u << 16));
    return std::optional<T>(std::move(record));
  }
  // get() for what must be there.
  template <typename T>
  Result<T> require(ByteView key, std::string_view what) const {
    ASSIGN_OR_RETURN(std::optional<T> value, get<T>(key));
    if (!value) return refused(std::string(what) + " is not in the ledger's state");
    return std::move(*value);
  }

 private:
  model::BlockHeader header_;
  model::BlockHash hash_;
  std::map<Bytes, std::optional<Bytes>> values_;
};

}  // namespace custody::ledger::light
