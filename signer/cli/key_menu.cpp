// custodyctl policy key, and how every command is told where an officer's key is.
#include "signer/cli/officer_command.h"
#include "signer/cli/program.h"

namespace custody::signer::cli {
namespace {

constexpr const char* kKeyHelp =
    "the officer's key: a key file, or the PKCS#11 URI of a token's, such as pkcs11:token=NAME;object=NAME";

void add_module_options(CLI::App& command, OfficerKeyOptions& key) {
  command.add_option("--module", key.module,
                     "of a token: its PKCS#11 module by absolute path, unless the URI has module-path");
  command
      .add_option("--module-writes", key.module_writes,
                  "of a token: a directory in which its module may write, more than once if need be")
      ->allow_extra_args(false);
}

}  // namespace

CLI::Option* add_key_options(CLI::App& command, OfficerKeyOptions& key, bool required,
                             const std::string& name) {
  CLI::Option* out = command.add_option(name, key.key, kKeyHelp)->required(required);
  command.add_option("--password-file", key.password, "of a key file: file that holds its password");
  command.add_option("--pin-file", key.pin, "of a token: file that holds its PIN, which is sent once");
  add_module_options(command, key);
  return out;
}

void add_officer_keys(CLI::App& policy, Program& program) {
  auto* key = policy.add_subcommand("key", "officers' keys, in encrypted files or tokens");
  auto make = std::make_shared<NewOfficerKeyOptions>();
  auto* create = key->add_subcommand("new", "make a key; prints what goes into officers.toml");
  create->add_option("--out", make->out, "file to write; never overwritten")->required();
  create->add_option("--curve", make->curve, "secp256k1 or p256")->required();
  create->add_option("--password-file", make->password, "file that holds the password")->required();
  create->callback([&program, make] { program.action = [make] { return officer_key_new(*make); }; });
  auto options = std::make_shared<OfficerKeyOptions>();
  auto* show = key->add_subcommand("show", "curve and public key of a key file or token; asks for no secret");
  show->add_option("--key", options->key, kKeyHelp)->required();
  add_module_options(*show, *options);
  show->callback([&program, options] { program.action = [options] { return officer_key_show(*options); }; });
}

}  // namespace custody::signer::cli
