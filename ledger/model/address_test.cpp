#include "ledger/model/address.h"

#include <gtest/gtest.h>

namespace custody::ledger::model {
namespace {

PublicKey some_key() {
  return *PublicKey::from_hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
}

TEST(Address, TextRoundTrip) {
  const Address address = Address::of_key(some_key());
  const std::string text = address.text("caas");
  EXPECT_EQ(text.substr(0, 5), "caas1");
  EXPECT_EQ(*Address::parse(text, "caas"), address);
  EXPECT_EQ(address.kind(), Address::Kind::kKey);
}

TEST(Address, RefusesAnotherNetworkATypoAndAnUnknownKind) {
  const std::string text = Address::of_key(some_key()).text("caas");
  EXPECT_EQ(Address::parse(text, "tcaas").code(), Code::kInvalid);
  std::string typo = text;
  typo.back() = typo.back() == 'q' ? 'p' : 'q';
  EXPECT_EQ(Address::parse(typo, "caas").code(), Code::kInvalid);
  Bytes raw(Address::kSize);
  raw[0] = 2;
  EXPECT_EQ(Address::from_bytes(raw).code(), Code::kInvalid);
  EXPECT_EQ(Address::from_bytes(Bytes(20)).code(), Code::kInvalid);
}

TEST(Address, SystemAccountsDiffer) {
  EXPECT_NE(Address::treasury(), Address::fee_pool());
  EXPECT_EQ(Address::treasury().kind(), Address::Kind::kSystem);
}

}  // namespace
}  // namespace custody::ledger::model
