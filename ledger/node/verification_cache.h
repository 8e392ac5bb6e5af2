// Remembers signatures that verified, so that a transaction is verified once at entry and not again in each
// block that is proposed or checked. Thread-safety: one thread.
#pragma once

#include <unordered_set>

#include "ledger/state/verifier.h"

namespace custody::ledger::node {

// Failures are not remembered: whoever sends rubbish pays with its budget, not with our memory.
class VerificationCache final : public state::SignatureVerifier {
 public:
  // Remembers between `entries` and twice as many, about 64 bytes each.
  VerificationCache(state::SignatureVerifier& inner, std::size_t entries)
      : inner_(inner), entries_(entries) {}

  std::vector<std::uint8_t> verify(std::span<const state::SignatureTask> tasks) override;
  bool verify_one(const PublicKey& key, const Hash256& digest, const Signature& signature);
  std::uint64_t verified() const { return verified_; }  // asked of the inner verifier so far
  std::uint64_t rejected() const { return rejected_; }  // of these, did not verify

 private:
  bool known(const Hash256& name) const { return young_.contains(name) || old_.contains(name); }
  void remember(const Hash256& name);

  state::SignatureVerifier& inner_;
  std::size_t entries_;
  std::uint64_t verified_ = 0;
  std::uint64_t rejected_ = 0;
  std::unordered_set<Hash256> young_, old_;  // when the young are full they become the old
};

}  // namespace custody::ledger::node
