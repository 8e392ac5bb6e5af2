#include "ledger/followers/follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>

#include "tests/support/fake_bitcoin_rpc.h"
#include "tests/support/scripted_http_server.h"

namespace custody::ledger::followers {
namespace {

namespace fs = std::filesystem;
namespace bitcoin = chains::bitcoin;
using custody::tests::ScriptedHttpServer;

constexpr std::chrono::seconds kPatience{60};
const Bytes kScript{0x00, 0x14, 1, 2, 3};

// A follower with its thread and sockets, and a whole (fake) node behind real HTTP.
class FollowerTest : public ::testing::Test {
 public:
  FollowerTest() {
    std::string pattern = (fs::temp_directory_path() / "custody-follower-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(folder_ + "/password") << "secret";
    EXPECT_EQ(::chmod((folder_ + "/password").c_str(), 0600), 0);
    node_.chain.mine_empty(5);
    server_ = std::make_unique<ScriptedHttpServer>([this](const std::string&, const std::string& body) {
      const std::lock_guard lock(mutex_);
      if (broken_) return ScriptedHttpServer::reply(500, "<html>out of order</html>");
      const Json request = Json::parse(body, std::size_t{1} << 20U).value();
      Json reply = node_.answer(request.string_at("method").value(), *request.find("params"));
      reply.set("id", request.u64_at("id").value());
      return ScriptedHttpServer::reply(200, reply.dump());
    });
    FollowerSettings settings;
    settings.chain = node_.chain.describe(model::ExternalChainId(1), "test");
    settings.default_fee_rate = model::FeeRate(2'000);
    RpcSettings rpc;
    rpc.url = server_->url();
    rpc.user = "x";
    rpc.password_file = folder_ + "/password";
    auto follower = Follower::start(settings, rpc, clock_);
    EXPECT_TRUE(follower.ok()) << follower.status().to_string();
    follower_ = std::move(follower).value();
  }
  ~FollowerTest() override {
    follower_.reset();
    server_.reset();
    fs::remove_all(folder_);
  }

  bool wait_for(const std::function<bool(const Action&)>& wanted) const {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < give_up) {
      pollfd item{follower_->event_fd(), POLLIN, 0};
      (void)::poll(&item, 1, 1'000);
      for (const Action& action : follower_->poll()) {
        if (wanted(action)) return true;
      }
    }
    return false;
  }
  bool wait_for_head(std::uint32_t height) const {
    return wait_for([&](const Action& action) {
      const auto* head = std::get_if<HeadObserved>(&action);
      return head != nullptr && head->height.get() == height;
    });
  }

  SystemClock clock_;
  std::string folder_;
  std::mutex mutex_;
  tests::FakeBitcoinRpc node_;  // under mutex_
  bool broken_ = false;         // under mutex_
  std::unique_ptr<ScriptedHttpServer> server_;
  std::unique_ptr<Follower> follower_;
};

TEST_F(FollowerTest, FollowsFindsAndBroadcastsOverHttp) {
  ASSERT_TRUE(wait_for_head(5));
  follower_->watch_script(kScript, model::ExternalHeight(0));
  bitcoin::Transaction payment;
  {
    const std::lock_guard lock(mutex_);
    payment = node_.chain.pay({{700, kScript}});
  }
  const std::uint64_t ticket = follower_->broadcast(payment.serialize());
  ASSERT_TRUE(wait_for([&](const Action& action) {
    const auto* done = std::get_if<BroadcastDone>(&action);
    return done != nullptr && done->ticket == ticket && done->status.ok();
  }));
  {
    const std::lock_guard lock(mutex_);
    node_.chain.mine({payment});
  }
  ASSERT_TRUE(wait_for([&](const Action& action) {
    const auto* found = std::get_if<TransactionFound>(&action);
    return found != nullptr && found->height.get() == 6 &&
           follower_->core().proof(*found, model::ExternalHeight(6)).ok();
  }));
}

TEST_F(FollowerTest, BrokenNodeIsAProblemUntilItIsRepaired) {
  ASSERT_TRUE(wait_for_head(5));
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;
  }
  ASSERT_TRUE(wait_for([](const Action& action) {
    const auto* problem = std::get_if<Problem>(&action);
    return problem != nullptr && problem->status.code() == Code::kInvalid;
  }));
  {
    const std::lock_guard lock(mutex_);
    broken_ = false;
    node_.chain.mine_empty(1);
  }
  EXPECT_TRUE(wait_for_head(6));
}

}  // namespace
}  // namespace custody::ledger::followers
