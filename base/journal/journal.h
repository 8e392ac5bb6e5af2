// An append-only file of checked records. Format: header "CJRNL1" | kind u16 | salt 8; then per record
// length u32 | sequence u64 | payload | SHA-256(previous digest || length || sequence || payload) first 16
// bytes, integers big endian. The chain starts from the SHA-256 of the header, so records of another journal
// do not fit in. A torn last record (short, or digest wrong with nothing valid after it) is cut off on
// opening; anything else that does not check out is kCorrupt and the file is left as it is. Thread-safety:
// one thread.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/entropy.h"
#include "base/file.h"

namespace custody::journal {

constexpr std::size_t kMaxRecord = 4u << 20;

class Journal {
 public:
  // Calls on_record for every record in order. create: the file must not exist; otherwise it must.
  static Result<std::unique_ptr<Journal>> create(Directory& directory, const std::string& name,
                                                 std::uint16_t kind, Entropy& entropy);
  using OnRecord = std::function<Status(std::uint64_t sequence, ByteView payload)>;
  static Result<std::unique_ptr<Journal>> open(Directory& directory, const std::string& name,
                                               std::uint16_t kind, const OnRecord& on_record);

  // Appends; durable only after sync(). Returns the sequence number (from 0). After any error the journal
  // refuses everything: a failed write or fsync is never retried.
  Result<std::uint64_t> append(ByteView payload);
  Status sync();
  std::uint64_t next_sequence() const { return next_; }
  Hash256 digest() const { return digest_; }  // of the chain so far

 private:
  Journal(std::unique_ptr<AppendFile> file, Hash256 digest, std::uint64_t next)
      : file_(std::move(file)), digest_(digest), next_(next) {}
  std::unique_ptr<AppendFile> file_;
  Hash256 digest_;
  std::uint64_t next_ = 0;
  bool failed_ = false;
};

}  // namespace custody::journal
