// custody-ceremony: makes a member's keys and binds its signer. Run with the signer stopped.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/bytes.h"
#include "signer/ceremony/ceremony.h"
#include "signer/hsm/confine.h"

namespace custody::signer::ceremony {
namespace {

constexpr int kRefusedExit = 1;
constexpr int kUsageExit = 2;

struct CommandLine {
  InitOptions init;
  BindOptions bind;
  bool json = false;
};

void add_init(CLI::App& app, CommandLine& line) {
  InitOptions& o = line.init;
  CLI::App* init =
      app.add_subcommand("init", "make token, keys, configuration and public.json in a new directory");
  init->add_option("--dir", o.directory, "the member's directory; absent or empty")->required();
  init->add_option("--name", o.name, "the member's name: a-z 0-9 -, at most 32")->required();
  init->add_option("--legal-entity", o.legal_entity, "registered name of the legal entity")->required();
  init->add_option("--jurisdiction", o.jurisdiction, "country code, such as CH")->required();
  init->add_option("--parent", o.parent, "parent company, if any");
  init->add_option("--hoster", o.hoster, "who runs the machine");
  init->add_option("--kyc-expiry", o.kyc_expiry, "YYYY-MM-DD: until when the member's KYC holds")->required();
  init->add_option("--currencies", o.currencies, "codes of the currencies it holds a seat for: BTC,LTC")
      ->required()
      ->delimiter(',');
  init->add_option("--wallet-epoch", o.wallet_epoch, "epoch of the reserve wallets")->capture_default_str();
  init->add_option("--module", o.module, "PKCS#11 module, absolute path")->capture_default_str();
  init->add_option("--token-label", o.token_label, "label of the new token (default: the member's name)");
  init->add_option(
      "--memory-lock", o.memory_lock,
      "all or secrets: what custody-signerd keeps out of swap (default: all where this user may)");
  init->add_option("--user-pin-fd", o.user_pin_fd,
                   "descriptor to read the user PIN from (default: random, kept in secrets/user-pin)");
  init->add_option(
      "--so-pin-fd", o.so_pin_fd,
      "descriptor to read the security officer's PIN from (default: random, kept in secrets/so-pin)");
  init->add_flag("--json", line.json, "one JSON object on standard output");
}

void add_bind(CLI::App& app, CommandLine& line) {
  CLI::App* bind =
      app.add_subcommand("bind", "bind the signer's journal to genesis, policy, token and keys, once");
  bind->add_option("--dir", line.bind.directory, "the member's directory")->required();
  bind->add_option("--genesis", line.bind.genesis, "genesis.bin of custodyctl genesis")->required();
  bind->add_option("--policy", line.bind.policy,
                   "directory of the policy bundle, version 1 (custodyctl policy new)")
      ->required();
  bind->add_flag("--json", line.json, "one JSON object on standard output");
}

int report_error(const Status& status, bool json) {
  if (!json) {
    std::fprintf(stderr, "custody-ceremony: %s\n", to_printable(status.to_string()).c_str());
    return kRefusedExit;
  }
  Json error = Json::object();
  error.set("code", code_name(status.code()));
  error.set("message", status.message());
  error.set("hint", status.hint());
  Json out = Json::object();
  out.set("error", std::move(error));
  std::printf("%s\n", out.dump().c_str());
  return kRefusedExit;
}

int report(const Result<Json>& result, const CommandLine& line, const std::string& text) {
  if (!result.ok()) return report_error(result.status(), line.json);
  std::printf("%s\n", line.json ? result->dump().c_str() : text.c_str());
  return 0;
}

std::string text_of_init(const InitOptions& options) {
  return "Made " + options.directory +
         ".\nNext: give public.json to whoever makes genesis (custodyctl genesis); then run\n" +
         "  custody-ceremony bind --dir " + options.directory + " --genesis genesis.bin --policy policy\n" +
         "Back up the whole directory now; move secrets/so-pin to a safe place: the signer does not need it.";
}

int run(int count, char** arguments) {
  CommandLine line;
  CLI::App app(
      "Makes a member's keys inside its HSM token and binds its signer. Run it with custody-signerd stopped.",
      "custody-ceremony");
  app.footer("PINs are never taken from arguments or the environment. Exit: 0 done, 1 refused, 2 usage.");
  app.require_subcommand(1);
  add_init(app, line);
  add_bind(app, line);
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageExit;
  }
  ::umask(077);
  const Status hardened = hsm::harden_process();
  if (!hardened.ok()) return report_error(hardened, line.json);
  SystemEntropy entropy;
  if (app.got_subcommand("init")) {
    return report(init_member(line.init, SystemClock().wall(), entropy), line, text_of_init(line.init));
  }
  return report(
      bind_member(line.bind, entropy), line,
      "Bound. custody-signerd may start; another genesis, policy, token or key stops it from now on.");
}

}  // namespace
}  // namespace custody::signer::ceremony

int main(int count, char** arguments) {
  return custody::signer::ceremony::run(count, arguments);
}
