// The follower against real Bitcoin-family nodes (npm bcoin in regtest, deploy/chains). Skipped where node or
// the npm packages are not installed; with CI=true that is a failure.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "ledger/chains/bitcoin/address.h"
#include "ledger/chains/bitcoin/merkle_proof.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "ledger/followers/follower.h"
#include "tests/support/paths.h"

extern char** environ;

namespace custody::ledger::followers {
namespace {

namespace fs = std::filesystem;
namespace bitcoin = ledger::chains::bitcoin;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{60};
constexpr std::uint32_t kRegtestBits = 0x207fffff;

std::string source(const std::string& path) {
  return tests::source_dir() + "/" + path;
}

// One bcoin process; it stops when its standard input closes.
class ChainNode {
 public:
  ChainNode(const std::string& chain, const std::string& folder)
      : password_file_(folder + "/" + chain + ".key") {
    std::ofstream(password_file_) << "0123456789abcdef0123456789abcdef";
    EXPECT_EQ(::chmod(password_file_.c_str(), 0600), 0);
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    EXPECT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<std::string> args{
        "node",         source("deploy/chains/node.mjs"), "--chain", chain, "--api-key-file",
        password_file_, "--exit-on-stdin-close"};
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    EXPECT_EQ(::posix_spawnp(&pid_, "node", &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  ~ChainNode() {
    if (input_ >= 0) ::close(input_);
    ::close(output_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  // Waits for the ready line; empty when the process ended without one.
  std::string url() {
    std::string line;
    pollfd item{output_, POLLIN, 0};
    while (line.find('\n') == std::string::npos) {
      std::array<char, 1024> piece{};
      if (::poll(&item, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) != 1) return "";
      const ssize_t got = ::read(output_, piece.data(), piece.size());
      if (got <= 0) return "";
      line.append(piece.data(), static_cast<std::size_t>(got));
    }
    const auto ready = Json::parse(line, 4096);
    if (!ready.ok()) return "";
    return "http://127.0.0.1:" + std::to_string(ready->u64_at("port").value()) + "/";
  }
  const std::string& password_file() const { return password_file_; }

 private:
  std::string password_file_;
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

class FollowerOnARealChain : public ::testing::TestWithParam<const char*> {
 public:
  FollowerOnARealChain() {
    std::string pattern = (fs::temp_directory_path() / "custody-chain-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FollowerOnARealChain() override {
    follower_.reset();
    node_.reset();
    fs::remove_all(folder_);
  }

  void SetUp() override {
    if (!fs::exists(source("deploy/npm/node_modules/bcoin"))) {
      const char* ci = std::getenv("CI");
      if (ci != nullptr && std::string_view(ci) == "true") FAIL() << "deploy/npm is not installed";
      GTEST_SKIP() << "deploy/npm is not installed (npm ci --ignore-scripts there)";
    }
    node_ = std::make_unique<ChainNode>(GetParam(), folder_);
    rpc_.url = node_->url();
    ASSERT_FALSE(rpc_.url.empty()) << "the node did not start";
    rpc_.user = "x";
    rpc_.password_file = node_->password_file();
    auto client = RpcClient::create(rpc_);
    ASSERT_TRUE(client.ok()) << client.status().to_string();
    client_ = std::move(client).value();
    read_parameters();
  }

  void read_parameters() {
    std::ifstream file(source(std::string("deploy/chains/") + GetParam() + ".json"));
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const Json parameters = Json::parse(text, 65'536).value();
    const Json genesis = parameters.at("genesis").value();
    chain_.id = model::ExternalChainId(1);
    chain_.name = to_bytes(std::string_view(GetParam()));
    chain_.genesis_hash =
        model::ExternalHash(bitcoin::from_rpc_hex(genesis.string_at("hash").value()).value().array());
    chain_.anchor_hash = chain_.genesis_hash;
    chain_.hrp = to_bytes(parameters.string_at("bech32").value());
    chain_.p2pkh_version = static_cast<std::uint8_t>(parameters.u64_at("pubkeyhash").value());
    chain_.p2sh_version = static_cast<std::uint8_t>(parameters.u64_at("scripthash").value());
    chain_.magic = 0xfabfb5da;
    // The genesis block of Litecoin's regtest has regtest's bits, too.
    chain_.anchor_bits = chain_.pow_limit_bits = kRegtestBits;
    chain_.no_retarget = true;
  }

  void start_follower() {
    FollowerSettings settings;
    settings.chain = chain_;
    settings.default_fee_rate = model::FeeRate(3'000);
    auto follower = Follower::start(settings, rpc_, clock_);
    ASSERT_TRUE(follower.ok()) << follower.status().to_string();
    follower_ = std::move(follower).value();
  }

  Json call(const std::string& method, Json::Array params) const {
    auto outcome = client_->call(method, Json(std::move(params)));
    if (const auto* error = std::get_if<CallError>(&outcome)) {
      ADD_FAILURE() << method << ": " << error->status.to_string();
      return {};
    }
    return std::get<Json>(outcome);
  }
  void mine(int blocks) const { (void)call("generatetoaddress", {Json(blocks), Json(address())}); }
  std::string address() const {
    return bitcoin::format_address(script_, ledger::custody::network_of(chain_)).value();
  }

  template <typename T>
  std::optional<T> wait_for(const std::function<bool(const T&)>& wanted) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < give_up) {
      pollfd item{follower_->event_fd(), POLLIN, 0};
      (void)::poll(&item, 1, 1'000);
      for (const Action& action : follower_->poll()) {
        if (const auto* match = std::get_if<T>(&action); match != nullptr && wanted(*match)) return *match;
      }
    }
    return std::nullopt;
  }
  std::optional<HeadObserved> wait_for_head(std::uint32_t height) {
    return wait_for<HeadObserved>([=](const HeadObserved& head) { return head.height.get() == height; });
  }

  SystemClock clock_;
  std::string folder_;
  std::unique_ptr<ChainNode> node_;
  RpcSettings rpc_;
  std::unique_ptr<RpcClient> client_;
  std::unique_ptr<Follower> follower_;
  model::ExternalChain chain_;
  Bytes script_ = bitcoin::witness_script_pubkey(0, Bytes(20, 7));
};

TEST_P(FollowerOnARealChain, FollowsItAndProvesACoinbase) {
  mine(5);
  start_follower();
  const auto head = wait_for_head(5);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->fee_rate.get(), 3'000U) << "a young chain has no figure";
  follower_->watch_script(script_, model::ExternalHeight(3));
  const auto found = wait_for<TransactionFound>([](const TransactionFound&) { return true; });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->height.get(), 3U);
  mine(2);
  ASSERT_TRUE(wait_for_head(7));
  const auto verify = [&](std::uint32_t height) -> Status {
    ASSIGN_OR_RETURN(const auto proof, follower_->core().proof(*found, model::ExternalHeight(height)));
    const auto hash = follower_->core().block_hash(model::ExternalHeight(height));
    const model::RecordedHead recorded{model::ExternalHeight(height), *hash, model::FeeRate(1)};
    return ledger::custody::verify_proof(chain_, proof, recorded, 5).status();
  };
  EXPECT_EQ(verify(7).code(), Code::kRefused) << "a coinbase counts when it can be spent";
  mine(95);
  ASSERT_TRUE(wait_for_head(102));
  const Status mature = verify(102);
  EXPECT_TRUE(mature.ok()) << mature.to_string();

  // The node's own proof of the same transaction has the same branch.
  const std::string txid = bitcoin::to_rpc_hex(Hash256(found->txid.array()));
  const Json theirs = call("gettxoutproof", {Json(Json::Array{Json(txid)}),
                                             Json(bitcoin::to_rpc_hex(Hash256(found->block.array())))});
  const auto merkle_block = bitcoin::parse_merkle_block(from_hex(theirs.as_string().value()).value());
  ASSERT_TRUE(merkle_block.ok()) << merkle_block.status().to_string();
  const auto branch = bitcoin::extract_inclusion(*merkle_block, Hash256(found->txid.array()));
  ASSERT_TRUE(branch.ok());
  EXPECT_EQ(branch->index, found->index);
  EXPECT_EQ(branch->tx_count, found->tx_count);
  EXPECT_EQ(branch->path.size(), found->path.size());
}

// bcoin cannot mine after invalidateblock, so a second node makes the longer branch.
TEST_P(FollowerOnARealChain, SeesAReorganisation) {
  mine(6);
  start_follower();
  ASSERT_TRUE(wait_for_head(6));
  const std::string other_folder = folder_ + "/other";
  ASSERT_TRUE(fs::create_directory(other_folder));
  ChainNode other(GetParam(), other_folder);
  RpcSettings other_rpc = rpc_;
  other_rpc.url = other.url();
  auto other_client = RpcClient::create(other_rpc);
  ASSERT_TRUE(other_client.ok());
  std::swap(client_, *other_client);
  script_ = bitcoin::witness_script_pubkey(0, Bytes(20, 8));
  mine(7);
  std::vector<Json> blocks;
  for (std::uint32_t height = 1; height <= 7; ++height) {
    blocks.push_back(call("getblock", {call("getblockhash", {Json(height)}), Json(false)}));
  }
  const std::string best = call("getblockhash", {Json(7)}).as_string().value();
  std::swap(client_, *other_client);
  for (const Json& block : blocks) (void)call("submitblock", {block});
  const auto undone = wait_for<BlocksUndone>([](const BlocksUndone&) { return true; });
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->first.get(), 1U);
  const auto after = wait_for_head(7);
  ASSERT_TRUE(after);
  EXPECT_EQ(bitcoin::to_rpc_hex(Hash256(after->hash.array())), best);
}

TEST_P(FollowerOnARealChain, RefusesTheGenesisOfAnotherChain) {
  chain_.genesis_hash = model::ExternalHash(Hash256::from_hex(std::string(64, '1')).value().array());
  start_follower();
  const auto problem = wait_for<Problem>([](const Problem&) { return true; });
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->status.code(), Code::kRefused);
  EXPECT_THAT(problem->status.message(), HasSubstr("the node follows another chain"));
}

TEST_P(FollowerOnARealChain, TransactionThatTheNodeSwallowsIsRefused) {
  mine(1);
  start_follower();
  ASSERT_TRUE(wait_for_head(1));
  bitcoin::Transaction forged;
  forged.inputs.push_back(
      {{Hash256::from_hex(std::string(64, '2')).value(), 0}, {}, 0xfffffffd, {Bytes(71, 1)}});
  forged.outputs.push_back({1'000, script_});
  const std::uint64_t ticket = follower_->broadcast(forged.serialize());
  const auto done = wait_for<BroadcastDone>([](const BroadcastDone&) { return true; });
  ASSERT_TRUE(done);
  EXPECT_EQ(done->ticket, ticket);
  EXPECT_EQ(done->status.code(), Code::kRefused) << done->status.to_string();
}

TEST_P(FollowerOnARealChain, WrongPasswordIsSaid) {
  std::ofstream(rpc_.password_file) << "another-password-of-some-length";
  start_follower();
  const auto problem = wait_for<Problem>([](const Problem&) { return true; });
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->status.code(), Code::kUnauthenticated);
}

INSTANTIATE_TEST_SUITE_P(Chains, FollowerOnARealChain, ::testing::Values("btc", "ltc"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace custody::ledger::followers
