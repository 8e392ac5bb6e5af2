#include "base/crypto/sealed.h"

#include <openssl/evp.h>

#include <memory>

namespace custody::crypto {
namespace {

constexpr std::string_view kMagic = "CSEAL1";
constexpr std::uint8_t kBlockSize = 8;    // scrypt's r
constexpr std::uint8_t kParallelism = 1;  // scrypt's p
constexpr std::size_t kSaltAt = kMagic.size() + 3;
constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kNonceAt = kSaltAt + kSaltSize;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kHeaderSize = kNonceAt + kNonceSize;
constexpr std::size_t kTagSize = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

Result<SecretBytes> derive_key(const SecretBytes& password, ByteView salt, unsigned log2_n) {
  const std::uint64_t n = std::uint64_t{1} << log2_n;
  const std::uint64_t memory = std::uint64_t{128} * kBlockSize * (n + kParallelism + 2);
  SecretBytes key(std::size_t{32});
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(password.view().data()), password.size(), salt.data(),
                     salt.size(), n, kBlockSize, kParallelism, memory, key.span().data(), key.size()) != 1) {
    return exhausted("scrypt needs " + std::to_string(memory >> 20) + " MiB of memory",
                     "free memory and try again");
  }
  return key;
}

Cipher gcm(const SecretBytes& key, ByteView header, bool encrypt) {
  Cipher context(EVP_CIPHER_CTX_new());
  CHECK(context != nullptr);
  CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.view().data(),
                          header.data() + kNonceAt, encrypt ? 1 : 0) == 1);
  int size = 0;
  CHECK(EVP_CipherUpdate(context.get(), nullptr, &size, header.data(), static_cast<int>(header.size())) == 1);
  return context;
}

void transform(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  if (in.empty()) return;
  int size = 0;
  CHECK(EVP_CipherUpdate(context, out, &size, in.data(), static_cast<int>(in.size())) == 1);
  CHECK(static_cast<std::size_t>(size) == in.size());
}

Bytes make_header(Entropy& entropy, unsigned log2_n) {
  Bytes header = to_bytes(kMagic);
  header.push_back(static_cast<std::uint8_t>(log2_n));
  header.push_back(kBlockSize);
  header.push_back(kParallelism);
  header.resize(kHeaderSize);
  entropy.fill(std::span(header).subspan(kSaltAt));
  return header;
}

Status check_header(ByteView sealed) {
  if (sealed.size() < kHeaderSize + kTagSize || !equal(sealed.first(kMagic.size()), as_bytes(kMagic))) {
    return invalid("not a sealed secret", "give a file that begins with " + std::string(kMagic));
  }
  if (sealed.size() > kHeaderSize + kMaxSealedSecret + kTagSize) return invalid("sealed secret too long");
  const unsigned log2_n = sealed[kMagic.size()];
  if (log2_n < kMinLog2N || log2_n > kMaxLog2N || sealed[kMagic.size() + 1] != kBlockSize ||
      sealed[kMagic.size() + 2] != kParallelism) {
    return invalid("sealed secret with scrypt parameters out of bounds");
  }
  return ok_status();
}

}  // namespace

Result<Bytes> seal(const SecretBytes& secret, const SecretBytes& password, Entropy& entropy,
                   unsigned log2_n) {
  if (secret.size() > kMaxSealedSecret) return invalid("secret too long to be sealed");
  if (log2_n < kMinLog2N || log2_n > kMaxLog2N) return invalid("scrypt cost out of bounds");
  Bytes out = make_header(entropy, log2_n);
  ASSIGN_OR_RETURN(const SecretBytes key,
                   derive_key(password, ByteView(out).subspan(kSaltAt, kSaltSize), log2_n));
  const Cipher context = gcm(key, out, true);
  out.resize(kHeaderSize + secret.size() + kTagSize);
  std::uint8_t* tag = out.data() + kHeaderSize + secret.size();
  transform(context.get(), secret.view(), out.data() + kHeaderSize);
  int size = 0;
  CHECK(EVP_CipherFinal_ex(context.get(), tag, &size) == 1 && size == 0);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1);
  return out;
}

Result<SecretBytes> open(ByteView sealed, const SecretBytes& password) {
  TRY(check_header(sealed));
  const ByteView header = sealed.first(kHeaderSize);
  const ByteView ciphertext = sealed.subspan(kHeaderSize, sealed.size() - kHeaderSize - kTagSize);
  Bytes tag = to_bytes(sealed.last(kTagSize));
  ASSIGN_OR_RETURN(const SecretBytes key,
                   derive_key(password, header.subspan(kSaltAt, kSaltSize), header[kMagic.size()]));
  const Cipher context = gcm(key, header, false);
  SecretBytes secret(ciphertext.size());
  transform(context.get(), ciphertext, secret.span().data());
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1);
  int size = 0;
  if (EVP_CipherFinal_ex(context.get(), tag.data(), &size) != 1) {
    return unauthenticated("wrong password, or the sealed secret was changed");
  }
  return secret;
}

}  // namespace custody::crypto
