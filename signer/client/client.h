// Asking custody-signerd: blocking for tools, or with the node's event loop (fd, send, try_receive).
// Thread-safety: one thread.
#pragma once

#include <optional>
#include <string>

#include "signer/client/packet.h"

namespace custody::signer::client {

// A reply's refusal as a Status: the code, "rule: message". ok when it carries what was asked for. A request
// that waits for officers (SignReply::pending) is a refusal too.
Status status_of(const model::SignReply& reply);

class Client {
 public:
  // kUnavailable when no signer listens there.
  static Result<Client> connect(const std::string& path);

  // Sends and waits for the reply of this request; replies to requests given up earlier are dropped. The
  // reply may be a refusal: see status_of. kUnavailable: closed, or the time is over (then whether it was
  // signed is unknown; ask the same again).
  Result<model::SignReply> call(model::Intent intent, int timeout_ms);

  // Never waits: the request's id, or kUnavailable when the signer does not read (its queue is full).
  Result<std::uint64_t> send(model::Intent intent);
  // Never waits: nullopt when no reply is there.
  Result<std::optional<model::SignReply>> try_receive();
  int fd() const { return fd_.get(); }  // readable: try_receive

 private:
  explicit Client(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::uint64_t next_id_ = 1;
};

}  // namespace custody::signer::client
