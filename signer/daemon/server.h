// The signer's two sockets and its loop. One thread: everything that it waits for is in one poll(2); the
// token is used between two polls for one signature at a time. Thread-safety: one thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/file.h"
#include "signer/daemon/queue.h"

namespace custody::signer::daemon {

// Of each socket, so that the node cannot lock the operator out. One more closes the one of the same socket
// that has been idle for longest; when something is asked on every one, the new one.
constexpr std::size_t kMaxConnections = 8;

class Server {
 public:
  // Listens on run_directory/signer-node.sock and signer-operator.sock. kExists when another signer does.
  static Result<std::unique_ptr<Server>> listen(const std::string& run_directory, core::Core& core);
  ~Server();

  // Until stop_fd becomes readable. An error is one after which serving makes no sense.
  Status run(int stop_fd);

 private:
  struct Peer {
    Fd fd;
    core::Caller caller;
    std::uint64_t used = 0;  // when it was accepted or read from last, counted in such events
  };
  explicit Server(core::Core& core);
  bool make_room(core::Caller caller);
  void accept_from(const Fd& listener, core::Caller caller);
  void read_from(Queue::Connection id);
  void answer(Queue::Connection id, const ledger::model::SignReply& reply);
  void close(Queue::Connection id, std::string_view why);
  struct Ready {
    bool stop = false;
    bool requests = false;  // some were read
  };
  Result<Ready> wait(int stop_fd);
  Result<Ready> gather(int stop_fd);

  core::Core& core_;
  SystemClock clock_;
  Queue queue_;
  std::string node_path_;
  std::string operator_path_;
  Fd node_;
  Fd operator_;
  std::map<Queue::Connection, Peer> peers_;
  Queue::Connection next_ = 1;
  std::uint64_t uses_ = 0;
  bool reported_failure_ = false;
};

}  // namespace custody::signer::daemon
