// custody-officer-sign as a process, with SoftHSM2 and the probe in between.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>

#include "base/crypto/secp256k1.h"
#include "base/file.h"
#include "base/json.h"
#include "signer/hsm/officer_token.h"
#include "signer/officer/request.h"
#include "tests/support/child_process.h"

namespace custody::signer::officer {
namespace {

using hsm::KeyCurve;
using hsm::testing::generate_officer_key;
using hsm::testing::kLabel;

constexpr char kText[] = "CAASIOPE REQUEST v1\nsays      approve\n";

std::string program() {
  return tests::bin_dir() + "/custody-officer-sign";
}

struct Outcome {
  int code = -1;
  Json answer;
};

class OfficerSign : public ::testing::Test {
 protected:
  void SetUp() override { hsm_.init_token(); }

  std::string path(const char* name) const { return hsm_.writable() + "/" + name; }

  Json request(const std::string& key) const {
    Json out = Json::object();
    out.set("schema", "custody.officer-sign-request/1")
        .set("key", key)
        .set("module", hsm::testing::probe_module())
        .set("tag", "caasiope/policy/vote")
        .set("chain_id", std::string(64, '1'))
        .set("text", kText);
    return out;
  }

  Outcome run(const std::string& input, const std::string& pin = "2468-user\n") const {
    return run_with({"--pin-fd", "3"}, input, pin);
  }
  Outcome run_with(const std::vector<std::string>& options, const std::string& input,
                   const std::string& pin) const {
    EXPECT_TRUE(write_file_atomic(path("in"), as_bytes(input), 0600).ok());
    EXPECT_TRUE(write_file_atomic(path("pin"), as_bytes(pin), 0600).ok());
    std::vector<std::string> arguments = {program(), "--parent", std::to_string(parent_), "--writable",
                                          hsm_.writable()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    tests::ChildProcess child;
    child.start(arguments, path("log"), [this] {
      const int in = open(path("in").c_str(), O_RDONLY);
      const int secret = open(path("pin").c_str(), O_RDONLY);
      const int out = open(path("out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(in, STDIN_FILENO);
      dup2(out, STDOUT_FILENO);
      dup2(secret, 3);
    });
    Outcome outcome;
    outcome.code = child.wait_exit();
    const Bytes said = *read_file(path("out"), 4096);
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << as_text(said);
    auto answer = Json::parse(as_text(said), 4096);
    EXPECT_TRUE(answer.ok()) << as_text(said);
    if (answer.ok()) outcome.answer = std::move(answer).value();
    return outcome;
  }
  void expect_error(const Outcome& outcome, int code, std::string_view name) const {
    EXPECT_EQ(outcome.code, code);
    const Json* error = outcome.answer.find("error");
    ASSERT_NE(error, nullptr) << outcome.answer.dump();
    EXPECT_EQ(*error->string_at("code"), name) << outcome.answer.dump();
    EXPECT_FALSE(error->string_at("message")->empty());
  }
  void expect_signed(const Outcome& outcome, const Json& asked, std::string_view curve) const {
    ASSERT_EQ(outcome.code, 0) << outcome.answer.dump();
    EXPECT_EQ(outcome.answer.members().size(), 3u);
    EXPECT_EQ(*outcome.answer.string_at("curve"), curve);
    const Bytes key = *from_hex(*outcome.answer.string_at("public_key"));
    const Signature signature = *Signature::from_hex(*outcome.answer.string_at("signature"));
    const Hash256 digest = digest_of(*parse_sign_request(asked.dump()));
    EXPECT_TRUE(curve == "p256" ? crypto::p256::verify(*crypto::p256::PublicKey::from(key), digest, signature)
                                : crypto::verify(*PublicKey::from(key), digest, signature));
  }

  hsm::testing::SoftHsm hsm_;
  pid_t parent_ = getpid();
};

// Invariants 1 and 3.
TEST_F(OfficerSign, SignsOnceWithEitherCurve) {
  generate_officer_key({.curve = KeyCurve::kSecp256k1, .label = "alice", .id = {1}});
  generate_officer_key({.curve = KeyCurve::kP256, .label = "bob", .id = {2}});
  const Json by_alice = request("pkcs11:token=custody-test;object=alice;type=private");
  expect_signed(run(by_alice.dump()), by_alice, "secp256k1");
  const Json by_bob = request("pkcs11:token=custody-test;id=%02");
  expect_signed(run(by_bob.dump()), by_bob, "p256");
  EXPECT_EQ(hsm_.count("C_Login"), 2u);
  EXPECT_EQ(hsm_.count("C_Sign:01"), 1u);
  EXPECT_EQ(hsm_.count("C_Sign:02"), 1u);
}

TEST_F(OfficerSign, TellsThePublicKeyWithoutAPin) {
  generate_officer_key({.curve = KeyCurve::kP256, .label = "bob", .id = {2}});
  const Json asked = request("pkcs11:token=custody-test;object=bob");
  Json key_only = Json::object();
  key_only.set("schema", "custody.officer-key-request/1")
      .set("key", "pkcs11:token=custody-test;object=bob")
      .set("module", hsm::testing::probe_module());
  const Outcome told = run_with({"--show-key"}, key_only.dump(), "");
  ASSERT_EQ(told.code, 0) << told.answer.dump();
  EXPECT_EQ(told.answer.members().size(), 2u);
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
  const Outcome by_bob = run(asked.dump());
  expect_signed(by_bob, asked, "p256");
  EXPECT_EQ(by_bob.answer.string_at("public_key").value(), told.answer.string_at("public_key").value());
}

TEST_F(OfficerSign, ATokenLabelWithSpacesAndOtherBytesIsWrittenWithEscapes) {
  const char kOther[] = "Alice's token; 100%";
  auto provisioner = std::move(*hsm::Provisioner::load(hsm::testing::kSoftHsmModule));
  ASSERT_TRUE(provisioner->init_token(kOther, hsm::testing::so_pin(), hsm::testing::user_pin()).ok());
  provisioner.reset();
  generate_officer_key({}, kOther);
  const Json asked = request("pkcs11:token=Alice's%20token%3B%20100%25;object=alice");
  expect_signed(run(asked.dump()), asked, "secp256k1");
}

// Invariant 3.
TEST_F(OfficerSign, AWrongPinIsTriedOnceAndALowCounterForbidsTheNext) {
  generate_officer_key({});
  const std::string asked = request("pkcs11:token=custody-test;object=alice").dump();
  expect_error(run(asked, "not the PIN"), 1, "unauthenticated");
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  {
    const auto module = std::move(*hsm::Module::load(hsm::testing::kSoftHsmModule));
    const auto session = std::move(*hsm::Session::open(*module, hsm::find_token(*module, {kLabel, ""})->slot,
                                                       hsm::Session::Access::kReadOnly));
    ASSERT_FALSE(session.login(CKU_USER, SecretBytes(as_bytes("not the PIN"))).ok());
  }
  expect_error(run(asked), 1, "unauthenticated");  // the right PIN
  EXPECT_EQ(hsm_.count("C_Login"), 1u);
  EXPECT_EQ(hsm_.count("C_SignInit"), 0u);
}

TEST_F(OfficerSign, ARequestThatIsWrongNeverReachesTheToken) {
  expect_error(run(""), 2, "invalid");
  expect_error(run(std::string(kMaxRequest + 1, ' ')), 1, "exhausted");
  expect_error(run(request("pkcs11:token=custody-test;object=alice?pin-value=1234").dump()), 2, "invalid");
  expect_error(run(request("pkcs11:token=custody-test;object=alice").set("digest", "00").dump()), 2,
               "invalid");
  const std::string good = request("pkcs11:token=custody-test;object=alice").dump();
  expect_error(run(good, ""), 2, "invalid");
  expect_error(run(good, std::string(300, '1')), 1, "exhausted");
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
}

TEST_F(OfficerSign, WhatIsNotThereOrNotClearIsNamed) {
  generate_officer_key({.label = "alice", .id = {1}});
  generate_officer_key({.label = "alice", .id = {2}});
  expect_error(run(request("pkcs11:token=custody-test;object=carol").dump()), 1, "not_found");
  expect_error(run(request("pkcs11:token=custody-test;object=alice").dump()), 1, "refused");
  expect_error(run(request("pkcs11:token=elsewhere;object=alice").dump()), 1, "not_found");
  Json no_module = request("pkcs11:token=custody-test;object=alice");
  no_module.set("module", "/usr/lib/no-such-module.so");
  expect_error(run(no_module.dump()), 1, "not_found");
  EXPECT_EQ(hsm_.count("C_Sign"), 0u);
}

// Invariant 4. When who started it ended before it could ask to be told, somebody else is its parent by now.
TEST_F(OfficerSign, DoesNothingForAParentThatHasEnded) {
  generate_officer_key({.curve = KeyCurve::kSecp256k1, .label = "alice", .id = {1}});
  parent_ = 1;
  expect_error(run(request("pkcs11:token=custody-test;object=alice").dump()), 3, "unavailable");
  EXPECT_EQ(hsm_.count("C_Login"), 0u);
}

TEST_F(OfficerSign, ATokenThatIsRemovedIsNotReachable) {
  generate_officer_key({});
  const std::string asked = request("pkcs11:token=custody-test;object=alice").dump();
  hsm_.script("C_OpenSession 1 return CKR_DEVICE_REMOVED\n");
  expect_error(run(asked), 3, "unavailable");
  hsm_.script("C_Sign 1 return CKR_DEVICE_REMOVED\n");
  expect_error(run(asked), 1, "outcome_unknown");
}

TEST_F(OfficerSign, ASignatureThatDoesNotVerifyIsNotPrinted) {
  generate_officer_key({});
  hsm_.script("C_Sign * corrupt\n");
  const Outcome outcome = run(request("pkcs11:token=custody-test;object=alice").dump());
  expect_error(outcome, 1, "corrupt");
  EXPECT_EQ(outcome.answer.find("signature"), nullptr);
}

// Invariant 5. Some modules print to standard output.
TEST_F(OfficerSign, WhatAModulePrintsIsNoPartOfTheAnswer) {
  generate_officer_key({});
  hsm_.script("C_Login 1 print\n");
  const Json asked = request("pkcs11:token=custody-test;object=alice");
  expect_signed(run(asked.dump()), asked, "secp256k1");
  hsm_.script("C_GetSlotList 1 print\nC_OpenSession 1 return CKR_DEVICE_REMOVED\n");
  expect_error(run(asked.dump()), 3, "unavailable");
}

// Invariant 4: SoftHSM2 rewrites its token at every login that can write, and loses it if it is killed then.
TEST_F(OfficerSign, TheTokensFilesAreNotTouched) {
  generate_officer_key({});
  const auto times = [this] {
    std::map<std::string, std::filesystem::file_time_type> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(hsm_.tokens())) {
      if (entry.is_regular_file()) out[entry.path()] = entry.last_write_time();
    }
    return out;
  };
  const auto before = times();
  const Json asked = request("pkcs11:token=custody-test;object=alice");
  expect_signed(run(asked.dump()), asked, "secp256k1");
  EXPECT_EQ(times(), before);
}

std::string status_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  return {std::istreambuf_iterator<char>(file), {}};
}

// Invariant 4. The one that starts it is a child of this process, which kills it while the request is
// awaited.
TEST_F(OfficerSign, EndsWithTheProcessThatStartedIt) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  std::array<int, 2> who{};
  ASSERT_EQ(pipe2(in.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(who.data(), O_CLOEXEC), 0);
  const std::string name = program();
  const pid_t starter = fork();
  ASSERT_GE(starter, 0);
  if (starter == 0) {
    const pid_t child = fork();
    if (child == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      const std::string parent = std::to_string(getppid());
      execl(name.c_str(), name.c_str(), "--parent", parent.c_str(), "--pin-fd", "0", nullptr);
      _exit(127);
    }
    if (write(who[1], &child, sizeof child) != sizeof child) _exit(1);
    for (;;) pause();
  }
  const Fd reader(out[0]);
  Fd(out[1]).reset();
  pid_t child = 0;
  ASSERT_EQ(read(who[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  // Hardened last of all: once this is seen, the signal is set.
  while (status_of(child).find("NoNewPrivs:\t1") == std::string::npos) sched_yield();
  ASSERT_EQ(kill(starter, SIGKILL), 0);
  ASSERT_EQ(waitpid(starter, nullptr, 0), starter);
  const auto said = read_fd(reader.get(), 4096);  // ends when the child does, which this process still feeds
  ASSERT_TRUE(said.ok());
  EXPECT_TRUE(said->empty()) << as_text(*said);
  for (const int fd : {in[0], in[1], who[0], who[1]}) close(fd);
}

}  // namespace
}  // namespace custody::signer::officer
