// custodyctl gateway propose and vote: asks this member's signer over its operator socket, then hands the
// transaction to the node. Thread-safety: one thread.
#pragma once

#include "signer/cli/context.h"

namespace custody::signer::cli {

struct ProposeOptions {
  std::string name, account, kyc_expiry;
  bool wait = false;
};
Result<Json> gateway_propose(Context& context, const ProposeOptions& options);
Result<Json> gateway_vote(Context& context, const std::string& proposal, bool approve, bool wait);

}  // namespace custody::signer::cli
