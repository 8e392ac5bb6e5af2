// cedar_runner: JSON lines on standard input, one flushed answer a line on standard output, in order. Exit 0
// at the end of the input. A line of more than 64 MiB is answered with an error and skipped without being
// kept.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include "policy/cedar/limits.h"
#include "tests/conformance/cedar/runner.h"

namespace custody::tests::cedar {
namespace {

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class LineJobs {
 public:
  // False when nobody reads the answers any more.
  bool feed(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      keep(bytes.substr(0, end));
      if (end == std::string_view::npos) return true;
      if (!answer()) return false;
      bytes.remove_prefix(end + 1);
    }
    return true;
  }
  bool finish() { return line_.empty() && !too_long_ ? true : answer(); }

 private:
  void keep(std::string_view bytes) {
    too_long_ = too_long_ || line_.size() + bytes.size() > policy::cedar::kMaxEntityText;
    if (too_long_) {
      line_.clear();
    } else {
      line_ += bytes;
    }
  }
  bool answer() {
    const std::string reply =
        too_long_ ? std::string(R"({"error":"a line of more than 64 MiB"})") : answer_line(line_);
    line_.clear();
    too_long_ = false;
    return write_all(reply + "\n");
  }

  std::string line_;
  bool too_long_ = false;
};

int run() {
  LineJobs jobs;
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return 1;
    if (got == 0) return jobs.finish() ? 0 : 1;
    if (!jobs.feed({buffer.data(), static_cast<std::size_t>(got)})) return 1;
  }
}

}  // namespace
}  // namespace custody::tests::cedar

int main() {
  return custody::tests::cedar::run();
}
