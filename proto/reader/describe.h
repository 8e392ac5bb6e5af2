// The field numbers of every message, once for both directions (wire.h). proto/*.proto says the same for
// other programs; a test compares the two. Order of fields = ascending numbers.
#pragma once

#include "ledger/model/block.h"
#include "ledger/model/genesis.h"
#include "ledger/model/intents.h"
#include "ledger/model/records.h"
#include "ledger/model/transaction.h"
#include "proto/reader/wire.h"

namespace custody::ledger::model {

// describe() is found by argument-dependent lookup, so it stands in the namespace of the values.

template <class V>
void describe(V& v, SeatKey& m) {
  v.field(1, m.currency);
  v.field(2, m.epoch);
  v.field(3, m.key);
}
template <class V>
void describe(V& v, Member& m) {
  v.field(1, m.id);
  v.bytes(2, m.name, kMaxName);
  v.bytes(3, m.legal_entity, kMaxText);
  v.bytes(4, m.parent, kMaxText);
  v.bytes(5, m.jurisdiction, 2);
  v.bytes(6, m.hoster, kMaxText);
  v.bytes(7, m.hsm_vendor, kMaxText);
  v.field(8, m.kyc_expiry);
  v.field(9, m.weight);
  v.field(10, m.validator_key);
  v.field(11, m.attest_key);
  v.field(12, m.governance_key);
  v.field(13, m.curve_key);
  v.repeated(14, m.seats, 2 * kMaxCurrencies);
}
template <class V>
void describe(V& v, ExternalChain& m) {
  v.field(1, m.id);
  v.enumeration(2, m.kind, ChainKind::kBitcoin, ChainKind::kBitcoin);
  v.bytes(3, m.name, kMaxName);
  v.field(4, m.genesis_hash);
  v.field(5, m.anchor_height);
  v.field(6, m.anchor_hash);
  v.field(7, m.anchor_bits);
  v.field(8, m.magic);
  v.bytes(9, m.hrp, kMaxName);
  v.field(10, m.p2pkh_version);
  v.field(11, m.p2sh_version);
  v.field(12, m.pow_limit_bits);
  v.field(13, m.no_retarget);
}
template <class V>
void describe(V& v, Currency& m) {
  v.field(1, m.id);
  v.bytes(2, m.code, 8);
  v.field(3, m.decimals);
  v.field(4, m.external_exponent);
  v.field(5, m.chain);
}
template <class V>
void describe(V& v, ReserveWallet& m) {
  v.field(1, m.currency);
  v.field(2, m.epoch);
  v.field(3, m.threshold);
  v.repeated(4, m.seats, kMaxMembers);
  v.repeated(5, m.members, kMaxMembers);
}
template <class V>
void describe(V& v, CurrencyParameters& m) {
  v.field(1, m.currency);
  v.field(2, m.min_fee_per_byte);
  v.field(3, m.deposit_depth);
  v.field(4, m.settlement_depth);
  v.field(5, m.min_deposit);
  v.field(6, m.min_burn);
  v.field(7, m.default_fee_rate);
  v.field(8, m.min_fee_rate);
  v.field(9, m.max_fee_rate);
  v.field(10, m.batch_time_ms);
  v.field(11, m.batch_count);
  v.field(12, m.batch_value);
  v.field(13, m.max_inputs);
  v.field(14, m.max_payees);
  v.field(15, m.payout_cooldown);
  v.field(16, m.bucket_capacity);
  v.field(17, m.bucket_refill_per_hour);
}
template <class V>
void describe(V& v, NetworkParameters& m) {
  v.field(1, m.max_transaction_bytes);
  v.field(2, m.max_block_bytes);
  v.field(3, m.max_valid_blocks);
  v.field(4, m.empty_block_ms);
  v.field(5, m.time_precision_ms);
  v.field(6, m.round_timeout_ms);
  v.field(7, m.round_timeout_step_ms);
  v.field(8, m.epoch_blocks);
  v.field(9, m.notice_epochs);
  v.field(10, m.treasury_permille);
  v.repeated(11, m.currencies, kMaxCurrencies);
}
template <class V>
void describe(V& v, Genesis& m) {
  v.field(1, m.version);
  v.enumeration(2, m.kind, NetworkKind::kTest, NetworkKind::kProduction);
  v.bytes(3, m.address_prefix, 16);
  v.field(4, m.time);
  v.repeated(5, m.members, kMaxMembers);
  v.repeated(6, m.chains, kMaxCurrencies);
  v.repeated(7, m.currencies, kMaxCurrencies);
  v.repeated(8, m.wallets, 2 * kMaxCurrencies);
  v.field(9, m.parameters);
}
template <class V>
void describe(V& v, SetMember& m) {
  v.field(1, m.id);
  v.field(2, m.weight);
  v.field(3, m.validator_key);
}
template <class V>
void describe(V& v, MemberSet& m) {
  v.repeated(1, m.members, kMaxMembers);
}

template <class V>
void describe(V& v, TransferLeg& m) {
  v.opaque(1, m.address);
  v.field(2, m.currency);
  v.field(3, m.amount);
}
template <class V>
void describe(V& v, Transfer& m) {
  v.repeated(1, m.inputs, kMaxInputsOutputs);
  v.repeated(2, m.outputs, kMaxInputsOutputs);
  v.bytes(3, m.memo, kMaxMemo);
}
template <class V>
void describe(V& v, Burn& m) {
  v.field(1, m.gateway);
  v.field(2, m.currency);
  v.field(3, m.amount);
  v.field(4, m.fee_cap);
  v.field(5, m.ledger_fee);
  v.bytes(6, m.payout_script, kMaxScript);
}
template <class V>
void describe(V& v, PayoutAddress& m) {
  v.field(1, m.gateway);
  v.field(2, m.currency);
  v.bytes(3, m.script, kMaxScript);
  v.field(4, m.ledger_fee);
}
template <class V>
void describe(V& v, ExternalHead& m) {
  v.field(1, m.member);
  v.field(2, m.chain);
  v.field(3, m.height);
  v.field(4, m.hash);
  v.field(5, m.time);
  v.field(6, m.fee_rate);
}
template <class V>
void describe(V& v, OutPoint& m) {
  v.field(1, m.txid);
  v.field(2, m.vout);
}
template <class V>
void describe(V& v, BitcoinProof& m) {
  v.bytes(1, m.transaction, kMaxExternalTx);
  v.field(2, m.height);
  v.field(3, m.index);
  v.field(4, m.tx_count);
  v.repeated(5, m.path, kMaxMerklePath);
  v.repeated(6, m.headers, kMaxProofHeaders);
}
template <class V>
void describe(V& v, MintApproval& m) {
  v.field(1, m.member);
  v.field(2, m.currency);
  v.field(3, m.gateway);
  v.field(4, m.outpoint);
  v.field(5, m.amount);
  v.field(6, m.proof);
}
template <class V>
void describe(V& v, SlotSignature& m) {
  v.field(1, m.member);
  v.field(2, m.currency);
  v.field(3, m.slot);
  v.repeated(4, m.signatures, kMaxSlotInputs);
}
template <class V>
void describe(V& v, SettlementProof& m) {
  v.field(1, m.currency);
  v.field(2, m.slot);
  v.field(3, m.proof);
}
template <class V>
void describe(V& v, RegisterGateway& m) {
  v.bytes(1, m.name, kMaxName);
  v.opaque(2, m.account);
  v.field(3, m.kyc_expiry);
}
template <class V>
void describe(V& v, Proposal& m) {
  v.field(1, m.member);
  v.oneof(2, m.action);
}
template <class V>
void describe(V& v, Ballot& m) {
  v.field(1, m.member);
  v.field(2, m.proposal);
  v.field(3, m.approve);
}
template <class V>
void describe(V& v, PolicyAttestation& m) {
  v.field(1, m.member);
  v.field(2, m.version);
  v.field(3, m.salted_hash);
}
template <class V>
void describe(V& v, Transaction& m) {
  v.field(1, m.version);
  v.field(2, m.valid_until);
  v.field(3, m.salt);
  v.oneof(4, m.body);
}
template <class V>
void describe(V& v, KeySignature& m) {
  v.field(1, m.key);
  v.field(2, m.signature);
}
template <class V>
void describe(V& v, Envelope& m) {
  v.bytes(1, m.payload, kMaxEvidence);
  v.repeated(2, m.signatures, kMaxSignatures);
}

template <class V>
void describe(V& v, BlockHeader& m) {
  v.field(1, m.version);
  v.field(2, m.chain_id);
  v.field(3, m.height);
  v.field(4, m.time);
  v.field(5, m.previous);
  v.field(6, m.transactions_root);
  v.field(7, m.receipts_root);
  v.field(8, m.state_root);
  v.field(9, m.members_hash);
  v.field(10, m.next_members_hash);
  v.field(11, m.proposer);
}
template <class V>
void describe(V& v, CommitSignature& m) {
  v.field(1, m.member);
  v.field(2, m.signature);
}
template <class V>
void describe(V& v, Commit& m) {
  v.field(1, m.height);
  v.field(2, m.round);
  v.field(3, m.block);
  v.repeated(4, m.signatures, kMaxMembers);
}
template <class V>
void describe(V& v, Block& m) {
  v.field(1, m.header);
  v.optional(2, m.last_commit);
  v.repeated(3, m.transactions, kMaxTransactions, kMaxBlockBytes);
}
template <class V>
void describe(V& v, Vote& m) {
  v.enumeration(1, m.type, VoteType::kPrevote, VoteType::kPrecommit);
  v.field(2, m.height);
  v.field(3, m.round);
  v.optional(4, m.block);
  v.field(5, m.member);
  v.field(6, m.signature);
}
template <class V>
void describe(V& v, BlockProposal& m) {
  v.field(1, m.height);
  v.field(2, m.round);
  v.optional(3, m.proof_of_lock);
  v.field(4, m.block);
  v.field(5, m.parts_root);
  v.field(6, m.part_count);
  v.field(7, m.member);
  v.field(8, m.signature);
}
template <class V>
void describe(V& v, Receipt& m) {
  v.field(1, m.transaction);
  v.field(2, m.index);
}

template <class V>
void describe(V& v, Balance& m) {
  v.field(1, m.amount);
}
template <class V>
void describe(V& v, CurrencyTotals& m) {
  v.field(1, m.supply);
  v.field(2, m.pending);
  v.field(3, m.surplus);
  v.field(4, m.recorded_reserve);
  v.field(5, m.next_coin);
  v.field(6, m.next_burn);
  v.field(7, m.next_slot);
  v.field(8, m.first_queued_burn);
  v.field(9, m.open_slots);
}
template <class V>
void describe(V& v, RecordedHead& m) {
  v.field(1, m.height);
  v.field(2, m.hash);
  v.field(3, m.fee_rate);
}
template <class V>
void describe(V& v, HeadVote& m) {
  v.field(1, m.height);
  v.field(2, m.hash);
  v.field(3, m.fee_rate);
}
template <class V>
void describe(V& v, HeadVotes& m) {
  v.repeated(1, m.votes, kHeadVotesKept);
}
template <class V>
void describe(V& v, GatewayRecord& m) {
  v.field(1, m.id);
  v.bytes(2, m.name, kMaxName);
  v.opaque(3, m.account);
  v.field(4, m.kyc_expiry);
}
template <class V>
void describe(V& v, PayoutRecord& m) {
  v.bytes(1, m.script, kMaxScript);
  v.field(2, m.registered);
}
template <class V>
void describe(V& v, MintRecord& m) {
  v.field(1, m.gateway);
  v.field(2, m.amount);
  v.repeated(3, m.approvals, kMaxMembers);
  v.optional(4, m.minted);
  v.optional(5, m.transaction);
}
template <class V>
void describe(V& v, CoinRecord& m) {
  v.field(1, m.outpoint);
  v.field(2, m.amount);
  v.field(3, m.epoch);
  v.field(4, m.gateway);
  v.field(5, m.slot);
}
template <class V>
void describe(V& v, BurnRecord& m) {
  v.field(1, m.transaction);
  v.field(2, m.gateway);
  v.field(3, m.amount);
  v.field(4, m.fee_cap);
  v.bytes(5, m.payout_script, kMaxScript);
  v.field(6, m.height);
  v.field(7, m.time);
  v.enumeration(8, m.status, BurnStatus::kQueued, BurnStatus::kSettled);
  v.field(9, m.slot);
}
template <class V>
void describe(V& v, PlanInput& m) {
  v.field(1, m.coin);
  v.field(2, m.outpoint);
  v.field(3, m.amount);
  v.field(4, m.gateway);
}
template <class V>
void describe(V& v, PlanPayee& m) {
  v.field(1, m.burn);
  v.field(2, m.transaction);
  v.bytes(3, m.script, kMaxScript);
  v.field(4, m.amount);
  v.field(5, m.fee_cap);
}
template <class V>
void describe(V& v, SlotRecord& m) {
  v.field(1, m.id);
  v.field(2, m.currency);
  v.field(3, m.epoch);
  v.enumeration(4, m.status, SlotStatus::kOpen, SlotStatus::kSettled);
  v.field(5, m.opened);
  v.field(6, m.fee_rate);
  v.field(7, m.fee);
  v.repeated(8, m.inputs, kMaxSlotInputs);
  v.repeated(9, m.payees, kMaxSlotInputs);
  v.repeated(10, m.change, 16);
  v.optional(11, m.settled_by);
}
template <class V>
void describe(V& v, SlotSignatureRecord& m) {
  v.repeated(1, m.signatures, kMaxSlotInputs);
}
template <class V>
void describe(V& v, ProposalRecord& m) {
  v.field(1, m.proposal);
  v.field(2, m.opened);
  v.repeated(3, m.approvals, kMaxMembers);
  v.repeated(4, m.rejections, kMaxMembers);
  v.enumeration(5, m.status, ProposalStatus::kOpen, ProposalStatus::kRejected);
  v.field(6, m.effective);
}
template <class V>
void describe(V& v, SeenRecord& m) {
  v.field(1, m.height);
}
template <class V>
void describe(V& v, Counters& m) {
  v.field(1, m.next_gateway);
  v.repeated(2, m.passed, 1024);
}
template <class V>
void describe(V& v, FreezeRecord& m) {
  v.field(1, m.since);
}
template <class V>
void describe(V& v, PolicyAttestationRecord& m) {
  v.field(1, m.member);
  v.field(2, m.version);
  v.field(3, m.salted_hash);
  v.field(4, m.height);
}
template <class V>
void describe(V& v, StateProof& m) {
  v.bytes(1, m.key, 128);
  v.bytes(2, m.value, 1u << 16);
  v.repeated(3, m.siblings, 256);
  v.optional(4, m.other_position);
  v.optional(5, m.other_value_hash);
}

template <class V>
void describe(V& v, LedgerEvidence& m) {
  v.field(1, m.header);
  v.field(2, m.commit);
  v.field(3, m.set);
  v.repeated(4, m.proofs, 1024);
}
template <class V>
void describe(V& v, ProposalIntent& m) {
  v.field(1, m.height);
  v.field(2, m.round);
  v.optional(3, m.proof_of_lock);
  v.field(4, m.block);
  v.field(5, m.parts_root);
  v.field(6, m.part_count);
}
template <class V>
void describe(V& v, VoteIntent& m) {
  v.enumeration(1, m.type, VoteType::kPrevote, VoteType::kPrecommit);
  v.field(2, m.height);
  v.field(3, m.round);
  v.optional(4, m.block);
}
template <class V>
void describe(V& v, HeadIntent& m) {
  v.field(1, m.valid_until);
  v.field(2, m.salt);
  v.field(3, m.head);
}
template <class V>
void describe(V& v, MintIntent& m) {
  v.field(1, m.valid_until);
  v.field(2, m.salt);
  v.field(3, m.approval);
  v.field(4, m.evidence);
}
template <class V>
void describe(V& v, PayoutIntent& m) {
  v.field(1, m.currency);
  v.field(2, m.slot);
  v.field(3, m.evidence);
}
template <class V>
void describe(V& v, SlotSignatureIntent& m) {
  v.field(1, m.valid_until);
  v.field(2, m.salt);
  v.field(3, m.slot_signature);
  v.field(4, m.plan);
}
template <class V>
void describe(V& v, ProposalTxIntent& m) {
  v.field(1, m.valid_until);
  v.field(2, m.salt);
  v.field(3, m.proposal);
  v.bytes(4, m.ask, kMaxAsk);
}
template <class V>
void describe(V& v, BallotIntent& m) {
  v.field(1, m.valid_until);
  v.field(2, m.salt);
  v.field(3, m.ballot);
  v.bytes(4, m.ask, kMaxAsk);
  v.bytes(5, m.payload, kMaxProposalPayload);
}
template <class V>
void describe(V& v, PolicyAttestationIntent& m) {
  v.field(1, m.valid_until);
  v.field(2, m.salt);
  v.field(3, m.attestation);
}
template <class V>
void describe(V&, StatusQuery&) {}
template <class V>
void describe(V& v, LedgerHeadIntent& m) {
  v.field(1, m.evidence);
}
template <class V>
void describe(V& v, StatementIntent& m) {
  v.enumeration(1, m.what, Statement::kVote, Statement::kPrices);
  v.bytes(2, m.body, kMaxStatement);
}
template <class V>
void describe(V& v, PolicyQuery& m) {
  v.enumeration(1, m.what, PolicyQuestion::kBundle, PolicyQuestion::kAttestation);
  v.field(2, m.about);
  v.field(3, m.after);
}
template <class V>
void describe(V& v, SignRequest& m) {
  v.field(1, m.id);
  v.oneof(2, m.intent);
}
template <class V>
void describe(V& v, AttestedPolicy& m) {
  v.field(1, m.version);
  v.field(2, m.salted_hash);
}
template <class V>
void describe(V& v, SignReply& m) {
  v.field(1, m.id);
  v.field(2, m.code);
  v.repeated(3, m.signatures, kMaxSlotInputs);
  v.bytes(4, m.rule, 64);
  v.bytes(5, m.message, 512);
  v.bytes(6, m.detail, kMaxDetail);
  v.optional(7, m.pending);
  v.optional(8, m.policy);
}

template <class V>
void describe(V& v, Watermark& m) {
  v.field(1, m.height);
  v.field(2, m.round);
  v.field(3, m.step);
  v.field(4, m.digest);
}
template <class V>
void describe(V& v, GuardKey& m) {
  v.enumeration(1, m.role, KeyRole::kValidator, KeyRole::kSeat);
  v.field(2, m.currency);
  v.field(3, m.epoch);
  v.field(4, m.key);
}
template <class V>
void describe(V& v, GuardHead& m) {
  v.field(1, m.height);
  v.field(2, m.hash);
  v.field(3, m.time);
  v.field(4, m.members_hash);
}
template <class V>
void describe(V& v, GuardSlot& m) {
  v.field(1, m.currency);
  v.field(2, m.slot);
  v.field(3, m.anchor);
  v.field(4, m.terms);
  v.repeated(5, m.burns, kGuardSlotBurns);
}
template <class V>
void describe(V& v, GuardBucket& m) {
  v.field(1, m.currency);
  v.field(2, m.level);
  v.field(3, m.updated);
}
template <class V>
void describe(V& v, GuardState& m) {
  v.field(1, m.version);
  v.field(2, m.chain_id);
  v.field(3, m.member);
  v.field(4, m.head);
  v.field(5, m.watermark);
  v.repeated(6, m.keys, 3 + 2 * kMaxCurrencies);
  v.repeated(7, m.wallets, 2 * kMaxCurrencies);
  v.repeated(8, m.chains, kMaxCurrencies);
  v.repeated(9, m.currencies, kMaxCurrencies);
  v.repeated(10, m.slots, kGuardSlots);
  v.repeated(11, m.buckets, kMaxCurrencies);
  v.field(12, m.counter);
  v.field(13, m.last_precommit);
}

}  // namespace custody::ledger::model
