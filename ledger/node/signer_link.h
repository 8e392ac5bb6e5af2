// The daemon's connection to its signer: questions out, answers in, never blocking, reconnecting by itself.
// Thread-safety: one thread.
#pragma once

#include <poll.h>

#include <deque>
#include <set>

#include "base/clock.h"
#include "base/file.h"
#include "ledger/model/intents.h"

namespace custody::ledger::node {

class SignerLink {
 public:
  explicit SignerLink(std::string path) : path_(std::move(path)) {}

  // Sent as soon as the socket takes it. While there is no connection the answer comes at once: kUnavailable.
  void ask(const model::SignRequest& request);
  void prepare(std::vector<pollfd>& descriptors) const;  // one entry, fd -1 while not connected
  // Answers since the last call. A lost connection answers everything outstanding with kUnavailable.
  std::vector<model::SignReply> serve(const pollfd& descriptor, MonotonicMs now);
  bool connected() const { return socket_.valid(); }
  std::uint64_t connections() const { return connections_; }  // made so far

 private:
  void connect(MonotonicMs now);
  void flush();
  void receive();
  void lose(const Status& why);

  std::string path_;
  Fd socket_;
  std::uint64_t next_connect_ = 0;
  std::uint64_t connections_ = 0;
  bool reported_ = false;
  std::deque<model::SignRequest> waiting_;
  std::set<std::uint64_t> outstanding_;
  std::vector<model::SignReply> answers_;
};

}  // namespace custody::ledger::node
