// Against SoftHSM2, with the probe in between to count calls and inject faults.
#include "signer/hsm/named_key.h"

#include <gtest/gtest.h>

#include "base/crypto/secp256k1.h"
#include "signer/hsm/officer_token.h"

namespace custody::signer::hsm {
namespace {

using testing::generate_officer_key;
using testing::kLabel;
using testing::kSoftHsmModule;
using testing::OfficerKeySpec;
using testing::OfficerToken;
using testing::probe_module;
using testing::SoftHsm;
using testing::user_pin;

class NamedKeys : public ::testing::Test {
 protected:
  void SetUp() override { serial_ = hsm_.init_token(); }

  Result<NamedKeySignature> sign(const NamedKey& key, const SecretBytes& pin = user_pin()) const {
    auto signer = NamedKeySigner::load(probe_module());
    EXPECT_TRUE(signer.ok()) << signer.status().to_string();
    return (*signer)->sign(key, pin, digest_);
  }
  void expect_refused(Code code, std::string_view why, const NamedKey& key) const {
    const auto signature = sign(key);
    ASSERT_FALSE(signature.ok());
    EXPECT_EQ(signature.code(), code) << signature.status().to_string();
    EXPECT_NE(signature.status().message().find(why), std::string::npos) << signature.status().to_string();
    EXPECT_EQ(hsm_.count("C_SignInit"), 0u);
  }

  SoftHsm hsm_;
  std::string serial_;
  Hash256 digest_ = crypto::sha256(as_bytes("digest"));
  const NamedKey alice_{kLabel, "", "", "", "alice", {}};
};

// README invariants 2 and 7.
TEST_F(NamedKeys, SignOnceOnEitherCurve) {
  generate_officer_key({.curve = KeyCurve::kSecp256k1, .label = "alice", .id = {1}});
  generate_officer_key({.curve = KeyCurve::kP256, .label = "bob", .id = {2}});
  const auto by_alice = sign(alice_);
  ASSERT_TRUE(by_alice.ok()) << by_alice.status().to_string();
  EXPECT_EQ(by_alice->key.curve, KeyCurve::kSecp256k1);
  EXPECT_TRUE(crypto::verify(*PublicKey::from(by_alice->key.point), digest_, by_alice->signature));
  EXPECT_EQ(hsm_.count("C_Sign:01"), 1u);
  const auto by_bob = sign({"", serial_, "", "", "", {2}});
  ASSERT_TRUE(by_bob.ok()) << by_bob.status().to_string();
  EXPECT_EQ(by_bob->key.curve, KeyCurve::kP256);
  EXPECT_TRUE(
      crypto::p256::verify(*crypto::p256::PublicKey::from(by_bob->key.point), digest_, by_bob->signature));
  EXPECT_EQ(hsm_.count("C_Sign:02"), 1u);
  EXPECT_EQ(hsm_.count("C_Login"), 2u);
}

// README invariant 1. SoftHSM2 gives high S for half of its signatures.
TEST_F(NamedKeys, HighSIsNormalisedOnEitherCurve) {
  generate_officer_key({.curve = KeyCurve::kSecp256k1, .label = "alice", .id = {1}});
  generate_officer_key({.curve = KeyCurve::kP256, .label = "bob", .id = {2}});
  for (int i = 0; i < 8; ++i) {
    digest_ = crypto::sha256(digest_);
    EXPECT_TRUE(sign(alice_).ok());
    EXPECT_TRUE(sign({kLabel, "", "", "", "bob", {}}).ok());
  }
}

TEST_F(NamedKeys, ThePublicKeyIsToldWithoutALogin) {
  generate_officer_key({.curve = KeyCurve::kSecp256k1, .label = "alice", .id = {1}});
  generate_officer_key({.curve = KeyCurve::kP256, .label = "bob", .id = {2}});
  const NamedKey bob{kLabel, "", "", "", "bob", {2}};
  auto signer = std::move(*NamedKeySigner::load(probe_module()));
  const auto told_alice = signer->public_key(alice_);
  const auto told_bob = signer->public_key(bob);
  ASSERT_TRUE(told_alice.ok()) << told_alice.status().to_string();
  ASSERT_TRUE(told_bob.ok()) << told_bob.status().to_string();
  EXPECT_EQ(signer->public_key({kLabel, "", "", "", "carol", {}}).code(), Code::kNotFound);
  EXPECT_EQ(signer->public_key({kLabel, "", "", "", "", {}}).code(), Code::kInvalid);
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
  EXPECT_EQ(signer->sign(alice_, user_pin(), digest_)->key, *told_alice);
  EXPECT_EQ(signer->sign(bob, user_pin(), digest_)->key, *told_bob);
}

// README invariant 2.
TEST_F(NamedKeys, AWrongPinIsTriedOnceAndThenNotAgain) {
  generate_officer_key({});
  EXPECT_EQ(sign(alice_, SecretBytes(as_bytes("not the PIN"))).code(), Code::kUnauthenticated);
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  EXPECT_EQ(sign(alice_).code(), Code::kUnauthenticated);  // the right PIN, but the retry counter is low
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  EXPECT_EQ(hsm_.count("C_SignInit"), 0u);
}

TEST_F(NamedKeys, AnEmptyPinOrNoNameIsRefusedBeforeTheTokenIsAsked) {
  EXPECT_EQ(sign(alice_, SecretBytes()).code(), Code::kInvalid);
  EXPECT_EQ(sign({kLabel, "", "", "", "", {}}).code(), Code::kInvalid);
  EXPECT_EQ(sign({"", "", "", "", "alice", {}}).code(), Code::kInvalid);
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
}

TEST_F(NamedKeys, AreFoundByAllThatIsNamed) {
  generate_officer_key({.label = "alice", .id = {1}});
  const NamedKey full{kLabel, serial_, "SoftHSM project", "SoftHSM v2", "alice", {1}};
  EXPECT_TRUE(sign(full).ok());
  for (const auto field : {&NamedKey::token_label, &NamedKey::token_serial, &NamedKey::token_manufacturer,
                           &NamedKey::token_model, &NamedKey::label}) {
    NamedKey other = full;
    other.*field = "other";
    const auto signature = sign(other);
    EXPECT_TRUE(signature.code() == Code::kNotFound || signature.code() == Code::kRefused)
        << signature.status().to_string();
  }
  NamedKey other = full;
  other.id = {2};
  EXPECT_EQ(sign(other).code(), Code::kNotFound);
  EXPECT_EQ(hsm_.count("C_Sign"), 1u);
}

TEST_F(NamedKeys, TwoMatchingKeysAreRefusedUntilTheyAreToldApart) {
  generate_officer_key({.label = "alice", .id = {1}});
  generate_officer_key({.label = "alice", .id = {2}});
  expect_refused(Code::kRefused, "2 private keys", alice_);
  NamedKey second = alice_;
  second.id = {2};
  EXPECT_TRUE(sign(second).ok());
}

TEST_F(NamedKeys, OneObjectOfThePairAloneIsNoKey) {
  generate_officer_key({.label = "alice", .id = {1}});
  OfficerToken(kLabel).destroy(CKO_PUBLIC_KEY, Bytes{1});
  expect_refused(Code::kRefused, "0 public keys", alice_);
  OfficerToken(kLabel).destroy(CKO_PRIVATE_KEY, Bytes{1});
  generate_officer_key({.label = "alice", .id = {1}});
  OfficerToken(kLabel).destroy(CKO_PRIVATE_KEY, Bytes{1});
  expect_refused(Code::kNotFound, "no private key", alice_);
}

TEST_F(NamedKeys, AKeyThatIsNotFitForAnOfficerIsRefusedWithTheReason) {
  const Bytes p384 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
  const std::pair<OfficerKeySpec, const char*> specs[] = {
      {{.label = "a", .id = {1}, .private_flags = {{CKA_SIGN, false}}}, "not for signing"},
      {{.label = "b", .id = {2}, .private_flags = {{CKA_EXTRACTABLE, true}}}, "CKA_EXTRACTABLE"},
      {{.label = "c", .id = {3}, .private_flags = {{CKA_SENSITIVE, false}}}, "not CKA_SENSITIVE"},
      {{.label = "d", .id = {4}, .private_flags = {{CKA_ALWAYS_AUTHENTICATE, true}}}, "PIN again"},
      {{.label = "e", .id = {5}, .curve_oid = p384}, "neither secp256k1 nor P-256"},
  };
  for (const auto& [spec, why] : specs) {
    generate_officer_key(spec);
    expect_refused(Code::kRefused, why, {kLabel, "", "", "", spec.label, {}});
  }
}

TEST_F(NamedKeys, ARemovedTokenIsNamed) {
  generate_officer_key({});
  auto signer = std::move(*NamedKeySigner::load(probe_module()));
  hsm_.script("C_GetTokenInfo * return CKR_TOKEN_NOT_PRESENT\n");
  EXPECT_EQ(signer->sign(alice_, user_pin(), digest_).code(), Code::kNotFound);
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
  hsm_.script("C_SignInit 1 return CKR_DEVICE_REMOVED\n");
  EXPECT_EQ(signer->sign(alice_, user_pin(), digest_).code(), Code::kUnavailable);
  hsm_.script("C_Sign 1 return CKR_DEVICE_REMOVED\n");
  EXPECT_EQ(signer->sign(alice_, user_pin(), digest_).code(), Code::kOutcomeUnknown);
}

// README invariant 1: a token can answer CKR_OK and a signature by another key.
TEST_F(NamedKeys, ASignatureThatDoesNotVerifyIsNotReleased) {
  generate_officer_key({.label = "alice", .id = {1}});
  generate_officer_key({.curve = KeyCurve::kP256, .label = "bob", .id = {2}});
  for (const char* fault : {"corrupt", "short"}) {
    hsm_.script(std::string("C_Sign * ") + fault + "\n");
    EXPECT_EQ(sign(alice_).code(), Code::kCorrupt) << fault;
    EXPECT_EQ(sign({kLabel, "", "", "", "bob", {}}).code(), Code::kCorrupt) << fault;
  }
}

TEST_F(NamedKeys, ATokenLabelMayHaveSpacesAndOtherBytes) {
  const char kOther[] = "Alice's \xc3\xa1 token; 100%";
  auto provisioner = std::move(*Provisioner::load(kSoftHsmModule));
  ASSERT_TRUE(provisioner->init_token(kOther, testing::so_pin(), user_pin()).ok());
  provisioner.reset();
  generate_officer_key({}, kOther);
  EXPECT_TRUE(sign({kOther, "", "", "", "alice", {}}).ok());
}

}  // namespace
}  // namespace custody::signer::hsm
