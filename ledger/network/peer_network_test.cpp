#include "ledger/network/peer_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace custody::ledger::network {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr milliseconds kPatience{60'000};  // a bound for a hang, not a pace: every wait ends at its condition

CurveKeyPair new_keys() {
  auto pair = generate_curve_key_pair();
  EXPECT_TRUE(pair.ok());
  return std::move(pair).value();
}

// One node: its network and everything it has seen.
struct Node {
  std::unique_ptr<PeerNetwork> network;
  std::vector<Incoming> messages;
  std::vector<PeerEvent> events;

  void take() {
    Polled polled = network->poll();
    for (Incoming& each : polled.messages) messages.push_back(std::move(each));
    for (PeerEvent& each : polled.events) events.push_back(std::move(each));
  }
  bool saw(PeerEventKind kind, std::size_t peer) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const PeerEvent& event) { return event.kind == kind && event.peer == peer; });
  }
  std::string detail(PeerEventKind kind) const {
    for (const PeerEvent& event : events) {
      if (event.kind == kind) return event.detail;
    }
    return "";
  }
};

// Waits on the nodes' event descriptors, as the daemon does, until the condition holds.
bool wait_for(const std::vector<Node*>& nodes, const std::function<bool()>& condition) {
  const auto give_up = SteadyClock::now() + kPatience;
  for (Node* node : nodes) node->take();
  while (!condition()) {
    if (SteadyClock::now() > give_up) return false;
    std::vector<pollfd> items;
    for (Node* node : nodes) items.push_back({node->network->event_fd(), POLLIN, 0});
    (void)::poll(items.data(), items.size(), 20);
    for (Node* node : nodes) node->take();
  }
  return true;
}

NetworkConfig config_with(std::vector<PeerConfig> peers) {
  NetworkConfig config;
  config.peers = std::move(peers);
  return config;
}

Node start_node(const NetworkConfig& config, const CurveKeyPair& keys) {
  Node node;
  auto network = PeerNetwork::start(config, keys);
  EXPECT_TRUE(network.ok()) << network.status().to_string();
  if (network.ok()) node.network = std::move(network).value();
  return node;
}

// A raw ZeroMQ socket in this process: the peer as its owner might misuse it.
class RawPeer {
 public:
  explicit RawPeer(int type) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {
    set(ZMQ_LINGER, 0);
    set(ZMQ_SNDTIMEO, static_cast<int>(kPatience.count()));
    EXPECT_EQ(zmq_socket_monitor(socket_, "inproc://monitor", ZMQ_EVENT_ALL), 0);
    monitor_ = zmq_socket(context_, ZMQ_PAIR);
    EXPECT_EQ(zmq_connect(monitor_, "inproc://monitor"), 0);
    const int patience = static_cast<int>(kPatience.count());
    zmq_setsockopt(monitor_, ZMQ_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawPeer() {
    zmq_close(monitor_);
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void set(int option, int value) { EXPECT_EQ(zmq_setsockopt(socket_, option, &value, sizeof value), 0); }
  void connect(const std::string& endpoint, const CurvePublicKey& server, const CurveKeyPair& keys) {
    zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, server.data(), server.size());
    zmq_setsockopt(socket_, ZMQ_CURVE_PUBLICKEY, keys.public_key.data(), keys.public_key.size());
    zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, keys.secret_key.view().data(), keys.secret_key.size());
    EXPECT_EQ(zmq_connect(socket_, endpoint.c_str()), 0);
  }
  std::string bind(const CurveKeyPair& keys) {
    set(ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, keys.secret_key.view().data(), keys.secret_key.size());
    EXPECT_EQ(zmq_bind(socket_, "tcp://127.0.0.1:*"), 0);
    char endpoint[256];
    std::size_t size = sizeof endpoint;
    EXPECT_EQ(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    return endpoint;
  }
  bool send(ByteView part, bool more) {
    return zmq_send(socket_, part.data(), part.size(), more ? ZMQ_SNDMORE : 0) >= 0;
  }
  bool wait_event(int wanted) {
    for (;;) {
      char event[6];
      if (zmq_recv(monitor_, event, sizeof event, 0) < 2) return false;
      char address[256];
      (void)zmq_recv(monitor_, address, sizeof address, 0);
      std::uint16_t number = 0;
      std::memcpy(&number, event, sizeof number);
      if (number == wanted) return true;
    }
  }
  void* socket() const { return socket_; }

 private:
  void* context_;
  void* socket_;
  void* monitor_;
};

// Two nodes that know one another; indices are 0 on both sides.
class TwoNodes : public ::testing::Test {
 public:
  TwoNodes() : keys_a_(new_keys()), keys_b_(new_keys()) {
    a_ = start_node(config_with({{"member-b", keys_b_.public_key, "", 0}}), keys_a_);
    b_ = start_node(config_with({{"member-a", keys_a_.public_key, "", 0}}), keys_b_);
    connect();
  }
  void connect() {
    ASSERT_TRUE(a_.network->set_endpoint(0, b_.network->endpoint(0)).ok());
    ASSERT_TRUE(b_.network->set_endpoint(0, a_.network->endpoint(0)).ok());
    ASSERT_TRUE(wait_for({&a_, &b_},
                         [&] { return a_.network->stats(0).connected && b_.network->stats(0).connected; }));
  }
  CurveKeyPair keys_a_;
  CurveKeyPair keys_b_;
  Node a_;
  Node b_;
};

TEST_F(TwoNodes, ExchangeMessagesOfAllSizesInOrder) {
  const std::vector<std::size_t> sizes{0, 1, 33, 255, 256, 65'536, model::kMaxPeerMessage};
  for (const std::size_t size : sizes) {
    ASSERT_TRUE(a_.network->send(0, Bytes(size, static_cast<std::uint8_t>(size))).ok());
    ASSERT_TRUE(b_.network->send(0, Bytes(size, 9)).ok());
  }
  ASSERT_TRUE(wait_for(
      {&a_, &b_}, [&] { return a_.messages.size() == sizes.size() && b_.messages.size() == sizes.size(); }));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(b_.messages[i].peer, 0U);
    EXPECT_EQ(b_.messages[i].message, Bytes(sizes[i], static_cast<std::uint8_t>(sizes[i])));
    EXPECT_EQ(a_.messages[i].message, Bytes(sizes[i], 9));
  }
  EXPECT_EQ(b_.network->stats(0).received, sizes.size());
  EXPECT_EQ(a_.network->stats(0).sent, sizes.size());
}

TEST_F(TwoNodes, SendRefusesAnOversizeMessage) {
  EXPECT_EQ(a_.network->send(0, Bytes(PeerLimits().max_message + 1)).code(), Code::kInvalid);
}

TEST_F(TwoNodes, RestartOfOneSideReconnectsOnTheSamePort) {
  const std::string endpoint = b_.network->endpoint(0);
  const auto port = static_cast<std::uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1)));
  b_.network.reset();
  ASSERT_TRUE(wait_for({&a_}, [&] { return !a_.network->stats(0).connected; }));
  EXPECT_EQ(a_.network->send(0, as_bytes("lost")).code(), Code::kUnavailable);
  EXPECT_EQ(a_.network->stats(0).dropped, 1U);
  b_ = start_node(config_with({{"member-a", keys_a_.public_key, a_.network->endpoint(0), port}}), keys_b_);
  ASSERT_NE(b_.network, nullptr);
  EXPECT_EQ(b_.network->endpoint(0), endpoint);
  ASSERT_TRUE(
      wait_for({&a_, &b_}, [&] { return a_.network->stats(0).connected && b_.network->stats(0).connected; }));
  ASSERT_TRUE(a_.network->send(0, as_bytes("again")).ok());
  ASSERT_TRUE(wait_for({&a_, &b_}, [&] { return !b_.messages.empty(); }));
  EXPECT_EQ(b_.messages[0].message, to_bytes("again"));
}

TEST_F(TwoNodes, KilledPeerProcessIsNamedAndComesBack) {
  ASSERT_EQ(::kill(b_.network->process_id(0), SIGKILL), 0);
  ASSERT_TRUE(wait_for({&a_, &b_}, [&] { return b_.saw(PeerEventKind::kDropped, 0); }));
  EXPECT_THAT(b_.detail(PeerEventKind::kDropped), HasSubstr("dropped peer member-a: killed by signal 9"));
  b_.events.clear();
  ASSERT_TRUE(wait_for({&a_, &b_}, [&] {
    return b_.saw(PeerEventKind::kRestored, 0) && b_.network->stats(0).connected &&
           a_.saw(PeerEventKind::kDisconnected, 0) && a_.network->stats(0).connected;
  }));
  ASSERT_TRUE(a_.network->send(0, as_bytes("after")).ok());
  ASSERT_TRUE(wait_for({&a_, &b_}, [&] { return !b_.messages.empty(); }));
}

TEST_F(TwoNodes, PeerThatDoesNotReadFillsItsQueueAndNothingElse) {
  // b's process is stopped: the connection stays up, nothing is read any more.
  ASSERT_EQ(::kill(b_.network->process_id(0), SIGSTOP), 0);
  const Bytes message(PeerLimits().max_message);
  bool full = false;
  for (int i = 0; i < 1000 && !full; ++i) {
    const Status sent = a_.network->send(0, message);
    full = sent.code() == Code::kExhausted || sent.code() == Code::kUnavailable;
    a_.take();
  }
  EXPECT_TRUE(full);
  EXPECT_GT(a_.network->stats(0).dropped, 0U);
  EXPECT_FALSE(a_.saw(PeerEventKind::kDropped, 0))
      << "a slow peer must not bring our process for it over its cap";
  ASSERT_EQ(::kill(b_.network->process_id(0), SIGCONT), 0);
}

// One node with two peers; the first is played by a raw socket, the second is a real node.
class HostilePeer : public ::testing::Test {
 public:
  HostilePeer() : keys_node_(new_keys()), keys_hostile_(new_keys()), keys_good_(new_keys()) {}
  void start(PeerLimits limits = {}) {
    NetworkConfig config =
        config_with({{"hostile", keys_hostile_.public_key, "", 0}, {"good", keys_good_.public_key, "", 0}});
    config.limits = limits;
    node_ = start_node(config, keys_node_);
    good_ =
        start_node(config_with({{"node", keys_node_.public_key, node_.network->endpoint(1), 0}}), keys_good_);
    ASSERT_TRUE(node_.network->set_endpoint(1, good_.network->endpoint(0)).ok());
    ASSERT_TRUE(wait_for({&node_, &good_}, [&] {
      return node_.network->stats(1).connected && good_.network->stats(0).connected;
    }));
  }
  void expect_good_peer_is_served() {
    node_.messages.clear();
    ASSERT_TRUE(good_.network->send(0, as_bytes("still here")).ok());
    ASSERT_TRUE(wait_for({&node_, &good_}, [&] {
      return std::any_of(node_.messages.begin(), node_.messages.end(), [](const Incoming& each) {
        return each.peer == 1 && each.message == to_bytes("still here");
      });
    }));
    EXPECT_EQ(node_.network->stats(1).restarts, 0U);
    EXPECT_TRUE(node_.network->stats(1).connected);
  }
  void connect_hostile(RawPeer& peer) const {
    peer.connect(node_.network->endpoint(0), keys_node_.public_key, keys_hostile_);
  }
  CurveKeyPair keys_node_;
  CurveKeyPair keys_hostile_;
  CurveKeyPair keys_good_;
  Node node_;
  Node good_;
};

// Invariant 2.
TEST_F(HostilePeer, MessageOfTwoPartsIsDroppedAndThePeerNamed) {
  start();
  RawPeer peer(ZMQ_PUSH);
  connect_hostile(peer);
  ASSERT_TRUE(peer.send(as_bytes("one"), true));
  ASSERT_TRUE(peer.send(as_bytes("two"), false));
  ASSERT_TRUE(peer.send(as_bytes("single"), false));
  ASSERT_TRUE(wait_for({&node_, &good_}, [&] { return !node_.messages.empty(); }));
  EXPECT_EQ(node_.messages[0].message, to_bytes("single"));
  EXPECT_THAT(node_.detail(PeerEventKind::kViolation),
              HasSubstr("peer hostile sent a message of several parts"));
  EXPECT_EQ(node_.network->stats(0).violations, 1U);
}

// Invariant 3. libzmq's own sender flushes a message only when it is complete, so the attacker's has an end;
// the receiver meets its cap long before and cannot tell it from one without.
TEST_F(HostilePeer, EndlessMultipartMessageEndsOnlyThatPeersProcess) {
  PeerLimits limits;
  limits.memory_cap = std::size_t{24} << 20U;
  start(limits);
  std::atomic<bool> stop{false};
  std::thread attacker([&] {
    RawPeer peer(ZMQ_PUSH);
    peer.set(ZMQ_SNDTIMEO, 50);
    peer.set(ZMQ_SNDHWM, 1);
    connect_hostile(peer);
    const Bytes part(100'000, 7);
    while (!stop) {
      for (int i = 0; i < 1'000 && peer.send(part, true); ++i) continue;
      (void)peer.send(part, false);
    }
  });
  EXPECT_TRUE(wait_for({&node_, &good_}, [&] { return node_.saw(PeerEventKind::kDropped, 0); }));
  EXPECT_THAT(node_.detail(PeerEventKind::kDropped),
              HasSubstr("dropped peer hostile: over its memory cap of 24576 KiB"));
  expect_good_peer_is_served();
  stop = true;
  attacker.join();
  EXPECT_TRUE(wait_for({&node_, &good_}, [&] { return node_.saw(PeerEventKind::kRestored, 0); }));
  RawPeer repentant(ZMQ_PUSH);
  connect_hostile(repentant);
  ASSERT_TRUE(repentant.send(as_bytes("sorry"), false));
  EXPECT_TRUE(wait_for({&node_, &good_}, [&] {
    return std::any_of(node_.messages.begin(), node_.messages.end(), [](const Incoming& each) {
      return each.peer == 0 && each.message == to_bytes("sorry");
    });
  }));
}

TEST_F(HostilePeer, ServerOfAnotherSocketTypeIsNotAPeer) {
  start();
  RawPeer server(ZMQ_DEALER);
  ASSERT_TRUE(node_.network->set_endpoint(0, server.bind(keys_hostile_)).ok());
  EXPECT_TRUE(server.wait_event(ZMQ_EVENT_DISCONNECTED));
  expect_good_peer_is_served();
  EXPECT_FALSE(node_.network->stats(0).connected);
}

TEST_F(HostilePeer, ServerWithoutThePeersKeyIsNotAPeer) {
  start();
  RawPeer server(ZMQ_PULL);
  ASSERT_TRUE(node_.network->set_endpoint(0, server.bind(new_keys())).ok());
  EXPECT_TRUE(server.wait_event(ZMQ_EVENT_DISCONNECTED));
  expect_good_peer_is_served();
  EXPECT_FALSE(node_.network->stats(0).connected);
  EXPECT_EQ(node_.network->send(0, as_bytes("x")).code(), Code::kUnavailable);
}

// Invariant 1.
TEST_F(HostilePeer, UnknownKeyIsRejectedAndReported) {
  start();
  const CurveKeyPair stranger = new_keys();
  RawPeer peer(ZMQ_PUSH);
  peer.connect(node_.network->endpoint(0), keys_node_.public_key, stranger);
  EXPECT_TRUE(peer.wait_event(ZMQ_EVENT_HANDSHAKE_FAILED_AUTH));
  ASSERT_TRUE(wait_for({&node_, &good_}, [&] { return node_.saw(PeerEventKind::kRejectedKey, 0); }));
  EXPECT_THAT(node_.detail(PeerEventKind::kRejectedKey), HasSubstr(stranger.public_key.hex()));
  EXPECT_TRUE(node_.messages.empty());
  expect_good_peer_is_served();
}

TEST_F(HostilePeer, AnotherPeersKeyIsRejectedOnThisPeersEndpoint) {
  start();
  RawPeer peer(ZMQ_PUSH);
  peer.connect(node_.network->endpoint(1), keys_node_.public_key, keys_hostile_);
  EXPECT_TRUE(peer.wait_event(ZMQ_EVENT_HANDSHAKE_FAILED_AUTH));
  ASSERT_TRUE(wait_for({&node_, &good_}, [&] { return node_.saw(PeerEventKind::kRejectedKey, 1); }));
  EXPECT_THAT(node_.detail(PeerEventKind::kRejectedKey), HasSubstr(keys_hostile_.public_key.hex()));
}

TEST_F(HostilePeer, PlainConnectionWithoutCurveIsRejected) {
  start();
  RawPeer peer(ZMQ_PUSH);
  ASSERT_EQ(zmq_connect(peer.socket(), node_.network->endpoint(0).c_str()), 0);
  EXPECT_TRUE(peer.wait_event(ZMQ_EVENT_DISCONNECTED));
  expect_good_peer_is_served();
  EXPECT_EQ(node_.network->stats(0).received, 0U);
}

TEST_F(HostilePeer, OversizeMessageDisconnectsAndIsNotDelivered) {
  start();
  RawPeer peer(ZMQ_PUSH);
  connect_hostile(peer);
  ASSERT_TRUE(peer.wait_event(ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
  ASSERT_TRUE(peer.send(Bytes(PeerLimits().max_message + 1), false));
  EXPECT_TRUE(peer.wait_event(ZMQ_EVENT_DISCONNECTED));
  ASSERT_TRUE(peer.wait_event(ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
  ASSERT_TRUE(peer.send(Bytes(PeerLimits().max_message), false));
  ASSERT_TRUE(wait_for({&node_, &good_}, [&] { return !node_.messages.empty(); }));
  EXPECT_EQ(node_.messages[0].message.size(), PeerLimits().max_message);
  EXPECT_EQ(node_.network->stats(0).received, 1U);
}

// Invariant 4.
TEST_F(HostilePeer, BudgetPausesTheFloodAndServesTheOthers) {
  PeerLimits limits;
  limits.messages_per_second = 200;
  start(limits);
  std::atomic<bool> stop{false};
  std::thread attacker([&] {
    RawPeer peer(ZMQ_PUSH);
    peer.set(ZMQ_SNDTIMEO, 50);
    connect_hostile(peer);
    while (!stop) (void)peer.send(as_bytes("flood"), false);
  });
  const auto begin = SteadyClock::now();
  EXPECT_TRUE(wait_for({&node_, &good_}, [&] { return node_.network->stats(0).received >= 500; }));
  const std::chrono::duration<double> taken = SteadyClock::now() - begin;
  // 200 at once and 200 a second: 500 take at least 1.5 s minus one burst's debt.
  EXPECT_GT(taken.count(), 1.0);
  EXPECT_GT(node_.network->stats(0).throttled, 0U);
  EXPECT_THAT(node_.detail(PeerEventKind::kThrottled), HasSubstr("peer hostile is over its budget"));
  expect_good_peer_is_served();
  stop = true;
  attacker.join();
}

TEST(PeerNetwork, TakenPortIsNamed) {
  const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(holder, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(holder, 1), 0);
  ASSERT_EQ(::getsockname(holder, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::uint16_t port = ntohs(address.sin_port);
  const auto network = PeerNetwork::start(config_with({{"b", new_keys().public_key, "", port}}), new_keys());
  ASSERT_FALSE(network.ok());
  EXPECT_EQ(network.code(), Code::kExists);
  EXPECT_THAT(network.status().message(),
              HasSubstr("peer b: listening on tcp://127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(network.status().hint(), HasSubstr("stop the program that has it"));
  ::close(holder);
}

TEST(PeerNetwork, RefusesABadConfiguration) {
  const CurveKeyPair keys = new_keys();
  const CurvePublicKey key = new_keys().public_key;
  const auto code = [&](const NetworkConfig& config) { return PeerNetwork::start(config, keys).code(); };
  EXPECT_EQ(code(config_with({{"", key, "", 0}})), Code::kInvalid);
  EXPECT_EQ(code(config_with({{"b", CurvePublicKey(), "", 0}})), Code::kInvalid);
  EXPECT_EQ(code(config_with({{"b", key, "", 0}, {"b", new_keys().public_key, "", 0}})), Code::kInvalid);
  EXPECT_EQ(code(config_with({{"b", key, "", 0}, {"c", key, "", 0}})), Code::kInvalid);
  for (const char* endpoint :
       {"ipc:///tmp/x", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://:1",
        "tcp://127.0.0.1:x", "tcp://1.2.3.4:5;5.6.7.8:9"}) {
    EXPECT_EQ(code(config_with({{"b", key, endpoint, 0}})), Code::kInvalid) << endpoint;
  }
  NetworkConfig small = config_with({{"b", key, "", 0}});
  small.limits.memory_cap = 1000;
  EXPECT_EQ(code(small), Code::kInvalid);
  NetworkConfig elsewhere = config_with({{"b", key, "", 0}});
  elsewhere.bind_host = "192.0.2.1";  // TEST-NET-1: not an address of this machine
  EXPECT_EQ(code(elsewhere), Code::kInvalid);
}

TEST(PeerNetwork, WithoutPeersItIsQuiet) {
  auto network = PeerNetwork::start(config_with({}), new_keys());
  ASSERT_TRUE(network.ok());
  EXPECT_EQ((*network)->size(), 0U);
  EXPECT_TRUE((*network)->poll().empty());
}

}  // namespace
}  // namespace custody::ledger::network

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == custody::ledger::network::kPeerProcessArgument) {
    return custody::ledger::network::run_peer_process();
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
