// What to say where a command was expected and something else stands. Thread-safety: one thread.
#pragma once

#include <CLI/CLI.hpp>

#include "base/status.h"

namespace custody::signer::cli {

// A command is missing after the last one that was understood: those that could stand there.
Status no_command(const CLI::App& app);
// After a parse that failed because of words that nothing takes: the word that is no command, and those like
// it. `otherwise`: what is wrong is something else.
Status unknown_command(const CLI::App& app, Status otherwise);

}  // namespace custody::signer::cli
