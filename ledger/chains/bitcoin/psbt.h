// Partially signed transactions, version 0 (BIP-174): the export format of a plan and its signatures, for any
// other wallet software to read, verify and finalise. Thread-safety: values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/payout.h"
#include "ledger/chains/bitcoin/transaction.h"

namespace custody::ledger::chains::bitcoin {

constexpr std::size_t kMaxPsbtSize = 2'000'000;  // bytes, decoded
constexpr std::size_t kMaxPsbtEntries = 1'000;   // in one map

struct PsbtEntry {
  Bytes key;  // the type byte and what belongs to it
  Bytes value;

  friend bool operator==(const PsbtEntry&, const PsbtEntry&) = default;
};
using PsbtMap = std::vector<PsbtEntry>;  // in the order of the file; no key twice

// Fields of types that we do not know are carried along unread, as BIP-174 demands of every role.
struct Psbt {
  Transaction tx;                // unsigned: no scriptSig, no witness
  PsbtMap global;                // without the transaction
  std::vector<PsbtMap> inputs;   // one per input of tx
  std::vector<PsbtMap> outputs;  // one per output of tx

  Bytes serialize() const;  // the transaction first, then each map in its order
  std::string to_base64() const;

  friend bool operator==(const Psbt&, const Psbt&) = default;
};

// Strict. kInvalid: wrong magic, another version, more than kMaxPsbtSize bytes or kMaxPsbtEntries in a map,
// not all consumed, a key twice, no unsigned transaction or a signed one, fields of version 2, and for every
// BIP-174 field a key or value of the wrong form (public keys on the curve, UTXOs and witnesses parse whole,
// a non-witness UTXO is the one that is spent).
Result<Psbt> parse_psbt(ByteView raw);
Result<Psbt> parse_psbt_base64(std::string_view text);

// What is known of an input that spends a P2WSH sortedmulti output.
struct PsbtInput {
  TxOut spent;
  Bytes witness_script;
  std::map<PublicKey, Signature> signatures;
  std::optional<Transaction>
      previous;  // the whole transaction that made the spent output, for wallets that ask for it
};

// kInvalid: another number of inputs than tx has, a signed tx, a spent script that is not the witness
// script's P2WSH, a previous transaction that is not the one spent. Signatures are carried, not verified:
// assemble does that.
Result<Psbt> build_psbt(const Transaction& unsigned_tx, const std::vector<PsbtInput>& inputs);

// The combiner's role: all fields of both; where both have a key, the first's value stays. kInvalid when the
// transactions differ.
Result<Psbt> combine_psbt(const Psbt& first, const Psbt& second);

// What assemble needs, from the witness UTXOs, witness scripts and partial signatures. kInvalid when an input
// lacks the first two, when the script is not the spent output's, or a signature is not strict low-S DER with
// SIGHASH_ALL.
Result<std::vector<SignedInput>> signed_inputs(const Psbt& psbt);

}  // namespace custody::ledger::chains::bitcoin
