#include "signer/core/denied_memory.h"

#include <algorithm>

#include "base/crypto/hash.h"

namespace custody::signer::core {
namespace {

namespace engine = policy::engine;

Hash256 key_of(const engine::DeniedRecord& record) {
  engine::DeniedRecord key;
  key.facts.kind = record.facts.kind;
  key.facts.subject = record.facts.subject;
  key.bundle = record.bundle;
  key.rule = record.rule;
  key.initiator = record.initiator;
  return crypto::sha256(engine::encode_record(key));
}

}  // namespace

bool DeniedMemory::admits(const engine::DeniedRecord& record) const {
  const Hash256 key = key_of(record);
  if (std::ranges::find(denied_, key, &Denied::key) != denied_.end()) return false;
  return denied_.size() < kMaxDenied || record.time.get() - denied_.front().time.get() >= kDeniedAge;
}

void DeniedMemory::add(const engine::DeniedRecord& record) {
  denied_.push_back({key_of(record), record.time});
  if (denied_.size() > kMaxDenied) denied_.pop_front();
}

}  // namespace custody::signer::core
