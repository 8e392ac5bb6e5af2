// How requests and replies travel over the signer's SOCK_SEQPACKET sockets. A request of at most 4 KiB is one
// packet. A larger one is the 8 bytes "CSMEMFD1" with one sealed memfd (at most 4 MiB) that holds it. A reply
// is one packet. Thread-safety: one thread per socket.
#pragma once

#include <string_view>

#include "base/unix_socket.h"
#include "ledger/model/intents.h"

namespace custody::signer::client {

namespace model = ledger::model;

constexpr std::string_view kMemfdMagic = "CSMEMFD1";
constexpr std::size_t kMaxReply =
    model::kMaxDetail + (16u << 10);  // bytes: 100 signatures and the largest detail

// timeout_ms as in base/unix_socket.h: 0 does not wait, below 0 waits for ever.
Status send_request(int fd, const model::SignRequest& request, int timeout_ms);
// The encoded request, not yet decoded. kUnavailable: closed, or the time is over. kInvalid, kExhausted: a
// packet or memfd that is not as above, or too large; the connection can go on.
Result<Bytes> receive_request(int fd, int timeout_ms);

Status send_reply(int fd, const model::SignReply& reply, int timeout_ms);
Result<model::SignReply> receive_reply(int fd, int timeout_ms);

}  // namespace custody::signer::client
