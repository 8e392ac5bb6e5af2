// What custodyctl's command line is made of: its options fill in an action, which runs once all is parsed.
// The only headers that see CLI11. Thread-safety: one thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "signer/cli/context.h"

namespace custody::signer::cli {

struct Program {
  Context context;
  std::function<Result<Json>()> action;  // of the chosen subcommand
};

// Each adds its commands; options live as long as the action.
void add_policy(CLI::App& app, Program& program);

}  // namespace custody::signer::cli
