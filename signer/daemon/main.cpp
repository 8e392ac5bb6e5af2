// custody-signerd: the only process of a member that uses its keys. No network.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/bytes.h"
#include "base/log.h"
#include "signer/daemon/daemon.h"

int main(int argc, char** argv) {
  custody::signer::daemon::DaemonOptions options;
  CLI::App app("The signer of a Caasiope custody member.", "custody-signerd");
  app.add_option("--member", options.member_directory, "the member's directory")->required();
  app.add_option("--pin-fd", options.pin_fd, "descriptor from which the token's PIN is read")->required();
  app.add_option("--ready-fd", options.ready_fd, "descriptor that gets \"ready\" once the sockets accept");
  app.footer("Configuration: MEMBER/signer.toml. Log: JSON lines on standard error. SIGTERM stops it.");
  CLI11_PARSE(app, argc, argv);
  custody::log::init("custody-signerd", STDERR_FILENO, custody::log::Level::kInfo);
  const custody::Status status = custody::signer::daemon::run_daemon(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "custody-signerd: %s\n", custody::to_printable(status.to_string()).c_str());
  return 1;
}
