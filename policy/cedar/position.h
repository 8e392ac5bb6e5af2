// Where something stands in a text. Every error about a text begins with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace custody::policy::cedar {

struct Position {
  std::uint32_t line = 1;    // from 1
  std::uint32_t column = 1;  // from 1, in Unicode code points

  friend bool operator==(const Position&, const Position&) = default;
};

inline std::string to_string(Position at) {
  return "line " + std::to_string(at.line) + ", column " + std::to_string(at.column);
}

// kInvalid, "line 3, column 7: what".
inline Status error_at(Position at, std::string_view what) {
  return invalid(to_string(at) + ": " + std::string(what));
}

// kExhausted, for a limit of limits.h.
inline Status limit_at(Position at, std::string_view what) {
  return exhausted(to_string(at) + ": " + std::string(what));
}

}  // namespace custody::policy::cedar
