// A program as a child process of a test. Header only. Not thread-safe.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"

namespace custody::tests {

// A child that dies with the test.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    if (running()) {
      kill(SIGKILL);
      wait_exit();
    }
  }

  // Standard error goes to log_path; prepare runs in the child before exec.
  void start(const std::vector<std::string>& arguments, const std::string& log_path,
             const std::function<void()>& prepare) {
    CHECK(!running());
    const pid_t parent = getpid();
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0) _exit(126);
    dup2(log, STDERR_FILENO);
    prepare();
    std::vector<char*> raw;
    for (const std::string& argument : arguments)
      raw.push_back(const_cast<char*>(argument.c_str()));  // NOLINT
    raw.push_back(nullptr);
    execv(raw[0], raw.data());
    _exit(127);
  }
  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  void kill(int signal) const { ::kill(pid_, signal); }
  // The exit code, or minus the signal that ended it.
  int wait_exit() {
    int status = 0;
    CHECK(waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace custody::tests
