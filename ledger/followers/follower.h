// FollowerCore driven by a node's RPC: a thread makes the calls, the event loop steps the core.
// Thread-safety: one thread, that of the event loop; nothing but the destructor blocks (it ends a call in
// progress within a second).
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "ledger/followers/follower_core.h"
#include "ledger/followers/rpc_client.h"

namespace custody::ledger::followers {

class Follower {
 public:
  // clock must outlive the follower.
  static Result<std::unique_ptr<Follower>> start(FollowerSettings settings, const RpcSettings& rpc,
                                                 const Clock& clock);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Readable when poll() has something to do. An epoll descriptor: add it to the event loop, level-triggered.
  int event_fd() const;

  // What was observed since the last call: every action but Call. Never blocks.
  std::vector<Action> poll();

  // See the events in follower_core.h.
  void watch_script(ByteView script, model::ExternalHeight since);
  void watch_outpoint(const chains::bitcoin::OutPoint& outpoint, model::ExternalHeight since);
  void unwatch_outpoint(const chains::bitcoin::OutPoint& outpoint);
  // The ticket under which a BroadcastDone will come.
  std::uint64_t broadcast(ByteView transaction);

  const FollowerCore& core() const;

 private:
  struct Impl;
  explicit Follower(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace custody::ledger::followers
