// A decision that the signer remembers (custody.decision/1 of policy/engine/explain.h), as words. Fields that
// are not there are left out. Thread-safety: pure.
#pragma once

#include <string>

#include "base/json.h"

namespace custody::signer::cli {

std::string explanation_text(const Json& decision);
// "payout of 1.5 BTC for acme": what was asked. Empty: it does not say so.
std::string question_text(const Json& decision);

}  // namespace custody::signer::cli
