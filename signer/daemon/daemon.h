// The start of custody-signerd, in the order that matters: files, journal, hardening, no writing to the
// token's directory, login, sockets. Whatever cannot be set up stops it. Thread-safety: call from the only
// thread.
#pragma once

#include <string>

#include "base/status.h"

namespace custody::signer::daemon {

struct DaemonOptions {
  std::string member_directory;
  int pin_fd = -1;    // read to its end and closed; never an argument or an environment variable
  int ready_fd = -1;  // gets "ready\n" when the sockets accept; -1: nobody waits
};

// Serves until SIGTERM or SIGINT. The error says what to do before the next start.
Status run_daemon(const DaemonOptions& options);

}  // namespace custody::signer::daemon
