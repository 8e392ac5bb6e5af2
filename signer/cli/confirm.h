// The last look before a signature. Thread-safety: one thread.
#pragma once

#include <string>

#include "base/status.h"

namespace custody::signer::cli {

// Shows what is about to be signed on standard error and asks whoever sits at the terminal. Before a key's
// password or PIN is read. `instead` says how to name what was looked at before, where nobody can be asked.
//   kRefused  the answer was not "yes"
//   kInvalid  standard input or standard error is no terminal
Status confirm(const std::string& text, const std::string& instead);

}  // namespace custody::signer::cli
