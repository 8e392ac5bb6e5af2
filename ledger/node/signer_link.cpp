#include "ledger/node/signer_link.h"

#include "base/log.h"
#include "base/unix_socket.h"
#include "ledger/node/duties.h"
#include "signer/client/packet.h"

namespace custody::ledger::node {
namespace {

constexpr std::uint64_t kReconnectMs = 200;

model::SignReply unavailable_reply(std::uint64_t id) {
  model::SignReply reply;
  reply.id = id;
  reply.code = static_cast<std::uint8_t>(Code::kUnavailable);
  reply.rule = to_bytes(kNoSignerRule);
  reply.message = to_bytes("the signer is not connected");
  return reply;
}

}  // namespace

void SignerLink::ask(const model::SignRequest& request) {
  if (!connected()) {
    answers_.push_back(unavailable_reply(request.id));
    return;
  }
  outstanding_.insert(request.id);
  waiting_.push_back(request);
  flush();
}

void SignerLink::prepare(std::vector<pollfd>& descriptors) const {
  short events = POLLIN;
  if (!waiting_.empty()) events |= POLLOUT;
  descriptors.push_back({socket_.valid() ? socket_.get() : -1, events, 0});
}

std::vector<model::SignReply> SignerLink::serve(const pollfd& descriptor, MonotonicMs now) {
  if (connected() && descriptor.fd == socket_.get()) {
    if ((descriptor.revents & POLLIN) != 0) receive();
    if (connected() && (descriptor.revents & POLLOUT) != 0) flush();
    if (connected() && (descriptor.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
      lose(unavailable("hung up"));
  }
  if (!connected() && now.value >= next_connect_) connect(now);
  return std::exchange(answers_, {});
}

void SignerLink::connect(MonotonicMs now) {
  next_connect_ = now.value + kReconnectMs;
  auto socket = connect_unix(path_, SOCK_SEQPACKET);
  if (!socket.ok()) {
    if (!reported_) log::warning("signer.unreachable", {{"reason", socket.status().message()}});
    reported_ = true;
    return;
  }
  socket_ = std::move(*socket);
  ++connections_;
  reported_ = false;
  log::info("signer.connected");
}

void SignerLink::flush() {
  while (connected() && !waiting_.empty()) {
    const Status sent = signer::client::send_request(socket_.get(), waiting_.front(), 0);
    if (sent.code() == Code::kUnavailable)
      return;  // not writable now; a broken connection shows when reading
    if (!sent.ok()) return lose(sent);
    waiting_.pop_front();
  }
}

void SignerLink::receive() {
  auto reply = signer::client::receive_reply(socket_.get(), 0);
  if (!reply.ok()) return lose(reply.status());
  outstanding_.erase(reply->id);
  answers_.push_back(std::move(*reply));
}

void SignerLink::lose(const Status& why) {
  log::warning("signer.connection_lost", {{"reason", why.message()}});
  socket_.reset();
  waiting_.clear();
  for (std::uint64_t id : outstanding_) answers_.push_back(unavailable_reply(id));
  outstanding_.clear();
}

}  // namespace custody::ledger::node
