// The officer who asks this member's signer for something, by name and with his key. Thread-safety: one
// thread.
#pragma once

#include "policy/render/request.h"
#include "signer/cli/context.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

struct AskOptions {
  std::string officer;  // empty: nobody; the member's operator asks
  OfficerKeyOptions key;
  std::uint64_t valid_minutes = 60;  // of ledger time, from now; at most a day
};

struct OfficerAsk {
  Bytes encoded;      // policy/bundle SignedAsk; empty: nobody
  std::string shown;  // the text that was signed
};
// Signs that he asks for this, under the policy in force.
Result<OfficerAsk> sign_ask(Context& context, const AskOptions& options, const policy::render::Terms& terms);

}  // namespace custody::signer::cli
