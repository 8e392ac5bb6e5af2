#include "proto/codec/second_reading.h"

#include <gtest/gtest.h>

namespace custody::proto::codec {
namespace {

TEST(SecondReading, AcceptsAndReencodes) {
  const Bytes balance{0x08, 0x05};
  EXPECT_EQ(*second_reading("Balance", balance), balance);
  EXPECT_EQ(second_reading("NoSuchMessage", balance).code(), Code::kNotFound);
}

TEST(SecondReading, SeesUnknownFieldsAtAnyDepth) {
  EXPECT_EQ(second_reading("Balance", Bytes{0x10, 0x01}).code(), Code::kInvalid);
  // ProposalRecord { proposal (1) { unknown field 15 } }
  EXPECT_EQ(second_reading("ProposalRecord", Bytes{0x0a, 0x02, 0x78, 0x01}).code(), Code::kInvalid);
  EXPECT_EQ(second_reading("Balance", Bytes{0x08}).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::proto::codec
