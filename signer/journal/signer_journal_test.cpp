#include "signer/journal/signer_journal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace custody::signer::journal {
namespace {

Binding example_binding() {
  Binding binding;
  binding.chain_id.data()[0] = 0xaa;
  binding.member = 0x0102;
  binding.policy.data()[31] = 0xbb;
  binding.token_label = "custody-member-1";
  binding.token_serial = "0123456789abcdef";
  for (std::uint8_t i = 1; i <= 5; ++i) {
    KeyPin pin{"key-" + std::to_string(i), Bytes{i}, {}};
    pin.key.data()[0] = 0x02;
    pin.key.data()[1] = i;
    binding.keys.push_back(pin);
  }
  return binding;
}

struct Seen {
  std::uint64_t sequence;
  RecordKind kind;
  std::string payload;
  friend bool operator==(const Seen&, const Seen&) = default;
};

class SignerJournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / "custody-signer-journal-XXXXXX").string();
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
    directory_ = std::move(*open_directory(path_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  Result<std::unique_ptr<SignerJournal>> create() {
    return SignerJournal::create(*directory_, example_binding(), entropy_);
  }
  Result<std::unique_ptr<SignerJournal>> reopen() {
    seen_.clear();
    return SignerJournal::open(*directory_,
                               [this](std::uint64_t sequence, RecordKind kind, ByteView payload) {
                                 seen_.push_back({sequence, kind, std::string(as_text(payload))});
                                 return ok_status();
                               });
  }
  std::string file() const { return path_ + "/" + kFileName; }
  // A journal file of the right kind with these raw records.
  void write_records(const std::vector<Bytes>& records) {
    auto raw = *custody::journal::Journal::create(*directory_, kFileName, kFileKind, entropy_);
    for (const Bytes& record : records) ASSERT_TRUE(raw->append(record).ok());
    ASSERT_TRUE(raw->sync().ok());
  }

  std::string path_;
  std::unique_ptr<Directory> directory_;
  SeededEntropy entropy_{1};
  std::vector<Seen> seen_;
};

// README invariant 1.
TEST_F(SignerJournalTest, ReplaysTheBindingAndEveryRecordInOrder) {
  {
    auto journal = *create();
    EXPECT_EQ(*journal->append_reserve(as_bytes("reserve")), 1u);
    EXPECT_EQ(*journal->append_state(as_bytes("state")), 2u);
    EXPECT_EQ(*journal->append_commit(as_bytes("commit")), 3u);
    EXPECT_EQ(*journal->append_done(as_bytes("done")), 4u);
    EXPECT_EQ(*journal->append_release(as_bytes("release")), 5u);
  }
  auto journal = reopen();
  ASSERT_TRUE(journal.ok()) << journal.status().to_string();
  EXPECT_EQ((*journal)->binding(), example_binding());
  EXPECT_EQ(seen_, (std::vector<Seen>{{1, RecordKind::kReserve, "reserve"},
                                      {2, RecordKind::kState, "state"},
                                      {3, RecordKind::kCommit, "commit"},
                                      {4, RecordKind::kDone, "done"},
                                      {5, RecordKind::kRelease, "release"}}));
  EXPECT_EQ((*journal)->next_sequence(), 6u);
}

// README invariant 2.
TEST_F(SignerJournalTest, RefusesASecondJournalAndAMissingOne) {
  EXPECT_EQ(reopen().code(), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(file()));
  ASSERT_TRUE(create().ok());
  EXPECT_EQ(create().code(), Code::kExists);
}

// README invariant 3.
TEST_F(SignerJournalTest, RefusesAFileWithoutBindingFirst) {
  write_records({{static_cast<std::uint8_t>(RecordKind::kCommit), 1}});
  EXPECT_EQ(reopen().code(), Code::kCorrupt);
}
TEST_F(SignerJournalTest, RefusesAnEmptyFile) {
  write_records({});
  EXPECT_EQ(reopen().code(), Code::kCorrupt);
}
TEST_F(SignerJournalTest, RefusesASecondBinding) {
  Bytes record = *encode_binding(example_binding());
  record.insert(record.begin(), static_cast<std::uint8_t>(RecordKind::kBinding));
  write_records({record, record});
  EXPECT_EQ(reopen().code(), Code::kCorrupt);
}
TEST_F(SignerJournalTest, RefusesUnknownKindsAndEmptyRecords) {
  Bytes binding = *encode_binding(example_binding());
  binding.insert(binding.begin(), static_cast<std::uint8_t>(RecordKind::kBinding));
  for (const Bytes& bad : {Bytes{}, Bytes{0}, Bytes{8, 1}, Bytes{0xff}}) {
    std::filesystem::remove(file());
    write_records({binding, bad});
    EXPECT_EQ(reopen().code(), Code::kCorrupt) << to_hex(bad);
  }
}
TEST_F(SignerJournalTest, RefusesAnEditedRecord) {
  {
    auto journal = *create();
    ASSERT_TRUE(journal->append_commit(as_bytes("commit one")).ok());
    ASSERT_TRUE(journal->append_commit(as_bytes("commit two")).ok());
  }
  Bytes content = *read_file(file(), 1u << 20);
  const std::string text(as_text(content));
  content[text.find("commit one")] ^= 1;
  std::ofstream(file(), std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  EXPECT_EQ(reopen().code(), Code::kCorrupt);
}

TEST_F(SignerJournalTest, AnErrorOfTheReaderStopsTheOpening) {
  ASSERT_TRUE((*create())->append_commit(as_bytes("commit")).ok());
  const auto opened = SignerJournal::open(
      *directory_, [](std::uint64_t, RecordKind, ByteView) { return corrupt("not understood"); });
  EXPECT_EQ(opened.code(), Code::kCorrupt);
}

TEST_F(SignerJournalTest, RefusesAPayloadOverTheLimit) {
  auto journal = *create();
  EXPECT_EQ(journal->append_state(Bytes(kMaxPayload + 1)).code(), Code::kExhausted);
  EXPECT_TRUE(journal->append_state(Bytes(kMaxPayload)).ok());
}

TEST(BindingEncoding, IsStrict) {
  const Bytes good = *encode_binding(example_binding());
  EXPECT_EQ(*decode_binding(good), example_binding());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_binding(ByteView(good).first(size)).ok()) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode_binding(longer).ok());
  Bytes other_version = good;
  other_version[0] = 2;
  EXPECT_FALSE(decode_binding(other_version).ok());
}

TEST(BindingEncoding, RefusesWhatIsOutOfItsLimits) {
  Binding binding = example_binding();
  binding.member = 0;
  EXPECT_FALSE(encode_binding(binding).ok());
  binding = example_binding();
  binding.keys.clear();
  EXPECT_FALSE(encode_binding(binding).ok());
  binding = example_binding();
  binding.keys[1].key = binding.keys[0].key;
  EXPECT_FALSE(encode_binding(binding).ok());
  binding = example_binding();
  binding.keys[1].id = binding.keys[0].id;
  EXPECT_FALSE(encode_binding(binding).ok());
  binding = example_binding();
  binding.keys[0].id = Bytes(kMaxKeyId + 1, 1);
  EXPECT_FALSE(encode_binding(binding).ok());
  binding = example_binding();
  binding.token_label = std::string(kMaxTokenText + 1, 'x');
  EXPECT_FALSE(encode_binding(binding).ok());
}

}  // namespace
}  // namespace custody::signer::journal
