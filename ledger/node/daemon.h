// custody-noded: the one event loop around the replica, the custody duties, peers, followers, signer and
// local clients. Threads: the followers' RPC threads and the verifier's; everything else is here. Each peer
// has a process of its own.
#pragma once

#include <string>

#include "base/status.h"

namespace custody::ledger::node {

struct DaemonOptions {
  std::string member_directory;
  int ready_fd = -1;  // gets "ready\n" once endpoints.json is written and the local socket listens
};

// Until SIGTERM or SIGINT (ok), or an error that stops the node.
Status run_daemon(const DaemonOptions& options);

}  // namespace custody::ledger::node
