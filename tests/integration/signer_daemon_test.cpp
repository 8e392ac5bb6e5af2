// custody-signerd as a process, over its sockets, with a SoftHSM2 token behind the probe.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <random>

#include "base/json.h"
#include "signer/core/records.h"
#include "tests/integration/signer_member.h"

namespace custody::tests {
namespace {

namespace model = ledger::model;
using signer::client::Client;

constexpr int kTimeoutMs = 20'000;

model::VoteIntent vote(std::uint64_t height, std::uint8_t block = 1) {
  return {model::VoteType::kPrevote, model::Height(height), model::Round(0),
          *model::BlockHash::from(Bytes(32, block))};
}

class SignerDaemon : public ::testing::Test {
 protected:
  void serve() {
    ASSERT_TRUE(member_.start()) << member_.log();
    node_ = std::make_unique<Client>(Client::connect(member_.node_socket()).value());
  }
  model::SignReply ask(model::Intent intent) { return ask(*node_, std::move(intent)); }
  static model::SignReply ask(Client& client, model::Intent intent) {
    auto reply = client.call(std::move(intent), kTimeoutMs);
    EXPECT_TRUE(reply.ok()) << reply.status().to_string();
    if (reply.ok()) return *reply;
    model::SignReply none;
    none.code = 255;
    return none;
  }
  Client operator_client() const { return Client::connect(member_.operator_socket()).value(); }
  Json status() {
    const auto parsed = Json::parse(as_text(ask(model::StatusQuery{}).detail), 8'192);
    EXPECT_TRUE(parsed.ok());
    return parsed.ok() ? *parsed : Json();
  }
  std::uint64_t watermark() { return status().find("watermark")->u64_at("height").value(); }
  Hash256 digest(const model::VoteIntent& of) {
    return proto::reader::vote_digest(member_.ledger().chain_id(), of.type, of.height, of.round, of.block);
  }
  void expect_signed(const model::VoteIntent& intent) {
    const auto reply = ask(intent);
    ASSERT_EQ(reply.code, 0) << as_text(reply.rule) << ": " << as_text(reply.message);
    ASSERT_EQ(reply.signatures.size(), 1u);
    EXPECT_TRUE(crypto::verify(member_.validator(), digest(intent), reply.signatures[0]));
  }
  void expect_refused(model::Intent intent, std::string_view rule) {
    const auto reply = ask(std::move(intent));
    EXPECT_NE(reply.code, 0);
    EXPECT_EQ(as_text(reply.rule), rule) << as_text(reply.message);
    EXPECT_TRUE(reply.signatures.empty());
  }
  // Every digest that stands in a COMMIT of the journal. The signer must not be running.
  std::size_t committed_digests() const {
    const auto files = open_directory(member_.path("signer")).value();
    std::size_t count = 0;
    const auto opened = signer::journal::SignerJournal::open(
        *files, [&](std::uint64_t, signer::journal::RecordKind kind, ByteView payload) -> Status {
          if (kind != signer::journal::RecordKind::kCommit) return ok_status();
          ASSIGN_OR_RETURN(const auto record, proto::reader::decode<signer::core::CommitRecord>(
                                                  payload, signer::journal::kMaxPayload));
          count += record.digests.size();
          return ok_status();
        });
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return count;
  }

  SignerMember member_;
  std::unique_ptr<Client> node_;
};

TEST_F(SignerDaemon, VotesAreSignedThroughTheSocketAndVerify) {
  serve();
  for (std::uint64_t height = 1; height <= 20; ++height) expect_signed(vote(height));
  EXPECT_EQ(member_.signatures_asked(), 20u);
  EXPECT_EQ(member_.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(member_.node_socket()));
}

TEST_F(SignerDaemon, F2_BelowTheWatermarkIsRefusedWithoutACallOfTheToken) {
  serve();
  expect_signed(vote(10));
  expect_refused(vote(9), "guard.watermark");
  expect_refused(vote(10, 2), "guard.watermark");
  EXPECT_EQ(member_.signatures_asked(), 1u);
}

TEST_F(SignerDaemon, CallsOfTheTokenAreTheCommitsDigests) {
  serve();
  Payouts payouts(member_.ledger());
  for (std::uint64_t coin = 1; coin <= 20; ++coin) payouts.add_coin(coin, 100'000);
  payouts.add_burn(1, 1'500'000);
  std::vector<std::uint64_t> coins(20);
  for (std::uint64_t i = 0; i < 20; ++i) coins[i] = i + 1;
  const auto plan = payouts.derive(1, {1}, coins);
  ASSERT_GT(plan.inputs.size(), 10u);
  const auto reply = ask(payouts.recorded(plan));  // evidence of this size travels in a memfd
  ASSERT_EQ(reply.code, 0) << as_text(reply.message);
  const auto digests =
      *ledger::custody::payout_digests(member_.ledger().chain_id(), plan, member_.ledger().wallet());
  ASSERT_EQ(reply.signatures.size(), digests.size());
  for (std::size_t i = 0; i < digests.size(); ++i) {
    EXPECT_TRUE(crypto::verify(member_.seat(), digests[i], reply.signatures[i]));
  }
  for (std::uint64_t height = 2; height <= 6; ++height) expect_signed(vote(height));
  expect_refused(vote(1), "guard.watermark");
  Client governor = operator_client();
  const model::BallotIntent ballot = tests::ballot_on(tests::proposed_gateway(member_.ledger().chain_id()),
                                                      model::MemberId(SignerMember::kMember), true);
  EXPECT_EQ(ask(governor, ballot).code, 0);
  EXPECT_EQ(member_.stop(), 0);
  EXPECT_EQ(committed_digests(), member_.signatures_asked());
  EXPECT_EQ(committed_digests(), digests.size() + 6);
}

// Invariant: SIGKILL at any time loses nothing that was signed.
TEST_F(SignerDaemon, G6_SigkillAtRandomTimesNeverLowersTheWatermark) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): reproducible
  std::uint64_t height = 0;
  for (int round = 0; round < 15; ++round) {
    serve();
    const std::uint64_t recovered = watermark();
    EXPECT_GE(recovered, height) << "a vote was signed and forgotten";
    if (recovered > 0) {
      expect_refused(vote(recovered, 2), "guard.watermark");
      expect_signed(vote(recovered));
    }
    // Requests are under way when the kill comes, some answered, some not.
    height = recovered;
    for (std::uint64_t i = 1; i <= 8; ++i) ASSERT_TRUE(node_->send(vote(recovered + i)).ok());
    const unsigned answers = random() % 8;
    for (unsigned i = 0; i < answers; ++i) {
      pollfd poller{node_->fd(), POLLIN, 0};
      ASSERT_EQ(poll(&poller, 1, kTimeoutMs), 1);
      const auto reply = node_->try_receive();
      ASSERT_TRUE(reply.ok() && reply->has_value());
      ASSERT_EQ((*reply)->code, 0);
      ++height;
    }
    member_.child().kill(SIGKILL);
    EXPECT_EQ(member_.child().wait_exit(), -SIGKILL);
  }
}

// Killed inside C_Sign, before and after the token made the signature: outcome unknown.
TEST_F(SignerDaemon, A3_KilledInsideTheTokenTheSameVoteIsCompletedAndNoOther) {
  for (const char* moment : {"crash-before", "crash-after"}) {
    member_.hsm().script("C_Sign 2 " + std::string(moment) + "\n");
    serve();
    const std::uint64_t height = watermark() + 1;
    expect_signed(vote(height));
    EXPECT_FALSE(node_->call(vote(height + 1), kTimeoutMs).ok());
    EXPECT_EQ(member_.child().wait_exit(), -SIGKILL);
    member_.hsm().script("");
    serve();
    EXPECT_EQ(watermark(), height + 1);
    EXPECT_GE(status().u64_at("outcome_unknown").value(), 1u);
    expect_refused(vote(height + 1, 2), "guard.watermark");
    expect_signed(vote(height + 1));
    EXPECT_EQ(member_.stop(), 0);
  }
}

TEST_F(SignerDaemon, A3_ATokenThatFailsOnceIsReportedAndServesAgain) {
  member_.hsm().script("C_Sign 2 return CKR_DEVICE_ERROR\n");
  serve();
  expect_signed(vote(1));
  expect_refused(vote(2), "signer.token");
  expect_refused(vote(2, 9), "guard.watermark");
  expect_signed(vote(2));
  expect_signed(vote(3));
}

TEST_F(SignerDaemon, A6_AWrongSignatureIsNotReleasedAndAHighOneIsNormalised) {
  member_.hsm().script("C_Sign 1 corrupt\nC_Sign 2 wrong-key\nC_Sign 3 high-s\n");
  serve();
  expect_refused(vote(1), "signer.token");
  expect_refused(vote(1), "signer.token");
  expect_signed(vote(1));
}

TEST_F(SignerDaemon, A5_AWrongPinIsTriedOnce) {
  const std::uint64_t before = member_.hsm().count("C_Login");
  member_.expect_no_start("PIN", "0000-wrong");
  EXPECT_EQ(member_.hsm().count("C_Login"), before + 1);
  serve();
  expect_signed(vote(1));
}

TEST_F(SignerDaemon, AnEmptyPinIsNotTried) {
  member_.expect_no_start("PIN", "");
  EXPECT_EQ(member_.hsm().count("C_Login"), 0u);
}

TEST_F(SignerDaemon, A7_AMissingOrOtherTokenOrKeyStopsTheStart) {
  const std::string good = member_.signer_toml();
  std::string other = good;
  other.replace(other.find("token_serial = \"") + 16, 4, "ffff");
  member_.write("signer.toml", other);
  member_.expect_no_start("the journal is bound to");
  other = good;
  const std::string own = member_.validator().hex();
  other.replace(other.find(own), own.size(), member_.seat().hex());
  member_.write("signer.toml", other);
  member_.expect_no_start("key validator is not the one that the journal is bound to");
  member_.write("signer.toml", good);
  std::filesystem::rename(member_.path("tokens"), member_.path("tokens.away"));
  std::filesystem::create_directory(member_.path("tokens"));
  member_.expect_no_start("token");
  std::filesystem::remove(member_.path("tokens"));
  std::filesystem::rename(member_.path("tokens.away"), member_.path("tokens"));
  serve();
}

TEST_F(SignerDaemon, G2_AMissingJournalStopsTheStart) {
  std::filesystem::rename(member_.path("signer/signer.journal"), member_.path("journal.away"));
  member_.expect_no_start("signer.journal");
  EXPECT_FALSE(std::filesystem::exists(member_.path("signer/signer.journal")));
}

TEST_F(SignerDaemon, G2_AMissingOrWrongSeedOfTheSaltsStopsTheStart) {
  const std::string seed = member_.read("signer/policy.salt");
  EXPECT_EQ(seed.size(), 32u);
  member_.write("signer/policy.salt", seed + "x");
  member_.expect_no_start("policy.salt must hold 32 bytes");
  std::filesystem::remove(member_.path("signer/policy.salt"));
  member_.expect_no_start("policy.salt is missing in the signer's directory");
  EXPECT_FALSE(std::filesystem::exists(member_.path("signer/policy.salt")));
  member_.write("signer/policy.salt", seed);
  serve();
}

TEST_F(SignerDaemon, G2_FoldersThatOthersMayWriteToStopTheStart) {
  using std::filesystem::perms;
  for (const char* name : {".", "signer", "run", "tokens"}) {
    std::filesystem::permissions(member_.path(name), perms::group_write, std::filesystem::perm_options::add);
    member_.expect_no_start("may be written by others");
    std::filesystem::permissions(member_.path(name), perms::group_write,
                                 std::filesystem::perm_options::remove);
  }
  serve();
}

TEST_F(SignerDaemon, G2_ADamagedJournalStopsTheStart) {
  serve();
  expect_signed(vote(1));
  expect_signed(vote(2));
  EXPECT_EQ(member_.stop(), 0);
  std::string content = member_.read("signer/signer.journal");
  content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
  member_.write("signer/signer.journal", content);
  member_.expect_no_start("corrupt");
}

TEST_F(SignerDaemon, AnotherPolicyGenesisOrBrokenConfigurationStopsTheStart) {
  const std::string file = "signer/" + policy::bundle::file_name(member_.binding().policy);
  const std::string policy = member_.read(file);
  auto other = member_.policy();
  other.pending_expiry_hours = 1;
  member_.write(file, std::string(as_text(sign_bundle(other, {}))));
  member_.expect_no_start("its file holds another bundle");
  member_.write(file, "surprise");
  member_.expect_no_start(file.substr(7));
  member_.write(file, policy);
  const std::string genesis = member_.read("genesis.bin");
  member_.write("genesis.bin",
                std::string(as_text(proto::reader::encode(ProvenLedger(FakeChain(), 5).genesis()))));
  member_.expect_no_start("genesis.bin is of another network");
  member_.write("genesis.bin", "garbage");
  member_.expect_no_start("genesis");
  member_.write("genesis.bin", genesis);
  member_.write("signer.toml", member_.signer_toml() + "\nextra = 1\n");
  member_.expect_no_start("extra");
  member_.write("signer.toml", member_.signer_toml());
  serve();
}

TEST_F(SignerDaemon, A10_ASecondSignerOfTheSameMemberDoesNotStart) {
  serve();
  SignerMember& member = member_;
  ChildProcess second;
  int pin[2];
  ASSERT_EQ(pipe2(pin, O_CLOEXEC), 0);
  ASSERT_EQ(::write(pin[1], "2468-user", 9), 9);
  close(pin[1]);
  second.start({tests::bin_dir() + "/custody-signerd", "--member", member.directory(), "--pin-fd", "10"},
               member.path("logs/second.log"), [&] { dup2(pin[0], 10); });
  close(pin[0]);
  EXPECT_EQ(second.wait_exit(), 1);
  EXPECT_NE(member.read("logs/second.log").find("another custody-signerd"), std::string::npos);
  expect_signed(vote(1));
}

TEST_F(SignerDaemon, A1_TheWrongSocketIsRefusedAndTheSignerGoesOn) {
  serve();
  Client wrong = operator_client();
  EXPECT_EQ(as_text(ask(wrong, vote(1)).rule), "signer.caller");
  const model::BallotIntent ballot = tests::ballot_on(tests::proposed_gateway(member_.ledger().chain_id()),
                                                      model::MemberId(SignerMember::kMember), true);
  expect_refused(ballot, "signer.caller");
  EXPECT_EQ(member_.signatures_asked(), 0u);
  expect_signed(vote(1));
}

TEST_F(SignerDaemon, F6_OversizeGarbageAndUnsealedRequestsAreRefusedAndTheSignerGoesOn) {
  serve();
  const auto expect_error = [&](ByteView packet, int fd, std::string_view rule) {
    ASSERT_TRUE(send_packet(node_->fd(), packet, fd, kTimeoutMs).ok());
    const auto reply = signer::client::receive_reply(node_->fd(), kTimeoutMs);
    ASSERT_TRUE(reply.ok()) << reply.status().to_string();
    EXPECT_NE(reply->code, 0);
    EXPECT_EQ(as_text(reply->rule), rule) << as_text(reply->message);
  };
  expect_error(Bytes(100, 0xff), -1, "signer.decode");
  expect_error(Bytes(model::kMaxIntentHeader + 1, 1), -1, "signer.packet");
  const ByteView magic = as_bytes(signer::client::kMemfdMagic);
  expect_error(magic, -1, "signer.packet");
  const Fd unsealed(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::write(unsealed.get(), "x", 1), 1);
  expect_error(magic, unsealed.get(), "signer.packet");
  expect_error(magic, sealed_memfd(Bytes(model::kMaxEvidence + 1, 1))->get(), "signer.packet");
  expect_error(magic, sealed_memfd(Bytes(100'000, 1))->get(), "signer.decode");
  expect_error(Bytes(10, 1), sealed_memfd(Bytes(10, 1))->get(), "signer.packet");
  EXPECT_EQ(member_.signatures_asked(), 0u);
  expect_signed(vote(1));
}

TEST_F(SignerDaemon, F7_MoreConnectionsThanAllowedAreClosedAndTheOthersServed) {
  serve();
  std::vector<Client> others;
  for (int i = 0; i < 40; ++i) {
    auto one = Client::connect(member_.node_socket());
    if (one.ok()) others.push_back(std::move(one).value());
    expect_signed(vote(static_cast<std::uint64_t>(i) + 1));
  }
  others.clear();
  expect_signed(vote(41));
}

// Disk full: a real limit of the size of the journal's file.
TEST_F(SignerDaemon, G4_AFullDiskRefusesEverythingAndSignsNothing) {
  const auto limit = std::filesystem::file_size(member_.path("signer/signer.journal")) + 2'000;
  ASSERT_TRUE(member_.start([&] {
    const rlimit size{limit, limit};
    setrlimit(RLIMIT_FSIZE, &size);
  })) << member_.log();
  node_ = std::make_unique<Client>(Client::connect(member_.node_socket()).value());
  std::uint64_t height = 0;
  model::SignReply reply;
  do {
    reply = ask(vote(++height));
  } while (reply.code == 0 && height < 1'000);
  EXPECT_EQ(as_text(reply.rule), "signer.stopped");
  EXPECT_NE(as_text(reply.message).find("could not be written"), std::string_view::npos);
  const std::uint64_t asked = member_.signatures_asked();
  EXPECT_LE(asked, height);
  expect_refused(vote(height + 1), "signer.stopped");
  EXPECT_EQ(member_.signatures_asked(), asked);
  EXPECT_FALSE(status().bool_at("ok").value());
  member_.stop();
  // With room again nothing that was signed is forgotten.
  serve();
  EXPECT_GE(watermark(), asked);
  expect_refused(vote(asked, 2), "guard.watermark");
  expect_signed(vote(height + 1));
}

// SoftHSM2 rewrites its token at every login; a signer that could write there would lose it when killed.
TEST_F(SignerDaemon, StartsDoNotTouchTheTokensFiles) {
  const auto snapshot = [&] {
    std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(member_.path("tokens"))) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      out[entry.path()] = {std::string(std::istreambuf_iterator<char>(file), {}), entry.last_write_time()};
    }
    return out;
  };
  const auto before = snapshot();
  ASSERT_FALSE(before.empty());
  for (std::uint64_t i = 1; i <= 100; ++i) {
    serve();
    if (i % 10 == 0) expect_signed(vote(i));
    if (i % 2 == 0) {
      ASSERT_EQ(member_.stop(), 0);
    } else {
      member_.child().kill(SIGKILL);
      member_.child().wait_exit();
    }
  }
  EXPECT_EQ(snapshot(), before);
}

TEST_F(SignerDaemon, G6_MemoryIsLockedAndThePinIsNowhereToBeSeen) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers reserve more memory than can be locked";
#endif
  member_.write("signer.toml", member_.signer_toml("all"));
  serve();
  expect_signed(vote(1));
  std::ifstream process("/proc/" + std::to_string(member_.child().pid()) + "/status");
  const std::string text(std::istreambuf_iterator<char>(process), {});
  const std::size_t locked = text.find("VmLck:");
  ASSERT_NE(locked, std::string::npos);
  EXPECT_GT(std::stoul(text.substr(locked + 6)), 1'000u) << "kB";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(member_.directory())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(file), {});
    EXPECT_EQ(content.find("2468-user"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace custody::tests
