// custody-noded: the ledger node of a member. Talks to peers, external nodes, the member's signer and local
// clients.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>

#include "base/log.h"
#include "ledger/network/peer_process.h"
#include "ledger/node/daemon.h"

int main(int argc, char** argv) {
  if (argc >= 2 && std::strcmp(argv[1], custody::ledger::network::kPeerProcessArgument) == 0) {
    return custody::ledger::network::run_peer_process();
  }
  custody::ledger::node::DaemonOptions options;
  CLI::App app("The ledger node of a Caasiope custody member.", "custody-noded");
  app.add_option("--member", options.member_directory, "the member's directory")->required();
  app.add_option("--ready-fd", options.ready_fd,
                 "descriptor that gets \"ready\" once local clients are served");
  app.footer(
      "Configuration: MEMBER/node.toml and MEMBER/peers.toml. Log: JSON lines on standard error. SIGTERM "
      "stops it.");
  CLI11_PARSE(app, argc, argv);
  custody::log::init("custody-noded", STDERR_FILENO, custody::log::Level::kInfo);
  const custody::Status status = custody::ledger::node::run_daemon(options);
  if (status.ok()) return 0;
  custody::log::error("node.stopped", {{"reason", status.message()}, {"hint", status.hint()}});
  std::fprintf(stderr, "custody-noded: %s\n", status.to_string().c_str());
  return 1;
}
