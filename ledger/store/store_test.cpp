#include "ledger/store/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ledger/store/rocks_store.h"

extern char** environ;

namespace custody::ledger::store {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "custody-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Bytes key_of(std::uint64_t number) {
  Bytes key(8);
  for (std::size_t i = 0; i < 8; ++i) key[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return key;
}

constexpr std::size_t kKeysPerBatch = 20;

// Batch i writes the same value under kKeysPerBatch keys of two families, and its number into meta.
Batch numbered_batch(std::uint64_t number, std::size_t value_size) {
  Batch batch;
  Bytes value = key_of(number);
  value.resize(std::max<std::size_t>(8, value_size), static_cast<std::uint8_t>(number * 131));
  for (std::size_t i = 0; i < kKeysPerBatch; ++i) {
    Bytes key = key_of(number);
    key.push_back(static_cast<std::uint8_t>(i));
    batch.put(i % 2 == 0 ? Family::kState : Family::kBlocks, key, value);
  }
  batch.put(Family::kMeta, as_bytes("last"), key_of(number));
  return batch;
}

std::size_t keys_of_batch(const KeyValueStore& store, std::uint64_t number) {
  std::size_t count = 0;
  for (const Family family : {Family::kState, Family::kBlocks}) {
    EXPECT_TRUE(store
                    .iterate(family, key_of(number),
                             [&](ByteView, ByteView value) {
                               EXPECT_TRUE(equal(value.first(8), key_of(number)));
                               ++count;
                               return true;
                             })
                    .ok());
  }
  return count;
}

// ---- child processes: this binary again, with a role as its first argument (a fork would lose RocksDB's
// threads).

int report(const Status& status) {
  std::printf("%s %s\n", status.to_string().c_str(), status.hint().c_str());
  std::fflush(stdout);
  return status.ok() ? 0 : 1;
}

// Writes batches from `first` for ever, printing each number once it is acknowledged; stops at the first
// error.
int write_loop(const std::string& path, std::uint64_t first, std::size_t value_size) {
  auto store = RocksStore::open(path);
  if (!store.ok()) return report(store.status());
  for (std::uint64_t number = first;; ++number) {
    const Status written = (*store)->write(numbered_batch(number, value_size), Durability::kSync);
    if (!written.ok()) {
      const Status again = (*store)->write(numbered_batch(number, 8), Durability::kSync);
      std::printf("then: %s\n", again.to_string().c_str());
      return report(written);
    }
    std::printf("%llu\n", static_cast<unsigned long long>(number));
    std::fflush(stdout);
  }
}

int child_main(const std::vector<std::string>& args) {
  const std::string& role = args.at(0);
  if (role == "--write-loop") return write_loop(args.at(1), std::stoull(args.at(2)), 100);
  if (role == "--open") return report(detail::as_status(RocksStore::open(args.at(1))));
  if (role == "--write-limited") {
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1U << 20U, 1U << 20U};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 3;
    return write_loop(args.at(1), 1, 20'000);
  }
  if (role == "--write-tmpfs") {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", args.at(1).c_str(), "tmpfs", 0, "size=8m") != 0) {
      return 77;
    }
    const int result = write_loop(args.at(1) + "/db", 1, 20'000);
    // The mount is private to this process, so what survived is checked here.
    auto store = RocksStore::open(args.at(1) + "/db");
    if (store.ok()) {
      const auto last = (*store)->get(Family::kMeta, as_bytes("last"));
      std::printf("reopened %d\n",
                  static_cast<int>(last.ok() && *last && keys_of_batch(**store, 1) == kKeysPerBatch));
    } else {
      std::printf("reopen: %s\n", store.status().to_string().c_str());
    }
    return result;
  }
  return 2;
}

class Child {
 public:
  explicit Child(std::vector<std::string> args) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string self = "/proc/self/exe";
    std::vector<char*> argv{self.data()};
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, self.c_str(), &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
  }
  ~Child() {
    if (pid_ > 0) finish(true);
    (void)std::fclose(output_);
  }
  std::string line() {  // empty at the end of its output
    char text[4096];
    if (std::fgets(text, sizeof text, output_) == nullptr) return {};
    std::string out = text;
    if (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }
  int finish(bool kill) {
    if (kill) ::kill(pid_, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  std::FILE* output_ = nullptr;
};

// ---- both stores keep one contract

template <typename T>
class StoreContract : public ::testing::Test {
 public:
  StoreContract() {
    if constexpr (std::is_same_v<T, MemoryStore>) {
      store_ = std::make_unique<MemoryStore>();
    } else {
      auto opened = RocksStore::open(folder_.path("db"));
      EXPECT_TRUE(opened.ok()) << opened.status().to_string();
      store_ = std::move(opened).value();
    }
  }
  KeyValueStore& store() { return *store_; }
  std::vector<std::string> keys(Family family, std::string_view prefix, std::string_view from) {
    std::vector<std::string> out;
    EXPECT_TRUE(store()
                    .iterate(family, as_bytes(prefix), as_bytes(from),
                             [&](ByteView key, ByteView) {
                               out.emplace_back(as_text(key));
                               return true;
                             })
                    .ok());
    return out;
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<KeyValueStore> store_;
};
using Stores = ::testing::Types<MemoryStore, RocksStore>;
TYPED_TEST_SUITE(StoreContract, Stores);

TYPED_TEST(StoreContract, GetsWhatWasPutPerFamily) {
  Batch batch;
  batch.put(Family::kState, as_bytes("a"), as_bytes("1"));
  batch.put(Family::kState, as_bytes("a"), as_bytes("2"));
  batch.put(Family::kState, as_bytes("empty"), {});
  batch.put(Family::kState, as_bytes("gone"), as_bytes("x"));
  batch.remove(Family::kState, as_bytes("gone"));
  ASSERT_TRUE(this->store().write(batch).ok());
  EXPECT_EQ(**this->store().get(Family::kState, as_bytes("a")), to_bytes("2"));
  EXPECT_EQ(**this->store().get(Family::kState, as_bytes("empty")), Bytes());
  EXPECT_FALSE((*this->store().get(Family::kState, as_bytes("gone"))).has_value());
  EXPECT_FALSE((*this->store().get(Family::kBlocks, as_bytes("a"))).has_value());
}

TYPED_TEST(StoreContract, IteratesInByteOrderWithinThePrefix) {
  Batch batch;
  for (const char* key : {"b", "a2", "a1", "a", "\xff", "\xff\xff", "b1"}) {
    batch.put(Family::kTxIndex, as_bytes(key), as_bytes(key));
  }
  ASSERT_TRUE(this->store().write(batch).ok());
  EXPECT_THAT(this->keys(Family::kTxIndex, "a", ""), ::testing::ElementsAre("a", "a1", "a2"));
  EXPECT_THAT(this->keys(Family::kTxIndex, "a", "a2"), ::testing::ElementsAre("a2"));
  EXPECT_THAT(this->keys(Family::kTxIndex, "", "b"), ::testing::ElementsAre("b", "b1", "\xff", "\xff\xff"));
  EXPECT_TRUE(this->keys(Family::kTxIndex, "c", "").empty());
  std::size_t seen = 0;
  ASSERT_TRUE(
      this->store().iterate(Family::kTxIndex, {}, [&](ByteView, ByteView) { return ++seen < 2; }).ok());
  EXPECT_EQ(seen, 2U);
}

TYPED_TEST(StoreContract, FindsTheLastKeyOfAPrefix) {
  const auto last = [&](std::string_view prefix) {
    auto found = this->store().last(Family::kBlocks, as_bytes(prefix));
    EXPECT_TRUE(found.ok());
    return *found ? std::string(as_text((*found)->first)) : std::string("none");
  };
  EXPECT_EQ(last("a"), "none");
  Batch batch;
  for (const char* key : {"a1", "a9", "b", "\xff\xff"})
    batch.put(Family::kBlocks, as_bytes(key), as_bytes(key));
  ASSERT_TRUE(this->store().write(batch).ok());
  EXPECT_EQ(last("a"), "a9");
  EXPECT_EQ(last("b"), "b");
  EXPECT_EQ(last("\xff"), "\xff\xff");
  EXPECT_EQ(last(""), "\xff\xff");
  EXPECT_EQ(last("0"), "none");
}

TYPED_TEST(StoreContract, RefusesWhatIsOutsideTheLimitsAndWritesNothingOfIt) {
  Batch empty_key;
  empty_key.put(Family::kMeta, as_bytes("good"), as_bytes("1"));
  empty_key.put(Family::kMeta, {}, as_bytes("1"));
  EXPECT_EQ(this->store().write(empty_key).code(), Code::kInvalid);
  EXPECT_FALSE((*this->store().get(Family::kMeta, as_bytes("good"))).has_value());
  Batch long_key;
  long_key.put(Family::kMeta, Bytes(kMaxKeySize + 1), {});
  EXPECT_EQ(this->store().write(long_key).code(), Code::kInvalid);
  Batch long_value;
  long_value.put(Family::kMeta, as_bytes("k"), Bytes(kMaxValueSize + 1));
  EXPECT_EQ(this->store().write(long_value).code(), Code::kInvalid);
  Batch good;
  good.put(Family::kMeta, Bytes(kMaxKeySize, 0xff), as_bytes("1"));
  EXPECT_TRUE(this->store().write(good).ok()) << "a refused batch must not stop later ones";
  EXPECT_EQ((*this->store().last(Family::kMeta, {}))->first, Bytes(kMaxKeySize, 0xff));
}

TEST(MemoryStore, CrashLosesExactlyTheBufferedBatchesAfterTheLastSync) {
  MemoryStore store;
  const auto put = [&](std::string_view key, std::string_view value, Durability durability) {
    Batch batch;
    batch.put(Family::kState, as_bytes(key), as_bytes(value));
    ASSERT_TRUE(store.write(batch, durability).ok());
  };
  put("a", "1", Durability::kBuffered);
  put("a", "2", Durability::kSync);
  put("a", "3", Durability::kBuffered);
  put("b", "4", Durability::kBuffered);
  put("a", "5", Durability::kBuffered);
  store.crash();
  EXPECT_EQ(**store.get(Family::kState, as_bytes("a")), to_bytes("2"));
  EXPECT_FALSE((*store.get(Family::kState, as_bytes("b"))).has_value());
}

// ---- what only the real one does

// Invariant 1 and 2.
TEST(RocksStore, SigkillLosesNoAcknowledgedBatchAndTearsNone) {
  const TemporaryFolder folder;
  const std::string path = folder.path("db");
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 6; ++round) {
    Child child({"--write-loop", path, std::to_string(acknowledged + 1)});
    for (int i = 0; i < 10 + round * 7; ++i) {
      const std::string line = child.line();
      ASSERT_FALSE(line.empty());
      acknowledged = std::stoull(line);
    }
    child.finish(true);
    for (std::string line = child.line(); !line.empty(); line = child.line())
      acknowledged = std::stoull(line);
    auto store = RocksStore::open(path);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    for (std::uint64_t number = 1; number <= acknowledged; ++number) {
      ASSERT_EQ(keys_of_batch(**store, number), kKeysPerBatch) << "batch " << number;
    }
    const std::size_t unfinished = keys_of_batch(**store, acknowledged + 1);
    EXPECT_TRUE(unfinished == 0 || unfinished == kKeysPerBatch) << unfinished;
    const auto last = (*store)->get(Family::kMeta, as_bytes("last"));
    EXPECT_EQ(**last, key_of(unfinished == 0 ? acknowledged : acknowledged + 1));
    if (unfinished != 0) ++acknowledged;
    EXPECT_TRUE((*store)->close().ok());
    EXPECT_EQ((*store)->get(Family::kMeta, as_bytes("last")).code(), Code::kUnavailable);
  }
}

TEST(RocksStore, SecondProcessIsToldThatTheStoreIsHeld) {
  const TemporaryFolder folder;
  const std::string path = folder.path("db");
  auto store = RocksStore::open(path);
  ASSERT_TRUE(store.ok());
  Child other({"--open", path});
  const std::string answer = other.line();
  EXPECT_EQ(other.finish(false), 1);
  EXPECT_THAT(answer, ::testing::HasSubstr("exists"));
  EXPECT_THAT(answer, ::testing::HasSubstr("another process has this store open"));
  ASSERT_TRUE((*store)->close().ok());
  Child after({"--open", path});
  EXPECT_EQ(after.finish(false), 0);
}

// Invariant 3: a file size limit stands for a full disk and needs no privileges.
TEST(RocksStore, FullDiskStopsWritesAndKeepsWhatWasAcknowledged) {
  const TemporaryFolder folder;
  const std::string path = folder.path("db");
  Child child({"--write-limited", path});
  std::uint64_t acknowledged = 0;
  std::string line = child.line();
  for (; !line.empty() && line.find_first_not_of("0123456789") == std::string::npos; line = child.line()) {
    acknowledged = std::stoull(line);
  }
  EXPECT_GT(acknowledged, 0U);
  EXPECT_THAT(line, ::testing::HasSubstr("then: outcome_unknown"))
      << "the store must refuse after a failed write";
  EXPECT_THAT(child.line(), ::testing::HasSubstr("check the disk"));
  EXPECT_EQ(child.finish(false), 1);
  auto store = RocksStore::open(path);
  ASSERT_TRUE(store.ok()) << store.status().to_string();
  for (std::uint64_t number = 1; number <= acknowledged; ++number) {
    ASSERT_EQ(keys_of_batch(**store, number), kKeysPerBatch) << "batch " << number;
  }
  EXPECT_TRUE((*store)->verify().ok());
}

TEST(RocksStore, FullTmpfsSaysDiskFull) {
  const TemporaryFolder folder;
  const std::string mount_point = folder.path("small");
  ASSERT_EQ(::mkdir(mount_point.c_str(), 0700), 0);
  Child child({"--write-tmpfs", mount_point});
  std::string output;
  for (std::string line = child.line(); !line.empty(); line = child.line()) output += line + "\n";
  const int code = child.finish(false);
  if (code == 77) GTEST_SKIP() << "mounting a tmpfs needs root; the file size limit test covers the rest";
  EXPECT_EQ(code, 1);
  EXPECT_THAT(output, ::testing::HasSubstr("the disk is full"));
  EXPECT_THAT(output, ::testing::HasSubstr("reopened 1"));
}

std::string only_file(const std::string& folder, const std::string& suffix) {
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().string().ends_with(suffix) && fs::file_size(entry) > 0) found = entry.path().string();
  }
  return found;
}

// Invariant 4.
TEST(RocksStore, DamagedLogRecordStopsTheStart) {
  const TemporaryFolder folder;
  const std::string path = folder.path("db");
  Child child({"--write-loop", path, "1"});
  for (int i = 0; i < 30; ++i) ASSERT_FALSE(child.line().empty());
  child.finish(true);
  const std::string log = only_file(path, ".log");
  ASSERT_FALSE(log.empty());
  {
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(3000);
    const char damaged = static_cast<char>(file.get() ^ 0x40);
    file.seekp(3000);
    file.put(damaged);
  }
  auto store = RocksStore::open(path);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.code(), Code::kCorrupt) << store.status().to_string();
  EXPECT_THAT(store.status().hint(), ::testing::HasSubstr("restore"));
}

TEST(RocksStore, DamagedTableIsReportedNotReturned) {
  const TemporaryFolder folder;
  const std::string path = folder.path("db");
  {
    auto store = RocksStore::open(path);
    ASSERT_TRUE(store.ok());
    for (std::uint64_t number = 1; number < 200; ++number) {
      ASSERT_TRUE((*store)->write(numbered_batch(number, 4000), Durability::kSync).ok());
    }
    ASSERT_TRUE((*store)->verify().ok());
    ASSERT_TRUE((*store)->close().ok());
  }
  {
    ASSERT_TRUE(RocksStore::open(path).ok());
  }  // recovery writes the log out into tables
  const std::string table = only_file(path, ".sst");
  ASSERT_FALSE(table.empty());
  std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(100);
  const char damaged = static_cast<char>(file.get() ^ 0x40);
  file.seekp(100);
  file.put(damaged);
  file.close();
  auto store = RocksStore::open(path);
  const Status seen = store.ok() ? (*store)->verify() : store.status();
  EXPECT_EQ(seen.code(), Code::kCorrupt) << seen.to_string();
}

TEST(RocksStore, OpeningInAMissingParentSaysSo) {
  const auto store = RocksStore::open("/nonexistent-custody/db");
  EXPECT_EQ(store.code(), Code::kIo);
  EXPECT_THAT(store.status().message(), ::testing::HasSubstr("/nonexistent-custody/db"));
}

TEST(RocksStore, FolderHasUserOnlyPermissions) {
  const TemporaryFolder folder;
  ASSERT_TRUE(RocksStore::open(folder.path("db")).ok());
  EXPECT_EQ(fs::status(folder.path("db")).permissions() & fs::perms(0077), fs::perms::none);
}

}  // namespace
}  // namespace custody::ledger::store

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (!args.empty() && !args[0].starts_with("--gtest")) return custody::ledger::store::child_main(args);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
