#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace custody {
namespace {

Result<Fd> open_at(int directory, const std::string& name, int flags, unsigned mode,
                   const std::string& shown) {
  for (;;) {
    const int fd = openat(directory, name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd >= 0) return Fd(fd);
    if (errno == EINTR) continue;
    if (errno == ENOENT) return not_found(shown + " does not exist");
    if (errno == EEXIST) return exists(shown + " exists already");
    return io_error_errno("cannot open " + shown, errno);
  }
}

Result<std::uint64_t> regular_size(int fd, const std::string& shown) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return io_error_errno("cannot stat " + shown, errno);
  if (!S_ISREG(info.st_mode)) return invalid(shown + " is not a regular file");
  return static_cast<std::uint64_t>(info.st_size);
}

Status write_all(int fd, ByteView data, const std::string& shown) {
  while (!data.empty()) {
    const ssize_t written = write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error_errno("cannot write " + shown, errno);
    data = data.subspan(static_cast<std::size_t>(written));
  }
  return ok_status();
}

// Up to out.size() bytes from the offset; fewer only at the end of the file.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::uint8_t> out,
                            const std::string& shown) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error_errno("cannot read " + shown, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

// From where the descriptor stands; fewer than out.size() bytes only at the end of the file.
Result<std::size_t> fill_from(int fd, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::read(fd, out.data() + done, out.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error_errno("cannot read descriptor " + std::to_string(fd), errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<Bytes> read_whole(int fd, std::size_t max_size, const std::string& shown) {
  ASSIGN_OR_RETURN(const std::uint64_t size, regular_size(fd, shown));
  if (size > max_size) {
    return exhausted(shown + " has " + std::to_string(size) + " bytes, at most " + std::to_string(max_size) +
                     " are read");
  }
  Bytes out(static_cast<std::size_t>(size));
  ASSIGN_OR_RETURN(const std::size_t got, read_at(fd, 0, out, shown));
  out.resize(got);
  return out;
}

Status sync_directory(int directory, const std::string& shown) {
  if (fsync(directory) != 0) return io_error_errno("cannot sync the directory of " + shown, errno);
  return ok_status();
}

// how: O_TRUNC, or O_EXCL for a file that must be new.
Status write_synced(int directory, const std::string& name, ByteView data, int how, unsigned mode,
                    const std::string& shown) {
  ASSIGN_OR_RETURN(const Fd file, open_at(directory, name, O_WRONLY | O_CREAT | how, mode, shown));
  if (fchmod(file.get(), mode) != 0) return io_error_errno("cannot set the mode of " + shown, errno);
  TRY(write_all(file.get(), data, shown));
  if (fdatasync(file.get()) != 0) return io_error_errno("cannot sync " + shown, errno);
  return ok_status();
}

Status replace_at(int directory, const std::string& name, ByteView data, unsigned mode,
                  const std::string& shown) {
  const std::string temporary = "." + name + ".tmp";
  Status written = write_synced(directory, temporary, data, O_TRUNC, mode, shown);
  if (!written.ok()) {
    unlinkat(directory, temporary.c_str(), 0);
    return written;
  }
  if (renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) {
    const Status failed = io_error_errno("cannot rename to " + shown, errno);
    unlinkat(directory, temporary.c_str(), 0);
    return failed;
  }
  return sync_directory(directory, shown);
}

struct SplitPath {
  std::string directory;
  std::string name;
};
SplitPath split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Unlike the last component, a directory may be reached through a symbolic link.
Result<Fd> open_directory_fd(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) return Fd(fd);
  if (errno == ENOENT) return not_found("directory " + path + " does not exist");
  return io_error_errno("cannot open directory " + path, errno);
}

Status check_name(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.size() > 200 ||
      name.find('/') != std::string::npos || name.find('\0') != std::string::npos) {
    return invalid("not a file name: \"" + name + "\"");
  }
  return ok_status();
}

class PosixAppendFile final : public AppendFile {
 public:
  PosixAppendFile(Fd fd, std::uint64_t size, std::string shown)
      : fd_(std::move(fd)), size_(size), shown_(std::move(shown)) {}

  std::uint64_t size() const override { return size_; }

  Result<Bytes> read(std::uint64_t offset, std::size_t length) override {
    if (offset > size_ || length > size_ - offset) {
      return corrupt(shown_ + " ends at byte " + std::to_string(size_) + ", wanted " +
                     std::to_string(length) + " bytes from " + std::to_string(offset));
    }
    Bytes out(length);
    ASSIGN_OR_RETURN(const std::size_t got, read_at(fd_.get(), offset, out, shown_));
    if (got != length) return corrupt(shown_ + " became shorter while it was open");
    return out;
  }

  Status append(ByteView data) override {
    TRY(usable());
    return remember([&]() -> Status {
      TRY(write_all(fd_.get(), data, shown_));
      size_ += data.size();
      return ok_status();
    }());
  }

  Status sync() override {
    TRY(usable());
    return remember(fdatasync(fd_.get()) == 0 ? ok_status() : io_error_errno("cannot sync " + shown_, errno));
  }

  Status truncate(std::uint64_t size) override {
    TRY(usable());
    if (size > size_) return invalid(shown_ + " is shorter than " + std::to_string(size) + " bytes");
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      return remember(io_error_errno("cannot truncate " + shown_, errno));
    }
    size_ = size;
    return ok_status();
  }

 private:
  Status usable() const {
    if (!failed_) return ok_status();
    return io_error(shown_ + " failed before and cannot be written any more", "restart the process");
  }
  // After a failed write the end of the file is unknown, after a failed sync what is durable: neither is
  // retried.
  Status remember(Status status) {
    if (!status.ok()) failed_ = true;
    return status;
  }

  Fd fd_;
  std::uint64_t size_;
  std::string shown_;
  bool failed_ = false;
};

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::unique_ptr<AppendFile>> open_append(const std::string& name) override {
    TRY(check_name(name));
    const bool is_new = !exists(name);
    ASSIGN_OR_RETURN(Fd file, open_at(fd_.get(), name, O_RDWR | O_CREAT | O_APPEND, 0600, shown(name)));
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      return unavailable(shown(name) + " is open for writing elsewhere",
                         "stop the other process that uses it");
    }
    // The entry must be durable before the content can be.
    if (is_new) TRY(sync_directory(fd_.get(), shown(name)));
    ASSIGN_OR_RETURN(const std::uint64_t size, regular_size(file.get(), shown(name)));
    return std::unique_ptr<AppendFile>(new PosixAppendFile(std::move(file), size, shown(name)));
  }

  bool exists(const std::string& name) const override {
    struct stat info{};
    return check_name(name).ok() && fstatat(fd_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  }

  Status write_atomic(const std::string& name, ByteView data) override {
    TRY(check_name(name));
    return replace_at(fd_.get(), name, data, 0600, shown(name));
  }

  Result<Bytes> read(const std::string& name, std::size_t max_size) const override {
    TRY(check_name(name));
    ASSIGN_OR_RETURN(const Fd file, open_at(fd_.get(), name, O_RDONLY | O_NONBLOCK, 0, shown(name)));
    return read_whole(file.get(), max_size, shown(name));
  }

 private:
  std::string shown(const std::string& name) const { return path_ + "/" + name; }

  Fd fd_;
  std::string path_;
};

}  // namespace

Fd::~Fd() {
  reset();
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) close(release());
}

Result<std::unique_ptr<Directory>> open_directory(const std::string& path) {
  ASSIGN_OR_RETURN(Fd fd, open_directory_fd(path));
  return std::unique_ptr<Directory>(new PosixDirectory(std::move(fd), path));
}

Result<Bytes> read_file(const std::string& path, std::size_t max_size) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not hang us
  if (fd < 0 && errno == ENOENT) return not_found(path + " does not exist");
  if (fd < 0) return io_error_errno("cannot open " + path, errno);
  const Fd owned(fd);
  return read_whole(owned.get(), max_size, path);
}

Status write_file_atomic(const std::string& path, ByteView data, unsigned mode) {
  const SplitPath parts = split(path);
  TRY(check_name(parts.name));
  ASSIGN_OR_RETURN(const Fd directory, open_directory_fd(parts.directory));
  return replace_at(directory.get(), parts.name, data, mode, path);
}

Status create_file(const std::string& path, ByteView data, unsigned mode) {
  const SplitPath parts = split(path);
  TRY(check_name(parts.name));
  ASSIGN_OR_RETURN(const Fd directory, open_directory_fd(parts.directory));
  Status written = write_synced(directory.get(), parts.name, data, O_EXCL, mode, path);
  if (written.ok()) return sync_directory(directory.get(), path);
  if (written.code() != Code::kExists) unlinkat(directory.get(), parts.name.c_str(), 0);
  return written;
}

Status make_directory(const std::string& path, unsigned mode) {
  if (path.empty()) return invalid("empty directory name");
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string prefix = path.substr(0, slash);
    if (mkdir(prefix.c_str(), mode) != 0 && errno != EEXIST) {
      return io_error_errno("cannot create directory " + prefix, errno);
    }
    if (slash == std::string::npos) break;
  }
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return io_error_errno("cannot stat " + path, errno);
  if (!S_ISDIR(info.st_mode)) return exists(path + " exists and is not a directory");
  return ok_status();
}

Result<Bytes> read_fd(int fd, std::size_t max_size) {
  Bytes out(max_size + 1);  // one byte more, to see that there is more
  ASSIGN_OR_RETURN(const std::size_t size, fill_from(fd, out));
  if (size > max_size) {
    return exhausted("descriptor " + std::to_string(fd) + " gives more than " + std::to_string(max_size) +
                     " bytes");
  }
  out.resize(size);
  return out;
}

Result<SecretBytes> read_secret_fd(int fd, std::size_t max_size) {
  // One byte more than the secret and its newline, to see that there is more.
  SecretBytes buffer(max_size + 2);
  ASSIGN_OR_RETURN(std::size_t size, fill_from(fd, buffer.span()));
  if (size > 0 && buffer.view()[size - 1] == '\n') --size;
  if (size > max_size) return exhausted("the secret is longer than " + std::to_string(max_size) + " bytes");
  return SecretBytes(buffer.view().first(size));
}

}  // namespace custody
