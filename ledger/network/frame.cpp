#include "ledger/network/frame.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace custody::ledger::network {
namespace {

constexpr std::size_t kReadAhead = std::size_t{64} << 10U;
constexpr std::size_t kCompactAbove = std::size_t{64} << 10U;

void append_u32(Bytes& out, std::size_t value) {
  for (unsigned shift = 32; shift != 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  }
}

std::size_t read_u32(const std::uint8_t* data) {
  return std::size_t{data[0]} << 24U | std::size_t{data[1]} << 16U | std::size_t{data[2]} << 8U | data[3];
}

}  // namespace

void append_frame(Bytes& out, FrameType type, ByteView body) {
  append_u32(out, body.size() + 1);
  out.push_back(static_cast<std::uint8_t>(type));
  append(out, body);
}

FrameReader::FrameReader(std::size_t max_body)
    : max_body_(max_body),
      capacity_(max_body + kFrameOverhead + kReadAhead),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(capacity_)) {}

FrameReader::Fill FrameReader::fill(int fd) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (capacity_ - end_ < kReadAhead) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_) return Fill::kEmpty;
  const ssize_t got = ::recv(fd, buffer_.get() + end_, capacity_ - end_, MSG_DONTWAIT);
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    return Fill::kData;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Fill::kEmpty;
  return Fill::kClosed;
}

Result<std::optional<Frame>> FrameReader::next() {
  const std::size_t available = end_ - begin_;
  if (available < kFrameOverhead) return std::optional<Frame>();
  const std::uint8_t* head = buffer_.get() + begin_;
  const std::size_t length = read_u32(head);
  if (length == 0 || length > max_body_ + 1) {
    return corrupt("frame of " + std::to_string(length) + " bytes; at most " + std::to_string(max_body_ + 1));
  }
  if (available < 4 + length) return std::optional<Frame>();
  begin_ += 4 + length;
  return std::optional<Frame>(Frame{static_cast<FrameType>(head[4]), ByteView(head + 5, length - 1)});
}

void WriteQueue::push(FrameType type, ByteView body) {
  append_frame(bytes_, type, body);
}

void WriteQueue::clear() {
  bytes_.clear();
  written_ = 0;
}

bool WriteQueue::flush(int fd) {
  while (!empty()) {
    const ssize_t sent = ::send(fd, bytes_.data() + written_, size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return false;
      break;
    }
    written_ += static_cast<std::size_t>(sent);
  }
  if (empty()) {
    clear();
  } else if (written_ > kCompactAbove) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(written_));
    written_ = 0;
  }
  return true;
}

BodyWriter& BodyWriter::u8(std::uint8_t value) {
  body_.push_back(value);
  return *this;
}

BodyWriter& BodyWriter::u64(std::uint64_t value) {
  for (unsigned shift = 64; shift != 0; shift -= 8)
    body_.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  return *this;
}

BodyWriter& BodyWriter::bytes(ByteView value) {
  append_u32(body_, value.size());
  append(body_, value);
  return *this;
}

ByteView BodyReader::take(std::size_t size) {
  if (!ok_ || rest_.size() < size) {
    ok_ = false;
    return {};
  }
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

std::uint8_t BodyReader::u8() {
  const ByteView raw = take(1);
  return raw.empty() ? 0 : raw[0];
}

std::uint64_t BodyReader::u64() {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : take(8)) value = value << 8U | byte;
  return value;
}

ByteView BodyReader::bytes(std::size_t max_size) {
  const ByteView length = take(4);
  if (length.empty()) return {};
  const std::size_t size = read_u32(length.data());
  if (size > max_size) {
    ok_ = false;
    return {};
  }
  return take(size);
}

}  // namespace custody::ledger::network
