#include "ledger/chains/bitcoin/deposit.h"

#include <gtest/gtest.h>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/script.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

std::vector<PublicKey> seats(std::size_t count) {
  SeededEntropy entropy(42);
  std::vector<PublicKey> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(crypto::SoftwareKey::generate(entropy).public_key());
  return out;
}

Hash256 scalar(std::uint8_t last) {
  std::array<std::uint8_t, 32> bytes{};
  bytes[31] = last;
  return Hash256(bytes);
}

// BIP-341: H is the SHA-256 of the uncompressed generator taken as an x coordinate.
TEST(Deposit, NumsPointIsTheHashOfTheGenerator) {
  const Bytes generator = *from_hex(
      "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17"
      "b448a68554199"
      "c47d08ffb10d4b8");
  EXPECT_EQ(to_hex(nums_point().view().subspan(1)), crypto::sha256(generator).hex());
  EXPECT_TRUE(crypto::parse_public_key(nums_point()).ok());
}

// BIP-341 tweaks internal keys the same way, Q = lift_x(P) + t * G: its vectors check the arithmetic of salt
// keys.
TEST(Deposit, TweakingFollowsBip341Vectors) {
  LOAD_VECTOR_JSON(vectors, "bips/bip-0341/wallet-test-vectors.json");
  std::size_t checked = 0;
  for (const Json& entry : vectors.find("scriptPubKey")->items()) {
    Bytes even{0x02};
    append(even, *from_hex(tests::text_at(*entry.find("given"), "internalPubkey")));
    const Json& intermediary = *entry.find("intermediary");
    const auto tweaked =
        crypto::tweak_add(*PublicKey::from(even), *Hash256::from_hex(tests::text_at(intermediary, "tweak")));
    ASSERT_TRUE(tweaked.ok());
    EXPECT_EQ(to_hex(tweaked->view().subspan(1)), tests::text_at(intermediary, "tweakedPubkey"));
    ++checked;
  }
  EXPECT_EQ(checked, 7u);
}

TEST(Deposit, SaltKeysDifferPerScalarAndRefuseBadOnes) {
  const auto one = salt_key(scalar(1));
  const auto two = salt_key(scalar(2));
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(*one, *two);
  EXPECT_NE(*one, nums_point());
  EXPECT_EQ(*two, *crypto::tweak_add(*one, scalar(1)));
  std::array<std::uint8_t, 32> above_order{};
  above_order.fill(0xff);
  EXPECT_EQ(salt_key(Hash256(above_order)).code(), Code::kInvalid);
}

TEST(Deposit, ScriptHoldsSeatsAndSaltAtTheSameThreshold) {
  const auto keys = seats(4);
  const PublicKey salt = *salt_key(scalar(9));
  const auto script = deposit_script(3, keys, salt);
  ASSERT_TRUE(script.ok()) << script.status().to_string();
  const auto parsed = parse_sortedmulti(*script);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->required, 3u);
  EXPECT_EQ(parsed->keys.size(), 5u);
  EXPECT_NE(std::find(parsed->keys.begin(), parsed->keys.end(), salt), parsed->keys.end());
}

TEST(Deposit, RefusesAThresholdThatNeedsTheSaltAndTooManySeats) {
  const PublicKey salt = *salt_key(scalar(9));
  EXPECT_EQ(deposit_script(5, seats(4), salt).code(), Code::kInvalid);
  EXPECT_TRUE(deposit_script(8, seats(14), salt).ok());
  EXPECT_EQ(deposit_script(8, seats(15), salt).code(), Code::kInvalid);
  EXPECT_EQ(deposit_script(2, {seats(1)[0], salt}, salt).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
