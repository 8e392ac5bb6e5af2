#include "policy/render/text.h"

#include <gtest/gtest.h>

namespace custody::policy::render {
namespace {

TEST(Text, AmountsAreExactDecimals) {
  EXPECT_EQ(decimal_text(model::Amount(123'456'789), 8), "1.23456789");
  EXPECT_EQ(decimal_text(model::Amount(1), 8), "0.00000001");
  EXPECT_EQ(decimal_text(model::Amount(0), 8), "0.00000000");
  EXPECT_EQ(decimal_text(model::Amount(100'000'000), 8), "1.00000000");
  EXPECT_EQ(decimal_text(model::Amount(42), 0), "42");
  EXPECT_EQ(decimal_text(model::Amount(UINT64_MAX), 9), "18446744073.709551615");
  EXPECT_EQ(decimal_text(model::Amount(UINT64_MAX), 25), "0.0000018446744073709551615");
}

TEST(Text, TimesAreUtc) {
  EXPECT_EQ(time_text(model::LedgerMs(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(time_text(model::LedgerMs(1'709'208'000'999)), "2024-02-29T12:00:00Z");
  EXPECT_EQ(time_text(kMaxTime), "9999-12-31T23:59:59Z");
  EXPECT_EQ(time_text(model::LedgerMs(UINT64_MAX)), "9999-12-31T23:59:59Z");
}

TEST(Text, OnlyTimesAsTheyAreWrittenAreRead) {
  for (const std::uint64_t ms : {0ull, 951'782'400'000ull, 1'795'635'000'000ull, 253'402'300'799'000ull}) {
    EXPECT_EQ(*parse_time(time_text(model::LedgerMs(ms))), model::LedgerMs(ms));
  }
  for (const std::string_view bad :
       {"", "2026-11-25", "2026-11-25T19:30:00", "2026-11-25 19:30:00Z", "2026-11-25T19:30:00z",
        "2026-11-25T24:00:00Z", "2026-11-25T23:60:00Z", "2026-11-25T23:59:60Z", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "1969-12-31T23:59:59Z",
        "2026-11-25T19:30:00.0Z", "2026-11-25T19:30:0 Z", "2026-11-25T19:30:00+", "+026-11-25T19:30:00Z",
        "2026/11/25T19:30:00Z", "2026-11-25T19-30-00Z"}) {
    EXPECT_EQ(parse_time(bad).code(), Code::kInvalid) << bad;
  }
}

TEST(Text, LettersAreCounted) {
  EXPECT_TRUE(is_name(as_bytes("a-9")));
  EXPECT_TRUE(is_name(Bytes(32, 'a')));
  EXPECT_FALSE(is_name(Bytes(33, 'a')));
  EXPECT_FALSE(is_name(as_bytes("")));
  EXPECT_FALSE(is_name(as_bytes("a_b")));
  EXPECT_TRUE(is_code(as_bytes("BTC")));
  EXPECT_FALSE(is_code(as_bytes("BTC-1")));
  EXPECT_FALSE(is_code(Bytes(9, 'A')));
  EXPECT_TRUE(is_word(as_bytes("bc1q"), 4));
  EXPECT_FALSE(is_word(as_bytes("bc1q"), 3));
  EXPECT_FALSE(is_word(as_bytes("b c"), 9));
  EXPECT_FALSE(is_word(Bytes{0x7f}, 9));
  EXPECT_FALSE(is_word(Bytes{0xe9}, 9));
  EXPECT_TRUE(is_printable(as_bytes(" \"~"), 3));
  EXPECT_FALSE(is_printable(as_bytes("\t"), 3));
}

TEST(Text, PlainTextCannotEndItsQuotesOrHideSpaces) {
  EXPECT_TRUE(is_plain(as_bytes("Exchange One (Malta) Ltd."), 32));
  for (const std::string_view bad : {"", " a", "a ", "a  b", "a\"b", "a\\b", "a\nb", "\x1b[2J", "\xc3\xa9"}) {
    EXPECT_FALSE(is_plain(as_bytes(bad), 32)) << bad;
  }
}

}  // namespace
}  // namespace custody::policy::render
