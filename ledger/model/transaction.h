// Transactions: values only. Bytes, limits and digests are in proto/reader; meaning is in ledger/state.
// Thread-safety: values.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "ledger/model/address.h"

namespace custody::ledger::model {

constexpr std::size_t kMaxMemo = 64;
constexpr std::size_t kIdentifierSize = 16;     // a payment identifier in a memo: random, single use
constexpr std::size_t kMaxInputsOutputs = 256;  // each way
constexpr std::size_t kMaxScript =
    42;  // longest standard payout script (P2WSH 34, taproot 34, future witness 42)
constexpr std::size_t kMaxExternalTx = 100'000;  // bytes of a proven external transaction, without witness
constexpr std::size_t kMaxProofHeaders = 150;
constexpr std::size_t kMaxMerklePath = 32;
constexpr std::size_t kMaxSlotInputs = 100;
constexpr std::size_t kMaxSignatures = 256;

struct TransferLeg {
  Address address;
  CurrencyId currency;
  Amount amount;  // > 0
  friend bool operator==(const TransferLeg&, const TransferLeg&) = default;
};

// Per currency, inputs = outputs + fee. (address, currency) is unique among inputs and among outputs.
struct Transfer {
  std::vector<TransferLeg> inputs;
  std::vector<TransferLeg> outputs;
  Bytes memo;
  friend bool operator==(const Transfer&, const Transfer&) = default;
};

// Signed by the gateway's account key. Takes amount + fee_cap + ledger_fee from its account.
struct Burn {
  GatewayId gateway;
  CurrencyId currency;
  Amount amount;   // exactly what the payee's output gets
  Amount fee_cap;  // at most so much may go to external miners; the rest comes back at settlement
  Amount ledger_fee;
  Bytes payout_script;
  friend bool operator==(const Burn&, const Burn&) = default;
};

// Signed by the gateway's account key. The script may be used once the cool-down has passed.
struct PayoutAddress {
  GatewayId gateway;
  CurrencyId currency;
  Bytes script;
  Amount ledger_fee;
  friend bool operator==(const PayoutAddress&, const PayoutAddress&) = default;
};

struct ExternalHead {
  MemberId member;
  ExternalChainId chain;
  ExternalHeight height;
  ExternalHash hash;
  std::uint32_t time = 0;  // of the external block, Unix seconds
  FeeRate fee_rate;
  friend bool operator==(const ExternalHead&, const ExternalHead&) = default;
};

struct OutPoint {
  ExternalHash txid;
  std::uint32_t vout = 0;
  friend auto operator<=>(const OutPoint&, const OutPoint&) = default;
  friend bool operator==(const OutPoint&, const OutPoint&) = default;
};

// That a transaction is in an external block, and that the block is so deep below a recorded head: headers[0]
// contains it, headers.back() is the recorded head at height `height + headers.size() - 1`.
struct BitcoinProof {
  Bytes transaction;  // without witness
  ExternalHeight height;
  std::uint32_t index = 0;     // in the block
  std::uint32_t tx_count = 0;  // of the block
  std::vector<ExternalHash> path;
  std::vector<ExternalHeader> headers;
  friend bool operator==(const BitcoinProof&, const BitcoinProof&) = default;
};

struct MintApproval {
  MemberId member;
  CurrencyId currency;
  GatewayId gateway;
  OutPoint outpoint;
  Amount amount;
  BitcoinProof proof;
  friend bool operator==(const MintApproval&, const MintApproval&) = default;
};

// A member's seat signatures over every input of the slot's plan, in input order (BIP-143, SIGHASH_ALL). The
// envelope is signed with the member's attest key.
struct SlotSignature {
  MemberId member;
  CurrencyId currency;
  SlotId slot;
  std::vector<Signature> signatures;
  friend bool operator==(const SlotSignature&, const SlotSignature&) = default;
};

// Carries its own authority: no signature, no fee.
struct SettlementProof {
  CurrencyId currency;
  SlotId slot;
  BitcoinProof proof;
  friend bool operator==(const SettlementProof&, const SettlementProof&) = default;
};

struct RegisterGateway {
  Bytes name;  // 1..32 of a-z 0-9 -
  Address account;
  LedgerMs kyc_expiry;
  friend bool operator==(const RegisterGateway&, const RegisterGateway&) = default;
};

struct Proposal {
  MemberId member;
  std::variant<RegisterGateway> action;
  friend bool operator==(const Proposal&, const Proposal&) = default;
};

struct Ballot {
  MemberId member;
  TxId proposal;
  bool approve = false;
  friend bool operator==(const Ballot&, const Ballot&) = default;
};

constexpr std::uint64_t kPolicyAttestationBlocks = 10;  // between two attestations of one member, at least

// What a member's signer decides by: the version of its officers' policy, and its hash with a salt that only
// the member knows (policy/bundle). Signed with the attest key; no fee. Versions rise.
struct PolicyAttestation {
  MemberId member;
  std::uint64_t version = 0;  // from 1
  Hash256 salted_hash;
  friend bool operator==(const PolicyAttestation&, const PolicyAttestation&) = default;
};

using TransactionBody = std::variant<Transfer, Burn, PayoutAddress, ExternalHead, MintApproval, SlotSignature,
                                     SettlementProof, Proposal, Ballot, PolicyAttestation>;

struct Transaction {
  std::uint32_t version = 1;
  Height valid_until;      // last height at which it may stand in a block
  std::uint64_t salt = 0;  // makes two equal payments two transactions
  TransactionBody body;
  friend bool operator==(const Transaction&, const Transaction&) = default;
};

struct KeySignature {
  PublicKey key;
  Signature signature;
  friend bool operator==(const KeySignature&, const KeySignature&) = default;
};

// What travels and stands in blocks. Signatures ascend by key, each needed, none surplus.
struct Envelope {
  Bytes payload;  // the exact bytes that are signed: an encoded Transaction
  std::vector<KeySignature> signatures;
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

}  // namespace custody::ledger::model
