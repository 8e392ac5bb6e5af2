#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "base/clock.h"

namespace custody::log {
namespace {

struct Sink {
  std::mutex mutex;  // lines never mix, even when the descriptor takes them in pieces
  std::string process;
  int fd = -1;
  std::atomic<bool> open{false};
  std::atomic<Level> level{Level::kInfo};
};

// Never destroyed: threads may still log while the process ends.
Sink& sink() {
  static Sink* const instance = new Sink;
  return *instance;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

// A log that cannot be written must not stop the process: what does not go out is lost.
void write_line(int fd, std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(fd, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void init(std::string process, int fd, Level level) {
  Sink& out = sink();
  const std::lock_guard lock(out.mutex);
  out.process = std::move(process);
  out.fd = fd;
  out.level = level;
  out.open = true;
}

void write(Level level, std::string_view event, Fields fields) {
  Sink& out = sink();
  if (!out.open || level < out.level) return;
  Json line = Json::object();
  line.set("time_ms", SystemClock().wall().value).set("level", name(level)).set("event", event);
  Json::Object own = line.members();
  for (const auto& [key, value] : fields) own.emplace_back(key, value);
  const std::lock_guard lock(out.mutex);
  own.insert(own.begin() + 1, {"process", Json(out.process)});
  write_line(out.fd, Json(std::move(own)).dump() + "\n");
}

}  // namespace custody::log
