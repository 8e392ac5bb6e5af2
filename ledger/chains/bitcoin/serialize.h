// Bitcoin's wire encoding: little-endian integers, compact sizes, length-prefixed byte strings. The reader is
// strict: a compact size must be minimal, every count is checked against what is left before anything is
// allocated, and finish() demands that all was consumed. Thread-safety: values.
#pragma once

#include "base/bytes.h"

namespace custody::ledger::chains::bitcoin {

// Reads from a view that must outlive it. Every error is kInvalid and names the byte offset.
class Reader {
 public:
  explicit Reader(ByteView data) : data_(data) {}

  Result<std::uint8_t> u8();
  Result<std::uint32_t> u32();
  Result<std::uint64_t> u64();
  Result<Hash256> hash();
  Result<ByteView> bytes(std::size_t size);
  Result<std::uint64_t> compact_size();
  // A number of items, each at least min_item_size (>= 1) bytes on the wire: refused when that many cannot
  // follow.
  Result<std::size_t> count(std::size_t min_item_size);
  Result<ByteView> var_bytes();  // compact size, then that many bytes

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return data_.size() - offset_; }
  std::uint8_t peek(std::size_t ahead = 0) const;  // 0 when there is none
  Status finish() const;                           // refuses trailing bytes

 private:
  Result<std::uint64_t> little_endian(std::size_t size);
  Status fail(std::string_view what) const;

  ByteView data_;
  std::size_t offset_ = 0;
};

// Appends to a byte string.
class Writer {
 public:
  Writer& u8(std::uint8_t value);
  Writer& u32(std::uint32_t value);
  Writer& u64(std::uint64_t value);
  Writer& bytes(ByteView data);
  Writer& compact_size(std::uint64_t value);
  Writer& var_bytes(ByteView data);

  const Bytes& view() const { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  Writer& little_endian(std::uint64_t value, std::size_t size);
  Bytes out_;
};

std::size_t compact_size_length(std::uint64_t value);  // 1, 3, 5 or 9

// Hashes as shown by RPC and block explorers: last byte first.
std::string to_rpc_hex(const Hash256& hash);
Result<Hash256> from_rpc_hex(std::string_view text);

}  // namespace custody::ledger::chains::bitcoin
