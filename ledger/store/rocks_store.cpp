#include "ledger/store/rocks_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace custody::ledger::store {
namespace {

// Memory: block cache (with index and filter blocks in it) + memtables, which share the write buffer limit.
// With RocksDB's own structures the whole stays below 64 MiB.
constexpr std::size_t kCacheBytes = std::size_t{20} << 20U;
constexpr std::size_t kMemtableBytes = std::size_t{8} << 20U;
constexpr std::size_t kAllMemtablesBytes = std::size_t{24} << 20U;
constexpr std::uint64_t kMaxWalBytes = std::uint64_t{64} << 20U;

// RocksDB asserts that even an empty slice points somewhere.
rocksdb::Slice slice(ByteView view) {
  if (view.empty()) return {};
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}
ByteView view(const rocksdb::Slice& piece) {
  return {reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()};
}

Status translate(const rocksdb::Status& status, const std::string& what) {
  if (status.ok()) return ok_status();
  const std::string message = what + ": " + status.ToString();
  if (status.IsNoSpace()) {
    return io_error(message, "the disk is full: free space on this file system, then restart the node");
  }
  if (status.IsCorruption()) {
    return corrupt(message,
                   "stop the node, keep the folder for inspection, and restore it from a snapshot or peers");
  }
  if (status.IsIOError() && message.find("lock") != std::string::npos &&
      message.find("LOCK") != std::string::npos) {
    return exists(message, "another process has this store open: stop it, or use another data folder");
  }
  if (status.IsIOError()) return io_error(message, "check the disk, its permissions and its free space");
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return invalid(message, "the folder holds something other than this node's store");
  }
  return io_error(message);
}

// RocksDB's own log file is off: when the disk is full, appending to it fails an assertion of Debian's build
// and would end the process before the error reaches us. What matters in it comes back as a Status.
class NoLog final : public rocksdb::Logger {
 public:
  NoLog() : Logger(rocksdb::InfoLogLevel::HEADER_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = false;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.checksum = rocksdb::kXXH3;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = kMemtableBytes;
  options.max_write_buffer_number = 2;
  options.compression = rocksdb::kLZ4Compression;
  options.paranoid_file_checks = true;
  return options;
}

rocksdb::DBOptions db_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.db_write_buffer_size = kAllMemtablesBytes;
  options.max_total_wal_size = kMaxWalBytes;
  options.max_open_files = 128;
  options.max_background_jobs = 2;
  options.info_log = std::make_shared<NoLog>();
  options.allow_fallocate = false;  // would reserve megabytes per file on a small disk
  options.track_and_verify_wals_in_manifest = true;
  // A damaged record before the end of the log was acknowledged once: open fails instead of dropping what
  // follows.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // A write error is reported once and for all; a background retry would hide that the outcome was unknown.
  options.max_bgerror_resume_count = 0;
  return options;
}

// By family and key, entries of one key in their order: RocksDB's tables in memory take ascending keys at a
// fraction of the cost of scattered ones.
std::vector<const Batch::Entry*> ascending(const Batch& batch) {
  std::vector<const Batch::Entry*> out;
  out.reserve(batch.entries().size());
  for (const Batch::Entry& entry : batch.entries()) out.push_back(&entry);
  std::ranges::stable_sort(out, [](const Batch::Entry* a, const Batch::Entry* b) {
    return a->family != b->family ? a->family < b->family : slice(a->key).compare(slice(b->key)) < 0;
  });
  return out;
}

}  // namespace

struct RocksStore::Impl {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  std::atomic<bool> failed{false};

  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return handles[static_cast<std::size_t>(family)];
  }

  Status close() {
    if (!db) return ok_status();
    for (rocksdb::ColumnFamilyHandle* each : handles) (void)db->DestroyColumnFamilyHandle(each);
    handles.clear();
    const rocksdb::Status closed = db->Close();
    db.reset();
    return translate(closed, "closing the store");
  }
  ~Impl() { (void)close(); }
};

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return io_error_errno("creating the store folder " + directory, errno);
  }
  const auto cache = rocksdb::NewLRUCache(kCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(kFamilyCount + 1);
  for (std::size_t i = 0; i < kFamilyCount; ++i) {
    families.emplace_back(std::string(family_name(static_cast<Family>(i))), family_options(cache));
  }
  // RocksDB insists on a family called "default"; it stays empty.
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options(cache));
  auto impl = std::make_unique<Impl>();
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(db_options(), directory, families, &impl->handles, &raw);
  TRY(translate(opened, "opening the store in " + directory));
  impl->db.reset(raw);
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

Result<std::optional<Bytes>> RocksStore::get(Family family, ByteView key) const {
  if (!impl_->db) return unavailable("the store is closed");
  rocksdb::PinnableSlice value;
  const rocksdb::Status got =
      impl_->db->Get(rocksdb::ReadOptions(), impl_->handle(family), slice(key), &value);
  if (got.IsNotFound()) return std::optional<Bytes>();
  TRY(translate(got, "reading family " + std::string(family_name(family))));
  return std::optional<Bytes>(to_bytes(view(value)));
}

Status RocksStore::write(const Batch& batch, Durability durability) {
  if (!impl_->db) return unavailable("the store is closed");
  if (impl_->failed) {
    return outcome_unknown("an earlier write to the store failed", "remove its cause, then restart the node");
  }
  TRY(check_batch(batch));
  rocksdb::WriteBatch native(batch.size_bytes() + batch.entries().size() * 16);
  for (const Batch::Entry* entry : ascending(batch)) {
    rocksdb::ColumnFamilyHandle* handle = impl_->handle(entry->family);
    const rocksdb::Status added = entry->value ? native.Put(handle, slice(entry->key), slice(*entry->value))
                                               : native.Delete(handle, slice(entry->key));
    TRY(translate(added, "building a batch"));
  }
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSync;
  const rocksdb::Status written = impl_->db->Write(options, &native);
  if (!written.ok()) impl_->failed = true;
  return translate(written, "writing a batch of " + std::to_string(batch.entries().size()) + " entries");
}

Status RocksStore::iterate(Family family, ByteView prefix, ByteView from, const Visitor& visit) const {
  if (!impl_->db) return unavailable("the store is closed");
  const std::unique_ptr<rocksdb::Iterator> it(
      impl_->db->NewIterator(rocksdb::ReadOptions(), impl_->handle(family)));
  const rocksdb::Slice start =
      std::max(slice(prefix), slice(from), [](const auto& a, const auto& b) { return a.compare(b) < 0; });
  for (it->Seek(start); it->Valid() && it->key().starts_with(slice(prefix)); it->Next()) {
    if (!visit(view(it->key()), view(it->value()))) break;
  }
  return translate(it->status(), "iterating over family " + std::string(family_name(family)));
}

Result<std::optional<std::pair<Bytes, Bytes>>> RocksStore::last(Family family, ByteView prefix) const {
  if (!impl_->db) return unavailable("the store is closed");
  const std::unique_ptr<rocksdb::Iterator> it(
      impl_->db->NewIterator(rocksdb::ReadOptions(), impl_->handle(family)));
  Bytes ceiling = to_bytes(prefix);
  ceiling.resize(kMaxKeySize + 1, 0xff);  // not below any key that has the prefix
  it->SeekForPrev(slice(ceiling));
  std::optional<std::pair<Bytes, Bytes>> found;
  if (it->Valid() && it->key().starts_with(slice(prefix))) {
    found.emplace(to_bytes(view(it->key())), to_bytes(view(it->value())));
  }
  TRY(translate(it->status(), "reading the end of family " + std::string(family_name(family))));
  return found;
}

Status RocksStore::verify() const {
  if (!impl_->db) return unavailable("the store is closed");
  return translate(impl_->db->VerifyChecksum(), "verifying the store");
}

Status RocksStore::close() {
  return impl_->close();
}

}  // namespace custody::ledger::store
