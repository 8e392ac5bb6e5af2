// An answer as text for people: aligned keys, lists of objects as tables. Colour never: it is for terminals
// only, and plain columns read well. An answer with a "text" is printed as that. Thread-safety: pure.
#pragma once

#include <string>

#include "base/json.h"

namespace custody::signer::cli {

std::string render(const Json& answer);

}  // namespace custody::signer::cli
