// base/journal on disks that lose, tear, refuse and damage.
#include <gtest/gtest.h>

#include "base/journal/journal.h"
#include "tests/support/sim_files.h"

namespace custody::journal {
namespace {

using tests::SimDirectory;

constexpr std::uint16_t kKind = 7;
constexpr char kName[] = "journal";
constexpr std::size_t kHeaderSize = 16;
constexpr std::size_t kOverhead = 28;

using Records = std::vector<std::string>;

struct Opened {
  Status status;
  Records records;
};

Opened open_all(SimDirectory& directory) {
  Opened out;
  const auto journal = Journal::open(directory, kName, kKind, [&](std::uint64_t, ByteView payload) {
    out.records.emplace_back(as_text(payload));
    return ok_status();
  });
  out.status = journal.ok() ? ok_status() : journal.status();
  return out;
}

const Records kRecords = {"first", "", "a third record of some length", "4"};

// A journal with kRecords, synced.
void write_records(SimDirectory& directory, std::uint64_t seed = 1) {
  SeededEntropy entropy(seed);
  auto journal = *Journal::create(directory, kName, kKind, entropy);
  for (const std::string& record : kRecords) ASSERT_TRUE(journal->append(as_bytes(record)).ok());
  ASSERT_TRUE(journal->sync().ok());
}

std::size_t start_of(std::size_t record) {
  std::size_t at = kHeaderSize;
  for (std::size_t i = 0; i < record; ++i) at += kOverhead + kRecords[i].size();
  return at;
}

TEST(JournalFaults, ATornTailIsCutOffAtEveryByte) {
  SimDirectory whole;
  write_records(whole);
  const Bytes content = whole.content(kName);
  for (std::size_t size = kHeaderSize; size <= content.size(); ++size) {
    SimDirectory directory;
    directory.tamper(kName, {content.begin(), content.begin() + static_cast<std::ptrdiff_t>(size)});
    std::size_t complete = 0;
    while (complete < kRecords.size() && start_of(complete + 1) <= size) ++complete;
    const Opened opened = open_all(directory);
    ASSERT_TRUE(opened.status.ok()) << size << " " << opened.status.to_string();
    EXPECT_EQ(opened.records,
              Records(kRecords.begin(), kRecords.begin() + static_cast<std::ptrdiff_t>(complete)));
    EXPECT_EQ(directory.content(kName).size(), start_of(complete));
    directory.crash();
    EXPECT_EQ(directory.content(kName).size(), start_of(complete)) << "the cut was not synced";
  }
}

TEST(JournalFaults, GarbageOrZerosInPlaceOfTheLastRecordAreCutOff) {
  SimDirectory whole;
  write_records(whole);
  for (const std::uint8_t filler : {0x00, 0xff, 0x01}) {
    for (const std::size_t length : {1u, 27u, 28u, 29u, 5000u}) {
      SimDirectory directory;
      Bytes content = whole.content(kName);
      content.resize(content.size() + length, filler);
      directory.tamper(kName, content);
      const Opened opened = open_all(directory);
      EXPECT_TRUE(opened.status.ok()) << opened.status.to_string();
      EXPECT_EQ(opened.records, kRecords);
      EXPECT_EQ(directory.content(kName), whole.content(kName));
    }
  }
}

TEST(JournalFaults, EveryChangedByteBeforeTheLastRecordIsCorruptAndLeavesTheFile) {
  SimDirectory whole;
  write_records(whole);
  for (std::size_t at = 0; at < start_of(kRecords.size() - 1); ++at) {
    for (const std::uint8_t flip : {0x01, 0x80, 0xff}) {
      SimDirectory directory;
      Bytes content = whole.content(kName);
      content[at] ^= flip;
      directory.tamper(kName, content);
      EXPECT_EQ(open_all(directory).status.code(), Code::kCorrupt) << "byte " << at << " flip " << int{flip};
      EXPECT_EQ(directory.content(kName), content);
    }
  }
}

TEST(JournalFaults, AMissingOrZeroedMiddleRecordIsCorrupt) {
  SimDirectory whole;
  write_records(whole);
  for (std::size_t record = 0; record + 1 < kRecords.size(); ++record) {
    const auto from = static_cast<std::ptrdiff_t>(start_of(record));
    const auto to = static_cast<std::ptrdiff_t>(start_of(record + 1));
    Bytes removed = whole.content(kName);
    removed.erase(removed.begin() + from, removed.begin() + to);
    Bytes zeroed = whole.content(kName);
    std::fill(zeroed.begin() + from, zeroed.begin() + to, std::uint8_t{0});
    for (const Bytes& content : {removed, zeroed}) {
      SimDirectory directory;
      directory.tamper(kName, content);
      EXPECT_EQ(open_all(directory).status.code(), Code::kCorrupt) << record;
      EXPECT_EQ(directory.content(kName), content);
    }
  }
}

TEST(JournalFaults, AChangedLastRecordIsNeverDelivered) {
  SimDirectory whole;
  write_records(whole);
  for (std::size_t at = start_of(kRecords.size() - 1); at < whole.content(kName).size(); ++at) {
    SimDirectory directory;
    Bytes content = whole.content(kName);
    content[at] ^= 1;
    directory.tamper(kName, content);
    const Opened opened = open_all(directory);
    EXPECT_TRUE(opened.status.ok());
    EXPECT_EQ(opened.records, Records(kRecords.begin(), kRecords.end() - 1)) << at;
  }
}

TEST(JournalFaults, RecordsOfAnotherJournalDoNotFitIn) {
  SimDirectory ours;
  SimDirectory theirs;
  write_records(ours, 1);
  write_records(theirs, 2);
  Bytes content = ours.content(kName);
  content.resize(kHeaderSize);
  append(content, ByteView(theirs.content(kName)).subspan(kHeaderSize));
  ours.tamper(kName, content);
  const Opened opened = open_all(ours);
  EXPECT_EQ(opened.status.code(), Code::kCorrupt);
  EXPECT_TRUE(opened.records.empty());
}

TEST(JournalFaults, MoreThanOneRecordOfDamageIsCorrupt) {
  SimDirectory directory;
  write_records(directory);
  Bytes content = directory.content(kName);
  content.resize(content.size() + kOverhead + kMaxRecord);
  directory.tamper(kName, content);
  EXPECT_EQ(open_all(directory).status.code(), Code::kCorrupt);
}

TEST(JournalFaults, AFailedSyncIsFinal) {
  SimDirectory directory;
  SeededEntropy entropy(1);
  auto journal = *Journal::create(directory, kName, kKind, entropy);
  ASSERT_TRUE(journal->append(as_bytes("x")).ok());
  directory.fail_next_sync();
  EXPECT_EQ(journal->sync().code(), Code::kIo);
  EXPECT_EQ(journal->sync().code(), Code::kIo);
  EXPECT_EQ(journal->append(as_bytes("y")).code(), Code::kIo);
  directory.crash();
  EXPECT_TRUE(open_all(directory).records.empty());
}

TEST(JournalFaults, AFullDiskIsFinalUntilReopenedAndKeepsWhatWasSynced) {
  SimDirectory directory;
  write_records(directory);
  auto journal = *Journal::open(directory, kName, kKind, [](std::uint64_t, ByteView) { return ok_status(); });
  directory.set_capacity(directory.content(kName).size() + 10);
  EXPECT_EQ(journal->append(as_bytes("does not fit")).code(), Code::kIo);
  EXPECT_EQ(journal->append({}).code(), Code::kIo);
  EXPECT_EQ(journal->sync().code(), Code::kIo);
  directory.crash(SimDirectory::Tear::kAll);
  directory.set_capacity(std::nullopt);
  EXPECT_EQ(open_all(directory).records, kRecords);
}

// Appends and syncs until the power goes; returns how many records were promised (synced) and how many were
// written.
struct Progress {
  std::size_t promised = 0;
  std::size_t written = 0;
};
Progress run_until_power_cut(SimDirectory& directory, std::uint64_t seed) {
  SeededEntropy entropy(seed);
  Progress progress;
  const auto created = Journal::create(directory, kName, kKind, entropy);
  if (!created.ok()) return progress;
  for (std::size_t i = 0; i < 6; ++i) {
    ++progress.written;  // counts when it fails too: a part of it, or all, may be there
    if (!(*created)->append(as_bytes("record " + std::to_string(i))).ok()) break;
    if (i % 2 == 0) continue;
    if (!(*created)->sync().ok()) break;
    progress.promised = i + 1;
  }
  return progress;
}

TEST(JournalFaults, ACrashAtEveryOperationKeepsEveryPromise) {
  std::uint64_t lost_writes = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (std::uint64_t operations = 1; operations <= 12; ++operations) {
      SimDirectory directory(seed);
      directory.cut_power_after(operations);
      const Progress progress = run_until_power_cut(directory, seed);
      directory.crash(static_cast<SimDirectory::Tear>(seed % 3));
      lost_writes += directory.counters().lost_writes;
      if (!directory.exists(kName)) {
        EXPECT_EQ(progress.promised, 0u);
        continue;
      }
      const Opened opened = open_all(directory);
      ASSERT_TRUE(opened.status.ok()) << seed << " " << operations << " " << opened.status.to_string();
      EXPECT_GE(opened.records.size(), progress.promised) << seed << " " << operations;
      EXPECT_LE(opened.records.size(), progress.written) << seed << " " << operations;
      for (std::size_t i = 0; i < opened.records.size(); ++i)
        EXPECT_EQ(opened.records[i], "record " + std::to_string(i));
    }
  }
  EXPECT_GT(lost_writes, 0u) << "the simulated disk lost nothing: the test shows nothing";
}

}  // namespace
}  // namespace custody::journal
