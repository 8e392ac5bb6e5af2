// custodyctl requests, and the commands of policy that ask the signer: their options.
#include "signer/cli/attestation_command.h"
#include "signer/cli/policy_online.h"
#include "signer/cli/program.h"
#include "signer/cli/requests_command.h"

namespace custody::signer::cli {
namespace {

void add_freeze_options(CLI::App& command, FreezeOptions& options) {
  command.add_option("--currency", options.currency, "only this currency; everything when left out");
  command
      .add_option("--valid-minutes", options.valid_minutes,
                  "of ledger time, from now: the order has no effect later")
      ->capture_default_str();
}

void add_freeze(CLI::App& policy, Program& program) {
  auto options = std::make_shared<FreezeOptions>();
  auto* freeze =
      policy.add_subcommand("freeze", "stop this member's signatures for money at once; one officer");
  add_freeze_options(*freeze, *options);
  freeze->add_option("--reason", options->reason, "plain text, up to 120 characters")->required();
  freeze->add_option("--officer", options->officer, "who signs")->required();
  add_key_options(*freeze, options->key);
  freeze->callback([&program, options] {
    program.action = [&program, options] { return policy_freeze(program.context, *options); };
  });
}

void add_unfreeze(CLI::App& policy, Program& program) {
  auto options = std::make_shared<UnfreezeOptions>();
  options->order.valid_minutes = 24 * 60;
  auto* command = policy.add_subcommand("unfreeze",
                                        "end a freeze with a quorum: the first officer gives --reason and "
                                        "--out, each other one --in and --out; --in "
                                        "alone hands the order to the signer");
  add_freeze_options(*command, options->order);
  command->add_option("--reason", options->order.reason,
                      "begin a new order: plain text, up to 120 characters");
  command->add_option("--officer", options->order.officer, "who signs");
  add_key_options(*command, options->order.key, false);
  command->add_option("--in", options->in, "order to add a signature to, or to hand to the signer");
  command->add_option("--out", options->out, "file to write; never overwritten, but may be that of --in");
  command->add_flag("--show", options->show,
                    "show what --officer would sign of --in, and its hash; sign nothing");
  command->add_option(
      "--hash", options->hash,
      "the hash that --show gave; no other order is signed. Without it the terminal is asked");
  command->callback([&program, options] {
    program.action = [&program, options] { return policy_unfreeze(program.context, *options); };
  });
}

void add_attestation(CLI::App& policy, Program& program) {
  policy
      .add_subcommand("attestation",
                      "what this member tells the ledger of its policy, with the salt, for an auditor")
      ->callback([&program] { program.action = [&program] { return policy_attestation(program.context); }; });
  struct Shown {
    std::string bundle, salt;
  };
  auto shown = std::make_shared<Shown>();
  auto* check = policy.add_subcommand(
      "check-attestation", "whether a version is the one that its member attested last; exit 1 if not");
  check->add_option("--bundle", shown->bundle, "directory, or file of policy propose")->required();
  check->add_option("--salt", shown->salt, "as policy attestation of that member shows it")->required();
  check->callback([&program, shown] {
    program.action = [&program, shown] {
      return policy_check_attestation(program.context, shown->bundle, shown->salt);
    };
  });
}

void add_vote(CLI::App& requests, Program& program, const char* name, const char* help,
              policy::render::Vote vote) {
  auto options = std::make_shared<RequestVoteOptions>();
  auto* command = requests.add_subcommand(name, help);
  command->add_option("id", options->id, "the request's id, as requests show has shown it")->required();
  command->add_option("--officer", options->officer, "who signs")->required();
  command->add_option("--group", options->group, "as which of his groups")->required();
  add_key_options(*command, options->key);
  command->callback([&program, options, vote] {
    program.action = [&program, options, vote] { return requests_vote(program.context, *options, vote); };
  });
}

}  // namespace

void add_policy_online(CLI::App& policy, Program& program) {
  auto text = std::make_shared<std::string>();
  auto* activate = policy.add_subcommand("activate", "hand a signed version to this member's signer");
  activate->add_option("file", *text, "file of policy propose, signed by a quorum")->required();
  activate->callback([&program, text] {
    program.action = [&program, text] { return policy_activate(program.context, *text); };
  });
  policy.add_subcommand("history", "versions in force, in wait and before; what is frozen")
      ->callback([&program] { program.action = [&program] { return policy_history(program.context); }; });
  add_freeze(policy, program);
  add_unfreeze(policy, program);
  add_attestation(policy, program);
  auto* explain =
      policy.add_subcommand("explain", "why the signer decided so; without a subject what it remembers");
  explain->add_option("subject", *text, "as in the list; or the id of a request");
  explain->callback([&program, text] {
    program.action = [&program, text] { return policy_explain(program.context, *text); };
  });
  auto options = std::make_shared<SimulateOptions>();
  auto* simulate = policy.add_subcommand("simulate",
                                         "what a draft would have said of the signer's past requests; exit 1 "
                                         "if the signer does not remember all of them");
  simulate->add_option("draft", options->draft, "directory, or file of policy propose")->required();
  simulate->add_option("--genesis", options->genesis,
                       "genesis.bin; that of the member's directory when left out");
  simulate->add_flag("--incomplete", options->incomplete,
                     "a past that is cut off will do: exit 0 for it too");
  simulate->callback([&program, options] {
    program.action = [&program, options] { return policy_simulate(program.context, *options); };
  });
}

void add_requests(CLI::App& app, Program& program) {
  auto* requests = app.add_subcommand("requests", "what waits for officers: list, show, approve, reject");
  requests->add_subcommand("list", "all that the signer knows, with votes and what is missing")
      ->callback([&program] { program.action = [&program] { return requests_list(program.context); }; });
  auto id = std::make_shared<std::string>();
  auto* show =
      requests->add_subcommand("show", "what an officer would approve, rendered here from its bytes");
  show->add_option("id", *id, "the request's id")->required();
  show->callback(
      [&program, id] { program.action = [&program, id] { return requests_show(program.context, *id); }; });
  add_vote(*requests, program, "approve", "sign what was shown, as one of the officer's groups",
           policy::render::Vote::kApprove);
  add_vote(*requests, program, "reject", "refuse it for all, until another version is in force",
           policy::render::Vote::kReject);
}

}  // namespace custody::signer::cli
