// A token of software keys that counts, and fails when told to. Header only. Thread-safety: one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/crypto/secp256k1.h"
#include "signer/hsm/token.h"

namespace custody::tests {

class SoftToken final : public signer::hsm::Token {
 public:
  void add(const crypto::SoftwareKey& key) {
    keys_.emplace(key.public_key(), *crypto::SoftwareKey::from_secret(key.secret()));
  }
  Result<Signature> sign(const PublicKey& key, const Hash256& digest) override {
    asked.push_back(digest);
    if (on_sign) on_sign(digest);
    if (fail_next) {
      const Status status = *fail_next;
      fail_next.reset();
      ++counters_.failures;
      return status;
    }
    const auto found = keys_.find(key);
    if (found == keys_.end()) return not_found("no such key in this token");
    ++counters_.signatures;
    return found->second.sign(digest);
  }
  signer::hsm::TokenCounters counters() const override { return counters_; }

  std::vector<Hash256> asked;  // every digest, in order
  std::function<void(const Hash256&)> on_sign;
  std::optional<Status> fail_next;

 private:
  std::map<PublicKey, crypto::SoftwareKey> keys_;
  signer::hsm::TokenCounters counters_;
};

}  // namespace custody::tests
