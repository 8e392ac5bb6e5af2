#include "tests/simulation/simulation.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <queue>
#include <set>

#include "base/crypto/hash.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/lies.h"
#include "tests/simulation/network.h"
#include "tests/simulation/random.h"
#include "tests/simulation/signer.h"

namespace custody::tests::simulation {
namespace {

namespace consensus = ledger::consensus;
namespace node = ledger::node;
namespace store = ledger::store;

constexpr std::uint64_t kFaultMs = 15'000;  // of simulated time
constexpr std::uint64_t kHealMs = 30'000;   // at most, to progress again
constexpr std::uint64_t kHeightsToHeal = 3;

bool two_thirds_are_enough(model::Weight part, model::Weight total) {
  return part.get() * 3 >= total.get() * 2;
}

// The planted fault lock_not_saved: all but the locks reach the log.
class ForgetfulLog final : public consensus::Log {
 public:
  explicit ForgetfulLog(consensus::Log& inner) : inner_(inner) {}
  Status append(const consensus::LogRecord& record) override {
    return std::holds_alternative<consensus::LockRecord>(record.entry) ? ok_status() : inner_.append(record);
  }
  Status sync() override { return inner_.sync(); }
  Status start_height(model::Height height) override { return inner_.start_height(height); }

 private:
  consensus::Log& inner_;
};

// A database that can lose its power at a write, before or after it is durable.
class SimStore final : public store::KeyValueStore {
 public:
  enum class Cut { kNone, kBefore, kAfter };
  using KeyValueStore::iterate;
  Result<std::optional<Bytes>> get(store::Family family, ByteView key) const override {
    return inner_.get(family, key);
  }
  Status write(const store::Batch& batch, store::Durability durability) override {
    const Cut cut = std::exchange(cut_, Cut::kNone);
    if (cut != Cut::kNone) dead_ = true;
    if (cut == Cut::kBefore) return io_error("simulated power cut");
    TRY(inner_.write(batch, durability));
    return cut == Cut::kAfter ? io_error("simulated power cut") : ok_status();
  }
  Status iterate(store::Family family, ByteView prefix, ByteView from, const Visitor& visit) const override {
    return inner_.iterate(family, prefix, from, visit);
  }
  Result<std::optional<std::pair<Bytes, Bytes>>> last(store::Family family, ByteView prefix) const override {
    return inner_.last(family, prefix);
  }
  void cut_at_next_write(Cut cut) { cut_ = cut; }
  bool dead() const { return dead_; }
  void crash() {
    dead_ = false;
    cut_ = Cut::kNone;
    inner_.crash();
  }

 private:
  store::MemoryStore inner_;
  Cut cut_ = Cut::kNone;
  bool dead_ = false;
};

// How bad this run is: drawn once, so that runs differ in kind. Probabilities are per message or per event.
struct Weather {
  double loss = 0;
  double duplicate = 0;
  std::uint64_t delay_ms = 1;
  std::uint64_t crash_every_ms = 0;      // mean per node; 0: none
  std::uint64_t partition_every_ms = 0;  // 0: none
  std::uint64_t skew_ms = 0;
  double clock_steps = 0;      // per node and second
  double unknown_outcome = 0;  // of a signature
  double power_cut = 0;        // armed per event
};

Weather draw_weather(Random& random) {
  Weather out;
  const auto on = [&] { return random.chance(0.75); };
  if (on()) out.loss = static_cast<double>(random.between(1, 30)) / 100;
  if (on()) out.duplicate = static_cast<double>(random.between(1, 20)) / 100;
  out.delay_ms = random.between(1, 40);
  if (on()) out.crash_every_ms = random.between(1'500, 8'000);
  if (on()) out.partition_every_ms = random.between(400, 2'500);
  if (on()) out.skew_ms = random.between(50, 700);
  if (on()) out.clock_steps = 0.2;
  if (on()) out.unknown_outcome = 0.05;
  if (on()) out.power_cut = 0.002;
  return out;
}

struct Machine {
  Machine(std::size_t owner, std::uint64_t seed) : member(owner), disk(seed), entropy(seed + 7) {}

  std::size_t member;
  SimDirectory disk;
  SimStore database;
  SeededEntropy entropy;
  std::unique_ptr<consensus::FileLog> file_log;
  std::unique_ptr<ForgetfulLog> forgetful_log;
  std::unique_ptr<node::Replica> replica;
  std::uint64_t incarnation = 0;  // of the running node: what was meant for an earlier one is dropped
  std::int64_t wall_offset = 0;
  std::optional<std::uint64_t> wake;
  model::Height committed;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, Plant plant, bool verbose);
  Outcome run();

 private:
  using Handler = std::function<void()>;
  struct Event {
    std::uint64_t at;
    std::uint64_t sequence;
    Handler handler;
    bool operator>(const Event& other) const {
      return std::tie(at, sequence) > std::tie(other.at, other.sequence);
    }
  };

  void build();
  void schedule(std::uint64_t delay, Handler handler) {
    events_.push({now_ + delay, next_sequence_++, std::move(handler)});
  }
  void log(std::string_view what, std::size_t machine, ByteView detail = {});
  void run_until(std::uint64_t end, const std::function<bool()>& done);

  // Nodes.
  void start_machine(std::size_t index);
  void crash_machine(std::size_t index);
  void step(std::size_t index, const node::Event& event);
  void perform(std::size_t index, node::Actions actions);
  void wake_at(std::size_t index, MonotonicMs at);
  consensus::Now clock(const Machine& machine) const;

  // Signers.
  void sign(std::size_t index, const model::SignRequest& request);
  void crash_signer(std::size_t member);

  // Network.
  void transmit(std::size_t from, std::size_t to, const Bytes& message);
  void broadcast(std::size_t from, const Bytes& message);

  // Faults and load.
  void plan_crash(std::size_t index);
  void plan_partition();
  void plan_clock_step(std::size_t index);
  void plan_load();
  void draw_partition();
  void separate_twins();
  void heal();
  bool healed() const;
  std::uint64_t attestations() const;

  Random random_;
  Weather weather_;
  Outcome outcome_;
  Plant plant_;
  bool verbose_;
  Network network_;
  std::vector<Conduct> conduct_;
  bool lies_ = false;  // the cheat does, also after everything is healed
  std::unique_ptr<Checks> checks_;
  ledger::state::SerialVerifier serial_verifier_;
  node::VerificationCache verifier_{serial_verifier_, 100'000};  // one for all nodes: it only saves time
  std::vector<std::unique_ptr<Signer>> signers_;                 // by member
  std::vector<std::unique_ptr<Machine>> machines_;               // a twin has two
  std::vector<std::vector<bool>> blocked_;                       // from, to
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t now_ = 0;
  std::uint64_t next_sequence_ = 0;
  bool faults_ = true;
  std::uint64_t target_ = 0;  // height that everybody must reach after healing
  crypto::Sha256 log_;
};

Simulation::Simulation(std::uint64_t seed, Plant plant, bool verbose)
    : random_(seed), plant_(plant), verbose_(verbose) {
  outcome_.seed = seed;
  weather_ = draw_weather(random_);
  build();
}

void Simulation::build() {
  const std::size_t members = random_.chance(0.5) ? 4 : 7;
  outcome_.members = members;
  network_ = make_network(members, random_);
  conduct_.assign(members, Conduct::kCorrect);
  const std::uint64_t kind = random_.below(10);
  const std::size_t odd = random_.below(members);
  if (kind < 5) conduct_[odd] = Conduct::kCheat;
  lies_ = kind < 5 && random_.chance(0.5);
  if (kind >= 5 && kind < 8) conduct_[odd] = Conduct::kTwin;
  checks_ = std::make_unique<Checks>(network_, conduct_);
  for (std::size_t member = 0; member < members; ++member) {
    const Signer::Options options{conduct_[member] != Conduct::kCheat, plant_ == Plant::kWatermarkSkipped};
    signers_.push_back(
        std::make_unique<Signer>(network_, member, options, random_.entropy().next_u64(), *checks_));
    const int copies = conduct_[member] == Conduct::kCorrect ? 1 : 2;
    for (int copy = 0; copy < copies; ++copy) {
      machines_.push_back(std::make_unique<Machine>(member, random_.entropy().next_u64()));
    }
  }
  blocked_.assign(machines_.size(), std::vector<bool>(machines_.size(), false));
}

Outcome Simulation::run() {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    machines_[i]->wall_offset = random_.offset(weather_.skew_ms);
    start_machine(i);
    plan_crash(i);
    plan_clock_step(i);
  }
  plan_partition();
  plan_load();
  run_until(kFaultMs, [] { return false; });
  if (checks_->error().empty()) heal();
  run_until(kFaultMs + kHealMs, [this] { return healed(); });
  if (checks_->error().empty() && !healed()) {
    checks_->fail("progress: not everybody reached height " + std::to_string(target_) + " within " +
                  std::to_string(kHealMs) + " ms after the faults stopped");
  }
  outcome_.error = checks_->error();
  outcome_.max_round = checks_->max_round();
  outcome_.equivocations = checks_->equivocations();
  for (const auto& machine : machines_) {
    outcome_.height = std::max(outcome_.height, machine->committed.get());
    outcome_.lost_writes += machine->disk.counters().lost_writes;
  }
  for (const auto& signer : signers_) outcome_.lost_writes += signer->disk().counters().lost_writes;
  outcome_.attestations = attestations();
  outcome_.log_hash = log_.finish().hex();
  return outcome_;
}

void Simulation::log(std::string_view what, std::size_t machine, ByteView detail) {
  const std::string line =
      std::to_string(now_) + " " + std::string(what) + " " + std::to_string(machine) + " ";
  log_.update(as_bytes(line)).update(detail);
  if (!verbose_ || what == "deliver" || what == "wake") return;
  const model::Height height = machine < machines_.size() && machines_[machine]->replica
                                   ? machines_[machine]->replica->tip().height
                                   : model::Height();
  std::fprintf(stderr, "%s(tip %llu) %.*s\n", line.c_str(), static_cast<unsigned long long>(height.get()),
               static_cast<int>(std::min<std::size_t>(detail.size(), 160)),
               what == "report" || what == "halt" ? as_text(detail).data() : "");
}

void Simulation::run_until(std::uint64_t end, const std::function<bool()>& done) {
  while (checks_->error().empty() && !done() && !events_.empty() && events_.top().at <= end) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    event.handler();
  }
  now_ = std::max(now_, std::min(end, now_ + 1));
}

// ---- Nodes ----

consensus::Now Simulation::clock(const Machine& machine) const {
  const auto wall = static_cast<std::int64_t>(kGenesisMs + 10'000 + now_) + machine.wall_offset;
  return {UnixMs{static_cast<std::uint64_t>(wall)}, MonotonicMs{1'000 + now_}};
}

void Simulation::start_machine(std::size_t index) {
  Machine& machine = *machines_[index];
  CHECK(machine.replica == nullptr);
  const auto retry = [&] {
    machine.disk.crash(SimDirectory::Tear::kPrefix);
    schedule(random_.between(50, 500), [this, index] { start_machine(index); });
  };
  node::ReplicaConfig config{network_.genesis,
                             network_.chain,
                             model::MemberId(static_cast<std::uint16_t>(machine.member + 1)),
                             plant_ == Plant::kQuorumGe ? two_thirds_are_enough : model::is_quorum,
                             {}};
  std::vector<consensus::LogRecord> records;
  auto opened = consensus::FileLog::open(machine.disk, machine.entropy, records);
  if (!opened.ok()) {
    if (machine.disk.power_is_cut()) return retry();
    return checks_->fail("consensus log: " + opened.status().to_string());
  }
  machine.file_log = std::move(*opened);
  consensus::Log* log = machine.file_log.get();
  if (plant_ == Plant::kLockNotSaved) {
    machine.forgetful_log = std::make_unique<ForgetfulLog>(*log);
    log = machine.forgetful_log.get();
  }
  const bool first = machine.incarnation++ == 0;
  if (first) {
    // Genesis first, then the clients' funds: the node finds both in its store.
    auto fresh = node::Replica::open(config, machine.database, *log, {}, verifier_);
    CHECK(fresh.ok());
    endow(network_, machine.database);
  }
  auto replica = node::Replica::open(config, machine.database, *log, std::move(records), verifier_);
  if (!replica.ok()) return checks_->fail("restart: " + replica.status().to_string());
  machine.replica = std::move(*replica);
  checks_->on_recovered(machine.member, machine.committed, *machine.replica);
  this->log("start", index);
  step(index, consensus::Start{});
}

void Simulation::crash_machine(std::size_t index) {
  Machine& machine = *machines_[index];
  if (machine.replica == nullptr) return;
  log("crash", index);
  machine.replica.reset();
  machine.forgetful_log.reset();
  machine.file_log.reset();
  machine.wake.reset();
  ++machine.incarnation;
  machine.disk.crash(static_cast<SimDirectory::Tear>(random_.below(3)));
  machine.database.crash();
  ++outcome_.crashes;
  schedule(random_.between(20, 3'000), [this, index] { start_machine(index); });
}

void Simulation::step(std::size_t index, const node::Event& event) {
  Machine& machine = *machines_[index];
  if (machine.replica == nullptr) return;
  if (faults_ && random_.chance(weather_.power_cut)) {
    if (random_.chance(0.5)) {
      machine.disk.cut_power_after(random_.between(1, 4));
    } else {
      machine.database.cut_at_next_write(random_.chance(0.5) ? SimStore::Cut::kBefore
                                                             : SimStore::Cut::kAfter);
    }
  }
  node::Actions actions = machine.replica->step(clock(machine), event);
  perform(index, std::move(actions));
}

void Simulation::perform(std::size_t index, node::Actions actions) {
  Machine& machine = *machines_[index];
  for (node::Action& action : actions) {
    if (const auto* send = std::get_if<consensus::Send>(&action)) {
      for (std::size_t to = 0; to < machines_.size(); ++to) {
        if (machines_[to]->member + 1u == send->peer.get()) transmit(index, to, send->message);
      }
    } else if (const auto* cast = std::get_if<consensus::Broadcast>(&action)) {
      broadcast(index, cast->message);
    } else if (const auto* request = std::get_if<consensus::Sign>(&action)) {
      sign(index, request->request);
    } else if (const auto* wake = std::get_if<consensus::WakeAt>(&action)) {
      wake_at(index, wake->at);
    } else if (const auto* done = std::get_if<consensus::Committed>(&action)) {
      machine.committed = done->block.header.height;
      log("commit", index, done->commit.block);
      checks_->on_committed(machine.member, done->block, done->commit, *machine.replica);
    } else if (const auto* report = std::get_if<consensus::Report>(&action)) {
      log("report", index, as_bytes(report->status.message()));
    } else if (const auto* halt = std::get_if<consensus::Halt>(&action)) {
      log("halt", index, as_bytes(halt->status.message()));
      if (!machine.disk.power_is_cut() && !machine.database.dead()) {
        checks_->fail("member " + std::to_string(machine.member + 1) +
                      " halted: " + halt->status.to_string());
      }
      return crash_machine(index);
    }
  }
}

void Simulation::wake_at(std::size_t index, MonotonicMs at) {
  Machine& machine = *machines_[index];
  const std::uint64_t time = std::max(now_ + 1, at.value - std::min<std::uint64_t>(at.value, 1'000));
  if (machine.wake && *machine.wake <= time && *machine.wake > now_) return;
  machine.wake = time;
  schedule(time - now_, [this, index, time, incarnation = machine.incarnation] {
    Machine& sleeper = *machines_[index];
    if (sleeper.incarnation != incarnation || sleeper.wake != time) return;
    sleeper.wake.reset();
    log("wake", index);
    step(index, consensus::Tick{});
  });
}

// ---- Signers ----

void Simulation::sign(std::size_t index, const model::SignRequest& request) {
  const std::size_t member = machines_[index]->member;
  const std::uint64_t incarnation = machines_[index]->incarnation;
  schedule(random_.between(0, 3), [this, index, member, incarnation, request] {
    Signer& signer = *signers_[member];
    std::optional<model::SignReply> reply;
    if (signer.up()) {
      if (faults_ && random_.chance(weather_.power_cut)) signer.disk().cut_power_after(random_.between(1, 3));
      reply = signer.sign(request);
      if (!reply) crash_signer(member);
      if (reply && faults_ && random_.chance(weather_.unknown_outcome)) reply.reset();
    }
    if (!reply) {
      // What the node sees of a dead signer or a lost answer: it may have signed.
      reply.emplace();
      reply->id = request.id;
      reply->code = static_cast<std::uint8_t>(Code::kOutcomeUnknown);
    }
    log("signed", index, proto::reader::encode(*reply));
    schedule(random_.between(0, 5), [this, index, incarnation, answer = *reply] {
      if (machines_[index]->incarnation == incarnation) step(index, consensus::FromSigner{answer});
    });
  });
}

void Simulation::crash_signer(std::size_t member) {
  log("signer crash", member);
  signers_[member]->crash(static_cast<SimDirectory::Tear>(random_.below(3)));
  ++outcome_.crashes;
  schedule(random_.between(20, 1'500), [this, member] { signers_[member]->start(); });
}

// ---- Network ----

void Simulation::transmit(std::size_t from, std::size_t to, const Bytes& truth) {
  if (blocked_[from][to]) return;
  const std::size_t sender = machines_[from]->member;
  const bool lying = lies_ && conduct_[sender] == Conduct::kCheat;
  const std::optional<Bytes> said = lying ? lie(network_, sender, truth, random_) : truth;
  if (!said) return;
  const Bytes& message = *said;
  if (faults_ && random_.chance(weather_.loss)) return;
  const int copies = faults_ && random_.chance(weather_.duplicate) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    const std::uint64_t delay = 1 + (faults_ ? random_.exponential(weather_.delay_ms) : random_.below(5));
    schedule(delay, [this, from, to, message] {
      if (machines_[to]->replica == nullptr) return;
      log("deliver", to, message);
      step(to, node::PeerBytes{model::MemberId(static_cast<std::uint16_t>(machines_[from]->member + 1)),
                               message});
    });
  }
}

void Simulation::broadcast(std::size_t from, const Bytes& message) {
  for (std::size_t to = 0; to < machines_.size(); ++to) {
    if (machines_[to]->member != machines_[from]->member) transmit(from, to, message);
  }
}

// ---- Faults and load ----

void Simulation::plan_crash(std::size_t index) {
  if (weather_.crash_every_ms == 0) return;
  schedule(1 + random_.exponential(weather_.crash_every_ms), [this, index] {
    if (!faults_) return;
    crash_machine(index);
    plan_crash(index);
  });
}

void Simulation::plan_partition() {
  if (weather_.partition_every_ms == 0) {
    separate_twins();
    return;
  }
  schedule(1 + random_.exponential(weather_.partition_every_ms), [this] {
    if (!faults_) return;
    draw_partition();
    separate_twins();
    plan_partition();
  });
}

void Simulation::draw_partition() {
  for (auto& row : blocked_) row.assign(machines_.size(), false);
  const std::uint64_t kind = random_.below(6);
  log("partition", kind);
  if (kind < 2) return;
  ++outcome_.partitions;
  const bool one_way = random_.chance(0.3);
  std::vector<bool> side(machines_.size());
  if (kind == 2) side[random_.below(machines_.size())] = true;  // one is alone
  if (kind >= 3) {
    for (std::size_t i = 0; i < side.size(); ++i) side[i] = random_.chance(kind == 3 ? 0.5 : 0.3);
  }
  for (std::size_t from = 0; from < side.size(); ++from) {
    for (std::size_t to = 0; to < side.size(); ++to) {
      const bool cut = kind == 5 ? random_.chance(0.3) : side[from] != side[to] && (!one_way || side[from]);
      blocked_[from][to] = cut;
    }
  }
}

// Each of two nodes with one identity talks to its own part of the others: so they come to say different
// things.
void Simulation::separate_twins() {
  for (std::size_t a = 0; a + 1 < machines_.size(); ++a) {
    if (machines_[a]->member != machines_[a + 1]->member) continue;
    for (std::size_t other = 0; other < machines_.size(); ++other) {
      if (machines_[other]->member == machines_[a]->member || random_.chance(0.2)) continue;
      const std::size_t stranger = random_.chance(0.5) ? a : a + 1;
      blocked_[stranger][other] = blocked_[other][stranger] = true;
    }
  }
}

void Simulation::plan_clock_step(std::size_t index) {
  if (weather_.clock_steps == 0) return;
  schedule(random_.between(500, static_cast<std::uint64_t>(2'000 / weather_.clock_steps)), [this, index] {
    if (!faults_) return;
    machines_[index]->wall_offset = random_.offset(weather_.skew_ms);
    log("clock", index);
    plan_clock_step(index);
  });
}

void Simulation::plan_load() {
  schedule(random_.between(20, 250), [this] {
    const std::size_t index = random_.below(machines_.size());
    const Machine& machine = *machines_[index];
    const std::uint64_t height = machine.committed.get();
    const model::Height until(height + random_.between(2, 40));
    // Its version rises with time; many come too early, or when a later one stands already.
    const Bytes envelope = random_.chance(0.1) ? make_attestation(network_, now_ / 1'000 + 1, until, random_)
                                               : make_transfer(network_, until, random_);
    log("submit", index, envelope);
    step(index, node::Submit{next_sequence_, envelope});
    step(index, node::PassOn{});
    plan_load();
  });
}

void Simulation::heal() {
  faults_ = false;
  log("heal", 0);
  for (auto& row : blocked_) row.assign(machines_.size(), false);
  for (const auto& machine : machines_) {
    machine->wall_offset = random_.offset(200);
    target_ = std::max(target_, machine->committed.get());
  }
  target_ += kHeightsToHeal;
}

bool Simulation::healed() const {
  if (faults_) return false;
  return std::ranges::all_of(machines_, [this](const auto& machine) {
    return conduct_[machine->member] == Conduct::kCheat || machine->committed.get() >= target_;
  });
}

// Members with an attestation in the state of some node.
std::uint64_t Simulation::attestations() const {
  std::set<Bytes> keys;
  for (const auto& machine : machines_) {
    if (machine->replica == nullptr) continue;
    for (const auto& [key, value] :
         machine->replica->state().scan(Bytes{static_cast<std::uint8_t>(model::Table::kPolicyAttestation)})) {
      keys.insert(key);
    }
  }
  return keys.size();
}

}  // namespace

std::optional<Plant> parse_plant(std::string_view name) {
  if (name == "quorum_ge") return Plant::kQuorumGe;
  if (name == "lock_not_saved") return Plant::kLockNotSaved;
  if (name == "watermark_skipped") return Plant::kWatermarkSkipped;
  return std::nullopt;
}

Outcome run(std::uint64_t seed, Plant plant, bool verbose) {
  return Simulation(seed, plant, verbose).run();
}

}  // namespace custody::tests::simulation
