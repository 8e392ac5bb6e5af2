#include "base/bech32.h"

#include <algorithm>
#include <array>

namespace custody::bech32 {
namespace {

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kChecksumLength = 6;
constexpr std::size_t kMaxHrpLength = 83;

constexpr std::array<std::int8_t, 128> make_reverse_alphabet() {
  std::array<std::int8_t, 128> table{};
  for (auto& entry : table) entry = -1;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr std::array<std::int8_t, 128> kReverse = make_reverse_alphabet();

std::uint32_t checksum_constant(Variant variant) {
  return variant == Variant::kBech32 ? 1u : 0x2bc830a3u;
}

// One step of the BCH code over GF(32) of BIP-173.
std::uint32_t polymod_step(std::uint32_t state, std::uint8_t value) {
  constexpr std::array<std::uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                       0x2a1462b3};
  const std::uint32_t top = state >> 25;
  state = ((state & 0x1ffffff) << 5) ^ value;
  for (unsigned i = 0; i < kGenerator.size(); ++i) {
    if ((top >> i) & 1u) state ^= kGenerator[i];
  }
  return state;
}

std::uint32_t polymod(std::string_view hrp, ByteView values) {
  std::uint32_t state = 1;
  for (const char c : hrp) state = polymod_step(state, static_cast<std::uint8_t>(c) >> 5);
  state = polymod_step(state, 0);
  for (const char c : hrp) state = polymod_step(state, static_cast<std::uint8_t>(c) & 31);
  for (const std::uint8_t value : values) state = polymod_step(state, value);
  return state;
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_printable(char c) {
  return c >= 33 && c <= 126;
}

Status check_hrp(std::string_view hrp) {
  if (hrp.empty()) return invalid("bech32: the human-readable part is empty");
  if (hrp.size() > kMaxHrpLength)
    return invalid("bech32: the human-readable part is longer than 83 characters");
  if (!std::all_of(hrp.begin(), hrp.end(), is_printable)) {
    return invalid("bech32: the human-readable part has a character outside printable ASCII");
  }
  return ok_status();
}

std::string_view variant_name(Variant variant) {
  return variant == Variant::kBech32 ? "bech32" : "bech32m";
}

}  // namespace

Result<std::string> encode(std::string_view hrp, ByteView data5, Variant variant, std::size_t max_length) {
  TRY(check_hrp(hrp));
  if (std::any_of(hrp.begin(), hrp.end(), is_upper)) {
    return invalid("bech32: the human-readable part must be lower case");
  }
  const std::size_t length = hrp.size() + 1 + data5.size() + kChecksumLength;
  if (length > max_length) {
    return invalid("bech32: the text would have " + std::to_string(length) + " characters, at most " +
                   std::to_string(max_length) + " are allowed");
  }
  if (std::any_of(data5.begin(), data5.end(), [](std::uint8_t v) { return v > 31; })) {
    return invalid("bech32: a data value is above 31");
  }
  Bytes values = to_bytes(data5);
  values.resize(values.size() + kChecksumLength, 0);
  const std::uint32_t checksum = polymod(hrp, values) ^ checksum_constant(variant);
  for (std::size_t i = 0; i < kChecksumLength; ++i) {
    values[data5.size() + i] = static_cast<std::uint8_t>((checksum >> (5 * (5 - i))) & 31);
  }
  std::string text(hrp);
  text += '1';
  for (const std::uint8_t value : values) text += kAlphabet[value];
  return text;
}

Result<Decoded> decode(std::string_view text, std::size_t max_length) {
  if (text.size() > max_length) {
    return invalid("bech32: " + std::to_string(text.size()) + " characters, at most " +
                   std::to_string(max_length) + " are allowed");
  }
  const bool upper = std::any_of(text.begin(), text.end(), is_upper);
  if (upper && std::any_of(text.begin(), text.end(), is_lower)) return invalid("bech32: mixed case");
  const std::size_t separator = text.rfind('1');
  if (separator == std::string_view::npos) return invalid("bech32: no separator '1'");
  TRY(check_hrp(text.substr(0, separator)));
  const std::string_view data = text.substr(separator + 1);
  if (data.size() < kChecksumLength) return invalid("bech32: the checksum is too short");

  Decoded out;
  out.hrp = text.substr(0, separator);
  if (upper) {
    for (char& c : out.hrp) c = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    const char c = is_upper(data[i]) ? static_cast<char>(data[i] - 'A' + 'a') : data[i];
    const std::int8_t value = is_printable(c) ? kReverse[static_cast<unsigned char>(c)] : std::int8_t{-1};
    if (value < 0) {
      return invalid("bech32: character " + std::to_string(separator + 2 + i) +
                     " does not belong to the alphabet");
    }
    out.data5.push_back(static_cast<std::uint8_t>(value));
  }
  const std::uint32_t residue = polymod(out.hrp, out.data5);
  if (residue == checksum_constant(Variant::kBech32)) {
    out.variant = Variant::kBech32;
  } else if (residue == checksum_constant(Variant::kBech32m)) {
    out.variant = Variant::kBech32m;
  } else {
    return invalid("bech32: the checksum is wrong", "check the text for a typing mistake");
  }
  out.data5.resize(out.data5.size() - kChecksumLength);
  return out;
}

Result<Bytes> convert_bits(ByteView data, unsigned from_bits, unsigned to_bits, bool pad) {
  CHECK(from_bits >= 1 && from_bits <= 8 && to_bits >= 1 && to_bits <= 8);
  Bytes out;
  out.reserve(data.size() * from_bits / to_bits + 1);
  std::uint32_t accumulator = 0;
  unsigned held = 0;
  for (const std::uint8_t value : data) {
    if ((value >> from_bits) != 0) return invalid("bech32: a value has more bits than its group");
    accumulator = ((accumulator << from_bits) | value) & 0xffff;
    held += from_bits;
    while (held >= to_bits) {
      held -= to_bits;
      out.push_back(static_cast<std::uint8_t>((accumulator >> held) & ((1u << to_bits) - 1)));
    }
  }
  const std::uint32_t rest = accumulator & ((1u << held) - 1);
  if (pad) {
    if (held > 0) out.push_back(static_cast<std::uint8_t>(rest << (to_bits - held)));
    return out;
  }
  if (held >= from_bits) return invalid("bech32: a whole group of padding");
  if (rest != 0) return invalid("bech32: the padding is not zero");
  return out;
}

Result<std::string> encode_bytes(std::string_view hrp, ByteView bytes, Variant variant,
                                 std::size_t max_length) {
  ASSIGN_OR_RETURN(const Bytes data5, convert_bits(bytes, 8, 5, true));
  return encode(hrp, data5, variant, max_length);
}

Result<Bytes> decode_bytes(std::string_view text, std::string_view hrp, Variant variant,
                           std::size_t max_length) {
  ASSIGN_OR_RETURN(const Decoded decoded, decode(text, max_length));
  if (decoded.hrp != hrp) {
    return invalid("bech32: the prefix is '" + decoded.hrp + "', expected '" + std::string(hrp) + "'",
                   "use an address of this network");
  }
  if (decoded.variant != variant) {
    return invalid("bech32: the checksum is of " + std::string(variant_name(decoded.variant)) +
                   ", expected " + std::string(variant_name(variant)));
  }
  return convert_bits(decoded.data5, 5, 8, false);
}

}  // namespace custody::bech32
