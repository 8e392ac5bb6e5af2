#include "ledger/chains/bitcoin/psbt.h"

#include <algorithm>
#include <set>

#include "base/base64.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/script.h"

namespace custody::ledger::chains::bitcoin {
namespace {

constexpr std::array<std::uint8_t, 5> kMagic = {'p', 's', 'b', 't', 0xff};
constexpr std::size_t kUncompressedKeySize = 65;
constexpr std::size_t kExtendedKeySize = 78;

namespace global_type {
constexpr std::uint8_t kUnsignedTx = 0x00;
constexpr std::uint8_t kXpub = 0x01;
constexpr std::uint8_t kFirstOfVersion2 = 0x02;
constexpr std::uint8_t kLastOfVersion2 = 0x06;
constexpr std::uint8_t kVersion = 0xfb;
}  // namespace global_type

namespace input_type {
constexpr std::uint8_t kNonWitnessUtxo = 0x00;
constexpr std::uint8_t kWitnessUtxo = 0x01;
constexpr std::uint8_t kPartialSignature = 0x02;
constexpr std::uint8_t kSighashType = 0x03;
constexpr std::uint8_t kRedeemScript = 0x04;
constexpr std::uint8_t kWitnessScript = 0x05;
constexpr std::uint8_t kDerivation = 0x06;
constexpr std::uint8_t kFinalScriptSig = 0x07;
constexpr std::uint8_t kFinalScriptWitness = 0x08;
constexpr std::uint8_t kProofOfReserves = 0x09;
constexpr std::uint8_t kRipemd160 = 0x0a;
constexpr std::uint8_t kSha256 = 0x0b;
constexpr std::uint8_t kHash160 = 0x0c;
constexpr std::uint8_t kHash256 = 0x0d;
constexpr std::uint8_t kFirstOfVersion2 = 0x0e;
constexpr std::uint8_t kLastOfVersion2 = 0x12;
}  // namespace input_type

namespace output_type {
constexpr std::uint8_t kRedeemScript = 0x00;
constexpr std::uint8_t kWitnessScript = 0x01;
constexpr std::uint8_t kDerivation = 0x02;
constexpr std::uint8_t kFirstOfVersion2 = 0x03;
constexpr std::uint8_t kLastOfVersion2 = 0x04;
}  // namespace output_type

ByteView key_data(const PsbtEntry& entry) {
  return ByteView(entry.key).subspan(1);
}

Status check_key_data_size(const PsbtEntry& entry, std::size_t size) {
  if (key_data(entry).size() == size) return ok_status();
  return invalid("psbt: a key of type " + std::to_string(entry.key[0]) + " has " +
                 std::to_string(key_data(entry).size()) + " bytes of data, expected " + std::to_string(size));
}

Status check_key_is_public_key(const PsbtEntry& entry) {
  const ByteView key = key_data(entry);
  if (key.size() != PublicKey::kSize && key.size() != kUncompressedKeySize) {
    return invalid("psbt: a public key of " + std::to_string(key.size()) + " bytes");
  }
  return detail::as_status(crypto::compress_public_key(key)).with_context("psbt");
}

Status check_value_size(const PsbtEntry& entry, std::size_t size) {
  return entry.value.size() == size ? ok_status()
                                    : invalid("psbt: a value is not " + std::to_string(size) + " bytes");
}

// Fingerprint and path: whole 32-bit numbers, the fingerprint at least.
Status check_derivation(const PsbtEntry& entry) {
  if (!entry.value.empty() && entry.value.size() % 4 == 0) return ok_status();
  return invalid("psbt: a derivation path is not made of 32-bit numbers");
}

Status version_2_field(const PsbtEntry& entry) {
  return invalid("psbt: field " + std::to_string(entry.key[0]) + " belongs to version 2 (BIP-370)");
}

Result<TxOut> parse_output(ByteView raw) {
  Reader reader(raw);
  ASSIGN_OR_RETURN(TxOut out, read_output(reader));
  TRY(reader.finish());
  return out;
}

Status check_witness_stack(ByteView raw) {
  Reader reader(raw);
  ASSIGN_OR_RETURN(const std::size_t items, reader.count(1));
  for (std::size_t i = 0; i < items; ++i) TRY(reader.var_bytes());
  return reader.finish();
}

// The output that an input spends, when `previous` is the transaction that made it.
Result<TxOut> spent_output(const Transaction& previous, const OutPoint& outpoint) {
  if (previous.txid() != outpoint.txid || outpoint.vout >= previous.outputs.size()) {
    return invalid("psbt: the previous transaction is not the one that " + outpoint.to_string() + " names");
  }
  return previous.outputs[outpoint.vout];
}

Status check_non_witness_utxo(const PsbtEntry& entry, const TxIn& in) {
  ASSIGN_OR_RETURN(const Transaction previous, parse_transaction(entry.value));
  return detail::as_status(spent_output(previous, in.previous));
}

Status check_global(const PsbtEntry& entry) {
  const std::uint8_t type = entry.key[0];
  if (type == global_type::kXpub) {
    TRY(check_key_data_size(entry, kExtendedKeySize));
    return check_derivation(entry);
  }
  if (type >= global_type::kFirstOfVersion2 && type <= global_type::kLastOfVersion2)
    return version_2_field(entry);
  if (type == global_type::kVersion) {
    TRY(check_key_data_size(entry, 0));
    TRY(check_value_size(entry, 4));
    if (entry.value != Bytes(4, 0)) return invalid("psbt: only version 0 is supported");
  }
  return ok_status();
}

Status check_input(const PsbtEntry& entry, const TxIn& in) {
  const std::uint8_t type = entry.key[0];
  if (type >= input_type::kFirstOfVersion2 && type <= input_type::kLastOfVersion2)
    return version_2_field(entry);
  switch (type) {
    case input_type::kNonWitnessUtxo:
      TRY(check_key_data_size(entry, 0));
      return check_non_witness_utxo(entry, in);
    case input_type::kWitnessUtxo:
      TRY(check_key_data_size(entry, 0));
      return detail::as_status(parse_output(entry.value));
    case input_type::kPartialSignature:
      return check_key_is_public_key(entry);
    case input_type::kSighashType:
      TRY(check_key_data_size(entry, 0));
      return check_value_size(entry, 4);
    case input_type::kDerivation:
      TRY(check_key_is_public_key(entry));
      return check_derivation(entry);
    case input_type::kFinalScriptWitness:
      TRY(check_key_data_size(entry, 0));
      return check_witness_stack(entry.value);
    case input_type::kRedeemScript:
    case input_type::kWitnessScript:
    case input_type::kFinalScriptSig:
    case input_type::kProofOfReserves:
      return check_key_data_size(entry, 0);
    case input_type::kRipemd160:
    case input_type::kHash160:
      return check_key_data_size(entry, 20);
    case input_type::kSha256:
    case input_type::kHash256:
      return check_key_data_size(entry, 32);
    default:
      return ok_status();
  }
}

Status check_output(const PsbtEntry& entry) {
  const std::uint8_t type = entry.key[0];
  if (type >= output_type::kFirstOfVersion2 && type <= output_type::kLastOfVersion2)
    return version_2_field(entry);
  switch (type) {
    case output_type::kRedeemScript:
    case output_type::kWitnessScript:
      return check_key_data_size(entry, 0);
    case output_type::kDerivation:
      TRY(check_key_is_public_key(entry));
      return check_derivation(entry);
    default:
      return ok_status();
  }
}

// Entries up to the empty key that ends a map.
Result<PsbtMap> read_map(Reader& reader) {
  PsbtMap map;
  std::set<Bytes> seen;
  for (;;) {
    ASSIGN_OR_RETURN(const ByteView key, reader.var_bytes());
    if (key.empty()) return map;
    if (map.size() == kMaxPsbtEntries) return invalid("psbt: too many fields in one map");
    ASSIGN_OR_RETURN(const ByteView value, reader.var_bytes());
    if (!seen.insert(to_bytes(key)).second) return invalid("psbt: key " + to_hex(key) + " twice");
    map.push_back({to_bytes(key), to_bytes(value)});
  }
}

void write_entry(Writer& writer, ByteView key, ByteView value) {
  writer.var_bytes(key).var_bytes(value);
}

void write_map(Writer& writer, const PsbtMap& map) {
  for (const PsbtEntry& entry : map) write_entry(writer, entry.key, entry.value);
  writer.u8(0);
}

Status check_unsigned(const Transaction& tx) {
  for (const TxIn& in : tx.inputs) {
    if (!in.script_sig.empty() || !in.witness.empty())
      return invalid("psbt: the transaction must be unsigned");
  }
  return ok_status();
}

// Moves the unsigned transaction out of the global map.
Status take_transaction(PsbtMap& global, Transaction& tx) {
  const auto is_transaction = [](const PsbtEntry& entry) { return entry.key[0] == global_type::kUnsignedTx; };
  const auto found = std::find_if(global.begin(), global.end(), is_transaction);
  if (found == global.end()) return invalid("psbt: no unsigned transaction");
  TRY(check_key_data_size(*found, 0));
  ASSIGN_OR_RETURN(tx, parse_stripped_transaction(found->value));
  TRY(check_unsigned(tx));
  global.erase(found);
  if (std::any_of(global.begin(), global.end(), is_transaction))
    return invalid("psbt: two unsigned transactions");
  return ok_status();
}

Status read_input_maps(Reader& reader, Psbt& psbt) {
  for (const TxIn& in : psbt.tx.inputs) {
    ASSIGN_OR_RETURN(PsbtMap map, read_map(reader));
    for (const PsbtEntry& entry : map) TRY(check_input(entry, in));
    psbt.inputs.push_back(std::move(map));
  }
  return ok_status();
}

Status read_output_maps(Reader& reader, Psbt& psbt) {
  for (std::size_t i = 0; i < psbt.tx.outputs.size(); ++i) {
    ASSIGN_OR_RETURN(PsbtMap map, read_map(reader));
    for (const PsbtEntry& entry : map) TRY(check_output(entry));
    psbt.outputs.push_back(std::move(map));
  }
  return ok_status();
}

const Bytes* find_value(const PsbtMap& map, std::uint8_t type) {
  const auto found =
      std::find_if(map.begin(), map.end(), [&](const PsbtEntry& entry) { return entry.key == Bytes{type}; });
  return found == map.end() ? nullptr : &found->value;
}

void merge(PsbtMap& into, const PsbtMap& from) {
  std::set<Bytes> present;
  for (const PsbtEntry& entry : into) present.insert(entry.key);
  for (const PsbtEntry& entry : from) {
    if (!present.contains(entry.key)) into.push_back(entry);
  }
}

Result<PsbtMap> build_input(const TxIn& in, const PsbtInput& input) {
  if (input.spent.script_pubkey != p2wsh_script_pubkey(input.witness_script)) {
    return invalid("psbt: the spent output is not the P2WSH of the witness script");
  }
  PsbtMap map;
  if (input.previous) {
    ASSIGN_OR_RETURN(const TxOut output, spent_output(*input.previous, in.previous));
    if (output != input.spent) return invalid("psbt: the previous transaction's output is not the spent one");
    map.push_back({{input_type::kNonWitnessUtxo}, input.previous->serialize()});
  }
  Writer utxo;
  write_output(utxo, input.spent);
  map.push_back({{input_type::kWitnessUtxo}, utxo.take()});
  for (const auto& [key, signature] : input.signatures) {
    Bytes name{input_type::kPartialSignature};
    append(name, key);
    map.push_back({std::move(name), to_script_signature(signature)});
  }
  map.push_back({{input_type::kSighashType}, Writer().u32(kSighashAll).take()});
  map.push_back({{input_type::kWitnessScript}, input.witness_script});
  return map;
}

Result<SignedInput> signed_input(const PsbtMap& map) {
  const Bytes* utxo = find_value(map, input_type::kWitnessUtxo);
  const Bytes* script = find_value(map, input_type::kWitnessScript);
  if (utxo == nullptr || script == nullptr)
    return invalid("psbt: the witness UTXO or the witness script is missing");
  ASSIGN_OR_RETURN(const TxOut spent, parse_output(*utxo));
  if (spent.script_pubkey != p2wsh_script_pubkey(*script)) {
    return invalid("psbt: the spent output is not the P2WSH of the witness script");
  }
  SignedInput out{*script, spent.value, {}};
  for (const PsbtEntry& entry : map) {
    if (entry.key[0] != input_type::kPartialSignature) continue;
    ASSIGN_OR_RETURN(const PublicKey key, PublicKey::from(key_data(entry)));
    ASSIGN_OR_RETURN(const Signature signature, parse_script_signature(entry.value));
    out.signatures.emplace(key, signature);
  }
  return out;
}

}  // namespace

Bytes Psbt::serialize() const {
  Writer writer;
  writer.bytes(kMagic);
  write_entry(writer, Bytes{global_type::kUnsignedTx}, tx.serialize_stripped());
  write_map(writer, global);
  for (const PsbtMap& map : inputs) write_map(writer, map);
  for (const PsbtMap& map : outputs) write_map(writer, map);
  return writer.take();
}

std::string Psbt::to_base64() const {
  return custody::to_base64(serialize());
}

Result<Psbt> parse_psbt(ByteView raw) {
  if (raw.size() > kMaxPsbtSize) {
    return invalid("psbt: " + std::to_string(raw.size()) + " bytes, at most " + std::to_string(kMaxPsbtSize) +
                   " are accepted");
  }
  Reader reader(raw);
  const auto magic = reader.bytes(kMagic.size());
  if (!magic.ok() || !equal(*magic, kMagic)) return invalid("psbt: does not start with the PSBT magic bytes");
  Psbt out;
  ASSIGN_OR_RETURN(out.global, read_map(reader));
  TRY(take_transaction(out.global, out.tx));
  for (const PsbtEntry& entry : out.global) TRY(check_global(entry));
  TRY(read_input_maps(reader, out));
  TRY(read_output_maps(reader, out));
  TRY(reader.finish());
  return out;
}

Result<Psbt> parse_psbt_base64(std::string_view text) {
  ASSIGN_OR_RETURN(const Bytes raw, from_base64(text, kMaxPsbtSize));
  return parse_psbt(raw);
}

Result<Psbt> build_psbt(const Transaction& unsigned_tx, const std::vector<PsbtInput>& inputs) {
  TRY(check_unsigned(unsigned_tx));
  if (inputs.size() != unsigned_tx.inputs.size()) {
    return invalid("psbt: " + std::to_string(inputs.size()) + " inputs described, the transaction has " +
                   std::to_string(unsigned_tx.inputs.size()));
  }
  Psbt out;
  out.tx = unsigned_tx;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto map = build_input(unsigned_tx.inputs[i], inputs[i]);
    if (!map.ok()) return map.status().with_context("input " + std::to_string(i));
    out.inputs.push_back(std::move(*map));
  }
  out.outputs.resize(unsigned_tx.outputs.size());
  return out;
}

Result<Psbt> combine_psbt(const Psbt& first, const Psbt& second) {
  if (first.tx != second.tx) return invalid("psbt: the two are of different transactions");
  Psbt out = first;
  merge(out.global, second.global);
  for (std::size_t i = 0; i < out.inputs.size(); ++i) merge(out.inputs[i], second.inputs[i]);
  for (std::size_t i = 0; i < out.outputs.size(); ++i) merge(out.outputs[i], second.outputs[i]);
  return out;
}

Result<std::vector<SignedInput>> signed_inputs(const Psbt& psbt) {
  std::vector<SignedInput> out;
  for (std::size_t i = 0; i < psbt.inputs.size(); ++i) {
    auto input = signed_input(psbt.inputs[i]);
    if (!input.ok()) return input.status().with_context("input " + std::to_string(i));
    out.push_back(std::move(*input));
  }
  return out;
}

}  // namespace custody::ledger::chains::bitcoin
