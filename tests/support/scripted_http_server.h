// An HTTP/1.1 server on loopback whose answers are scripted: whole replies, garbage, silence, or none at all.
// One connection at a time, one thread. Header only. The handler runs on the server's thread.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/status.h"

namespace custody::tests {

class ScriptedHttpServer {
 public:
  // Bytes to send for one request (head and body as received); empty: say nothing and keep the connection
  // open.
  using Handler = std::function<std::string(const std::string& head, const std::string& body)>;

  explicit ScriptedHttpServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    CHECK(::listen(listener_, 8) == 0);
    CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedHttpServer() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }
  ScriptedHttpServer(const ScriptedHttpServer&) = delete;
  ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

  static std::string reply(int status, const std::string& body, const std::string& more_headers = "") {
    return "HTTP/1.1 " + std::to_string(status) + " Scripted\r\nContent-Type: application/json\r\n" +
           more_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  static constexpr int kLookMs = 20;

  bool readable(int fd) const {
    while (!stop_) {
      pollfd item{fd, POLLIN, 0};
      if (::poll(&item, 1, kLookMs) == 1) return true;
    }
    return false;
  }

  void run() {
    while (readable(listener_)) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      serve(connection);
      ::close(connection);
    }
  }

  void serve(int connection) {
    std::string received;
    while (readable(connection)) {
      char piece[16'384];
      const ssize_t got = ::recv(connection, piece, sizeof piece, 0);
      if (got <= 0) return;
      received.append(piece, static_cast<std::size_t>(got));
      const auto end = received.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::string head = received.substr(0, end);
      const auto field = head.find("Content-Length: ");
      const std::size_t length = field == std::string::npos ? 0 : std::stoul(head.substr(field + 16));
      if (received.size() < end + 4 + length) continue;
      const std::string answer = handler_(head, received.substr(end + 4, length));
      received.erase(0, end + 4 + length);
      std::size_t sent = 0;
      while (sent < answer.size() && !stop_) {
        const ssize_t now = ::send(connection, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) return;
        sent += static_cast<std::size_t>(now);
      }
    }
  }

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace custody::tests
