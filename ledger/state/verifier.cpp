#include "ledger/state/verifier.h"

#include "base/crypto/secp256k1.h"

namespace custody::ledger::state {

std::vector<std::uint8_t> SerialVerifier::verify(std::span<const SignatureTask> tasks) {
  std::vector<std::uint8_t> out;
  out.reserve(tasks.size());
  for (const SignatureTask& task : tasks) {
    out.push_back(crypto::verify(task.key, task.digest, task.signature) ? 1 : 0);
  }
  return out;
}

}  // namespace custody::ledger::state
