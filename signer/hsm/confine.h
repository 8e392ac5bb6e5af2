// What the signer takes away from itself before it uses keys. Thread-safety: call from the only thread of the
// process, before any other is started: Landlock confines the calling thread and those it starts later.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace custody::signer::hsm {

// No new privileges, not dumpable (no ptrace or core by the same user), core size 0. kIo when one is refused.
Status harden_process();

struct Confinement {
  std::string protected_directory;  // the token directory; "" for a token that is no directory
  // Existing directories in which files may still be written, made and removed; the protected one must not
  // lie in them.
  std::vector<std::string> writable_directories;
  std::vector<std::string> writable_files;  // existing files or devices that may be written
};

// Takes from this process, for good and also from root, the right to write, make, rename or remove anything
// in the file system but what is listed (Landlock). Reading and descriptors that are already open stay as
// they are; changing modes and times is not covered by Landlock. Then tries to write in the protected
// directory: anything but a refusal by the kernel is an error. Returns the kernel's Landlock ABI.
//   kUnavailable  no Landlock in this kernel
//   kRefused      the protected directory is still writable, or the process has more than one thread
//   kIo           a path cannot be opened, or the kernel refused
// After any error the process must not go on.
Result<int> deny_writes(const Confinement& confinement);

}  // namespace custody::signer::hsm
