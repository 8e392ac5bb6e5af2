// What the signer remembers of its last decisions: the list, and the one that somebody means. Thread-safety:
// one thread.
#pragma once

#include "signer/cli/context.h"

namespace custody::signer::cli {

// Newest first: what was asked, how it was decided, subject and request.
Result<Json> list_decisions(Context& context);
// By its subject, or by the id of the request that it opened or that it was about, in hex. kNotFound: it is
// not remembered.
Result<Json> find_decision(Context& context, const std::string& id);

}  // namespace custody::signer::cli
