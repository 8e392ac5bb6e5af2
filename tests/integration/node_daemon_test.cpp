// custody-noded as a process: what stops its start, and what it says.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <filesystem>
#include <mutex>

#include "base/file.h"
#include "tests/integration/real_network.h"
#include "tests/support/fake_bitcoin_rpc.h"
#include "tests/support/paths.h"
#include "tests/support/scripted_http_server.h"

namespace custody::tests {
namespace {

namespace fs = std::filesystem;

class NodeDaemon : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { network_ = std::make_unique<RealNetwork>(); }
  static void TearDownTestSuite() { network_.reset(); }
  ~NodeDaemon() override {
    if (!member().node_runs()) return;
    EXPECT_EQ(member().stop_node(), 0) << member().node_log();
  }
  static RealMember& member() { return network_->member(0); }
  void serve() { ASSERT_TRUE(member().start_node()) << member().node_log(); }
  // The start fails while the file is away, and succeeds when it is back.
  void expect_needed(const std::string& file, const std::vector<std::string>& parts) {
    fs::rename(member().path(file), member().path("away"));
    member().expect_no_start(parts);
    fs::rename(member().path("away"), member().path(file));
  }
  void expect_wrong(const std::string& file, const std::string& content,
                    const std::vector<std::string>& parts) {
    const std::string good = member().read(file);
    member().write(file, content);
    member().expect_no_start(parts);
    member().write(file, good);
  }

  static std::unique_ptr<RealNetwork> network_;
};
std::unique_ptr<RealNetwork> NodeDaemon::network_;

TEST_F(NodeDaemon, StopsCleanlyAndKeepsItsPorts) {
  serve();
  EXPECT_EQ(member().ask("status")->u64_at("height").value(), 0u);
  const std::string endpoints = member().read("run/endpoints.json");
  const auto peers = member().peer_processes();
  EXPECT_EQ(peers.size(), 3u);
  EXPECT_EQ(member().stop_node(), 0);
  for (const pid_t peer : peers) EXPECT_FALSE(fs::exists("/proc/" + std::to_string(peer) + "/exe"));
  serve();
  EXPECT_EQ(member().read("run/endpoints.json"), endpoints);
}

TEST_F(NodeDaemon, APortInUseIsNamedAndKeptForLater) {
  serve();
  const std::string endpoints = member().read("run/endpoints.json");
  EXPECT_EQ(member().stop_node(), 0);
  const std::string endpoint = Json::parse(endpoints, 65'536)->find("peers")->string_at("member-2").value();
  const std::string port = endpoint.substr(endpoint.rfind(':') + 1);
  Fd other(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int reuse = 1;
  ASSERT_EQ(setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse), 0);
  ASSERT_EQ(bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(other.get(), 1), 0);
  member().expect_no_start({port, "member-2", "the port is taken", "stop the program that has it"});
  EXPECT_EQ(member().read("run/endpoints.json"), endpoints);
  other.reset();
  serve();
  EXPECT_EQ(member().read("run/endpoints.json"), endpoints);
}

TEST_F(NodeDaemon, AnotherNetworksGenesisIsRefusedOnceTheDatabaseIsThere) {
  serve();
  EXPECT_EQ(member().stop_node(), 0);
  expect_wrong("genesis.bin", network_->other_genesis(),
               {"belongs to network", "give every network its own member directory"});
  serve();
}

TEST_F(NodeDaemon, AGenesisWithoutThisMemberOrThatIsNoneIsRefused) {
  RealNetwork strangers;
  expect_wrong("genesis.bin", strangers.member(0).read("genesis.bin"),
               {"secrets/curve.key belongs to no member of genesis.bin", "custody-ceremony"});
  expect_wrong("genesis.bin", "garbage", {"genesis.bin"});
  expect_wrong("genesis.bin", "", {"genesis.bin"});
  expect_wrong("genesis.bin", std::string((1u << 20) + 1, 'x'), {"genesis.bin", "1048576"});
  serve();
}

TEST_F(NodeDaemon, MissingFilesAreNamed) {
  expect_needed("genesis.bin", {"genesis.bin", "custody-ceremony bind"});
  expect_needed("secrets/curve.key", {"curve.key", "restore the member's own key"});
  expect_needed("node.toml", {"node.toml", "custody-ceremony init writes one"});
  expect_needed("secrets/rpc", {"secrets/rpc"});
  serve();
}

TEST_F(NodeDaemon, SecretsThatOthersMayReadAreRefused) {
  fs::permissions(member().path("secrets/curve.key"), fs::perms::others_read, fs::perm_options::add);
  member().expect_no_start({"curve.key"});
  fs::permissions(member().path("secrets/curve.key"), fs::perms::others_read, fs::perm_options::remove);
  serve();
}

TEST_F(NodeDaemon, WrongConfigurationIsNamed) {
  expect_wrong("node.toml", member().read("node.toml") + "surprise = 1\n", {"node.toml", "surprise"});
  expect_wrong("node.toml", "listen = ", {"node.toml"});
  member().write("peers.toml", "[peers.member-9]\nendpoint = \"tcp://127.0.0.1:5\"\n");
  member().write("logs/noded.log", "");
  // The other members' endpoints may come while it runs, so that it serves before it reads them.
  (void)member().start_node();
  EXPECT_EQ(member().node().wait_exit(), 1);
  EXPECT_NE(member().node_log().find("\"member-9\\\" is not another member of this network"),
            std::string::npos)
      << member().node_log();
  fs::remove(member().path("peers.toml"));
  serve();
}

TEST_F(NodeDaemon, ASecondNodeOfTheSameMemberIsRefusedAndTheFirstGoesOn) {
  serve();
  ChildProcess second;
  second.start({bin_dir() + "/custody-noded", "--member", member().directory()},
               member().path("logs/second.log"), [] {});
  EXPECT_EQ(second.wait_exit(), 1);
  EXPECT_NE(member().read("logs/second.log").find("another process"), std::string::npos)
      << member().read("logs/second.log");
  EXPECT_TRUE(member().ask("status").ok());
}

TEST_F(NodeDaemon, ADamagedDatabaseStopsTheStart) {
  serve();
  EXPECT_EQ(member().stop_node(), 0);
  fs::copy(member().path("node"), member().path("node.good"), fs::copy_options::recursive);
  fs::remove(member().path("node/db/CURRENT"));
  member().expect_no_start({"db"});
  fs::remove_all(member().path("node"));
  fs::rename(member().path("node.good"), member().path("node"));
  serve();
}

// ---- the external node

class NodeDaemonAndChain : public NodeDaemon {
 protected:
  NodeDaemonAndChain() {
    rpc_.chain = network_->chain();
    rpc_.chain.mine_empty(5);
    server_ = std::make_unique<ScriptedHttpServer>([this](const std::string&, const std::string& body) {
      const std::lock_guard lock(mutex_);
      if (answer_) return *answer_;
      const Json request = Json::parse(body, std::size_t{1} << 20).value();
      Json reply = rpc_.answer(request.string_at("method").value(), *request.find("params"));
      reply.set("id", request.u64_at("id").value());
      return ScriptedHttpServer::reply(200, reply.dump());
    });
    RealNetwork::configure_node(member(), server_->url(), "secret");
  }
  ~NodeDaemonAndChain() override { RealNetwork::configure_node(member(), "http://127.0.0.1:1", "secret"); }

  // What the external node answers to everything; nothing: as it should.
  void answer_with(std::optional<std::string> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  static Json chain_status() {
    const auto status = member().ask("status");
    EXPECT_TRUE(status.ok()) << status.status().to_string();
    return status.ok() ? status->find("chains")->items().at(0) : Json::object();
  }
  static bool wait_for(const std::function<bool(const Json&)>& wanted) {
    for (int i = 0; i < 3'000; ++i) {
      if (wanted(chain_status())) return true;
      (void)poll(nullptr, 0, 20);
    }
    return false;
  }
  static void expect_problem(const std::string& part) {
    EXPECT_TRUE(wait_for([&](const Json& chain) {
      const Json* problem = chain.find("problem");
      return problem != nullptr && !problem->is_null() && problem->dump().find(part) != std::string::npos;
    })) << chain_status().dump();
  }
  static void expect_repaired() {
    EXPECT_TRUE(wait_for([](const Json& chain) {
      return !chain.find("height")->is_null() && chain.find("problem")->is_null();
    })) << chain_status().dump();
  }

  std::mutex mutex_;
  FakeBitcoinRpc rpc_;                 // under mutex_
  std::optional<std::string> answer_;  // under mutex_
  std::unique_ptr<ScriptedHttpServer> server_;
};

TEST_F(NodeDaemonAndChain, ANodeOfAnotherChainIsRefused) {
  rpc_.chain = FakeChain(99);
  rpc_.chain.mine_empty(5);
  serve();
  expect_problem("genesis");
  EXPECT_TRUE(chain_status().find("height")->is_null());
}

TEST_F(NodeDaemonAndChain, NonsenseIsAProblemUntilItIsRepaired) {
  serve();
  expect_repaired();
  answer_with(ScriptedHttpServer::reply(200, "<html>out of order</html>"));
  expect_problem("");
  answer_with(ScriptedHttpServer::reply(500, ""));
  expect_problem("");
  answer_with(std::nullopt);
  expect_repaired();
}

TEST_F(NodeDaemonAndChain, ANodeThatIsDownIsNamedAndTheLedgersNodeServes) {
  RealNetwork::configure_node(member(), "http://127.0.0.1:1", "secret");
  serve();
  expect_problem("127.0.0.1:1");
}

TEST_F(NodeDaemonAndChain, ASilentNodeKeepsNobodyWaiting) {
  answer_with("");
  serve();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(member().ask("status").ok());
  EXPECT_TRUE(chain_status().find("height")->is_null());
  EXPECT_EQ(member().stop_node(), 0) << "stopping does not wait for it either";
}

}  // namespace
}  // namespace custody::tests
