#include "policy/cedar/extension.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace custody::policy::cedar {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kDay = 86'400'000;

TEST(CedarExtension, ReadsAddresses) {
  for (const char* good : {"10.0.0.1", "0.0.0.0/0", "255.255.255.255/32", "::", "::1/128", "1:2:3:4:5:6:7:8",
                           "1::8/64", "ABCD:ef01::", "1:2:3:4:5:6:7::"}) {
    EXPECT_TRUE(parse_ip(good).has_value()) << good;
  }
  for (const char* bad : {"",
                          "10.0.0",
                          "10.0.0.1.2",
                          "256.0.0.1",
                          "01.2.3.4",
                          "1.2.3.4/33",
                          "1.2.3.4/08",
                          "1.2.3.4/",
                          ":",
                          ":::",
                          "1:2",
                          "1:2:3:4:5:6:7:8:9",
                          "1:2:3:4:5:6:7:8::",
                          "::1::",
                          "::1.2.3.4",
                          "::12345",
                          "::g",
                          "::1/129",
                          "::1/0128",
                          " 1.2.3.4",
                          "1.2.3.4/1/2"}) {
    EXPECT_FALSE(parse_ip(bad).has_value()) << bad;
  }
}

TEST(CedarExtension, ComparesRanges) {
  const auto in = [](const char* inner, const char* outer) {
    return ip_in_range(*parse_ip(inner), *parse_ip(outer));
  };
  EXPECT_TRUE(in("10.1.2.3", "10.0.0.0/8"));
  EXPECT_TRUE(in("10.1.2.3/9", "10.0.0.0/8"));
  EXPECT_FALSE(in("10.1.2.3/7", "10.0.0.0/8"));
  EXPECT_FALSE(in("11.0.0.0", "10.0.0.0/8"));
  EXPECT_TRUE(in("10.128.0.1", "10.129.0.0/15"));
  EXPECT_FALSE(in("10.130.0.1", "10.129.0.0/15"));
  EXPECT_TRUE(in("ff00::1", "ff00::/8"));
  EXPECT_FALSE(in("0.0.0.0", "::/0"));
}

TEST(CedarExtension, KnowsLoopbackAndMulticast) {
  EXPECT_TRUE(ip_is_loopback(*parse_ip("127.255.0.1/8")));
  EXPECT_FALSE(ip_is_loopback(*parse_ip("127.0.0.1/7")));
  EXPECT_TRUE(ip_is_loopback(*parse_ip("::1")));
  EXPECT_FALSE(ip_is_loopback(*parse_ip("::1/127")));
  EXPECT_TRUE(ip_is_multicast(*parse_ip("239.0.0.1")));
  EXPECT_FALSE(ip_is_multicast(*parse_ip("240.0.0.1")));
  EXPECT_TRUE(ip_is_multicast(*parse_ip("ff02::1")));
}

TEST(CedarExtension, WritesAddressesThatReadTheSame) {
  for (const char* text : {"10.0.0.1", "10.0.0.0/8", "::1", "1:2:3:4:5:6:7:8/64"}) {
    const auto again = parse_ip(ip_text(*parse_ip(text)));
    ASSERT_TRUE(again.has_value()) << text;
    EXPECT_EQ(ip_text(*again), ip_text(*parse_ip(text)));
  }
}

TEST(CedarExtension, ReadsDecimals) {
  EXPECT_EQ(parse_decimal("0.0"), 0);
  EXPECT_EQ(parse_decimal("-0.5"), -5000);
  EXPECT_EQ(parse_decimal("12.3456"), 123'456);
  EXPECT_EQ(parse_decimal("0001.2"), 12'000);
  EXPECT_EQ(parse_decimal("922337203685477.5807"), kMax);
  EXPECT_EQ(parse_decimal("-922337203685477.5808"), kMin);
  for (const char* bad : {"", "1", "1.", ".1", "1.23456", "+1.0", "1.-1", "922337203685477.5808",
                          "-922337203685477.5809", "99999999999999999999999.0", "1.0 ", "-.1", "1.2.3"}) {
    EXPECT_FALSE(parse_decimal(bad).has_value()) << bad;
  }
  EXPECT_EQ(decimal_text(-5000), "-0.5");
  EXPECT_EQ(decimal_text(kMin), "-922337203685477.5808");
}

TEST(CedarExtension, ReadsDatetimes) {
  EXPECT_EQ(parse_datetime("1970-01-01"), 0);
  EXPECT_EQ(parse_datetime("1970-01-02T00:00:00.001Z"), kDay + 1);
  EXPECT_EQ(parse_datetime("1969-12-31T23:59:59Z"), -1000);
  EXPECT_EQ(parse_datetime("1970-01-01T01:00:00+0100"), 0);
  EXPECT_EQ(parse_datetime("1970-01-01T00:00:00.500-0030"), 1'800'500);
  EXPECT_EQ(parse_datetime("2024-02-29"), 1'709'164'800'000);
  EXPECT_EQ(parse_datetime("0000-01-01"), -62'167'219'200'000);
  EXPECT_EQ(parse_datetime("9999-12-31T23:59:59.999Z"), 253'402'300'799'999);
  for (const char* bad : {"",
                          "2024",
                          "2023-02-29",
                          "1900-02-29",
                          "2024-00-01",
                          "2024-13-01",
                          "2024-01-00",
                          "2024-01-32",
                          "2024-1-01",
                          "2024-01-01T",
                          "2024-01-01T00:00Z",
                          "2024-01-01T00:00:00",
                          "2024-01-01T24:00:00Z",
                          "2024-01-01T00:60:00Z",
                          "2024-01-01T00:00:60Z",
                          "2024-01-01T00:00:00.1Z",
                          "2024-01-01T00:00:00+2400",
                          "2024-01-01T00:00:00+0060",
                          "2024-01-01T00:00:00+01:00",
                          "2024-01-01T00:00:00Zx",
                          "2024-01-01t00:00:00z",
                          " 2024-01-01"}) {
    EXPECT_FALSE(parse_datetime(bad).has_value()) << bad;
  }
}

TEST(CedarExtension, ReadsDurations) {
  EXPECT_EQ(parse_duration("1d2h3m4s5ms"), kDay + 7'384'005);
  EXPECT_EQ(parse_duration("-1m"), -60'000);
  EXPECT_EQ(parse_duration("5ms"), 5);
  EXPECT_EQ(parse_duration("1m5ms"), 60'005);
  EXPECT_EQ(parse_duration("9223372036854775807ms"), kMax);
  EXPECT_EQ(parse_duration("-9223372036854775808ms"), kMin);
  for (const char* bad : {"", "-", "1", "h", "1h1d", "1h1h", "1ms1s", "--1h", "+1h", "1 h", "1.5h", "1H",
                          "9223372036854775808ms", "-9223372036854775809ms", "106751991168d", "1h-1m"}) {
    EXPECT_FALSE(parse_duration(bad).has_value()) << bad;
  }
}

TEST(CedarExtension, ADayBeginsAtMidnightBeforeAndAfterTheEpoch) {
  EXPECT_EQ(datetime_to_date(kDay + 1), kDay);
  EXPECT_EQ(datetime_to_date(-1), -kDay);
  EXPECT_EQ(datetime_to_date(-kDay), -kDay);
  EXPECT_EQ(datetime_to_time(-1), kDay - 1);
  EXPECT_EQ(datetime_to_time(-kDay), 0);
  EXPECT_FALSE(datetime_to_date(kMin).has_value());
}

TEST(CedarExtension, FindsEveryFunctionByItsName) {
  for (auto i = 0; i <= static_cast<int>(Function::kToDays); ++i) {
    const auto function = static_cast<Function>(i);
    EXPECT_EQ(find_function(function_name(function)), function);
  }
  EXPECT_FALSE(find_function("containsall").has_value());
}

}  // namespace
}  // namespace custody::policy::cedar
