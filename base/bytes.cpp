#include "base/bytes.h"

#include <algorithm>

namespace custody {
namespace {
constexpr char kDigits[] = "0123456789abcdef";

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
}  // namespace

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t b : bytes) {
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

std::string to_hex_reversed(ByteView bytes) {
  Bytes copy(bytes.begin(), bytes.end());
  std::reverse(copy.begin(), copy.end());
  return to_hex(copy);
}

std::string to_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const std::uint8_t byte : as_bytes(text)) {
    if (byte >= 0x20 && byte < 0x7f) {
      out.push_back(static_cast<char>(byte));
    } else {
      out += "\\x";
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    }
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return invalid("hex text has an odd number of characters");
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int high = nibble(text[i]);
    int low = nibble(text[i + 1]);
    if (high < 0 || low < 0) return invalid("not a hex character at position " + std::to_string(i));
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

bool equal(ByteView a, ByteView b) {
  return std::ranges::equal(a, b);
}

}  // namespace custody
