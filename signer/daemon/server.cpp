#include "signer/daemon/server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/log.h"
#include "base/unix_socket.h"
#include "signer/client/packet.h"

namespace custody::signer::daemon {
namespace {

constexpr int kBacklog = 16;
constexpr int kIdleMs = 200;  // after so long without work what is written lazily is made durable

std::string_view name_of(core::Caller caller) {
  return caller == core::Caller::kNode ? "node" : "operator";
}

ledger::model::SignReply transport_error(const Status& status) {
  ledger::model::SignReply reply;
  reply.code = static_cast<std::uint8_t>(status.code());
  reply.rule = to_bytes("signer.packet");
  reply.message = to_bytes(std::string_view(status.message()).substr(0, 512));
  return reply;
}

}  // namespace

Server::Server(core::Core& core)
    : core_(core), queue_(core, [this](Queue::Connection id, const ledger::model::SignReply& reply) {
        answer(id, reply);
      }) {}

Server::~Server() {
  if (node_.valid()) unlink(node_path_.c_str());
  if (operator_.valid()) unlink(operator_path_.c_str());
}

Result<std::unique_ptr<Server>> Server::listen(const std::string& run_directory, core::Core& core) {
  std::unique_ptr<Server> out(new Server(core));
  out->node_path_ = run_directory + "/signer-node.sock";
  out->operator_path_ = run_directory + "/signer-operator.sock";
  ASSIGN_OR_RETURN(out->node_, listen_unix(out->node_path_, SOCK_SEQPACKET, kBacklog));
  ASSIGN_OR_RETURN(out->operator_, listen_unix(out->operator_path_, SOCK_SEQPACKET, kBacklog));
  return out;
}

Status Server::run(int stop_fd) {
  for (;;) {
    ASSIGN_OR_RETURN(const Ready ready, gather(stop_fd));
    if (ready.stop) break;
    core_.observe(clock_.monotonic());
    queue_.work();  // one piece between two polls: a vote never waits for more than one signature of a payout
    if (!core_.failure().ok() && !reported_failure_) {
      log::error("stopped_signing", {{"reason", core_.failure().to_string()}});
      reported_failure_ = true;
    }
  }
  return core_.idle();
}

// Waits for requests, then takes all that are there, so that those that can share an fdatasync do. A
// connection that sends nothing but wrong packets, which are answered at once, does not keep the others from
// being served.
Result<Server::Ready> Server::gather(int stop_fd) {
  Ready ready{.stop = false, .requests = true};
  for (std::size_t i = 0; i < kMaxQueued && ready.requests && !ready.stop; ++i) {
    ASSIGN_OR_RETURN(ready, wait(stop_fd));
  }
  return ready;
}

// One packet of each connection that has one.
Result<Server::Ready> Server::wait(int stop_fd) {
  std::vector<pollfd> fds{{stop_fd, POLLIN, 0}, {node_.get(), POLLIN, 0}, {operator_.get(), POLLIN, 0}};
  std::vector<Queue::Connection> ids;
  for (const auto& [id, peer] : peers_) {
    if (!queue_.accepts(id)) continue;
    fds.push_back({peer.fd.get(), POLLIN, 0});
    ids.push_back(id);
  }
  const int count = poll(fds.data(), fds.size(), queue_.empty() ? kIdleMs : 0);
  if (count < 0 && errno == EINTR) return Ready{};
  if (count < 0) return io_error_errno("cannot wait for requests", errno);
  if (count == 0 && queue_.empty()) static_cast<void>(core_.idle());  // a failure stands in core_.failure()
  Ready ready;
  ready.stop = fds[0].revents != 0;
  if (fds[1].revents != 0) accept_from(node_, core::Caller::kNode);
  if (fds[2].revents != 0) accept_from(operator_, core::Caller::kOperator);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (fds[i + 3].revents == 0) continue;
    read_from(ids[i]);
    ready.requests = true;
  }
  return ready;
}

void Server::accept_from(const Fd& listener, core::Caller caller) {
  Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  const auto peer = peer_credentials(fd.get());
  if (!peer.ok() || peer->uid != geteuid()) {
    return log::warning("refused_peer", {{"socket", name_of(caller)},
                                         {"uid", static_cast<std::int64_t>(peer.ok() ? peer->uid : 0)},
                                         {"pid", static_cast<std::int64_t>(peer.ok() ? peer->pid : 0)}});
  }
  if (!make_room(caller)) {
    return log::warning("refused_peer", {{"socket", name_of(caller)}, {"reason", "too many connections"}});
  }
  peers_.emplace(next_++, Peer{std::move(fd), caller, ++uses_});
}

// Whoever opens connections and says nothing must not keep an officer's freeze out.
bool Server::make_room(core::Caller caller) {
  std::size_t count = 0;
  const Peer* idle = nullptr;
  Queue::Connection idle_id = 0;
  for (const auto& [id, peer] : peers_) {
    if (peer.caller != caller) continue;
    ++count;
    if (!queue_.is_idle(id) || (idle != nullptr && idle->used < peer.used)) continue;
    idle = &peer;
    idle_id = id;
  }
  if (count < kMaxConnections) return true;
  if (idle == nullptr) return false;
  close(idle_id, "idle for longest, and another one came");
  return true;
}

void Server::read_from(Queue::Connection id) {
  Peer& peer = peers_.at(id);
  peer.used = ++uses_;
  auto request = client::receive_request(peer.fd.get(), 0);
  if (request.ok()) return queue_.push(id, peer.caller, std::move(request).value());
  const Code code = request.code();
  if (code != Code::kInvalid && code != Code::kExhausted) return close(id, "");
  log::warning("refused_packet",
               {{"socket", name_of(peer.caller)}, {"reason", request.status().to_string()}});
  answer(id, transport_error(request.status()));
}

void Server::answer(Queue::Connection id, const ledger::model::SignReply& reply) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  if (reply.code != 0) {
    log::info("refused", {{"socket", name_of(peer->second.caller)},
                          {"rule", as_text(reply.rule)},
                          {"reason", as_text(reply.message)}});
  }
  const Status sent = client::send_reply(peer->second.fd.get(), reply, 0);
  if (!sent.ok()) close(id, sent.to_string());
}

void Server::close(Queue::Connection id, std::string_view why) {
  if (!why.empty()) log::warning("closed_connection", {{"reason", why}});
  peers_.erase(id);
  queue_.forget(id);
}

}  // namespace custody::signer::daemon
