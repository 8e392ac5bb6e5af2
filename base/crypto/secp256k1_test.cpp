#include "base/crypto/secp256k1.h"

#include <gtest/gtest.h>

#include "base/crypto/hash.h"
#include "base/json.h"
#include "tests/support/vectors.h"

namespace custody::crypto {
namespace {

constexpr char kOrder[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
constexpr char kOrderMinusOne[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";
constexpr char kGenerator[] = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

Bytes hex(std::string_view text) {
  return *from_hex(text);
}
Hash256 hash(std::string_view text) {
  return *Hash256::from_hex(text);
}
SoftwareKey key_of(std::string_view secret_hex) {
  return *SoftwareKey::from_secret(SecretBytes(hex(secret_hex)));
}
SoftwareKey small_key(std::uint8_t scalar) {
  SecretBytes secret(std::size_t{32});
  secret.span()[31] = scalar;
  return *SoftwareKey::from_secret(secret);
}

// big endian minuend - subtrahend of 32 bytes
Bytes subtract(ByteView minuend, ByteView subtrahend) {
  Bytes out(32);
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int digit = minuend[i] - subtrahend[i] - borrow;
    out[i] = static_cast<std::uint8_t>(digit & 0xff);
    borrow = digit < 0 ? 1 : 0;
  }
  return out;
}

Bytes with_high_s(const Signature& signature) {
  Bytes out = to_bytes(signature.view().first(32));
  append(out, subtract(hex(kOrder), signature.view().last(32)));
  return out;
}

TEST(Secp256k1, WycheproofBitcoinVectors) {
  CUSTODY_REQUIRE_VECTORS("wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json");
  const auto file = Json::parse(tests::read_vector("wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json"),
                                std::size_t{8} << 20);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  int seen = 0;
  for (const Json& group : file->find("testGroups")->items()) {
    const auto key = compress_public_key(hex(*group.find("publicKey")->string_at("uncompressed")));
    ASSERT_TRUE(key.ok());
    for (const Json& test : group.find("tests")->items()) {
      const auto signature = from_der(hex(*test.string_at("sig")));
      const bool good = signature.ok() && verify(*key, sha256(hex(*test.string_at("msg"))), *signature);
      EXPECT_EQ(good, *test.string_at("result") == "valid") << "tcId " << *test.u64_at("tcId");
      if (good) {
        EXPECT_EQ(to_der(*signature), hex(*test.string_at("sig")));
      }
      ++seen;
    }
  }
  EXPECT_EQ(seen, static_cast<int>(*file->u64_at("numberOfTests")));
}

TEST(Secp256k1, SignsDeterministicallyByRfc6979) {
  // Published RFC 6979 vectors for secp256k1 and SHA-256: secrets 1 and n-1, "Satoshi Nakamoto".
  const Hash256 digest = sha256(as_bytes("Satoshi Nakamoto"));
  EXPECT_EQ(small_key(1).sign(digest).hex(),
            "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
            "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
  EXPECT_EQ(key_of(kOrderMinusOne).sign(digest).hex(),
            "fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d0"
            "6b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5");
}

TEST(Secp256k1, VerifyRefusesAnotherKeyDigestOrSignature) {
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

TEST(Secp256k1, HighSIsRefusedUntilNormalized) {
  const SoftwareKey key = small_key(7);
  for (int i = 0; i < 20; ++i) {
    const Hash256 digest = sha256(as_bytes(std::to_string(i)));
    const Signature low = key.sign(digest);
    const Bytes high = with_high_s(low);
    EXPECT_FALSE(verify(key.public_key(), digest, *Signature::from(high)));
    EXPECT_EQ(*normalize(high), low);
    EXPECT_EQ(*normalize(low), low);
    EXPECT_EQ(from_der(to_der(*Signature::from(high))).status().message(), "signature with high S");
  }
}

TEST(Secp256k1, NormalizeRefusesValuesOutOfRange) {
  const std::string one = std::string(63, '0') + "1";
  const std::string zero(64, '0');
  EXPECT_TRUE(normalize(hex(one + one)).ok());
  EXPECT_TRUE(normalize(hex(std::string(kOrderMinusOne) + kOrderMinusOne)).ok());
  for (const std::string& bad : {zero + one, one + zero, kOrder + one, one + kOrder}) {
    EXPECT_EQ(normalize(hex(bad)).code(), Code::kInvalid) << bad;
  }
  EXPECT_EQ(normalize(Bytes(63, 1)).code(), Code::kInvalid);
  EXPECT_EQ(normalize(Bytes(65, 1)).code(), Code::kInvalid);
}

TEST(Secp256k1, DerIsStrict) {
  const Signature signature = small_key(3).sign(sha256(as_bytes("x")));
  const Bytes der = to_der(signature);
  EXPECT_EQ(*from_der(der), signature);
  for (std::size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(from_der(ByteView(der).first(size)).ok()) << size;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_FALSE(from_der(longer).ok());
}

TEST(Secp256k1, PublicKeysMustBePointsOfTheCurve) {
  EXPECT_EQ(small_key(1).public_key().hex(), kGenerator);
  EXPECT_EQ(parse_public_key(hex(kGenerator))->hex(), kGenerator);
  EXPECT_EQ(*compress_public_key(hex(kGenerator)), *parse_public_key(hex(kGenerator)));
  const std::string y = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";
  const std::string uncompressed = "04" + std::string(kGenerator).substr(2) + y;
  EXPECT_EQ(compress_public_key(hex(uncompressed))->hex(), kGenerator);
  EXPECT_FALSE(parse_public_key(hex(uncompressed)).ok());
  Bytes hybrid = hex(uncompressed);
  hybrid[0] = 0x06;  // y is even: libsecp256k1 alone would take it
  EXPECT_FALSE(compress_public_key(hybrid).ok());
  Bytes off_curve = hex(uncompressed);
  off_curve[64] ^= 1;
  EXPECT_FALSE(compress_public_key(off_curve).ok());
  EXPECT_FALSE(parse_public_key(hex("02" + std::string(63, '0') + "5")).ok());  // no y for x = 5
  EXPECT_FALSE(parse_public_key(hex("05" + std::string(kGenerator).substr(2))).ok());
  EXPECT_FALSE(parse_public_key(ByteView{}).ok());
  EXPECT_FALSE(compress_public_key(ByteView{}).ok());
}

TEST(Secp256k1, TweakAddIsAdditionOfScalars) {
  const auto scalar = [](std::uint8_t value) { return hash(std::string(62, '0') + to_hex(Bytes{value})); };
  for (const std::uint8_t k : {1, 2, 5, 77}) {
    for (const std::uint8_t t : {1, 2, 9, 100}) {
      EXPECT_EQ(*tweak_add(small_key(k).public_key(), scalar(t)),
                small_key(static_cast<std::uint8_t>(k + t)).public_key());
    }
  }
}

TEST(Secp256k1, TweakAddRefusesZeroOverflowAndInfinity) {
  EXPECT_EQ(tweak_add(small_key(1).public_key(), Hash256()).code(), Code::kInvalid);
  EXPECT_EQ(tweak_add(small_key(1).public_key(), hash(kOrder)).code(), Code::kInvalid);
  EXPECT_EQ(tweak_add(small_key(1).public_key(), hash(kOrderMinusOne)).code(), Code::kInvalid);
  EXPECT_EQ(tweak_add(PublicKey(), hash(kOrderMinusOne)).code(), Code::kInvalid);
}

TEST(SoftwareKey, SecretsOutOfRangeAreRefused) {
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes(std::size_t{32})).ok());
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes(hex(kOrder))).ok());
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes(Bytes(31, 1))).ok());
  EXPECT_FALSE(SoftwareKey::from_secret(SecretBytes()).ok());
  EXPECT_TRUE(SoftwareKey::from_secret(SecretBytes(hex(kOrderMinusOne))).ok());
}

}  // namespace
}  // namespace custody::crypto
