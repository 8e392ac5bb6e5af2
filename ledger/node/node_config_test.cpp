#include "ledger/node/node_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/network_fixture.h"

namespace custody::ledger::node {
namespace {

using model::MemberId;

constexpr const char* kChain1 =
    "[chains.chain-1]\nurl = \"http://127.0.0.1:1\"\nuser = \"u\"\npassword_file = "
    "\"secrets/rpc-1\"\npoll_ms = 100\n";
constexpr const char* kChain2 =
    "[chains.chain-2]\nurl = \"http://127.0.0.1:2\"\nuser = \"u\"\npassword_file = \"/abs/rpc-2\"\npoll_ms = "
    "200\n";
constexpr const char* kListen = "listen = \"tcp://127.0.0.1\"\nports = \"auto\"\n";

class NodeConfigTest : public ::testing::Test {
 protected:
  NodeConfigTest() {
    char name[] = "/tmp/custody-node-config-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    directory_ = name;
    std::filesystem::create_directory(directory_ + "/run");
  }
  ~NodeConfigTest() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary | std::ios::trunc) << text;
  }
  void expect_refused(const std::string& text, std::string_view part, Code code = Code::kInvalid) const {
    write("node.toml", text);
    const auto config = load_node_config(directory_, net_.genesis());
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.code(), code) << config.status().to_string();
    EXPECT_NE(config.status().message().find("node.toml"), std::string::npos) << config.status().to_string();
    EXPECT_NE(config.status().message().find(part), std::string::npos) << config.status().to_string();
  }
  static std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const auto at = text.find(what);
    CHECK(at != std::string::npos);
    return text.replace(at, what.size(), with);
  }
  Result<std::optional<Endpoints>> peers(const std::string& text) const {
    write("peers.toml", text);
    return load_peers(directory_, net_.genesis(), MemberId(1));
  }
  static std::string peer(const std::string& name, const std::string& endpoint) {
    return "[peers." + name + "]\nendpoint = \"" + endpoint + "\"\n";
  }
  void expect_peers_refused(const std::string& text, std::string_view part) const {
    const auto found = peers(text);
    ASSERT_FALSE(found.ok()) << text;
    EXPECT_EQ(found.code(), Code::kInvalid);
    EXPECT_NE(found.status().message().find("peers.toml"), std::string::npos) << found.status().to_string();
    EXPECT_NE(found.status().message().find(part), std::string::npos) << found.status().to_string();
  }

  tests::Network net_;
  const std::string good_ = std::string(kListen) + kChain1 + kChain2;
  std::string directory_;
};

TEST_F(NodeConfigTest, ReadsEveryKeyAndTakesPathsFromTheMembersDirectory) {
  write("node.toml", good_);
  const auto config = load_node_config(directory_, net_.genesis());
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  EXPECT_EQ(config->listen_host, "127.0.0.1");
  EXPECT_EQ(config->chains.at("chain-1").password_file, directory_ + "/secrets/rpc-1");
  EXPECT_EQ(config->chains.at("chain-2").password_file, "/abs/rpc-2");
  EXPECT_EQ(config->chains.at("chain-2").poll_ms, 200u);
}

TEST_F(NodeConfigTest, UnknownKeysStopTheStart) {
  expect_refused("surprise = 1\n" + good_, "surprise");
  expect_refused(good_ + "retries = 3\n", "chains.chain-2.retries");
  expect_refused(good_ + replaced(kChain2, "chain-2", "chain-3"), "chain-3");
}

TEST_F(NodeConfigTest, EveryKeyIsMandatory) {
  for (const char* key : {"listen", "ports", "url", "user", "password_file", "poll_ms"})
    expect_refused(replaced(good_, std::string(key) + " = ", "x = "), key, Code::kNotFound);
  expect_refused(std::string(kListen) + kChain1, "chains.chain-2.url", Code::kNotFound);
}

TEST_F(NodeConfigTest, WrongValuesAreNamedWithTheirFile) {
  for (const char* listen : {"127.0.0.1", "tcp://", "tcp://127.0.0.1:80", "udp://127.0.0.1"})
    expect_refused(replaced(good_, "tcp://127.0.0.1", listen), "listen");
  expect_refused(replaced(good_, "\"auto\"", "\"7000\""), "ports");
  expect_refused(replaced(good_, "poll_ms = 100", "poll_ms = 49"), "chains.chain-1.poll_ms");
  expect_refused(replaced(good_, "poll_ms = 100", "poll_ms = 60001"), "chains.chain-1.poll_ms");
  expect_refused(replaced(good_, "poll_ms = 100", "poll_ms = \"100\""), "poll_ms");
  expect_refused("listen = [\n", "");
}

TEST_F(NodeConfigTest, AMissingFileIsNamed) {
  const auto config = load_node_config(directory_, net_.genesis());
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.status().message().find("node.toml"), std::string::npos);
}

TEST_F(NodeConfigTest, PeersAreKnownOnceEveryOtherMemberIsNamed) {
  const auto absent = load_peers(directory_, net_.genesis(), MemberId(1));
  ASSERT_TRUE(absent.ok());
  EXPECT_FALSE(absent->has_value());
  const std::string two = peer("member-2", "tcp://127.0.0.1:2") + peer("member-3", "tcp://127.0.0.1:3");
  const auto some = peers(two);
  ASSERT_TRUE(some.ok());
  EXPECT_FALSE(some->has_value());
  const auto all = peers(two + peer("member-4", "tcp://127.0.0.1:4"));
  ASSERT_TRUE(all.ok() && all->has_value());
  EXPECT_EQ((*all)->at("member-3"), "tcp://127.0.0.1:3");
}

TEST_F(NodeConfigTest, PeersThatNameNobodyOrNowhereAreRefused) {
  expect_peers_refused(peer("member-9", "tcp://127.0.0.1:2"), "member-9");
  expect_peers_refused(peer("member-1", "tcp://127.0.0.1:2"), "member-1");  // ourselves
  for (const char* wrong : {"", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:0",
                            "tcp://127.0.0.1:65536", "tcp://127.0.0.1:1x", "tcp://:5", "127.0.0.1:5"})
    expect_peers_refused(peer("member-2", wrong), "is not of the form tcp://HOST:PORT");
  expect_peers_refused("[peers.member-2]\nendpoint = \"tcp://127.0.0.1:2\"\nkey = \"x\"\n", "key");

  expect_peers_refused("[peers", "");
}

TEST_F(NodeConfigTest, EndpointsAreReadBackAsWritten) {
  const auto none = read_endpoints(directory_);
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
  const Endpoints endpoints{{"member-2", "tcp://127.0.0.1:2"}, {"member-3", "tcp://127.0.0.1:3"}};
  ASSERT_TRUE(write_endpoints(directory_, "member-1", endpoints).ok());
  const auto again = read_endpoints(directory_);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(*again, endpoints);
}

TEST_F(NodeConfigTest, DamagedEndpointsAreNamedWithWhatToDo) {
  for (const char* wrong :
       {"", "{", "{}", "{\"peers\":{\"member-2\":5}}", "{\"peers\":{\"member-2\":\"nowhere\"}}", "[]"}) {
    write("run/endpoints.json", wrong);
    const auto found = read_endpoints(directory_);
    ASSERT_FALSE(found.ok()) << wrong;
    EXPECT_NE(found.status().message().find("run/endpoints.json"), std::string::npos) << wrong;
    EXPECT_NE(found.status().hint().find("remove it"), std::string::npos) << wrong;
  }
}

}  // namespace
}  // namespace custody::ledger::node
