// Internal: what the node and a peer process tell one another besides messages.
#pragma once

#include <string>

#include "base/secret.h"
#include "ledger/network/curve.h"
#include "ledger/network/frame.h"
#include "ledger/network/peer_process.h"

namespace custody::ledger::network {

// The argument of kConfigure. It travels over the channel, never in argv or environment: it has the secret
// key.
struct PeerProcessConfig {
  std::string peer_name;
  CurvePublicKey peer_key;
  CurveKeyPair own_keys;
  std::string bind_endpoint;     // tcp://HOST:PORT, port * for any
  std::string connect_endpoint;  // empty: not known yet
  PeerLimits limits;
};

enum class Notice : std::uint8_t {
  kRejectedKey = 1,  // text: the key in hex and how many so far
  kMultipart = 2,    // a message of several parts was dropped
  kOversize = 3,     // a message over the limit was dropped; text: its size
  kIdentity = 4,     // a message without the peer's User-Id was dropped
  kConnected = 5,    // our connection to the peer is up; text: the endpoint
  kDisconnected = 6,
  kBadEndpoint = 7,  // text: the endpoint and what libzmq said
  kThrottled = 8,    // reading pauses until the budget allows more
};

inline constexpr std::size_t kMaxControlBody = 4096;
inline constexpr std::size_t kMaxEndpointSize = 256;
inline constexpr std::size_t kMaxNameSize = 128;

Bytes encode_configuration(const PeerProcessConfig& config);
Result<PeerProcessConfig> decode_configuration(const Frame& frame);

}  // namespace custody::ledger::network
