// The node's local socket: length-prefixed JSON frames of custodyctl and other clients of the same user.
// Non-blocking; the daemon's loop polls its descriptors. Thread-safety: one thread.
#pragma once

#include <poll.h>

#include <list>
#include <memory>

#include "base/clock.h"
#include "base/unix_socket.h"
#include "ledger/node/api.h"

namespace custody::ledger::node {

constexpr std::size_t kMaxApiClients = 64;
constexpr std::size_t kMaxApiRequest = 1u << 20;
constexpr std::uint64_t kMaxApiWaitMs = 30'000;
constexpr std::uint64_t kApiIdleMs = 60'000;  // a client that neither asks nor waits is closed

class ApiServer {
 public:
  static Result<std::unique_ptr<ApiServer>> listen(const std::string& path, Api& api);

  // Appends what to poll for; the same order is expected back.
  void prepare(std::vector<pollfd>& descriptors) const;
  // descriptors: what prepare() appended, as poll(2) returned it.
  void serve(std::span<const pollfd> descriptors, MonotonicMs now);
  // A new block may answer those who wait.
  void ledger_advanced(MonotonicMs now);
  void tick(MonotonicMs now);

 private:
  struct Waiting {
    std::string method;
    Json params;
    std::uint64_t until = 0;
  };
  struct Client {
    Fd socket;
    Bytes in;
    Bytes out;
    std::optional<Waiting> waiting;
    std::uint64_t last_active = 0;
    bool closed = false;
  };

  ApiServer(Fd listener, Api& api) : listener_(std::move(listener)), api_(api) {}
  void accept_clients(MonotonicMs now);
  void read_from(Client& client, MonotonicMs now);
  void take_frame(Client& client, MonotonicMs now);
  void request(Client& client, ByteView frame, MonotonicMs now);
  void answer(Client& client, const Result<Json>& result);
  void retry(Client& client, MonotonicMs now);
  static void write_to(Client& client);

  Fd listener_;
  Api& api_;
  std::list<Client> clients_;
};

}  // namespace custody::ledger::node
