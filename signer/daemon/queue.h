// In which order requests are worked on: votes, proposals, freezes and status first; a payout one input at a
// time, so that none of them waits for more than one of its signatures. Urgent requests that wait together
// are journaled together: one fdatasync for all (signer/core). Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "signer/core/core.h"

namespace custody::signer::daemon {

// Of one connection; then it is not read from. A request may be as large as kMaxQueuedBytes and comes on top.
constexpr std::size_t kMaxQueued = 16;
constexpr std::size_t kMaxQueuedBytes = ledger::model::kMaxEvidence;
constexpr std::size_t kMaxTogether = 32;   // urgent requests journaled together
constexpr std::size_t kUrgentInARow = 16;  // then the others get one turn, if any wait

class Queue {
 public:
  using Connection = std::uint64_t;
  using Answer = std::function<void(Connection, const ledger::model::SignReply&)>;

  Queue(core::Core& core, Answer answer) : core_(core), answer_(std::move(answer)) {}

  void push(Connection connection, core::Caller caller, Bytes request);
  bool accepts(Connection connection) const;  // less than the limits above is waiting
  bool is_idle(Connection connection) const;  // nothing of it waits or is worked on
  void forget(Connection connection);         // it is closed: what waits is dropped, what runs is finished
  bool empty() const { return urgent_.empty() && started_.empty() && normal_.empty() && !running_; }
  // The next piece of work: one urgent request, or one signature of the running job, or the next request. A
  // node that asks without end for what is urgent can slow down the others, not stop them.
  void work();

 private:
  struct Entry {
    Connection connection;
    core::Caller caller;
    Bytes request;
  };
  struct Running {
    Connection connection;
    core::Job job;
  };
  struct Load {
    std::size_t requests = 0;
    std::size_t bytes = 0;
  };
  Entry take(std::deque<Entry>& from);
  std::optional<Running> start(const Entry& entry);  // or answers it
  bool urgent_is_next() const;
  void start_urgent();
  void finish_urgent();
  void work_on_others();

  core::Core& core_;
  Answer answer_;
  std::deque<Entry> urgent_;
  std::deque<Running> started_;  // urgent ones, decided and in the journal
  std::deque<Entry> normal_;
  std::optional<Running> running_;
  std::size_t urgent_in_a_row_ = 0;
  std::map<Connection, Load> waiting_;
};

}  // namespace custody::signer::daemon
