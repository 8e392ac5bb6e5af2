#include "base/journal/journal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/crypto/hash.h"

namespace custody::journal {
namespace {

constexpr std::uint16_t kKind = 7;

// On the real file system; the tests with injected faults are in tests/integration/journal_faults_test.cpp.
class JournalTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / "custody-journal-XXXXXX").string();
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
    directory_ = std::move(*open_directory(path_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  Result<std::unique_ptr<Journal>> create() {
    return Journal::create(*directory_, "journal", kKind, entropy_);
  }
  Result<std::unique_ptr<Journal>> reopen(std::uint16_t kind = kKind) {
    records_.clear();
    return Journal::open(*directory_, "journal", kind, [this](std::uint64_t sequence, ByteView payload) {
      EXPECT_EQ(sequence, records_.size());
      records_.emplace_back(as_text(payload));
      return ok_status();
    });
  }

  std::string path_;
  std::unique_ptr<Directory> directory_;
  SeededEntropy entropy_{1};
  std::vector<std::string> records_;
};

TEST_F(JournalTest, ReopeningGivesTheSameRecordsAndDigest) {
  Hash256 digest;
  {
    auto journal = *create();
    for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(*journal->append(Bytes(i * 100, 'x')), i);
    ASSERT_TRUE(journal->sync().ok());
    digest = journal->digest();
  }
  auto journal = reopen();
  ASSERT_TRUE(journal.ok()) << journal.status().to_string();
  EXPECT_EQ(records_.size(), 5u);
  EXPECT_EQ(records_[2], std::string(200, 'x'));
  EXPECT_EQ((*journal)->digest(), digest);
  EXPECT_EQ((*journal)->next_sequence(), 5u);
  EXPECT_EQ(*(*journal)->append(as_bytes("y")), 5u);
}

TEST_F(JournalTest, ReadBackGivesWhatWasAppendedAndSeesChanges) {
  auto journal = *create();
  std::vector<std::string> seen;
  const auto collect = [&seen](std::uint64_t, ByteView payload) {
    seen.emplace_back(as_text(payload));
    return ok_status();
  };
  ASSERT_TRUE(journal->read_back(collect).ok());
  EXPECT_TRUE(seen.empty());
  ASSERT_TRUE(journal->append(as_bytes("one")).ok());
  ASSERT_TRUE(journal->append(as_bytes("two")).ok());
  ASSERT_TRUE(journal->read_back(collect).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"one", "two"}));

  std::filesystem::resize_file(path_ + "/journal", std::filesystem::file_size(path_ + "/journal") - 1);
  EXPECT_EQ(journal->read_back(collect).code(), Code::kCorrupt);
}

TEST_F(JournalTest, ReplaceStartsAnewWhetherOrNotTheFileExists) {
  {
    auto journal = *Journal::replace(*directory_, "journal", kKind, entropy_);
    ASSERT_TRUE(journal->append(as_bytes("old")).ok());
    ASSERT_TRUE(journal->sync().ok());
  }
  {
    auto journal = *Journal::replace(*directory_, "journal", kKind, entropy_);
    ASSERT_TRUE(journal->append(as_bytes("new")).ok());
    ASSERT_TRUE(journal->sync().ok());
  }
  ASSERT_TRUE(reopen().ok());
  EXPECT_EQ(records_, std::vector<std::string>{"new"});
}

TEST_F(JournalTest, TheFormatIsAsWritten) {
  {
    auto journal = *create();
    ASSERT_TRUE(journal->append(as_bytes("payload")).ok());
  }
  const Bytes file = *directory_->read("journal", 1000);
  const ByteView header = ByteView(file).first(16);
  EXPECT_EQ(to_hex(header.first(8)), "434a524e4c310007");
  EXPECT_EQ(to_hex(ByteView(file).subspan(16, 12)), "000000070000000000000000");
  const Hash256 link =
      crypto::sha256({crypto::sha256(header).view().first(16), ByteView(file).subspan(16, 19)});
  EXPECT_TRUE(equal(ByteView(file).subspan(35), link.view().first(16)));
}

TEST_F(JournalTest, CreateRefusesAnExistingAndOpenAMissingFile) {
  EXPECT_EQ(reopen().code(), Code::kNotFound);
  ASSERT_TRUE(create().ok());
  EXPECT_EQ(create().code(), Code::kExists);
}

TEST_F(JournalTest, AnotherKindOrFileIsRefused) {
  ASSERT_TRUE(create().ok());
  EXPECT_EQ(reopen(kKind + 1).status().message(), "journal journal: a journal of kind 7, expected kind 8");
  ASSERT_TRUE(directory_->write_atomic("journal", as_bytes("something else entirely")).ok());
  EXPECT_EQ(reopen().code(), Code::kCorrupt);
  ASSERT_TRUE(directory_->write_atomic("journal", {}).ok());
  EXPECT_EQ(reopen().code(), Code::kCorrupt);
}

TEST_F(JournalTest, TheReadersErrorStopsTheOpening) {
  {
    auto journal = *create();
    ASSERT_TRUE(journal->append(as_bytes("a")).ok());
  }
  const auto opened =
      Journal::open(*directory_, "journal", kKind, [](std::uint64_t, ByteView) { return refused("no"); });
  EXPECT_EQ(opened.code(), Code::kRefused);
  EXPECT_EQ(opened.status().message(), "journal journal: record 0: no");
}

TEST_F(JournalTest, AnOversizeRecordIsRefusedAndChangesNothing) {
  auto journal = *create();
  EXPECT_EQ(journal->append(Bytes(kMaxRecord + 1)).code(), Code::kInvalid);
  EXPECT_EQ(*journal->append(Bytes(kMaxRecord)), 0u);
  ASSERT_TRUE(journal->sync().ok());
  journal.reset();
  EXPECT_TRUE(reopen().ok());
  EXPECT_EQ(records_.size(), 1u);
}

}  // namespace
}  // namespace custody::journal
