#include "ledger/network/peer_protocol.h"

namespace custody::ledger::network {

Bytes encode_configuration(const PeerProcessConfig& config) {
  BodyWriter out;
  out.text(config.peer_name).bytes(config.peer_key).bytes(config.own_keys.public_key);
  out.bytes(config.own_keys.secret_key.view()).text(config.bind_endpoint).text(config.connect_endpoint);
  out.u64(config.limits.max_message).u64(config.limits.memory_cap).u64(config.limits.bytes_per_second);
  out.u64(config.limits.messages_per_second).u64(config.limits.send_queue);
  return std::move(out.body());
}

Result<PeerProcessConfig> decode_configuration(const Frame& frame) {
  if (frame.type != FrameType::kConfigure) return invalid("the first frame must be the configuration");
  BodyReader in(frame.body);
  PeerProcessConfig config;
  config.peer_name = in.text(kMaxNameSize);
  const ByteView peer_key = in.bytes(CurvePublicKey::kSize);
  const ByteView own_key = in.bytes(CurvePublicKey::kSize);
  config.own_keys.secret_key = SecretBytes(in.bytes(CurvePublicKey::kSize));
  config.bind_endpoint = in.text(kMaxEndpointSize);
  config.connect_endpoint = in.text(kMaxEndpointSize);
  config.limits.max_message = in.u64();
  config.limits.memory_cap = in.u64();
  config.limits.bytes_per_second = in.u64();
  config.limits.messages_per_second = in.u64();
  config.limits.send_queue = in.u64();
  if (!in.ok()) return invalid("malformed configuration of a peer process");
  ASSIGN_OR_RETURN(config.peer_key, CurvePublicKey::from(peer_key));
  ASSIGN_OR_RETURN(config.own_keys.public_key, CurvePublicKey::from(own_key));
  return config;
}

}  // namespace custody::ledger::network
