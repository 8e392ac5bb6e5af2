#include "signer/client/packet.h"

#include "proto/reader/describe.h"

namespace custody::signer::client {

Status send_request(int fd, const model::SignRequest& request, int timeout_ms) {
  const Bytes encoded = proto::reader::encode(request);
  if (encoded.size() <= model::kMaxIntentHeader) return send_packet(fd, encoded, -1, timeout_ms);
  if (encoded.size() > model::kMaxEvidence) {
    return exhausted("a request of " + std::to_string(encoded.size()) +
                     " bytes is over the signer's limit of " + std::to_string(model::kMaxEvidence));
  }
  ASSIGN_OR_RETURN(const Fd memory, sealed_memfd(encoded));
  return send_packet(fd, as_bytes(kMemfdMagic), memory.get(), timeout_ms);
}

Result<Bytes> receive_request(int fd, int timeout_ms) {
  ASSIGN_OR_RETURN(Packet packet, receive_packet(fd, model::kMaxIntentHeader, timeout_ms));
  const bool announces_memory = as_text(packet.data) == kMemfdMagic;
  if (announces_memory != packet.fd.valid()) {
    return invalid(announces_memory ? "the packet announces a memfd and carries none"
                                    : "the packet carries a descriptor without announcing it");
  }
  if (!announces_memory) return std::move(packet.data);
  return read_sealed_memfd(packet.fd.get(), model::kMaxEvidence);
}

Status send_reply(int fd, const model::SignReply& reply, int timeout_ms) {
  return send_packet(fd, proto::reader::encode(reply), -1, timeout_ms);
}

Result<model::SignReply> receive_reply(int fd, int timeout_ms) {
  ASSIGN_OR_RETURN(const Packet packet, receive_packet(fd, kMaxReply, timeout_ms));
  if (packet.fd.valid()) return invalid("the signer's reply carries a descriptor");
  auto reply = proto::reader::decode<model::SignReply>(packet.data, kMaxReply);
  if (!reply.ok()) return reply.status().with_context("the signer's reply");
  if (reply->pending && (reply->code == 0 || !reply->signatures.empty())) {
    return invalid("the signer's reply is pending and yet no refusal");
  }
  return reply;
}

}  // namespace custody::signer::client
