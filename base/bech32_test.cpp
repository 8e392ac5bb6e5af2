#include "base/bech32.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/vectors.h"

namespace custody::bech32 {
namespace {

using tests::text_at;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return text;
}

void check_vectors(const Json& vectors, Variant variant, const std::string& name) {
  std::size_t valid = 0;
  std::size_t refused = 0;
  for (const Json& entry : vectors.items()) {
    const std::string section = text_at(entry, "section");
    const std::string text = text_at(entry, "string");
    const auto decoded = decode(text);
    if (section.starts_with("The following strings are valid " + name + ":")) {
      ++valid;
      ASSERT_TRUE(decoded.ok()) << text << ": " << decoded.status().to_string();
      EXPECT_EQ(decoded->variant, variant) << text;
      EXPECT_EQ(*encode(decoded->hrp, decoded->data5, variant), lower(text));
    } else if (section.starts_with("The following string are not valid " + name)) {
      ++refused;
      EXPECT_TRUE(!decoded.ok() || decoded->variant != variant) << text;
    }
  }
  EXPECT_GE(valid, 6u);
  EXPECT_GE(refused, 12u);
}

TEST(Bech32, Bip173Strings) {
  LOAD_VECTOR_JSON(vectors, "bips/bip173.json");
  check_vectors(vectors, Variant::kBech32, "Bech32");
}

TEST(Bech32, Bip350Strings) {
  LOAD_VECTOR_JSON(vectors, "bips/bip350.json");
  check_vectors(vectors, Variant::kBech32m, "Bech32m");
}

TEST(Bech32, BytesRoundTripUnderTheirPrefix) {
  const Bytes bytes{0x00, 0x01, 0xfe, 0xff, 0x80};
  const auto text = encode_bytes("caas", bytes, Variant::kBech32m);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*decode_bytes(*text, "caas", Variant::kBech32m), bytes);
}

TEST(Bech32, AnotherPrefixOrVariantIsRefused) {
  const auto text = encode_bytes("caas", Bytes{1, 2, 3}, Variant::kBech32m);
  ASSERT_TRUE(text.ok());
  const auto other_prefix = decode_bytes(*text, "tcaas", Variant::kBech32m);
  EXPECT_EQ(other_prefix.code(), Code::kInvalid);
  EXPECT_NE(other_prefix.status().message().find("'caas'"), std::string::npos);
  EXPECT_EQ(decode_bytes(*text, "caas", Variant::kBech32).code(), Code::kInvalid);
}

TEST(Bech32, EverySingleCharacterErrorIsFound) {
  const auto text = encode_bytes("caas", Bytes(20, 0x5a), Variant::kBech32m);
  ASSERT_TRUE(text.ok());
  for (std::size_t i = 5; i < text->size(); ++i) {
    std::string wrong = *text;
    wrong[i] = wrong[i] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(decode(wrong).ok()) << i;
  }
}

TEST(Bech32, EncodeRefusesWhatCouldNotBeDecoded) {
  EXPECT_EQ(encode("", Bytes{1}, Variant::kBech32m).code(), Code::kInvalid);
  EXPECT_EQ(encode("Caas", Bytes{1}, Variant::kBech32m).code(), Code::kInvalid);
  EXPECT_EQ(encode("ca as", Bytes{1}, Variant::kBech32m).code(), Code::kInvalid);
  EXPECT_EQ(encode("caas", Bytes{32}, Variant::kBech32m).code(), Code::kInvalid);
  EXPECT_EQ(encode("caas", Bytes(80), Variant::kBech32m).code(), Code::kInvalid);
  EXPECT_TRUE(encode("caas", Bytes(80), Variant::kBech32m, 91).ok());
}

TEST(Bech32, PaddingMustBeShortAndZero) {
  EXPECT_EQ(*convert_bits(Bytes{0xff}, 8, 5, true), (Bytes{31, 28}));
  EXPECT_EQ(*convert_bits(Bytes{31, 28}, 5, 8, false), (Bytes{0xff}));
  EXPECT_EQ(convert_bits(Bytes{31, 29}, 5, 8, false).code(), Code::kInvalid);
  EXPECT_EQ(convert_bits(Bytes{31, 28, 0}, 5, 8, false).code(), Code::kInvalid);
  EXPECT_EQ(convert_bits(Bytes{32}, 5, 8, false).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::bech32
