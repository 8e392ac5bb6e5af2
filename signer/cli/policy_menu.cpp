// custodyctl policy: the options of its commands.
#include "signer/cli/officer_command.h"
#include "signer/cli/program.h"

namespace custody::signer::cli {
namespace {

void add_officer_keys(CLI::App& policy, Program& program) {
  auto* key = policy.add_subcommand("key", "officers' keys in encrypted files");
  auto make = std::make_shared<NewOfficerKeyOptions>();
  auto* create = key->add_subcommand("new", "make a key; prints what goes into officers.toml");
  create->add_option("--out", make->out, "file to write; never overwritten")->required();
  create->add_option("--curve", make->curve, "secp256k1 or p256")->required();
  create->add_option("--password-file", make->password, "file that holds the password")->required();
  create->callback([&program, make] { program.action = [make] { return officer_key_new(*make); }; });
  auto file = std::make_shared<std::string>();
  auto* show = key->add_subcommand("show", "curve and public key of a key file");
  show->add_option("--key", *file, "key file")->required();
  show->callback([&program, file] { program.action = [file] { return officer_key_show(*file); }; });
}

}  // namespace

void add_policy(CLI::App& app, Program& program) {
  auto* policy = app.add_subcommand("policy", "the officers' policy: write, test, sign, put in force");
  add_officer_keys(*policy, program);
}

}  // namespace custody::signer::cli
