#include "signer/hsm/provision.h"

#include <gtest/gtest.h>

#include "signer/hsm/module.h"
#include "signer/hsm/softhsm_fixture.h"

namespace custody::signer::hsm {
namespace {

using testing::kLabel;
using testing::probe_module;
using testing::so_pin;
using testing::SoftHsm;
using testing::user_pin;

class ProvisionerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = Provisioner::load(probe_module());
    ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
    provisioner_ = std::move(loaded).value();
  }
  void init_and_login() {
    const auto serial = provisioner_->init_token(kLabel, so_pin(), user_pin());
    ASSERT_TRUE(serial.ok()) << serial.status().to_string();
    const Status login = provisioner_->login(kLabel, *serial, user_pin());
    ASSERT_TRUE(login.ok()) << login.to_string();
  }
  // Key objects with this id, seen by a fresh look at the token.
  std::size_t objects_with_id(std::uint8_t id) {
    const auto module = std::move(*Module::load(probe_module()));
    const TokenInfo token = *find_token(*module, {kLabel, ""});
    const Session session = std::move(*Session::open(*module, token.slot, Session::Access::kReadOnly));
    EXPECT_TRUE(session.login(CKU_USER, user_pin()).ok());
    return find_objects(session, CKO_PRIVATE_KEY, Bytes{id})->size() +
           find_objects(session, CKO_PUBLIC_KEY, Bytes{id})->size();
  }

  SoftHsm hsm_;
  std::unique_ptr<Provisioner> provisioner_;
};

TEST_F(ProvisionerTest, MakesATokenAndKeysThatTheSignerAccepts) {
  init_and_login();
  const auto key = provisioner_->generate_key("validator", Bytes{1});
  ASSERT_TRUE(key.ok()) << key.status().to_string();
  EXPECT_EQ(hsm_.count("C_InitToken"), 1u);
  EXPECT_EQ(hsm_.count("C_GenerateKeyPair"), 1u);
  EXPECT_EQ(hsm_.count("C_Sign:01"), 1u);  // the test signature
  provisioner_.reset();
  const auto token =
      Pkcs11Token::open({probe_module(), kLabel, ""}, {{"validator", Bytes{1}, *key}}, user_pin());
  ASSERT_TRUE(token.ok()) << token.status().to_string();
  EXPECT_TRUE((*token)->sign(*key, crypto::sha256(as_bytes("x"))).ok());
}

TEST_F(ProvisionerTest, NeverTouchesATokenThatIsThere) {
  init_and_login();
  const auto again = provisioner_->init_token(kLabel, so_pin(), user_pin());
  EXPECT_EQ(again.code(), Code::kExists) << again.status().to_string();
  EXPECT_EQ(hsm_.count("C_InitToken"), 1u);
}

TEST_F(ProvisionerTest, RefusesLabelsAndIdsOutOfBounds) {
  EXPECT_EQ(provisioner_->init_token("", so_pin(), user_pin()).code(), Code::kInvalid);
  EXPECT_EQ(provisioner_->init_token(std::string(33, 'x'), so_pin(), user_pin()).code(), Code::kInvalid);
  EXPECT_EQ(hsm_.count("C_InitToken"), 0u);
  init_and_login();
  EXPECT_EQ(provisioner_->generate_key("", Bytes{1}).code(), Code::kInvalid);
  EXPECT_EQ(provisioner_->generate_key("validator", Bytes{}).code(), Code::kInvalid);
  EXPECT_EQ(hsm_.count("C_GenerateKeyPair"), 0u);
}

TEST_F(ProvisionerTest, RefusesAnIdThatIsTakenAndKeysWithoutALogin) {
  EXPECT_EQ(provisioner_->generate_key("validator", Bytes{1}).code(), Code::kUnavailable);
  init_and_login();
  ASSERT_TRUE(provisioner_->generate_key("validator", Bytes{1}).ok());
  EXPECT_EQ(provisioner_->generate_key("attest", Bytes{1}).code(), Code::kExists);
}

TEST_F(ProvisionerTest, AWrongPinIsTriedOnce) {
  ASSERT_TRUE(provisioner_->init_token(kLabel, so_pin(), user_pin()).ok());
  const std::uint64_t before = hsm_.count("C_Login");
  EXPECT_EQ(provisioner_->login(kLabel, "", SecretBytes(as_bytes("wrong"))).code(), Code::kUnauthenticated);
  EXPECT_EQ(hsm_.count("C_Login"), before + 1);
}

TEST_F(ProvisionerTest, AKeyThatFailsItsTestLeavesNothingBehind) {
  init_and_login();
  for (const char* fault : {"C_Sign 1 corrupt\n", "C_Sign 1 return CKR_DEVICE_ERROR\n",
                            "C_GenerateKeyPair 1 return-after CKR_GENERAL_ERROR\n"}) {
    hsm_.script(fault);
    EXPECT_FALSE(provisioner_->generate_key("validator", Bytes{1}).ok()) << fault;
    EXPECT_EQ(objects_with_id(1), 0u) << fault;
  }
  hsm_.script("");
  EXPECT_TRUE(provisioner_->generate_key("validator", Bytes{1}).ok());
}

}  // namespace
}  // namespace custody::signer::hsm
