#include "policy/bundle/visible.h"

#include <gtest/gtest.h>

#include "policy/bundle/directory.h"
#include "policy/bundle/fixture_test.h"

namespace custody::policy::bundle {
namespace {

TEST(Visible, WhatPeopleWritePasses) {
  for (const std::string_view text : {"", "// a\n\tb\r\n", "// é ß 漢字 – “ok”\n"}) {
    EXPECT_TRUE(check_visible(text).ok()) << check_visible(text).to_string();
  }
}

TEST(Visible, WhatHidesIsNamedWithItsPlace) {
  const auto refused = [](std::string_view hidden, const std::string& name) {
    const Status status = check_visible("// ok\n// é" + std::string(hidden) + "x\n");
    EXPECT_EQ(status.code(), Code::kInvalid) << name;
    EXPECT_TRUE(status.message().starts_with("line 2, column 5: the character " + name + " "))
        << status.message();
  };
  refused("\x1b[2J", "U+001B");
  refused("\r", "U+000D");
  refused(std::string_view("\0", 1), "U+0000");
  refused("\x7f", "U+007F");
  refused("\xc2\x9b", "U+009B");
  refused("\xe2\x80\xa8", "U+2028");
  refused("\xe2\x80\xa9", "U+2029");
  refused("\xe2\x80\xae", "U+202E");
  refused("\xe2\x81\xa6", "U+2066");
  refused("\xe2\x80\x8f", "U+200F");
  refused("\xd8\x9c", "U+061C");
  EXPECT_EQ(check_visible("a\xff").message(), "line 1, column 2: the text is not UTF-8");
}

// Invariant 2. Cedar itself takes them in comments.
TEST(Visible, NoBundleHidesAnythingInItsTexts) {
  const std::string hidden = "// fine\n// \xe2\x80\xa8 permit(principal, action, resource);\n";
  Bundle bundle = fixture::bundle();
  bundle.policies = fixture::canonical(hidden + std::string(as_text(bundle.policies)));
  EXPECT_TRUE(check_bundle(bundle).message().starts_with("policies: line 2, column 4: the character U+2028"))
      << check_bundle(bundle).to_string();
  bundle = fixture::bundle();
  bundle.schema = to_bytes(hidden + std::string(as_text(bundle.schema)));
  EXPECT_TRUE(check_bundle(bundle).message().starts_with("schema: line 2, column 4: the character U+2028"));
  BundleFiles files = format_files(fixture::bundle());
  files["10-more.cedar"] = hidden;
  const Status status = parse_files(files, "policy").status();
  EXPECT_TRUE(status.message().starts_with("policy/10-more.cedar: line 2, column 4: ")) << status.message();
  EXPECT_FALSE(status.hint().empty());
}

}  // namespace
}  // namespace custody::policy::bundle
