#include "signer/audit/audit_log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace custody::signer::audit {
namespace {

std::string leaf(std::uint64_t index) {
  return "leaf number " + std::to_string(index);
}

class AuditLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / "custody-audit-XXXXXX").string();
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
    directory_ = std::move(*open_directory(path_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  // Makes a log of `count` leaves and returns its head after each.
  std::vector<Head> fill(std::uint64_t count) {
    auto log = *AuditLog::create(*directory_, entropy_);
    std::vector<Head> heads{log->head()};
    for (std::uint64_t i = 0; i < count; ++i) {
      EXPECT_EQ(*log->append(as_bytes(leaf(i))), i);
      heads.push_back(log->head());
    }
    EXPECT_TRUE(log->sync().ok());
    return heads;
  }
  std::string file() const { return path_ + "/" + kFileName; }
  void edit(const std::string& from, const std::string& to) {
    std::string text(as_text(*read_file(file(), 1u << 20)));
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    std::ofstream(file(), std::ios::binary) << text;
  }

  std::string path_;
  std::unique_ptr<Directory> directory_;
  SeededEntropy entropy_{1};
};

// README invariant 1.
TEST_F(AuditLogTest, TheRootIsThatOfRfc6962) {
  const auto heads = fill(9);
  std::vector<Hash256> hashes;
  for (std::uint64_t i = 0; i <= 9; ++i) {
    EXPECT_EQ(heads[i], (Head{i, merkle::root(hashes)})) << i;
    hashes.push_back(merkle::leaf_hash(as_bytes(leaf(i))));
  }
}

// README invariant 2.
TEST_F(AuditLogTest, OpeningRecoversTheTreeAndGoesOn) {
  const auto heads = fill(7);
  auto log = AuditLog::open(*directory_, heads[7]);
  ASSERT_TRUE(log.ok()) << log.status().to_string();
  EXPECT_EQ((*log)->head(), heads[7]);
  EXPECT_EQ(*(*log)->append(as_bytes(leaf(7))), 7u);
}
TEST_F(AuditLogTest, AnOlderKnownHeadIsEnough) {
  const auto heads = fill(7);
  EXPECT_TRUE(AuditLog::open(*directory_, heads[3]).ok());
  EXPECT_TRUE(AuditLog::open(*directory_, Head{}).ok());
}

// README invariant 3.
TEST_F(AuditLogTest, ProvesEveryLeafInEveryTree) {
  const auto heads = fill(9);
  const auto log = std::move(*AuditLog::open(*directory_, heads[9]));
  for (std::uint64_t size = 1; size <= 9; ++size) {
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto proof = log->inclusion(index, size);
      ASSERT_TRUE(proof.ok()) << proof.status().to_string();
      EXPECT_EQ(as_text(proof->leaf), leaf(index));
      const Hash256 hash = merkle::leaf_hash(proof->leaf);
      EXPECT_TRUE(merkle::verify_inclusion(hash, index, size, proof->path, heads[size].root));
      EXPECT_FALSE(merkle::verify_inclusion(hash, index, size, proof->path, heads[size - 1].root));
    }
  }
}
TEST_F(AuditLogTest, ProvesThatLaterTreesExtendEarlierOnes) {
  const auto heads = fill(9);
  const auto log = std::move(*AuditLog::open(*directory_, heads[9]));
  for (std::uint64_t old_size = 1; old_size <= 9; ++old_size) {
    for (std::uint64_t size = old_size; size <= 9; ++size) {
      const auto path = log->consistency(old_size, size);
      ASSERT_TRUE(path.ok()) << path.status().to_string();
      EXPECT_TRUE(merkle::verify_consistency(old_size, size, *path, heads[old_size].root, heads[size].root));
    }
  }
}
TEST_F(AuditLogTest, RefusesProofsOutsideTheTree) {
  const auto heads = fill(3);
  const auto log = std::move(*AuditLog::open(*directory_, heads[3]));
  EXPECT_EQ(log->inclusion(3, 3).code(), Code::kNotFound);
  EXPECT_EQ(log->inclusion(0, 4).code(), Code::kNotFound);
  EXPECT_EQ(log->inclusion(0, 0).code(), Code::kNotFound);
  EXPECT_EQ(log->consistency(0, 3).code(), Code::kInvalid);
  EXPECT_EQ(log->consistency(3, 2).code(), Code::kNotFound);
  EXPECT_EQ(log->consistency(1, 4).code(), Code::kNotFound);
}

// README invariant 4.
TEST_F(AuditLogTest, SeesThatItsEndWasCutOff) {
  const auto heads = fill(5);
  const auto size_of_one = leaf(4).size() + 28;  // record overhead of base/journal
  std::filesystem::resize_file(file(), std::filesystem::file_size(file()) - size_of_one);
  EXPECT_EQ(AuditLog::open(*directory_, heads[5]).code(), Code::kCorrupt);
  const auto shorter = AuditLog::open(*directory_, heads[4]);
  ASSERT_TRUE(shorter.ok()) << shorter.status().to_string();
  EXPECT_EQ((*shorter)->head(), heads[4]);
}
TEST_F(AuditLogTest, SeesAnEditedLeaf) {
  const auto heads = fill(5);
  edit(leaf(2), "lead number 2");
  EXPECT_EQ(AuditLog::open(*directory_, heads[5]).code(), Code::kCorrupt);
}
TEST_F(AuditLogTest, SeesAnotherLogInItsPlace) {
  const auto heads = fill(5);
  std::filesystem::remove(file());
  {
    auto other = *AuditLog::create(*directory_, entropy_);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(other->append(as_bytes("another history")).ok());
    ASSERT_TRUE(other->sync().ok());
  }
  EXPECT_EQ(AuditLog::open(*directory_, heads[4]).code(), Code::kCorrupt);
}
TEST_F(AuditLogTest, SeesAnEditWhileItIsOpen) {
  fill(5);
  const auto log = std::move(*AuditLog::open(*directory_, Head{}));
  edit(leaf(2), "lead number 2");
  EXPECT_EQ(log->inclusion(0, 5).code(), Code::kCorrupt);
}

TEST_F(AuditLogTest, RefusesASecondLogAMissingOneAndALargeLeaf) {
  EXPECT_EQ(AuditLog::open(*directory_, Head{}).code(), Code::kNotFound);
  auto log = *AuditLog::create(*directory_, entropy_);
  EXPECT_EQ(AuditLog::create(*directory_, entropy_).code(), Code::kExists);
  EXPECT_EQ(log->append(Bytes(kMaxLeaf + 1)).code(), Code::kExhausted);
  EXPECT_TRUE(log->append(Bytes(kMaxLeaf)).ok());
}

}  // namespace
}  // namespace custody::signer::audit
