#include "ledger/node/daemon.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/file.h"
#include "base/log.h"
#include "ledger/consensus/log.h"
#include "ledger/followers/follower.h"
#include "ledger/network/peer_network.h"
#include "ledger/node/api_server.h"
#include "ledger/node/external_chains.h"
#include "ledger/node/node_config.h"
#include "ledger/node/parallel_verifier.h"
#include "ledger/node/replica.h"
#include "ledger/node/signer_link.h"
#include "ledger/store/rocks_store.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

constexpr std::uint64_t kTickMs = 50;
constexpr std::uint64_t kPeersFileMs = 200;
constexpr std::size_t kMaxGenesisBytes = 1u << 20;
constexpr std::size_t kMaxProblems = 8;
constexpr std::size_t kMaxVerifierThreads = 8;

model::LedgerMs ledger_now(const Clock& clock) {
  return model::LedgerMs(clock.wall().value);
}

// One per core; beyond that a block of this size has nothing to share out.
std::size_t verifier_threads() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxVerifierThreads);
}

// What duties and API see of the replica.
class ReplicaView final : public LedgerView {
 public:
  explicit ReplicaView(const Replica& replica) : replica_(replica) {}
  model::Height height() const override { return replica_.state().height(); }
  std::optional<Bytes> get(ByteView key) const override { return replica_.state().get(key); }
  void scan(ByteView prefix, const std::function<bool(ByteView, ByteView)>& visit) const override {
    for (const auto& [key, value] : replica_.state().scan(prefix)) {
      if (!visit(key, value)) return;
    }
  }
  Result<model::LedgerEvidence> evidence(const std::vector<Bytes>& keys) const override {
    return replica_.evidence(keys);
  }

 private:
  const Replica& replica_;
};

class Daemon final : public Backend {
 public:
  static Result<std::unique_ptr<Daemon>> start(const DaemonOptions& options);
  Status loop(int signal_fd);

 private:
  struct Chain {
    const model::ExternalChain* record = nullptr;
    std::unique_ptr<followers::Follower> follower;
    std::optional<followers::HeadObserved> head;
    Status problem;
    std::map<std::uint64_t, std::string> broadcasts;  // ticket -> what, for the log
  };

  explicit Daemon(std::string directory) : directory_(std::move(directory)) {}

  Status load_identity();
  Status load_genesis(const std::string& path);
  Status open_ledger();
  Status start_network();
  Status start_followers();
  Status start_api(int ready_fd);

  consensus::Now now() const { return {clock_.wall(), clock_.monotonic()}; }
  void step(const Event& event);
  void act(const Action& action);
  void advanced(const consensus::Committed& committed);
  void step_duties(const DutiesEvent& event);
  void act(const DutiesAction& action);
  void serve_network();
  void serve_duties_signer(const pollfd& descriptor);
  void serve_chain(model::ExternalChainId id, Chain& chain);
  void observe(model::ExternalChainId id, Chain& chain, const followers::Action& action);
  void watch_more();
  void read_peers_file();
  void tick();
  int poll_timeout() const;

  // Backend
  const LedgerView& ledger() const override { return *view_; }
  Result<std::optional<CommittedBlock>> block(model::Height height) const override;
  Result<std::optional<TransactionPlace>> find(const model::TxId& id) const override {
    return replica_->find_transaction(id);
  }
  bool pending(const model::TxId& id) const override { return replica_->mempool().contains(id); }
  Status submit(const Bytes& envelope) override;
  std::optional<SignerSaid> said_of(model::CurrencyId currency, model::SlotId slot) const override {
    return duties_->said_of(currency, slot);
  }
  Json status() const override;
  Json peers_status() const;
  Json chains_status() const;
  void problem(const Status& status);

  std::string directory_;
  SystemClock clock_;
  SystemEntropy entropy_;
  model::Genesis genesis_;
  Bytes genesis_bytes_;
  model::ChainId chain_id_;
  model::MemberId own_;
  network::CurveKeyPair curve_;
  NodeConfig config_;

  std::unique_ptr<store::RocksStore> store_;
  std::unique_ptr<Directory> wal_directory_;
  std::unique_ptr<consensus::Log> wal_;
  ParallelVerifier verifier_{verifier_threads()};
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<ReplicaView> view_;
  std::unique_ptr<ExternalChains> external_;
  std::unique_ptr<Duties> duties_;
  std::unique_ptr<network::PeerNetwork> network_;
  std::vector<model::MemberId> peer_ids_;  // by index in the network
  std::map<model::ExternalChainId, Chain> chains_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<SignerLink> consensus_signer_;
  std::unique_ptr<SignerLink> duties_signer_;

  MonotonicMs wake_at_{0};
  MonotonicMs next_tick_{0};
  MonotonicMs next_peers_read_{0};
  bool peers_known_ = false;
  bool ledger_advanced_ = false;
  bool pass_on_ = false;  // transactions were submitted that peers have not heard of
  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, Status> submitted_;
  std::vector<std::string> problems_;
  Status halted_;
};

Result<std::unique_ptr<Daemon>> Daemon::start(const DaemonOptions& options) {
  std::unique_ptr<Daemon> daemon(new Daemon(options.member_directory));
  TRY(daemon->load_identity());
  TRY(daemon->open_ledger());
  TRY(daemon->start_network());
  TRY(daemon->start_followers());
  TRY(daemon->start_api(options.ready_fd));
  return daemon;
}

Status Daemon::load_genesis(const std::string& path) {
  constexpr std::string_view kHint = "custody-ceremony bind puts the network's genesis.bin there";
  auto bytes = read_file(path, kMaxGenesisBytes);
  if (!bytes.ok()) return bytes.status().with_hint(kHint);
  auto genesis = proto::reader::decode_genesis(*bytes);
  if (!genesis.ok()) return genesis.status().with_context(path).with_hint(kHint);
  genesis_bytes_ = std::move(*bytes);
  genesis_ = std::move(*genesis);
  return ok_status();
}

Status Daemon::load_identity() {
  TRY(load_genesis(directory_ + "/genesis.bin"));
  chain_id_ = proto::reader::chain_id_of(genesis_bytes_);
  auto curve = network::read_curve_key_file(directory_ + "/secrets/curve.key");
  if (!curve.ok())
    return curve.status().with_hint("restore the member's own key: genesis names it, no other will do");
  curve_ = std::move(*curve);
  for (const model::Member& member : genesis_.members) {
    if (equal(member.curve_key, curve_.public_key)) own_ = member.id;
  }
  if (own_ == model::MemberId(0)) {
    return invalid("secrets/curve.key belongs to no member of genesis.bin",
                   "use the member directory that its custody-ceremony made");
  }
  ASSIGN_OR_RETURN(config_, load_node_config(directory_, genesis_));
  return ok_status();
}

Status Daemon::open_ledger() {
  const std::string node = directory_ + "/node";
  TRY(make_directory(node, 0700));
  ASSIGN_OR_RETURN(store_, store::RocksStore::open(node + "/db"));
  ASSIGN_OR_RETURN(wal_directory_, open_directory(node));
  std::vector<consensus::LogRecord> records;
  ASSIGN_OR_RETURN(wal_, consensus::FileLog::open(*wal_directory_, entropy_, records));
  ReplicaConfig config;
  config.genesis = genesis_;
  config.chain = chain_id_;
  config.self = own_;
  ASSIGN_OR_RETURN(replica_, Replica::open(std::move(config), *store_, *wal_, std::move(records), verifier_));
  view_ = std::make_unique<ReplicaView>(*replica_);
  external_ = std::make_unique<ExternalChains>(
      genesis_, chain_id_,
      [this](model::ExternalChainId chain, const followers::TransactionFound& found,
             model::ExternalHeight head) { return chains_.at(chain).follower->core().proof(found, head); });
  duties_ = std::make_unique<Duties>(genesis_, chain_id_, own_, *view_, *external_, entropy_);
  consensus_signer_ = std::make_unique<SignerLink>(directory_ + "/run/signer-node.sock");
  duties_signer_ = std::make_unique<SignerLink>(directory_ + "/run/signer-node.sock");
  return ok_status();
}

Status Daemon::start_network() {
  ASSIGN_OR_RETURN(const Endpoints before, read_endpoints(directory_));
  network::NetworkConfig config;
  config.bind_host = config_.listen_host;
  for (const model::Member& member : genesis_.members) {
    if (member.id == own_) continue;
    network::PeerConfig peer;
    peer.name = std::string(as_text(member.name));
    peer.key = network::CurvePublicKey(member.curve_key.array());
    if (const auto known = before.find(peer.name); known != before.end()) {
      ASSIGN_OR_RETURN(peer.bind_port, endpoint_port(known->second));
    }
    config.peers.push_back(std::move(peer));
    peer_ids_.push_back(member.id);
  }
  ASSIGN_OR_RETURN(network_, network::PeerNetwork::start(std::move(config), curve_));
  Endpoints endpoints;
  for (std::size_t i = 0; i < network_->size(); ++i) endpoints[network_->name(i)] = network_->endpoint(i);
  TRY(make_directory(directory_ + "/run", 0700));
  return write_endpoints(directory_, as_text(genesis_.members[own_.get() - 1u].name), endpoints);
}

Status Daemon::start_followers() {
  for (const model::Currency& currency : genesis_.currencies) {
    Chain& chain = chains_[currency.chain];
    chain.record = model::find_chain(genesis_, currency.chain);
    CHECK(chain.record != nullptr);
    const ChainConfig& rpc = config_.chains.at(std::string(as_text(chain.record->name)));
    const auto* limits = model::find_parameters(replica_->state().registry().parameters, currency.id);
    CHECK(limits != nullptr);
    followers::FollowerSettings settings;
    settings.chain = *chain.record;
    settings.scan_from = chain.record->anchor_height;
    settings.default_fee_rate = limits->default_fee_rate;
    settings.poll_ms = rpc.poll_ms;
    followers::RpcSettings connection;
    connection.url = rpc.url;
    connection.user = rpc.user;
    connection.password_file = rpc.password_file;
    ASSIGN_OR_RETURN(chain.follower, followers::Follower::start(std::move(settings), connection, clock_));
  }
  watch_more();
  return ok_status();
}

Status Daemon::start_api(int ready_fd) {
  api_ = std::make_unique<Api>(genesis_, genesis_bytes_, own_, *this);
  ASSIGN_OR_RETURN(server_, ApiServer::listen(directory_ + "/run/node.sock", *api_));
  if (ready_fd >= 0) {
    constexpr std::string_view kReady = "ready\n";
    if (write(ready_fd, kReady.data(), kReady.size()) != static_cast<ssize_t>(kReady.size())) {
      return io_error("cannot write to the ready descriptor");
    }
    close(ready_fd);
  }
  log::info("node.ready", {{"member", as_text(genesis_.members[own_.get() - 1u].name)},
                           {"chain_id", chain_id_.hex()},
                           {"height", replica_->state().height().get()}});
  return ok_status();
}

Status Daemon::loop(int signal_fd) {
  step(consensus::Start{});
  while (halted_.ok()) {
    std::vector<pollfd> descriptors;
    descriptors.push_back({signal_fd, POLLIN, 0});
    descriptors.push_back({network_->event_fd(), POLLIN, 0});
    consensus_signer_->prepare(descriptors);
    duties_signer_->prepare(descriptors);
    for (const auto& [id, chain] : chains_) descriptors.push_back({chain.follower->event_fd(), POLLIN, 0});
    const std::size_t api_from = descriptors.size();
    server_->prepare(descriptors);
    const int ready = poll(descriptors.data(), descriptors.size(), poll_timeout());
    if (ready < 0 && errno != EINTR) return io_error_errno("poll", errno);
    if ((descriptors[0].revents & POLLIN) != 0) {
      log::info("node.stopping");
      return ok_status();
    }
    if ((descriptors[1].revents & POLLIN) != 0) serve_network();
    for (const auto& reply : consensus_signer_->serve(descriptors[2], clock_.monotonic()))
      step(consensus::FromSigner{reply});
    serve_duties_signer(descriptors[3]);
    std::size_t at = 4;
    for (auto& [id, chain] : chains_) {
      if ((descriptors[at++].revents & POLLIN) != 0) serve_chain(id, chain);
    }
    server_->serve(std::span<const pollfd>(descriptors).subspan(api_from), clock_.monotonic());
    tick();
  }
  return halted_;
}

int Daemon::poll_timeout() const {
  const std::uint64_t at = clock_.monotonic().value;
  const std::uint64_t next = std::min(wake_at_.value, next_tick_.value);
  return next <= at ? 0 : static_cast<int>(std::min(next - at, kTickMs));
}

void Daemon::tick() {
  const MonotonicMs at = clock_.monotonic();
  if (std::exchange(pass_on_, false)) step(PassOn{});
  if (at.value >= wake_at_.value) {
    wake_at_.value = at.value + kTickMs;
    step(consensus::Tick{});
  }
  if (ledger_advanced_) {
    ledger_advanced_ = false;
    watch_more();
    step_duties(DutiesTick{at});
    server_->ledger_advanced(at);
  }
  if (at.value < next_tick_.value) return;
  next_tick_.value = at.value + kTickMs;
  step_duties(DutiesTick{at});
  server_->tick(at);
  if (!peers_known_ && at.value >= next_peers_read_.value) read_peers_file();
}

void Daemon::step(const Event& event) {
  for (const Action& action : replica_->step(now(), event)) act(action);
}

void Daemon::act(const Action& action) {
  if (const auto* send = std::get_if<consensus::Send>(&action)) {
    const auto at = std::ranges::find(peer_ids_, send->peer);
    // A peer that is down or slow gets again what it lacks: consensus compares notes every 250 ms.
    if (at != peer_ids_.end())
      static_cast<void>(network_->send(static_cast<std::size_t>(at - peer_ids_.begin()), send->message).ok());
  } else if (const auto* broadcast = std::get_if<consensus::Broadcast>(&action)) {
    for (std::size_t i = 0; i < peer_ids_.size(); ++i)
      static_cast<void>(network_->send(i, broadcast->message).ok());
  } else if (const auto* sign = std::get_if<consensus::Sign>(&action)) {
    consensus_signer_->ask(sign->request);
  } else if (const auto* wake = std::get_if<consensus::WakeAt>(&action)) {
    wake_at_ = wake->at;
  } else if (const auto* committed = std::get_if<consensus::Committed>(&action)) {
    advanced(*committed);
  } else if (const auto* equivocation = std::get_if<consensus::Equivocation>(&action)) {
    problem(refused("member " + std::to_string(equivocation->member.get()) +
                    " signed two messages for one position"));
  } else if (const auto* report = std::get_if<consensus::Report>(&action)) {
    log::warning("consensus.report", {{"message", report->status.to_string()}});
  } else if (const auto* halt = std::get_if<consensus::Halt>(&action)) {
    halted_ = halt->status;
  } else if (const auto* submitted = std::get_if<Submitted>(&action)) {
    submitted_[submitted->ticket] = submitted->id.ok() ? Status() : submitted->id.status();
  }
}

void Daemon::advanced(const consensus::Committed& committed) {
  ledger_advanced_ = true;
  log::info("block.committed",
            {{"height", committed.block.header.height.get()},
             {"round", std::uint64_t{committed.commit.round.get()}},
             {"transactions", static_cast<std::uint64_t>(committed.block.transactions.size())},
             {"signatures", static_cast<std::uint64_t>(committed.commit.signatures.size())}});
}

void Daemon::problem(const Status& status) {
  log::warning("node.problem", {{"message", status.to_string()}});
  problems_.push_back(status.to_string());
  if (problems_.size() > kMaxProblems) problems_.erase(problems_.begin());
}

void Daemon::step_duties(const DutiesEvent& event) {
  for (const DutiesAction& action : duties_->step(event)) act(action);
}

void Daemon::act(const DutiesAction& action) {
  if (const auto* ask = std::get_if<AskSigner>(&action)) {
    duties_signer_->ask(ask->request);
  } else if (const auto* submission = std::get_if<SubmitTransaction>(&action)) {
    const Status status = submit(submission->envelope);
    if (!status.ok()) log::info("duties.transaction_refused", {{"message", status.to_string()}});
  } else if (const auto* broadcast = std::get_if<BroadcastExternal>(&action)) {
    Chain& chain = chains_.at(broadcast->chain);
    chain.broadcasts[chain.follower->broadcast(broadcast->raw)] = "payout";
  } else if (const auto* report = std::get_if<DutiesReport>(&action)) {
    log::warning("duties.report", {{"message", report->status.to_string()}});
  }
}

void Daemon::serve_duties_signer(const pollfd& descriptor) {
  const std::uint64_t connections = duties_signer_->connections();
  for (const auto& reply : duties_signer_->serve(descriptor, clock_.monotonic()))
    step_duties(SignerAnswered{reply});
  if (duties_signer_->connections() != connections) step_duties(SignerConnected{});
}

void Daemon::serve_network() {
  network::Polled polled = network_->poll();
  for (const network::PeerEvent& event : polled.events) {
    log::warning("peer." + std::string(network::peer_event_name(event.kind)), {{"detail", event.detail}});
  }
  for (network::Incoming& incoming : polled.messages) {
    step(PeerBytes{peer_ids_[incoming.peer], std::move(incoming.message)});
    if (!halted_.ok()) return;
  }
}

void Daemon::serve_chain(model::ExternalChainId id, Chain& chain) {
  for (const followers::Action& action : chain.follower->poll()) observe(id, chain, action);
}

void Daemon::observe(model::ExternalChainId id, Chain& chain, const followers::Action& action) {
  if (const auto* head = std::get_if<followers::HeadObserved>(&action)) {
    chain.head = *head;
    step_duties(HeadSeen{id, head->height, head->hash, head->time, head->fee_rate});
  } else if (const auto* found = std::get_if<followers::TransactionFound>(&action)) {
    external_->found(id, *found);
  } else if (const auto* undone = std::get_if<followers::BlocksUndone>(&action)) {
    log::warning("chain.blocks_undone",
                 {{"chain", as_text(chain.record->name)}, {"from", std::uint64_t{undone->first.get()}}});
    external_->undone(id, undone->first);
  } else if (const auto* done = std::get_if<followers::BroadcastDone>(&action)) {
    chain.broadcasts.erase(done->ticket);
    log::info("chain.broadcast",
              {{"chain", as_text(chain.record->name)}, {"outcome", done->status.to_string()}});
  } else if (const auto* problem_found = std::get_if<followers::Problem>(&action)) {
    chain.problem = problem_found->status;
    log::warning("chain.problem",
                 {{"chain", as_text(chain.record->name)}, {"message", chain.problem.to_string()}});
  }
}

void Daemon::watch_more() {
  for (const ExternalChains::Watch& watch : external_->watches(*view_)) {
    followers::Follower& follower = *chains_.at(watch.chain).follower;
    if (const auto* script = std::get_if<followers::WatchScript>(&watch.event)) {
      follower.watch_script(script->script, script->since);
    } else if (const auto* outpoint = std::get_if<followers::WatchOutPoint>(&watch.event)) {
      follower.watch_outpoint(outpoint->outpoint, outpoint->since);
    } else if (const auto* done = std::get_if<followers::UnwatchOutPoint>(&watch.event)) {
      follower.unwatch_outpoint(done->outpoint);
    }
  }
}

void Daemon::read_peers_file() {
  next_peers_read_.value = clock_.monotonic().value + kPeersFileMs;
  const auto peers = load_peers(directory_, genesis_, own_);
  if (!peers.ok()) {
    halted_ = peers.status();
    return;
  }
  if (!*peers) return;
  for (std::size_t i = 0; i < network_->size(); ++i) {
    const Status status = network_->set_endpoint(i, (*peers)->at(network_->name(i)));
    if (!status.ok()) halted_ = status;
  }
  peers_known_ = true;
  log::info("node.peers_known");
}

Result<std::optional<CommittedBlock>> Daemon::block(model::Height height) const {
  ASSIGN_OR_RETURN(auto decided, replica_->decided(height));
  if (!decided) return std::optional<CommittedBlock>();
  return std::optional<CommittedBlock>({std::move(decided->block), std::move(decided->commit)});
}

Status Daemon::submit(const Bytes& envelope) {
  const std::uint64_t ticket = next_ticket_++;
  step(Submit{ticket, envelope});
  pass_on_ = true;
  const auto found = submitted_.find(ticket);
  if (found == submitted_.end()) return internal_error("the replica did not answer a submission");
  Status status = std::move(found->second);
  submitted_.erase(found);
  return status;
}

Json Daemon::peers_status() const {
  Json out = Json::array();
  for (std::size_t i = 0; i < network_->size(); ++i) {
    Json entry = Json::object();
    entry.set("name", network_->name(i))
        .set("connected", network_->stats(i).connected)
        .set("height", replica_->consensus().peer_height(peer_ids_[i]).get());
    out.push(std::move(entry));
  }
  return out;
}

Json Daemon::chains_status() const {
  Json out = Json::array();
  for (const auto& [id, chain] : chains_) {
    const auto tip = replica_->state().get<model::RecordedHead>(model::head_tip_key(id));
    Json entry = Json::object();
    entry.set("name", as_text(chain.record->name))
        .set("height", chain.head ? Json(std::uint64_t{chain.head->height.get()}) : Json())
        .set("hash", chain.head ? Json(to_hex_reversed(chain.head->hash)) : Json())
        .set("recorded_height", tip ? Json(std::uint64_t{tip->height.get()}) : Json())
        .set("problem", chain.problem.ok() ? Json() : Json(chain.problem.to_string()));
    out.push(std::move(entry));
  }
  return out;
}

Json Daemon::status() const {
  Json missing = Json::array();
  for (model::MemberId member : replica_->consensus().missing_votes()) {
    missing.push(as_text(genesis_.members[member.get() - 1u].name));
  }
  Json signer = Json::object();
  signer.set("connected", consensus_signer_->connected());
  Json problems = Json::array();
  for (const std::string& one : problems_) problems.push(one);
  Json out = Json::object();
  out.set("round", std::uint64_t{replica_->consensus().round().get()})
      .set("clock_ms", ledger_now(clock_).get())
      .set("waiting_transactions", static_cast<std::uint64_t>(replica_->mempool().count()))
      .set("missing_votes", std::move(missing))
      .set("peers", peers_status())
      .set("chains", chains_status())
      .set("signer", std::move(signer))
      .set("problems", std::move(problems));
  return out;
}

// SIGTERM and SIGINT as a descriptor; every thread started later inherits the blocked mask.
Result<Fd> stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return io_error_errno("sigprocmask", errno);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd.valid()) return io_error_errno("signalfd", errno);
  return fd;
}

}  // namespace

Status run_daemon(const DaemonOptions& options) {
  // A closed connection and a full file are errors of the call that meets them.
  static_cast<void>(signal(SIGPIPE, SIG_IGN));
  static_cast<void>(signal(SIGXFSZ, SIG_IGN));
  ASSIGN_OR_RETURN(const Fd signals, stop_signals());
  ASSIGN_OR_RETURN(const std::unique_ptr<Daemon> daemon, Daemon::start(options));
  return daemon->loop(signals.get());
}

}  // namespace custody::ledger::node
