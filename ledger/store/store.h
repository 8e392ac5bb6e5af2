// An ordered key-value store with named families and atomic durable batches. The node keeps blocks, commits
// and state here; the simulation uses MemoryStore. Keys sort as unsigned bytes, so heights are stored big
// endian. Thread-safety: reads may run on any thread; write() on one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace custody::ledger::store {

// Column families. The numbers and names are on disk: never reuse or rename one.
enum class Family : std::uint8_t { kState = 0, kBlocks = 1, kCommits = 2, kMeta = 3, kTxIndex = 4 };
inline constexpr std::size_t kFamilyCount = 5;
std::string_view family_name(Family family);

inline constexpr std::size_t kMaxKeySize = 256;  // bytes; a longer or empty key is kInvalid
inline constexpr std::size_t kMaxValueSize = std::size_t{16} << 20U;   // bytes
inline constexpr std::size_t kMaxBatchSize = std::size_t{256} << 20U;  // bytes of keys and values together

// Puts and removals that become visible and durable together or not at all; later entries win.
class Batch {
 public:
  struct Entry {
    Family family;
    Bytes key;
    std::optional<Bytes> value;  // absent: remove the key
  };

  void put(Family family, ByteView key, ByteView value);
  void remove(Family family, ByteView key);
  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size_bytes() const { return size_bytes_; }
  bool empty() const { return entries_.empty(); }
  void clear();

 private:
  std::vector<Entry> entries_;
  std::size_t size_bytes_ = 0;
};

// kSync: durable (fdatasync returned) when write() returns ok. kBuffered: atomic, and lost at most with what
// followed it; only for what can be derived again, such as an index.
enum class Durability { kSync, kBuffered };

class KeyValueStore {
 public:
  // Return false to stop. The views are valid during the call only.
  using Visitor = std::function<bool(ByteView key, ByteView value)>;

  virtual ~KeyValueStore() = default;

  virtual Result<std::optional<Bytes>> get(Family family, ByteView key) const = 0;  // nullopt: no such key
  // All or nothing. After a failed write the outcome on disk is not known, so every later write is refused
  // (kOutcomeUnknown) until the store is opened again; reads go on.
  virtual Status write(const Batch& batch, Durability durability = Durability::kSync) = 0;
  // In key order, over a snapshot taken at the call: all keys that begin with `prefix` and are not below
  // `from`.
  virtual Status iterate(Family family, ByteView prefix, ByteView from, const Visitor& visit) const = 0;
  // The greatest key that begins with `prefix`, with its value.
  virtual Result<std::optional<std::pair<Bytes, Bytes>>> last(Family family, ByteView prefix) const = 0;

  Status iterate(Family family, ByteView prefix, const Visitor& visit) const {
    return iterate(family, prefix, {}, visit);
  }
};

// kInvalid when a key or value is outside the limits above. Both stores apply it, so that the simulation
// refuses what the product refuses.
Status check_batch(const Batch& batch);

// In memory, for simulation and tests. Thread-safe.
class MemoryStore final : public KeyValueStore {
 public:
  using KeyValueStore::iterate;
  Result<std::optional<Bytes>> get(Family family, ByteView key) const override;
  Status write(const Batch& batch, Durability durability) override;
  Status iterate(Family family, ByteView prefix, ByteView from, const Visitor& visit) const override;
  Result<std::optional<std::pair<Bytes, Bytes>>> last(Family family, ByteView prefix) const override;

  // What a crash leaves: everything up to and including the last kSync batch. Buffered batches after it are
  // lost.
  void crash();

 private:
  using Table = std::map<Bytes, Bytes>;
  mutable std::mutex mutex_;
  Table tables_[kFamilyCount];
  std::vector<Batch> undo_;  // inverse of each buffered batch since the last kSync, oldest first
};

}  // namespace custody::ledger::store
