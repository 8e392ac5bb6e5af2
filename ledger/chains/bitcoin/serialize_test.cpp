#include "ledger/chains/bitcoin/serialize.h"

#include <gtest/gtest.h>

namespace custody::ledger::chains::bitcoin {
namespace {

TEST(Serialize, CompactSizesRoundTripAtTheirBorders) {
  for (const std::uint64_t value :
       {0ull, 0xfcull, 0xfdull, 0xffffull, 0x10000ull, 0xffffffffull, 0x100000000ull}) {
    const Bytes raw = Writer().compact_size(value).take();
    EXPECT_EQ(raw.size(), compact_size_length(value));
    Reader reader(raw);
    EXPECT_EQ(*reader.compact_size(), value);
    EXPECT_TRUE(reader.finish().ok());
  }
}

TEST(Serialize, LongCompactSizesAreRefused) {
  for (const char* hex : {"fdfc00", "fd0000", "feffff0000", "ffffffffff00000000"}) {
    const Bytes raw = *from_hex(hex);
    Reader reader(raw);
    EXPECT_EQ(reader.compact_size().code(), Code::kInvalid) << hex;
  }
}

TEST(Serialize, TruncationIsRefused) {
  const Bytes raw{1, 2, 3};
  EXPECT_EQ(Reader(raw).u32().code(), Code::kInvalid);
  EXPECT_EQ(Reader(raw).u64().code(), Code::kInvalid);
  EXPECT_EQ(Reader(raw).hash().code(), Code::kInvalid);
  EXPECT_EQ(Reader(ByteView()).u8().code(), Code::kInvalid);
  EXPECT_EQ(Reader(Bytes{0xfd, 0x01}).compact_size().code(), Code::kInvalid);
}

TEST(Serialize, ACountThatCannotFollowIsRefusedBeforeAllocation) {
  const Bytes raw = Writer().compact_size(1'000'000'000).bytes(Bytes(100)).take();
  Reader reader(raw);
  EXPECT_EQ(reader.count(1).code(), Code::kInvalid);
  const Bytes three = Writer().compact_size(3).bytes(Bytes(8)).take();
  Reader items(three);
  EXPECT_EQ(items.count(3).code(), Code::kInvalid);
}

TEST(Serialize, TrailingBytesAreRefused) {
  const Bytes raw{1, 2};
  Reader reader(raw);
  EXPECT_EQ(*reader.u8(), 1);
  EXPECT_EQ(reader.finish().code(), Code::kInvalid);
}

TEST(Serialize, RpcHexIsReversed) {
  const std::string text = "00000000000000000000000000000000000000000000000000000000000000ab";
  const auto hash = from_rpc_hex(text);
  ASSERT_TRUE(hash.ok());
  EXPECT_EQ(hash->data()[0], 0xab);
  EXPECT_EQ(to_rpc_hex(*hash), text);
  EXPECT_EQ(from_rpc_hex("ab").code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::ledger::chains::bitcoin
