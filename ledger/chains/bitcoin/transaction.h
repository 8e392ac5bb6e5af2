// Bitcoin transactions: values, strict parsing, serialization (BIP-144), txid, wtxid, weight (BIP-141).
// Thread-safety: values.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/alias.h"
#include "ledger/chains/bitcoin/serialize.h"

namespace custody::ledger::chains::bitcoin {

constexpr std::size_t kMaxTransactionSize =
    400'000;  // bytes on the wire; Bitcoin Core relays no transaction above it
// A stripped transaction of this size can pass for an inner node of the Merkle tree (CVE-2017-12842): always
// refused.
constexpr std::size_t kInnerNodeSize = 64;
constexpr std::uint32_t kCoinbaseMaturity = 100;  // confirmations before a coinbase's outputs can be spent
constexpr std::uint32_t kSequenceReplaceable = 0xfffffffd;  // BIP-125, no relative timelock (BIP-68)

struct OutPoint {
  Hash256 txid;  // internal byte order, as hashed
  std::uint32_t vout = 0;

  std::string to_string() const;  // "txid:vout", txid in RPC order (last byte first), vout decimal
  static Result<OutPoint> parse(std::string_view text);

  friend auto operator<=>(const OutPoint&, const OutPoint&) = default;
  friend bool operator==(const OutPoint&, const OutPoint&) = default;
};

struct TxIn {
  OutPoint previous;
  Bytes script_sig;
  std::uint32_t sequence = kSequenceReplaceable;
  std::vector<Bytes> witness;  // empty when there is none

  friend bool operator==(const TxIn&, const TxIn&) = default;
};

struct TxOut {
  std::uint64_t value = 0;  // the chain's minor units (satoshi), at most 2^63 - 1
  Bytes script_pubkey;

  friend bool operator==(const TxOut&, const TxOut&) = default;
};

struct Transaction {
  std::uint32_t version = 2;
  std::vector<TxIn> inputs;
  std::vector<TxOut> outputs;
  std::uint32_t lock_time = 0;

  bool is_coinbase() const;  // creates coins: its one input names no output
  bool has_witness() const;
  Bytes serialize() const;  // with the BIP-144 witness part exactly when an input has a witness
  Bytes serialize_stripped() const;
  Hash256 txid() const;                // of the stripped form, internal order
  Hash256 wtxid() const;               // of the whole, internal order
  std::uint64_t weight() const;        // BIP-141: 3 * stripped size + size
  std::uint64_t virtual_size() const;  // weight / 4, rounded up

  friend bool operator==(const Transaction&, const Transaction&) = default;
};

// Either form. kInvalid: more than kMaxTransactionSize bytes, anything not consumed, no inputs or no outputs,
// the same outpoint twice, a value (or their sum) above 2^63 - 1, a witness flag without a witness, a
// stripped size of 64 bytes.
Result<Transaction> parse_transaction(ByteView raw);

// The stripped form only (BIP-174's unsigned transaction): the same refusals, but no inputs or no outputs may
// be.
Result<Transaction> parse_stripped_transaction(ByteView raw);

// One output in wire encoding, for PSBT fields.
void write_output(Writer& writer, const TxOut& output);
Result<TxOut> read_output(Reader& reader);

}  // namespace custody::ledger::chains::bitcoin

template <>
struct std::hash<custody::ledger::chains::bitcoin::OutPoint> {
  std::size_t operator()(const custody::ledger::chains::bitcoin::OutPoint& value) const {
    // The txid is itself a hash; the multiplier spreads the few outputs of one transaction.
    return std::hash<custody::Hash256>{}(value.txid) ^ (value.vout * std::size_t{0x9e3779b97f4a7c15});
  }
};
