// Four members as real processes with real tokens: SIGKILL at any moment, and full disks.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <filesystem>
#include <random>

#include "tests/integration/real_network.h"

namespace custody::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class NodeNetwork : public ::testing::Test {
 protected:
  void start() {
    network_.start();
    for (std::size_t i = 0; i < network_.size(); ++i)
      ASSERT_TRUE(network_.member(i).reaches(3)) << network_.member(i).node_log();
  }
  RealMember& member(std::size_t index) { return network_.member(index); }
  // The others go on by some blocks; the height that one of them has then.
  std::uint64_t others_go_on(std::size_t without, std::uint64_t blocks) {
    RealMember& other = member(without == 0 ? 1 : 0);
    const std::uint64_t height = other.height();
    EXPECT_GT(height, 0u);
    EXPECT_TRUE(other.reaches(height + blocks)) << "without " << member(without).name() << ":\n"
                                                << other.node_log();
    return height + blocks;
  }
  void restart(RealMember& member) {
    if (!member.signer_runs()) {
      ASSERT_TRUE(member.start_signer()) << member.read("logs/signerd.log");
    }
    if (!member.node_runs()) {
      ASSERT_TRUE(member.start_node()) << member.node_log();
    }
  }
  // A moment that nothing else in the test is in step with.
  void some_moment() { (void)poll(nullptr, 0, static_cast<int>(random_() % 250)); }
  std::string propose(std::size_t who, const std::string& name) {
    const auto account = member(who).ask("account", Json::object().set("address", member(who).name()));
    EXPECT_TRUE(account.ok());
    const auto answer =
        member(who).ctl({"gateway", "propose", "--name", name, "--account",
                         account->string_at("address").value(), "--kyc-expiry", "2099-01-01", "--wait"});
    return answer ? answer->string_at("proposal").value() : "";
  }
  std::vector<std::string> proposals(std::size_t index) {
    std::vector<std::string> out;
    const auto answer = member(index).ask("gateways");
    EXPECT_TRUE(answer.ok());
    if (!answer.ok()) return out;
    for (const Json& one : answer->find("proposals")->items())
      out.push_back(one.string_at("proposal").value());
    return out;
  }

  RealNetwork network_;
  std::mt19937 random_{20'260'101};  // NOLINT(cert-msc51-cpp): reproducible
};

TEST_F(NodeNetwork, SigkillOfAnyProcessAtAnyTimeForksNothingAndLosesNothing) {
  start();
  const std::string proposal = propose(0, "before");
  ASSERT_FALSE(proposal.empty());
  for (int round = 0; round < 12; ++round) {
    const std::size_t at = random_() % network_.size();
    RealMember& victim = member(at);
    some_moment();
    switch (round % 4) {
      case 0:
        victim.kill_node();
        break;
      case 1:
        victim.kill_signer();
        break;
      case 2:
        victim.kill_signer();
        victim.kill_node();
        break;
      default: {
        const auto peers = victim.peer_processes();
        ASSERT_EQ(peers.size(), 3u);
        ASSERT_EQ(kill(peers[random_() % peers.size()], SIGKILL), 0);
      }
    }
    const std::uint64_t height = others_go_on(at, 2);
    restart(victim);
    EXPECT_TRUE(victim.reaches(height + 2)) << "round " << round << ":\n" << victim.node_log();
  }
  // All at once, as when the power goes.
  some_moment();
  const std::uint64_t before = member(0).height();
  for (std::size_t i = 0; i < network_.size(); ++i) {
    member(i).node().kill(SIGKILL);
    member(i).signer().kill(SIGKILL);
  }
  for (std::size_t i = 0; i < network_.size(); ++i) {
    member(i).node().wait_exit();
    member(i).signer().wait_exit();
  }
  for (std::size_t i = 0; i < network_.size(); ++i) restart(member(i));
  for (std::size_t i = 0; i < network_.size(); ++i) {
    EXPECT_TRUE(member(i).reaches(before + 3)) << member(i).node_log();
    EXPECT_EQ(proposals(i), std::vector<std::string>{proposal});
  }
  network_.expect_agreement();
}

// Issue 3: from each signer's bundle to the ledger of every node, and once only: a restart has nothing to
// add.
TEST_F(NodeNetwork, EveryMemberAttestsThePolicyThatItsSignerDecidesBy) {
  start();
  const auto attested = [](RealMember& by) {
    std::vector<Json> out;
    const auto answer = by.ask("members");
    if (!answer.ok()) return out;
    for (const Json& member : answer->find("members")->items()) {
      if (!member.find("policy")->is_null()) out.push_back(*member.find("policy"));
    }
    return out;
  };
  std::vector<Json> all;
  for (std::uint64_t height = 4; height < 300 && all.size() < network_.size(); ++height) {
    ASSERT_TRUE(member(0).reaches(height)) << member(0).node_log();
    all = attested(member(0));
  }
  ASSERT_EQ(all.size(), network_.size()) << member(0).node_log();
  for (std::size_t i = 0; i < network_.size(); ++i) {
    const auto said = member(i).ctl({"policy", "attestation"});
    ASSERT_TRUE(said.has_value());
    EXPECT_EQ(all[i].u64_at("version").value(), 1u);
    EXPECT_EQ(all[i].string_at("salted_hash").value(), said->string_at("salted_hash").value());
  }
  // Whoever has not seen its own yet would rightly try once more.
  ASSERT_TRUE(member(1).reaches(member(0).height())) << member(1).node_log();
  member(1).kill_signer();
  member(1).kill_node();
  restart(member(1));
  const std::uint64_t height = member(0).height();
  ASSERT_TRUE(member(1).reaches(height + 15)) << member(1).node_log();
  const std::vector<Json> later = attested(member(1));
  ASSERT_EQ(later.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(later[i].dump(), all[i].dump());
  EXPECT_EQ(member(1).node_log().find("duties.transaction_refused"), std::string::npos);
  network_.expect_agreement();
}

// A limit on the size of any file, and room again.
TEST_F(NodeNetwork, AFullDiskStopsTheNodeWithAReasonAndNothingIsLost) {
  start();
  const std::string proposal = propose(3, "before");
  RealMember& victim = member(3);
  ASSERT_EQ(victim.stop_node(), 0);
  victim.write("logs/noded.log", "");
  ASSERT_TRUE(victim.start_node([] {
    const rlimit size{96u << 10, 96u << 10};
    setrlimit(RLIMIT_FSIZE, &size);
  })) << victim.node_log();
  EXPECT_EQ(victim.node().wait_exit(), 1) << victim.node_log();
  EXPECT_THAT(victim.node_log(), AnyOf(HasSubstr("raise it, then start again"), HasSubstr("check the disk")));
  const std::uint64_t height = others_go_on(3, 2);
  restart(victim);
  EXPECT_TRUE(victim.reaches(height + 2)) << victim.node_log();
  EXPECT_EQ(proposals(3), std::vector<std::string>{proposal});
  network_.expect_agreement();
}

// A file system that is full: a tmpfs of its own, in a mount namespace that ends with the test.
TEST_F(NodeNetwork, AFullTmpfsStopsTheNodeWithAReasonAndNothingIsLost) {
  RealMember& victim = member(3);
  const std::string folder = victim.path("node");
  fs::create_directories(folder);
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=2m,mode=700") != 0) {
    GTEST_SKIP() << "mounting a tmpfs needs root; the test with a limit of file size covers the rest";
  }
  start();
  const std::string proposal = propose(3, "before");
  {
    // Somebody else's file takes what is left.
    const int fd = open((folder + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    const std::string block(4'096, 'x');
    while (::write(fd, block.data(), block.size()) > 0) {
    }
    close(fd);
  }
  EXPECT_EQ(victim.node().wait_exit(), 1) << victim.node_log();
  EXPECT_NE(victim.node_log().find("the disk is full"), std::string::npos) << victim.node_log();
  const std::uint64_t height = others_go_on(3, 2);
  victim.expect_no_start({"the disk is full"});
  fs::remove(folder + "/filler");
  ASSERT_EQ(mount("tmpfs", folder.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  restart(victim);
  EXPECT_TRUE(victim.reaches(height + 2)) << victim.node_log();
  EXPECT_EQ(proposals(3), std::vector<std::string>{proposal});
  network_.expect_agreement();
  EXPECT_EQ(umount2(folder.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace custody::tests
