// custodyctl gateway propose and vote: asks this member's signer over its operator socket, then hands the
// transaction to the node. Thread-safety: one thread.
#pragma once

#include "signer/cli/officer_ask.h"

namespace custody::signer::cli {

struct ProposeOptions {
  std::string name, account, kyc_expiry;
  bool wait = false;
  AskOptions ask;
};
Result<Json> gateway_propose(Context& context, const ProposeOptions& options);

struct BallotOptions {
  std::string proposal;
  bool approve = false;
  bool wait = false;
  AskOptions ask;
};
Result<Json> gateway_vote(Context& context, const BallotOptions& options);

}  // namespace custody::signer::cli
