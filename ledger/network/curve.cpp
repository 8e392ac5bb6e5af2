#include "ledger/network/curve.h"

#include <sys/stat.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace custody::ledger::network {
namespace {

constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kZ85Size = 40;
using Z85Text = std::array<char, kZ85Size + 1>;

void wipe_text(Z85Text& text) {
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

Result<CurvePublicKey> derive_public_key(ByteView secret) {
  Z85Text secret_text{};
  Z85Text public_text{};
  if (zmq_z85_encode(secret_text.data(), secret.data(), secret.size()) == nullptr) {
    return invalid("a CURVE secret key has 32 bytes");
  }
  const int derived = zmq_curve_public(public_text.data(), secret_text.data());
  wipe_text(secret_text);
  if (derived != 0) return internal_error("libzmq cannot derive CURVE keys: it was built without CURVE");
  return curve_public_key_from_z85({public_text.data(), kZ85Size});
}

std::uint8_t nibble_to_hex(unsigned value) {
  return static_cast<std::uint8_t>("0123456789abcdef"[value & 15U]);
}

Result<std::uint8_t> hex_to_nibble(std::uint8_t digit) {
  if (digit >= '0' && digit <= '9') return static_cast<std::uint8_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<std::uint8_t>(digit - 'a' + 10);
  return invalid("not a lower-case hex digit");
}

Result<SecretBytes> decode_secret(ByteView hex) {
  SecretBytes secret(kSecretSize);
  for (std::size_t i = 0; i < kSecretSize; ++i) {
    ASSIGN_OR_RETURN(const std::uint8_t high, hex_to_nibble(hex[2 * i]));
    ASSIGN_OR_RETURN(const std::uint8_t low, hex_to_nibble(hex[2 * i + 1]));
    secret.span()[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return secret;
}

}  // namespace

Result<CurveKeyPair> generate_curve_key_pair() {
  Z85Text public_text{};
  Z85Text secret_text{};
  if (zmq_curve_keypair(public_text.data(), secret_text.data()) != 0) {
    return internal_error("libzmq cannot make CURVE keys: it was built without CURVE");
  }
  CurveKeyPair pair;
  pair.secret_key = SecretBytes(kSecretSize);
  const bool decoded = zmq_z85_decode(pair.secret_key.span().data(), secret_text.data()) != nullptr;
  wipe_text(secret_text);
  if (!decoded) return internal_error("libzmq returned a CURVE key that is not Z85");
  ASSIGN_OR_RETURN(pair.public_key, curve_public_key_from_z85({public_text.data(), kZ85Size}));
  return pair;
}

std::string to_z85(const CurvePublicKey& key) {
  Z85Text text{};
  CHECK(zmq_z85_encode(text.data(), key.data(), key.size()) != nullptr);
  return {text.data(), kZ85Size};
}

Result<CurvePublicKey> curve_public_key_from_z85(std::string_view text) {
  const Status wrong = invalid("a CURVE public key in Z85 has exactly 40 characters of the Z85 alphabet");
  if (text.size() != kZ85Size) return wrong;
  Z85Text terminated{};
  std::memcpy(terminated.data(), text.data(), kZ85Size);
  CurvePublicKey key;
  if (zmq_z85_decode(key.data(), terminated.data()) == nullptr) return wrong;
  if (to_z85(key) != text) return wrong;  // libzmq decodes some characters outside the alphabet
  return key;
}

Status write_curve_key_file(const std::string& path, const CurveKeyPair& pair) {
  SecretBytes text(2 * kSecretSize + 1);
  const auto out = text.span();
  for (std::size_t i = 0; i < kSecretSize; ++i) {
    const unsigned byte = pair.secret_key.view()[i];
    out[2 * i] = nibble_to_hex(byte >> 4U);
    out[2 * i + 1] = nibble_to_hex(byte);
  }
  out.back() = '\n';
  return write_file_atomic(path, text.view(), 0600).with_context("writing the CURVE key file");
}

Result<CurveKeyPair> read_curve_key_file(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return not_found("CURVE key file " + path + " does not exist");
    return io_error_errno("CURVE key file " + path, errno);
  }
  if ((info.st_mode & 0077U) != 0) {
    return refused("CURVE key file " + path + " may be read by other users", "run: chmod 600 " + path);
  }
  ASSIGN_OR_RETURN(Bytes text, read_file(path, 1024));
  std::size_t size = text.size();
  if (size == 2 * kSecretSize + 1 && text.back() == '\n') --size;
  auto secret = size == 2 * kSecretSize ? decode_secret(ByteView(text).first(size))
                                        : Result<SecretBytes>(corrupt("wrong length"));
  wipe(text);
  if (!secret.ok()) {
    return corrupt("CURVE key file " + path + " is damaged or of another format",
                   "restore it from a backup, or make a new key and register it");
  }
  CurveKeyPair pair;
  ASSIGN_OR_RETURN(pair.public_key, derive_public_key(secret->view()));
  pair.secret_key = std::move(secret).value();
  return pair;
}

}  // namespace custody::ledger::network
