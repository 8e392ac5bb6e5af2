// Members as an operator has them: directories made by custody-ceremony with SoftHSM2 tokens of their own,
// one genesis by custodyctl, custody-signerd and custody-noded as child processes. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/support/child_process.h"
#include "tests/support/fake_chain.h"

namespace custody::tests {

class RealMember {
 public:
  RealMember(std::string directory, std::string name)
      : directory_(std::move(directory)), name_(std::move(name)) {}
  ~RealMember();
  RealMember(const RealMember&) = delete;
  RealMember& operator=(const RealMember&) = delete;

  const std::string& name() const { return name_; }
  const std::string& directory() const { return directory_; }
  std::string path(const std::string& file) const { return directory_ + "/" + file; }
  std::string read(const std::string& file) const;  // empty when absent
  void write(const std::string& file, const std::string& text) const;
  std::string node_log() const { return read("logs/noded.log"); }

  // Both wait until the process serves or has ended; true when it serves. prepare runs in the child before
  // exec.
  bool start_signer();
  bool start_node(const std::function<void()>& prepare = [] {});
  ChildProcess& node() { return *node_; }
  ChildProcess& signer() { return *signer_; }
  bool node_runs() const { return node_ && node_->running(); }
  bool signer_runs() const { return signer_ && signer_->running(); }
  void kill_node();                           // SIGKILL
  void kill_signer();                         // SIGKILL
  int stop_node();                            // SIGTERM; the exit code
  std::vector<pid_t> peer_processes() const;  // of the running node

  // Fails the test unless the node's start ends with exit code 1 and says these on standard error.
  void expect_no_start(const std::vector<std::string>& parts, const std::function<void()>& prepare = [] {});

  // A request to the node's API. An error answer is kRefused with its message; kUnavailable: no node.
  Result<Json> ask(const std::string& method, Json params = Json::object()) const;
  std::uint64_t height() const;  // 0 when there is no answer
  // True once this node has the block.
  bool reaches(std::uint64_t height) const;
  std::string block_hash(std::uint64_t height) const;
  // custodyctl --member DIR --json ARGUMENTS; its answer when it ends with 0.
  std::optional<Json> ctl(const std::vector<std::string>& arguments) const;

 private:
  bool start(std::unique_ptr<ChildProcess>& child, const std::vector<std::string>& arguments,
             const std::string& log, const std::function<void()>& prepare) const;

  std::string directory_;
  std::string name_;
  std::unique_ptr<ChildProcess> signer_;
  std::unique_ptr<ChildProcess> node_;
};

class RealNetwork {
 public:
  // Four members of weights 28, 26, 24 and 22 with one currency, nothing started. Blocks come every 200 ms.
  RealNetwork();
  ~RealNetwork();
  RealNetwork(const RealNetwork&) = delete;
  RealNetwork& operator=(const RealNetwork&) = delete;

  RealMember& member(std::size_t index) { return *members_.at(index); }  // from 0
  std::size_t size() const { return members_.size(); }
  FakeChain& chain() { return chain_; }
  // A genesis of the same members for another network, bound by nobody.
  std::string other_genesis();
  // Where a member's node finds its external node, and with what password.
  static void configure_node(const RealMember& member, const std::string& url, const std::string& password);

  // Signers and nodes of all, and each one's peers.toml.
  void start();
  // Every height that all have has one block, and no validator key ever signed two messages for a position.
  // Stops everything.
  void expect_agreement();

 private:
  void make_genesis(const std::string& out, std::uint64_t time_ms) const;
  void write_peers() const;

  std::string root_;
  FakeChain chain_;
  std::vector<std::unique_ptr<RealMember>> members_;
};

}  // namespace custody::tests
