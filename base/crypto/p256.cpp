#include "base/crypto/p256.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <memory>

namespace custody::crypto::p256 {
namespace {

using Half = std::array<std::uint8_t, 32>;  // big endian

constexpr Half kOrder = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                         0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                         0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
// floor(n / 2): the largest low S.
constexpr Half kHalfOrder = {0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff,
                             0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b,
                             0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

template <auto Free>
struct Freed {
  void operator()(auto* object) const { Free(object); }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Pair = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

// Refused input leaves nothing in the thread's queue, which a TLS connection would take for its own error.
class ErrorsForgotten {
 public:
  ErrorsForgotten() { ERR_set_mark(); }
  ~ErrorsForgotten() { ERR_pop_to_mark(); }
  ErrorsForgotten(const ErrorsForgotten&) = delete;
  ErrorsForgotten& operator=(const ErrorsForgotten&) = delete;
};

// nullptr when it is no point of the curve; the point at infinity is none.
Key import_key(ByteView sec1) {
  const ErrorsForgotten errors;
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  CHECK(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
  std::string group = "P-256";
  Bytes point = to_bytes(sec1);
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  const int done = EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.data());
  Key owned(key);
  return done == 1 ? std::move(owned) : nullptr;
}

bool is_zero(ByteView half) {
  return std::ranges::all_of(half, [](std::uint8_t byte) { return byte == 0; });
}
bool less(ByteView a, ByteView b) {
  return std::ranges::lexicographical_compare(a, b);
}
bool in_range(ByteView scalar) {
  return !is_zero(scalar) && less(scalar, kOrder);
}
bool is_low(ByteView s) {
  return !less(kHalfOrder, s);
}

// n - s, for s below n; of public values only.
Half negate(ByteView s) {
  Half out{};
  int borrow = 0;
  for (std::size_t i = out.size(); i-- > 0;) {
    const int digit = kOrder.at(i) - s[i] - borrow;
    out.at(i) = static_cast<std::uint8_t>(digit & 0xff);
    borrow = digit < 0 ? 1 : 0;
  }
  return out;
}

// OpenSSL verifies DER only. r and s in range.
Bytes to_der(const Signature& signature) {
  const Pair pair(ECDSA_SIG_new());
  Number r(BN_bin2bn(signature.data(), 32, nullptr));
  Number s(BN_bin2bn(signature.data() + 32, 32, nullptr));
  CHECK(pair != nullptr && r != nullptr && s != nullptr);
  CHECK(ECDSA_SIG_set0(pair.get(), r.release(), s.release()) == 1);
  Bytes out(72);
  std::uint8_t* end = out.data();
  const int size = i2d_ECDSA_SIG(pair.get(), &end);
  CHECK(size > 0 && static_cast<std::size_t>(size) <= out.size());
  out.resize(static_cast<std::size_t>(size));
  return out;
}

using SecretNumber = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Freed<EC_POINT_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;

SecretNumber number_of(const SecretBytes& secret) {
  SecretNumber out(BN_secure_new());
  CHECK(out != nullptr &&
        BN_bin2bn(secret.view().data(), static_cast<int>(secret.size()), out.get()) != nullptr);
  BN_set_flags(out.get(), BN_FLG_CONSTTIME);
  return out;
}

// scalar * G, compressed.
PublicKey point_of(const SecretBytes& secret) {
  const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  CHECK(group != nullptr);
  const Point point(EC_POINT_new(group.get()));
  const SecretNumber scalar = number_of(secret);
  CHECK(point != nullptr &&
        EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) == 1);
  PublicKey out;
  CHECK(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_COMPRESSED, out.data(),
                           PublicKey::kSize, nullptr) == PublicKey::kSize);
  return out;
}

Key private_key(const SecretBytes& secret, const PublicKey& point) {
  const SecretNumber scalar = number_of(secret);
  const Builder builder(OSSL_PARAM_BLD_new());
  CHECK(builder != nullptr &&
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         PublicKey::kSize) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 1);
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  CHECK(parameters != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  CHECK(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) == 1);
  return Key(key);
}

// r || s of what OpenSSL signed.
Bytes from_der(ByteView der) {
  const std::uint8_t* at = der.data();
  const Pair pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  CHECK(pair != nullptr);
  Bytes out(Signature::kSize);
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out.data(), 32) == 32);
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out.data() + 32, 32) == 32);
  return out;
}

}  // namespace

Result<PublicKey> parse_public_key(ByteView compressed) {
  if (compressed.size() != PublicKey::kSize) {
    return invalid("a compressed public key has 33 bytes, this one has " + std::to_string(compressed.size()));
  }
  if (import_key(compressed) == nullptr) return invalid("not a point of P-256 in SEC1 form");
  return PublicKey::from(compressed);
}

Result<PublicKey> compress_public_key(ByteView sec1) {
  if (sec1.size() == PublicKey::kSize) return parse_public_key(sec1);
  // OpenSSL also reads the hybrid form (0x06, 0x07), which nobody should send us.
  if (sec1.size() != 65 || sec1[0] != 0x04 || import_key(sec1) == nullptr) {
    return invalid("not a point of P-256 in SEC1 form (" + std::to_string(sec1.size()) + " bytes)");
  }
  PublicKey out;
  out.data()[0] = (sec1[64] & 1) == 0 ? 0x02 : 0x03;
  std::copy_n(sec1.begin() + 1, 32, out.data() + 1);
  return out;
}

bool verify(const PublicKey& key, const Hash256& digest, const Signature& signature) {
  const ByteView r = signature.view().first(32);
  const ByteView s = signature.view().last(32);
  if (!in_range(r) || !in_range(s) || !is_low(s)) return false;
  const Key parsed = import_key(key);
  if (parsed == nullptr) return false;
  const ErrorsForgotten errors;
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, parsed.get(), nullptr));
  CHECK(context != nullptr && EVP_PKEY_verify_init(context.get()) == 1);
  const Bytes der = to_der(signature);
  return EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
}

Result<Signature> normalize(ByteView r_s) {
  if (r_s.size() != Signature::kSize) {
    return invalid("a signature has 64 bytes, this one has " + std::to_string(r_s.size()));
  }
  const ByteView s = r_s.last(32);
  if (!in_range(r_s.first(32)) || !in_range(s)) return invalid("signature with r or s outside of [1, n)");
  ASSIGN_OR_RETURN(Signature out, Signature::from(r_s));
  if (!is_low(s)) std::ranges::copy(negate(s), out.data() + 32);
  return out;
}

SoftwareKey SoftwareKey::generate(Entropy& entropy) {
  for (;;) {  // a second round has a probability of 2^-32
    SecretBytes secret(std::size_t{32});
    entropy.fill(secret.span());
    Result<SoftwareKey> key = from_secret(secret);
    if (key.ok()) return std::move(key).value();
  }
}

Result<SoftwareKey> SoftwareKey::from_secret(const SecretBytes& secret) {
  if (secret.size() != 32 || !in_range(secret.view())) {
    return invalid("a secret key has 32 bytes and lies in [1, n)");
  }
  return SoftwareKey(secret.clone(), point_of(secret));
}

Signature SoftwareKey::sign(const Hash256& digest) const {
  const Key key = private_key(secret_, public_);
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  CHECK(context != nullptr && EVP_PKEY_sign_init(context.get()) == 1);
  Bytes der(72);
  std::size_t size = der.size();
  CHECK(EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), Hash256::kSize) == 1);
  const Result<Signature> low = normalize(from_der(ByteView(der).first(size)));
  CHECK(low.ok());
  return *low;
}

}  // namespace custody::crypto::p256
