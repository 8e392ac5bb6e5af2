#include "base/crypto/hash.h"

#include <botan/hash.h>
#include <openssl/evp.h>

#include <memory>

namespace custody::crypto {
namespace {

// Fetched once for the life of the process: OpenSSL 3 looks the algorithm up on every one-shot call, which
// costs three times the hash itself on small inputs.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

const EVP_MD* ripemd160_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "RIPEMD160", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

EVP_MD_CTX* thread_context() {
  thread_local const Context context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  return context.get();
}

template <typename Digest>
Digest hash_parts(const EVP_MD* algorithm, std::initializer_list<ByteView> parts) {
  EVP_MD_CTX* context = thread_context();
  CHECK(EVP_DigestInit_ex2(context, algorithm, nullptr) == 1);
  for (ByteView part : parts) CHECK(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  Digest out;
  unsigned size = 0;
  CHECK(EVP_DigestFinal_ex(context, out.data(), &size) == 1);
  CHECK(size == Digest::kSize);
  return out;
}

}  // namespace

Hash256 sha256(ByteView data) {
  return hash_parts<Hash256>(sha256_algorithm(), {data});
}
Hash256 sha256(std::initializer_list<ByteView> parts) {
  return hash_parts<Hash256>(sha256_algorithm(), parts);
}
Hash256 sha256d(ByteView data) {
  return sha256(sha256(data));
}
Hash160 hash160(ByteView data) {
  return hash_parts<Hash160>(ripemd160_algorithm(), {sha256(data)});
}

Hash256 keccak256(ByteView data) {
  thread_local const std::unique_ptr<Botan::HashFunction> hash =
      Botan::HashFunction::create_or_throw("Keccak-1600(256)");
  hash->update(data.data(), data.size());
  Hash256 out;
  hash->final(out.data());
  return out;
}

Hash256 tagged_hash(std::string_view tag, ByteView data) {
  const Hash256 tag_hash = sha256(as_bytes(tag));
  return sha256({tag_hash.view(), tag_hash.view(), data});
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK(EVP_DigestInit_ex2(static_cast<EVP_MD_CTX*>(context_), sha256_algorithm(), nullptr) == 1);
}
Sha256::~Sha256() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

Sha256& Sha256::update(ByteView data) {
  CHECK(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size()) == 1);
  return *this;
}

Hash256 Sha256::finish() {
  Hash256 out;
  CHECK(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), out.data(), nullptr) == 1);
  return out;
}

}  // namespace custody::crypto
