// The process that holds the two ZeroMQ sockets which one peer can reach, and nothing else of the node.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ledger/model/peer_messages.h"

namespace custody::ledger::network {

// Limits that hold for each peer by itself.
struct PeerLimits {
  std::size_t max_message = model::kMaxPeerMessage;  // bytes of one message, both directions
  std::size_t memory_cap = std::size_t{64} << 20U;   // bytes by which a peer process may grow after its start
  std::uint64_t bytes_per_second = std::uint64_t{32} << 20U;  // received; above it reading pauses
  std::uint64_t messages_per_second = 20'000;                 // received; above it reading pauses
  std::size_t send_queue = std::size_t{4} << 20U;  // bytes waiting in the node; above it send() drops
};

// argv[1] of a peer process. A program that starts a PeerNetwork calls run_peer_process() first thing in
// main() when it sees it, before anything else runs, and exits with its result.
inline constexpr const char* kPeerProcessArgument = "--peer-process";
int run_peer_process();

// The descriptor on which a peer process finds its channel to the node.
inline constexpr int kPeerChannelFd = 3;

}  // namespace custody::ledger::network
