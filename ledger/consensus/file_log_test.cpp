#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "ledger/consensus/log.h"

namespace custody::ledger::consensus {
namespace {

using model::Height;
using model::Round;

class FileLogTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / "custody-wal-XXXXXX").string();
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
    directory_ = std::move(*open_directory(path_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::unique_ptr<FileLog> open() {
    auto log = FileLog::open(*directory_, entropy_, records_);
    EXPECT_TRUE(log.ok()) << log.status().to_string();
    return std::move(*log);
  }
  static LogRecord vote(std::uint64_t height, std::uint32_t round) {
    return {Height(height), 5,
            model::VoteIntent{model::VoteType::kPrevote, Height(height), Round(round), {}}};
  }

  std::string path_;
  std::unique_ptr<Directory> directory_;
  SeededEntropy entropy_{1};
  std::vector<LogRecord> records_;
};

TEST_F(FileLogTest, GivesBackTheSyncedRecordsOfTheLastHeight) {
  {
    auto log = open();
    ASSERT_TRUE(log->append(vote(1, 0)).ok());
    ASSERT_TRUE(log->sync().ok());
    ASSERT_TRUE(log->start_height(Height(2)).ok());
    ASSERT_TRUE(log->append({Height(2), 7, LockRecord{Round(3), {}}}).ok());
    ASSERT_TRUE(log->append(vote(2, 3)).ok());
    ASSERT_TRUE(log->sync().ok());
  }
  open();
  ASSERT_EQ(records_.size(), 2u);
  EXPECT_EQ(records_[0], (LogRecord{Height(2), 7, LockRecord{Round(3), {}}}));
  EXPECT_EQ(records_[1], vote(2, 3));
}

TEST_F(FileLogTest, WhatWasNotSyncedIsGone) {
  {
    auto log = open();
    ASSERT_TRUE(log->append(vote(1, 0)).ok());
    ASSERT_TRUE(log->sync().ok());
    ASSERT_TRUE(log->append(vote(1, 1)).ok());
  }
  open();
  EXPECT_EQ(records_, std::vector<LogRecord>{vote(1, 0)});
}

TEST_F(FileLogTest, IsRewrittenWhenItHasGrownAndTheHeightIsCommitted) {
  const auto file = std::filesystem::path(path_) / "consensus.wal";
  {
    auto log = open();
    LogRecord part{Height(1), 1, model::ProposalPart{Height(1), {}, {0, Bytes(model::kPartBytes, 7), {}}}};
    for (std::uint64_t size = 0; size <= FileLog::kRewriteAt; size += model::kPartBytes) {
      ASSERT_TRUE(log->append(part).ok());
    }
    ASSERT_TRUE(log->sync().ok());
    EXPECT_GT(std::filesystem::file_size(file), FileLog::kRewriteAt);
    ASSERT_TRUE(log->start_height(Height(2)).ok());
    EXPECT_LT(std::filesystem::file_size(file), 100u);
    ASSERT_TRUE(log->append(vote(2, 0)).ok());
    ASSERT_TRUE(log->sync().ok());
  }
  open();
  EXPECT_EQ(records_, std::vector<LogRecord>{vote(2, 0)});
}

}  // namespace
}  // namespace custody::ledger::consensus
