#include "ledger/store/store.h"

namespace custody::ledger::store {

std::string_view family_name(Family family) {
  switch (family) {
    case Family::kState:
      return "state";
    case Family::kBlocks:
      return "blocks";
    case Family::kCommits:
      return "commits";
    case Family::kMeta:
      return "meta";
    case Family::kTxIndex:
      return "txindex";
  }
  return "unknown";
}

void Batch::put(Family family, ByteView key, ByteView value) {
  size_bytes_ += key.size() + value.size();
  entries_.push_back({family, to_bytes(key), to_bytes(value)});
}

void Batch::remove(Family family, ByteView key) {
  size_bytes_ += key.size();
  entries_.push_back({family, to_bytes(key), std::nullopt});
}

void Batch::clear() {
  entries_.clear();
  size_bytes_ = 0;
}

Status check_batch(const Batch& batch) {
  if (batch.size_bytes() > kMaxBatchSize) {
    return invalid("batch of " + std::to_string(batch.size_bytes()) + " bytes is over the limit of " +
                       std::to_string(kMaxBatchSize),
                   "write it in several batches");
  }
  for (const Batch::Entry& entry : batch.entries()) {
    if (entry.key.empty() || entry.key.size() > kMaxKeySize) {
      return invalid("key of " + std::to_string(entry.key.size()) + " bytes in family " +
                     std::string(family_name(entry.family)) + "; keys have 1 to " +
                     std::to_string(kMaxKeySize));
    }
    if (entry.value && entry.value->size() > kMaxValueSize) {
      return invalid("value of " + std::to_string(entry.value->size()) + " bytes in family " +
                     std::string(family_name(entry.family)) + "; at most " + std::to_string(kMaxValueSize));
    }
  }
  return ok_status();
}

}  // namespace custody::ledger::store
