// Genesis: members, currencies, external chains, reserve wallets and network parameters. Its hash is the
// chain id. Texts are ASCII byte strings with the stated largest size. Thread-safety: values.
#pragma once

#include <vector>

#include "ledger/model/ids.h"

namespace custody::ledger::model {

constexpr std::size_t kMaxMembers = 14;  // seats of a wallet: n + 1 salt key <= 15
constexpr std::size_t kMaxCurrencies = 16;
constexpr std::size_t kMaxName = 32;
constexpr std::size_t kMaxText = 128;
constexpr std::uint32_t kMaxValidBlocks = 86'400;  // what NetworkParameters::max_valid_blocks can be at most

enum class NetworkKind : std::uint8_t { kTest = 1, kProduction = 2 };

struct SeatKey {
  CurrencyId currency;
  WalletEpoch epoch;
  PublicKey key;
  friend bool operator==(const SeatKey&, const SeatKey&) = default;
};

// A legal entity with a weight. A key has one role and appears once in the whole genesis.
struct Member {
  MemberId id;
  Bytes name;          // 1..32 characters of a-z 0-9 -
  Bytes legal_entity;  // 1..128
  Bytes parent;        // 0..128
  Bytes jurisdiction;  // 2, ISO 3166-1
  Bytes hoster;        // 0..128
  Bytes hsm_vendor;    // 0..128
  LedgerMs kyc_expiry;
  Weight weight;
  PublicKey validator_key;   // proposals and votes
  PublicKey attest_key;      // external heads, mint approvals, slot signature transactions
  PublicKey governance_key;  // proposals and ballots
  CurveKey curve_key;
  std::vector<SeatKey> seats;
  friend bool operator==(const Member&, const Member&) = default;
};

enum class ChainKind : std::uint8_t { kBitcoin = 1 };

// An external chain as data. The anchor is a block that the members agree on: followers refuse a node that
// has another.
struct ExternalChain {
  ExternalChainId id;
  ChainKind kind = ChainKind::kBitcoin;
  Bytes name;  // 1..32
  ExternalHash genesis_hash;
  ExternalHeight anchor_height;
  ExternalHash anchor_hash;
  std::uint32_t anchor_bits = 0;
  std::uint32_t magic = 0;
  Bytes hrp;  // bech32 prefix, 1..32
  std::uint8_t p2pkh_version = 0;
  std::uint8_t p2sh_version = 0;
  std::uint32_t pow_limit_bits = 0;
  bool no_retarget = false;
  friend bool operator==(const ExternalChain&, const ExternalChain&) = default;
};

struct Currency {
  CurrencyId id;
  Bytes code;                          // 1..8 of A-Z 0-9
  std::uint8_t decimals = 0;           // 0..9: minor units per unit = 10^decimals
  std::uint8_t external_exponent = 0;  // external minor unit = 10^-exponent units; equals decimals on Bitcoin
  ExternalChainId chain;
  friend bool operator==(const Currency&, const Currency&) = default;
};

// m of n seats; the seat keys stand in ascending order of member id, BIP-67 sorts them in the script.
struct ReserveWallet {
  CurrencyId currency;
  WalletEpoch epoch;
  std::uint8_t threshold = 0;  // m
  std::vector<PublicKey> seats;
  std::vector<MemberId> members;  // members[i] holds seats[i]
  friend bool operator==(const ReserveWallet&, const ReserveWallet&) = default;
};

// Custody limits of one currency.
struct CurrencyParameters {
  CurrencyId currency;
  std::uint64_t min_fee_per_byte = 0;  // ledger fee, minor units per byte of the signed envelope
  std::uint32_t deposit_depth = 0;     // external confirmations
  std::uint32_t settlement_depth = 0;
  Amount min_deposit;
  Amount min_burn;
  FeeRate default_fee_rate;  // when a member's node has no figure
  FeeRate min_fee_rate;
  FeeRate max_fee_rate;
  std::uint64_t batch_time_ms = 0;  // the oldest queued burn waits at most this long
  std::uint32_t batch_count = 0;    // or until so many are queued
  Amount batch_value;               // or until so much is queued
  std::uint32_t max_inputs = 0;     // of one payout transaction
  std::uint32_t max_payees = 0;
  std::uint32_t payout_cooldown = 0;  // blocks between registering a payout address and using it
  Amount bucket_capacity;             // signer's token bucket: the most that one signer signs out at once
  Amount bucket_refill_per_hour;
  friend bool operator==(const CurrencyParameters&, const CurrencyParameters&) = default;
};

struct NetworkParameters {
  std::uint32_t max_transaction_bytes = 0;
  std::uint32_t max_block_bytes = 0;
  std::uint32_t max_valid_blocks = 0;  // valid_until lies at most so many blocks ahead
  std::uint32_t empty_block_ms = 0;
  std::uint32_t time_precision_ms = 0;
  std::uint32_t round_timeout_ms = 0;       // propose, prevote and precommit time-out of round 0
  std::uint32_t round_timeout_step_ms = 0;  // added per round
  std::uint32_t epoch_blocks = 0;
  std::uint32_t notice_epochs = 0;      // whole epochs between a passed proposal and its effect
  std::uint32_t treasury_permille = 0;  // of the fees; the rest goes to the members by weight
  std::vector<CurrencyParameters> currencies;
  friend bool operator==(const NetworkParameters&, const NetworkParameters&) = default;
};

struct Genesis {
  std::uint32_t version = 1;
  NetworkKind kind = NetworkKind::kTest;
  Bytes address_prefix;  // 1..16, lower case
  LedgerMs time;
  std::vector<Member> members;
  std::vector<ExternalChain> chains;
  std::vector<Currency> currencies;
  std::vector<ReserveWallet> wallets;
  NetworkParameters parameters;
  friend bool operator==(const Genesis&, const Genesis&) = default;
};

// The part of the registry that consensus and light clients need; its hash stands in block headers.
struct SetMember {
  MemberId id;
  Weight weight;
  PublicKey validator_key;
  friend bool operator==(const SetMember&, const SetMember&) = default;
};
struct MemberSet {
  std::vector<SetMember> members;  // ascending ids
  Weight total() const;
  const SetMember* find(MemberId id) const;
  friend bool operator==(const MemberSet&, const MemberSet&) = default;
};
MemberSet member_set(const Genesis& genesis);

// L: the most seats held by any set of members whose weight together is below one third (design section 6).
// Each member holds one seat. At most kMaxMembers members.
std::uint32_t largest_minority(const std::vector<Weight>& weights);
// Thresholds m with L < m <= n - L and m > n/2; empty when none exists.
std::vector<std::uint32_t> allowed_thresholds(const std::vector<Weight>& weights);

// Every rule that a genesis must satisfy (unique names, ids in order, keys unique over all roles and members,
// no member at one third or more, thresholds, parameters within the bounds that hold for its kind). kInvalid
// names the first offence.
Status check_genesis(const Genesis& genesis);

const Currency* find_currency(const Genesis& genesis, CurrencyId id);
const Currency* find_currency_by_code(const Genesis& genesis, std::string_view code);
const ExternalChain* find_chain(const Genesis& genesis, ExternalChainId id);
const CurrencyParameters* find_parameters(const NetworkParameters& parameters, CurrencyId id);

}  // namespace custody::ledger::model
