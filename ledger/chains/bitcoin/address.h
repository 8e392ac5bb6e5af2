// Addresses: text <-> scriptPubKey. Segwit addresses are bech32 for version 0 (BIP-173) and bech32m above
// (BIP-350); older ones base58check. Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/network.h"

namespace custody::ledger::chains::bitcoin {

constexpr std::size_t kMaxAddressLength = 90;  // characters

struct WitnessProgram {
  unsigned version = 0;  // 0..16
  Bytes program;         // 2..40 bytes; 20 or 32 for version 0
};

Result<std::string> encode_segwit_address(std::string_view hrp, const WitnessProgram& program);
Result<WitnessProgram> decode_segwit_address(std::string_view text, std::string_view hrp);

// The scriptPubKey that an address of this network stands for. kInvalid otherwise; the address of another
// known network is refused naming that network. Testnet and regtest share base58 version bytes, so those
// cannot be told apart.
Result<Bytes> parse_address(std::string_view text, const Network& network);

// kInvalid for scripts that have no address (ScriptType::kOther other than witness programs).
Result<std::string> format_address(ByteView script_pubkey, const Network& network);

}  // namespace custody::ledger::chains::bitcoin
