#include "ledger/node/api_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"

namespace custody::ledger::node {
namespace {

constexpr std::size_t kReadChunk = 64u << 10;
constexpr std::size_t kFrameHeader = 4;

std::uint32_t frame_size(const Bytes& in) {
  return std::uint32_t{in[0]} << 24 | std::uint32_t{in[1]} << 16 | std::uint32_t{in[2]} << 8 | in[3];
}

bool holds_frame(const Bytes& in) {
  return in.size() >= kFrameHeader && in.size() - kFrameHeader >= frame_size(in);
}

// A whole request is here, or the beginning of one that is too large.
bool wants_turn(const Bytes& in) {
  return holds_frame(in) || (in.size() >= kFrameHeader && frame_size(in) > kMaxApiRequest);
}

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::listen(const std::string& path, Api& api) {
  ASSIGN_OR_RETURN(Fd listener, listen_unix(path, SOCK_STREAM, 32));
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(listener), api));
}

void ApiServer::prepare(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({listener_.get(), POLLIN, 0});
  for (const Client& client : clients_) {
    // While a client waits for its answer, or its next request for its turn, nothing more of it is read.
    short events = client.waiting ? 0 : POLLIN;
    if (!client.waiting && wants_turn(client.in)) events = POLLOUT;
    if (!client.out.empty()) events = POLLOUT;
    descriptors.push_back({client.socket.get(), events, 0});
  }
}

void ApiServer::serve(std::span<const pollfd> descriptors, MonotonicMs now) {
  std::size_t i = 1;
  for (Client& client : clients_) {
    CHECK(i < descriptors.size() && descriptors[i].fd == client.socket.get());
    const short events = descriptors[i++].revents;
    if ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0 && (events & POLLIN) == 0) client.closed = true;
    if ((events & POLLOUT) != 0) {
      if (!client.out.empty()) write_to(client);
      take_frame(client, now);
    }
    if ((events & POLLIN) != 0) read_from(client, now);
  }
  if ((descriptors[0].revents & POLLIN) != 0) accept_clients(now);
  std::erase_if(clients_, [](const Client& client) { return client.closed; });
}

void ApiServer::accept_clients(MonotonicMs now) {
  for (;;) {
    Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.valid()) return;
    const auto credentials = peer_credentials(socket.get());
    if (!credentials.ok() || (credentials->uid != geteuid() && credentials->uid != 0)) {
      log::warning("api.client_refused", {{"reason", "another user"}});
      continue;
    }
    if (clients_.size() >= kMaxApiClients) {
      log::warning("api.client_refused", {{"reason", "too many clients"}});
      continue;
    }
    Client& client = clients_.emplace_back();
    client.socket = std::move(socket);
    client.last_active = now.value;
  }
}

void ApiServer::read_from(Client& client, MonotonicMs now) {
  std::uint8_t chunk[kReadChunk];
  const ssize_t got = read(client.socket.get(), chunk, sizeof chunk);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    client.closed = true;
    return;
  }
  client.last_active = now.value;
  client.in.insert(client.in.end(), chunk, chunk + got);
  take_frame(client, now);
}

void ApiServer::take_frame(Client& client, MonotonicMs now) {
  if (client.waiting || !client.out.empty() || client.in.size() < kFrameHeader) return;
  const std::uint32_t size = frame_size(client.in);
  if (size > kMaxApiRequest) {
    log::warning("api.request_too_large", {{"bytes", std::uint64_t{size}}});
    client.closed = true;
    return;
  }
  if (!holds_frame(client.in)) return;
  const Bytes frame(client.in.begin() + kFrameHeader, client.in.begin() + kFrameHeader + size);
  client.in.erase(client.in.begin(), client.in.begin() + kFrameHeader + size);
  request(client, frame, now);
}

void ApiServer::request(Client& client, ByteView frame, MonotonicMs now) {
  const auto parsed = Json::parse(as_text(frame), kMaxApiRequest);
  if (!parsed.ok()) return answer(client, parsed.status());
  if (parsed->find("method") == nullptr) return answer(client, invalid("the request names no method"));
  const auto method = parsed->string_at("method");
  if (!method.ok()) return answer(client, method.status());
  const Json* params = parsed->find("params");
  Waiting waiting{*method, params == nullptr ? Json::object() : *params, now.value};
  const auto wait = waiting.params.u64_at("wait_ms");
  if (wait.ok()) waiting.until += std::min(*wait, kMaxApiWaitMs);
  client.waiting = std::move(waiting);
  retry(client, now);
}

void ApiServer::retry(Client& client, MonotonicMs now) {
  const Result<Json> result = api_.handle(client.waiting->method, client.waiting->params);
  if (!result.ok() && result.code() == Code::kNotFound && now.value < client.waiting->until) return;
  client.waiting.reset();
  client.last_active = now.value;
  answer(client, result);
}

void ApiServer::answer(Client& client, const Result<Json>& result) {
  Json out = Json::object();
  if (result.ok()) {
    out.set("result", *result);
  } else {
    Json error = Json::object();
    error.set("code", code_name(result.code()))
        .set("message", result.status().message())
        .set("hint", result.status().hint());
    out.set("error", std::move(error));
  }
  const std::string text = out.dump();
  const auto size = static_cast<std::uint32_t>(text.size());
  client.out = {static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
                static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  append(client.out, as_bytes(text));
  write_to(client);
}

void ApiServer::write_to(Client& client) {
  const ssize_t put = send(client.socket.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
  if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (put < 0) {
    client.closed = true;
    return;
  }
  client.out.erase(client.out.begin(), client.out.begin() + put);
}

void ApiServer::ledger_advanced(MonotonicMs now) {
  for (Client& client : clients_) {
    if (client.waiting) retry(client, now);
  }
}

void ApiServer::tick(MonotonicMs now) {
  for (Client& client : clients_) {
    if (client.waiting && now.value >= client.waiting->until) retry(client, now);
    if (!client.waiting && now.value - client.last_active > kApiIdleMs) client.closed = true;
  }
  std::erase_if(clients_, [](const Client& client) { return client.closed; });
}

}  // namespace custody::ledger::node
