#include "ledger/chains/bitcoin/base58.h"

#include <algorithm>

#include "base/crypto/hash.h"

namespace custody::ledger::chains::bitcoin {
namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kChecksumSize = 4;

// number * factor + carry over digits of the given base, least significant first.
void multiply_add(Bytes& digits, unsigned base, unsigned factor, unsigned carry) {
  for (std::uint8_t& digit : digits) {
    carry += digit * factor;
    digit = static_cast<std::uint8_t>(carry % base);
    carry /= base;
  }
  for (; carry > 0; carry /= base) digits.push_back(static_cast<std::uint8_t>(carry % base));
}

}  // namespace

std::string base58_encode(ByteView bytes) {
  Bytes digits;
  for (const std::uint8_t byte : bytes) multiply_add(digits, 58, 256, byte);
  const auto first = std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b != 0; });
  std::string out(static_cast<std::size_t>(first - bytes.begin()), kAlphabet[0]);
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) out += kAlphabet[*digit];
  return out;
}

Result<Bytes> base58_decode(std::string_view text, std::size_t max_size) {
  // A digit carries log2(58) > 5.85 bits, so max_size bytes need at most 138 % as many digits.
  if (text.size() > max_size * 138 / 100 + 1) {
    return invalid("base58: longer than " + std::to_string(max_size) + " bytes can be");
  }
  Bytes reversed;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t value = kAlphabet.find(text[i]);
    if (value == std::string_view::npos) {
      return invalid("base58: character " + std::to_string(i + 1) + " does not belong to the alphabet");
    }
    multiply_add(reversed, 256, 58, static_cast<unsigned>(value));
  }
  const std::size_t leading = std::min(text.find_first_not_of(kAlphabet[0]), text.size());
  reversed.resize(reversed.size() + leading, 0);
  if (reversed.size() > max_size) {
    return invalid("base58: " + std::to_string(reversed.size()) + " bytes, at most " +
                   std::to_string(max_size) + " are allowed");
  }
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

std::string base58check_encode(ByteView payload) {
  Bytes whole = to_bytes(payload);
  append(whole, crypto::sha256d(payload).view().first(kChecksumSize));
  return base58_encode(whole);
}

Result<Bytes> base58check_decode(std::string_view text, std::size_t max_size) {
  ASSIGN_OR_RETURN(Bytes whole, base58_decode(text, max_size + kChecksumSize));
  if (whole.size() < kChecksumSize) return invalid("base58check: too short for a checksum");
  const ByteView payload = ByteView(whole).first(whole.size() - kChecksumSize);
  if (!equal(crypto::sha256d(payload).view().first(kChecksumSize), ByteView(whole).last(kChecksumSize))) {
    return invalid("base58check: the checksum is wrong", "check the text for a typing mistake");
  }
  whole.resize(payload.size());
  return whole;
}

}  // namespace custody::ledger::chains::bitcoin
