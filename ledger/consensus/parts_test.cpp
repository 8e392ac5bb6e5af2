#include "ledger/consensus/parts.h"

#include <gtest/gtest.h>

namespace custody::ledger::consensus {
namespace {

Bytes sample(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return out;
}

TEST(Parts, SplitAndAssembleInAnyOrder) {
  for (const std::size_t size :
       {std::size_t{1}, model::kPartBytes, model::kPartBytes + 1, 5 * model::kPartBytes - 3}) {
    const Bytes bytes = sample(size);
    const auto whole = PartSet::of(bytes);
    ASSERT_TRUE(whole.ok());
    auto rebuilt = PartSet::expect(whole->root(), whole->count());
    ASSERT_TRUE(rebuilt.ok());
    for (std::uint32_t i = whole->count(); i-- > 0;) {
      EXPECT_FALSE(rebuilt->complete());
      EXPECT_TRUE(rebuilt->add(whole->part(i)).ok());
      EXPECT_TRUE(rebuilt->add(whole->part(i)).ok()) << "a repeated part is fine";
    }
    ASSERT_TRUE(rebuilt->complete());
    EXPECT_EQ(rebuilt->assemble(), bytes);
  }
}

TEST(Parts, APartThatDoesNotProveItsPlaceIsRefused) {
  const auto whole = PartSet::of(sample(3 * model::kPartBytes));
  auto set = PartSet::expect(whole->root(), whole->count());
  ASSERT_TRUE(set.ok());
  model::BlockPart part = whole->part(1);
  part.data[5] ^= 1;
  EXPECT_EQ(set->add(part).code(), Code::kInvalid);
  part = whole->part(1);
  part.index = 2;
  EXPECT_EQ(set->add(part).code(), Code::kInvalid);
  part.index = 3;
  EXPECT_EQ(set->add(part).code(), Code::kInvalid);
  part = whole->part(0);
  part.data.pop_back();
  EXPECT_EQ(set->add(part).code(), Code::kInvalid);
  EXPECT_EQ(set->held(), 0u);
}

TEST(Parts, SizesOutsideTheLimitsAreRefused) {
  EXPECT_EQ(PartSet::of({}).code(), Code::kInvalid);
  EXPECT_EQ(PartSet::of(Bytes(model::kMaxBlockBytes + 1)).code(), Code::kExhausted);
  EXPECT_EQ(PartSet::expect({}, 0).code(), Code::kInvalid);
  EXPECT_EQ(PartSet::expect({}, model::kMaxBlockParts + 1).code(), Code::kInvalid);
}

TEST(Parts, BitmapNamesWhatIsHeld) {
  const auto whole = PartSet::of(sample(10 * model::kPartBytes));
  auto set = PartSet::expect(whole->root(), 10);
  ASSERT_TRUE(set->add(whole->part(0)).ok());
  ASSERT_TRUE(set->add(whole->part(9)).ok());
  EXPECT_EQ(set->bitmap(), (Bytes{0x01, 0x02}));
}

}  // namespace
}  // namespace custody::ledger::consensus
