// Internal: frames between the node and a peer process over a stream socket: length u32 big endian (of type
// and body), type u8, body. The node treats what a peer process sends as hostile. Thread-safety: one thread
// per object.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace custody::ledger::network {

enum class FrameType : std::uint8_t {
  // node -> peer process
  kConfigure = 1,
  kSend = 2,         // body: a message for the peer
  kSetEndpoint = 3,  // body: where the peer listens
  // peer process -> node
  kReady = 16,
  kFailed = 17,
  kReceived = 18,  // body: a message of the peer
  kNotice = 19,
  kCounters = 20,
};

struct Frame {
  FrameType type;
  ByteView body;  // valid until the reader is used again
};

inline constexpr std::size_t kFrameOverhead = 5;

void append_frame(Bytes& out, FrameType type, ByteView body);

// Cuts frames out of what a descriptor delivers, in a buffer of fixed size.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_body);

  enum class Fill { kData, kEmpty, kClosed };
  // One read(2) without blocking. kEmpty also when the buffer is full: take the frames out first.
  Fill fill(int fd);
  // The next complete frame; nullopt when more bytes are needed; kCorrupt for an empty or oversize frame.
  Result<std::optional<Frame>> next();

 private:
  std::size_t max_body_;
  std::size_t capacity_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Bytes waiting to be written to a descriptor.
class WriteQueue {
 public:
  std::size_t size() const { return bytes_.size() - written_; }
  bool empty() const { return size() == 0; }
  void push(FrameType type, ByteView body);
  void clear();
  // Writes what the descriptor takes without blocking. False: the other side is gone.
  bool flush(int fd);

 private:
  Bytes bytes_;
  std::size_t written_ = 0;
};

// Field by field encoding of frame bodies: integers big endian, strings and bytes behind a u32 length.
class BodyWriter {
 public:
  BodyWriter& u8(std::uint8_t value);
  BodyWriter& u64(std::uint64_t value);
  BodyWriter& bytes(ByteView value);
  BodyWriter& text(std::string_view value) { return bytes(as_bytes(value)); }
  const Bytes& body() const { return body_; }
  Bytes& body() { return body_; }

 private:
  Bytes body_;
};

// After the last field, ok() tells whether every field was there and nothing was left over.
class BodyReader {
 public:
  explicit BodyReader(ByteView body) : rest_(body) {}
  std::uint8_t u8();
  std::uint64_t u64();
  ByteView bytes(std::size_t max_size);
  std::string text(std::size_t max_size) { return std::string(as_text(bytes(max_size))); }
  bool ok() const { return ok_ && rest_.empty(); }

 private:
  ByteView take(std::size_t size);
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace custody::ledger::network
