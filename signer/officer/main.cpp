// custody-officer-sign: one signature by an officer's own token, for custodyctl, which starts it. A process
// of its own, because it alone loads a PKCS#11 module. Exit codes: 0 done, 1 refused, 2 the request is
// wrong, 3 the token is not reachable.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "signer/hsm/confine.h"
#include "signer/officer/request.h"

namespace custody::signer::officer {
namespace {

constexpr std::size_t kMaxPin = 255;

struct CommandLine {
  pid_t parent = 0;
  int pin_fd = -1;
  bool show_key = false;
  std::vector<std::string> writable;
};

// Standard output is for the one line of the answer: what the module prints there goes to standard error.
Result<Fd> take_output() {
  Fd output(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!output.valid()) return io_error_errno("cannot use standard output", errno);
  if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return io_error_errno("cannot use standard error", errno);
  return output;
}

// Before there is a secret to protect.
Status harden(pid_t parent) {
  // Without custodyctl nobody is left to take the answer.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return io_error_errno("prctl(PR_SET_PDEATHSIG)", errno);
  // It may have ended before that, which no signal tells any more.
  if (getppid() != parent) return unavailable("the process that started this one has ended");
  return hsm::harden_process();
}

// SoftHSM2 rewrites its token at a login and loses it if it is killed then; where the kernel has Landlock it
// cannot. A kernel without it is no reason not to sign with a card.
Status confine(const std::vector<std::string>& writable) {
  const auto abi = hsm::deny_writes({"", writable, {"/dev/null"}});
  return abi.ok() || abi.code() == Code::kUnavailable ? ok_status() : abi.status();
}

Json describe(const hsm::NamedPublicKey& key) {
  Json out = Json::object();
  out.set("public_key", to_hex(key.point))
      .set("curve", key.curve == hsm::KeyCurve::kP256 ? "p256" : "secp256k1");
  return out;
}

Result<Json> show_key(const CommandLine& line, ByteView input) {
  ASSIGN_OR_RETURN(const KeyRequest request, parse_key_request(as_text(input)));
  TRY(confine(line.writable));
  ASSIGN_OR_RETURN(const auto signer, hsm::NamedKeySigner::load(request.module_path));
  ASSIGN_OR_RETURN(const hsm::NamedPublicKey key, signer->public_key(request.key));
  return describe(key);
}

Result<Json> sign(const CommandLine& line, ByteView input) {
  ASSIGN_OR_RETURN(const SignRequest request, parse_sign_request(as_text(input)));
  auto pin = read_secret_fd(line.pin_fd, kMaxPin);
  if (!pin.ok()) return pin.status().with_context("PIN");
  TRY(confine(line.writable));
  ASSIGN_OR_RETURN(const auto signer, hsm::NamedKeySigner::load(request.key.module_path));
  ASSIGN_OR_RETURN(const hsm::NamedKeySignature signature,
                   signer->sign(request.key.key, *pin, digest_of(request)));
  return describe(signature.key).set("signature", signature.signature.hex());
}

Result<Json> answer(const CommandLine& line) {
  TRY(harden(line.parent));
  ASSIGN_OR_RETURN(const Bytes input, read_fd(STDIN_FILENO, kMaxRequest));
  return line.show_key ? show_key(line, input) : sign(line, input);
}

int exit_code(const Status& status) {
  if (status.code() == Code::kInvalid) return 2;
  return status.code() == Code::kUnavailable ? 3 : 1;
}

int print(const Fd& output, const Json& line, int code) {
  return dprintf(output.get(), "%s\n", line.dump().c_str()) > 0 ? code : 1;
}

int run(const CommandLine& line) {
  const auto output = take_output();
  if (!output.ok()) return 1;  // nowhere to say why
  const auto out = answer(line);
  if (out.ok()) return print(*output, *out, 0);
  const Status& status = out.status();
  Json error = Json::object();
  error.set("code", code_name(status.code())).set("message", status.message()).set("hint", status.hint());
  return print(*output, Json::object().set("error", std::move(error)), exit_code(status));
}

}  // namespace
}  // namespace custody::signer::officer

int main(int argc, char** argv) {
  custody::signer::officer::CommandLine line;
  CLI::App app(
      "One signature by an officer's own PKCS#11 token. custodyctl starts it; it is of no other use.",
      "custody-officer-sign");
  app.add_option("--parent", line.parent, "process id of who starts it: it never outlives him")
      ->required()
      ->check(CLI::PositiveNumber);
  auto* how = app.add_option_group("what to do")->require_option(1);
  how->add_option("--pin-fd", line.pin_fd, "sign; the descriptor gives the token's PIN, which is sent once")
      ->check(CLI::NonNegativeNumber);
  how->add_flag("--show-key", line.show_key, "tell the public key, without a PIN");
  app.add_option("--writable", line.writable,
                 "a directory in which the PKCS#11 module may write, more than once if need be")
      ->allow_extra_args(false);
  app.footer(
      "Standard input: one JSON object with the key (a PKCS#11 URI), the module, the tag, the network's "
      "chain_id and the text to sign. Standard output: one line of JSON, the public key, curve and signature "
      "or an error.\nExit codes: 0 done, 1 refused, 2 the request is wrong, 3 the token is not reachable.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return custody::signer::officer::run(line);
}
