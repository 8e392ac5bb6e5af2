// That a text reads as it is: nothing in it moves the cursor, breaks a line unseen or reverses what follows.
// Cedar takes such characters in comments; what officers sign may not have them. Thread-safety: pure.
#pragma once

#include <string_view>

#include "base/status.h"

namespace custody::policy::bundle {

// kInvalid, with line and column: control characters other than tab and line break (LF, or CR LF), the line
// and paragraph separators U+2028 and U+2029, and those that set the direction of writing.
Status check_visible(std::string_view text);

}  // namespace custody::policy::bundle
