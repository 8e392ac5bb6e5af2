#include "ledger/network/peer_network.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <set>

#include "ledger/network/peer_protocol.h"

extern char** environ;

namespace custody::ledger::network {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kMaxRestartDelay{30'000};
constexpr std::chrono::seconds kStableAfter{
    60};  // a process that ran this long starts again with the first delay
constexpr std::chrono::seconds kEventInterval{1};
constexpr std::size_t kReadPerPoll = std::size_t{1} << 20U;
constexpr milliseconds kStopTimeout{2'000};
constexpr std::size_t kMinMessage = 1024;
constexpr std::uint64_t kMinMemoryCap = std::uint64_t{16} << 20U;
constexpr std::size_t kMaxPeers = 256;

// epoll data: the peer's index and which of its descriptors.
enum class Source : std::uint32_t { kChannel = 0, kProcess = 1, kTimer = 2 };
std::uint64_t tag(std::size_t index, Source source) {
  return index << 2U | static_cast<std::uint32_t>(source);
}

Status check_endpoint(const std::string& endpoint) {
  const bool scheme = endpoint.starts_with("tcp://") && endpoint.size() <= kMaxEndpointSize;
  const auto colon = endpoint.rfind(':');
  const std::string port = scheme && colon > 5 ? endpoint.substr(colon + 1) : "";
  const bool digits =
      !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  const unsigned long number = digits ? std::stoul(port) : 0;
  // One address only: libzmq would take "tcp://source;host:port" as well.
  if (number == 0 || number > 65535 || colon < 7 || endpoint.find(';') != std::string::npos) {
    return invalid("peer endpoint \"" + endpoint + "\" is not of the form tcp://HOST:PORT");
  }
  return ok_status();
}

Status check_config(const NetworkConfig& config) {
  if (config.peers.size() > kMaxPeers) return invalid("more than " + std::to_string(kMaxPeers) + " peers");
  if (config.limits.max_message < kMinMessage || config.limits.memory_cap < kMinMemoryCap ||
      config.limits.bytes_per_second == 0 || config.limits.messages_per_second == 0 ||
      config.limits.send_queue < config.limits.max_message) {
    return invalid(
        "peer limits: messages of at least 1 KiB, a memory cap of at least 16 MiB, positive budgets and a "
        "send queue of at least one message");
  }
  std::set<std::string> names;
  std::set<CurvePublicKey> keys;
  for (const PeerConfig& peer : config.peers) {
    if (peer.name.empty() || peer.name.size() > kMaxNameSize)
      return invalid("a peer's name has 1 to 128 bytes");
    if (!names.insert(peer.name).second) return invalid("two peers are named " + peer.name);
    if (peer.key.is_zero() || !keys.insert(peer.key).second) {
      return invalid("peer " + peer.name + " has no CURVE key of its own",
                     "correct it in the member registry");
    }
    if (!peer.endpoint.empty()) TRY(check_endpoint(peer.endpoint));
  }
  return ok_status();
}

std::string describe_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "killed by signal " + std::to_string(WTERMSIG(wait_status));
  return "exit status " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace

std::string_view peer_event_name(PeerEventKind kind) {
  switch (kind) {
    case PeerEventKind::kConnected:
      return "peer_connected";
    case PeerEventKind::kDisconnected:
      return "peer_disconnected";
    case PeerEventKind::kDropped:
      return "peer_dropped";
    case PeerEventKind::kRestored:
      return "peer_restored";
    case PeerEventKind::kRejectedKey:
      return "peer_rejected_key";
    case PeerEventKind::kViolation:
      return "peer_violation";
    case PeerEventKind::kThrottled:
      return "peer_throttled";
  }
  return "peer_unknown";
}

struct PeerNetwork::Peer {
  explicit Peer(PeerConfig settings, std::size_t max_body) : config(std::move(settings)), reader(max_body) {}

  PeerConfig config;
  std::string bound_endpoint;
  PeerStats stats;

  pid_t pid = -1;
  Fd channel;
  Fd process;  // pidfd
  FrameReader reader;
  WriteQueue writer;
  bool watching_writable = false;
  bool ready = false;
  Status failure;  // what the process said before it ended
  std::uint64_t baseline_kib = 0;
  SteadyClock::time_point started;

  std::optional<SteadyClock::time_point> restart_at;
  milliseconds restart_delay{0};
  std::array<SteadyClock::time_point, 8> last_event{};

  // Kills it if it is there still, and waits for it.
  void end_process() {
    if (pid < 0) return;
    (void)::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    pid = -1;
    channel.reset();
    process.reset();
  }

  bool may_report(PeerEventKind kind) {
    auto& last = last_event.at(static_cast<std::size_t>(kind));
    const auto now = SteadyClock::now();
    if (now - last < kEventInterval) return false;
    last = now;
    return true;
  }
};

PeerNetwork::PeerNetwork(NetworkConfig config, CurveKeyPair keys)
    : config_(std::move(config)), keys_(std::move(keys)) {}

Result<std::unique_ptr<PeerNetwork>> PeerNetwork::start(NetworkConfig config, const CurveKeyPair& keys) {
  TRY(check_config(config));
  std::unique_ptr<PeerNetwork> network(new PeerNetwork(std::move(config), keys.clone()));
  network->epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  network->timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!network->epoll_.valid() || !network->timer_.valid())
    return io_error_errno("peers' event descriptor", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag(0, Source::kTimer);
  if (::epoll_ctl(network->epoll_.get(), EPOLL_CTL_ADD, network->timer_.get(), &event) != 0) {
    return io_error_errno("watching the peers' timer", errno);
  }
  const std::size_t max_body = std::max(network->config_.limits.max_message, kMaxControlBody);
  for (const PeerConfig& peer : network->config_.peers) {
    network->peers_.push_back(std::make_unique<Peer>(peer, max_body));
    network->peers_.back()->restart_delay = network->config_.first_restart_delay;
  }
  for (std::size_t i = 0; i < network->peers_.size(); ++i) TRY(network->spawn(i));
  TRY(network->wait_until_ready());
  return network;
}

PeerNetwork::~PeerNetwork() {
  // Peer processes end when their channel closes; one that does not is killed.
  for (const auto& peer : peers_) peer->channel.reset();
  for (const auto& peer : peers_) {
    pollfd item{peer->process.get(), POLLIN, 0};
    if (peer->process.valid()) (void)::poll(&item, 1, static_cast<int>(kStopTimeout.count()));
    peer->end_process();
  }
}

const std::string& PeerNetwork::name(std::size_t peer) const {
  return peers_.at(peer)->config.name;
}
const std::string& PeerNetwork::endpoint(std::size_t peer) const {
  return peers_.at(peer)->bound_endpoint;
}
const PeerStats& PeerNetwork::stats(std::size_t peer) const {
  return peers_.at(peer)->stats;
}
int PeerNetwork::process_id(std::size_t peer) const {
  return peers_.at(peer)->pid;
}

namespace {

// This executable with the channel as descriptor 3 and nothing else of ours. posix_spawn, because the node
// has threads.
Result<pid_t> spawn_process(int channel, const std::string& name) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, channel, kPeerChannelFd);
  posix_spawn_file_actions_addclosefrom_np(&actions, kPeerChannelFd + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string program = "custody-peer";
  std::string role = kPeerProcessArgument;
  std::string label = name;  // for whoever reads the process list
  std::array<char*, 4> argv{program.data(), role.data(), label.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return io_error_errno("starting the process of peer " + name, error);
  return pid;
}

// The first frame fits an empty socket; it has the secret key, so it does not pass through a queue.
Status send_configuration(int channel, const PeerProcessConfig& config) {
  Bytes body = encode_configuration(config);
  Bytes frame;
  frame.reserve(body.size() + kFrameOverhead);
  append_frame(frame, FrameType::kConfigure, body);
  const ssize_t sent = ::send(channel, frame.data(), frame.size(), MSG_NOSIGNAL);
  const int error = errno;
  wipe(body);
  wipe(frame);
  if (sent == static_cast<ssize_t>(frame.size())) return ok_status();
  return io_error_errno("configuring the process of peer " + config.peer_name, error);
}

}  // namespace

Status PeerNetwork::spawn(std::size_t index) {
  Peer& peer = *peers_[index];
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return io_error_errno("channel of peer " + peer.config.name, errno);
  }
  peer.channel = Fd(ends[0]);
  Fd child_end(ends[1]);
  // dup2 onto itself would leave close-on-exec set.
  if (child_end.get() == kPeerChannelFd)
    child_end = Fd(::fcntl(child_end.get(), F_DUPFD_CLOEXEC, kPeerChannelFd + 1));
  ASSIGN_OR_RETURN(peer.pid, spawn_process(child_end.get(), peer.config.name));
  // glibc 2.36 declares pidfd_open without C linkage.
  peer.process = Fd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  if (!peer.process.valid()) return io_error_errno("watching the process of peer " + peer.config.name, errno);
  peer.reader = FrameReader(std::max(config_.limits.max_message, kMaxControlBody));
  peer.writer.clear();
  peer.ready = peer.watching_writable = false;
  peer.failure = ok_status();
  peer.started = SteadyClock::now();
  peer.restart_at.reset();

  const std::string port = peer.config.bind_port == 0 ? "*" : std::to_string(peer.config.bind_port);
  const PeerProcessConfig process{peer.config.name,     peer.config.key,
                                  keys_.clone(),        "tcp://" + config_.bind_host + ":" + port,
                                  peer.config.endpoint, config_.limits};
  TRY(send_configuration(peer.channel.get(), process));

  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag(index, Source::kChannel);
  const bool watched = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer.channel.get(), &event) == 0;
  event.data.u64 = tag(index, Source::kProcess);
  if (!watched || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer.process.get(), &event) != 0) {
    return io_error_errno("watching peer " + peer.config.name, errno);
  }
  return ok_status();
}

// At the start only: what a peer says or does before all are ready is left for the first poll().
Status PeerNetwork::wait_until_ready() {
  const auto give_up = SteadyClock::now() + config_.start_timeout;
  Polled ignored;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = *peers_[i];
    while (!peer.ready) {
      const auto left = std::chrono::duration_cast<milliseconds>(give_up - SteadyClock::now()).count();
      pollfd item{peer.channel.get(), POLLIN, 0};
      const int polled = left > 0 ? ::poll(&item, 1, static_cast<int>(left)) : 0;
      if (polled < 0 && errno == EINTR) continue;
      if (polled <= 0) {
        return unavailable("the process of peer " + peer.config.name + " was not ready in time",
                           "the machine is overloaded, or the address to bind to does not answer");
      }
      const Status read = read_channel(i, ignored);
      if (!peer.failure.ok()) return peer.failure.with_context("peer " + peer.config.name);
      if (!read.ok()) {
        return read.with_hint(
            "main() must call run_peer_process() when its first argument is --peer-process");
      }
    }
  }
  return ok_status();
}

Polled PeerNetwork::poll() {
  Polled out;
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t data = events.at(static_cast<std::size_t>(i)).data.u64;
    const std::size_t index = data >> 2U;
    switch (static_cast<Source>(data & 3U)) {
      case Source::kTimer:
        restart_due_peers(out);
        break;
      case Source::kProcess:
        reap(index, out);
        break;
      case Source::kChannel:
        flush(index);
        // A channel that broke or talks nonsense: the end of the process tells why.
        if (peers_[index]->channel.valid() && !read_channel(index, out).ok()) {
          (void)::kill(peers_[index]->pid, SIGKILL);
          peers_[index]->channel.reset();
        }
        break;
    }
  }
  return out;
}

Status PeerNetwork::read_channel(std::size_t index, Polled& out) {
  Peer& peer = *peers_[index];
  std::size_t taken = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<Frame> frame, peer.reader.next());
    if (frame) {
      TRY(handle_frame(index, static_cast<std::uint8_t>(frame->type), frame->body, out));
      taken += frame->body.size() + kFrameOverhead;
      continue;
    }
    if (taken >= kReadPerPoll) return ok_status();
    const FrameReader::Fill filled = peer.reader.fill(peer.channel.get());
    if (filled == FrameReader::Fill::kEmpty) return ok_status();
    if (filled == FrameReader::Fill::kClosed) {
      return unavailable("the process of peer " + peer.config.name + " closed its channel");
    }
  }
}

Status PeerNetwork::handle_frame(std::size_t index, std::uint8_t type, ByteView body, Polled& out) {
  Peer& peer = *peers_[index];
  switch (static_cast<FrameType>(type)) {
    case FrameType::kReceived:
      if (!peer.ready) break;
      ++peer.stats.received;
      peer.stats.received_bytes += body.size();
      out.messages.push_back({index, to_bytes(body)});
      return ok_status();
    case FrameType::kReady: {
      BodyReader in(body);
      peer.baseline_kib = in.u64();
      const std::string endpoint = in.text(kMaxEndpointSize);
      if (!in.ok() || peer.ready) break;
      TRY(check_endpoint(endpoint));
      peer.bound_endpoint = endpoint;
      peer.config.bind_port =
          static_cast<std::uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1)));
      peer.ready = true;
      if (peer.stats.restarts > 0) {
        out.events.push_back(
            {index, PeerEventKind::kRestored, "peer " + peer.config.name + " is listened to again"});
      }
      return ok_status();
    }
    case FrameType::kFailed: {
      BodyReader in(body);
      const std::uint8_t code = in.u8();
      const std::string message = in.text(kMaxControlBody);
      const std::string hint = in.text(kMaxControlBody);
      if (!in.ok() || code == 0 || code > static_cast<std::uint8_t>(Code::kInternal)) break;
      peer.failure = Status(static_cast<Code>(code), message, hint);
      return ok_status();
    }
    case FrameType::kNotice:
      handle_notice(index, body, out);
      return ok_status();
    case FrameType::kCounters: {
      BodyReader in(body);
      const std::uint64_t dropped = in.u64();
      if (!in.ok()) break;
      peer.stats.dropped += dropped;
      return ok_status();
    }
    default:
      break;
  }
  return corrupt("the process of peer " + peer.config.name + " sent a malformed frame");
}

void PeerNetwork::handle_notice(std::size_t index, ByteView body, Polled& out) {
  Peer& peer = *peers_[index];
  BodyReader in(body);
  const auto notice = static_cast<Notice>(in.u8());
  const std::string text = in.text(kMaxControlBody);
  const std::string who = "peer " + peer.config.name;
  const auto report = [&](PeerEventKind kind, std::string detail) {
    if (peer.may_report(kind)) out.events.push_back({index, kind, std::move(detail)});
  };
  const auto violation = [&](const std::string& what) {
    ++peer.stats.violations;
    report(PeerEventKind::kViolation,
           who + " " + what + "; dropped (" + std::to_string(peer.stats.violations) + " violations so far)");
  };
  switch (notice) {
    case Notice::kConnected:
      peer.stats.connected = true;
      out.events.push_back({index, PeerEventKind::kConnected, "connected to " + who + " at " + text});
      break;
    case Notice::kDisconnected:
      peer.stats.connected = false;
      out.events.push_back(
          {index, PeerEventKind::kDisconnected, "lost the connection to " + who + " at " + text});
      break;
    case Notice::kRejectedKey:
      ++peer.stats.rejected_keys;
      report(PeerEventKind::kRejectedKey, "refused on the endpoint of " + who + ": CURVE key " + text);
      break;
    case Notice::kMultipart:
      violation("sent a message of several parts");
      break;
    case Notice::kOversize:
      violation("sent a message of " + text + " bytes");
      break;
    case Notice::kIdentity:
      violation("sent a message without its User-Id");
      break;
    case Notice::kThrottled:
      ++peer.stats.throttled;
      report(PeerEventKind::kThrottled, who + " is over its budget; reading pauses");
      break;
    case Notice::kBadEndpoint:
      report(PeerEventKind::kDisconnected, "the endpoint of " + who + " cannot be used: " + text);
      break;
  }
}

void PeerNetwork::reap(std::size_t index, Polled& out) {
  Peer& peer = *peers_[index];
  if (peer.pid < 0) return;
  if (peer.channel.valid()) (void)read_channel(index, out);  // its last words, above all why it failed
  int status = 0;
  rusage usage{};
  if (::wait4(peer.pid, &status, WNOHANG, &usage) != peer.pid) return;
  peer.pid = -1;
  peer.channel.reset();
  peer.process.reset();
  peer.stats.connected = false;
  if (peer.ready && SteadyClock::now() - peer.started >= kStableAfter) {
    peer.restart_delay = config_.first_restart_delay;
  }
  const auto peak_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
  const std::uint64_t grown_kib = peak_kib > peer.baseline_kib ? peak_kib - peer.baseline_kib : 0;
  const std::uint64_t cap_kib = config_.limits.memory_cap / 1024;
  std::string why = describe_end(status);
  if (!peer.failure.ok()) {
    why = peer.failure.to_string();
  } else if (peer.ready && grown_kib >= cap_kib / 2) {
    why = "over its memory cap of " + std::to_string(cap_kib) + " KiB, " + why;
  }
  out.events.push_back({index, PeerEventKind::kDropped,
                        "dropped peer " + peer.config.name + ": " + why + "; its process had grown by " +
                            std::to_string(grown_kib) + " KiB; next try in " +
                            std::to_string(peer.restart_delay.count()) + " ms"});
  peer.restart_at = SteadyClock::now() + peer.restart_delay;
  peer.restart_delay = std::min(peer.restart_delay * 2, kMaxRestartDelay);
  arm_timer();
}

void PeerNetwork::restart_due_peers(Polled& out) {
  std::uint64_t expirations = 0;
  (void)!::read(timer_.get(), &expirations, sizeof expirations);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = *peers_[i];
    if (!peer.restart_at || *peer.restart_at > SteadyClock::now()) continue;
    ++peer.stats.restarts;
    const Status spawned = spawn(i);
    if (spawned.ok()) continue;
    out.events.push_back({i, PeerEventKind::kDropped, spawned.to_string()});
    peer.end_process();
    peer.restart_at = SteadyClock::now() + peer.restart_delay;
  }
  arm_timer();
}

void PeerNetwork::arm_timer() {
  std::optional<SteadyClock::time_point> next;
  for (const auto& peer : peers_) {
    if (peer->restart_at && (!next || *peer->restart_at < *next)) next = peer->restart_at;
  }
  itimerspec when{};
  if (next) {
    const auto left =
        std::chrono::duration_cast<std::chrono::nanoseconds>(*next - SteadyClock::now()).count();
    const auto ns = std::max<std::int64_t>(left, 1);
    when.it_value.tv_sec = ns / 1'000'000'000;
    when.it_value.tv_nsec = ns % 1'000'000'000;
  }
  (void)::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

void PeerNetwork::watch_channel(std::size_t index, bool writable) {
  Peer& peer = *peers_[index];
  if (peer.watching_writable == writable) return;
  epoll_event event{};
  event.events = EPOLLIN | (writable ? EPOLLOUT : 0U);
  event.data.u64 = tag(index, Source::kChannel);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, peer.channel.get(), &event) == 0)
    peer.watching_writable = writable;
}

void PeerNetwork::flush(std::size_t index) {
  Peer& peer = *peers_[index];
  if (!peer.channel.valid()) return;
  if (!peer.writer.flush(peer.channel.get())) peer.writer.clear();  // its end is reported through the process
  watch_channel(index, !peer.writer.empty());
}

Status PeerNetwork::send(std::size_t index, ByteView message) {
  Peer& peer = *peers_.at(index);
  if (message.size() > config_.limits.max_message) {
    return invalid("message of " + std::to_string(message.size()) + " bytes for peer " + peer.config.name +
                   "; at most " + std::to_string(config_.limits.max_message));
  }
  if (!peer.channel.valid() || !peer.stats.connected) {
    ++peer.stats.dropped;
    return unavailable("peer " + peer.config.name + " is not connected");
  }
  if (peer.writer.size() + message.size() + kFrameOverhead > config_.limits.send_queue) {
    ++peer.stats.dropped;
    return exhausted("the queue to peer " + peer.config.name + " is full");
  }
  peer.writer.push(FrameType::kSend, message);
  ++peer.stats.sent;
  flush(index);
  return ok_status();
}

Status PeerNetwork::set_endpoint(std::size_t index, const std::string& endpoint) {
  TRY(check_endpoint(endpoint));
  Peer& peer = *peers_.at(index);
  peer.config.endpoint = endpoint;  // a restarted process gets it from here
  if (!peer.channel.valid()) return ok_status();
  peer.writer.push(FrameType::kSetEndpoint, as_bytes(endpoint));
  flush(index);
  return ok_status();
}

}  // namespace custody::ledger::network
