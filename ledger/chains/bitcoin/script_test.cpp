#include "ledger/chains/bitcoin/script.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crypto/secp256k1.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::text_at;

std::vector<PublicKey> keys_of(const Json& list) {
  std::vector<PublicKey> keys;
  for (const Json& entry : list.items()) keys.push_back(*PublicKey::from_hex(*entry.as_string()));
  return keys;
}

std::vector<PublicKey> random_keys(std::size_t count) {
  SeededEntropy entropy(count);
  std::vector<PublicKey> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(crypto::SoftwareKey::generate(entropy).public_key());
  return keys;
}

TEST(Script, Bip67Vectors) {
  LOAD_VECTOR_JSON(vectors, "bips/bip67.json");
  std::size_t checked = 0;
  for (const Json& entry : vectors.items()) {
    const auto script = sortedmulti_script(2, keys_of(*entry.find("list")));
    ASSERT_TRUE(script.ok()) << script.status().to_string();
    EXPECT_EQ(to_hex(*script), *entry.find("script")->items()[0].as_string());
    EXPECT_EQ(parse_sortedmulti(*script)->keys, keys_of(*entry.find("sorted")));
    ++checked;
  }
  EXPECT_EQ(checked, 4u);
}

TEST(Script, BitcoinCoreBip67Vectors) {
  LOAD_VECTOR_JSON(vectors, "bitcoin-core/rpc_bip67.json");
  std::size_t checked = 0;
  for (const Json& entry : vectors.items()) {
    EXPECT_EQ(to_hex(*sortedmulti_script(2, keys_of(*entry.find("keys")))), text_at(entry, "script"));
    ++checked;
  }
  EXPECT_EQ(checked, 4u);
}

TEST(Script, SortedMultiRoundTripsAtItsBorders) {
  for (const auto& [m, n] : {std::pair<std::size_t, std::size_t>{1, 1}, {3, 5}, {15, 15}, {8, 15}}) {
    const auto script = sortedmulti_script(m, random_keys(n));
    ASSERT_TRUE(script.ok()) << script.status().to_string();
    const auto parsed = parse_sortedmulti(*script);
    ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
    EXPECT_EQ(parsed->required, m);
    EXPECT_EQ(parsed->keys.size(), n);
    EXPECT_EQ(*sortedmulti_script(m, parsed->keys), *script);
  }
}

TEST(Script, SortedMultiRefusesBadThresholdsAndKeys) {
  const auto keys = random_keys(3);
  EXPECT_EQ(sortedmulti_script(0, keys).code(), Code::kInvalid);
  EXPECT_EQ(sortedmulti_script(4, keys).code(), Code::kInvalid);
  EXPECT_EQ(sortedmulti_script(1, {}).code(), Code::kInvalid);
  EXPECT_EQ(sortedmulti_script(1, random_keys(16)).code(), Code::kInvalid);
  EXPECT_EQ(sortedmulti_script(2, {keys[0], keys[1], keys[0]}).code(), Code::kInvalid);
  PublicKey off_curve = keys[0];
  std::fill(off_curve.data() + 1, off_curve.data() + 33, std::uint8_t{0xff});
  EXPECT_EQ(sortedmulti_script(1, {off_curve}).code(), Code::kInvalid);
}

TEST(Script, ParseRefusesEveryDepartureFromTheTemplate) {
  const Bytes script = *sortedmulti_script(2, random_keys(3));
  Bytes swapped = script;
  std::swap_ranges(swapped.begin() + 2, swapped.begin() + 35, swapped.begin() + 36);
  EXPECT_EQ(parse_sortedmulti(swapped).code(), Code::kInvalid);
  // Opcode positions: OP_m, each push length, OP_n, CHECKMULTISIG.
  for (const std::size_t position :
       {std::size_t{0}, std::size_t{1}, std::size_t{35}, script.size() - 2, script.size() - 1}) {
    Bytes wrong = script;
    wrong[position] = 0x00;
    EXPECT_EQ(parse_sortedmulti(wrong).code(), Code::kInvalid) << position;
  }
  Bytes above = script;
  above[0] = 0x54;  // 4 of 3
  EXPECT_EQ(parse_sortedmulti(above).code(), Code::kInvalid);
  Bytes longer = script;
  longer.push_back(0xae);
  EXPECT_EQ(parse_sortedmulti(longer).code(), Code::kInvalid);
  EXPECT_EQ(parse_sortedmulti({}).code(), Code::kInvalid);
  EXPECT_EQ(parse_sortedmulti(Bytes{0x51, 0x51, 0xae}).code(), Code::kInvalid);
}

TEST(Script, Classification) {
  const Bytes hash(20, 1);
  EXPECT_EQ(classify(p2pkh_script_pubkey(hash)), ScriptType::kP2pkh);
  EXPECT_EQ(classify(p2sh_script_pubkey(hash)), ScriptType::kP2sh);
  EXPECT_EQ(classify(p2wpkh_script_pubkey(random_keys(1)[0])), ScriptType::kP2wpkh);
  EXPECT_EQ(classify(p2wsh_script_pubkey(Bytes{0x51})), ScriptType::kP2wsh);
  EXPECT_EQ(classify(witness_script_pubkey(1, Bytes(32, 2))), ScriptType::kP2tr);
  EXPECT_EQ(classify(witness_script_pubkey(2, Bytes(32, 2))), ScriptType::kOther);
  EXPECT_EQ(classify(witness_script_pubkey(1, Bytes(20, 2))), ScriptType::kOther);
  EXPECT_EQ(classify(Bytes{0x6a, 0x01, 0x02}), ScriptType::kOther);
  EXPECT_EQ(classify({}), ScriptType::kOther);
  Bytes almost = p2pkh_script_pubkey(hash);
  almost.back() = 0xad;
  EXPECT_EQ(classify(almost), ScriptType::kOther);
}

// The figures that Bitcoin Core's policy documentation and GetDustThreshold give at 3,000 sat/kvB.
TEST(Script, DustLimitsAreBitcoinCores) {
  const Bytes hash(20, 1);
  EXPECT_EQ(dust_limit(p2pkh_script_pubkey(hash)), 546u);
  EXPECT_EQ(dust_limit(p2sh_script_pubkey(hash)), 540u);
  EXPECT_EQ(dust_limit(witness_script_pubkey(0, hash)), 294u);
  EXPECT_EQ(dust_limit(witness_script_pubkey(0, Bytes(32))), 330u);
  EXPECT_EQ(dust_limit(witness_script_pubkey(1, Bytes(32))), 330u);
  EXPECT_EQ(dust_limit(Bytes{0x6a, 0x01, 0x02}), 0u);
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
