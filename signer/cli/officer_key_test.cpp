#include "signer/cli/officer_key.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "policy/render/render.h"
#include "signer/cli/fixture_test.h"
#include "signer/cli/key_file.h"

namespace custody::signer::cli {
namespace {

using policy::bundle::Curve;

class OfficerKeys : public TemporaryFolder, public ::testing::WithParamInterface<Curve> {
 protected:
  OfficerKeys() {
    CHECK(write_file_atomic(password_, as_bytes("correct horse\n"), 0600).ok());
    CHECK(write_file_atomic(wrong_, as_bytes("battery staple\n"), 0600).ok());
  }
  OfficerPublicKey create() {
    auto key = create_officer_key(file_, GetParam(), SecretBytes(as_bytes("correct horse")), entropy_);
    EXPECT_TRUE(key.ok()) << key.status().to_string();
    return *key;
  }
  void rewrite(const char* field, const Json& value) {
    Json json = *read_json_file(file_, 4096);
    json.set(field, value);
    ASSERT_TRUE(write_file_atomic(file_, as_bytes(json.dump()), 0600).ok());
  }
  const std::string file_ = path_ + "/alice.key";
  const std::string password_ = path_ + "/password";
  const std::string wrong_ = path_ + "/wrong";
};

INSTANTIATE_TEST_SUITE_P(Curves, OfficerKeys, ::testing::Values(Curve::kSecp256k1, Curve::kP256),
                         [](const auto& one) { return std::string(curve_name(one.param)); });

TEST_P(OfficerKeys, SignWhatWasShownWithTheKeyOfTheFile) {
  const OfficerPublicKey key = create();
  EXPECT_EQ(key.curve, GetParam());
  EXPECT_EQ(*read_officer_key(file_), key);
  auto opened = open_officer_key({file_, password_});
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  Rendering shown{policy::render::kVoteTag, *ledger::model::ChainId::from(Bytes(32, 1)),
                  "CAASIOPE REQUEST v1\n"};
  const auto signature = (*opened)->sign(shown);
  ASSERT_TRUE(signature.ok()) << signature.status().to_string();
  EXPECT_EQ(signature->key, key);
  EXPECT_TRUE(verify(key, digest_of(shown), signature->signature));
  // Another text, another purpose, another network: another signature (B7).
  Rendering other = shown;
  other.text += " ";
  EXPECT_FALSE(verify(key, digest_of(other), signature->signature));
  other = shown;
  other.tag = policy::render::kActivateTag;
  EXPECT_FALSE(verify(key, digest_of(other), signature->signature));
  other = shown;
  other.chain_id = *ledger::model::ChainId::from(Bytes(32, 2));
  EXPECT_FALSE(verify(key, digest_of(other), signature->signature));
  OfficerPublicKey wrong_curve = key;
  wrong_curve.curve = GetParam() == Curve::kP256 ? Curve::kSecp256k1 : Curve::kP256;
  EXPECT_FALSE(verify(wrong_curve, digest_of(shown), signature->signature));
}

// Invariant 1: never overwritten, and the public part must fit the secret.
TEST_P(OfficerKeys, AreNeverOverwrittenAndOpenOnlyWithTheirPasswordAndTheirPublicKey) {
  create();
  EXPECT_EQ(create_officer_key(file_, GetParam(), SecretBytes(as_bytes("x")), entropy_).code(),
            Code::kExists);
  EXPECT_EQ(open_officer_key({file_, wrong_}).code(), Code::kUnauthenticated);
  EXPECT_EQ(open_officer_key({file_, path_ + "/none"}).code(), Code::kIo);
  const auto other = create_officer_key(path_ + "/bob.key", GetParam(), SecretBytes(as_bytes("x")), entropy_);
  ASSERT_TRUE(other.ok());
  rewrite("public_key", to_hex(other->key));
  EXPECT_EQ(open_officer_key({file_, password_}).code(), Code::kCorrupt);
  rewrite("public_key", std::string(66, '0'));
  EXPECT_EQ(open_officer_key({file_, password_}).code(), Code::kInvalid);
}

TEST_P(OfficerKeys, AndUsersKeysAreNotTakenForOneAnother) {
  create();
  const SecretBytes password(as_bytes("correct horse"));
  EXPECT_EQ(open_key_file(file_, password).code(), Code::kInvalid);
  ASSERT_TRUE(create_key_file(path_ + "/user.key", password, entropy_).ok());
  EXPECT_EQ(open_officer_key({path_ + "/user.key", password_}).code(), Code::kInvalid);
}

TEST(OfficerPublicKeys, AreRefusedWhenTheyAreNone) {
  EXPECT_EQ(parse_curve("P-256").code(), Code::kInvalid);
  EXPECT_EQ(parse_officer_public_key("p256", "02").code(), Code::kInvalid);
  EXPECT_EQ(parse_officer_public_key("p256", "zz").code(), Code::kInvalid);
  EXPECT_EQ(parse_officer_public_key("secp256k1", std::string(66, '0')).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::signer::cli
