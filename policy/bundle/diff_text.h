// Where two texts differ, for the sentences of diff.h. Thread-safety: pure functions.
#pragma once

#include <string_view>

#include "policy/bundle/diff.h"

namespace custody::policy::bundle {

// The change with the lines from the first to the last one that differ; texts that are not equal.
Change changed_lines(ChangeKind kind, Effect effect, std::string_view sentence, std::string_view before,
                     std::string_view after);

}  // namespace custody::policy::bundle
