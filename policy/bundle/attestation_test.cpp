#include "policy/bundle/attestation.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "policy/bundle/fixture_test.h"
#include "tests/support/sim_files.h"

namespace custody::policy::bundle {
namespace {

class SaltSeed : public ::testing::Test {
 protected:
  Status make() { return make_salt_seed(files_, entropy_); }
  static void expect_refused(const Status& status, Code code, const std::string& part) {
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_NE(status.message().find(part), std::string::npos) << status.to_string();
    EXPECT_NE(status.hint().find("backup"), std::string::npos) << status.to_string();
  }

  tests::SimDirectory files_{1};
  SeededEntropy entropy_{2};
};

TEST_F(SaltSeed, TheSeedIsDrawnOnceAndDurable) {
  ASSERT_TRUE(make().ok());
  const Bytes first = files_.content(kSaltFile);
  EXPECT_EQ(first.size(), kSaltSeedSize);
  files_.crash();
  ASSERT_TRUE(make().ok());
  EXPECT_EQ(files_.content(kSaltFile), first) << "never overwritten";
  const auto seed = read_salt_seed(files_);
  ASSERT_TRUE(seed.ok());
  EXPECT_TRUE(equal(seed->view(), first));
  tests::SimDirectory other;
  ASSERT_TRUE(make_salt_seed(other, entropy_).ok());
  EXPECT_NE(other.content(kSaltFile), first);
}

TEST_F(SaltSeed, AMissingSeedOrOneOfAnotherSizeIsRefusedAndKept) {
  expect_refused(read_salt_seed(files_).status(), Code::kNotFound, "policy.salt is missing");
  for (const std::size_t size : {0u, 31u, 33u}) {
    files_.tamper(kSaltFile, Bytes(size, 1));
    expect_refused(read_salt_seed(files_).status(), Code::kCorrupt, "policy.salt must hold 32 bytes");
    expect_refused(make(), Code::kCorrupt, "policy.salt must hold 32 bytes");
    EXPECT_EQ(files_.content(kSaltFile), Bytes(size, 1));
  }
}

TEST_F(SaltSeed, AFullDiskMakesNoSeed) {
  files_.set_capacity(0);
  EXPECT_FALSE(make().ok());
  EXPECT_FALSE(files_.exists(kSaltFile));
}

TEST(SaltSeedFile, IsOfItsOwnerOnly) {
  const auto path = std::filesystem::temp_directory_path() / ("attestation-" + std::to_string(getpid()));
  std::filesystem::create_directories(path);
  const auto files = open_directory(path.string());
  ASSERT_TRUE(files.ok());
  SystemEntropy entropy;
  ASSERT_TRUE(make_salt_seed(**files, entropy).ok());
  struct stat info{};
  ASSERT_EQ(::stat((path / kSaltFile).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  std::filesystem::remove_all(path);
}

TEST(Salt, IsOfTheSeedAndTheBundle) {
  const SecretBytes seed(Bytes(kSaltSeedSize, 1));
  const SecretBytes other(Bytes(kSaltSeedSize, 2));
  const Hash256 salt = attestation_salt(seed, fixture::hash_of(1));
  EXPECT_EQ(salt, attestation_salt(seed, fixture::hash_of(1)));
  EXPECT_NE(salt, attestation_salt(seed, fixture::hash_of(2)));
  EXPECT_NE(salt, attestation_salt(other, fixture::hash_of(1)));
}

// As README says it, so that an auditor can recompute it with other tools.
TEST(SaltedHash, IsTheDigestOfMemberVersionSaltAndBundle) {
  Bundle bundle = fixture::bundle();
  bundle.member = model::MemberId(2);
  bundle.version = 3;
  const Hash256 salt = fixture::hash_of(9);
  const Hash256 tag = crypto::sha256(as_bytes("caasiope/policy/attestation"));
  Bytes fields{0x08, 2, 0x10, 3, 0x1a, 32};
  append(fields, salt.view());
  append(fields, Bytes{0x22, 32});
  append(fields, bundle_hash(bundle).view());
  EXPECT_EQ(salted_hash(bundle, salt),
            crypto::sha256({tag.view(), tag.view(), bundle.chain_id.view(), fields}));
}

TEST(SaltedHash, DiffersInEveryPart) {
  const Bundle bundle = fixture::bundle();
  const Hash256 salt = fixture::hash_of(9);
  const Hash256 base = salted_hash(bundle, salt);
  EXPECT_NE(base, salted_hash(bundle, fixture::hash_of(8)));
  Bundle other = bundle;
  other.pending_expiry_hours += 1;
  EXPECT_NE(base, salted_hash(other, salt));
  other = bundle;
  other.version += 1;
  EXPECT_NE(base, salted_hash(other, salt));
  other = bundle;
  other.member = model::MemberId(static_cast<std::uint16_t>(bundle.member.get() + 1));
  EXPECT_NE(base, salted_hash(other, salt));
  other = bundle;
  other.chain_id.data()[0] ^= 1;
  EXPECT_NE(base, salted_hash(other, salt));
}

}  // namespace
}  // namespace custody::policy::bundle
