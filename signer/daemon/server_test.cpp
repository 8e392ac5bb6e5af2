#include "signer/daemon/server.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "signer/client/client.h"
#include "signer/core/fixture_test.h"

namespace custody::signer::daemon {
namespace {

namespace model = ledger::model;
using client::Client;

constexpr int kTimeoutMs = 20'000;

class ServerTest : public core::SignerFixture {
 protected:
  ServerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "custody-server-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    stop_ = Fd(eventfd(0, EFD_CLOEXEC));
    server_ = std::move(*Server::listen(path_, *core_));
    thread_ = std::thread([this] { EXPECT_TRUE(server_->run(stop_.get()).ok()); });
  }
  ~ServerTest() override {
    EXPECT_EQ(eventfd_write(stop_.get(), 1), 0);
    thread_.join();
    std::filesystem::remove_all(path_);
  }
  Client connect(const std::string& socket) { return std::move(*Client::connect(path_ + "/" + socket)); }

  std::string path_;
  Fd stop_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

// A node that takes every connection it can get leaves the operator's socket alone.
TEST_F(ServerTest, A4_TheNodesConnectionsDoNotLockTheOperatorOut) {
  std::vector<Client> node;
  for (std::size_t i = 0; i < 2 * kMaxConnections; ++i) {
    node.push_back(connect("signer-node.sock"));
    EXPECT_TRUE(node.back().call(model::StatusQuery{}, kTimeoutMs).ok());
  }
  Client governor = connect("signer-operator.sock");
  const auto reply = governor.call(ballot(true), kTimeoutMs);
  ASSERT_TRUE(reply.ok()) << reply.status().to_string();
  EXPECT_EQ(reply->code, 0);
}

// Of too many the one goes that has been idle for longest, and nobody else.
TEST_F(ServerTest, A4_IdleConnectionsOfTheOperatorsSocketDoNotKeepTheNextOut) {
  Client used = connect("signer-operator.sock");
  ASSERT_TRUE(used.call(model::StatusQuery{}, kTimeoutMs).ok());
  std::vector<Client> silent;
  for (std::size_t i = 0; i < 3 * kMaxConnections; ++i) {
    silent.push_back(connect("signer-operator.sock"));
    EXPECT_TRUE(used.call(model::StatusQuery{}, kTimeoutMs).ok());
  }
  Client governor = connect("signer-operator.sock");
  const auto reply = governor.call(ballot(true), kTimeoutMs);
  ASSERT_TRUE(reply.ok()) << reply.status().to_string();
  EXPECT_EQ(reply->code, 0);
  EXPECT_FALSE(silent.front().call(model::StatusQuery{}, kTimeoutMs).ok());
  EXPECT_TRUE(silent.back().call(model::StatusQuery{}, kTimeoutMs).ok());
}

}  // namespace
}  // namespace custody::signer::daemon
