#include "base/crypto/hash.h"

#include <botan/hash.h>
#include <openssl/evp.h>

#include <memory>

namespace custody::crypto {
namespace {

// Fetched once per process and never freed: a fetch costs more than hashing a Merkle node.
const EVP_MD* fetch(const char* name) {
  const EVP_MD* md = EVP_MD_fetch(nullptr, name, nullptr);
  CHECK(md != nullptr);
  return md;
}
const EVP_MD* sha256_md() {
  static const EVP_MD* const md = fetch("SHA256");
  return md;
}
const EVP_MD* ripemd160_md() {
  static const EVP_MD* const md = fetch("RIPEMD160");
  return md;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

Context new_context() {
  Context context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  return context;
}

// The hash functions cannot fail on input; a failure is a broken library.
void start(EVP_MD_CTX* context, const EVP_MD* md) {
  CHECK(EVP_DigestInit_ex2(context, md, nullptr) == 1);
}
void feed(EVP_MD_CTX* context, ByteView data) {
  if (!data.empty()) CHECK(EVP_DigestUpdate(context, data.data(), data.size()) == 1);
}
template <typename Digest>
Digest finish(EVP_MD_CTX* context) {
  Digest out;
  unsigned size = 0;
  CHECK(EVP_DigestFinal_ex(context, out.data(), &size) == 1 && size == Digest::kSize);
  return out;
}

EVP_MD_CTX* sha256_context() {
  thread_local const Context context = new_context();
  return context.get();
}
EVP_MD_CTX* ripemd160_context() {
  thread_local const Context context = new_context();
  return context.get();
}

}  // namespace

Hash256 sha256(ByteView data) {
  EVP_MD_CTX* context = sha256_context();
  start(context, sha256_md());
  feed(context, data);
  return finish<Hash256>(context);
}

Hash256 sha256(std::initializer_list<ByteView> parts) {
  EVP_MD_CTX* context = sha256_context();
  start(context, sha256_md());
  for (const ByteView part : parts) feed(context, part);
  return finish<Hash256>(context);
}

Hash256 sha256d(ByteView data) {
  return sha256(sha256(data));
}

Hash160 hash160(ByteView data) {
  const Hash256 inner = sha256(data);
  EVP_MD_CTX* context = ripemd160_context();
  start(context, ripemd160_md());
  feed(context, inner);
  return finish<Hash160>(context);
}

Hash256 keccak256(ByteView data) {
  thread_local const std::unique_ptr<Botan::HashFunction> keccak =
      Botan::HashFunction::create("Keccak-1600(256)");
  CHECK(keccak != nullptr);
  Hash256 out;
  keccak->update(data.data(), data.size());
  keccak->final(out.data());  // also resets it
  return out;
}

Hash256 tagged_hash(std::string_view tag, ByteView data) {
  const Hash256 prefix = sha256(as_bytes(tag));
  return sha256({prefix, prefix, data});
}

Sha256::Sha256() : context_(new_context().release()) {
  start(static_cast<EVP_MD_CTX*>(context_), sha256_md());
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

Sha256& Sha256::update(ByteView data) {
  feed(static_cast<EVP_MD_CTX*>(context_), data);
  return *this;
}

Hash256 Sha256::finish() {
  return crypto::finish<Hash256>(static_cast<EVP_MD_CTX*>(context_));
}

}  // namespace custody::crypto
