#include <gtest/gtest.h>

#include <thread>

#include "base/crypto/secp256k1.h"
#include "signer/hsm/pkcs11_token.h"
#include "signer/hsm/softhsm_fixture.h"

namespace custody::signer::hsm {
namespace {

class Pkcs11Threads : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm_.init_token();
    alpha_ = hsm_.generate("alpha", 1);
    beta_ = hsm_.generate("beta", 2);
    auto token = Pkcs11Token::open({testing::probe_module(), testing::kLabel, ""}, {alpha_, beta_},
                                   testing::user_pin());
    ASSERT_TRUE(token.ok()) << token.status().to_string();
    token_ = std::move(token).value();
  }

  // Signs a hundred digests; how many gave a signature. What is given must verify.
  int sign_hundred(const PinnedKey& key) {
    Hash256 digest = crypto::sha256(key.id);
    int signatures = 0;
    for (int i = 0; i < 100; ++i) {
      digest = crypto::sha256(digest);
      const auto signature = token_->sign(key.public_key, digest);
      if (!signature.ok()) continue;
      EXPECT_TRUE(crypto::verify(key.public_key, digest, *signature));
      ++signatures;
    }
    return signatures;
  }
  int sign_on_two_threads() {
    int first_count = 0;
    int second_count = 0;
    std::thread first([&] { first_count = sign_hundred(alpha_); });
    std::thread second([&] { second_count = sign_hundred(beta_); });
    first.join();
    second.join();
    return first_count + second_count;
  }

  testing::SoftHsm hsm_;
  PinnedKey alpha_;
  PinnedKey beta_;
  std::unique_ptr<Pkcs11Token> token_;
};

// README invariant 5.
TEST_F(Pkcs11Threads, SignOnSessionsOfTheirOwn) {
  EXPECT_EQ(sign_on_two_threads(), 200);
  EXPECT_LE(token_->counters().sessions, 2u);
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
}

TEST_F(Pkcs11Threads, RecoverFromFaultsOfOneAnother) {
  hsm_.script(
      "C_Sign 20 return CKR_DEVICE_ERROR\nC_Sign 60 corrupt\nC_SignInit 100 return CKR_SESSION_CLOSED\n");
  EXPECT_EQ(sign_on_two_threads(), 197);
  EXPECT_EQ(token_->counters().failures, 3u);
  EXPECT_EQ(token_->counters().bad_signatures, 1u);
}

}  // namespace
}  // namespace custody::signer::hsm
