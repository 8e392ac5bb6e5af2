#include "base/journal/journal.h"

#include <algorithm>

#include "base/crypto/hash.h"

namespace custody::journal {
namespace {

constexpr std::string_view kMagic = "CJRNL1";
constexpr std::size_t kSaltSize = 8;
constexpr std::size_t kHeaderSize = kMagic.size() + 2 + kSaltSize;
constexpr std::size_t kFrameSize = 4 + 8;  // length and sequence
constexpr std::size_t kLinkSize = 16;
constexpr std::size_t kOverhead = kFrameSize + kLinkSize;

template <typename T>
void put(Bytes& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

template <typename T>
T get(ByteView in) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | in[i]);
  return value;
}

ByteView link_of(const Hash256& digest) {
  return digest.view().first(kLinkSize);
}

Hash256 record_digest(ByteView previous_link, ByteView frame_and_payload) {
  return crypto::sha256({previous_link, frame_and_payload});
}

Bytes make_header(std::uint16_t kind, Entropy& entropy) {
  Bytes header = to_bytes(kMagic);
  put(header, kind);
  header.resize(kHeaderSize);
  entropy.fill(std::span(header).last(kSaltSize));
  return header;
}

Status check_header(ByteView header, std::uint16_t kind) {
  if (!equal(header.first(kMagic.size()), as_bytes(kMagic))) return corrupt("not a journal");
  const auto found = get<std::uint16_t>(header.subspan(kMagic.size()));
  if (found != kind) {
    return corrupt("a journal of kind " + std::to_string(found) + ", expected kind " + std::to_string(kind));
  }
  return ok_status();
}

// The frame at the start of rest, when it lies within rest: length and sequence as written there.
struct Frame {
  std::size_t payload = 0;
  std::uint64_t sequence = 0;
  std::size_t size() const { return kOverhead + payload; }
};
std::optional<Frame> frame_at(ByteView rest) {
  if (rest.size() < kOverhead) return std::nullopt;
  const Frame frame{get<std::uint32_t>(rest), get<std::uint64_t>(rest.subspan(4))};
  if (frame.payload > kMaxRecord || frame.size() > rest.size()) return std::nullopt;
  return frame;
}

bool links_to(ByteView previous_link, ByteView rest, const Frame& frame) {
  const Hash256 digest = record_digest(previous_link, rest.first(kFrameSize + frame.payload));
  return equal(link_of(digest), rest.subspan(kFrameSize + frame.payload, kLinkSize));
}

// Is there a later record in the tail, where a bad or missing one should be? tail: the rest of the file;
// previous: the link before it; sequence: of the bad record. Its length may be what is damaged, so every
// offset is looked at. A later record shows itself by linking to the 16 bytes before it or to the bad
// record's recomputed digest (its stored link may be what is damaged), or, when both are lost, by its
// sequence number and by ending exactly where the file ends.
bool valid_record_follows(ByteView tail, ByteView previous, std::uint64_t sequence) {
  const std::optional<Frame> bad = frame_at(tail);
  for (std::size_t at = 0; at + kOverhead <= tail.size(); ++at) {
    const ByteView rest = tail.subspan(at);
    const std::optional<Frame> frame = frame_at(rest);
    if (!frame || frame->sequence <= sequence || frame->sequence - sequence > tail.size() / kOverhead)
      continue;
    if (frame->sequence == sequence + 1 && frame->size() == rest.size()) return true;
    if (at >= kLinkSize && links_to(tail.subspan(at - kLinkSize, kLinkSize), rest, *frame)) return true;
    if (bad && at == bad->size()) {
      const Hash256 recomputed = record_digest(previous, tail.first(kFrameSize + bad->payload));
      if (links_to(link_of(recomputed), rest, *frame)) return true;
    }
  }
  return false;
}

// Reads the records of an open file one by one.
class Reader {
 public:
  Reader(AppendFile& file, const Hash256& start) : file_(file), digest_(start) {}

  // The next record's payload, or nothing at the first place that does not hold one.
  Result<std::optional<Bytes>> next() {
    if (file_.size() - offset_ < kOverhead) return std::optional<Bytes>();
    ASSIGN_OR_RETURN(Bytes record, file_.read(offset_, kFrameSize));
    const std::size_t payload = get<std::uint32_t>(record);
    const auto sequence = get<std::uint64_t>(ByteView(record).subspan(4));
    if (payload > kMaxRecord || payload > file_.size() - offset_ - kOverhead || sequence != sequence_) {
      return std::optional<Bytes>();
    }
    ASSIGN_OR_RETURN(const Bytes rest, file_.read(offset_ + kFrameSize, payload + kLinkSize));
    append(record, ByteView(rest).first(payload));
    const Hash256 digest = record_digest(link_of(digest_), record);
    if (!equal(link_of(digest), ByteView(rest).last(kLinkSize))) return std::optional<Bytes>();
    digest_ = digest;
    offset_ += kOverhead + payload;
    ++sequence_;
    record.erase(record.begin(), record.begin() + kFrameSize);
    return std::optional<Bytes>(std::move(record));
  }

  // What follows the last good record is nothing, or a torn record (cut off), or proof of damage.
  Status finish() {
    const std::uint64_t left = file_.size() - offset_;
    if (left == 0) return ok_status();
    Status damaged = corrupt("record " + std::to_string(sequence_) + " at byte " + std::to_string(offset_) +
                                 " is damaged and is not the last",
                             "restore the journal; do not edit it");
    if (left >= kOverhead + kMaxRecord) return damaged;  // more than one torn record can be
    ASSIGN_OR_RETURN(const Bytes tail, file_.read(offset_, static_cast<std::size_t>(left)));
    if (valid_record_follows(tail, link_of(digest_), sequence_)) return damaged;
    TRY(file_.truncate(offset_));
    return file_.sync();
  }

  const Hash256& digest() const { return digest_; }
  std::uint64_t sequence() const { return sequence_; }

 private:
  AppendFile& file_;
  Hash256 digest_;
  std::uint64_t offset_ = kHeaderSize;
  std::uint64_t sequence_ = 0;
};

Result<Bytes> read_header(AppendFile& file, std::uint16_t kind) {
  if (file.size() < kHeaderSize) return corrupt("not a journal: shorter than a header");
  ASSIGN_OR_RETURN(Bytes header, file.read(0, kHeaderSize));
  TRY(check_header(header, kind));
  return header;
}

Status replay(Reader& reader, const Journal::OnRecord& on_record) {
  for (;;) {
    const std::uint64_t sequence = reader.sequence();
    ASSIGN_OR_RETURN(const std::optional<Bytes> payload, reader.next());
    if (!payload) return reader.finish();
    const Status taken = on_record(sequence, *payload);
    if (!taken.ok()) return taken.with_context("record " + std::to_string(sequence));
  }
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::create(Directory& directory, const std::string& name,
                                                 std::uint16_t kind, Entropy& entropy) {
  if (directory.exists(name)) return exists("journal " + name + " exists already");
  return replace(directory, name, kind, entropy);
}

Result<std::unique_ptr<Journal>> Journal::replace(Directory& directory, const std::string& name,
                                                  std::uint16_t kind, Entropy& entropy) {
  const Bytes header = make_header(kind, entropy);
  // Atomic, so that a crash leaves no half header, which neither create nor open would take.
  TRY(directory.write_atomic(name, header));
  ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, directory.open_append(name));
  return std::unique_ptr<Journal>(new Journal(std::move(file), crypto::sha256(header), 0));
}

Result<std::unique_ptr<Journal>> Journal::open(Directory& directory, const std::string& name,
                                               std::uint16_t kind, const OnRecord& on_record) {
  if (!directory.exists(name)) return not_found("journal " + name + " does not exist");
  ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, directory.open_append(name));
  const Result<Bytes> header = read_header(*file, kind);
  if (!header.ok()) return header.status().with_context("journal " + name);
  Reader reader(*file, crypto::sha256(*header));
  const Status replayed = replay(reader, on_record);
  if (!replayed.ok()) return replayed.with_context("journal " + name);
  return std::unique_ptr<Journal>(new Journal(std::move(file), reader.digest(), reader.sequence()));
}

Result<std::uint64_t> Journal::append(ByteView payload) {
  if (failed_) return io_error("the journal failed before", "restart the process");
  if (payload.size() > kMaxRecord) {
    return invalid("a record of " + std::to_string(payload.size()) + " bytes, at most " +
                   std::to_string(kMaxRecord));
  }
  Bytes record;
  record.reserve(kOverhead + payload.size());
  put(record, static_cast<std::uint32_t>(payload.size()));
  put(record, next_);
  custody::append(record, payload);
  const Hash256 digest = record_digest(link_of(digest_), record);
  custody::append(record, link_of(digest));
  if (const Status written = file_->append(record); !written.ok()) {
    failed_ = true;
    return written;
  }
  digest_ = digest;
  return next_++;
}

Status Journal::read_back(const OnRecord& on_record) const {
  ASSIGN_OR_RETURN(const Bytes header, file_->read(0, kHeaderSize));
  Reader reader(*file_, crypto::sha256(header));
  while (reader.sequence() < next_) {
    const std::uint64_t sequence = reader.sequence();
    ASSIGN_OR_RETURN(const std::optional<Bytes> payload, reader.next());
    if (!payload) break;
    TRY(on_record(sequence, *payload));
  }
  if (reader.sequence() == next_ && reader.digest() == digest_) return ok_status();
  return corrupt("the journal was changed on disk at record " + std::to_string(reader.sequence()) +
                 " while it was open");
}

Status Journal::sync() {
  if (failed_) return io_error("the journal failed before", "restart the process");
  Status synced = file_->sync();
  failed_ = !synced.ok();
  return synced;
}

}  // namespace custody::journal
