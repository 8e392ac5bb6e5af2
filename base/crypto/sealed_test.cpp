#include "base/crypto/sealed.h"

#include <gtest/gtest.h>

namespace custody::crypto {
namespace {

SecretBytes secret(std::string_view text) {
  return SecretBytes(as_bytes(text));
}

TEST(Sealed, OpensWithThePasswordOnly) {
  SystemEntropy entropy;
  for (const std::string& content : {std::string(), std::string("k"), std::string(kMaxSealedSecret, 'x')}) {
    const auto sealed = seal(secret(content), secret("correct horse"), entropy, kMinLog2N);
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(as_text(open(*sealed, secret("correct horse"))->view()), content);
    EXPECT_EQ(open(*sealed, secret("correct horsf")).code(), Code::kUnauthenticated);
    EXPECT_EQ(open(*sealed, secret("")).code(), Code::kUnauthenticated);
  }
}

TEST(Sealed, TheDefaultCostOpensToo) {
  SystemEntropy entropy;
  const auto sealed = seal(secret("key"), secret("password"), entropy);
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ((*sealed)[6], kDefaultLog2N);
  EXPECT_EQ(as_text(open(*sealed, secret("password"))->view()), "key");
}

TEST(Sealed, SealingTwiceGivesOtherBytes) {
  SystemEntropy entropy;
  EXPECT_NE(*seal(secret("key"), secret("p"), entropy, kMinLog2N),
            *seal(secret("key"), secret("p"), entropy, kMinLog2N));
}

TEST(Sealed, EveryTruncationAndEveryChangedByteIsRefused) {
  SystemEntropy entropy;
  const Bytes sealed = *seal(secret("key"), secret("p"), entropy, kMinLog2N);
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(open(ByteView(sealed).first(size), secret("p")).ok()) << size;
  }
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^=
        i == 6 ? 0x40 : 0x01;  // the cost byte leaves its bounds instead of costing twice the memory
    EXPECT_FALSE(open(changed, secret("p")).ok()) << i;
  }
}

TEST(Sealed, ParametersOutOfBoundsAreRefusedBeforeAnyWork) {
  SystemEntropy entropy;
  EXPECT_EQ(seal(secret("key"), secret("p"), entropy, kMinLog2N - 1).code(), Code::kInvalid);
  EXPECT_EQ(seal(secret("key"), secret("p"), entropy, kMaxLog2N + 1).code(), Code::kInvalid);
  EXPECT_EQ(seal(SecretBytes(kMaxSealedSecret + 1), secret("p"), entropy, kMinLog2N).code(), Code::kInvalid);
  const Bytes sealed = *seal(secret("key"), secret("p"), entropy, kMinLog2N);
  for (const auto& [at, value] : {std::pair{6, 13}, {6, 21}, {7, 9}, {8, 2}}) {
    Bytes changed = sealed;
    changed[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    EXPECT_EQ(open(changed, secret("p")).code(), Code::kInvalid) << at << " " << value;
  }
  Bytes longer = sealed;
  longer.resize(longer.size() + kMaxSealedSecret + 1);
  EXPECT_EQ(open(longer, secret("p")).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::crypto
