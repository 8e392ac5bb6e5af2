// Transactions that spend P2WSH sortedmulti outputs: their size before and their assembly after signing.
// Thread-safety: pure functions.
#pragma once

#include <map>
#include <vector>

#include "base/bytes.h"
#include "ledger/chains/bitcoin/sighash.h"
#include "ledger/chains/bitcoin/transaction.h"

namespace custody::ledger::chains::bitcoin {

struct MultisigShape {
  std::size_t required = 0;
  std::size_t keys = 0;  // 1..kMaxMultisigKeys, the salt key included
};

// Virtual size in vB that the signed transaction can have at most: every signature at its longest (72 bytes
// with the type byte). The true size is at most m bytes of witness per input below the bound. Shapes out of
// range are CHECKed.
std::uint64_t max_virtual_size(const std::vector<MultisigShape>& inputs, const std::vector<TxOut>& outputs);

// One input's spent output and who has signed for it.
struct SignedInput {
  Bytes witness_script;     // sortedmulti
  std::uint64_t value = 0;  // of the spent output; signed by BIP-143
  std::map<PublicKey, Signature> signatures;
};

// Is this seat's signature for this input right? kInvalid: a key that is not in the witness script, a
// signature that does not verify against the BIP-143 digest. index and sizes as in assemble.
Status check_signature(const Sighash& sighash, std::size_t index, const SignedInput& input,
                       const PublicKey& key, const Signature& signature);

// The signed transaction: each input gets exactly m signatures, those of the first m keys in script order
// that have signed, so that everyone who holds the same signatures assembles the same bytes. Every signature
// given is verified first. kInvalid: another number of inputs than the transaction has, inputs that are
// already signed, a witness script that is no sortedmulti, a signature that check_signature refuses.
// kUnavailable: fewer than m signatures for an input (it names how many are missing).
Result<Transaction> assemble(const Transaction& unsigned_tx, const std::vector<SignedInput>& inputs);

}  // namespace custody::ledger::chains::bitcoin
