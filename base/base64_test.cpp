#include "base/base64.h"

#include <gtest/gtest.h>

namespace custody {
namespace {

TEST(Base64, Rfc4648Section10) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(to_base64(as_bytes(plain)), text);
    EXPECT_EQ(*from_base64(text, 6), to_bytes(std::string_view(plain)));
  }
}

TEST(Base64, RefusesWhatDoesNotReencode) {
  for (const char* text :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm 9", "Zm9v=", "Zg==Zg==", "Zm-_"}) {
    EXPECT_EQ(from_base64(text, 100).code(), Code::kInvalid) << text;
  }
}

TEST(Base64, RefusesMoreThanTheLimit) {
  EXPECT_TRUE(from_base64("Zm9vYg==", 4).ok());
  EXPECT_EQ(from_base64("Zm9vYg==", 3).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody
