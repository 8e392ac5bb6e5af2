#include "ledger/chains/bitcoin/address.h"

#include <algorithm>
#include <array>

#include "base/bech32.h"
#include "ledger/chains/bitcoin/base58.h"
#include "ledger/chains/bitcoin/script.h"

namespace custody::ledger::chains::bitcoin {
namespace {

constexpr std::size_t kBase58PayloadSize = 21;  // version byte and 20-byte hash

std::array<const Network*, 3> known_networks() {
  return {&mainnet(), &testnet3(), &regtest()};
}

Status wrong_network(std::string_view found, const Network& expected) {
  return invalid("address: belongs to " + std::string(found) + ", expected " + expected.name,
                 "give an address of " + expected.name);
}

Status wrong_hrp(const std::string& hrp, const Network& expected) {
  for (const Network* known : known_networks()) {
    if (known->bech32_hrp == hrp) return wrong_network(known->name, expected);
  }
  return wrong_network("another network (prefix '" + hrp + "')", expected);
}

Status wrong_version(std::uint8_t version, const Network& expected) {
  for (const Network* known : known_networks()) {
    if (known->p2pkh_version == version || known->p2sh_version == version) {
      return wrong_network(known->name, expected);
    }
  }
  return wrong_network("another network (version byte " + std::to_string(version) + ")", expected);
}

Status check_program(const WitnessProgram& program) {
  if (program.version > 16) return invalid("address: witness version above 16");
  const std::size_t size = program.program.size();
  if (size < 2 || size > 40) return invalid("address: a witness program has 2 to 40 bytes");
  if (program.version == 0 && size != 20 && size != 32) {
    return invalid("address: a version 0 witness program has 20 or 32 bytes");
  }
  return ok_status();
}

bech32::Variant variant_of(unsigned witness_version) {
  return witness_version == 0 ? bech32::Variant::kBech32 : bech32::Variant::kBech32m;
}

Result<WitnessProgram> program_of(const bech32::Decoded& decoded) {
  if (decoded.data5.empty()) return invalid("address: no witness version");
  WitnessProgram out;
  out.version = decoded.data5[0];
  ASSIGN_OR_RETURN(out.program, bech32::convert_bits(ByteView(decoded.data5).subspan(1), 5, 8, false));
  TRY(check_program(out));
  if (decoded.variant != variant_of(out.version)) {
    return invalid("address: witness version " + std::to_string(out.version) +
                   " with the other checksum (BIP-350)");
  }
  return out;
}

Result<Bytes> parse_base58_address(std::string_view text, const Network& network) {
  ASSIGN_OR_RETURN(const Bytes payload, base58check_decode(text, kBase58PayloadSize));
  if (payload.size() != kBase58PayloadSize) return invalid("address: a base58 address has 21 bytes");
  const ByteView hash = ByteView(payload).subspan(1);
  if (payload[0] == network.p2pkh_version) return p2pkh_script_pubkey(hash);
  if (payload[0] == network.p2sh_version) return p2sh_script_pubkey(hash);
  return wrong_version(payload[0], network);
}

std::string base58_address(std::uint8_t version, ByteView hash) {
  Bytes payload{version};
  append(payload, hash);
  return base58check_encode(payload);
}

}  // namespace

Result<std::string> encode_segwit_address(std::string_view hrp, const WitnessProgram& program) {
  TRY(check_program(program));
  ASSIGN_OR_RETURN(Bytes data5, bech32::convert_bits(program.program, 8, 5, true));
  data5.insert(data5.begin(), static_cast<std::uint8_t>(program.version));
  return bech32::encode(hrp, data5, variant_of(program.version), kMaxAddressLength);
}

Result<WitnessProgram> decode_segwit_address(std::string_view text, std::string_view hrp) {
  ASSIGN_OR_RETURN(const bech32::Decoded decoded, bech32::decode(text, kMaxAddressLength));
  if (decoded.hrp != hrp) {
    return invalid("address: the prefix is '" + decoded.hrp + "', expected '" + std::string(hrp) + "'");
  }
  return program_of(decoded);
}

Result<Bytes> parse_address(std::string_view text, const Network& network) {
  if (text.size() > kMaxAddressLength) return invalid("address: longer than 90 characters");
  const auto decoded = bech32::decode(text, kMaxAddressLength);
  if (!decoded.ok()) {
    auto script = parse_base58_address(text, network);
    // Base58 has no '0', 'O', 'I', 'l'; tell the reader about the encoding that the text seems to be meant
    // in.
    const bool meant_as_bech32 =
        text.size() > network.bech32_hrp.size() &&
        std::equal(network.bech32_hrp.begin(), network.bech32_hrp.end(), text.begin()) &&
        text[network.bech32_hrp.size()] == '1';
    if (!script.ok() && meant_as_bech32) return decoded.status().with_context("address");
    return script;
  }
  if (decoded->hrp != network.bech32_hrp) return wrong_hrp(decoded->hrp, network);
  ASSIGN_OR_RETURN(const WitnessProgram program, program_of(*decoded));
  return witness_script_pubkey(program.version, program.program);
}

Result<std::string> format_address(ByteView script, const Network& network) {
  switch (classify(script)) {
    case ScriptType::kP2pkh:
      return base58_address(network.p2pkh_version, script.subspan(3, 20));
    case ScriptType::kP2sh:
      return base58_address(network.p2sh_version, script.subspan(2, 20));
    default:
      break;
  }
  if (!is_witness_program(script)) return invalid("address: this script has no address");
  WitnessProgram program;
  program.version = script[0] == 0 ? 0 : script[0] - 0x50u;
  program.program = to_bytes(script.subspan(2));
  return encode_segwit_address(network.bech32_hrp, program);
}

}  // namespace custody::ledger::chains::bitcoin
