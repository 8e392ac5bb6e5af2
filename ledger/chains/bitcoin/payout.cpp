#include "ledger/chains/bitcoin/payout.h"

#include <algorithm>

#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/script.h"

namespace custody::ledger::chains::bitcoin {
namespace {

constexpr std::uint64_t kInputSize = 41;       // outpoint 36, empty script 1, sequence 4
constexpr std::uint64_t kKeyPushSize = 34;     // length 1, key 33
constexpr std::uint64_t kScriptFrameSize = 3;  // OP_m, OP_n, OP_CHECKMULTISIG

std::uint64_t max_witness_size(const MultisigShape& shape) {
  CHECK(shape.required >= 1 && shape.required <= shape.keys && shape.keys <= kMaxMultisigKeys);
  const std::uint64_t script = kScriptFrameSize + kKeyPushSize * shape.keys;
  // Item count; the empty item that CHECKMULTISIG consumes; signatures; script.
  return 1 + 1 + shape.required * (1 + kMaxScriptSignatureSize) + compact_size_length(script) + script;
}

std::string input_name(std::size_t index) {
  return "input " + std::to_string(index);
}

bool in_script(const Multisig& multisig, const PublicKey& key) {
  return std::find(multisig.keys.begin(), multisig.keys.end(), key) != multisig.keys.end();
}

Status check_against(const Hash256& digest, const Multisig& multisig, const PublicKey& key,
                     const Signature& signature) {
  if (!in_script(multisig, key)) return invalid("key " + key.hex() + " is not in the witness script");
  if (!crypto::verify(key, digest, signature)) {
    return invalid("the signature of key " + key.hex() + " does not verify",
                   "drop it and ask that member to sign again");
  }
  return ok_status();
}

Result<std::vector<Bytes>> multisig_witness(const Sighash& sighash, std::size_t index,
                                            const SignedInput& input) {
  ASSIGN_OR_RETURN(const Multisig multisig, parse_sortedmulti(input.witness_script));
  const Hash256 digest = sighash.digest(index, input.witness_script, input.value);
  for (const auto& [key, signature] : input.signatures) TRY(check_against(digest, multisig, key, signature));
  if (input.signatures.size() < multisig.required) {
    return unavailable(
        std::to_string(input.signatures.size()) + " of " + std::to_string(multisig.required) + " signatures",
        "wait for more members to sign");
  }
  std::vector<Bytes> witness{Bytes{}};
  for (const PublicKey& key : multisig.keys) {
    const auto found = input.signatures.find(key);
    if (found != input.signatures.end() && witness.size() <= multisig.required) {
      witness.push_back(to_script_signature(found->second));
    }
  }
  witness.push_back(input.witness_script);
  return witness;
}

}  // namespace

std::uint64_t max_virtual_size(const std::vector<MultisigShape>& inputs, const std::vector<TxOut>& outputs) {
  std::uint64_t stripped = 4 + compact_size_length(inputs.size()) + compact_size_length(outputs.size()) + 4;
  std::uint64_t witness = 2;  // marker and flag
  for (const MultisigShape& shape : inputs) {
    stripped += kInputSize;
    witness += max_witness_size(shape);
  }
  for (const TxOut& out : outputs) {
    stripped += 8 + compact_size_length(out.script_pubkey.size()) + out.script_pubkey.size();
  }
  return (4 * stripped + witness + 3) / 4;
}

Status check_signature(const Sighash& sighash, std::size_t index, const SignedInput& input,
                       const PublicKey& key, const Signature& signature) {
  ASSIGN_OR_RETURN(const Multisig multisig, parse_sortedmulti(input.witness_script));
  const Hash256 digest = sighash.digest(index, input.witness_script, input.value);
  return check_against(digest, multisig, key, signature).with_context(input_name(index));
}

Result<Transaction> assemble(const Transaction& unsigned_tx, const std::vector<SignedInput>& inputs) {
  if (inputs.size() != unsigned_tx.inputs.size()) {
    return invalid("assemble: " + std::to_string(inputs.size()) + " signed inputs for a transaction with " +
                   std::to_string(unsigned_tx.inputs.size()));
  }
  const Sighash sighash(unsigned_tx);
  Transaction out = unsigned_tx;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!out.inputs[i].script_sig.empty() || !out.inputs[i].witness.empty()) {
      return invalid("assemble: " + input_name(i) + " is already signed");
    }
    auto witness = multisig_witness(sighash, i, inputs[i]);
    if (!witness.ok()) return witness.status().with_context("assemble: " + input_name(i));
    out.inputs[i].witness = std::move(*witness);
  }
  return out;
}

}  // namespace custody::ledger::chains::bitcoin
