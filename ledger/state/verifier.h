// Signature verification as an argument of the state machine, so that a node can spread it over threads and
// remember what its mempool has verified. Results must equal crypto::verify's, whoever computes them.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"

namespace custody::ledger::state {

struct SignatureTask {
  PublicKey key;
  Hash256 digest;
  Signature signature;
  friend bool operator==(const SignatureTask&, const SignatureTask&) = default;
};

class SignatureVerifier {
 public:
  virtual ~SignatureVerifier() = default;
  // One entry per task: 1 for a valid, low-S signature, 0 otherwise.
  virtual std::vector<std::uint8_t> verify(std::span<const SignatureTask> tasks) = 0;
};

// One after the other on the caller's thread. Thread-safe: it holds nothing.
class SerialVerifier final : public SignatureVerifier {
 public:
  std::vector<std::uint8_t> verify(std::span<const SignatureTask> tasks) override;
};

}  // namespace custody::ledger::state
