#include "signer/daemon/daemon.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "proto/reader/digests.h"
#include "signer/daemon/config.h"
#include "signer/daemon/server.h"
#include "signer/hsm/confine.h"

namespace custody::signer::daemon {
namespace {

namespace model = ledger::model;

constexpr std::size_t kMaxConfig = 64u << 10;
constexpr std::size_t kMaxGenesis = 1u << 20;
constexpr std::size_t kMaxPin = 256;

// SIGTERM and SIGINT as a readable descriptor.
Result<Fd> stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return io_error_errno("cannot block signals", errno);
  // A closed socket and a full file are error codes.
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  Fd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return io_error_errno("cannot receive signals", errno);
  return fd;
}

Result<std::string> absolute_directory(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(path, error);
  if (error) return not_found("the member's directory " + path + " cannot be opened: " + error.message());
  return canonical.string();
}

Result<std::string> read_text(const std::string& path, std::size_t max_size) {
  ASSIGN_OR_RETURN(const Bytes bytes, read_file(path, max_size));
  return std::string(as_text(bytes));
}

Result<SecretBytes> read_pin(int fd) {
  if (fd < 0) return invalid("no PIN", "pass it on a descriptor: --pin-fd 3 3<secrets/user-pin");
  auto pin = read_secret_fd(fd, kMaxPin);
  ::close(fd);
  if (!pin.ok()) return pin.status().with_context("the PIN's descriptor");
  if (pin->empty()) return invalid("the PIN's descriptor is empty");
  return pin;
}

Result<core::Identity> read_identity(const std::string& directory, const std::string& member) {
  const auto genesis_bytes = read_file(directory + "/genesis.bin", kMaxGenesis);
  if (!genesis_bytes.ok()) return genesis_bytes.status().with_hint("run custody-ceremony bind first");
  core::Identity out;
  ASSIGN_OR_RETURN(out.genesis, proto::reader::decode_genesis(*genesis_bytes));
  out.chain_id = proto::reader::chain_id_of(*genesis_bytes);
  const auto own = std::ranges::find_if(
      out.genesis.members, [&](const model::Member& one) { return as_text(one.name) == member; });
  if (own == out.genesis.members.end()) return refused("genesis.bin has no member " + member);
  out.member = own->id;
  return out;
}

// Who can write to these can put yesterday's journal, another socket or other keys in their place.
Status check_private(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return io_error_errno("cannot stat " + path, errno).with_hint("run custody-ceremony first");
  }
  if (info.st_uid == geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return ok_status();
  return refused(path + " belongs to another user or may be written by others",
                 "check its files, then give it to the signer's user with mode 0700");
}

Status check_folders(const std::string& directory, const DaemonConfig& config) {
  for (const char* name : {"", "/signer", "/run"}) TRY(check_private(directory + name));
  return config.token_directory.empty() ? ok_status() : check_private(config.token_directory);
}

// Held as long as the process lives: two signers on one journal would sign twice.
Result<Fd> lock_directory(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid())
    return io_error_errno("cannot open " + path, errno).with_hint("run custody-ceremony first");
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return io_error_errno("cannot lock " + path, errno);
  return exists("another custody-signerd uses " + path, "stop it first");
}

Status lock_memory(MemoryLock wanted) {
  if (wanted == MemoryLock::kSecrets) return ok_status();  // base/secret.h locks each of them
  if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) return ok_status();
  return io_error_errno("cannot lock the process in memory", errno)
      .with_hint("raise the limit of locked memory (LimitMEMLOCK), or set memory_lock = \"secrets\"");
}

// No writing anywhere but the journal's and the sockets' directories: SoftHSM2 rewrites its token at every
// login.
Status confine(const std::string& directory, const DaemonConfig& config) {
  TRY(lock_memory(config.memory_lock));
  const hsm::Confinement confinement{config.token_directory, {directory + "/signer", directory + "/run"}, {}};
  const auto abi = hsm::deny_writes(confinement);
  if (!abi.ok()) return abi.status().with_context("confining the process");
  log::info("confined", {{"landlock_abi", *abi}});
  return ok_status();
}

Result<std::unique_ptr<hsm::Pkcs11Token>> open_token(DaemonConfig& config, SecretBytes pin) {
  if (!config.softhsm_conf.empty()) setenv("SOFTHSM2_CONF", config.softhsm_conf.c_str(), 1);
  return hsm::Pkcs11Token::open(config.token, config.keys, std::move(pin));
}

void report_ready(int fd) {
  if (fd < 0) return;
  constexpr std::string_view kReady = "ready\n";
  if (write(fd, kReady.data(), kReady.size()) < 0) {
    log::warning("ready_fd", {{"reason", "nobody reads it"}});
  }
  ::close(fd);
}

void log_start(const core::Memory& memory) {
  const model::Watermark& mark = memory.state.watermark;
  log::info("recovered", {{"commits", memory.commits},
                          {"outcome_unknown", memory.outcome_unknown},
                          {"height", mark.height.get()},
                          {"round", static_cast<std::uint64_t>(mark.round.get())},
                          {"open_slots", static_cast<std::uint64_t>(memory.state.slots.size())},
                          {"audit_leaves", memory.audit->head().size}});
}

}  // namespace

Status run_daemon(const DaemonOptions& options) {
  umask(0077);
  TRY(hsm::harden_process());  // before there is a secret to protect
  ASSIGN_OR_RETURN(const Fd stop, stop_signals());
  ASSIGN_OR_RETURN(const std::string directory, absolute_directory(options.member_directory));
  ASSIGN_OR_RETURN(SecretBytes pin, read_pin(options.pin_fd));
  const std::string config_path = directory + "/signer.toml";
  ASSIGN_OR_RETURN(const std::string config_text, read_text(config_path, kMaxConfig));
  ASSIGN_OR_RETURN(DaemonConfig config, parse_config(config_text, config_path, directory));
  ASSIGN_OR_RETURN(core::Identity identity, read_identity(directory, config.member));
  TRY(check_folders(directory, config));
  ASSIGN_OR_RETURN(const Fd lock, lock_directory(directory + "/signer"));
  ASSIGN_OR_RETURN(const auto files, open_directory(directory + "/signer"));
  SystemEntropy entropy;
  ASSIGN_OR_RETURN(core::Memory memory, core::recover(*files, identity, entropy));
  TRY(check_pins(config, memory.journal->binding()));
  log_start(memory);
  TRY(confine(directory, config));
  ASSIGN_OR_RETURN(const auto token, open_token(config, std::move(pin)));
  core::Core core(std::move(identity), std::move(memory), *token);
  ASSIGN_OR_RETURN(const auto server, Server::listen(directory + "/run", core));
  log::info("ready", {});
  report_ready(options.ready_fd);
  const Status served = server->run(stop.get());
  log::info("stopped", {{"problem", served.ok() ? Json() : Json(served.to_string())}});
  return served;
}

}  // namespace custody::signer::daemon
