// Against SoftHSM2, with the probe in between to count calls and inject faults.
#include "signer/hsm/pkcs11_token.h"

#include <gtest/gtest.h>

#include "base/crypto/secp256k1.h"
#include "signer/hsm/module.h"
#include "signer/hsm/softhsm_fixture.h"

namespace custody::signer::hsm {
namespace {

using testing::kLabel;
using testing::kSoftHsmModule;
using testing::probe_module;
using testing::SoftHsm;
using testing::user_pin;

class Pkcs11TokenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    serial_ = hsm_.init_token();
    alpha_ = hsm_.generate("alpha", 1);
    beta_ = hsm_.generate("beta", 2);
  }

  Result<std::unique_ptr<Pkcs11Token>> open(std::vector<PinnedKey> keys, SecretBytes pin = user_pin()) const {
    return Pkcs11Token::open({probe_module(), kLabel, serial_}, std::move(keys), std::move(pin));
  }
  std::unique_ptr<Pkcs11Token> open_ok() const {
    auto token = open({alpha_, beta_});
    EXPECT_TRUE(token.ok()) << token.status().to_string();
    return std::move(token).value();
  }
  void expect_signs(Pkcs11Token& token, const PinnedKey& key) const {
    const auto signature = token.sign(key.public_key, digest_);
    ASSERT_TRUE(signature.ok()) << signature.status().to_string();
    EXPECT_TRUE(crypto::verify(key.public_key, digest_, *signature));
  }

  SoftHsm hsm_;
  std::string serial_;
  PinnedKey alpha_;
  PinnedKey beta_;
  Hash256 digest_ = crypto::sha256(as_bytes("digest"));
};

// README invariant 1.
TEST_F(Pkcs11TokenTest, SignsWithEveryPinnedKeyVerifiedAndLowS) {
  auto token = open_ok();
  for (int i = 0; i < 20; ++i) {
    digest_ = crypto::sha256(digest_);
    expect_signs(*token, i % 2 == 0 ? alpha_ : beta_);
  }
  EXPECT_EQ(hsm_.count("C_Sign:01"), 10u);
  EXPECT_EQ(hsm_.count("C_Sign:02"), 10u);
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  EXPECT_EQ(hsm_.count("C_OpenSession"), 1u);
  EXPECT_EQ(token->counters().signatures, 20u);
}

TEST_F(Pkcs11TokenTest, FindsTheTokenByLabelOrBySerialAlone) {
  EXPECT_TRUE(Pkcs11Token::open({kSoftHsmModule, kLabel, ""}, {alpha_}, user_pin()).ok());
  EXPECT_TRUE(Pkcs11Token::open({kSoftHsmModule, "", serial_}, {alpha_}, user_pin()).ok());
  EXPECT_EQ(Pkcs11Token::open({kSoftHsmModule, "", ""}, {alpha_}, user_pin()).code(), Code::kInvalid);
}

// README invariant 2.
TEST_F(Pkcs11TokenTest, AWrongPinIsTriedOnce) {
  const auto token = open({alpha_}, SecretBytes(as_bytes("not the PIN")));
  ASSERT_EQ(token.code(), Code::kUnauthenticated);
  EXPECT_NE(token.status().message().find("tried once"), std::string::npos) << token.status().to_string();
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  EXPECT_EQ(hsm_.count("C_SignInit"), 0u);
}

TEST_F(Pkcs11TokenTest, ALowRetryCounterForbidsTheLogin) {
  ASSERT_EQ(open({alpha_}, SecretBytes(as_bytes("not the PIN"))).code(), Code::kUnauthenticated);
  ASSERT_EQ(hsm_.count("C_Login"), 1u);
  EXPECT_EQ(open({alpha_}).code(), Code::kUnauthenticated);  // the right PIN
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  {
    const auto module = *Module::load(kSoftHsmModule);
    const TokenInfo token = *find_token(*module, {kLabel, ""});
    ASSERT_TRUE(
        Session::open(*module, token.slot, Session::Access::kReadOnly)->login(CKU_USER, user_pin()).ok());
  }
  EXPECT_TRUE(open({alpha_}).ok());
}

TEST(CheckPinFlags, RefusesWhatCouldLockTheToken) {
  constexpr CK_FLAGS kGood = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
  EXPECT_TRUE(check_pin_flags({0, kGood, "t", "s"}).ok());
  for (const CK_FLAGS bad : {CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED}) {
    EXPECT_EQ(check_pin_flags({0, kGood | bad, "t", "s"}).code(), Code::kUnauthenticated) << bad;
  }
  EXPECT_EQ(check_pin_flags({0, CKF_TOKEN_INITIALIZED, "t", "s"}).code(), Code::kUnauthenticated);
}

TEST_F(Pkcs11TokenTest, AnEmptyPinOrNoKeyIsRefusedBeforeTheTokenIsAsked) {
  EXPECT_EQ(open({alpha_}, SecretBytes()).code(), Code::kInvalid);
  EXPECT_EQ(open({}).code(), Code::kInvalid);
  EXPECT_EQ(hsm_.count("C_Initialize"), 0u);
}

// README invariant 3.
TEST_F(Pkcs11TokenTest, AMissingTokenIsNamedWithWhatIsThere) {
  const auto token = Pkcs11Token::open({probe_module(), "no such label", ""}, {alpha_}, user_pin());
  ASSERT_EQ(token.code(), Code::kNotFound);
  EXPECT_NE(token.status().message().find(kLabel), std::string::npos) << token.status().to_string();
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
}

TEST_F(Pkcs11TokenTest, AMissingTokenDirectoryIsAnError) {
  std::filesystem::remove_all(hsm_.tokens());
  const auto token = open({alpha_});
  ASSERT_FALSE(token.ok());
  EXPECT_EQ(token.code(), Code::kUnavailable) << token.status().to_string();
}

TEST_F(Pkcs11TokenTest, AnotherTokenWithTheSameLabelIsRefused) {
  const SoftHsm other;
  other.init_token();
  other.generate("alpha", 1);
  const auto by_serial = open({alpha_});
  EXPECT_EQ(by_serial.code(), Code::kRefused) << by_serial.status().to_string();
  EXPECT_EQ(other.count("C_Login"), 0u);
  const auto by_key = Pkcs11Token::open({probe_module(), kLabel, ""}, {alpha_}, user_pin());
  ASSERT_EQ(by_key.code(), Code::kRefused) << by_key.status().to_string();
  EXPECT_NE(by_key.status().message().find("alpha"), std::string::npos);
  EXPECT_EQ(other.count("C_SignInit"), 0u);
}

TEST_F(Pkcs11TokenTest, AKeyThatIsNotTheTokensIsRefused) {
  PinnedKey exchanged = alpha_;
  exchanged.public_key = beta_.public_key;
  EXPECT_EQ(open({exchanged}).code(), Code::kRefused);
  PinnedKey missing = alpha_;
  missing.id = Bytes{9};
  EXPECT_EQ(open({missing}).code(), Code::kNotFound);
  EXPECT_EQ(hsm_.count("C_SignInit"), 0u);
}

TEST_F(Pkcs11TokenTest, AKeyThatIsNotPinnedNeverReachesTheToken) {
  auto token = *open({alpha_});
  EXPECT_EQ(token->sign(beta_.public_key, digest_).code(), Code::kNotFound);
  EXPECT_EQ(hsm_.count("C_SignInit"), 0u);
}

TEST_F(Pkcs11TokenTest, AModuleThatIsNoneIsRefused) {
  EXPECT_EQ(Pkcs11Token::open({"libsofthsm2.so", kLabel, ""}, {alpha_}, user_pin()).code(), Code::kInvalid);
  EXPECT_EQ(Pkcs11Token::open({"/nonexistent/module.so", kLabel, ""}, {alpha_}, user_pin()).code(),
            Code::kNotFound);
}

// README invariant 1: what does not verify is not released.
class SpoiledSignature : public Pkcs11TokenTest, public ::testing::WithParamInterface<const char*> {};
TEST_P(SpoiledSignature, IsNotReleasedAndIsCounted) {
  auto token = open_ok();
  hsm_.script(std::string("C_Sign 1 ") + GetParam() + "\n");
  const auto signature = token->sign(alpha_.public_key, digest_);
  EXPECT_EQ(signature.code(), Code::kOutcomeUnknown) << signature.status().to_string();
  EXPECT_EQ(token->counters().bad_signatures, 1u);
  EXPECT_EQ(token->counters().signatures, 0u);
  expect_signs(*token, alpha_);
}
INSTANTIATE_TEST_SUITE_P(Each, SpoiledSignature, ::testing::Values("corrupt", "short", "wrong-key"),
                         [](const auto& each) {
                           const std::string name = each.param;
                           return name == "wrong-key" ? std::string("wrong_key") : name;
                         });

TEST_F(Pkcs11TokenTest, HighSIsNormalised) {
  auto token = open_ok();
  hsm_.script("C_Sign * high-s\n");
  for (int i = 0; i < 5; ++i) {
    digest_ = crypto::sha256(digest_);
    expect_signs(*token, alpha_);
  }
  EXPECT_EQ(token->counters().bad_signatures, 0u);
}

// README invariant 4.
TEST_F(Pkcs11TokenTest, ADeviceErrorInSignIsOutcomeUnknownAndTheNextCallRecovers) {
  auto token = open_ok();
  for (const char* fault :
       {"return CKR_DEVICE_ERROR", "return-after CKR_DEVICE_ERROR", "return CKR_BUFFER_TOO_SMALL"}) {
    hsm_.script(std::string("C_Sign 1 ") + fault + "\n");
    EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kOutcomeUnknown) << fault;
    expect_signs(*token, alpha_);
  }
  EXPECT_EQ(token->counters().sessions, 4u);
  EXPECT_EQ(hsm_.count("C_CloseSession"), 3u);
}

TEST_F(Pkcs11TokenTest, AnErrorBeforeSignIsUnavailableAndNothingWasSigned) {
  auto token = open_ok();
  for (const char* fault : {"CKR_SESSION_HANDLE_INVALID", "CKR_USER_NOT_LOGGED_IN", "CKR_OPERATION_ACTIVE",
                            "CKR_OBJECT_HANDLE_INVALID", "CKR_DEVICE_REMOVED"}) {
    const std::uint64_t before = hsm_.count("C_Sign");
    hsm_.script(std::string("C_SignInit 1 return ") + fault + "\n");
    EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kUnavailable) << fault;
    EXPECT_EQ(hsm_.count("C_Sign"), before);
    expect_signs(*token, alpha_);
  }
}

TEST_F(Pkcs11TokenTest, ADeviceThatIsGoneIsUnavailableUntilItIsBack) {
  auto token = open_ok();
  hsm_.script("C_SignInit * return CKR_DEVICE_REMOVED\nC_GetSlotList * return CKR_DEVICE_REMOVED\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kUnavailable);
  const std::uint64_t logins = hsm_.count("C_Login");
  hsm_.script("");
  expect_signs(*token, alpha_);
  EXPECT_EQ(hsm_.count("C_Login"), logins + 1);
  EXPECT_GE(hsm_.count("C_Initialize"), 2u);
}

TEST_F(Pkcs11TokenTest, AModuleThatForgotItsInitialisationIsInitialisedAnew) {
  auto token = open_ok();
  hsm_.script(
      "C_SignInit 1 return CKR_CRYPTOKI_NOT_INITIALIZED\nC_GetSlotList 1 return "
      "CKR_CRYPTOKI_NOT_INITIALIZED\n");
  EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kUnavailable);
  expect_signs(*token, alpha_);
  EXPECT_EQ(hsm_.count("C_Initialize"), 2u);
}

// README invariant 2.
TEST_F(Pkcs11TokenTest, APinRefusedWhenReconnectingIsFinal) {
  auto token = open_ok();
  hsm_.script("C_SignInit 1 return CKR_SESSION_HANDLE_INVALID\nC_Login 1 return CKR_PIN_INCORRECT\n");
  EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kUnavailable);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kUnauthenticated);
  EXPECT_EQ(hsm_.count("C_Login"), 2u);  // at the start, and once more
  EXPECT_EQ(hsm_.count("C_Sign"), 0u);
}

TEST_F(Pkcs11TokenTest, AFailedLoginIsTriedOncePerCall) {
  auto token = open_ok();
  hsm_.script("C_SignInit 1 return CKR_SESSION_HANDLE_INVALID\nC_Login 1 return CKR_DEVICE_ERROR\n");
  EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kUnavailable);
  EXPECT_EQ(token->sign(alpha_.public_key, digest_).code(), Code::kUnavailable);
  EXPECT_EQ(hsm_.count("C_Login"), 2u);
  expect_signs(*token, alpha_);
}

// Keys that the ceremony would not have made, through raw PKCS#11.
class LooserKey : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm_.init_token();
    module_ = std::move(*Module::load(kSoftHsmModule));
    const TokenInfo token = *find_token(*module_, {kLabel, ""});
    session_.emplace(std::move(*Session::open(*module_, token.slot, Session::Access::kReadWrite)));
    ASSERT_TRUE(session_->login(CKU_USER, user_pin()).ok());
  }

  struct Template {
    CK_BBOOL sensitive = CK_TRUE;
    CK_BBOOL extractable = CK_FALSE;
    CK_BBOOL derive = CK_FALSE;
    CK_BBOOL decrypt = CK_FALSE;
    CK_BBOOL unwrap = CK_FALSE;
    CK_BBOOL sign_recover = CK_FALSE;
    CK_BBOOL modifiable = CK_FALSE;
    CK_BBOOL copyable = CK_FALSE;
    std::vector<CK_MECHANISM_TYPE> mechanisms = {CKM_ECDSA};
    Bytes curve = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
  };
  void generate(Template t) {
    CK_BBOOL yes = CK_TRUE;
    CK_BYTE id = 1;
    std::vector<CK_ATTRIBUTE> public_key = {{CKA_TOKEN, &yes, 1},
                                            {CKA_VERIFY, &yes, 1},
                                            {CKA_ID, &id, 1},
                                            {CKA_EC_PARAMS, t.curve.data(), t.curve.size()}};
    std::vector<CK_ATTRIBUTE> private_key = {{CKA_TOKEN, &yes, 1},
                                             {CKA_PRIVATE, &yes, 1},
                                             {CKA_SIGN, &yes, 1},
                                             {CKA_ID, &id, 1},
                                             {CKA_SENSITIVE, &t.sensitive, 1},
                                             {CKA_EXTRACTABLE, &t.extractable, 1},
                                             {CKA_DERIVE, &t.derive, 1},
                                             {CKA_DECRYPT, &t.decrypt, 1},
                                             {CKA_UNWRAP, &t.unwrap, 1},
                                             {CKA_SIGN_RECOVER, &t.sign_recover, 1},
                                             {CKA_MODIFIABLE, &t.modifiable, 1},
                                             {CKA_COPYABLE, &t.copyable, 1}};
    if (!t.mechanisms.empty()) {
      private_key.push_back(
          {CKA_ALLOWED_MECHANISMS, t.mechanisms.data(), t.mechanisms.size() * sizeof(CK_MECHANISM_TYPE)});
    }
    CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE public_handle = 0;
    CK_OBJECT_HANDLE private_handle = 0;
    ASSERT_EQ(session_->functions().C_GenerateKeyPair(session_->handle(), &mechanism, public_key.data(),
                                                      public_key.size(), private_key.data(),
                                                      private_key.size(), &public_handle, &private_handle),
              CKR_OK);
  }
  void expect_refused(const std::string& attribute) {
    const auto key = find_checked_key(*session_, "alpha", Bytes{1});
    ASSERT_EQ(key.code(), Code::kRefused);
    EXPECT_NE(key.status().message().find("alpha"), std::string::npos) << key.status().to_string();
    EXPECT_NE(key.status().message().find(attribute + " "), std::string::npos) << key.status().to_string();
  }

  SoftHsm hsm_;
  std::unique_ptr<Module> module_;
  std::optional<Session> session_;
};

// The template itself is right, so that each refusal below is due to the one change.
TEST_F(LooserKey, TheUnchangedTemplateIsAccepted) {
  generate({});
  const auto key = find_checked_key(*session_, "alpha", Bytes{1});
  EXPECT_TRUE(key.ok()) << key.status().to_string();
}
TEST_F(LooserKey, ExtractableIsRefused) {
  generate({.extractable = CK_TRUE});
  expect_refused("CKA_EXTRACTABLE");
}
TEST_F(LooserKey, NotSensitiveIsRefused) {
  generate({.sensitive = CK_FALSE});
  expect_refused("CKA_SENSITIVE");
}
TEST_F(LooserKey, DeriveIsRefused) {
  generate({.derive = CK_TRUE});
  expect_refused("CKA_DERIVE");
}
TEST_F(LooserKey, DecryptIsRefused) {
  generate({.decrypt = CK_TRUE});
  expect_refused("CKA_DECRYPT");
}
TEST_F(LooserKey, UnwrapIsRefused) {
  generate({.unwrap = CK_TRUE});
  expect_refused("CKA_UNWRAP");
}
TEST_F(LooserKey, SignRecoverIsRefused) {
  generate({.sign_recover = CK_TRUE});
  expect_refused("CKA_SIGN_RECOVER");
}
TEST_F(LooserKey, ModifiableIsRefused) {
  generate({.modifiable = CK_TRUE});
  expect_refused("CKA_MODIFIABLE");
}
TEST_F(LooserKey, CopyableIsRefused) {
  generate({.copyable = CK_TRUE});
  expect_refused("CKA_COPYABLE");
}
TEST_F(LooserKey, AnyMechanismIsRefused) {
  generate({.mechanisms = {}});
  expect_refused("CKA_ALLOWED_MECHANISMS");
}
TEST_F(LooserKey, ASecondMechanismIsRefused) {
  generate({.mechanisms = {CKM_ECDSA, CKM_ECDH1_DERIVE}});
  expect_refused("CKA_ALLOWED_MECHANISMS");
}
TEST_F(LooserKey, AnotherCurveIsRefused) {
  generate({.curve = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}});  // P-256
  expect_refused("CKA_EC_PARAMS");
}
TEST_F(LooserKey, TwoKeysWithOneIdAreRefused) {
  generate({});
  generate({});
  EXPECT_EQ(find_checked_key(*session_, "alpha", Bytes{1}).code(), Code::kRefused);
}
TEST_F(LooserKey, AnImportedKeyIsRefused) {
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  CK_KEY_TYPE type = CKK_EC;
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  CK_BYTE id = 1;
  CK_MECHANISM_TYPE mechanism = CKM_ECDSA;
  Template t;
  Bytes value(32, 0x11);
  std::vector<CK_ATTRIBUTE> key = {{CKA_CLASS, &object_class, sizeof object_class},
                                   {CKA_KEY_TYPE, &type, sizeof type},
                                   {CKA_TOKEN, &yes, 1},
                                   {CKA_PRIVATE, &yes, 1},
                                   {CKA_SENSITIVE, &yes, 1},
                                   {CKA_EXTRACTABLE, &no, 1},
                                   {CKA_SIGN, &yes, 1},
                                   {CKA_ID, &id, 1},
                                   {CKA_EC_PARAMS, t.curve.data(), t.curve.size()},
                                   {CKA_ALLOWED_MECHANISMS, &mechanism, sizeof mechanism},
                                   {CKA_VALUE, value.data(), value.size()}};
  CK_OBJECT_HANDLE handle = 0;
  ASSERT_EQ(session_->functions().C_CreateObject(session_->handle(), key.data(), key.size(), &handle),
            CKR_OK);
  expect_refused("CKA_LOCAL");
}

}  // namespace
}  // namespace custody::signer::hsm
