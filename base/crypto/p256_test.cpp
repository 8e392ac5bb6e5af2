#include "base/crypto/p256.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <type_traits>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "base/json.h"
#include "tests/support/vectors.h"

namespace custody::crypto::p256 {
namespace {

// What p256.h says of itself; `struct PublicKeyTag` in a nested namespace names the outer one.
static_assert(!std::is_convertible_v<PublicKey, custody::PublicKey>);
static_assert(!std::is_convertible_v<custody::PublicKey, PublicKey>);

constexpr char kOrder[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr char kOrderMinusOne[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";
constexpr char kHalfOrder[] = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
constexpr char kHalfOrderPlusOne[] = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9";
// RFC 6979, A.2.5
constexpr char kSecret[] = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
constexpr char kPublicX[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
constexpr char kPublicY[] = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

Bytes hex(std::string_view text) {
  return *from_hex(text);
}
SoftwareKey key_of(std::string_view secret_hex) {
  return *SoftwareKey::from_secret(SecretBytes(hex(secret_hex)));
}
std::string uncompressed() {
  return std::string("04") + kPublicX + kPublicY;
}

// n - s, big endian
Bytes with_other_s(const Signature& signature) {
  const Bytes order = hex(kOrder);
  Bytes out = to_bytes(signature.view());
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int digit = order[i] - out[32 + i] - borrow;
    out[32 + i] = static_cast<std::uint8_t>(digit & 0xff);
    borrow = digit < 0 ? 1 : 0;
  }
  return out;
}

// One INTEGER of strict DER at `at`, as 32 bytes; moves `at` behind it.
std::optional<Bytes> der_integer(ByteView der, std::size_t& at) {
  if (at + 2 > der.size() || der[at] != 0x02) return std::nullopt;
  const std::size_t size = der[at + 1];
  if (size == 0 || size > 33 || at + 2 + size > der.size()) return std::nullopt;
  ByteView value = der.subspan(at + 2, size);
  at += 2 + size;
  if (value[0] >= 0x80) return std::nullopt;
  if (value[0] == 0 && value.size() > 1) {
    if (value[1] < 0x80) return std::nullopt;
    value = value.subspan(1);
  }
  if (value.size() > 32) return std::nullopt;
  Bytes out(32 - value.size());
  append(out, value);
  return out;
}
std::optional<Bytes> r_s_of_der(ByteView der) {
  if (der.size() < 2 || der[0] != 0x30 || der[1] != der.size() - 2) return std::nullopt;
  std::size_t at = 2;
  auto out = der_integer(der, at);
  const auto s = der_integer(der, at);
  if (!out || !s || at != der.size()) return std::nullopt;
  append(*out, *s);
  return out;
}

// What a smart card gives is normalised, then verified: exactly Wycheproof's verdicts.
TEST(P256, WycheproofVectors) {
  LOAD_VECTOR_JSON(file, "wycheproof/ecdsa_secp256r1_sha256_test.json");
  std::uint64_t seen = 0;
  for (const Json& group : file.find("testGroups")->items()) {
    const auto key = compress_public_key(hex(*group.find("publicKey")->string_at("uncompressed")));
    ASSERT_TRUE(key.ok());
    for (const Json& test : group.find("tests")->items()) {
      const auto r_s = r_s_of_der(hex(*test.string_at("sig")));
      const auto low = r_s ? normalize(*r_s) : Result<Signature>(invalid("not DER"));
      const bool good = low.ok() && verify(*key, sha256(hex(*test.string_at("msg"))), *low);
      EXPECT_EQ(good, *test.string_at("result") == "valid") << "tcId " << *test.u64_at("tcId");
      ++seen;
    }
  }
  EXPECT_EQ(seen, *file.u64_at("numberOfTests"));
}

TEST(P256, ThePublishedKeyAndItsSignaturesVerify) {
  const SoftwareKey key = key_of(kSecret);
  EXPECT_EQ(key.public_key(), *compress_public_key(hex(uncompressed())));
  const Hash256 sample = sha256(as_bytes("sample"));
  const Bytes published =
      hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_TRUE(verify(key.public_key(), sample, *normalize(published)));
  const Bytes second =
      hex("f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
          "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
  EXPECT_TRUE(verify(key.public_key(), sha256(as_bytes("test")), *Signature::from(second)));
}

// A nonce that is used twice gives the key away.
TEST(P256, NoTwoSignaturesShareTheirNonce) {
  const SoftwareKey key = key_of(kSecret);
  std::set<Bytes> seen;
  for (int i = 0; i < 64; ++i) {
    const Signature signature = key.sign(sha256(as_bytes("sample")));
    EXPECT_TRUE(verify(key.public_key(), sha256(as_bytes("sample")), signature));
    EXPECT_TRUE(seen.insert(to_bytes(signature.view().first(32))).second);
  }
}

TEST(P256, VerifyRefusesAnotherKeyDigestOrSignature) {
  SeededEntropy entropy(1);
  const SoftwareKey key = SoftwareKey::generate(entropy);
  const Hash256 digest = sha256(as_bytes("digest"));
  const Signature signature = key.sign(digest);
  EXPECT_TRUE(verify(key.public_key(), digest, signature));
  EXPECT_FALSE(verify(SoftwareKey::generate(entropy).public_key(), digest, signature));
  EXPECT_FALSE(verify(key.public_key(), sha256(as_bytes("other")), signature));
  EXPECT_FALSE(verify(key.public_key(), digest, Signature()));
  EXPECT_FALSE(verify(PublicKey(), digest, signature));
  for (std::size_t i = 0; i < Signature::kSize; ++i) {
    Signature changed = signature;
    changed.data()[i] ^= 1;
    EXPECT_FALSE(verify(key.public_key(), digest, changed)) << i;
  }
}

// Invariant 1 of base/crypto.
TEST(P256, HighSIsRefusedUntilNormalized) {
  const SoftwareKey key = key_of(kSecret);
  for (int i = 0; i < 20; ++i) {
    const Hash256 digest = sha256(as_bytes(std::to_string(i)));
    const Signature low = key.sign(digest);
    const Bytes high = with_other_s(low);
    EXPECT_FALSE(verify(key.public_key(), digest, *Signature::from(high)));
    EXPECT_EQ(*normalize(high), low);
    EXPECT_EQ(*normalize(low), low);
  }
}

TEST(P256, NormalizeTurnsAtHalfTheOrder) {
  const std::string one = std::string(63, '0') + "1";
  EXPECT_EQ(normalize(hex(one + kHalfOrder))->hex(), one + kHalfOrder);
  EXPECT_EQ(normalize(hex(one + kHalfOrderPlusOne))->hex(), one + kHalfOrder);
}

TEST(P256, NormalizeRefusesValuesOutOfRange) {
  const std::string one = std::string(63, '0') + "1";
  const std::string zero(64, '0');
  EXPECT_EQ(normalize(hex(std::string(kOrderMinusOne) + kOrderMinusOne))->hex(), kOrderMinusOne + one);
  for (const std::string& bad : {zero + one, one + zero, kOrder + one, one + kOrder}) {
    EXPECT_EQ(normalize(hex(bad)).code(), Code::kInvalid) << bad;
  }
  EXPECT_EQ(normalize(Bytes(63, 1)).code(), Code::kInvalid);
  EXPECT_EQ(normalize(Bytes(65, 1)).code(), Code::kInvalid);
}

// Invariant 3 of base/crypto.
TEST(P256, PublicKeysMustBePointsOfTheCurve) {
  const PublicKey key = *compress_public_key(hex(uncompressed()));
  EXPECT_EQ(key.hex(), std::string("03") + kPublicX);
  EXPECT_EQ(*parse_public_key(key), key);
  EXPECT_EQ(*compress_public_key(key), key);
  EXPECT_FALSE(parse_public_key(hex(uncompressed())).ok());
  Bytes hybrid = hex(uncompressed());
  hybrid[0] = 0x07;  // y is odd: OpenSSL alone would take it
  EXPECT_FALSE(compress_public_key(hybrid).ok());
  Bytes off_curve = hex(uncompressed());
  off_curve[64] ^= 1;
  EXPECT_FALSE(compress_public_key(off_curve).ok());
  EXPECT_FALSE(parse_public_key(hex("02" + std::string(63, '0') + "1")).ok());  // no y for x = 1
  EXPECT_FALSE(parse_public_key(hex("02" + std::string(64, 'f'))).ok());        // x is not below p
  EXPECT_FALSE(parse_public_key(hex("05" + std::string(kPublicX))).ok());
  EXPECT_FALSE(parse_public_key(Bytes(33)).ok());
  EXPECT_FALSE(parse_public_key(Bytes(1)).ok());  // SEC1's point at infinity
  EXPECT_FALSE(parse_public_key(ByteView{}).ok());
  EXPECT_FALSE(compress_public_key(ByteView{}).ok());
}

TEST(P256, AKeyOfTheOtherCurveIsRefused) {
  SeededEntropy entropy(1);
  int refused = 0;
  for (int i = 0; i < 32; ++i) {  // about half of all x have a point on either curve
    refused += parse_public_key(crypto::SoftwareKey::generate(entropy).public_key()).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 4);
}

TEST(P256, RefusedInputLeavesNoErrorToOthers) {
  ERR_clear_error();
  EXPECT_FALSE(parse_public_key(Bytes(33)).ok());
  EXPECT_FALSE(verify(key_of(kSecret).public_key(), Hash256(), *normalize(Bytes(64, 1))));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(P256, SecretsOutOfRangeAreRefused) {
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes(std::size_t{32})).ok());
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes(hex(kOrder))).ok());
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes(Bytes(31, 1))).ok());
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes()).ok());
  EXPECT_TRUE(SoftwareKey::from_secret(SecretBytes(hex(kOrderMinusOne))).ok());
}

}  // namespace
}  // namespace custody::crypto::p256
