#include "ledger/chains/bitcoin/transaction.h"

#include <algorithm>
#include <charconv>

#include "base/checked.h"
#include "base/crypto/hash.h"

namespace custody::ledger::chains::bitcoin {
namespace {

constexpr std::uint64_t kMaxValue = INT64_MAX;  // amounts are signed on the wire
constexpr std::size_t kMinInputSize = 41;       // outpoint 36, empty script 1, sequence 4
constexpr std::size_t kMinOutputSize = 9;       // value 8, empty script 1
constexpr std::uint8_t kWitnessFlag = 1;

Result<TxIn> read_input(Reader& reader) {
  TxIn in;
  ASSIGN_OR_RETURN(in.previous.txid, reader.hash());
  ASSIGN_OR_RETURN(in.previous.vout, reader.u32());
  ASSIGN_OR_RETURN(const ByteView script, reader.var_bytes());
  in.script_sig = to_bytes(script);
  ASSIGN_OR_RETURN(in.sequence, reader.u32());
  return in;
}

Status read_inputs_and_outputs(Reader& reader, Transaction& tx) {
  ASSIGN_OR_RETURN(const std::size_t input_count, reader.count(kMinInputSize));
  tx.inputs.reserve(input_count);
  for (std::size_t i = 0; i < input_count; ++i) {
    ASSIGN_OR_RETURN(TxIn in, read_input(reader));
    tx.inputs.push_back(std::move(in));
  }
  ASSIGN_OR_RETURN(const std::size_t output_count, reader.count(kMinOutputSize));
  tx.outputs.reserve(output_count);
  for (std::size_t i = 0; i < output_count; ++i) {
    ASSIGN_OR_RETURN(TxOut out, read_output(reader));
    tx.outputs.push_back(std::move(out));
  }
  return ok_status();
}

Status read_witnesses(Reader& reader, Transaction& tx) {
  for (TxIn& in : tx.inputs) {
    ASSIGN_OR_RETURN(const std::size_t items, reader.count(1));
    in.witness.reserve(items);
    for (std::size_t i = 0; i < items; ++i) {
      ASSIGN_OR_RETURN(const ByteView item, reader.var_bytes());
      in.witness.push_back(to_bytes(item));
    }
  }
  if (!tx.has_witness()) return invalid("transaction: the witness flag is set but no input has a witness");
  return ok_status();
}

Status check_values(const Transaction& tx) {
  std::uint64_t total = 0;
  for (const TxOut& out : tx.outputs) {
    const auto sum = checked_add(total, out.value);
    if (!sum || *sum > kMaxValue) return invalid("transaction: the outputs' sum is above 2^63 - 1");
    total = *sum;
  }
  return ok_status();
}

Status check_inputs_distinct(const Transaction& tx) {
  std::vector<OutPoint> spent;
  spent.reserve(tx.inputs.size());
  for (const TxIn& in : tx.inputs) spent.push_back(in.previous);
  std::sort(spent.begin(), spent.end());
  const auto twice = std::adjacent_find(spent.begin(), spent.end());
  if (twice != spent.end()) return invalid("transaction: spends " + twice->to_string() + " twice");
  return ok_status();
}

Status check_stripped_size(const Transaction& tx) {
  if (tx.serialize_stripped().size() == kInnerNodeSize) {
    return invalid(
        "transaction: a stripped size of 64 bytes is refused (it could be an inner node of a Merkle tree)");
  }
  return ok_status();
}

Status check_size(ByteView raw) {
  if (raw.size() <= kMaxTransactionSize) return ok_status();
  return invalid("transaction: " + std::to_string(raw.size()) + " bytes, at most " +
                 std::to_string(kMaxTransactionSize) + " are accepted");
}

Status check_whole(const Transaction& tx) {
  TRY(check_values(tx));
  TRY(check_inputs_distinct(tx));
  return check_stripped_size(tx);
}

void write_body(Writer& writer, const Transaction& tx) {
  writer.compact_size(tx.inputs.size());
  for (const TxIn& in : tx.inputs) {
    writer.bytes(in.previous.txid).u32(in.previous.vout).var_bytes(in.script_sig).u32(in.sequence);
  }
  writer.compact_size(tx.outputs.size());
  for (const TxOut& out : tx.outputs) write_output(writer, out);
}

}  // namespace

std::string OutPoint::to_string() const {
  return to_rpc_hex(txid) + ":" + std::to_string(vout);
}

Result<OutPoint> OutPoint::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return invalid("outpoint: expected txid:vout");
  OutPoint out;
  ASSIGN_OR_RETURN(out.txid, from_rpc_hex(text.substr(0, colon)));
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.vout);
  const bool canonical = !digits.empty() && (digits.size() == 1 || digits.front() != '0');
  if (error != std::errc() || end != digits.data() + digits.size() || !canonical) {
    return invalid("outpoint: the output index after ':' is not a number below 2^32");
  }
  return out;
}

bool Transaction::is_coinbase() const {
  return inputs.size() == 1 && inputs[0].previous == OutPoint{Hash256(), UINT32_MAX};
}

bool Transaction::has_witness() const {
  return std::any_of(inputs.begin(), inputs.end(), [](const TxIn& in) { return !in.witness.empty(); });
}

Bytes Transaction::serialize_stripped() const {
  Writer writer;
  writer.u32(version);
  write_body(writer, *this);
  return writer.u32(lock_time).take();
}

Bytes Transaction::serialize() const {
  if (!has_witness()) return serialize_stripped();
  Writer writer;
  writer.u32(version).u8(0).u8(kWitnessFlag);
  write_body(writer, *this);
  for (const TxIn& in : inputs) {
    writer.compact_size(in.witness.size());
    for (const Bytes& item : in.witness) writer.var_bytes(item);
  }
  return writer.u32(lock_time).take();
}

Hash256 Transaction::txid() const {
  return crypto::sha256d(serialize_stripped());
}
Hash256 Transaction::wtxid() const {
  return crypto::sha256d(serialize());
}
std::uint64_t Transaction::weight() const {
  return 3 * serialize_stripped().size() + serialize().size();
}
std::uint64_t Transaction::virtual_size() const {
  return (weight() + 3) / 4;
}

Result<Transaction> parse_transaction(ByteView raw) {
  TRY(check_size(raw));
  Reader reader(raw);
  Transaction tx;
  ASSIGN_OR_RETURN(tx.version, reader.u32());
  // BIP-144: where the input count would stand, zero marks the extended form.
  const bool extended = reader.peek() == 0 && reader.peek(1) == kWitnessFlag;
  if (extended) TRY(reader.bytes(2));
  TRY(read_inputs_and_outputs(reader, tx));
  if (extended) TRY(read_witnesses(reader, tx));
  ASSIGN_OR_RETURN(tx.lock_time, reader.u32());
  TRY(reader.finish());
  if (tx.inputs.empty()) return invalid("transaction: no inputs");
  if (tx.outputs.empty()) return invalid("transaction: no outputs");
  TRY(check_whole(tx));
  return tx;
}

Result<Transaction> parse_stripped_transaction(ByteView raw) {
  TRY(check_size(raw));
  Reader reader(raw);
  Transaction tx;
  ASSIGN_OR_RETURN(tx.version, reader.u32());
  TRY(read_inputs_and_outputs(reader, tx));
  ASSIGN_OR_RETURN(tx.lock_time, reader.u32());
  TRY(reader.finish());
  TRY(check_whole(tx));
  return tx;
}

void write_output(Writer& writer, const TxOut& output) {
  writer.u64(output.value).var_bytes(output.script_pubkey);
}

Result<TxOut> read_output(Reader& reader) {
  TxOut out;
  ASSIGN_OR_RETURN(out.value, reader.u64());
  if (out.value > kMaxValue) return invalid("transaction: an output's value is above 2^63 - 1");
  ASSIGN_OR_RETURN(const ByteView script, reader.var_bytes());
  out.script_pubkey = to_bytes(script);
  return out;
}

}  // namespace custody::ledger::chains::bitcoin
