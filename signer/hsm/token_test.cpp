#include "signer/hsm/token.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"

namespace custody::signer::hsm {
namespace {

class AcceptSignature : public ::testing::Test {
 protected:
  SeededEntropy entropy_{7};
  crypto::SoftwareKey key_ = crypto::SoftwareKey::generate(entropy_);
  Hash256 digest_ = crypto::sha256(as_bytes("message"));
  Signature good_ = key_.sign(digest_);
};

TEST_F(AcceptSignature, ReturnsALowSSignatureAsItIs) {
  const auto accepted = accept_signature(key_.public_key(), digest_, good_);
  ASSERT_TRUE(accepted.ok()) << accepted.status().to_string();
  EXPECT_EQ(*accepted, good_);
}

TEST_F(AcceptSignature, NormalisesHighS) {
  // n - s, byte by byte.
  constexpr std::array<std::uint8_t, 32> kOrder = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
  Signature high = good_;
  int borrow = 0;
  for (int i = 31; i >= 0; --i) {
    const int difference = kOrder[static_cast<std::size_t>(i)] - good_.data()[32 + i] - borrow;
    borrow = difference < 0 ? 1 : 0;
    high.data()[32 + i] = static_cast<std::uint8_t>(difference + (borrow << 8));
  }
  ASSERT_FALSE(crypto::verify(key_.public_key(), digest_, high));
  const auto accepted = accept_signature(key_.public_key(), digest_, high);
  ASSERT_TRUE(accepted.ok()) << accepted.status().to_string();
  EXPECT_EQ(*accepted, good_);
}

TEST_F(AcceptSignature, RefusesAnotherKeyAnotherDigestAndFlippedBits) {
  const auto other = crypto::SoftwareKey::generate(entropy_);
  EXPECT_EQ(accept_signature(other.public_key(), digest_, good_).code(), Code::kCorrupt);
  EXPECT_EQ(accept_signature(key_.public_key(), crypto::sha256(as_bytes("other")), good_).code(),
            Code::kCorrupt);
  for (std::size_t bit = 0; bit < 512; bit += 37) {
    Signature bad = good_;
    bad.data()[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_EQ(accept_signature(key_.public_key(), digest_, bad).code(), Code::kCorrupt) << bit;
  }
}

TEST_F(AcceptSignature, RefusesEveryLengthBut64) {
  for (const std::size_t size : {0u, 1u, 63u, 65u, 128u}) {
    Bytes raw(size);
    std::copy_n(good_.data(), std::min<std::size_t>(size, 64), raw.begin());
    EXPECT_EQ(accept_signature(key_.public_key(), digest_, raw).code(), Code::kCorrupt) << size;
  }
}

TEST_F(AcceptSignature, RefusesZeroAndOutOfRangeValues) {
  EXPECT_EQ(accept_signature(key_.public_key(), digest_, Bytes(64, 0x00)).code(), Code::kCorrupt);
  EXPECT_EQ(accept_signature(key_.public_key(), digest_, Bytes(64, 0xff)).code(), Code::kCorrupt);
}

}  // namespace
}  // namespace custody::signer::hsm
