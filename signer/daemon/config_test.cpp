#include "signer/daemon/config.h"

#include <gtest/gtest.h>

#include "base/crypto/secp256k1.h"

namespace custody::signer::daemon {
namespace {

PublicKey key(std::uint64_t seed) {
  SeededEntropy entropy(seed);
  return crypto::SoftwareKey::generate(entropy).public_key();
}

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    text_ =
        "module = \"/usr/lib/module.so\"\nsofthsm_conf = \"softhsm2.conf\"\ntoken_directory = \"token\"\n"
        "token_label = \"label\"\ntoken_serial = \"0123\"\nmember = \"member-1\"\nmemory_lock = \"secrets\"\n"
        "[keys.validator]\nid = \"01\"\npublic = \"" +
        key(1).hex() +
        "\"\n"
        "[keys.seat-BTC-1]\nid = \"04\"\npublic = \"" +
        key(2).hex() + "\"\n";
    binding_.token_label = "label";
    binding_.token_serial = "0123";
    binding_.keys = {{"validator", {1}, key(1)}, {"seat-BTC-1", {4}, key(2)}};
  }
  Result<DaemonConfig> parse() const { return parse_config(text_, "signer.toml", "/member"); }
  void replace(const std::string& from, const std::string& to) {
    const std::size_t at = text_.find(from);
    ASSERT_NE(at, std::string::npos);
    text_.replace(at, from.size(), to);
  }
  void expect_invalid(const std::string& part) const {
    const auto config = parse();
    EXPECT_EQ(config.code(), Code::kInvalid);
    EXPECT_NE(config.status().message().find(part), std::string::npos) << config.status().to_string();
  }
  std::string text_;
  journal::Binding binding_;
};

TEST_F(ConfigTest, ReadsEveryKeyAndTakesPathsFromTheMembersDirectory) {
  const auto config = parse();
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  EXPECT_EQ(config->token.module_path, "/usr/lib/module.so");
  EXPECT_EQ(config->softhsm_conf, "/member/softhsm2.conf");
  EXPECT_EQ(config->token_directory, "/member/token");
  EXPECT_EQ(config->memory_lock, MemoryLock::kSecrets);
  ASSERT_EQ(config->keys.size(), 2u);
  EXPECT_TRUE(check_pins(*config, binding_).ok());
}

TEST_F(ConfigTest, AnAbsentTokenDirectoryStaysAbsent) {
  replace("\"token\"", "\"\"");
  EXPECT_EQ(parse()->token_directory, "");
}

TEST_F(ConfigTest, MissingUnknownAndWrongKeysAreRefused) {
  const std::string good = text_;
  for (const char* name : {"module", "softhsm_conf", "token_directory", "token_label", "token_serial",
                           "member", "memory_lock"}) {
    text_ = good;
    const std::size_t at = text_.find(std::string(name) + " =");
    text_.erase(at, text_.find('\n', at) - at + 1);
    expect_invalid(name);
  }
  text_ = "extra = 1\n" + good;
  expect_invalid("extra");
  text_ = good;
  replace("\"secrets\"", "\"none\"");
  expect_invalid("memory_lock");
  text_ = good;
  replace("\"01\"", "\"zz\"");
  expect_invalid("keys.validator.id");
  text_ = good;
  replace(key(1).hex(), "02" + std::string(64, 'f'));
  expect_invalid("keys.validator.public");
}

// Abuse case A7: another token or key than at the ceremony.
TEST_F(ConfigTest, A7_AnotherTokenOrKeyThanBoundIsRefused) {
  const journal::Binding good = binding_;
  binding_.token_serial = "9999";
  EXPECT_EQ(check_pins(*parse(), binding_).code(), Code::kRefused);
  binding_ = good;
  binding_.token_label = "other";
  EXPECT_EQ(check_pins(*parse(), binding_).code(), Code::kRefused);
  binding_ = good;
  binding_.keys[1].key = key(3);
  EXPECT_EQ(check_pins(*parse(), binding_).code(), Code::kRefused);
  binding_ = good;
  binding_.keys[0].id = {9};
  EXPECT_EQ(check_pins(*parse(), binding_).code(), Code::kRefused);
  binding_ = good;
  binding_.keys.pop_back();
  EXPECT_EQ(check_pins(*parse(), binding_).code(), Code::kRefused);
  binding_ = good;
  binding_.keys.push_back({"attest", {2}, key(4)});
  EXPECT_EQ(check_pins(*parse(), binding_).code(), Code::kRefused);
}

}  // namespace
}  // namespace custody::signer::daemon
