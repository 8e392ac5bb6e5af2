// custodyctl gateway propose and vote: their options.
#include "signer/cli/governance_command.h"
#include "signer/cli/program.h"

namespace custody::signer::cli {
namespace {

void add_ask_options(CLI::App& command, AskOptions& ask) {
  auto* officer = command.add_option(
      "--officer", ask.officer,
      "who asks: signs that he does, and may not approve it; the member's operator when left out");
  auto* key = add_key_options(command, ask.key, false, "--officer-key");
  officer->needs(key);
  key->needs(officer);
  command
      .add_option("--valid-minutes", ask.valid_minutes,
                  "of ledger time, from now, at most a day: his word counts no longer")
      ->capture_default_str();
}

void add_propose(CLI::App& gateway, Program& program) {
  auto options = std::make_shared<ProposeOptions>();
  auto* command =
      gateway.add_subcommand("propose", "propose to register a gateway (this member's signer signs)");
  command->add_option("--name", options->name, "1 to 32 of a-z 0-9 -")->required();
  command->add_option("--account", options->account, "its ledger account")->required();
  command->add_option("--kyc-expiry", options->kyc_expiry, "YYYY-MM-DD")->required();
  command->add_flag("--wait", options->wait, "wait until it is in a block");
  add_ask_options(*command, options->ask);
  command->callback([&program, options] {
    program.action = [&program, options] { return gateway_propose(program.context, *options); };
  });
}

void add_ballot(CLI::App& gateway, Program& program) {
  auto options = std::make_shared<BallotOptions>();
  auto reject = std::make_shared<bool>(false);
  auto* command = gateway.add_subcommand("vote", "this member's ballot on a proposal");
  command->add_option("--proposal", options->proposal, "proposal id")->required();
  auto* choice = command->add_option_group("choice");
  choice->add_flag("--approve", options->approve, "vote for it");
  choice->add_flag("--reject", *reject, "vote against it");
  choice->require_option(1);
  command->add_flag("--wait", options->wait, "wait until it is in a block");
  add_ask_options(*command, options->ask);
  command->callback([&program, options, reject] {
    program.action = [&program, options] { return gateway_vote(program.context, *options); };
  });
}

}  // namespace

void add_gateway_votes(CLI::App& gateway, Program& program) {
  add_propose(gateway, program);
  add_ballot(gateway, program);
}

}  // namespace custody::signer::cli
