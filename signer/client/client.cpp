#include "signer/client/client.h"

#include <poll.h>

#include <algorithm>

#include "base/clock.h"

namespace custody::signer::client {

Status status_of(const model::SignReply& reply) {
  if (reply.code == 0) return ok_status();
  const bool known = reply.code <= static_cast<std::uint8_t>(Code::kInternal);
  const Status status(known ? static_cast<Code>(reply.code) : Code::kInternal,
                      std::string(as_text(reply.message)));
  return reply.rule.empty() ? status : status.with_context(as_text(reply.rule));
}

Result<Client> Client::connect(const std::string& path) {
  auto fd = connect_unix(path, SOCK_SEQPACKET);
  if (!fd.ok()) return fd.status().with_hint("is custody-signerd running? see logs/signerd.log");
  return Client(std::move(fd).value());
}

Result<model::SignReply> Client::call(model::Intent intent, int timeout_ms) {
  const SystemClock clock;
  const std::uint64_t start = clock.monotonic().value;
  const auto left = [&] {
    if (timeout_ms < 0) return -1;
    const std::uint64_t passed = std::min<std::uint64_t>(clock.monotonic().value - start, INT32_MAX);
    return std::max(0, timeout_ms - static_cast<int>(passed));
  };
  const std::uint64_t id = next_id_++;
  TRY(send_request(fd_.get(), {id, std::move(intent)}, left()));
  for (;;) {
    ASSIGN_OR_RETURN(model::SignReply reply, receive_reply(fd_.get(), left()));
    // Id 0 answers what could not be decoded.
    if (reply.id == id || reply.id == 0) return reply;
  }
}

Result<std::uint64_t> Client::send(model::Intent intent) {
  const std::uint64_t id = next_id_++;
  TRY(send_request(fd_.get(), {id, std::move(intent)}, 0));
  return id;
}

Result<std::optional<model::SignReply>> Client::try_receive() {
  pollfd poller{fd_.get(), POLLIN, 0};
  if (poll(&poller, 1, 0) <= 0) return std::optional<model::SignReply>();
  ASSIGN_OR_RETURN(model::SignReply reply, receive_reply(fd_.get(), 0));
  return std::optional<model::SignReply>(std::move(reply));
}

}  // namespace custody::signer::client
