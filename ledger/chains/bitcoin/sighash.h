// BIP-143 digests for SIGHASH_ALL. No other type can be asked for: a signature that leaves inputs or outputs
// open is never made, and one that carries another type byte is refused. Thread-safety: values.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/transaction.h"

namespace custody::ledger::chains::bitcoin {

constexpr std::uint8_t kSighashAll = 0x01;

// What all inputs of one transaction share, computed once. Copies what it needs.
class Sighash {
 public:
  explicit Sighash(const Transaction& tx);

  // The digest that signs input `index` (CHECKed against the number of inputs). script_code: the witness
  // script for P2WSH without OP_CODESEPARATOR, or p2wpkh_script_code; value: of the output that is spent.
  Hash256 digest(std::size_t index, ByteView script_code, std::uint64_t value) const;

 private:
  struct Input {
    OutPoint previous;
    std::uint32_t sequence;
  };
  std::uint32_t version_;
  std::uint32_t lock_time_;
  std::vector<Input> inputs_;
  Hash256 prevouts_;
  Hash256 sequences_;
  Hash256 outputs_;
};

// OP_DUP OP_HASH160 <key hash> OP_EQUALVERIFY OP_CHECKSIG (BIP-143) for a P2WPKH scriptPubKey; kInvalid for
// another script.
Result<Bytes> p2wpkh_script_code(ByteView script_pubkey);

constexpr std::size_t kMaxScriptSignatureSize = 72;  // low-S DER of at most 71 bytes and the type byte

// A signature as it stands in a witness or a PSBT: strict DER (BIP-66), low S, then SIGHASH_ALL. kInvalid
// otherwise.
Bytes to_script_signature(const Signature& signature);
Result<Signature> parse_script_signature(ByteView encoded);

}  // namespace custody::ledger::chains::bitcoin
