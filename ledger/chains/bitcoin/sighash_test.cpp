#include "ledger/chains/bitcoin/sighash.h"

#include <gtest/gtest.h>

#include <regex>

#include "base/crypto/hash.h"
#include "base/crypto/secp256k1.h"
#include "ledger/chains/bitcoin/script.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::text_at;

// The fields of a BIP-143 preimage that the digest function is given, and the type it was made for.
struct Preimage {
  OutPoint previous;
  Bytes script_code;
  std::uint64_t value = 0;
  Hash256 outputs;
  std::uint32_t type = 0;
};

Preimage parse_preimage(ByteView raw) {
  Preimage out;
  Reader reader(raw);
  EXPECT_TRUE(reader.bytes(4 + 32 + 32).ok());
  out.previous.txid = *reader.hash();
  out.previous.vout = *reader.u32();
  out.script_code = to_bytes(*reader.var_bytes());
  out.value = *reader.u64();
  EXPECT_TRUE(reader.u32().ok());
  out.outputs = *reader.hash();
  EXPECT_TRUE(reader.u32().ok());
  out.type = *reader.u32();
  EXPECT_TRUE(reader.finish().ok());
  return out;
}

std::vector<Transaction> example_transactions(const std::string& examples) {
  std::vector<Transaction> out;
  const std::regex pattern("(?:following is an unsigned transaction|</code> examples):\\s*([0-9a-f]+)");
  for (std::sregex_iterator it(examples.begin(), examples.end(), pattern), end; it != end; ++it) {
    const auto tx = parse_transaction(*from_hex((*it)[1].str()));
    EXPECT_TRUE(tx.ok()) << tx.status().to_string();
    if (tx.ok()) out.push_back(*tx);
  }
  return out;
}

// The digest that our function gives for the input of one of these transactions that spends the preimage's
// outpoint.
std::optional<Hash256> digest_of(const std::vector<Transaction>& transactions, const Preimage& preimage) {
  for (const Transaction& tx : transactions) {
    for (std::size_t i = 0; i < tx.inputs.size(); ++i) {
      if (tx.inputs[i].previous != preimage.previous) continue;
      return Sighash(tx).digest(i, preimage.script_code, preimage.value);
    }
  }
  return std::nullopt;
}

TEST(Sighash, Bip143Vectors) {
  LOAD_VECTOR_TEXT(examples, "bips/bip143-examples.txt");
  LOAD_VECTOR_JSON(vectors, "bips/bip143-sighash.json");
  const std::vector<Transaction> transactions = example_transactions(examples);
  EXPECT_GE(transactions.size(), 5u);
  std::size_t all = 0;
  std::size_t others = 0;
  for (const Json& entry : vectors.items()) {
    const Bytes raw = *from_hex(text_at(entry, "preimage"));
    const Hash256 expected = *Hash256::from_hex(text_at(entry, "sighash"));
    ASSERT_EQ(crypto::sha256d(raw), expected);
    const Preimage preimage = parse_preimage(raw);
    const auto digest = digest_of(transactions, preimage);
    if (preimage.type == kSighashAll) {
      ASSERT_TRUE(digest.has_value()) << preimage.previous.to_string();
      EXPECT_EQ(*digest, expected);
      ++all;
    } else {
      // Not representable: whatever is asked for, the digest is that of SIGHASH_ALL.
      EXPECT_NE(digest, std::optional<Hash256>(expected));
      ++others;
    }
  }
  EXPECT_EQ(all, 5u);
  EXPECT_EQ(others, 9u);
}

// The signatures in the examples' signed transactions: those for SIGHASH_ALL parse and come out the same,
// others are refused.
TEST(Sighash, Bip143SignaturesByType) {
  LOAD_VECTOR_TEXT(examples, "bips/bip143-examples.txt");
  const std::regex pattern("\\b(30[0-9a-f]{130,144}(01|02|03|81|82|83))\\b");
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (std::sregex_iterator it(examples.begin(), examples.end(), pattern), end; it != end; ++it) {
    const Bytes encoded = *from_hex((*it)[1].str());
    if (encoded.size() != std::size_t{encoded[1]} + 3) continue;  // another hexadecimal string
    const auto signature = parse_script_signature(encoded);
    if (encoded.back() != kSighashAll) {
      EXPECT_EQ(signature.code(), Code::kInvalid);
      ++refused;
    } else if (signature.ok()) {
      EXPECT_EQ(to_script_signature(*signature), encoded);
      ++accepted;
    }
  }
  EXPECT_GE(accepted, 2u);
  EXPECT_GE(refused, 4u);
}

TEST(Sighash, SignatureForBip143P2wpkhExampleVerifies) {
  LOAD_VECTOR_TEXT(examples, "bips/bip143-examples.txt");
  const std::vector<Transaction> transactions = example_transactions(examples);
  ASSERT_FALSE(transactions.empty());
  const Bytes script_pubkey = *from_hex("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1");
  const PublicKey key =
      *PublicKey::from_hex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357");
  EXPECT_EQ(p2wpkh_script_pubkey(key), script_pubkey);
  const Bytes encoded = *from_hex(
      "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f9030"
      "0e8f3358f51"
      "928d43c212a8caed02de67eebee01");
  const auto signature = parse_script_signature(encoded);
  ASSERT_TRUE(signature.ok()) << signature.status().to_string();
  const Hash256 digest = Sighash(transactions[0]).digest(1, *p2wpkh_script_code(script_pubkey), 600'000'000);
  EXPECT_TRUE(crypto::verify(key, digest, *signature));
  EXPECT_FALSE(crypto::verify(
      key, Sighash(transactions[0]).digest(1, *p2wpkh_script_code(script_pubkey), 600'000'001), *signature));
}

TEST(Sighash, EveryFieldIsInTheDigest) {
  Transaction tx;
  tx.inputs.resize(2);
  tx.inputs[1].previous.vout = 1;
  tx.outputs = {{1'000, Bytes(22, 1)}, {2'000, Bytes(34, 2)}};
  const Bytes script(10, 0x51);
  const Hash256 base = Sighash(tx).digest(0, script, 5'000);
  std::vector<Transaction> changed(7, tx);
  changed[0].version ^= 1;
  changed[1].lock_time ^= 1;
  changed[2].inputs[1].previous.vout = 2;
  changed[3].inputs[1].sequence ^= 1;
  changed[4].outputs[1].value += 1;
  changed[5].outputs[0].script_pubkey[0] ^= 1;
  changed[6].outputs.pop_back();
  for (const Transaction& other : changed) EXPECT_NE(Sighash(other).digest(0, script, 5'000), base);
  EXPECT_NE(Sighash(tx).digest(1, script, 5'000), base);
  EXPECT_NE(Sighash(tx).digest(0, script, 5'001), base);
  EXPECT_NE(Sighash(tx).digest(0, Bytes(10, 0x52), 5'000), base);
}

TEST(Sighash, MalformedSignaturesAreRefused) {
  SeededEntropy entropy(1);
  const auto key = crypto::SoftwareKey::generate(entropy);
  const Bytes good = to_script_signature(key.sign(Hash256()));
  EXPECT_TRUE(parse_script_signature(good).ok());
  EXPECT_EQ(parse_script_signature({}).code(), Code::kInvalid);
  EXPECT_EQ(parse_script_signature(ByteView(good).first(good.size() - 1)).code(), Code::kInvalid);
  for (const std::uint8_t type : {0x00, 0x02, 0x03, 0x81, 0x82, 0x83}) {
    Bytes wrong = good;
    wrong.back() = type;
    EXPECT_EQ(parse_script_signature(wrong).code(), Code::kInvalid) << int{type};
  }
  Bytes longer = good;
  longer.insert(longer.end() - 1, 0);
  EXPECT_EQ(parse_script_signature(longer).code(), Code::kInvalid);
}

TEST(Sighash, ScriptCodeOnlyForP2wpkh) {
  EXPECT_EQ(p2wpkh_script_code(witness_script_pubkey(0, Bytes(32))).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
