// An append-only file of checked records. Format: header "CJRNL1" | kind u16 | salt 8; then per record
// length u32 | sequence u64 | payload | link 16, integers big endian. link = the first 16 bytes of
// SHA-256(previous link || length || sequence || payload), the link before the first record that of
// SHA-256(header), so records of another journal do not fit in. A torn last record (short, or link wrong with
// nothing valid after it) is cut off on opening; anything else that does not check out is kCorrupt and the
// file is left as it is. The links find accidents; they do not stop who can write the file. Thread-safety:
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
  // A new journal, durable on return. kExists when the file exists.
  static Result<std::unique_ptr<Journal>> create(Directory& directory, const std::string& name,
                                                 std::uint16_t kind, Entropy& entropy);
  // Calls on_record for every record in order, and stops at its first error. kNotFound without a file;
  // kCorrupt for a damaged journal or one of another kind: what on_record has seen by then must be thrown
  // away.
  // The same whether or not the file exists: its records are gone, old or new, never mixed. For what outlives
  // its use (a consensus log after the commit), never for a signer's journal.
  static Result<std::unique_ptr<Journal>> replace(Directory& directory, const std::string& name,
                                                  std::uint16_t kind, Entropy& entropy);
  using OnRecord = std::function<Status(std::uint64_t sequence, ByteView payload)>;
  static Result<std::unique_ptr<Journal>> open(Directory& directory, const std::string& name,
                                               std::uint16_t kind, const OnRecord& on_record);

  // Appends up to kMaxRecord bytes (kInvalid, nothing written); durable only after sync(). Returns the
  // sequence number (from 0). After a failed write or sync the journal refuses everything: neither is ever
  // retried.
  Result<std::uint64_t> append(ByteView payload);
  Status sync();
  // Calls on_record for every record appended so far, read from the file again. kCorrupt when the file no
  // longer holds what was written; an error of on_record stops it and is returned.
  Status read_back(const OnRecord& on_record) const;
  std::uint64_t next_sequence() const { return next_; }
  Hash256 digest() const { return digest_; }  // the full SHA-256 whose first 16 bytes are the last link

 private:
  Journal(std::unique_ptr<AppendFile> file, Hash256 digest, std::uint64_t next)
      : file_(std::move(file)), digest_(digest), next_(next) {}
  std::unique_ptr<AppendFile> file_;
  Hash256 digest_;
  std::uint64_t next_ = 0;
  bool failed_ = false;
};

}  // namespace custody::journal
