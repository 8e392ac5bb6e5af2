#include "base/journal/journal.h"
#include "ledger/consensus/log.h"
#include "proto/reader/describe_peer.h"

namespace custody::ledger::consensus {

template <class V>
void describe(V& v, LockRecord& m) {
  v.field(1, m.round);
  v.field(2, m.block);
}
template <class V>
void describe(V& v, LogRecord& m) {
  v.field(1, m.height);
  v.field(2, m.wall_ms);
  v.oneof(3, m.entry);
}

namespace {

constexpr std::string_view kName = "consensus.wal";
constexpr std::uint16_t kKind = 2;
constexpr std::size_t kBatchBytes = 1u << 20;  // more than that is written before sync() is called
constexpr std::size_t kMaxBatchRecords = 1u << 16;

// What one sync() made durable.
struct Batch {
  std::vector<LogRecord> records;
};
template <class V>
void describe(V& v, Batch& m) {
  v.repeated(1, m.records, kMaxBatchRecords);
}

std::size_t size_of(const LogRecord& record) {
  const auto* part = std::get_if<model::ProposalPart>(&record.entry);
  return 512 + (part == nullptr ? 0 : part->part.data.size());
}

}  // namespace

struct FileLog::Impl {
  Directory* directory;
  Entropy* entropy;
  std::unique_ptr<journal::Journal> journal;
  std::uint64_t written = 0;  // bytes in the file
  Batch batch;
  std::size_t batch_bytes = 0;
};

FileLog::FileLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileLog::~FileLog() = default;

Result<std::unique_ptr<FileLog>> FileLog::open(Directory& directory, Entropy& entropy,
                                               std::vector<LogRecord>& records) {
  auto impl = std::make_unique<Impl>(Impl{&directory, &entropy, nullptr, 0, {}, 0});
  const std::string name(kName);
  records.clear();
  if (!directory.exists(name)) {
    ASSIGN_OR_RETURN(impl->journal, journal::Journal::create(directory, name, kKind, entropy));
    return std::unique_ptr<FileLog>(new FileLog(std::move(impl)));
  }
  const auto on_record = [&](std::uint64_t, ByteView payload) -> Status {
    impl->written += payload.size();
    ASSIGN_OR_RETURN(Batch batch, proto::reader::decode<Batch>(payload, journal::kMaxRecord));
    for (LogRecord& record : batch.records) {
      if (!records.empty() && record.height > records.back().height) records.clear();
      records.push_back(std::move(record));
    }
    return ok_status();
  };
  ASSIGN_OR_RETURN(impl->journal, journal::Journal::open(directory, name, kKind, on_record));
  return std::unique_ptr<FileLog>(new FileLog(std::move(impl)));
}

Status FileLog::append(const LogRecord& record) {
  impl_->batch.records.push_back(record);
  impl_->batch_bytes += size_of(record);
  return impl_->batch_bytes < kBatchBytes ? ok_status() : sync();
}

Status FileLog::sync() {
  if (impl_->batch.records.empty()) return ok_status();
  const Bytes payload = proto::reader::encode(impl_->batch);
  ASSIGN_OR_RETURN(const std::uint64_t sequence, impl_->journal->append(payload));
  (void)sequence;
  TRY(impl_->journal->sync());
  impl_->written += payload.size();
  impl_->batch.records.clear();
  impl_->batch_bytes = 0;
  return ok_status();
}

Status FileLog::start_height(model::Height height) {
  std::erase_if(impl_->batch.records, [&](const LogRecord& record) { return record.height < height; });
  impl_->batch_bytes = 0;
  for (const LogRecord& record : impl_->batch.records) impl_->batch_bytes += size_of(record);
  if (impl_->written < kRewriteAt) return ok_status();
  ASSIGN_OR_RETURN(impl_->journal,
                   journal::Journal::replace(*impl_->directory, std::string(kName), kKind, *impl_->entropy));
  impl_->written = 0;
  return ok_status();
}

}  // namespace custody::ledger::consensus
