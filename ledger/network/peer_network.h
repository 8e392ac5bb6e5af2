// The node's peers over ZeroMQ with CURVE. Each peer has a process of its own (this executable again) that
// holds the two sockets of that peer under a memory limit: libzmq keeps an endless multipart message in
// memory whatever its options say, in either direction, and its assertions end a process. The node itself
// never touches libzmq. One-directional: we receive on the socket that we bound for the peer and send on the
// connection that we made to it. Thread-safety: one thread, that of the event loop. Nothing but start() and
// the destructor blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "ledger/network/curve.h"
#include "ledger/network/peer_process.h"

namespace custody::ledger::network {

struct PeerConfig {
  std::string name;      // unique; in logs, and the ZAP domain of its endpoint
  CurvePublicKey key;    // from the member registry; in hex it is the ZAP User-Id of the peer's messages
  std::string endpoint;  // tcp://HOST:PORT on which the peer listens for us; empty: not known yet
  std::uint16_t bind_port = 0;  // where we listen for this peer; 0: any free port, see endpoint()
};

struct NetworkConfig {
  std::string bind_host = "127.0.0.1";
  std::vector<PeerConfig> peers;
  PeerLimits limits;
  std::chrono::milliseconds start_timeout{30'000};
  std::chrono::milliseconds first_restart_delay{
      250};  // doubles up to 30 s while a peer's process keeps ending
};

struct Incoming {
  std::size_t peer;  // index into NetworkConfig::peers; authenticated by the peer's CURVE key
  Bytes message;     // 0 to max_message bytes
};

enum class PeerEventKind {
  kConnected,
  kDisconnected,
  kDropped,   // its process ended (over its memory cap, or an assertion of libzmq); restarted after a delay
  kRestored,  // the process is back
  kRejectedKey,  // somebody without the peer's key tried the peer's endpoint
  kViolation,    // the peer broke a rule (several parts, oversize); the message was dropped
  kThrottled,    // the peer is over its budget; reading pauses
};
std::string_view peer_event_name(PeerEventKind kind);

struct PeerEvent {
  std::size_t peer;
  PeerEventKind kind;
  std::string detail;  // for the log: what happened, with the peer's name
};

struct Polled {
  std::vector<Incoming> messages;
  std::vector<PeerEvent> events;
  bool empty() const { return messages.empty() && events.empty(); }
};

struct PeerStats {
  bool connected = false;  // our connection to the peer is up
  std::uint64_t sent = 0;
  std::uint64_t dropped = 0;  // not sent: peer not connected, or its queue full
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t violations = 0;
  std::uint64_t rejected_keys = 0;
  std::uint64_t throttled = 0;
  std::uint64_t restarts = 0;
};

class PeerNetwork {
 public:
  // Binds every peer's endpoint and probes each with an unknown key, which must be rejected. Errors name the
  // peer: kExists when a port is taken, kUnauthenticated when a probe was accepted, kInvalid for a bad
  // configuration.
  static Result<std::unique_ptr<PeerNetwork>> start(NetworkConfig config, const CurveKeyPair& keys);
  ~PeerNetwork();
  PeerNetwork(const PeerNetwork&) = delete;
  PeerNetwork& operator=(const PeerNetwork&) = delete;

  // Readable when poll() has something to do. An epoll descriptor: add it to the event loop, level-triggered.
  int event_fd() const { return epoll_.get(); }

  // What arrived; at most about 1 MiB per peer a call, so that no peer keeps the others waiting. Never
  // blocks.
  Polled poll();

  // Hands the message over, never blocks, promises nothing: consensus sends again what is missing. Errors:
  // kInvalid for more than max_message bytes; kUnavailable when the peer is not connected and kExhausted when
  // its queue is full (both counted as dropped).
  Status send(std::size_t peer, ByteView message);

  // Where the peer listens for us, from now on. kInvalid unless tcp://HOST:PORT.
  Status set_endpoint(std::size_t peer, const std::string& endpoint);

  std::size_t size() const { return peers_.size(); }
  const std::string& name(std::size_t peer) const;
  const std::string& endpoint(std::size_t peer) const;  // where we listen for this peer, with the actual port
  const PeerStats& stats(std::size_t peer) const;
  int process_id(std::size_t peer) const;  // -1 while it is down

 private:
  struct Peer;
  PeerNetwork(NetworkConfig config, CurveKeyPair keys);

  Status spawn(std::size_t index);
  Status wait_until_ready();
  Status read_channel(std::size_t index, Polled& out);
  Status handle_frame(std::size_t index, std::uint8_t type, ByteView body, Polled& out);
  void handle_notice(std::size_t index, ByteView body, Polled& out);
  void reap(std::size_t index, Polled& out);
  void restart_due_peers(Polled& out);
  void arm_timer();
  void watch_channel(std::size_t index, bool writable);
  void flush(std::size_t index);

  NetworkConfig config_;
  CurveKeyPair keys_;
  Fd epoll_;
  Fd timer_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace custody::ledger::network
