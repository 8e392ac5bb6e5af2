// Bech32 (BIP-173) and Bech32m (BIP-350) text encodings: human-readable part, separator '1', groups of 5
// bits, checksum. Used by Bitcoin addresses and by the ledger's own. Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace custody::bech32 {

enum class Variant { kBech32, kBech32m };

constexpr std::size_t kMaxLength =
    90;  // characters; beyond it the checksum no longer finds every 4 errors (BIP-173)

struct Decoded {
  std::string hrp;  // lower case
  Bytes data5;      // values 0..31, without the checksum
  Variant variant = Variant::kBech32m;
};

// Lower-case text. kInvalid: an hrp that is empty, longer than 83 characters, has upper case or is not
// printable ASCII; a value above 31; a text longer than max_length characters.
Result<std::string> encode(std::string_view hrp, ByteView data5, Variant variant,
                           std::size_t max_length = kMaxLength);

// Strict: either case but not mixed, at most max_length characters, a correct checksum of either variant.
Result<Decoded> decode(std::string_view text, std::size_t max_length = kMaxLength);

// Regroups bits, most significant first; from_bits and to_bits are 1..8. With pad the last group is filled
// with zeros; without, left-over bits must be zero and fewer than from_bits (BIP-173). kInvalid otherwise.
Result<Bytes> convert_bits(ByteView data, unsigned from_bits, unsigned to_bits, bool pad);

// The same for whole bytes under a prefix that the caller expects; decode_bytes names both prefixes when they
// differ.
Result<std::string> encode_bytes(std::string_view hrp, ByteView bytes, Variant variant,
                                 std::size_t max_length = kMaxLength);
Result<Bytes> decode_bytes(std::string_view text, std::string_view hrp, Variant variant,
                           std::size_t max_length = kMaxLength);

}  // namespace custody::bech32
