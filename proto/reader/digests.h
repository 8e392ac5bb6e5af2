// What is signed, and what things are called: digest = SHA256(SHA256(tag) || SHA256(tag) || chain id ||
// bytes), one tag per kind of message (design section 5). Thread-safe.
#pragma once

#include "base/crypto/hash.h"
#include "ledger/model/intents.h"
#include "proto/reader/describe.h"

namespace custody::proto::reader {

namespace model = ledger::model;

ledger::model::ChainId chain_id_of(ByteView genesis_bytes);  // tag caasiope/genesis, no chain id

Hash256 digest(std::string_view tag, const model::ChainId& chain, ByteView bytes);

// The digest that a transaction's signers sign, which is also its id. The tag names the kind:
// caasiope/tx/transfer, ...
Hash256 transaction_digest(const model::ChainId& chain, ByteView payload, const model::TransactionBody& body);
model::TxId transaction_id(const model::ChainId& chain, ByteView payload, const model::TransactionBody& body);

model::BlockHash block_hash(
    const model::BlockHeader& header);  // tag caasiope/block; the chain id is in the header
Hash256 vote_digest(const model::ChainId& chain, model::VoteType type, model::Height height,
                    model::Round round, const std::optional<model::BlockHash>& block);
Hash256 proposal_digest(const model::ChainId& chain, const model::BlockProposal& proposal);
Hash256 member_set_hash(const model::MemberSet& set);    // SHA-256 of its bytes
Hash256 slot_terms_hash(const model::SlotRecord& slot);  // of the plan: status and settled_by do not count

// Strict decoding with the limits of each kind.
Result<model::Genesis> decode_genesis(ByteView bytes);
struct DecodedTransaction {
  model::Envelope envelope;
  model::Transaction transaction;
  model::TxId id;
};
Result<DecodedTransaction> decode_transaction(const model::ChainId& chain, ByteView envelope,
                                              std::size_t max_size);

}  // namespace custody::proto::reader
