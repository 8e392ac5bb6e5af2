#include "signer/hsm/confine.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>

#include "base/file.h"

namespace custody::signer::hsm {
namespace {

// Younger than the headers of Debian 12.
constexpr std::uint64_t kTruncate = 1ULL << 14;  // ABI 3

constexpr std::uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t kOrdinaryDirectory = kWriteFile | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                             LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr std::uint64_t kNeverGranted = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                        LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;

// Every right to change files that this ABI knows. What a kernel does not know it cannot be asked for.
std::uint64_t handled_rights(int abi) {
  std::uint64_t rights = kOrdinaryDirectory | kNeverGranted;
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= kTruncate;
  return rights;
}

std::uint64_t granted_rights(bool directory, std::uint64_t handled) {
  const std::uint64_t wanted =
      directory ? kOrdinaryDirectory | LANDLOCK_ACCESS_FS_REFER | kTruncate : kWriteFile | kTruncate;
  return wanted & handled;
}

// landlock_create_ruleset(2), landlock_add_rule(2) and landlock_restrict_self(2) have no wrappers in Debian
// 12's libc.
int create_ruleset(const landlock_ruleset_attr* attributes, std::size_t size, std::uint32_t flags) {
  return static_cast<int>(syscall(SYS_landlock_create_ruleset, attributes, size, flags));
}

Status add_path(int ruleset, const std::string& path, bool directory, std::uint64_t handled) {
  const Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC | (directory ? O_DIRECTORY : 0)));
  if (!fd.valid()) return io_error_errno("cannot open the writable path " + path, errno);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = granted_rights(directory, handled);
  rule.parent_fd = fd.get();
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return io_error_errno("landlock_add_rule for " + path, errno);
  }
  return ok_status();
}

Status check_single_thread() {
#if defined(__SANITIZE_THREAD__)
  return ok_status();  // the sanitizer runs a thread of its own
#else
  std::error_code error;
  std::size_t threads = 0;
  for (std::filesystem::directory_iterator it("/proc/self/task", error), end; !error && it != end;
       it.increment(error)) {
    ++threads;
  }
  if (error) return io_error("cannot count the threads in /proc/self/task: " + error.message());
  if (threads != 1) {
    return refused("the process already has " + std::to_string(threads) +
                   " threads; Landlock would not bind them all");
  }
  return ok_status();
#endif
}

bool is_denial(int error) {
  return error == EACCES || error == EPERM || error == EROFS;
}

Status still_writable(const std::string& path) {
  return refused("the token directory can still be written: " + path,
                 "the writable directories must not contain it; the signer does not start like this");
}

// Opening for writing without O_TRUNC or O_CREAT changes nothing even if it succeeds.
Status expect_denied(const std::filesystem::path& file) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd.valid()) return still_writable(file);
  if (!is_denial(errno)) return io_error_errno("cannot try to write " + file.string(), errno);
  return ok_status();
}

Status expect_no_new_file(const std::filesystem::path& directory) {
  const std::filesystem::path probe = directory / ".custody-write-probe";
  const Fd fd(::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd.valid()) {
    ::unlink(probe.c_str());
    return still_writable(directory);
  }
  if (!is_denial(errno)) return io_error_errno("cannot try to make a file in " + directory.string(), errno);
  return ok_status();
}

Status verify_denied(const std::string& directory) {
  std::error_code error;
  TRY(expect_no_new_file(directory));
  for (std::filesystem::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const auto type = it->symlink_status(error).type();
    if (type == std::filesystem::file_type::regular) TRY(expect_denied(it->path()));
    if (type == std::filesystem::file_type::directory) TRY(expect_no_new_file(it->path()));
  }
  if (error) return io_error("cannot look through " + directory + ": " + error.message());
  return ok_status();
}

}  // namespace

Status harden_process() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return io_error_errno("prctl(PR_SET_NO_NEW_PRIVS)", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return io_error_errno("prctl(PR_SET_DUMPABLE)", errno);
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return io_error_errno("setrlimit(RLIMIT_CORE)", errno);
  return ok_status();
}

Result<int> deny_writes(const Confinement& confinement) {
  TRY(check_single_thread());
  const int abi = create_ruleset(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) {
    return unavailable(
        "this kernel has no Landlock (or it is switched off)",
        "use a kernel from 5.13 on with `landlock` in the kernel parameter lsm=; the signer does not "
        "start without it, because a kill during a login can destroy a SoftHSM2 token");
  }
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = handled_rights(abi);
  const Fd ruleset(create_ruleset(&attributes, sizeof attributes, 0));
  if (!ruleset.valid()) return io_error_errno("landlock_create_ruleset", errno);
  for (const std::string& path : confinement.writable_directories) {
    TRY(add_path(ruleset.get(), path, true, attributes.handled_access_fs));
  }
  for (const std::string& path : confinement.writable_files) {
    TRY(add_path(ruleset.get(), path, false, attributes.handled_access_fs));
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return io_error_errno("prctl(PR_SET_NO_NEW_PRIVS)", errno);
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return io_error_errno("landlock_restrict_self", errno);
  }
  if (!confinement.protected_directory.empty()) TRY(verify_denied(confinement.protected_directory));
  return abi;
}

}  // namespace custody::signer::hsm
