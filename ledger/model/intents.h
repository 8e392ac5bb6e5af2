// What a signer can be asked to sign: typed intents with their evidence, and its answer. Values only.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "ledger/model/block.h"
#include "ledger/model/records.h"

namespace custody::ledger::model {

constexpr std::size_t kMaxIntentHeader = 4096;  // a request over the socket
constexpr std::size_t kMaxEvidence = 4u << 20;  // in one sealed memfd

// A final block, and what its state holds. commit is for header; set is the set whose hash is
// header.members_hash.
struct LedgerEvidence {
  BlockHeader header;
  Commit commit;
  MemberSet set;
  std::vector<StateProof> proofs;
  friend bool operator==(const LedgerEvidence&, const LedgerEvidence&) = default;
};

// One per kind; the signer rebuilds what is signed from these fields alone.
struct ProposalIntent {
  Height height;
  Round round;
  std::optional<Round> proof_of_lock;
  BlockHash block;
  Hash256 parts_root;
  std::uint32_t part_count = 0;
  friend bool operator==(const ProposalIntent&, const ProposalIntent&) = default;
};
struct VoteIntent {
  VoteType type = VoteType::kPrevote;
  Height height;
  Round round;
  std::optional<BlockHash> block;
  friend bool operator==(const VoteIntent&, const VoteIntent&) = default;
};
struct HeadIntent {
  Height valid_until;
  std::uint64_t salt = 0;
  ExternalHead head;
  friend bool operator==(const HeadIntent&, const HeadIntent&) = default;
};
// Evidence proves: parameters, wallet, gateway, the recorded head that the proof ends in, no freeze, no mint
// record minted, totals.
struct MintIntent {
  Height valid_until;
  std::uint64_t salt = 0;
  MintApproval approval;
  LedgerEvidence evidence;
  friend bool operator==(const MintIntent&, const MintIntent&) = default;
};
// Signs every input of the slot's plan with the seat key. Evidence proves: slot open, parameters, wallet,
// each burn and its gateway, each coin, no freeze, totals.
struct PayoutIntent {
  CurrencyId currency;
  SlotId slot;
  LedgerEvidence evidence;
  friend bool operator==(const PayoutIntent&, const PayoutIntent&) = default;
};
// The transaction that carries seat signatures, signed with the attest key; only signatures that this signer
// made: plan is the slot's, and must hash to the terms that the guard has bound.
struct SlotSignatureIntent {
  Height valid_until;
  std::uint64_t salt = 0;
  SlotSignature slot_signature;
  SlotRecord plan;
  friend bool operator==(const SlotSignatureIntent&, const SlotSignatureIntent&) = default;
};
// ask: a policy/bundle SignedAsk, when an officer asks; empty: the member's operator.
constexpr std::size_t kMaxAsk = 768;  // bytes
struct ProposalTxIntent {
  Height valid_until;
  std::uint64_t salt = 0;
  Proposal proposal;
  Bytes ask = {};
  friend bool operator==(const ProposalTxIntent&, const ProposalTxIntent&) = default;
};
// payload: of the transaction that proposed what is voted on, whose hash is Ballot::proposal: it proves what
// that says, so that nobody approves a number.
constexpr std::size_t kMaxProposalPayload = 512;  // bytes
struct BallotIntent {
  Height valid_until;
  std::uint64_t salt = 0;
  Ballot ballot;
  Bytes ask = {};
  Bytes payload = {};
  friend bool operator==(const BallotIntent&, const BallotIntent&) = default;
};
// The transaction that tells the ledger which version of the policy this signer decides by: of no other.
struct PolicyAttestationIntent {
  Height valid_until;
  std::uint64_t salt = 0;
  PolicyAttestation attestation;
  friend bool operator==(const PolicyAttestationIntent&, const PolicyAttestationIntent&) = default;
};
struct StatusQuery {
  friend bool operator==(const StatusQuery&, const StatusQuery&) = default;
};

// A final block, for its time: nothing is signed. Expiries, waiting and delays in the signer follow it.
struct LedgerHeadIntent {
  LedgerEvidence evidence;
  friend bool operator==(const LedgerHeadIntent&, const LedgerHeadIntent&) = default;
};

enum class Statement : std::uint8_t {
  kVote = 1,      // policy/bundle SignedVote: on a request that waits
  kActivate = 2,  // SignedBundle: the next version of the policy
  kFreeze = 3,    // SignedOrder
  kUnfreeze = 4,  // SignedOrder
  kPrices = 5,    // policy/engine SignedPrices
};
constexpr std::size_t kMaxStatement = 1u << 20;  // bytes; each kind has a lower limit of its own

// What officers, or a price source, have signed with keys of their own. Who brings it does not matter.
struct StatementIntent {
  Statement what = Statement::kVote;
  Bytes body;
  friend bool operator==(const StatementIntent&, const StatementIntent&) = default;
};

enum class PolicyQuestion : std::uint8_t {
  kBundle = 1,       // which versions are in force and wait, what is frozen
  kRequests = 2,     // a page of the known requests: above `about` (zero: from the first)
  kRequest = 3,      // the one with the id `about`
  kExplain = 4,      // why the last request about subject `about` was decided so (zero: which are remembered)
  kPast = 5,         // a page of what was asked and decided: `after` is 0 or what the page before said
  kAttestation = 6,  // what the ledger is told of the version in force, and the salt in it
};
struct PolicyQuery {
  PolicyQuestion what = PolicyQuestion::kBundle;
  Hash256 about;
  std::uint64_t after = 0;
  friend bool operator==(const PolicyQuery&, const PolicyQuery&) = default;
};

using Intent = std::variant<ProposalIntent, VoteIntent, HeadIntent, MintIntent, PayoutIntent,
                            SlotSignatureIntent, ProposalTxIntent, BallotIntent, StatusQuery,
                            LedgerHeadIntent, StatementIntent, PolicyQuery, PolicyAttestationIntent>;

struct SignRequest {
  std::uint64_t id = 0;  // chosen by the caller, echoed
  Intent intent;
  friend bool operator==(const SignRequest&, const SignRequest&) = default;
};

enum class IntentKind : std::uint8_t {
  kProposal = 1,
  kPrevote = 2,
  kPrecommit = 3,
  kExternalHead = 4,
  kMint = 5,
  kPayout = 6,
  kSlotSignature = 7,
  kProposalTx = 8,
  kBallot = 9,
  kPolicyAttestation = 10,
};

// A burn that a plan pays.
struct PayeeFact {
  std::uint64_t burn = 0;  // its sequence
  GatewayId gateway;
  Bytes gateway_name;
  LedgerMs kyc_expiry;  // of the gateway
  Bytes script;
  Amount amount;
  Amount fee_cap;
  friend bool operator==(const PayeeFact&, const PayeeFact&) = default;
};

// What policy judges: taken by the guard from what it has checked, never from the caller's word.
struct IntentFacts {
  IntentKind kind = IntentKind::kProposal;
  CurrencyId currency;              // 0: no money moves
  Amount amount;                    // mint: what is credited; payout: payees and external fee together
  Amount fee;                       // payout: the external fee
  WalletEpoch epoch;                // of the reserve wallet
  SlotId slot;                      // payout
  GatewayId gateway;                // mint: who is credited
  Bytes gateway_name;               // mint
  LedgerMs kyc_expiry;              // mint: of the gateway
  OutPoint deposit;                 // mint: the output that is credited
  std::uint32_t confirmations = 0;  // mint: blocks that the proof shows, the deposit's own included
  Amount reserve;                   // the currency's recorded reserve at the proven block
  std::vector<PayeeFact> payees;    // payout, in the plan's order
  TxId proposal;                    // ballot: what it is about
  bool approve = false;             // ballot
  Bytes action;                     // proposal, ballot: what is proposed, printable ASCII, at most 200
  Hash256 subject;                  // SHA-256 of the state key of the deposit or slot: its amount counts once
  Height height;                    // of the proven block; 0 without evidence
  LedgerMs time;                    // of the proven block; 0 without evidence
  friend bool operator==(const IntentFacts&, const IntentFacts&) = default;
};

// The version of the policy that a signer decides by, as it would attest it.
struct AttestedPolicy {
  std::uint64_t version = 0;
  Hash256 salted_hash;
  friend bool operator==(const AttestedPolicy&, const AttestedPolicy&) = default;
};

constexpr std::size_t kMaxDetail = 128u << 10;

// code 0: done; signatures are there when the intent was to sign (one; for a payout one per input). Otherwise
// a base/status Code, the rule that refused ("guard.watermark", "policy.forbid", ...) and a message for the
// operator. pending: refused for now; officers are asked, and may be told this request id. policy: to a
// status query, and wherever evidence was taken, after which another version may be in force.
struct SignReply {
  std::uint64_t id = 0;
  std::uint8_t code = 0;
  std::vector<Signature> signatures;
  Bytes rule;     // at most 64
  Bytes message;  // at most 512
  Bytes detail;   // queries: a JSON text; otherwise empty
  std::optional<Hash256> pending;
  std::optional<AttestedPolicy> policy{};
  friend bool operator==(const SignReply&, const SignReply&) = default;
};

enum class KeyRole : std::uint8_t { kValidator = 1, kAttest = 2, kGovernance = 3, kSeat = 4 };

// Highest consensus position that the validator key has signed. step: 1 proposal, 2 prevote, 3 precommit.
struct Watermark {
  Height height;
  Round round;
  std::uint8_t step = 0;
  Hash256 digest;
  friend bool operator==(const Watermark&, const Watermark&) = default;
};

struct GuardKey {
  KeyRole role = KeyRole::kValidator;
  CurrencyId currency;  // 0 but for seats
  WalletEpoch epoch;
  PublicKey key;
  friend bool operator==(const GuardKey&, const GuardKey&) = default;
};

struct GuardHead {
  Height height;  // 0: genesis
  BlockHash hash;
  LedgerMs time;
  Hash256 members_hash;  // of the set that votes on the next block
  friend bool operator==(const GuardHead&, const GuardHead&) = default;
};

constexpr std::size_t kGuardSlots = 32;
constexpr std::size_t kGuardSlotBurns = 64;  // over all slots

// A slot that this signer has signed a transaction for. Freed only by proof that the slot is settled.
struct GuardSlot {
  CurrencyId currency;
  SlotId slot;
  OutPoint anchor;
  Hash256 terms;                     // SHA-256 of the encoded plan (everything but status)
  std::vector<std::uint64_t> burns;  // sequences bound to it
  friend bool operator==(const GuardSlot&, const GuardSlot&) = default;
};

// Token bucket in minor units; moves with ledger time only.
struct GuardBucket {
  CurrencyId currency;
  Amount level;
  LedgerMs updated;
  friend bool operator==(const GuardBucket&, const GuardBucket&) = default;
};

constexpr std::size_t kMaxGuardState = 16u << 10;

// Everything that the guard remembers. Fixed tables; a full table refuses; nothing grows with history.
struct GuardState {
  std::uint32_t version = 1;
  ChainId chain_id;
  MemberId member;
  GuardHead head;
  Watermark watermark;
  std::vector<GuardKey> keys;          // at most 3 + 2 * kMaxCurrencies
  std::vector<ReserveWallet> wallets;  // at most kMaxCurrencies
  std::vector<ExternalChain> chains;
  std::vector<Currency> currencies;
  std::vector<GuardSlot> slots;  // at most kGuardSlots
  std::vector<GuardBucket> buckets;
  std::uint64_t counter = 0;  // signatures authorised; strictly rises
  Height last_precommit;      // highest height of a signed precommit; 0: none
  friend bool operator==(const GuardState&, const GuardState&) = default;
};

}  // namespace custody::ledger::model
