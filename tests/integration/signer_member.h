// A member with a real SoftHSM2 token behind the probe, a journal bound to a ledger that the test writes, and
// custody-signerd as a child process. Not thread-safe.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include "base/crypto/hash.h"
#include "base/file.h"
#include "signer/client/client.h"
#include "signer/hsm/softhsm_fixture.h"
#include "signer/journal/signer_journal.h"
#include "tests/support/child_process.h"
#include "tests/support/paths.h"
#include "tests/support/payouts.h"
#include "tests/support/policies.h"

namespace custody::tests {

class SignerMember {
 public:
  static constexpr std::uint16_t kMember = 4;

  SignerMember() {
    serial_ = hsm_.init_token();
    validator_ = hsm_.generate("validator", 1);
    attest_ = hsm_.generate("attest", 2);
    governance_ = hsm_.generate("governance", 3);
    seat_ = hsm_.generate("seat-BTC-1", 4);
    ledger_ =
        std::make_unique<ProvenLedger>(chain_, 1,
                                       ProvenLedger::PublicKeys{validator_.public_key, attest_.public_key,
                                                                governance_.public_key, seat_.public_key});
    for (const char* name : {"signer", "logs"}) std::filesystem::create_directories(path(name));
    // The probe counts into what the signer may write.
    std::filesystem::create_directory_symlink(hsm_.writable(), path("run"));
    write("genesis.bin", std::string(as_text(proto::reader::encode(ledger_->genesis()))));
    write("signer.toml", signer_toml());
    bind();
  }
  ~SignerMember() { child_.reset(); }

  policy::bundle::Bundle policy() const {
    return make_policy(ledger_->genesis(), ledger_->chain_id(), ledger::model::MemberId(kMember),
                       {.mint = 1'000'000'000,
                        .mint_day = 10'000'000'000,
                        .withdrawal = 1'000'000'000,
                        .withdrawal_day = 10'000'000'000},
                       true, false);
  }

  std::string directory() const { return std::filesystem::path(hsm_.writable()).parent_path(); }
  std::string path(const std::string& name) const { return directory() + "/" + name; }
  std::string node_socket() const { return path("run/signer-node.sock"); }
  std::string operator_socket() const { return path("run/signer-operator.sock"); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary | std::ios::trunc) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string signer_toml(const std::string& memory_lock = "secrets") const {
    std::string out = "member = \"member-4\"\nmodule = \"" + signer::hsm::testing::probe_module() +
                      "\"\nsofthsm_conf = \"softhsm2.conf\"\ntoken_directory = \"tokens\"\ntoken_label = \"" +
                      signer::hsm::testing::kLabel + "\"\ntoken_serial = \"" + serial_ +
                      "\"\nmemory_lock = \"" + memory_lock + "\"\n";
    for (const auto& key : pins()) {
      out += "[keys." + key.name + "]\nid = \"" + to_hex(key.id) + "\"\npublic = \"" + key.key.hex() + "\"\n";
    }
    return out;
  }
  std::vector<signer::journal::KeyPin> pins() const {
    std::vector<signer::journal::KeyPin> out;
    for (const auto& key : {validator_, attest_, governance_, seat_}) {
      out.push_back({key.name, key.id, key.public_key});
    }
    return out;
  }
  signer::journal::Binding binding() const {
    signer::journal::Binding out;
    out.chain_id = Hash256(ledger_->chain_id().array());
    out.member = kMember;
    out.policy = policy::bundle::bundle_hash(policy());
    out.token_label = signer::hsm::testing::kLabel;
    out.token_serial = serial_;
    out.keys = pins();
    return out;
  }
  void bind() const {
    SystemEntropy entropy;
    const auto files = open_directory(path("signer"));
    ASSERT_TRUE(files.ok());
    store_policy(**files, policy());
    const auto journal = signer::journal::SignerJournal::create(**files, binding(), entropy);
    ASSERT_TRUE(journal.ok()) << journal.status().to_string();
  }

  // Starts custody-signerd and waits until it serves or has ended; true when it serves.
  bool start(const std::function<void()>& prepare = [] {}, const std::string& pin = "2468-user") {
    child_ = std::make_unique<ChildProcess>();
    int pin_pipe[2];
    int ready_pipe[2];
    CHECK(pipe2(pin_pipe, O_CLOEXEC) == 0 && pipe2(ready_pipe, O_CLOEXEC) == 0);
    CHECK(::write(pin_pipe[1], pin.data(), pin.size()) == static_cast<ssize_t>(pin.size()));
    close(pin_pipe[1]);
    child_->start({tests::bin_dir() + "/custody-signerd", "--member", directory(), "--pin-fd", "10",
                   "--ready-fd", "11"},
                  path("logs/signerd.log"), [&] {
                    dup2(pin_pipe[0], 10);
                    dup2(ready_pipe[1], 11);
                    prepare();
                  });
    close(pin_pipe[0]);
    close(ready_pipe[1]);
    char answer[16];
    const ssize_t got = ::read(ready_pipe[0], answer, sizeof(answer));
    close(ready_pipe[0]);
    return got == 6;
  }
  ChildProcess& child() { return *child_; }
  int stop() {
    child_->kill(SIGTERM);
    return child_->wait_exit();
  }
  std::string log() const { return read("logs/signerd.log"); }

  // Fails the test unless the start ends with exit code 1 and this text on standard error.
  void expect_no_start(const std::string& part, const std::string& pin = "2468-user") {
    write("logs/signerd.log", "");
    ASSERT_FALSE(start([] {}, pin)) << "it serves, expected: " << part;
    EXPECT_EQ(child_->wait_exit(), 1);
    EXPECT_NE(log().find("custody-signerd: "), std::string::npos);
    EXPECT_NE(log().find(part), std::string::npos) << log();
  }

  signer::hsm::testing::SoftHsm& hsm() { return hsm_; }
  ProvenLedger& ledger() { return *ledger_; }
  const PublicKey& validator() const { return validator_.public_key; }
  const PublicKey& seat() const { return seat_.public_key; }
  std::uint64_t signatures_asked() const { return hsm_.count("C_Sign"); }

 private:
  signer::hsm::testing::SoftHsm hsm_;
  FakeChain chain_;
  std::string serial_;
  signer::hsm::PinnedKey validator_;
  signer::hsm::PinnedKey attest_;
  signer::hsm::PinnedKey governance_;
  signer::hsm::PinnedKey seat_;
  std::unique_ptr<ProvenLedger> ledger_;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace custody::tests
