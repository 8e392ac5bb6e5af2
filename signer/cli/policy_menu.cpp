// custodyctl policy: the options of its commands.
#include "base/clock.h"
#include "signer/cli/expectations.h"
#include "signer/cli/policy_command.h"
#include "signer/cli/program.h"

namespace custody::signer::cli {
namespace {

constexpr const char* kGenesisHelp = "genesis.bin; that of the member's directory when left out";

void add_new(CLI::App& policy, Program& program) {
  auto options = std::make_shared<PolicyNewOptions>();
  auto* command = policy.add_subcommand(
      "new", "write a complete first version: schema, commented policies, officers, expectations");
  command->add_option("directory", options->directory, "directory to make")->required();
  command->add_option("--genesis", options->genesis, kGenesisHelp);
  command->add_option("--member-name", options->member, "whose signer it is for, as in genesis")->required();
  command
      ->add_option("--officer", options->officers,
                   "name:group[,group]:curve:key, for each; two of one group at least")
      ->allow_extra_args(false)  // what follows is the directory
      ->required();
  command
      ->add_option("--limit", options->limits,
                   "CODE:SMALL:LARGE in units: up to SMALL without officers, up to LARGE with two (1 and 10)")
      ->allow_extra_args(false);
  command->add_option("--valid-from", options->valid_from, "YYYY-MM-DD; today when left out");
  command->add_option("--valid-until", options->valid_until, "YYYY-MM-DD; a year later when left out");
  command
      ->add_option("--listed-hours", options->listed_hours,
                   "how long an address is listed before it gets small amounts without officers")
      ->capture_default_str();
  command->add_option("--delay-minutes", options->delay_minutes, "between signatures and effect of a version")
      ->capture_default_str();
  command->add_option("--expiry-hours", options->expiry_hours, "how long a request waits for officers")
      ->capture_default_str();
  command->callback([&program, options] {
    program.action = [&program, options] {
      return policy_new(program.context, *options, SystemClock().wall().value);
    };
  });
}

struct DirectoryOptions {
  std::string directory, genesis, out;
  bool check = false;
};

void add_checks(CLI::App& policy, Program& program) {
  auto options = std::make_shared<DirectoryOptions>();
  auto* lint =
      policy.add_subcommand("lint", "everything that keeps a draft from being signed; exit 1 if any");
  lint->add_option("directory", options->directory, "directory of the draft")->required();
  lint->add_option("--genesis", options->genesis, "genesis.bin; without it the network is not looked at");
  lint->callback([&program, options] {
    program.action = [&program, options] {
      return policy_lint(program.context, options->directory, options->genesis);
    };
  });
  auto* format = policy.add_subcommand("format", "lay out the *.cedar files in canonical form");
  format->add_option("directory", options->directory, "directory of the draft")->required();
  format->add_flag("--check", options->check, "change nothing; exit 1 when there is something to change");
  format->callback([&program, options] {
    program.action = [&program, options] {
      return policy_format(program.context, options->directory, options->check);
    };
  });
  auto* test =
      policy.add_subcommand("test", "run the expectations in tests/*.toml; exit 1 if one is not met");
  test->footer(std::string(kExpectationsHelp));
  test->add_option("directory", options->directory, "directory of the draft")->required();
  test->add_option("--genesis", options->genesis, kGenesisHelp);
  test->callback([&program, options] {
    program.action = [&program, options] {
      return policy_test(program.context, options->directory, options->genesis);
    };
  });
}

void add_diff(CLI::App& policy, Program& program) {
  struct Pair {
    std::string before, after;
  };
  auto pair = std::make_shared<Pair>();
  auto* diff = policy.add_subcommand("diff", "what changes from one version to another, as sentences");
  diff->add_option("before", pair->before, "directory, or file of policy propose")->required();
  diff->add_option("after", pair->after, "directory, or file of policy propose")->required();
  diff->callback(
      [&program, pair] { program.action = [pair] { return policy_diff(pair->before, pair->after); }; });
}

void add_show(CLI::App& policy, Program& program) {
  auto options = std::make_shared<PolicyShowOptions>();
  auto* show = policy.add_subcommand("show", "everything that a version says, and who signed it");
  show->add_option("bundle", options->file, "directory, or file of policy propose")->required();
  show->add_option("--active", options->active, "the version in force, to check signatures by its officers");
  show->add_option("--directory", options->directory,
                   "also write it as text files into this new directory, for diff -r and git");
  show->callback([&program, options] { program.action = [options] { return policy_show(*options); }; });
}

void add_signing(CLI::App& policy, Program& program) {
  auto draft = std::make_shared<DirectoryOptions>();
  auto* propose = policy.add_subcommand("propose", "check a draft and write the file that officers sign");
  propose->add_option("directory", draft->directory, "directory of the draft")->required();
  propose->add_option("--genesis", draft->genesis, kGenesisHelp);
  propose->add_option("--out", draft->out, "file to write; never overwritten")->required();
  propose->callback([&program, draft] {
    program.action = [&program, draft] {
      return policy_propose(program.context, draft->directory, draft->genesis, draft->out);
    };
  });
  auto options = std::make_shared<PolicySignOptions>();
  add_show(policy, program);
  auto* sign =
      policy.add_subcommand("sign", "show what is signed and add an officer's signature to the file");
  sign->add_option("file", options->file, "file of policy propose")->required();
  sign->add_option("--officer", options->officer, "who signs")->required();
  add_key_options(*sign, options->key);
  sign->add_option("--hash", options->hash,
                   "the hash that policy show gave; no other version is signed. Without it the terminal is "
                   "asked");
  sign->add_option("--active", options->active,
                   "the version in force, file or directory: its officers sign (not for a first version)");
  sign->callback([&program, options] { program.action = [options] { return policy_sign(*options); }; });
}

}  // namespace

void add_policy(CLI::App& app, Program& program) {
  auto* policy = app.add_subcommand("policy", "the officers' policy: write, test, sign, put in force");
  add_officer_keys(*policy, program);
  add_new(*policy, program);
  add_checks(*policy, program);
  add_diff(*policy, program);
  add_signing(*policy, program);
  add_policy_online(*policy, program);
}

}  // namespace custody::signer::cli
