#include "ledger/chains/bitcoin/script.h"

#include <algorithm>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/serialize.h"

namespace custody::ledger::chains::bitcoin {
namespace {

constexpr std::uint8_t kOp0 = 0x00;
constexpr std::uint8_t kOp1 = 0x51;
constexpr std::uint8_t kOp16 = 0x60;
constexpr std::uint8_t kOpReturn = 0x6a;
constexpr std::uint8_t kOpDup = 0x76;
constexpr std::uint8_t kOpEqual = 0x87;
constexpr std::uint8_t kOpEqualVerify = 0x88;
constexpr std::uint8_t kOpHash160 = 0xa9;
constexpr std::uint8_t kOpCheckSig = 0xac;
constexpr std::uint8_t kOpCheckMultisig = 0xae;

constexpr std::size_t kMaxScriptSize = 10'000;     // consensus; anything longer cannot be spent
constexpr std::uint64_t kDustRelayFeePerByte = 3;  // Bitcoin Core's DUST_RELAY_TX_FEE, per vB
constexpr std::uint64_t kLegacySpendSize =
    148;  // outpoint 36, script size 1, signature and key 107, sequence 4
constexpr std::uint64_t kWitnessSpendSize = 67;  // the same with the 107 bytes discounted to a quarter

std::uint8_t small_number_opcode(std::size_t number) {
  return static_cast<std::uint8_t>(number == 0 ? kOp0 : kOp1 + number - 1);
}

// 1..16, or 0 for any other opcode.
std::size_t small_number(std::uint8_t opcode) {
  return opcode >= kOp1 && opcode <= kOp16 ? std::size_t{opcode} - kOp1 + 1 : 0;
}

bool is_p2pkh(ByteView s) {
  return s.size() == 25 && s[0] == kOpDup && s[1] == kOpHash160 && s[2] == 20 && s[23] == kOpEqualVerify &&
         s[24] == kOpCheckSig;
}

bool is_p2sh(ByteView s) {
  return s.size() == 23 && s[0] == kOpHash160 && s[1] == 20 && s[22] == kOpEqual;
}

Status check_multisig(std::size_t required, const std::vector<PublicKey>& sorted_keys) {
  if (required < 1 || required > sorted_keys.size() || sorted_keys.size() > kMaxMultisigKeys) {
    return invalid("multisig: " + std::to_string(required) + " of " + std::to_string(sorted_keys.size()) +
                   " is outside 1 <= m <= n <= " + std::to_string(kMaxMultisigKeys));
  }
  if (std::adjacent_find(sorted_keys.begin(), sorted_keys.end()) != sorted_keys.end()) {
    return invalid("multisig: the same key twice");
  }
  for (const PublicKey& key : sorted_keys) {
    const auto parsed = crypto::parse_public_key(key);
    if (!parsed.ok()) return parsed.status().with_context("multisig: key " + key.hex());
  }
  return ok_status();
}

}  // namespace

std::string_view script_type_name(ScriptType type) {
  switch (type) {
    case ScriptType::kP2pkh:
      return "p2pkh";
    case ScriptType::kP2sh:
      return "p2sh";
    case ScriptType::kP2wpkh:
      return "p2wpkh";
    case ScriptType::kP2wsh:
      return "p2wsh";
    case ScriptType::kP2tr:
      return "p2tr";
    case ScriptType::kOther:
      break;
  }
  return "other";
}

ScriptType classify(ByteView script) {
  if (is_p2pkh(script)) return ScriptType::kP2pkh;
  if (is_p2sh(script)) return ScriptType::kP2sh;
  if (!is_witness_program(script)) return ScriptType::kOther;
  const std::size_t program_size = script[1];
  if (script[0] == kOp0 && program_size == 20) return ScriptType::kP2wpkh;
  if (script[0] == kOp0 && program_size == 32) return ScriptType::kP2wsh;
  if (script[0] == kOp1 && program_size == 32) return ScriptType::kP2tr;
  return ScriptType::kOther;
}

bool is_witness_program(ByteView script) {
  if (script.size() < 4 || script.size() > 42) return false;
  return (script[0] == kOp0 || small_number(script[0]) > 0) && std::size_t{script[1]} + 2 == script.size();
}

Bytes p2pkh_script_pubkey(ByteView key_hash) {
  CHECK(key_hash.size() == 20);
  return Writer().u8(kOpDup).u8(kOpHash160).var_bytes(key_hash).u8(kOpEqualVerify).u8(kOpCheckSig).take();
}

Bytes p2sh_script_pubkey(ByteView script_hash) {
  CHECK(script_hash.size() == 20);
  return Writer().u8(kOpHash160).var_bytes(script_hash).u8(kOpEqual).take();
}

Bytes p2wpkh_script_pubkey(const PublicKey& key) {
  return witness_script_pubkey(0, crypto::hash160(key));
}

Bytes p2wsh_script_pubkey(ByteView witness_script) {
  return witness_script_pubkey(0, crypto::sha256(witness_script));
}

Bytes witness_script_pubkey(unsigned version, ByteView program) {
  CHECK(version <= 16 && program.size() >= 2 && program.size() <= 40);
  return Writer().u8(small_number_opcode(version)).var_bytes(program).take();
}

std::uint64_t dust_limit(ByteView script) {
  if (script.size() > kMaxScriptSize || (!script.empty() && script[0] == kOpReturn)) return 0;
  const std::uint64_t output_size = 8 + compact_size_length(script.size()) + script.size();
  const std::uint64_t spend_size = is_witness_program(script) ? kWitnessSpendSize : kLegacySpendSize;
  return kDustRelayFeePerByte * (output_size + spend_size);
}

Result<Bytes> sortedmulti_script(std::size_t required, std::vector<PublicKey> keys) {
  std::sort(keys.begin(), keys.end());
  TRY(check_multisig(required, keys));
  Writer writer;
  writer.u8(small_number_opcode(required));
  for (const PublicKey& key : keys) writer.var_bytes(key);
  return writer.u8(small_number_opcode(keys.size())).u8(kOpCheckMultisig).take();
}

Result<Multisig> parse_sortedmulti(ByteView script) {
  constexpr std::size_t kPushSize = 1 + PublicKey::kSize;
  constexpr std::size_t kFrameSize = 3;  // OP_m, OP_n, OP_CHECKMULTISIG
  const Status not_template = invalid("witness script: not OP_m <33-byte keys> OP_n OP_CHECKMULTISIG");
  if (script.size() < kFrameSize || (script.size() - kFrameSize) % kPushSize != 0) return not_template;
  const std::size_t count = (script.size() - kFrameSize) / kPushSize;
  if (count > kMaxMultisigKeys || script.back() != kOpCheckMultisig) return not_template;
  if (count == 0 || small_number(script[script.size() - 2]) != count) return not_template;

  Multisig out;
  out.required = small_number(script[0]);
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView push = script.subspan(1 + i * kPushSize, kPushSize);
    if (push[0] != PublicKey::kSize) return not_template;
    ASSIGN_OR_RETURN(const PublicKey key, PublicKey::from(push.subspan(1)));
    out.keys.push_back(key);
  }
  if (!std::is_sorted(out.keys.begin(), out.keys.end())) {
    return invalid("witness script: the keys are not in BIP-67 order");
  }
  TRY(check_multisig(out.required, out.keys));
  return out;
}

}  // namespace custody::ledger::chains::bitcoin
