#include "base/bytes.h"

#include <gtest/gtest.h>

namespace custody {
namespace {

TEST(Bytes, HexRoundTrip) {
  const Bytes raw{0x00, 0x7f, 0xab, 0xff};
  EXPECT_EQ(to_hex(raw), "007fabff");
  EXPECT_EQ(to_hex_reversed(raw), "ffab7f00");
  EXPECT_EQ(*from_hex("007FabFF"), raw);
}

TEST(Bytes, HexRefusesOddLengthAndOtherCharacters) {
  EXPECT_EQ(from_hex("abc").code(), Code::kInvalid);
  EXPECT_EQ(from_hex("0g").code(), Code::kInvalid);
}

TEST(Bytes, ForATerminalOnlyPrintableAsciiStays) {
  EXPECT_EQ(to_printable("a ~\x1b[2J\n\x7f\xc3\xbc"), "a ~\\x1b[2J\\x0a\\x7f\\xc3\\xbc");
}

TEST(Bytes, FixedBytesRefuseAnotherLength) {
  EXPECT_FALSE(Hash256::from(Bytes(31)).ok());
  EXPECT_FALSE(Hash256::from(Bytes(33)).ok());
  EXPECT_TRUE(Hash256::from(Bytes(32)).ok());
  EXPECT_TRUE(Hash256().is_zero());
}

}  // namespace
}  // namespace custody
