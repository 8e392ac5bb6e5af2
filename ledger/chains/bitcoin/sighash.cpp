#include "ledger/chains/bitcoin/sighash.h"

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/script.h"

namespace custody::ledger::chains::bitcoin {

Sighash::Sighash(const Transaction& tx) : version_(tx.version), lock_time_(tx.lock_time) {
  Writer prevouts;
  Writer sequences;
  Writer outputs;
  inputs_.reserve(tx.inputs.size());
  for (const TxIn& in : tx.inputs) {
    prevouts.bytes(in.previous.txid).u32(in.previous.vout);
    sequences.u32(in.sequence);
    inputs_.push_back({in.previous, in.sequence});
  }
  for (const TxOut& out : tx.outputs) write_output(outputs, out);
  prevouts_ = crypto::sha256d(prevouts.view());
  sequences_ = crypto::sha256d(sequences.view());
  outputs_ = crypto::sha256d(outputs.view());
}

Hash256 Sighash::digest(std::size_t index, ByteView script_code, std::uint64_t value) const {
  CHECK(index < inputs_.size());
  const Input& in = inputs_[index];
  Writer preimage;
  preimage.u32(version_).bytes(prevouts_).bytes(sequences_);
  preimage.bytes(in.previous.txid).u32(in.previous.vout).var_bytes(script_code).u64(value).u32(in.sequence);
  preimage.bytes(outputs_).u32(lock_time_).u32(kSighashAll);
  return crypto::sha256d(preimage.view());
}

Result<Bytes> p2wpkh_script_code(ByteView script_pubkey) {
  if (classify(script_pubkey) != ScriptType::kP2wpkh) return invalid("script code: the output is not p2wpkh");
  return p2pkh_script_pubkey(script_pubkey.subspan(2));
}

Bytes to_script_signature(const Signature& signature) {
  Bytes out = crypto::to_der(signature);
  out.push_back(kSighashAll);
  return out;
}

Result<Signature> parse_script_signature(ByteView encoded) {
  if (encoded.empty() || encoded.size() > kMaxScriptSignatureSize) {
    return invalid("signature: " + std::to_string(encoded.size()) + " bytes, expected 9 to 72");
  }
  if (encoded.back() != kSighashAll) {
    return invalid("signature: signature type " + std::to_string(encoded.back()) +
                   ", only SIGHASH_ALL is accepted");
  }
  ASSIGN_OR_RETURN(const Signature signature, crypto::from_der(encoded.first(encoded.size() - 1)));
  // Whether from_der passes a high S or normalises it, only the bytes that we would write ourselves are
  // taken.
  if (!equal(to_script_signature(signature), encoded)) return invalid("signature: not low-S in strict DER");
  return signature;
}

}  // namespace custody::ledger::chains::bitcoin
