// The canonical text of policies: the same layout, quotes and parentheses whoever wrote them, so that two
// texts can be compared line by line. What is parsed from it is what was parsed from the original; formatting
// it again changes nothing. Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "policy/cedar/policy.h"

namespace custody::policy::cedar {

// Comments are kept: each stands on a line of its own before the policy or condition that follows it or that
// it stands in. One at the end of a policy's last line comes before that policy.
Result<std::string> format_policies(std::string_view text);

// One policy without its comments, ended by ";" and no line break.
std::string format_policy(const Policy& policy);
// On one line.
std::string format_expr(const Expr& expr);

}  // namespace custody::policy::cedar
