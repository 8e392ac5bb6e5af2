#include "policy/bundle/directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "policy/bundle/fixture_test.h"
#include "tests/support/paths.h"

namespace custody::policy::bundle {
namespace {

BundleFiles files() {
  return format_files(fixture::bundle());
}

// The example with `from` replaced by `to` in one file.
BundleFiles with(const std::string& name, const std::string& from, const std::string& to) {
  BundleFiles out = files();
  std::string& text = out.at(name);
  const std::size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  if (place != std::string::npos) text.replace(place, from.size(), to);
  return out;
}

void expect_refused(const BundleFiles& files, std::string_view why) {
  const Status status = parse_files(files, "policy").status();
  EXPECT_EQ(status.code(), Code::kInvalid) << status.to_string();
  EXPECT_NE(status.message().find(why), std::string::npos) << status.to_string();
}

// Invariant 6: the files say the bundle, the whole bundle and nothing but the bundle.
TEST(Directory, WhatIsWrittenReadsAsTheSameBundle) {
  for (const bool empty : {false, true}) {
    Bundle bundle = fixture::bundle();
    if (empty) {
      bundle.allow_list.clear();
      bundle.price_source.reset();
    }
    const auto read = parse_files(format_files(bundle), "policy");
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_EQ(*read, bundle);
  }
}

TEST(Directory, GoldenFiles) {
  for (const auto& [name, text] : files()) {
    std::ifstream file(tests::source_dir() + "/policy/bundle/testdata/" + name, std::ios::binary);
    EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << name;
  }
}

TEST(Directory, EntriesMayStandInAnyOrder) {
  BundleFiles shuffled =
      with("bundle.toml", R"(["compliance", "treasury"])", R"(["treasury", "compliance"])");
  std::string& officers = shuffled.at("officers.toml");
  const std::size_t second = officers.find("[officers.bob]");
  officers = officers.substr(second) + "\n" + officers.substr(0, second);
  EXPECT_EQ(*parse_files(shuffled, "policy"), fixture::bundle());
}

TEST(Directory, PoliciesOfSeveralFilesAreJoinedInOrderAndPutIntoCanonicalForm) {
  BundleFiles split = files();
  split.erase("custody.cedar");
  split["20-more.cedar"] = "forbid(principal,action,resource)when{context.height>7};";
  split["10-ballots.cedar"] = "permit(principal, action, resource); // ballots";
  split[".20-more.cedar"] = "an editor's copy";
  split["tests.toml"] = "= is no part of it";
  const Bytes expected = fixture::canonical(
      "permit(principal, action, resource); // ballots\n"
      "forbid(principal, action, resource) when { context.height > 7 };");
  const auto read = parse_files(split, "policy");
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(as_text(read->policies), as_text(expected));
}

TEST(Directory, AFileThatIsMissingIsNamed) {
  for (const std::string name : {"bundle.toml", "officers.toml", "allow-list.toml", "custody.cedarschema"}) {
    BundleFiles missing = files();
    missing.erase(name);
    expect_refused(missing, "policy/" + name + ": there is no such file");
  }
  BundleFiles missing = files();
  missing.erase("custody.cedar");
  expect_refused(missing, "policies: ");
}

TEST(Directory, AKeyThatIsMissingOrUnknownIsNamed) {
  expect_refused(with("bundle.toml", "pending_expiry_hours = 24\n", ""),
                 "policy/bundle.toml: no \"pending_expiry_hours\"");
  expect_refused(with("bundle.toml", "member = 2\n", "member = 2\nmembre = 2\n"),
                 "policy/bundle.toml: unknown keys: membre (line 4)");
  expect_refused(with("officers.toml", "curve = ", "curves = "),
                 "policy/officers.toml: no \"officers.alice.curve\"");
  expect_refused(with("officers.toml", "[officers.bob]", "[officers.bob]\nadmin = true"),
                 "unknown keys: officers.bob.admin");
  expect_refused(with("officers.toml", "[officers.bob]", "[officer.bob]"), "unknown keys: officer.bob");
  expect_refused(with("allow-list.toml", "reason = ", "because = "),
                 "policy/allow-list.toml: no \"allow.BTC.");
  expect_refused(with("allow-list.toml", "[allow.BTC", "[allow.BTC.x"), "no \"allow.BTC.x.owner\"");
  expect_refused(with("bundle.toml", "[price_source]\n", "[price_source]\nurl = \"x\"\n"),
                 "unknown keys: price_source.url");
}

TEST(Directory, AValueThatIsNotRightIsNamedWithItsLine) {
  expect_refused(with("bundle.toml", "member = 2", "member = 70000"),
                 "policy/bundle.toml:3: member: out of range");
  expect_refused(with("bundle.toml", "member = 2", "member = -1"), "policy/bundle.toml:3: ");
  expect_refused(with("bundle.toml", "member = 2", "member = \"2\""), "policy/bundle.toml:3: ");
  expect_refused(with("bundle.toml", "member = 2", "member = 2.0"), "policy/bundle.toml:3: ");
  expect_refused(with("bundle.toml", "network = \"", "network = \"zz"), "policy/bundle.toml:2: network: ");
  expect_refused(with("bundle.toml", "network = \"", "network = \"00"),
                 "policy/bundle.toml:2: network: expected 32");
  expect_refused(with("officers.toml", "\"secp256k1\"", "\"ed25519\""),
                 "policy/officers.toml:3: officers.alice.curve: must be \"secp256k1\" or \"p256\"");
  expect_refused(with("officers.toml", "2026-01-01T00:00:00Z", "2026-01-01"),
                 "policy/officers.toml:5: officers.alice.valid_from: must be a time in UTC");
  expect_refused(with("officers.toml", "\"2026-01-01T00:00:00Z\"", "2026-01-01T00:00:00Z"),
                 "policy/officers.toml:5: ");  // TOML's own times have zones and fractions
  expect_refused(with("officers.toml", "key = \"0", "key = \"g"),
                 "policy/officers.toml:4: officers.alice.key: ");
  expect_refused(with("officers.toml", "[officers.bob]", "[officers.alice]"), "policy/officers.toml:");
  expect_refused(with("bundle.toml", "format = 1", "format ="), "policy/bundle.toml:1: ");
  expect_refused(with("allow-list.toml", "expires = \"2026", "expires = \"26"),
                 "policy/allow-list.toml:4: allow.BTC.");
}

TEST(Directory, WhatTheBundleMayNotSayIsNamedByFileLineAndName) {
  expect_refused(with("bundle.toml", "count = 2", "count = 1"),
                 "policy/bundle.toml:10: activation: 1 of 3 officers");
  expect_refused(with("officers.toml", "[\"treasury\"]", "[\"ops\"]"),
                 "policy/officers.toml:1: officer \"alice\": there is no group");
  expect_refused(with("allow-list.toml", "Exchange One Ltd", ""),
                 "policy/allow-list.toml:1: allow-list entry ");
  expect_refused(with("bundle.toml", "[units.LTC]", "[units.LTCLTCLTC]"), "policy/bundle.toml:");
  expect_refused(with("officers.toml", "[officers.bob]", "[officers.\"B ob\"]"), "the name \"B ob\" must be");
  expect_refused(with("officers.toml", "[officers.bob]", "[officers.\"b.ob\"]"), "officers.b.ob");
}

// One run shows what is wrong with every file.
TEST(Directory, EveryFileIsLookedAt) {
  BundleFiles bad = with("officers.toml", "valid_until = \"2027", "valid_until = \"2025");
  std::string& officers = bad.at("officers.toml");
  officers.replace(officers.rfind("valid_until = \"2027"), 19, "valid_until = \"2024");
  bad.at("bundle.toml").replace(bad.at("bundle.toml").find("version = 1"), 11, "version = 0");
  bad.at("custody.cedarschema").replace(0, 14, "entity ;");
  bad.at("allow-list.toml").replace(bad.at("allow-list.toml").find("ticket 17"), 9, "ticket  17");
  bad["10-a.cedar"] = "permit";
  bad["20-b.cedar"] = "\nforbid";
  const ReadFiles read = read_all(bad, "policy");
  std::string places;
  for (const Status& fault : read.faults)
    places += fault.message().substr(0, fault.message().find(": ")) + "\n";
  EXPECT_EQ(places,
            "policy/10-a.cedar\npolicy/20-b.cedar\npolicy/bundle.toml:4\npolicy/bundle.toml:5\n"
            "policy/custody.cedarschema\npolicy/officers.toml:1\npolicy/officers.toml:15\n"
            "policy/allow-list.toml:1\n");
  EXPECT_TRUE(read.names_known);
}

// What a file lacks that could not be read is no offence of another one.
TEST(Directory, AFileThatCannotBeReadIsTheOnlyOneNamed) {
  for (const std::string name : {"bundle.toml", "officers.toml", "allow-list.toml"}) {
    BundleFiles bad = files();
    bad.at(name) = "=";
    const ReadFiles read = read_all(bad, "policy");
    ASSERT_EQ(read.faults.size(), 1u) << name << ": " << read.faults.back().to_string();
    EXPECT_TRUE(read.faults[0].message().starts_with("policy/" + name + ":1: "));
    EXPECT_EQ(read.names_known, name == "allow-list.toml");
  }
}

TEST(Directory, PolicyErrorsNameFileAndLine) {
  BundleFiles bad = files();
  bad["zz.cedar"] = "// fine\npermit(principal, action, resource) when { 1 + };\n";
  expect_refused(bad, "policy/zz.cedar: line 2, column ");
  expect_refused(with("custody.cedarschema", "entity Member;", "entity ;"),
                 "policy/custody.cedarschema: schema: line 1, column");
}

TEST(Directory, SizesAreCappedBeforeParsing) {
  const auto too_large = [](const std::string& name, std::size_t size, std::string_view why) {
    BundleFiles large = files();
    large[name].assign(size, '(');
    expect_refused(large, why);
  };
  too_large("bundle.toml", kMaxTomlFile + 1, "more than 1 MiB");
  too_large("officers.toml", kMaxTomlFile + 1, "more than 1 MiB");
  too_large("allow-list.toml", kMaxTomlFile + 1, "more than 1 MiB");
  too_large("custody.cedarschema", kMaxSchemaText + 1, "more than 64 KiB");
  too_large("custody.cedar", kMaxPolicyText + 1, "more than 768 KiB of policies");
}

class OnDisk : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "bundle-" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  std::string path_;
};

TEST_F(OnDisk, WrittenAndReadAgain) {
  ASSERT_TRUE(write_directory(path_, fixture::bundle()).ok());
  EXPECT_EQ(*read_directory(path_), fixture::bundle());
  const Bundle next = fixture::next_bundle(fixture::bundle());
  ASSERT_TRUE(write_directory(path_, next).ok());
  EXPECT_EQ(*read_directory(path_), next);
}

TEST_F(OnDisk, OtherPoliciesAreNotWrittenBeside) {
  ASSERT_TRUE(write_directory(path_, fixture::bundle()).ok());
  ASSERT_TRUE(
      create_file(path_ + "/extra.cedar", as_bytes("permit(principal, action, resource);"), 0644).ok());
  const Bundle next = fixture::next_bundle(fixture::bundle());
  const Status status = write_directory(path_, next);
  EXPECT_EQ(status.code(), Code::kExists);
  EXPECT_NE(status.message().find("extra.cedar"), std::string::npos);
  EXPECT_EQ(read_directory(path_)->version, 1u);
}

TEST_F(OnDisk, NoDirectoryAndTooManyFilesAreRefused) {
  EXPECT_EQ(read_directory(path_).code(), Code::kNotFound);
  ASSERT_TRUE(make_directory(path_, 0755).ok());
  EXPECT_EQ(read_directory(path_).code(), Code::kInvalid);
  for (std::size_t i = 0; i <= kMaxPolicyFiles; ++i) {
    ASSERT_TRUE(create_file(path_ + "/" + std::to_string(i) + ".cedar", {}, 0644).ok());
  }
  EXPECT_EQ(read_directory(path_).code(), Code::kExhausted);
}

// Invariant 6. A rule in a file that nothing reads forbids nothing.
TEST_F(OnDisk, WhatIsNoPartOfADraftIsNamedAndNothingIsRead) {
  const std::string forbid = "forbid(principal, action, resource);";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"00-stop.ceder", "00-stop.ceder"},         {"00-stop.CEDAR", "00-stop.CEDAR"},
      {"00-stop.cedar.txt", "00-stop.cedar.txt"}, {"rules/00-stop.cedar", "rules"},
      {"00-stop.cedar/x", "00-stop.cedar"},       {"Bundle.toml", "Bundle.toml"},
      {"tests/BTC.tml", "tests/BTC.tml"},         {"tests/more/BTC.toml", "tests/more"}};
  for (const auto& [name, said] : cases) {
    ASSERT_TRUE(write_directory(path_, fixture::bundle()).ok());
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    ASSERT_TRUE(create_file(file.string(), as_bytes(forbid), 0644).ok());
    for (const Status& status : {read_directory(path_).status(), read_files(path_).status(),
                                 write_directory(path_, fixture::bundle())}) {
      EXPECT_EQ(status.code(), Code::kInvalid) << name;
      EXPECT_EQ(status.message(), path_ + "/" + said + ": no part of a policy, and would be left out");
      EXPECT_NE(status.hint().find("rename it"), std::string::npos);
    }
    std::filesystem::remove_all(path_);
  }
}

TEST_F(OnDisk, NotesEditorsCopiesAndExpectationsMayStandBeside) {
  ASSERT_TRUE(write_directory(path_, fixture::bundle()).ok());
  for (const std::string name :
       {".git/HEAD", ".gitignore", ".custody.cedar.swp", "custody.cedar~", "README", "README.md", "why.md",
        "tests/BTC.toml", "tests/BTC.toml~", "tests/README.md"}) {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    ASSERT_TRUE(create_file(file.string(), as_bytes("forbid"), 0644).ok());
  }
  EXPECT_EQ(*read_directory(path_), fixture::bundle());
}

TEST_F(OnDisk, OfManyStrangersTheFirstAreNamed) {
  ASSERT_TRUE(write_directory(path_, fixture::bundle()).ok());
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(create_file(path_ + "/" + std::to_string(i) + ".txt", {}, 0644).ok());
  }
  const std::string message = read_directory(path_).status().message();
  EXPECT_TRUE(message.starts_with(path_ + "/0.txt, " + path_ + "/1.txt")) << message;
  EXPECT_NE(message.find("4.txt and 2 more: no part"), std::string::npos) << message;
  for (std::size_t i = 7; i <= kMaxPolicyFiles; ++i) {
    ASSERT_TRUE(create_file(path_ + "/" + std::to_string(i) + ".txt", {}, 0644).ok());
  }
  EXPECT_EQ(read_directory(path_).code(), Code::kExhausted);
}

TEST_F(OnDisk, ALargeFileIsRefusedBeforeItIsRead) {
  ASSERT_TRUE(write_directory(path_, fixture::bundle()).ok());
  std::filesystem::resize_file(path_ + "/custody.cedarschema", std::uintmax_t{1} << 40);
  EXPECT_EQ(read_directory(path_).code(), Code::kExhausted);
}

}  // namespace
}  // namespace custody::policy::bundle
