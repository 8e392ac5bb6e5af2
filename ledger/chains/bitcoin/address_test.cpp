#include "ledger/chains/bitcoin/address.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ledger/chains/bitcoin/base58.h"
#include "ledger/chains/bitcoin/script.h"
#include "tests/support/vectors.h"

namespace custody::ledger::chains::bitcoin {
namespace {

using tests::text_at;

const Network* network_named(const std::string& chain) {
  if (chain == "main") return &mainnet();
  if (chain == "test" || chain == "signet") return &testnet3();  // signet shares testnet's prefixes
  return chain == "regtest" ? &regtest() : nullptr;
}

void check_segwit_vectors(const Json& vectors, bool bech32m) {
  std::size_t valid = 0;
  std::size_t refused = 0;
  for (const Json& entry : vectors.items()) {
    const std::string section = text_at(entry, "section");
    const std::string text = text_at(entry, "string");
    const Network& network = text[0] == 't' || text[0] == 'T' ? testnet3() : mainnet();
    if (section.starts_with("The following list gives valid segwit addresses")) {
      ++valid;
      const auto script = parse_address(text, network);
      // BIP-350 replaced the checksum of versions above 0, so BIP-173's own examples of those are refused
      // now.
      if (!bech32m && !text_at(entry, "note").starts_with("00")) {
        EXPECT_FALSE(script.ok()) << text;
        continue;
      }
      ASSERT_TRUE(script.ok()) << text << ": " << script.status().to_string();
      EXPECT_EQ(to_hex(*script), text_at(entry, "note"));
      std::string canonical = text;
      std::transform(canonical.begin(), canonical.end(), canonical.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      EXPECT_EQ(*format_address(*script, network), canonical);
    } else if (section.starts_with("The following list gives invalid segwit addresses")) {
      ++refused;
      for (const Network* each : {&mainnet(), &testnet3(), &regtest()}) {
        EXPECT_EQ(parse_address(text, *each).code(), Code::kInvalid) << text;
      }
    }
  }
  EXPECT_GE(valid, 6u);
  EXPECT_GE(refused, 10u);
}

TEST(Address, Bip173SegwitAddresses) {
  LOAD_VECTOR_JSON(vectors, "bips/bip173.json");
  check_segwit_vectors(vectors, false);
}

TEST(Address, Bip350SegwitAddresses) {
  LOAD_VECTOR_JSON(vectors, "bips/bip350.json");
  check_segwit_vectors(vectors, true);
}

TEST(Address, BitcoinCoreValidAddresses) {
  LOAD_VECTOR_JSON(vectors, "bitcoin-core/key_io_valid.json");
  std::size_t addresses = 0;
  for (const Json& entry : vectors.items()) {
    const std::string text = *entry.items()[0].as_string();
    const Json& meta = entry.items()[2];
    const Network* network = network_named(text_at(meta, "chain"));
    ASSERT_NE(network, nullptr);
    if (*meta.bool_at("isPrivkey")) {
      EXPECT_FALSE(parse_address(text, *network).ok()) << text;
      continue;
    }
    const auto script = parse_address(text, *network);
    ASSERT_TRUE(script.ok()) << text << ": " << script.status().to_string();
    EXPECT_EQ(to_hex(*script), *entry.items()[1].as_string());
    EXPECT_EQ(*format_address(*script, *network), text);
    ++addresses;
  }
  EXPECT_GE(addresses, 40u);
}

TEST(Address, BitcoinCoreInvalidAddresses) {
  LOAD_VECTOR_JSON(vectors, "bitcoin-core/key_io_invalid.json");
  EXPECT_EQ(vectors.items().size(), 70u);
  for (const Json& entry : vectors.items()) {
    for (const Network* network : {&mainnet(), &testnet3(), &regtest()}) {
      EXPECT_EQ(parse_address(*entry.items()[0].as_string(), *network).code(), Code::kInvalid)
          << *entry.items()[0].as_string();
    }
  }
}

TEST(Address, BitcoinCoreBase58) {
  LOAD_VECTOR_JSON(vectors, "bitcoin-core/base58_encode_decode.json");
  for (const Json& entry : vectors.items()) {
    const Bytes raw = *from_hex(*entry.items()[0].as_string());
    const std::string text = *entry.items()[1].as_string();
    EXPECT_EQ(base58_encode(raw), text);
    EXPECT_EQ(*base58_decode(text, raw.size()), raw);
    if (raw.empty()) continue;
    EXPECT_EQ(base58_decode(text, raw.size() - 1).code(), Code::kInvalid);
  }
  EXPECT_EQ(base58_decode("0OIl", 100).code(), Code::kInvalid);
  EXPECT_EQ(base58_decode(" 2g", 100).code(), Code::kInvalid);
}

TEST(Address, SummaEncodings) {
  LOAD_VECTOR_JSON(vectors, "summa-spv/testVectors.json");
  const auto check = [&](const char* group, auto&& make_script) {
    ASSERT_NE(vectors.find(group), nullptr);
    EXPECT_FALSE(vectors.find(group)->items().empty());
    for (const Json& entry : vectors.find(group)->items()) {
      const Bytes hash = *from_hex(text_at(entry, "input").substr(2));
      EXPECT_EQ(*format_address(make_script(hash), mainnet()), text_at(entry, "output"));
    }
  };
  check("encodeP2SH", [](const Bytes& hash) { return p2sh_script_pubkey(hash); });
  check("encodeP2PKH", [](const Bytes& hash) { return p2pkh_script_pubkey(hash); });
  check("encodeP2WSH", [](const Bytes& hash) { return witness_script_pubkey(0, hash); });
  check("encodeP2WPKH", [](const Bytes& hash) { return witness_script_pubkey(0, hash); });
}

TEST(Address, AnotherNetworkIsRefusedByName) {
  const Bytes program(32, 3);
  const std::string segwit = *format_address(witness_script_pubkey(0, program), mainnet());
  const auto refused = parse_address(segwit, regtest());
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.status().message().find("mainnet"), std::string::npos);
  EXPECT_NE(refused.status().message().find("regtest"), std::string::npos);
  const std::string base58 = *format_address(p2pkh_script_pubkey(Bytes(20, 3)), testnet3());
  const auto refused58 = parse_address(base58, mainnet());
  EXPECT_EQ(refused58.code(), Code::kInvalid);
  EXPECT_NE(refused58.status().message().find("testnet3"), std::string::npos);
}

TEST(Address, AMistypedSegwitAddressIsToldAsSuch) {
  std::string text = *format_address(witness_script_pubkey(0, Bytes(20, 3)), regtest());
  text[10] = text[10] == 'q' ? 'p' : 'q';
  const auto refused = parse_address(text, regtest());
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.status().message().find("checksum"), std::string::npos);
}

TEST(Address, RefusesOverlongTextAndScriptsWithoutAddress) {
  EXPECT_EQ(parse_address(std::string(91, '1'), mainnet()).code(), Code::kInvalid);
  EXPECT_EQ(parse_address("", mainnet()).code(), Code::kInvalid);
  EXPECT_EQ(format_address(Bytes{0x6a, 0x01, 0x02}, mainnet()).code(), Code::kInvalid);
}

TEST(Network, AnotherChainIsData) {
  const Hash256 genesis(std::array<std::uint8_t, 32>{9});
  const auto other = regtest_like("litecoin-regtest", {1, 2, 3, 4}, "rltc", 0x6f, 0x3a, genesis);
  ASSERT_TRUE(other.ok()) << other.status().to_string();
  const Bytes script = witness_script_pubkey(0, Bytes(32, 3));
  const std::string text = *format_address(script, *other);
  EXPECT_TRUE(text.starts_with("rltc1q"));
  EXPECT_EQ(*parse_address(text, *other), script);
  EXPECT_FALSE(parse_address(text, regtest()).ok());
  EXPECT_TRUE(other->no_retarget);
}

TEST(Network, RefusesIdentitiesThatCannotWork) {
  const Hash256 genesis(std::array<std::uint8_t, 32>{9});
  EXPECT_FALSE(regtest_like("", {1}, "rltc", 1, 2, genesis).ok());
  EXPECT_FALSE(regtest_like("Name", {1}, "rltc", 1, 2, genesis).ok());
  EXPECT_FALSE(regtest_like("name", {1}, "", 1, 2, genesis).ok());
  EXPECT_FALSE(regtest_like("name", {1}, "RLTC", 1, 2, genesis).ok());
  EXPECT_FALSE(regtest_like("name", {1}, "rltc", 1, 1, genesis).ok());
  EXPECT_FALSE(regtest_like("name", {1}, "rltc", 1, 2, Hash256()).ok());
  Network bad_limit = regtest();
  bad_limit.pow_limit_bits = 0x20ffffff;
  EXPECT_FALSE(check_network(bad_limit).ok());
  for (const Network* known : {&mainnet(), &testnet3(), &regtest()}) EXPECT_TRUE(check_network(*known).ok());
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
