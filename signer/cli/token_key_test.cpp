// Officers' keys in SoftHSM2, asked through custody-officer-sign, with the probe in between.
#include "signer/cli/token_key.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/render/render.h"
#include "signer/cli/policy_fixture_test.h"
#include "signer/hsm/officer_token.h"
#include "tests/support/child_process.h"

namespace custody::signer::cli {
namespace {

using hsm::KeyCurve;
using hsm::testing::generate_officer_key;
using ::testing::HasSubstr;

class TokenKeys : public PolicyFolder {
 protected:
  void SetUp() override {
    hsm_.init_token();
    ASSERT_TRUE(write_file_atomic(pin_, as_bytes("2468-user\n"), 0600).ok());
    generate_officer_key({.curve = KeyCurve::kSecp256k1, .label = "alice", .id = {1}});
    generate_officer_key({.curve = KeyCurve::kP256, .label = "bob", .id = {2}});
  }
  OfficerKeyOptions options(const std::string& officer) const {
    OfficerKeyOptions out;
    out.key = "pkcs11:token=custody-test;object=" + officer + ";type=private";
    out.pin = pin_;
    out.module = hsm::testing::probe_module();
    out.module_writes = {hsm_.writable()};
    return out;
  }
  Result<KeySignature> sign(const OfficerKeyOptions& options) const {
    ASSIGN_OR_RETURN(const auto key, open_officer_key(options));
    return key->sign(shown_);
  }
  // The program's exit code; standard output and error follow one another in said_.
  int custodyctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), tests::bin_dir() + "/custodyctl");
    const std::string out = path_ + "/said";
    std::filesystem::remove(out);
    tests::ChildProcess child;
    child.start(arguments, out, [] { dup2(STDERR_FILENO, STDOUT_FILENO); });
    const int code = child.wait_exit();
    said_ = read(out);
    return code;
  }

  hsm::testing::SoftHsm hsm_;
  const std::string pin_ = path_ + "/pin";
  const Rendering shown_{policy::render::kVoteTag, *model::ChainId::from(Bytes(32, 1)),
                         "CAASIOPE REQUEST v1\nsays      approve\n"};
  std::string said_;
};

// Invariant 8.
TEST_F(TokenKeys, SignWhatWasShownOnEitherCurve) {
  for (const char* officer : {"alice", "bob"}) {
    const auto signature = sign(options(officer));
    ASSERT_TRUE(signature.ok()) << signature.status().to_string();
    EXPECT_TRUE(verify(signature->key, digest_of(shown_), signature->signature));
    const auto told = read_token_key(options(officer));
    ASSERT_TRUE(told.ok()) << told.status().to_string();
    EXPECT_EQ(*told, signature->key);
  }
  EXPECT_EQ(sign(options("alice"))->key.curve, policy::bundle::Curve::kSecp256k1);
  EXPECT_EQ(sign(options("bob"))->key.curve, policy::bundle::Curve::kP256);
  EXPECT_EQ(hsm_.count("C_Login"), 4u);
}

TEST_F(TokenKeys, TheChildsRefusalsComeThrough) {
  OfficerKeyOptions wrong = options("alice");
  wrong.pin = password_;
  EXPECT_EQ(sign(wrong).code(), Code::kUnauthenticated);
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  EXPECT_EQ(sign(options("carol")).code(), Code::kNotFound);
  wrong = options("alice");
  wrong.key += ";type=private";
  EXPECT_THAT(sign(wrong).status().message(), HasSubstr("type is given twice"));
  wrong = options("alice");
  wrong.module = "";
  EXPECT_THAT(sign(wrong).status().hint(), HasSubstr("--module"));
  hsm_.script("C_OpenSession * return CKR_DEVICE_REMOVED\n");
  EXPECT_EQ(sign(options("alice")).code(), Code::kUnavailable);
  hsm_.script("C_Sign * corrupt\n");
  EXPECT_EQ(sign(options("alice")).code(), Code::kCorrupt);
  hsm_.script("C_Sign 1 crash-before\n");
  EXPECT_THAT(sign(options("alice")).status().message(), HasSubstr("was ended by signal 9"));
}

TEST_F(TokenKeys, WhatIsGivenMustFitTheKindOfKey) {
  OfficerKeyOptions mixed = options("alice");
  mixed.password = password_;
  EXPECT_THAT(open_officer_key(mixed).status().message(), HasSubstr("--password-file is for a key file"));
  mixed = options("alice");
  mixed.pin = "";
  EXPECT_THAT(open_officer_key(mixed).status().message(), HasSubstr("no PIN"));
  mixed = options("alice");
  mixed.pin = path_ + "/none";
  EXPECT_EQ(sign(mixed).code(), Code::kIo);
  mixed = options("alice");
  mixed.key = path_ + "/alice.key";
  EXPECT_THAT(open_officer_key(mixed).status().message(), HasSubstr("are for a key in a token"));
  EXPECT_THAT(open_officer_key({mixed.key, "", "", "", {}}).status().message(), HasSubstr("no password"));
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
}

TEST_F(TokenKeys, AVersionIsSignedWithAToken) {
  const std::string uri =
      "pkcs11:token=custody-test;object=bob?module-path=" + std::string(hsm::testing::kSoftHsmModule);
  ASSERT_EQ(custodyctl({"--json", "policy", "key", "show", "--key", uri}), 0) << said_;
  const Json key = *Json::parse(said_, 4096);
  EXPECT_EQ(key.string_at("uri").value(), uri);
  const std::string bob =
      "bob:treasury:" + key.string_at("curve").value() + ":" + key.string_at("public_key").value();
  ASSERT_EQ(custodyctl({"policy", "new", draft_, "--genesis", genesis_, "--member-name", member(),
                        "--officer", bob, "--officer", officer_without_file("alice", "treasury")}),
            0)
      << said_;
  const std::string file = path_ + "/v1.bundle";
  ASSERT_EQ(custodyctl({"--json", "policy", "propose", draft_, "--genesis", genesis_, "--out", file}), 0);
  const std::string hash = Json::parse(said_, 1u << 20)->string_at("hash").value();
  const std::vector<std::string> sign = {"policy", "sign", file, "--officer", "bob", "--hash", hash};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), sign.begin(), sign.end());
    return custodyctl(std::move(more));
  };
  EXPECT_EQ(with({"--key", uri, "--pin-file", password_}), 1);
  EXPECT_THAT(said_, HasSubstr("refused the PIN"));
  EXPECT_EQ(with({"--key", uri}), 2);
  EXPECT_EQ(with({"--key", "pkcs11:token=custody-test;object=alice", "--module", hsm::testing::kSoftHsmModule,
                  "--pin-file", pin_}),
            1)
      << "alice's key is not bob's";
  EXPECT_EQ(with({"--key", uri, "--pin-file", pin_}), 0) << said_;
  EXPECT_THAT(said_, HasSubstr("CAASIOPE POLICY ACTIVATION v1\n"));
  ASSERT_EQ(custodyctl({"--json", "policy", "show", file}), 0);
  EXPECT_EQ(Json::parse(said_, 1u << 20)->find("signatures")->items().size(), 1u);
}

}  // namespace
}  // namespace custody::signer::cli
