#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace custody {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "custody-file-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
    directory_ = std::move(*open_directory(path_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  unsigned mode_of(const std::string& name) const {
    struct stat info{};
    EXPECT_EQ(stat((path_ + "/" + name).c_str(), &info), 0);
    return info.st_mode & 07777;
  }

  std::string path_;
  std::unique_ptr<Directory> directory_;
};

TEST_F(FileTest, AppendsSurviveReopening) {
  {
    auto file = *directory_->open_append("log");
    EXPECT_TRUE(file->append(as_bytes("one")).ok());
    EXPECT_TRUE(file->append(as_bytes("two")).ok());
    EXPECT_TRUE(file->sync().ok());
    EXPECT_EQ(file->size(), 6u);
    EXPECT_EQ(as_text(*file->read(2, 2)), "et");
    EXPECT_EQ(file->read(5, 2).code(), Code::kCorrupt);
    EXPECT_EQ(file->read(7, 0).code(), Code::kCorrupt);
  }
  auto file = *directory_->open_append("log");
  EXPECT_EQ(file->size(), 6u);
  EXPECT_EQ(file->truncate(7).code(), Code::kInvalid);
  EXPECT_TRUE(file->truncate(3).ok());
  EXPECT_TRUE(file->append(as_bytes("!")).ok());
  EXPECT_EQ(as_text(*directory_->read("log", 100)), "one!");
  EXPECT_EQ(mode_of("log"), 0600u);
}

TEST_F(FileTest, AFileOpenForAppendingIsRefusedToOthers) {
  auto first = *directory_->open_append("log");
  EXPECT_EQ(directory_->open_append("log").code(), Code::kUnavailable);
  first.reset();
  EXPECT_TRUE(directory_->open_append("log").ok());
}

TEST_F(FileTest, AFailedWriteIsFinal) {
  auto file = *directory_->open_append("log");
  ASSERT_TRUE(file->append(as_bytes("x")).ok());
  struct rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit tight = old;
  tight.rlim_cur = 4;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const Status refused = file->append(Bytes(100));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(refused.code(), Code::kIo);
  EXPECT_EQ(file->append(as_bytes("y")).code(), Code::kIo);
  EXPECT_EQ(file->sync().code(), Code::kIo);
  EXPECT_EQ(file->truncate(0).code(), Code::kIo);
}

TEST_F(FileTest, AtomicWritesReplaceAndLeaveNothingBehind) {
  EXPECT_FALSE(directory_->exists("state"));
  EXPECT_TRUE(directory_->write_atomic("state", as_bytes("old")).ok());
  EXPECT_TRUE(directory_->write_atomic("state", as_bytes("new")).ok());
  EXPECT_TRUE(directory_->exists("state"));
  EXPECT_EQ(as_text(*directory_->read("state", 3)), "new");
  EXPECT_EQ(mode_of("state"), 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 1);
  EXPECT_TRUE(write_file_atomic(path_ + "/public", as_bytes("p"), 0644).ok());
  EXPECT_EQ(mode_of("public"), 0644u);
}

TEST_F(FileTest, AFailedAtomicWriteKeepsTheOldFile) {
  ASSERT_EQ(mkdir((path_ + "/state").c_str(), 0700), 0);  // a file cannot be renamed over a directory
  EXPECT_EQ(directory_->write_atomic("state", as_bytes("new")).code(), Code::kIo);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 1);
}

TEST_F(FileTest, ReadsAreBoundedAndOfRegularFilesOnly) {
  ASSERT_TRUE(directory_->write_atomic("state", as_bytes("four")).ok());
  EXPECT_EQ(directory_->read("state", 3).code(), Code::kExhausted);
  EXPECT_EQ(read_file(path_ + "/state", 3).code(), Code::kExhausted);
  EXPECT_EQ(as_text(*read_file(path_ + "/state", 4)), "four");
  EXPECT_EQ(directory_->read("absent", 3).code(), Code::kNotFound);
  EXPECT_EQ(read_file(path_ + "/absent", 3).code(), Code::kNotFound);
  ASSERT_EQ(mkfifo((path_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_file(path_ + "/fifo", 3).code(), Code::kInvalid);
  EXPECT_EQ(directory_->read("fifo", 3).code(), Code::kInvalid);
}

TEST_F(FileTest, NamesAreSingleComponentsAndNoLinks) {
  for (const std::string name : {"", ".", "..", "a/b", "/etc/passwd", "../x"}) {
    EXPECT_EQ(directory_->open_append(name).code(), Code::kInvalid) << name;
    EXPECT_EQ(directory_->write_atomic(name, {}).code(), Code::kInvalid) << name;
    EXPECT_EQ(directory_->read(name, 1).code(), Code::kInvalid) << name;
    EXPECT_FALSE(directory_->exists(name)) << name;
  }
  ASSERT_TRUE(directory_->write_atomic("target", as_bytes("t")).ok());
  ASSERT_EQ(symlink("target", (path_ + "/link").c_str()), 0);
  EXPECT_EQ(directory_->read("link", 10).code(), Code::kIo);
  EXPECT_EQ(directory_->open_append("link").code(), Code::kIo);
}

TEST_F(FileTest, ANewFileTakesNoOtherNamesPlace) {
  ASSERT_TRUE(create_file(path_ + "/new", as_bytes("one"), 0600).ok());
  EXPECT_EQ(mode_of("new"), 0600u);
  EXPECT_EQ(create_file(path_ + "/new", as_bytes("two"), 0600).code(), Code::kExists);
  EXPECT_EQ(as_text(*read_file(path_ + "/new", 10)), "one");
  ASSERT_EQ(symlink("nowhere", (path_ + "/dangling").c_str()), 0);
  EXPECT_EQ(create_file(path_ + "/dangling", as_bytes("x"), 0600).code(), Code::kExists);
  EXPECT_EQ(create_file(path_ + "/none/new", as_bytes("x"), 0600).code(), Code::kNotFound);
}

TEST_F(FileTest, DirectoriesAreMadeWithTheirParents) {
  const std::string deep = path_ + "/a/b/c";
  EXPECT_TRUE(make_directory(deep, 0700).ok());
  EXPECT_TRUE(make_directory(deep + "/", 0700).ok());
  EXPECT_EQ(mode_of("a/b/c"), 0700u);
  EXPECT_EQ(open_directory(path_ + "/none").code(), Code::kNotFound);
  ASSERT_TRUE(directory_->write_atomic("file", {}).ok());
  EXPECT_EQ(make_directory(path_ + "/file", 0700).code(), Code::kExists);
  EXPECT_EQ(make_directory(path_ + "/file/below", 0700).code(), Code::kIo);
  EXPECT_EQ(make_directory("", 0700).code(), Code::kInvalid);
}

Result<SecretBytes> secret_through_pipe(std::string_view text, std::size_t max_size) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  EXPECT_EQ(write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  writer.reset();
  return read_secret_fd(reader.get(), max_size);
}

TEST(ReadSecretFd, DropsOneNewlineAndRefusesMore) {
  EXPECT_EQ(as_text(secret_through_pipe("1234\n", 4)->view()), "1234");
  EXPECT_EQ(as_text(secret_through_pipe("1234", 4)->view()), "1234");
  EXPECT_EQ(as_text(secret_through_pipe("12\n\n", 4)->view()), "12\n");
  EXPECT_TRUE(secret_through_pipe("", 4)->empty());
  EXPECT_EQ(secret_through_pipe("12345", 4).code(), Code::kExhausted);
  EXPECT_EQ(secret_through_pipe("12345\n", 4).code(), Code::kExhausted);
  EXPECT_EQ(secret_through_pipe("123456789", 4).code(), Code::kExhausted);
  EXPECT_EQ(read_secret_fd(-1, 4).code(), Code::kIo);
}

TEST(ReadFd, ReadsToTheEndAndRefusesMore) {
  const auto through_pipe = [](std::string_view text, std::size_t max_size) {
    std::array<int, 2> ends{};
    CHECK(pipe2(ends.data(), O_CLOEXEC) == 0);
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    CHECK(write(writer.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    writer.reset();
    return read_fd(reader.get(), max_size);
  };
  EXPECT_EQ(as_text(*through_pipe("1234\n", 5)), "1234\n");
  EXPECT_TRUE(through_pipe("", 4)->empty());
  EXPECT_EQ(through_pipe("12345", 4).code(), Code::kExhausted);
  EXPECT_EQ(read_fd(-1, 4).code(), Code::kIo);
}

TEST(FdTest, ClosesWhatItOwns) {
  const int raw = open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    Fd owner(raw);
    const Fd moved(std::move(owner));
    EXPECT_FALSE(owner.valid());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(fcntl(raw, F_GETFD), FD_CLOEXEC);
  }
  EXPECT_EQ(fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace custody
