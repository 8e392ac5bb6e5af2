// What stands in the ledger's state: keys and records. A key is one table byte and fixed-width big-endian
// ids, so that a table lists in order; a value is the record's canonical encoding (proto/reader).
// Thread-safety: values.
#pragma once

#include <optional>
#include <vector>

#include "ledger/model/block.h"
#include "ledger/model/genesis.h"
#include "ledger/model/transaction.h"

namespace custody::ledger::model {

enum class Table : std::uint8_t {
  kBalance = 1,         // address 21, currency u16 -> Balance (absent = 0)
  kParameters = 2,      // -> NetworkParameters
  kMemberSet = 3,       // -> MemberSet
  kMember = 4,          // member u16 -> Member
  kWallet = 5,          // currency u16, epoch u32 -> ReserveWallet
  kCurrencyTotals = 6,  // currency u16 -> CurrencyTotals
  kHeadTip = 7,         // chain u16 -> RecordedHead (the highest)
  kHead = 8,            // chain u16, height u32 -> RecordedHead (the last kKeptHeads)
  kHeadVotes = 9,       // chain u16, member u16 -> HeadVotes
  kGateway = 10,        // gateway u32 -> GatewayRecord
  kPayout = 11,         // gateway u32, currency u16, SHA-256(script) 32 -> PayoutRecord
  kMint = 12,           // currency u16, txid 32, vout u32 -> MintRecord
  kCoin = 13,           // currency u16, sequence u64 -> CoinRecord
  kBurn = 14,           // currency u16, sequence u64 -> BurnRecord
  kSlot = 15,           // currency u16, slot u64 -> SlotRecord
  kSlotSignature = 16,  // currency u16, slot u64, member u16 -> SlotSignatureRecord
  kProposal = 17,       // proposal id 32 -> ProposalRecord
  kSeen = 18,  // valid_until u64, tx id 32 -> SeenRecord (replay protection; shard dropped after its height)
  kCounters = 19,           // -> Counters
  kCurrencyFreeze = 20,     // currency u16 -> FreezeRecord (absent = not frozen)
  kPolicyAttestation = 21,  // member u16 -> PolicyAttestationRecord (absent = never attested)
};

constexpr std::size_t kKeptHeads = 200;
constexpr std::size_t kHeadVotesKept = 8;

struct Balance {
  Amount amount;
  friend bool operator==(const Balance&, const Balance&) = default;
};

// supply + pending + surplus = recorded_reserve, at every block, to the unit.
struct CurrencyTotals {
  Amount supply;   // fee pool and treasury included
  Amount pending;  // amount + fee cap of burns that are queued or in a slot
  Amount surplus;
  Amount recorded_reserve;
  std::uint64_t next_coin = 1;
  std::uint64_t next_burn = 1;
  std::uint64_t next_slot = 1;
  std::uint64_t first_queued_burn = 1;  // no burn below it is queued
  std::uint32_t open_slots = 0;
  friend bool operator==(const CurrencyTotals&, const CurrencyTotals&) = default;
};

struct RecordedHead {
  ExternalHeight height;
  ExternalHash hash;
  FeeRate fee_rate;  // weighted median of those who attested it
  friend bool operator==(const RecordedHead&, const RecordedHead&) = default;
};

struct HeadVote {
  ExternalHeight height;
  ExternalHash hash;
  FeeRate fee_rate;
  friend bool operator==(const HeadVote&, const HeadVote&) = default;
};
// A member's last attestations, ascending heights.
struct HeadVotes {
  std::vector<HeadVote> votes;
  friend bool operator==(const HeadVotes&, const HeadVotes&) = default;
};

struct GatewayRecord {
  GatewayId id;
  Bytes name;
  Address account;
  LedgerMs kyc_expiry;
  friend bool operator==(const GatewayRecord&, const GatewayRecord&) = default;
};

struct PayoutRecord {
  Bytes script;
  Height registered;
  friend bool operator==(const PayoutRecord&, const PayoutRecord&) = default;
};

struct MintRecord {
  GatewayId gateway;
  Amount amount;
  std::vector<MemberId> approvals;  // ascending
  std::optional<Height> minted;
  std::optional<TxId> transaction{};  // the approval that reached the quorum
  friend bool operator==(const MintRecord&, const MintRecord&) = default;
};

// An unspent output of a reserve wallet. gateway 0: the wallet's own script (change); otherwise that
// gateway's deposit script.
struct CoinRecord {
  OutPoint outpoint;
  Amount amount;
  WalletEpoch epoch;
  GatewayId gateway;
  SlotId slot;  // 0: free
  friend bool operator==(const CoinRecord&, const CoinRecord&) = default;
};

enum class BurnStatus : std::uint8_t { kQueued = 1, kInSlot = 2, kSettled = 3 };

struct BurnRecord {
  TxId transaction;
  GatewayId gateway;
  Amount amount;
  Amount fee_cap;
  Bytes payout_script;
  Height height;
  LedgerMs time;
  BurnStatus status = BurnStatus::kQueued;
  SlotId slot;  // 0 while queued
  friend bool operator==(const BurnRecord&, const BurnRecord&) = default;
};

struct PlanInput {
  std::uint64_t coin = 0;  // its sequence
  OutPoint outpoint;
  Amount amount;
  GatewayId gateway;
  friend bool operator==(const PlanInput&, const PlanInput&) = default;
};
struct PlanPayee {
  std::uint64_t burn = 0;  // its sequence
  TxId transaction;
  Bytes script;
  Amount amount;
  Amount fee_cap;
  friend bool operator==(const PlanPayee&, const PlanPayee&) = default;
};

enum class SlotStatus : std::uint8_t { kOpen = 1, kSettled = 2 };

// A slot and the plan that fills it. inputs[0] is the anchor. The external transaction follows from it and
// the wallet alone (ledger/custody): version 2, inputs in this order with sequence 0xfffffffd, payees in this
// order, then change to the wallet's own script, locktime 0.
struct SlotRecord {
  SlotId id;
  CurrencyId currency;
  WalletEpoch epoch;
  SlotStatus status = SlotStatus::kOpen;
  Height opened;
  FeeRate fee_rate;
  Amount fee;
  std::vector<PlanInput> inputs;
  std::vector<PlanPayee> payees;
  std::vector<Amount> change;
  std::optional<ExternalHash> settled_by;  // external txid
  friend bool operator==(const SlotRecord&, const SlotRecord&) = default;
};

struct SlotSignatureRecord {
  std::vector<Signature> signatures;
  friend bool operator==(const SlotSignatureRecord&, const SlotSignatureRecord&) = default;
};

// kRejected: those who voted against it leave no quorum.
enum class ProposalStatus : std::uint8_t { kOpen = 1, kPassed = 2, kDone = 3, kRejected = 4 };

struct ProposalRecord {
  Proposal proposal;
  Height opened;
  std::vector<MemberId> approvals;  // ascending
  std::vector<MemberId> rejections;
  ProposalStatus status = ProposalStatus::kOpen;
  Height effective;  // 0 until passed
  friend bool operator==(const ProposalRecord&, const ProposalRecord&) = default;
};

struct SeenRecord {
  Height height;
  friend bool operator==(const SeenRecord&, const SeenRecord&) = default;
};

struct Counters {
  std::uint32_t next_gateway = 1;
  std::vector<TxId> passed;  // proposals waiting for their effective height
  friend bool operator==(const Counters&, const Counters&) = default;
};

struct FreezeRecord {
  Height since;
  friend bool operator==(const FreezeRecord&, const FreezeRecord&) = default;
};

// The last that a member attested.
struct PolicyAttestationRecord {
  MemberId member;
  std::uint64_t version = 0;
  Hash256 salted_hash;
  Height height;  // of the block that holds the attestation
  friend bool operator==(const PolicyAttestationRecord&, const PolicyAttestationRecord&) = default;
};

// Keys, one function per table.
Bytes balance_key(const Address& address, CurrencyId currency);
Bytes parameters_key();
Bytes member_set_key();
Bytes member_key(MemberId member);
Bytes wallet_key(CurrencyId currency, WalletEpoch epoch);
Bytes totals_key(CurrencyId currency);
Bytes head_tip_key(ExternalChainId chain);
Bytes head_key(ExternalChainId chain, ExternalHeight height);
Bytes head_votes_key(ExternalChainId chain, MemberId member);
Bytes gateway_key(GatewayId gateway);
Bytes payout_key(GatewayId gateway, CurrencyId currency, const Hash256& script_hash);
Bytes mint_key(CurrencyId currency, const OutPoint& outpoint);
Bytes coin_key(CurrencyId currency, std::uint64_t sequence);
Bytes burn_key(CurrencyId currency, std::uint64_t sequence);
Bytes slot_key(CurrencyId currency, SlotId slot);
Bytes slot_signature_key(CurrencyId currency, SlotId slot, MemberId member);
Bytes proposal_key(const TxId& proposal);
Bytes seen_key(Height valid_until, const TxId& transaction);
Bytes counters_key();
Bytes freeze_key(CurrencyId currency);
Bytes policy_attestation_key(MemberId member);

// A proof that a key has a value (or none) under a state root; the tree is described in
// ledger/light/light.h.
struct StateProof {
  Bytes key;
  Bytes value;                            // empty: the key is absent
  std::vector<Hash256> siblings;          // from the root downwards; all zero = empty subtree
  std::optional<Hash256> other_position;  // absent key: the leaf that stands in its place
  std::optional<Hash256> other_value_hash;
  friend bool operator==(const StateProof&, const StateProof&) = default;
};

}  // namespace custody::ledger::model
