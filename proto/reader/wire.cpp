#include "proto/reader/wire.h"

namespace custody::proto::reader {

void put_varint(Bytes& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::uint8_t>(value));
}

Result<std::uint64_t> Cursor::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (position_ == data_.size()) return invalid("cut off inside a number");
    const std::uint8_t byte = data_[position_++];
    if (shift == 63 && byte > 1) return invalid("number above 64 bits");
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      if (byte == 0 && shift > 0) return invalid("number not in its shortest form");
      return value;
    }
  }
  return invalid("number above 64 bits");
}

Result<bool> Cursor::next_is(std::uint32_t field, Wire wire) {
  if (at_end()) return false;
  const std::size_t start = position_;
  ASSIGN_OR_RETURN(const std::uint64_t tag, varint());
  if (tag >> 3 != field) {
    position_ = start;
    return false;
  }
  if ((tag & 7) != static_cast<std::uint64_t>(wire)) return invalid("wrong wire type");
  return true;
}

Result<ByteView> Cursor::length_delimited(std::size_t max_size) {
  ASSIGN_OR_RETURN(const std::uint64_t size, varint());
  if (size > max_size) return invalid("longer than " + std::to_string(max_size) + " bytes");
  if (size > data_.size() - position_) return invalid("cut off");
  const ByteView out = data_.subspan(position_, static_cast<std::size_t>(size));
  position_ += static_cast<std::size_t>(size);
  return out;
}

Status Cursor::finish(std::string_view message) const {
  if (at_end()) return ok_status();
  return invalid("unknown, repeated or misplaced field in " + std::string(message) + " at byte " +
                 std::to_string(position_));
}

void Decoder::fail(std::uint32_t number, const std::string& what) {
  if (status_.ok()) status_ = invalid("field " + std::to_string(number) + ": " + what);
}

bool Decoder::expect(std::uint32_t number, Wire wire) {
  if (!status_.ok()) return false;
  auto present = cursor_.next_is(number, wire);
  if (!present.ok()) {
    fail(number, present.status().message());
    return false;
  }
  return *present;
}

ByteView Decoder::take(std::uint32_t number, std::size_t max_size) {
  auto raw = cursor_.length_delimited(max_size);
  if (!raw.ok()) {
    fail(number, raw.status().message());
    return {};
  }
  return *raw;
}

std::uint64_t Decoder::nonzero_varint(std::uint32_t number) {
  auto raw = cursor_.varint();
  if (!raw.ok()) {
    fail(number, raw.status().message());
    return 0;
  }
  if (*raw == 0) fail(number, "zero must be left out");
  return *raw;
}

void Decoder::bytes(std::uint32_t number, Bytes& value, std::size_t max_size) {
  value.clear();
  if (!expect(number, Wire::kLength)) return;
  const ByteView raw = take(number, max_size);
  if (!status_.ok()) return;
  if (raw.empty()) return fail(number, "an empty value must be left out");
  value.assign(raw.begin(), raw.end());
}

}  // namespace custody::proto::reader
