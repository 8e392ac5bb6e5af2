// Signatures that officers collect in a file, which one hands to the next. Whoever has it in hand can put
// anything into it. Thread-safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "policy/bundle/statement.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

// Adds the officer's signature of `shown` in the order of names. What else stands there under his name goes:
// only a signature by his own key is his. `file` is for the message.
//   kExists     he has signed it already
//   kExhausted  there are as many as a bundle can have officers
Status put_signature(const std::string& file, const std::string& officer, const Rendering& shown,
                     const KeySignature& made, std::vector<policy::bundle::OfficerSignature>& signatures);

}  // namespace custody::signer::cli
