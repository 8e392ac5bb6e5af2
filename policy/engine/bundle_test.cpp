#include "policy/engine/bundle.h"

#include <gtest/gtest.h>

#include "base/crypto/hash.h"

namespace custody::policy::engine {
namespace {

const std::string kGood = R"(version = 1
[currencies.BTC]
mint_per_transaction = "100"
mint_per_day = "1000"
payout_per_transaction = "0.5"
payout_per_day = "500.00000001"
[governance]
ballots = "allow"
proposals = "deny"
)";

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() {
    model::Currency btc;
    btc.id = model::CurrencyId(1);
    btc.code = to_bytes("BTC");
    btc.decimals = 8;
    model::Currency ltc = btc;
    ltc.id = model::CurrencyId(2);
    ltc.code = to_bytes("LTC");
    currencies_ = {btc, ltc};
  }
  Result<PolicyBundle> parse(const std::string& text) const {
    return parse_policy(text, "policy.toml", currencies_);
  }
  static std::string replaced(const std::string& from, const std::string& to) {
    std::string out = kGood;
    const std::size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos);
    return out.replace(at, from.size(), to);
  }
  void expect_refused(const std::string& text, const std::string& part) const {
    const auto bundle = parse(text);
    ASSERT_FALSE(bundle.ok());
    EXPECT_EQ(bundle.code(), Code::kInvalid) << bundle.status().to_string();
    EXPECT_NE(bundle.status().message().find(part), std::string::npos) << bundle.status().to_string();
  }
  std::vector<model::Currency> currencies_;
};

TEST_F(BundleTest, ReadsAmountsInUnitsOfTheCurrency) {
  const auto bundle = parse(kGood);
  ASSERT_TRUE(bundle.ok()) << bundle.status().to_string();
  const Limits expected{model::Amount(10'000'000'000), model::Amount(100'000'000'000),
                        model::Amount(50'000'000), model::Amount(50'000'000'001)};
  EXPECT_EQ(bundle->limits.at(model::CurrencyId(1)), expected);
  EXPECT_EQ(bundle->limits.count(model::CurrencyId(2)), 0u);
  EXPECT_TRUE(bundle->ballots);
  EXPECT_FALSE(bundle->proposals);
  EXPECT_EQ(bundle->hash, crypto::sha256(as_bytes(kGood)));
}

// Abuse case B3: what does not mean exactly one thing is refused, with the line.
TEST_F(BundleTest, B3_AmountsThatAreNotPositiveNumbersAreRefused) {
  for (const char* wrong : {"0", "0.0", "-1", "+1", "1e3", "", ".", ".5", "1.", "1.2.3", " 1", "1 ", "NaN",
                            "inf", "0x10", "1,5", "0.123456789", "184467440738", "99999999999999999999999"}) {
    expect_refused(replaced("\"100\"", "\"" + std::string(wrong) + "\""),
                   "policy.toml:3: currencies.BTC.mint_per_transaction");
  }
  expect_refused(replaced("\"100\"", "100"), "mint_per_transaction");
}

TEST_F(BundleTest, B3_ADayBelowATransactionIsRefused) {
  expect_refused(replaced("\"1000\"", "\"99\""), "policy.toml:4");
  expect_refused(replaced("\"500.00000001\"", "\"0.4\""), "policy.toml:6");
}

TEST_F(BundleTest, B3_UnknownAndMissingKeysAreRefused) {
  expect_refused(replaced("[governance]", "surprise = 1\n[governance]"), "surprise");
  expect_refused(replaced("version = 1", "version = 1\nother = 2"), "other");
  expect_refused(kGood + "[officers]\nanna = \"x\"\n", "officers");
  for (const char* line : {"version = 1\n", "mint_per_transaction = \"100\"\n", "mint_per_day = \"1000\"\n",
                           "payout_per_transaction = \"0.5\"\n", "payout_per_day = \"500.00000001\"\n",
                           "ballots = \"allow\"\n", "proposals = \"deny\"\n"}) {
    const std::string key = std::string(line).substr(0, std::string(line).find(' '));
    expect_refused(replaced(line, ""), key);
  }
}

TEST_F(BundleTest, B3_UnknownCurrencyVersionAndWordAreRefusedWithTheirLine) {
  expect_refused(replaced("[currencies.BTC]", "[currencies.XYZ]"), "policy.toml:2: currencies.XYZ");
  expect_refused(replaced("version = 1", "version = 2"), "policy.toml:1");
  expect_refused(replaced("\"allow\"", "\"maybe\""), "policy.toml:8");
}

TEST_F(BundleTest, OversizeAndBrokenFilesAreRefused) {
  expect_refused(kGood + std::string(kMaxPolicyFile, '#'), "larger than");
  expect_refused("version = ", "policy.toml");
}

}  // namespace
}  // namespace custody::policy::engine
