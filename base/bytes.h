// Byte strings and fixed-size byte values. Thread-safety: values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace custody {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

std::string to_hex(ByteView bytes);           // lower case
std::string to_hex_reversed(ByteView bytes);  // lower case, last byte first (Bitcoin's RPC order)
// For a terminal: every byte but printable ASCII becomes \xNN, so that no text can move the cursor or fake a
// line.
std::string to_printable(std::string_view text);
Result<Bytes> from_hex(std::string_view text);  // even length, either case; kInvalid otherwise

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}
inline Bytes to_bytes(std::string_view text) {
  return to_bytes(as_bytes(text));
}
inline void append(Bytes& out, ByteView more) {
  out.insert(out.end(), more.begin(), more.end());
}
bool equal(ByteView a, ByteView b);  // not constant time: for public data

// N bytes with a meaning. Tag keeps a block hash from being passed for a key.
template <std::size_t N, typename Tag>
class FixedBytes {
 public:
  static constexpr std::size_t kSize = N;

  constexpr FixedBytes() = default;  // all zero
  constexpr explicit FixedBytes(const std::array<std::uint8_t, N>& bytes) : bytes_(bytes) {}

  static Result<FixedBytes> from(ByteView view) {
    if (view.size() != N) {
      return invalid("expected " + std::to_string(N) + " bytes, got " + std::to_string(view.size()));
    }
    FixedBytes out;
    std::memcpy(out.bytes_.data(), view.data(), N);
    return out;
  }
  static Result<FixedBytes> from_hex(std::string_view text) {
    auto raw = custody::from_hex(text);
    if (!raw.ok()) return raw.status();
    return from(*raw);
  }

  const std::uint8_t* data() const { return bytes_.data(); }
  std::uint8_t* data() { return bytes_.data(); }
  static constexpr std::size_t size() { return N; }
  const std::array<std::uint8_t, N>& array() const { return bytes_; }
  ByteView view() const { return {bytes_.data(), N}; }
  operator ByteView() const { return view(); }  // NOLINT(google-explicit-constructor): a view of itself
  std::string hex() const { return to_hex(view()); }
  bool is_zero() const { return *this == FixedBytes(); }

  friend auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
  friend bool operator==(const FixedBytes&, const FixedBytes&) = default;

 private:
  std::array<std::uint8_t, N> bytes_{};
};

struct HashTag;
using Hash256 = FixedBytes<32, HashTag>;  // SHA-256 output, internal byte order
struct PublicKeyTag;
using PublicKey = FixedBytes<33, PublicKeyTag>;  // secp256k1, compressed SEC1
struct SignatureTag;
using Signature = FixedBytes<64, SignatureTag>;  // ECDSA r || s, big endian, low S

}  // namespace custody

template <std::size_t N, typename Tag>
struct std::hash<custody::FixedBytes<N, Tag>> {
  std::size_t operator()(const custody::FixedBytes<N, Tag>& value) const {
    return std::hash<std::string_view>{}(custody::as_text(value.view()));
  }
};
