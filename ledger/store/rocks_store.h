// KeyValueStore on RocksDB: checksums on every block and log record, one fdatasync per kSync batch, about 48
// MiB of memory whatever the size of the data. RocksDB itself is used in rocks_store.cpp only.
#pragma once

#include <memory>
#include <string>

#include "ledger/store/store.h"

namespace custody::ledger::store {

class RocksStore final : public KeyValueStore {
 public:
  // Opens or creates the store in `directory` (its parent must exist; mode 0700). Errors: kExists when
  // another process holds it, kCorrupt when stored bytes fail their checksum, kIo when the operating system
  // refuses. Nothing is repaired silently: only an incomplete last log record, which was never acknowledged,
  // is dropped.
  static Result<std::unique_ptr<RocksStore>> open(const std::string& directory);
  ~RocksStore() override;

  using KeyValueStore::iterate;
  Result<std::optional<Bytes>> get(Family family, ByteView key) const override;
  Status write(const Batch& batch, Durability durability) override;
  Status iterate(Family family, ByteView prefix, ByteView from, const Visitor& visit) const override;
  Result<std::optional<std::pair<Bytes, Bytes>>> last(Family family, ByteView prefix) const override;

  // Reads every block of every file and checks its checksum (slow: at restore and on an operator's wish).
  Status verify() const;
  // Flushes and closes; later calls are kUnavailable. The destructor closes too, but cannot report.
  Status close();

 private:
  struct Impl;
  explicit RocksStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace custody::ledger::store
