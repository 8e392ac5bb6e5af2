#include "proto/reader/wire.h"

#include <gtest/gtest.h>

#include "base/entropy.h"
#include "proto/reader/describe.h"

namespace custody::proto::reader {
namespace {

namespace m = ledger::model;

m::Transaction sample() {
  const PublicKey key =
      *PublicKey::from_hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
  const m::Address address = m::Address::of_key(key);
  m::Transfer transfer;
  transfer.inputs.push_back({address, m::CurrencyId(1), m::Amount(1000)});
  transfer.outputs.push_back({m::Address::treasury(), m::CurrencyId(1), m::Amount(900)});
  transfer.memo = {1, 2, 3};
  return {1, m::Height(42), 7, transfer};
}

TEST(Wire, RoundTrip) {
  const Bytes bytes = encode(sample());
  const auto decoded = decode<m::Transaction>(bytes, 1024);
  ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
  EXPECT_EQ(*decoded, sample());
}

// Invariant 1 of proto/reader: whatever decodes encodes to the same bytes.
TEST(Wire, EveryMutationThatDecodesEncodesToItself) {
  const Bytes bytes = encode(sample());
  SeededEntropy entropy(1);
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    Bytes changed = bytes;
    for (std::uint64_t n = 1 + entropy.below(3); n > 0; --n) {
      changed[entropy.below(changed.size())] = static_cast<std::uint8_t>(entropy.next_u64());
    }
    const auto decoded = decode<m::Transaction>(changed, 1024);
    if (!decoded.ok()) continue;
    ++accepted;
    EXPECT_EQ(encode(*decoded), changed);
  }
  EXPECT_GT(accepted, 100);
}

TEST(Wire, RefusesEveryTruncationAndTrailingByte) {
  const Bytes bytes = encode(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode<m::Transaction>(ByteView(bytes).first(size), 1024).ok()) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode<m::Transaction>(longer, 1024).ok());
}

TEST(Wire, RefusesWhatProtobufWouldAccept) {
  EXPECT_FALSE(decode<m::Balance>(Bytes{0x08, 0x00}, 64).ok());              // explicit zero
  EXPECT_FALSE(decode<m::Balance>(Bytes{0x08, 0x81, 0x00}, 64).ok());        // number not in shortest form
  EXPECT_FALSE(decode<m::Balance>(Bytes{0x08, 0x01, 0x08, 0x02}, 64).ok());  // repeated singular field
  EXPECT_FALSE(decode<m::Balance>(Bytes{0x10, 0x01}, 64).ok());              // unknown field
  EXPECT_FALSE(decode<m::Balance>(Bytes{0x09, 1, 0, 0, 0, 0, 0, 0, 0}, 64).ok());  // other wire type
  EXPECT_TRUE(decode<m::Balance>(Bytes{0x08, 0x01}, 64).ok());
  EXPECT_TRUE(decode<m::Balance>(Bytes{}, 64).ok());
}

TEST(Wire, RefusesMoreThanTheLimitBeforeLooking) {
  EXPECT_EQ(decode<m::Balance>(Bytes(65), 64).code(), Code::kInvalid);
}

TEST(Wire, NumbersUpTo64BitsOnly) {
  Bytes largest{0x08};
  put_varint(largest, UINT64_MAX);
  EXPECT_EQ(decode<m::Balance>(largest, 64)->amount, m::Amount(UINT64_MAX));
  EXPECT_FALSE(
      decode<m::Balance>(Bytes{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, 64).ok());
}

TEST(Wire, OptionalKeepsZeroApartFromAbsent) {
  m::BlockProposal proposal;
  EXPECT_FALSE(decode<m::BlockProposal>(encode(proposal), 1024)->proof_of_lock.has_value());
  proposal.proof_of_lock = m::Round(0);
  EXPECT_EQ(decode<m::BlockProposal>(encode(proposal), 1024)->proof_of_lock, m::Round(0));
}

}  // namespace
}  // namespace custody::proto::reader
