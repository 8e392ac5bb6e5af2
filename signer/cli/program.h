// What custodyctl's command line is made of: its options fill in an action, which runs once all is parsed.
// The only headers that see CLI11. Thread-safety: one thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "signer/cli/context.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

struct Program {
  Context context;
  std::function<Result<Json>()> action;  // of the chosen subcommand
};

// Each adds its commands; options live as long as the action.
void add_policy(CLI::App& app, Program& program);
void add_officer_keys(CLI::App& policy, Program& program);
void add_policy_online(CLI::App& policy, Program& program);
void add_requests(CLI::App& app, Program& program);

void add_gateway_votes(CLI::App& gateway, Program& program);

// Where an officer's key is. required: whoever gives none is refused. The option that names the key.
CLI::Option* add_key_options(CLI::App& command, OfficerKeyOptions& key, bool required = true,
                             const std::string& name = "--key");

}  // namespace custody::signer::cli
