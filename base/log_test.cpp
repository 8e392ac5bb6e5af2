#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "base/file.h"

namespace custody::log {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
  std::vector<std::string> lines() {
    writer.reset();
    std::string text;
    char chunk[4096];
    for (ssize_t got = 0; (got = read(reader.get(), chunk, sizeof(chunk))) > 0;) {
      text.append(chunk, static_cast<std::size_t>(got));
    }
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }
  Fd reader;
  Fd writer;
};

TEST(Log, OneEscapedJsonObjectPerLine) {
  Pipe pipe;
  init("signerd", pipe.writer.get(), Level::kInfo);
  info("started", {{"version", 3}, {"note", "two\nlines \x1b[31m\xc2\x9b"}});
  debug("too fine");
  error("broken");
  const auto lines = pipe.lines();
  ASSERT_EQ(lines.size(), 2u);
  const auto first = Json::parse(lines[0], 4096);
  ASSERT_TRUE(first.ok()) << lines[0];
  EXPECT_GT(*first->u64_at("time_ms"), 1'600'000'000'000u);
  EXPECT_EQ(*first->string_at("process"), "signerd");
  EXPECT_EQ(*first->string_at("level"), "info");
  EXPECT_EQ(*first->string_at("event"), "started");
  EXPECT_EQ(*first->u64_at("version"), 3u);
  EXPECT_EQ(*first->string_at("note"), "two\nlines \x1b[31m\xc2\x9b");
  for (const char c : lines[0]) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << int{c};
  EXPECT_EQ(*Json::parse(lines[1], 4096)->string_at("event"), "broken");
}

TEST(Log, ThreadsDoNotMixLines) {
  Pipe pipe;
  init("test", pipe.writer.get(), Level::kDebug);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 50; ++i) debug("event", {{"filler", std::string(50, 'x')}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto lines = pipe.lines();
  EXPECT_EQ(lines.size(), 200u);
  for (const std::string& line : lines) EXPECT_TRUE(Json::parse(line, 4096).ok()) << line;
}

}  // namespace
}  // namespace custody::log
