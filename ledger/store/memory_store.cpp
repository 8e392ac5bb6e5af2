#include <algorithm>

#include "ledger/store/store.h"

namespace custody::ledger::store {
namespace {

bool starts_with(const Bytes& key, ByteView prefix) {
  return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

void apply(std::map<Bytes, Bytes>& table, const Batch::Entry& entry) {
  if (entry.value) {
    table[entry.key] = *entry.value;
  } else {
    table.erase(entry.key);
  }
}

}  // namespace

Result<std::optional<Bytes>> MemoryStore::get(Family family, ByteView key) const {
  const std::lock_guard lock(mutex_);
  const Table& table = tables_[static_cast<std::size_t>(family)];
  const auto found = table.find(to_bytes(key));
  if (found == table.end()) return std::optional<Bytes>();
  return std::optional<Bytes>(found->second);
}

Status MemoryStore::write(const Batch& batch, Durability durability) {
  TRY(check_batch(batch));
  const std::lock_guard lock(mutex_);
  Batch inverse;
  for (const Batch::Entry& entry : batch.entries()) {
    Table& table = tables_[static_cast<std::size_t>(entry.family)];
    const auto found = table.find(entry.key);
    if (found == table.end()) {
      inverse.remove(entry.family, entry.key);
    } else {
      inverse.put(entry.family, entry.key, found->second);
    }
    apply(table, entry);
  }
  if (durability == Durability::kSync) {
    undo_.clear();
  } else {
    undo_.push_back(std::move(inverse));
  }
  return ok_status();
}

void MemoryStore::crash() {
  const std::lock_guard lock(mutex_);
  for (auto batch = undo_.rbegin(); batch != undo_.rend(); ++batch) {
    const auto& entries = batch->entries();
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      apply(tables_[static_cast<std::size_t>(entry->family)], *entry);
    }
  }
  undo_.clear();
}

Status MemoryStore::iterate(Family family, ByteView prefix, ByteView from, const Visitor& visit) const {
  Table snapshot;
  {
    const std::lock_guard lock(mutex_);
    const Table& table = tables_[static_cast<std::size_t>(family)];
    const Bytes first = std::max(to_bytes(prefix), to_bytes(from));
    for (auto it = table.lower_bound(first); it != table.end() && starts_with(it->first, prefix); ++it) {
      snapshot.insert(snapshot.end(), *it);
    }
  }
  for (const auto& [key, value] : snapshot) {
    if (!visit(key, value)) break;
  }
  return ok_status();
}

Result<std::optional<std::pair<Bytes, Bytes>>> MemoryStore::last(Family family, ByteView prefix) const {
  const std::lock_guard lock(mutex_);
  const Table& table = tables_[static_cast<std::size_t>(family)];
  std::optional<std::pair<Bytes, Bytes>> found;
  // The first key after all that share the prefix: the prefix with its last byte below 0xff raised by one.
  Bytes end = to_bytes(prefix);
  while (!end.empty() && end.back() == 0xff) end.pop_back();
  if (!end.empty()) ++end.back();
  auto it = end.empty() ? table.end() : table.lower_bound(end);
  if (it == table.begin()) return found;
  --it;
  if (starts_with(it->first, prefix)) found.emplace(it->first, it->second);
  return found;
}

}  // namespace custody::ledger::store
