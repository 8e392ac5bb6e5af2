// The scripts that reserve wallets and payees use. No interpreter: templates are built and recognised byte
// for byte. Thread-safety: pure functions.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/alias.h"

namespace custody::ledger::chains::bitcoin {

enum class ScriptType : std::uint8_t { kP2pkh, kP2sh, kP2wpkh, kP2wsh, kP2tr, kOther };

std::string_view script_type_name(ScriptType type);  // "p2pkh", ..., "other"

// By template only (BIP-16, BIP-141, BIP-341); OP_RETURN, bare public keys and unknown witness versions are
// kOther.
ScriptType classify(ByteView script_pubkey);

// OP_0..OP_16 and one push of 2..40 bytes (BIP-141).
bool is_witness_program(ByteView script_pubkey);

Bytes p2pkh_script_pubkey(ByteView key_hash);    // 20 bytes, CHECKed
Bytes p2sh_script_pubkey(ByteView script_hash);  // 20 bytes, CHECKed
Bytes p2wpkh_script_pubkey(const PublicKey& key);
Bytes p2wsh_script_pubkey(ByteView witness_script);
// version 0..16, program 2..40 bytes: CHECKed, callers have validated them.
Bytes witness_script_pubkey(unsigned version, ByteView program);

// The smallest value that Bitcoin Core relays to this script at its default dust relay fee of 3,000 satoshi
// per kvB: three times the size of the output and of the input that would spend it (67 vB for witness
// programs, 148 B otherwise). 0 for provably unspendable scripts.
std::uint64_t dust_limit(ByteView script_pubkey);

constexpr std::size_t kMaxMultisigKeys = 15;  // the salt key of deposit addresses included

// m-of-n CHECKMULTISIG with the keys in script order.
struct Multisig {
  std::size_t required = 0;
  std::vector<PublicKey> keys;

  friend bool operator==(const Multisig&, const Multisig&) = default;
};

// OP_m <keys in BIP-67 order> OP_n OP_CHECKMULTISIG, the body of wsh(sortedmulti(m, ...)) (BIP-383).
// kInvalid: m or n out of 1 <= m <= n <= 15, a key that is no point on the curve, the same key twice.
Result<Bytes> sortedmulti_script(std::size_t required, std::vector<PublicKey> keys);

// Exactly the scripts that sortedmulti_script builds; kInvalid for anything else, with the reason.
Result<Multisig> parse_sortedmulti(ByteView witness_script);

}  // namespace custody::ledger::chains::bitcoin
