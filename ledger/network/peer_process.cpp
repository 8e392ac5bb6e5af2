#include "ledger/network/peer_process.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include "ledger/network/peer_protocol.h"

namespace custody::ledger::network {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kQueuedMessages = 32;   // per direction: with the largest messages 10 MiB, well below the cap
constexpr int kHandshakeMs = 10'000;  // an unknown caller holds a descriptor for no longer
constexpr int kHeartbeatMs = 2'000;
constexpr int kHeartbeatTimeoutMs = 8'000;
constexpr int kReconnectMs = 100;
constexpr int kReconnectMaxMs = 2'000;
constexpr int kConnectTimeoutMs = 3'000;
constexpr std::int64_t kCurveOverhead =
    33;  // of a MESSAGE command (CurveZMQ, RFC 26): name, nonce, box, flags
constexpr std::int64_t kMaxUnwantedMessage =
    4096;  // what a peer may send on the connection on which only we send
constexpr std::size_t kThreadStack = std::size_t{256} << 10U;
constexpr rlim_t kMaxDescriptors = 128;
constexpr milliseconds kProbeTimeout{10'000};
constexpr milliseconds kBindRetry{2'000};  // a killed node's peer process may hold the port for a moment
constexpr milliseconds kMinThrottle{20};
constexpr std::size_t kMaxQueuedToNode = std::size_t{1} << 20U;
constexpr int kReceiveBurst = 256;
constexpr std::size_t kMaxZapFrames = 16;

// A budget that refills steadily and holds at most one second's worth. It may go into debt by one message.
class Budget {
 public:
  Budget(std::uint64_t per_second, SteadyClock::time_point now)
      : rate_(static_cast<double>(per_second)), level_(rate_), last_(now) {}
  void take(std::size_t amount) { level_ -= static_cast<double>(amount); }
  void refill(SteadyClock::time_point now) {
    const std::chrono::duration<double> passed = now - last_;
    level_ = std::min(rate_, level_ + passed.count() * rate_);
    last_ = now;
  }
  bool open() const { return level_ > 0; }
  milliseconds wait() const {
    if (open()) return milliseconds(0);
    return std::max(kMinThrottle, milliseconds(static_cast<std::int64_t>(-level_ / rate_ * 1000.0)));
  }

 private:
  double rate_;
  double level_;
  SteadyClock::time_point last_;
};

// Closed sockets are not needed anywhere: the process ends with _exit.
struct Message {
  zmq_msg_t raw;
  Message() { zmq_msg_init(&raw); }
  ~Message() { zmq_msg_close(&raw); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ByteView view() { return {static_cast<const std::uint8_t*>(zmq_msg_data(&raw)), zmq_msg_size(&raw)}; }
};

std::uint64_t status_kib(std::string_view field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field)) return std::strtoull(line.c_str() + field.size(), nullptr, 10);
  }
  return 0;
}

Status zmq_failure(const std::string& what) {
  return io_error(what + ": " + zmq_strerror(zmq_errno()));
}

Status set_option(void* socket, int option, const void* value, std::size_t size) {
  if (zmq_setsockopt(socket, option, value, size) == 0) return ok_status();
  return zmq_failure("ZeroMQ socket option " + std::to_string(option));
}
Status set_option(void* socket, int option, int value) {
  return set_option(socket, option, &value, sizeof value);
}

class PeerProcess {
 public:
  PeerProcess() : from_node_(kMaxControlBody) {}

  // Does not return: the process ends here.
  [[noreturn]] void run() {
    const Status started = start();
    if (!started.ok()) fail(started);
    for (;;) step();
  }

 private:
  Status start() {
    harden();
    TRY(read_configuration());
    context_ = zmq_ctx_new();
    if (context_ == nullptr) return zmq_failure("ZeroMQ context");
    TRY(open_zap());
    TRY(open_receiver());
    TRY(open_sender());
    TRY(limit_memory());
    TRY(probe());
    return announce();
  }

  // The secret key must not reach a core dump, and nothing here needs privileges or many descriptors.
  static void harden() {
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const rlimit no_core{0, 0};
    (void)::setrlimit(RLIMIT_CORE, &no_core);
    const rlimit descriptors{kMaxDescriptors, kMaxDescriptors};
    (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kThreadStack);
    (void)pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }

  // The kernel refuses memory above the cap; libzmq then aborts, which ends this process and no other.
  Status limit_memory() {
    baseline_kib_ = status_kib("VmRSS:");
    const rlim_t cap = status_kib("VmData:") * 1024 + config_.limits.memory_cap;
    const rlimit limit{cap, cap};
    if (::setrlimit(RLIMIT_DATA, &limit) != 0) return io_error_errno("limiting the peer's memory", errno);
    return ok_status();
  }

  Status read_configuration() {
    for (;;) {
      ASSIGN_OR_RETURN(const std::optional<Frame> frame, from_node_.next());
      if (frame) {
        ASSIGN_OR_RETURN(config_, decode_configuration(*frame));
        from_node_ = FrameReader(std::max(config_.limits.max_message, kMaxControlBody));
        user_id_ = config_.peer_key.hex();
        bytes_ = Budget(config_.limits.bytes_per_second, SteadyClock::now());
        messages_ = Budget(config_.limits.messages_per_second, SteadyClock::now());
        return ok_status();
      }
      wait_for_channel(ZMQ_POLLIN);
      if (from_node_.fill(kPeerChannelFd) == FrameReader::Fill::kClosed) ::_exit(0);
    }
  }

  static void wait_for_channel(short events) {
    zmq_pollitem_t item{nullptr, kPeerChannelFd, events, 0};
    (void)zmq_poll(&item, 1, -1);
  }

  Status open_zap() {
    zap_ = zmq_socket(context_, ZMQ_REP);
    if (zap_ == nullptr || zmq_bind(zap_, "inproc://zeromq.zap.01") != 0) return zmq_failure("ZAP handler");
    return ok_status();
  }

  Status set_common_options(void* socket, int queued_in, int queued_out, std::int64_t max_message) {
    TRY(set_option(socket, ZMQ_LINGER, 0));
    TRY(set_option(socket, ZMQ_RCVHWM, queued_in));
    TRY(set_option(socket, ZMQ_SNDHWM, queued_out));
    TRY(set_option(socket, ZMQ_MAXMSGSIZE, &max_message, sizeof max_message));
    TRY(set_option(socket, ZMQ_HANDSHAKE_IVL, kHandshakeMs));
    TRY(set_option(socket, ZMQ_HEARTBEAT_IVL, kHeartbeatMs));
    return set_option(socket, ZMQ_HEARTBEAT_TIMEOUT, kHeartbeatTimeoutMs);
  }

  static Status set_client_keys(void* socket, const CurvePublicKey& server, const CurveKeyPair& own) {
    TRY(set_option(socket, ZMQ_CURVE_SERVERKEY, server.data(), server.size()));
    TRY(set_option(socket, ZMQ_CURVE_PUBLICKEY, own.public_key.data(), own.public_key.size()));
    return set_option(socket, ZMQ_CURVE_SECRETKEY, own.secret_key.view().data(), own.secret_key.size());
  }

  Status open_receiver() {
    receiver_ = zmq_socket(context_, ZMQ_PULL);
    if (receiver_ == nullptr) return zmq_failure("receiving socket");
    const auto max_message = static_cast<std::int64_t>(config_.limits.max_message) + kCurveOverhead;
    TRY(set_common_options(receiver_, kQueuedMessages, 1, max_message));
    TRY(set_option(receiver_, ZMQ_CURVE_SERVER, 1));
    TRY(set_option(receiver_, ZMQ_ZAP_DOMAIN, config_.peer_name.data(), config_.peer_name.size()));
    TRY(set_option(receiver_, ZMQ_CURVE_SECRETKEY, config_.own_keys.secret_key.view().data(),
                   config_.own_keys.secret_key.size()));
    TRY(bind_receiver());
    std::array<char, 256> endpoint{};
    std::size_t size = endpoint.size();
    if (zmq_getsockopt(receiver_, ZMQ_LAST_ENDPOINT, endpoint.data(), &size) != 0)
      return zmq_failure("endpoint");
    bound_endpoint_ = endpoint.data();
    return ok_status();
  }

  Status bind_receiver() {
    const auto give_up = SteadyClock::now() + kBindRetry;
    while (zmq_bind(receiver_, config_.bind_endpoint.c_str()) != 0) {
      const std::string what = "listening on " + config_.bind_endpoint;
      if (zmq_errno() != EADDRINUSE) {
        return invalid(what + ": " + zmq_strerror(zmq_errno()),
                       "check the host to bind to in the configuration");
      }
      if (SteadyClock::now() > give_up) {
        return exists(
            what + ": the port is taken",
            "stop the program that has it (ss -ltnp shows it), or give this peer another port and tell the "
            "peer the new endpoint");
      }
      std::this_thread::sleep_for(milliseconds(50));
    }
    return ok_status();
  }

  // Only what connects and is authenticated counts as connected (the monitor tells), and only then is
  // anything queued.
  Status open_sender() {
    sender_ = zmq_socket(context_, ZMQ_PUSH);
    if (sender_ == nullptr) return zmq_failure("sending socket");
    TRY(set_common_options(sender_, 1, kQueuedMessages, kMaxUnwantedMessage));
    TRY(set_option(sender_, ZMQ_IMMEDIATE, 1));
    TRY(set_option(sender_, ZMQ_RECONNECT_IVL, kReconnectMs));
    TRY(set_option(sender_, ZMQ_RECONNECT_IVL_MAX, kReconnectMaxMs));
    TRY(set_option(sender_, ZMQ_CONNECT_TIMEOUT, kConnectTimeoutMs));
    TRY(set_client_keys(sender_, config_.peer_key, config_.own_keys));
    ASSIGN_OR_RETURN(sender_monitor_, open_monitor(sender_, "inproc://sender"));
    set_endpoint(config_.connect_endpoint);
    return ok_status();
  }

  Result<void*> open_monitor(void* socket, const char* name) {
    constexpr int kEvents =
        ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED;
    void* monitor = zmq_socket(context_, ZMQ_PAIR);
    if (monitor == nullptr || zmq_socket_monitor(socket, name, kEvents) != 0 ||
        zmq_connect(monitor, name) != 0) {
      return zmq_failure("socket monitor");
    }
    return monitor;
  }

  // The next monitor event, 0 when there is none. Frames: event u16 and value u32 in host order; then the
  // endpoint.
  static int next_event(void* monitor) {
    Message event;
    if (zmq_msg_recv(&event.raw, monitor, ZMQ_DONTWAIT) < 0) return 0;
    std::uint16_t number = 0;
    if (event.view().size() >= sizeof number) std::memcpy(&number, event.view().data(), sizeof number);
    Message address;
    (void)zmq_msg_recv(&address.raw, monitor, ZMQ_DONTWAIT);
    return number;
  }

  // A caller with a key that nobody knows must be turned away by our own handler before the node counts as
  // started.
  Status probe() {
    ASSIGN_OR_RETURN(const CurveKeyPair stranger, generate_curve_key_pair());
    probe_key_ = stranger.public_key;
    void* socket = zmq_socket(context_, ZMQ_PUSH);
    if (socket == nullptr) return zmq_failure("probe socket");
    TRY(set_common_options(socket, 1, 1, kMaxUnwantedMessage));
    TRY(set_client_keys(socket, config_.own_keys.public_key, stranger));
    ASSIGN_OR_RETURN(void* monitor, open_monitor(socket, "inproc://probe"));
    std::string target = bound_endpoint_;
    if (const auto any = target.find("0.0.0.0"); any != std::string::npos)
      target.replace(any, 7, "127.0.0.1");
    if (zmq_connect(socket, target.c_str()) != 0) return zmq_failure("probing " + target);
    const Status result = await_probe(monitor);
    (void)zmq_socket_monitor(socket, nullptr, 0);
    zmq_close(monitor);
    zmq_close(socket);
    return result;
  }

  Status await_probe(void* monitor) {
    const auto give_up = SteadyClock::now() + kProbeTimeout;
    while (SteadyClock::now() < give_up) {
      std::array<zmq_pollitem_t, 3> items{
          {{zap_, 0, ZMQ_POLLIN, 0}, {monitor, 0, ZMQ_POLLIN, 0}, {nullptr, kPeerChannelFd, 0, 0}}};
      (void)zmq_poll(items.data(), items.size(), 100);
      if ((items[2].revents & ZMQ_POLLERR) != 0) ::_exit(0);
      answer_zap();
      for (int event = next_event(monitor); event != 0; event = next_event(monitor)) {
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
          return unauthenticated("an unknown CURVE key was accepted on " + bound_endpoint_,
                                 "do not run this build: its ZeroMQ does not authenticate peers");
        }
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && probe_rejected_) return ok_status();
      }
    }
    return unavailable("the probe of " + bound_endpoint_ + " with an unknown key got no answer",
                       "check that the host to bind to is reachable from this machine");
  }

  Status announce() {
    BodyWriter body;
    body.u64(baseline_kib_).text(bound_endpoint_);
    to_node_.push(FrameType::kReady, body.body());
    return ok_status();
  }

  [[noreturn]] void fail(const Status& status) {
    BodyWriter body;
    body.u8(static_cast<std::uint8_t>(status.code())).text(status.message()).text(status.hint());
    to_node_.push(FrameType::kFailed, body.body());
    while (!to_node_.empty() && to_node_.flush(kPeerChannelFd)) wait_for_channel(ZMQ_POLLOUT);
    ::_exit(1);
  }

  // ---- running

  void step() {
    const auto now = SteadyClock::now();
    bytes_.refill(now);
    messages_.refill(now);
    const bool room = to_node_.size() < kMaxQueuedToNode;
    const bool budget = bytes_.open() && messages_.open();
    long timeout = -1;
    if (room && !budget) timeout = std::max(bytes_.wait(), messages_.wait()).count();
    if (room && budget && more_to_receive_) timeout = 0;
    if (dropped_ != reported_dropped_ && timeout < 0) timeout = 1000;
    const auto channel_events =
        static_cast<short>((pending_ ? 0 : ZMQ_POLLIN) | (to_node_.empty() ? 0 : ZMQ_POLLOUT));
    std::array<zmq_pollitem_t, 5> items{{
        {nullptr, kPeerChannelFd, channel_events, 0},
        {zap_, 0, ZMQ_POLLIN, 0},
        {sender_monitor_, 0, ZMQ_POLLIN, 0},
        {sender_, 0, static_cast<short>(pending_ ? ZMQ_POLLOUT : 0), 0},
        {receiver_, 0, static_cast<short>(room && budget ? ZMQ_POLLIN : 0), 0},
    }};
    if (zmq_poll(items.data(), items.size(), timeout) < 0 && zmq_errno() != EINTR) ::_exit(1);
    answer_zap();
    follow_connection();
    send_pending();
    if (!pending_) read_channel();
    if (room && budget) receive();
    report_dropped();
    if (!to_node_.flush(kPeerChannelFd) || (items[0].revents & ZMQ_POLLERR) != 0) ::_exit(0);
  }

  void notify(Notice notice, std::string_view text) {
    BodyWriter body;
    body.u8(static_cast<std::uint8_t>(notice)).text(text);
    to_node_.push(FrameType::kNotice, body.body());
  }

  // ZAP (RFC 27): version, request id, domain, address, routing id, mechanism, credentials.
  void answer_zap() {
    for (;;) {
      std::vector<Bytes> request;
      bool more = true;
      while (more) {
        Message part;
        if (zmq_msg_recv(&part.raw, zap_, ZMQ_DONTWAIT) < 0) return;
        if (request.size() < kMaxZapFrames) request.push_back(to_bytes(part.view()));
        more = zmq_msg_more(&part.raw) != 0;
      }
      const bool admitted = admits(request);
      reply_zap(request.size() > 1 ? request[1] : Bytes(), admitted);
    }
  }

  bool admits(const std::vector<Bytes>& request) {
    if (request.size() != 7 || as_text(request[0]) != "1.0" || as_text(request[2]) != config_.peer_name ||
        as_text(request[5]) != "CURVE") {
      return false;
    }
    const auto key = CurvePublicKey::from(request[6]);
    if (key.ok() && *key == config_.peer_key) return true;
    if (key.ok() && *key == probe_key_) {
      probe_rejected_ = true;
      return false;
    }
    ++rejected_;
    const auto now = SteadyClock::now();
    if (now - last_rejection_ >= std::chrono::seconds(1)) {  // strangers do not decide how much we log
      notify(Notice::kRejectedKey, to_hex(request[6]) + " (" + std::to_string(rejected_) + " so far)");
      last_rejection_ = now;
    }
    return false;
  }

  void reply_zap(const Bytes& request_id, bool admitted) {
    const std::string status = admitted ? "200" : "400";
    const std::string text = admitted ? "OK" : "unknown key";
    const std::string user = admitted ? user_id_ : "";
    const std::array<ByteView, 6> parts{as_bytes("1.0"), request_id,     as_bytes(status),
                                        as_bytes(text),  as_bytes(user), ByteView()};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      (void)zmq_send(zap_, parts[i].data(), parts[i].size(), i + 1 < parts.size() ? ZMQ_SNDMORE : 0);
    }
  }

  void follow_connection() {
    for (int event = next_event(sender_monitor_); event != 0; event = next_event(sender_monitor_)) {
      const bool connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
      if (connected == connected_) continue;
      connected_ = connected;
      notify(connected ? Notice::kConnected : Notice::kDisconnected, connect_endpoint_);
    }
  }

  void read_channel() {
    while (!pending_) {
      const auto frame = from_node_.next();
      if (!frame.ok()) ::_exit(1);
      if (!*frame) {
        const FrameReader::Fill filled = from_node_.fill(kPeerChannelFd);
        if (filled == FrameReader::Fill::kClosed) ::_exit(0);
        if (filled == FrameReader::Fill::kEmpty) return;
        continue;
      }
      if ((*frame)->type == FrameType::kSetEndpoint) set_endpoint(std::string(as_text((*frame)->body)));
      if ((*frame)->type == FrameType::kSend) send((*frame)->body);
    }
  }

  void set_endpoint(const std::string& endpoint) {
    if (endpoint == connect_endpoint_) return;
    if (!connect_endpoint_.empty()) (void)zmq_disconnect(sender_, connect_endpoint_.c_str());
    connect_endpoint_ = endpoint;
    if (endpoint.empty() || zmq_connect(sender_, endpoint.c_str()) == 0) return;
    notify(Notice::kBadEndpoint, endpoint + ": " + zmq_strerror(zmq_errno()));
    connect_endpoint_.clear();
  }

  void send(ByteView message) {
    if (zmq_send(sender_, message.data(), message.size(), ZMQ_DONTWAIT) >= 0) return;
    if (zmq_errno() == EAGAIN && connected_) {
      pending_ = to_bytes(
          message);  // the peer is slow: leave the rest with the node, whose queue is counted in bytes
    } else {
      ++dropped_;
    }
  }

  void send_pending() {
    if (!pending_) return;
    const Bytes message = std::move(*pending_);
    pending_.reset();
    send(message);
  }

  void report_dropped() {
    const auto now = SteadyClock::now();
    if (dropped_ == reported_dropped_ || now - last_report_ < std::chrono::seconds(1)) return;
    BodyWriter body;
    body.u64(dropped_ - reported_dropped_);
    to_node_.push(FrameType::kCounters, body.body());
    reported_dropped_ = dropped_;
    last_report_ = now;
  }

  void receive() {
    more_to_receive_ = true;
    for (int i = 0; i < kReceiveBurst && to_node_.size() < kMaxQueuedToNode; ++i) {
      Message message;
      if (zmq_msg_recv(&message.raw, receiver_, ZMQ_DONTWAIT) < 0) {
        more_to_receive_ = false;
        return;
      }
      bytes_.take(message.view().size());
      messages_.take(1);
      if (zmq_msg_more(&message.raw) != 0) {
        drop_remaining_parts();
        notify(Notice::kMultipart, "");
      } else {
        accept(message);
      }
      if (!bytes_.open() || !messages_.open()) {
        notify(Notice::kThrottled, "");
        return;
      }
    }
  }

  void drop_remaining_parts() {
    for (bool more = true; more;) {
      Message part;
      if (zmq_msg_recv(&part.raw, receiver_, ZMQ_DONTWAIT) < 0) return;
      bytes_.take(part.view().size());
      more = zmq_msg_more(&part.raw) != 0;
    }
  }

  void accept(Message& message) {
    const char* user = zmq_msg_gets(&message.raw, "User-Id");
    if (user == nullptr || user_id_ != user) {
      notify(Notice::kIdentity, "");
    } else if (message.view().size() > config_.limits.max_message) {
      notify(Notice::kOversize, std::to_string(message.view().size()));
    } else {
      to_node_.push(FrameType::kReceived, message.view());
    }
  }

  PeerProcessConfig config_;
  std::string user_id_;
  FrameReader from_node_;
  WriteQueue to_node_;
  void* context_ = nullptr;
  void* zap_ = nullptr;
  void* receiver_ = nullptr;
  void* sender_ = nullptr;
  void* sender_monitor_ = nullptr;
  std::string bound_endpoint_;
  std::string connect_endpoint_;
  std::uint64_t baseline_kib_ = 0;
  CurvePublicKey probe_key_;
  bool probe_rejected_ = false;
  bool connected_ = false;
  bool more_to_receive_ = false;
  std::optional<Bytes> pending_;
  std::uint64_t rejected_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t reported_dropped_ = 0;
  SteadyClock::time_point last_rejection_;
  SteadyClock::time_point last_report_;
  Budget bytes_{0, {}};
  Budget messages_{0, {}};
};

}  // namespace

int run_peer_process() {
  PeerProcess process;
  process.run();
}

}  // namespace custody::ledger::network
