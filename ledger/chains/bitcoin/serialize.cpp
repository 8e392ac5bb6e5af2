#include "ledger/chains/bitcoin/serialize.h"

#include <algorithm>

namespace custody::ledger::chains::bitcoin {

Status Reader::fail(std::string_view what) const {
  return invalid("bitcoin encoding: " + std::string(what) + " at byte " + std::to_string(offset_));
}

Result<ByteView> Reader::bytes(std::size_t size) {
  if (size > remaining()) return fail("truncated");
  const ByteView out = data_.subspan(offset_, size);
  offset_ += size;
  return out;
}

Result<std::uint64_t> Reader::little_endian(std::size_t size) {
  ASSIGN_OR_RETURN(const ByteView raw, bytes(size));
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | raw[i];
  return value;
}

Result<std::uint8_t> Reader::u8() {
  ASSIGN_OR_RETURN(const std::uint64_t value, little_endian(1));
  return static_cast<std::uint8_t>(value);
}

Result<std::uint32_t> Reader::u32() {
  ASSIGN_OR_RETURN(const std::uint64_t value, little_endian(4));
  return static_cast<std::uint32_t>(value);
}

Result<std::uint64_t> Reader::u64() {
  return little_endian(8);
}

Result<Hash256> Reader::hash() {
  ASSIGN_OR_RETURN(const ByteView raw, bytes(Hash256::kSize));
  return Hash256::from(raw);
}

Result<std::uint64_t> Reader::compact_size() {
  ASSIGN_OR_RETURN(const std::uint8_t first, u8());
  if (first < 0xfd) return std::uint64_t{first};
  const std::size_t size = std::size_t{2} << (first - 0xfd);
  ASSIGN_OR_RETURN(const std::uint64_t value, little_endian(size));
  if (compact_size_length(value) != 1 + size) return fail("compact size not minimal");
  return value;
}

Result<std::size_t> Reader::count(std::size_t min_item_size) {
  CHECK(min_item_size >= 1);
  ASSIGN_OR_RETURN(const std::uint64_t value, compact_size());
  if (value > remaining() / min_item_size) return fail("a count exceeds what follows");
  return static_cast<std::size_t>(value);
}

Result<ByteView> Reader::var_bytes() {
  ASSIGN_OR_RETURN(const std::size_t size, count(1));
  return bytes(size);
}

std::uint8_t Reader::peek(std::size_t ahead) const {
  return ahead < remaining() ? data_[offset_ + ahead] : std::uint8_t{0};
}

Status Reader::finish() const {
  return remaining() == 0 ? ok_status() : fail("trailing bytes");
}

Writer& Writer::little_endian(std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  return *this;
}

Writer& Writer::u8(std::uint8_t value) {
  return little_endian(value, 1);
}
Writer& Writer::u32(std::uint32_t value) {
  return little_endian(value, 4);
}
Writer& Writer::u64(std::uint64_t value) {
  return little_endian(value, 8);
}

Writer& Writer::bytes(ByteView data) {
  append(out_, data);
  return *this;
}

Writer& Writer::compact_size(std::uint64_t value) {
  const std::size_t length = compact_size_length(value);
  if (length == 1) return little_endian(value, 1);
  const auto prefix = static_cast<std::uint8_t>(length == 3 ? 0xfd : length == 5 ? 0xfe : 0xff);
  return u8(prefix).little_endian(value, length - 1);
}

Writer& Writer::var_bytes(ByteView data) {
  return compact_size(data.size()).bytes(data);
}

std::size_t compact_size_length(std::uint64_t value) {
  if (value < 0xfd) return 1;
  if (value <= 0xffff) return 3;
  return value <= 0xffffffff ? 5 : 9;
}

std::string to_rpc_hex(const Hash256& hash) {
  return to_hex_reversed(hash);
}

Result<Hash256> from_rpc_hex(std::string_view text) {
  if (text.size() != 2 * Hash256::kSize) return invalid("expected 64 hexadecimal digits of a hash");
  ASSIGN_OR_RETURN(Bytes raw, from_hex(text));
  std::reverse(raw.begin(), raw.end());
  return Hash256::from(raw);
}

}  // namespace custody::ledger::chains::bitcoin
