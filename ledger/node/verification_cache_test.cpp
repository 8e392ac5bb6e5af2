#include "ledger/node/verification_cache.h"

#include <gtest/gtest.h>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"

namespace custody::ledger::node {
namespace {

TEST(VerificationCache, AsksOncePerGoodSignatureAndAgainForBadOnes) {
  SeededEntropy entropy(1);
  const auto key = crypto::SoftwareKey::generate(entropy);
  const Hash256 digest = crypto::sha256(as_bytes("x"));
  const Signature good = key.sign(digest);
  Signature bad = good;
  bad.data()[5] ^= 1;
  state::SerialVerifier serial;
  VerificationCache cache(serial, 10);
  EXPECT_TRUE(cache.verify_one(key.public_key(), digest, good));
  EXPECT_TRUE(cache.verify_one(key.public_key(), digest, good));
  EXPECT_EQ(cache.verified(), 1u);
  EXPECT_FALSE(cache.verify_one(key.public_key(), digest, bad));
  EXPECT_FALSE(cache.verify_one(key.public_key(), digest, bad));
  EXPECT_EQ(cache.verified(), 3u);
  EXPECT_FALSE(cache.verify_one(key.public_key(), crypto::sha256(as_bytes("y")), good));
}

TEST(VerificationCache, IsBoundedAndForgetsTheOldest) {
  SeededEntropy entropy(1);
  const auto key = crypto::SoftwareKey::generate(entropy);
  state::SerialVerifier serial;
  VerificationCache cache(serial, 2);
  std::vector<state::SignatureTask> tasks;
  for (std::uint8_t i = 0; i < 6; ++i) {
    const Hash256 digest = crypto::sha256(ByteView(&i, 1));
    tasks.push_back({key.public_key(), digest, key.sign(digest)});
  }
  EXPECT_EQ(cache.verify(tasks), std::vector<std::uint8_t>(6, 1));
  EXPECT_EQ(cache.verified(), 6u);
  (void)cache.verify({&tasks[5], 1});
  EXPECT_EQ(cache.verified(), 6u);
  (void)cache.verify({tasks.data(), 1});
  EXPECT_EQ(cache.verified(), 7u);
}

}  // namespace
}  // namespace custody::ledger::node
