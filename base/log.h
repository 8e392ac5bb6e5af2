// The operator's log: one JSON object per line on a descriptor, values escaped (no newline or terminal escape
// gets through), secrets never passed in. It is not the audit log. Rotation and shipping are the supervisor's
// (journald). Thread-safe.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace custody::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// Call once at the start of a process, which ignores SIGPIPE (systemd sees to it for services). Without it
// nothing is written (tests are quiet).
void init(std::string process, int fd, Level level);

using Fields = std::initializer_list<std::pair<std::string_view, Json>>;
void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  write(Level::kInfo, event, fields);
}
inline void warning(std::string_view event, Fields fields = {}) {
  write(Level::kWarning, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::kError, event, fields);
}

}  // namespace custody::log
