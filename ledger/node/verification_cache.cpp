#include "ledger/node/verification_cache.h"

#include "base/crypto/hash.h"

namespace custody::ledger::node {

std::vector<std::uint8_t> VerificationCache::verify(std::span<const state::SignatureTask> tasks) {
  std::vector<std::uint8_t> out(tasks.size(), 1);
  std::vector<state::SignatureTask> unknown;
  std::vector<std::pair<std::size_t, Hash256>> places;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Hash256 name =
        crypto::sha256({tasks[i].key.view(), tasks[i].digest.view(), tasks[i].signature.view()});
    if (known(name)) continue;
    unknown.push_back(tasks[i]);
    places.emplace_back(i, name);
  }
  if (unknown.empty()) return out;
  verified_ += unknown.size();
  const std::vector<std::uint8_t> results = inner_.verify(unknown);
  for (std::size_t i = 0; i < places.size(); ++i) {
    out[places[i].first] = results.at(i);
    if (results[i] == 1) {
      remember(places[i].second);
    } else {
      ++rejected_;
    }
  }
  return out;
}

bool VerificationCache::verify_one(const PublicKey& key, const Hash256& digest, const Signature& signature) {
  const state::SignatureTask task{key, digest, signature};
  return verify({&task, 1}).front() == 1;
}

void VerificationCache::remember(const Hash256& name) {
  if (young_.size() >= entries_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert(name);
}

}  // namespace custody::ledger::node
