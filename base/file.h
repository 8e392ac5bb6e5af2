// Files. All operating-system access to files goes through Directory and AppendFile, so that the simulation
// can lose, tear and refuse writes. Thread-safety: one thread per object.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"

namespace custody {

// An append-only file. append() buffers nothing: the bytes are with the operating system when it returns;
// they are durable only after sync() returned ok. A failed append() or sync() leaves the object failed for
// ever (the end of the file, or what is durable, is unknown: never retry an fsync).
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  virtual std::uint64_t size() const = 0;
  virtual Result<Bytes> read(std::uint64_t offset, std::size_t length) = 0;  // exactly length, or kCorrupt
  virtual Status append(ByteView data) = 0;
  virtual Status sync() = 0;
  virtual Status truncate(std::uint64_t size) = 0;  // followed by sync() to be durable
};

// A directory that holds one component's files. Names are single path components.
class Directory {
 public:
  virtual ~Directory() = default;
  // Created when absent, mode 0600. At most one object per file at a time, in any process (kUnavailable).
  virtual Result<std::unique_ptr<AppendFile>> open_append(const std::string& name) = 0;
  virtual bool exists(const std::string& name) const = 0;
  // Temporary file, fdatasync, rename, fsync of the directory: old or new, never mixed. Mode 0600.
  virtual Status write_atomic(const std::string& name, ByteView data) = 0;
  // kNotFound; kExhausted for a file larger than max_size.
  virtual Result<Bytes> read(const std::string& name, std::size_t max_size) const = 0;
};

// The real one. The directory must exist.
Result<std::unique_ptr<Directory>> open_directory(const std::string& path);

// Whole small files by path. read_file refuses more than max_size before reading (kExhausted).
Result<Bytes> read_file(const std::string& path, std::size_t max_size);
Status write_file_atomic(const std::string& path, ByteView data, unsigned mode);
// A new file, durable on return; kExists, and nothing is changed, when the name is taken, be it by a dangling
// link. A crash can leave a part of it.
Status create_file(const std::string& path, ByteView data, unsigned mode);
Status make_directory(const std::string& path, unsigned mode);  // parents too; existing is fine
// To the end of the file. kExhausted when longer than max_size.
Result<Bytes> read_fd(int fd, std::size_t max_size);
// To the end of the file, one trailing newline dropped. kExhausted when longer than max_size.
Result<SecretBytes> read_secret_fd(int fd, std::size_t max_size);

// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_ = -1;
};

}  // namespace custody
