#include "signer/hsm/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <thread>

#include "base/file.h"
#include "signer/hsm/softhsm_fixture.h"
#include "tests/support/paths.h"

extern char** environ;

namespace custody::signer::hsm {
namespace {

using testing::kLabel;
using testing::kSoftHsmModule;
using testing::SoftHsm;

// Runs what cannot be undone in a child; true when it returned true there.
bool in_child(const std::function<bool()>& run) {
  const pid_t child = fork();
  if (child == 0) _exit(run() ? 0 : 1);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool can_write(const std::string& path) {
  return Fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC)).valid();
}
bool can_make(const std::string& path) {
  return Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)).valid();
}

class DenyWrites : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(hsm_.tokens() + "/object") << "content";
    std::ofstream(hsm_.writable() + "/file") << "content";
  }
  Confinement confinement() const { return {hsm_.tokens(), {hsm_.writable()}, {"/dev/null"}}; }
  SoftHsm hsm_;
};

TEST_F(DenyWrites, ProtectsTheTokenDirectoryAlsoFromRoot) {
  const std::string object = hsm_.tokens() + "/object";
  ASSERT_TRUE(can_write(object));
  EXPECT_TRUE(in_child([&] { return deny_writes(confinement()).ok() && !can_write(object); }));
  EXPECT_TRUE(in_child([&] { return deny_writes(confinement()).ok() && !can_make(hsm_.tokens() + "/new"); }));
  EXPECT_TRUE(in_child([&] { return deny_writes(confinement()).ok() && ::unlink(object.c_str()) != 0; }));
  EXPECT_TRUE(in_child([&] {
    return deny_writes(confinement()).ok() &&
           ::rename(object.c_str(), (hsm_.writable() + "/stolen").c_str()) != 0;
  }));
  EXPECT_TRUE(in_child([&] {
    return deny_writes(confinement()).ok() &&
           ::rename((hsm_.writable() + "/file").c_str(), object.c_str()) != 0;
  }));
  EXPECT_EQ(as_text(*read_file(object, 100)), "content");
}

TEST_F(DenyWrites, LeavesReadingAndTheListedPlaces) {
  EXPECT_TRUE(in_child([&] {
    return deny_writes(confinement()).ok() && read_file(hsm_.tokens() + "/object", 100).ok() &&
           can_write(hsm_.writable() + "/file") && can_make(hsm_.writable() + "/new") &&
           can_write("/dev/null") &&
           ::rename((hsm_.writable() + "/new").c_str(), (hsm_.writable() + "/file").c_str()) == 0;
  }));
}

TEST_F(DenyWrites, DeniesEveryOtherPlace) {
  const SoftHsm other;
  EXPECT_TRUE(
      in_child([&] { return deny_writes(confinement()).ok() && !can_make(other.writable() + "/new"); }));
}

TEST_F(DenyWrites, RefusesATokenDirectoryThatStaysWritable) {
  Confinement wrong = confinement();
  wrong.writable_directories.push_back(hsm_.tokens());
  EXPECT_TRUE(in_child([&] { return deny_writes(wrong).code() == Code::kRefused; }));
  EXPECT_FALSE(std::filesystem::exists(hsm_.tokens() + "/.custody-write-probe"));
}

TEST_F(DenyWrites, RefusesPathsThatDoNotExist) {
  Confinement wrong = confinement();
  wrong.writable_directories.push_back("/nonexistent/directory");
  EXPECT_TRUE(in_child([&] { return deny_writes(wrong).code() == Code::kIo; }));
  wrong = confinement();
  wrong.protected_directory = "/nonexistent/directory";
  EXPECT_TRUE(in_child([&] { return !deny_writes(wrong).ok(); }));
}

#if !defined(__SANITIZE_THREAD__)
TEST_F(DenyWrites, RefusesAProcessWithSeveralThreads) {
  EXPECT_TRUE(in_child([&] {
    std::thread second([&] { pause(); });
    second.detach();
    return deny_writes(confinement()).code() == Code::kRefused;
  }));
}
#endif

TEST(HardenProcess, SetsWhatItSays) {
  EXPECT_TRUE(in_child([] {
    rlimit core{};
    return harden_process().ok() && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
           core.rlim_max == 0;
  }));
}

// Content, modification time and inode of every file below a directory: a rewrite with the same bytes shows
// too.
std::map<std::string, std::string> snapshot(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat info{};
    if (::stat(entry.path().c_str(), &info) != 0) continue;
    std::string state = std::to_string(info.st_ino) + " " + std::to_string(info.st_mtim.tv_sec) + "." +
                        std::to_string(info.st_mtim.tv_nsec) + " ";
    if (entry.is_regular_file()) state += as_text(*read_file(entry.path(), 1u << 20));
    files[entry.path()] = state;
  }
  return files;
}

// One start in a process of its own; its exit status.
int start_once(const SoftHsm& hsm, const PinnedKey& key) {
  std::array<int, 2> pin_pipe{};
  if (pipe2(pin_pipe.data(), O_CLOEXEC) != 0) return -1;
  const SecretBytes pin = testing::user_pin();
  if (write(pin_pipe[1], pin.view().data(), pin.size()) != static_cast<ssize_t>(pin.size())) return -1;
  close(pin_pipe[1]);
  std::vector<std::string> arguments = {tests::bin_dir() + "/hsm_start_helper",
                                        kSoftHsmModule,
                                        kLabel,
                                        hsm.tokens(),
                                        hsm.writable(),
                                        to_hex(key.id),
                                        key.public_key.hex()};
  std::vector<char*> raw;
  for (std::string& each : arguments) raw.push_back(each.data());
  raw.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pin_pipe[0], 0);
  pid_t child = 0;
  const int spawned = posix_spawn(&child, raw[0], &actions, nullptr, raw.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pin_pipe[0]);
  int status = 0;
  if (spawned != 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// SoftHSM2 rewrites token.object at every login if it can; confined it cannot, and logs in and signs all the
// same.
TEST(hsm, token_files_unchanged_after_100_starts) {
  const SoftHsm hsm;
  hsm.init_token();
  const PinnedKey key = hsm.generate("validator", 1);
  const auto before = snapshot(hsm.tokens());
  ASSERT_GE(before.size(), 4u);  // directory, token.object, two key objects
  for (int i = 0; i < 100; ++i) ASSERT_EQ(start_once(hsm, key), 0) << i;
  EXPECT_EQ(snapshot(hsm.tokens()), before);
}

}  // namespace
}  // namespace custody::signer::hsm
