// custodyctl requests: what waits for officers at this member's signer, and their votes on it. A request is
// rendered here from its own bytes, whose hash is the id that was asked for. Thread-safety: one thread.
#pragma once

#include "policy/render/request.h"
#include "signer/cli/context.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

// Those that are open, then those that are signed, rejected or expired, as long as the signer has them.
Result<Json> requests_list(Context& context);
Result<Json> requests_show(Context& context, const std::string& id);

struct RequestVoteOptions {
  std::string id;  // the whole one: what is shown is what is signed
  std::string officer, group;
  OfficerKeyOptions key;
};
// `counts` says whether the approval is among what was still missing. kRefused, before anything is signed:
// the request is closed to it.
Result<Json> requests_vote(Context& context, const RequestVoteOptions& options, policy::render::Vote vote);

}  // namespace custody::signer::cli
