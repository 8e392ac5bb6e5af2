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
  std::size_t served = 0;
  for (std::size_t i = 0; i < 2 * kMaxConnections; ++i) {
    node.push_back(connect("signer-node.sock"));
    served += node.back().call(model::StatusQuery{}, kTimeoutMs).ok() ? 1 : 0;
  }
  EXPECT_EQ(served, kMaxConnections);
  Client governor = connect("signer-operator.sock");
  const auto reply = governor.call(ballot(true), kTimeoutMs);
  ASSERT_TRUE(reply.ok()) << reply.status().to_string();
  EXPECT_EQ(reply->code, 0);
}

}  // namespace
}  // namespace custody::signer::daemon
