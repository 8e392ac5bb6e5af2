#include "tests/integration/real_network.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "base/file.h"
#include "base/unix_socket.h"
#include "policy/bundle/directory.h"
#include "proto/reader/digests.h"
#include "proto/reader/wire.h"
#include "signer/core/records.h"
#include "signer/journal/signer_journal.h"
#include "tests/support/paths.h"
#include "tests/support/policies.h"

namespace custody::tests {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMembers = 4;
constexpr std::size_t kMaxAnswer = 64u << 20;
constexpr std::chrono::seconds kPatience{60};
constexpr int kLookMs = 20;
constexpr std::uint64_t kGenesisTimeMs = 1'700'000'000'000;

std::string program(const std::string& name) {
  return bin_dir() + "/" + name;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs a program to its end.
int run(const std::vector<std::string>& arguments, const std::string& out) {
  ChildProcess child;
  child.start(arguments, out + ".err", [&] {
    const int fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) _exit(126);
    dup2(fd, STDOUT_FILENO);
  });
  return child.wait_exit();
}

// The same for every member: ten coins at once, a hundred a day.
void write_policy(const std::string& directory, const std::string& genesis_file, std::uint16_t member) {
  const auto bytes = read_file(genesis_file, 1u << 20);
  ASSERT_TRUE(bytes.ok());
  const auto genesis = proto::reader::decode_genesis(*bytes);
  ASSERT_TRUE(genesis.ok());
  const auto policy =
      make_policy(*genesis, proto::reader::chain_id_of(*bytes), ledger::model::MemberId(member),
                  {.mint = 1'000'000'000,
                   .mint_day = 10'000'000'000,
                   .withdrawal = 1'000'000'000,
                   .withdrawal_day = 10'000'000'000});
  const Status written = policy::bundle::write_directory(directory, policy);
  ASSERT_TRUE(written.ok()) << written.to_string();
}

Json currency_parameters() {
  Json out = Json::object();
  out.set("min_fee_per_byte", 1)
      .set("deposit_depth", 3)
      .set("settlement_depth", 3)
      .set("min_deposit", 100'000);
  out.set("min_burn", 100'000).set("default_fee_rate", 2'000).set("min_fee_rate", 1'000);
  out.set("max_fee_rate", 100'000).set("batch_time_ms", 1'000).set("batch_count", 8);
  out.set("batch_value", std::uint64_t{1'000'000'000'000}).set("max_inputs", 20).set("max_payees", 16);
  out.set("payout_cooldown", 1).set("bucket_capacity", std::uint64_t{100'000'000'000});
  return out.set("bucket_refill_per_hour", std::uint64_t{100'000'000'000});
}

Json chains_file(const FakeChain& chain) {
  Json anchor = Json::object();
  anchor.set("height", 0).set("hash", to_hex_reversed(chain.hash(0))).set("bits", "207fffff");
  Json external = Json::object();
  external.set("name", "bitcoin-regtest")
      .set("currency", "BTC")
      .set("genesis_hash", to_hex_reversed(chain.hash(0)));
  external.set("anchor", std::move(anchor)).set("magic", "fabfb5da").set("hrp", "bcrt").set("p2pkh", 111);
  external.set("p2sh", 196).set("pow_limit_bits", "207fffff").set("no_retarget", true);
  Json parameters = Json::object();
  parameters.set("max_transaction_bytes", 65'536)
      .set("max_block_bytes", 1'048'576)
      .set("max_valid_blocks", 3'600);
  parameters.set("empty_block_ms", 200).set("time_precision_ms", 5'000).set("round_timeout_ms", 500);
  parameters.set("round_timeout_step_ms", 100).set("epoch_blocks", 10).set("notice_epochs", 1);
  parameters.set("treasury_permille", 100);
  parameters.set("currencies", Json::object().set("BTC", currency_parameters()));
  Json out = Json::object();
  return out.set("chains", Json::array().push(std::move(external))).set("parameters", std::move(parameters));
}

}  // namespace

// ---- RealMember

RealMember::~RealMember() = default;

std::string RealMember::read(const std::string& file) const {
  return text_of(path(file));
}

void RealMember::write(const std::string& file, const std::string& text) const {
  std::ofstream(path(file), std::ios::binary | std::ios::trunc) << text;
}

bool RealMember::start(std::unique_ptr<ChildProcess>& child, const std::vector<std::string>& arguments,
                       const std::string& log, const std::function<void()>& prepare) const {
  child = std::make_unique<ChildProcess>();
  int ready[2];
  CHECK(pipe2(ready, O_CLOEXEC) == 0);
  child->start(arguments, path(log), [&] {
    dup2(ready[1], 11);
    prepare();
  });
  close(ready[1]);
  char answer[16];
  const ssize_t got = ::read(ready[0], answer, sizeof answer);
  close(ready[0]);
  return got == 6;
}

bool RealMember::start_signer() {
  const Fd pin(open(path("secrets/user-pin").c_str(), O_RDONLY | O_CLOEXEC));
  return start(signer_,
               {program("custody-signerd"), "--member", directory_, "--pin-fd", "10", "--ready-fd", "11"},
               "logs/signerd.log", [&] { dup2(pin.get(), 10); });
}

bool RealMember::start_node(const std::function<void()>& prepare) {
  return start(node_, {program("custody-noded"), "--member", directory_, "--ready-fd", "11"},
               "logs/noded.log", prepare);
}

void RealMember::kill_node() {
  node_->kill(SIGKILL);
  node_->wait_exit();
}

void RealMember::kill_signer() {
  signer_->kill(SIGKILL);
  signer_->wait_exit();
}

int RealMember::stop_node() {
  node_->kill(SIGTERM);
  return node_->wait_exit();
}

std::vector<pid_t> RealMember::peer_processes() const {
  const std::string pid = std::to_string(node_->pid());
  std::istringstream children(text_of("/proc/" + pid + "/task/" + pid + "/children"));
  return {std::istream_iterator<pid_t>(children), {}};
}

void RealMember::expect_no_start(const std::vector<std::string>& parts,
                                 const std::function<void()>& prepare) {
  write("logs/noded.log", "");
  ASSERT_FALSE(start_node(prepare)) << "it serves, expected: " << parts.front();
  EXPECT_EQ(node_->wait_exit(), 1);
  const std::string log = node_log();
  EXPECT_NE(log.find("custody-noded: "), std::string::npos) << log;
  for (const std::string& part : parts)
    EXPECT_NE(log.find(part), std::string::npos) << part << "\nin: " << log;
}

Result<Json> RealMember::ask(const std::string& method, Json params) const {
  ASSIGN_OR_RETURN(const Fd socket, connect_unix(path("run/node.sock"), SOCK_STREAM));
  const std::string request = Json::object().set("method", method).set("params", std::move(params)).dump();
  TRY(send_frame(socket.get(), as_bytes(request), 10'000));
  ASSIGN_OR_RETURN(const Bytes raw, receive_frame(socket.get(), kMaxAnswer, 60'000));
  ASSIGN_OR_RETURN(const Json answer, Json::parse(as_text(raw), kMaxAnswer));
  if (const Json* error = answer.find("error")) return refused(error->string_at("message").value());
  return answer.at("result");
}

std::uint64_t RealMember::height() const {
  const auto status = ask("status");
  return status.ok() ? status->u64_at("height").value() : 0;
}

bool RealMember::reaches(std::uint64_t height) const {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < give_up) {
    Json params = Json::object();
    params.set("height", std::to_string(height)).set("wait_ms", 5'000);
    if (ask("block", std::move(params)).ok()) return true;
    (void)poll(nullptr, 0, kLookMs);  // the node may be starting
  }
  return false;
}

std::string RealMember::block_hash(std::uint64_t height) const {
  const auto block = ask("block", Json::object().set("height", std::to_string(height)));
  return block.ok() ? block->string_at("hash").value() : block.status().to_string();
}

std::optional<Json> RealMember::ctl(const std::vector<std::string>& arguments) const {
  std::vector<std::string> line{program("custodyctl"), "--member", directory_, "--json"};
  line.insert(line.end(), arguments.begin(), arguments.end());
  const std::string out = path("logs/ctl.out");
  if (run(line, out) != 0) {
    ADD_FAILURE() << "custodyctl " << arguments.front() << ": " << text_of(out) << text_of(out + ".err");
    return std::nullopt;
  }
  auto answer = Json::parse(text_of(out), kMaxAnswer);
  EXPECT_TRUE(answer.ok());
  return answer.ok() ? std::optional(std::move(*answer)) : std::nullopt;
}

// ---- RealNetwork

RealNetwork::RealNetwork() {
  const fs::path folder = fs::path(bin_dir()).parent_path() / "test-networks";
  fs::create_directories(folder);
  root_ = (folder / "XXXXXX").string();
  CHECK(mkdtemp(root_.data()) != nullptr);
  std::vector<ChildProcess> ceremonies(kMembers);
  for (std::size_t i = 0; i < kMembers; ++i) {
    const std::string name = "member-" + std::to_string(i + 1);
    members_.push_back(std::make_unique<RealMember>(root_ + "/" + name, name));
    ceremonies[i].start(
        {program("custody-ceremony"), "init", "--dir", root_ + "/" + name, "--name", name, "--legal-entity",
         "Entity " + name, "--jurisdiction", "CH", "--kyc-expiry", "2099-01-01", "--currencies", "BTC"},
        root_ + "/ceremony.log", [] { dup2(STDERR_FILENO, STDOUT_FILENO); });
  }
  for (ChildProcess& one : ceremonies) EXPECT_EQ(one.wait_exit(), 0) << text_of(root_ + "/ceremony.log");
  std::ofstream(root_ + "/chains.json") << chains_file(chain_).dump();
  make_genesis(root_ + "/genesis.bin", kGenesisTimeMs);
  for (std::size_t i = 0; i < kMembers; ++i) {
    const auto& member = members_[i];
    const std::string policy = root_ + "/policy-" + std::to_string(i + 1);
    write_policy(policy, root_ + "/genesis.bin", static_cast<std::uint16_t>(i + 1));
    EXPECT_EQ(run({program("custody-ceremony"), "bind", "--dir", member->directory(), "--genesis",
                   root_ + "/genesis.bin", "--policy", policy},
                  root_ + "/bind.log"),
              0)
        << text_of(root_ + "/bind.log.err");
    configure_node(*member, "http://127.0.0.1:1", "secret");  // nobody listens there
  }
}

RealNetwork::~RealNetwork() {
  members_.clear();
  fs::remove_all(root_);
}

void RealNetwork::make_genesis(const std::string& out, std::uint64_t time_ms) const {
  std::vector<std::string> line{program("custodyctl"),
                                "--json",
                                "genesis",
                                "--kind",
                                "test",
                                "--prefix",
                                "tcaas",
                                "--weights",
                                "28,26,24,22",
                                "--chains",
                                root_ + "/chains.json",
                                "--out",
                                out,
                                "--time",
                                std::to_string(time_ms),
                                "--members"};
  for (const auto& member : members_) line.push_back(member->path("public.json"));
  EXPECT_EQ(run(line, root_ + "/genesis.log"), 0) << text_of(root_ + "/genesis.log");
}

std::string RealNetwork::other_genesis() {
  make_genesis(root_ + "/other.bin", kGenesisTimeMs + 1);
  std::string out = text_of(root_ + "/other.bin");
  fs::remove(root_ + "/other.bin");
  return out;
}

void RealNetwork::configure_node(const RealMember& member, const std::string& url,
                                 const std::string& password) {
  member.write("secrets/rpc", password);
  fs::permissions(member.path("secrets/rpc"), fs::perms::owner_read | fs::perms::owner_write);
  member.write("node.toml",
               "listen = \"tcp://127.0.0.1\"\nports = \"auto\"\n[chains.bitcoin-regtest]\nurl = \"" + url +
                   "\"\nuser = \"u\"\npassword_file = \"secrets/rpc\"\npoll_ms = 100\n");
}

void RealNetwork::write_peers() const {
  for (const auto& member : members_) {
    std::string text;
    for (const auto& other : members_) {
      if (other == member) continue;
      const auto endpoints = Json::parse(other->read("run/endpoints.json"), 1u << 16);
      ASSERT_TRUE(endpoints.ok());
      text += "[peers." + other->name() + "]\nendpoint = \"" +
              endpoints->find("peers")->string_at(member->name()).value() + "\"\n";
    }
    ASSERT_TRUE(write_file_atomic(member->path("peers.toml"), as_bytes(text), 0600).ok());
  }
}

void RealNetwork::start() {
  for (const auto& member : members_) {
    ASSERT_TRUE(member->start_signer()) << member->read("logs/signerd.log");
    ASSERT_TRUE(member->start_node()) << member->node_log();
  }
  write_peers();
}

namespace {

// Every watermark that a member's signer committed to before it asked its token.
void collect_positions(const RealMember& member,
                       std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint8_t>, Hash256>& signed_at) {
  const auto files = open_directory(member.path("signer"));
  ASSERT_TRUE(files.ok());
  const auto opened = signer::journal::SignerJournal::open(
      **files, [&](std::uint64_t, signer::journal::RecordKind kind, ByteView payload) -> Status {
        if (kind != signer::journal::RecordKind::kCommit) return ok_status();
        ASSIGN_OR_RETURN(const auto record, proto::reader::decode<signer::core::CommitRecord>(
                                                payload, signer::journal::kMaxPayload));
        if (!record.watermark) return ok_status();
        const auto& mark = *record.watermark;
        const auto [at, fresh] =
            signed_at.emplace(std::make_tuple(mark.height.get(), mark.round.get(), mark.step), mark.digest);
        EXPECT_TRUE(fresh || at->second == mark.digest)
            << member.name() << " signed twice at height " << mark.height.get();
        return ok_status();
      });
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
}

}  // namespace

void RealNetwork::expect_agreement() {
  std::uint64_t common = UINT64_MAX;
  for (const auto& member : members_) common = std::min(common, member->height());
  ASSERT_GT(common, 0u);
  for (std::uint64_t height = 1; height <= common; ++height) {
    const std::string hash = members_.front()->block_hash(height);
    for (const auto& member : members_) ASSERT_EQ(member->block_hash(height), hash) << member->name();
  }
  for (const auto& member : members_) {
    const auto status = member->ask("status");
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(status->find("problems")->dump(), "[]") << member->name();
    EXPECT_EQ(member->stop_node(), 0);
    member->signer().kill(SIGTERM);
    EXPECT_EQ(member->signer().wait_exit(), 0);
    std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint8_t>, Hash256> signed_at;
    collect_positions(*member, signed_at);
    EXPECT_GE(signed_at.size(), common) << member->name() << " hardly voted";
  }
}

}  // namespace custody::tests
