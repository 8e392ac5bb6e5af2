#include "ledger/network/frame.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace custody::ledger::network {
namespace {

class Frames : public ::testing::Test {
 public:
  Frames() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0); }
  ~Frames() override { close_both(); }
  void close_both() {
    for (int& end : ends_) {
      if (end >= 0) ::close(end);
      end = -1;
    }
  }
  void write_raw(const Bytes& bytes) const {
    ASSERT_EQ(::send(ends_[0], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  std::array<int, 2> ends_{};
};

TEST_F(Frames, ArriveWholeHoweverTheyAreCut) {
  Bytes stream;
  append_frame(stream, FrameType::kSend, as_bytes("hello"));
  append_frame(stream, FrameType::kSetEndpoint, {});
  FrameReader reader(1000);
  std::vector<std::string> seen;
  for (const std::uint8_t byte : stream) {
    write_raw({byte});
    EXPECT_EQ(reader.fill(ends_[1]), FrameReader::Fill::kData);
    for (auto frame = reader.next(); frame.ok() && *frame; frame = reader.next()) {
      seen.push_back(std::to_string(static_cast<int>((*frame)->type)) + std::string(as_text((*frame)->body)));
    }
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"2hello", "3"}));
  EXPECT_EQ(reader.fill(ends_[1]), FrameReader::Fill::kEmpty);
}

TEST_F(Frames, RefuseAnOversizeOrEmptyFrameBeforeItArrives) {
  FrameReader oversize(1000);
  write_raw({0, 0, 0x03, 0xea, 2});
  ASSERT_EQ(oversize.fill(ends_[1]), FrameReader::Fill::kData);
  EXPECT_EQ(oversize.next().code(), Code::kCorrupt);
  FrameReader empty(1000);
  write_raw({0, 0, 0, 0, 2});
  ASSERT_EQ(empty.fill(ends_[1]), FrameReader::Fill::kData);
  EXPECT_EQ(empty.next().code(), Code::kCorrupt);
}

TEST_F(Frames, ManyLargeFramesPassThroughAFixedBuffer) {
  WriteQueue queue;
  FrameReader reader(100'000);
  std::size_t next = 0;
  for (std::size_t i = 0; i < 50; ++i)
    queue.push(FrameType::kSend, Bytes(100'000 - i, static_cast<std::uint8_t>(i)));
  while (next < 50) {
    ASSERT_TRUE(queue.flush(ends_[0]));
    ASSERT_NE(reader.fill(ends_[1]), FrameReader::Fill::kClosed);
    for (auto frame = reader.next(); frame.ok() && *frame; frame = reader.next()) {
      ASSERT_EQ((*frame)->body.size(), 100'000 - next);
      ASSERT_EQ((*frame)->body.back(), next);
      ++next;
    }
  }
  EXPECT_TRUE(queue.empty());
}

TEST_F(Frames, TellThatTheOtherSideIsGone) {
  WriteQueue queue;
  queue.push(FrameType::kSend, as_bytes("x"));
  FrameReader reader(10);
  ::close(ends_[1]);
  ends_[1] = -1;
  EXPECT_FALSE(queue.flush(ends_[0]));
  EXPECT_EQ(reader.fill(ends_[0]), FrameReader::Fill::kClosed);
}

TEST(FrameBody, ReadsBackFieldsAndNoticesMissingOrSurplusBytes) {
  BodyWriter writer;
  writer.u8(7).u64(0x0102030405060708).text("abc").bytes({});
  const auto read = [](ByteView body) {
    BodyReader reader(body);
    const bool same = reader.u8() == 7 && reader.u64() == 0x0102030405060708 && reader.text(3) == "abc" &&
                      reader.bytes(0).empty();
    return reader.ok() && same;
  };
  EXPECT_TRUE(read(writer.body()));
  for (std::size_t cut = 0; cut < writer.body().size(); ++cut)
    EXPECT_FALSE(read(ByteView(writer.body()).first(cut)));
  Bytes longer = writer.body();
  longer.push_back(0);
  EXPECT_FALSE(read(longer));
  BodyReader capped(ByteView(writer.body()).subspan(9));
  EXPECT_TRUE(capped.text(2).empty());
  EXPECT_FALSE(capped.ok());
}

}  // namespace
}  // namespace custody::ledger::network
