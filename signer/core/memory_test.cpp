#include "signer/core/memory.h"

#include "policy/bundle/attestation.h"
#include "signer/core/fixture_test.h"

namespace custody::signer::core {
namespace {

class MemoryTest : public SignerFixture {
 protected:
  Status recovered() {
    core_.reset();
    const auto memory = recover(directory_, identity_, entropy_);
    return memory.ok() ? ok_status() : memory.status();
  }
  void expect_stopped(Code code, const std::string& part) {
    const Status status = recovered();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_NE(status.to_string().find(part), std::string::npos) << status.to_string();
  }
};

TEST_F(MemoryTest, EverythingThatBindsSurvivesARestart) {
  ask(vote(5, 1, 1, model::VoteType::kPrecommit));
  ledger_.header.height = model::Height(5);
  ASSERT_EQ(ask(payouts_.recorded(payouts_.derive(1, {1}, {1}))).code, 0);
  ask(vote(6, 0, 1));
  const model::GuardState before = core_->state();
  const engine::EngineState policy = core_->memory().desk->state();
  ASSERT_TRUE(core_->idle().ok());
  restart();
  EXPECT_EQ(core_->state(), before);
  EXPECT_EQ(core_->memory().desk->state(), policy);
  EXPECT_EQ(core_->memory().outcome_unknown, 0u);
  expect_refused(ask(vote(6, 0, 2)), "guard.watermark");
  ledger_.advance();
  expect_refused(ask(payouts_.recorded(payouts_.derive(2, {3}, {2}))), "policy.no_permit");
}

TEST_F(MemoryTest, AfterARestartTheSameVoteIsSignedAgain) {
  const auto first = ask(vote(5, 0, 1));
  restart();
  const auto again = ask(vote(5, 0, 1));
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(token_.asked[0], token_.asked[1]);
}

// Abuse case G2: no journal is never a fresh install.
TEST_F(MemoryTest, G2_AMissingJournalStopsTheStart) {
  core_.reset();
  directory_.remove(journal::kFileName);
  EXPECT_EQ(recovered().code(), Code::kNotFound);
}

TEST_F(MemoryTest, G2_AnotherNetworkMemberOrKeyStopsTheStart) {
  const Identity right = identity_;
  identity_.chain_id = *model::ChainId::from(Bytes(32, 1));
  expect_stopped(Code::kRefused, "genesis.bin is of another network");
  identity_ = right;
  identity_.member = model::MemberId(3);
  expect_stopped(Code::kRefused, "bound to member 2");
  identity_ = right;
  identity_.genesis.members[1].attest_key = ledger_.keys(3).attest.public_key();
  expect_stopped(Code::kRefused, "key attest");
  identity_ = right;
  EXPECT_TRUE(recovered().ok());
}

TEST_F(MemoryTest, B4_AnotherBundleInTheBoundOnesFileStopsTheStart) {
  const std::string file = policy::bundle::file_name(binding_.policy);
  const Bytes right = directory_.content(file);
  auto other = policy_;
  other.pending_expiry_hours = 1;
  directory_.tamper(file, tests::sign_bundle(other, {}));
  expect_stopped(Code::kCorrupt, "its file holds another bundle");
  directory_.tamper(file, Bytes(10, 0xff));
  expect_stopped(Code::kInvalid, "policy bundle " + binding_.policy.hex());
  directory_.remove(file);
  expect_stopped(Code::kNotFound, "put its file " + file + " back");
  directory_.tamper(file, right);
  EXPECT_TRUE(recovered().ok());
}

TEST_F(MemoryTest, G2_AMissingOrCutSeedOfTheSaltsStopsTheStart) {
  const Bytes right = directory_.content(policy::bundle::kSaltFile);
  directory_.tamper(policy::bundle::kSaltFile, Bytes(31, 1));
  expect_stopped(Code::kCorrupt, "policy.salt must hold 32 bytes");
  directory_.remove(policy::bundle::kSaltFile);
  expect_stopped(Code::kNotFound, "policy.salt is missing in the signer's directory");
  directory_.tamper(policy::bundle::kSaltFile, right);
  EXPECT_TRUE(recovered().ok());
}

TEST_F(MemoryTest, G2_AChangedRecordStopsTheStart) {
  ask(vote(5, 0, 1));
  ask(vote(6, 0, 1));
  core_.reset();
  Bytes content = directory_.content(journal::kFileName);
  content[content.size() / 2] ^= 1;
  directory_.tamper(journal::kFileName, content);
  EXPECT_EQ(recovered().code(), Code::kCorrupt);
}

TEST_F(MemoryTest, I1_AnAuditLogThatWasCutStopsTheStart) {
  ask(vote(5, 0, 1));
  ASSERT_TRUE(core_->idle().ok());
  ask(vote(6, 0, 1));  // its COMMIT knows of the leaf
  core_.reset();
  directory_.remove(audit::kFileName);
  EXPECT_FALSE(recovered().ok());
}

// Abuse cases G1, G2: the journal of yesterday, or one whose last COMMIT was damaged and so looks like a torn
// write, beside an audit log that knows better. Starting from it would sign the position again.
TEST_F(MemoryTest, G1_AJournalThatForgotWhatTheAuditLogKnowsStopsTheStart) {
  ask(vote(5, 0, 1));
  const Bytes yesterday = directory_.content(journal::kFileName);
  ask(vote(6, 0, 1));
  ASSERT_TRUE(core_->idle().ok());
  core_.reset();
  const Bytes today = directory_.content(journal::kFileName);
  directory_.tamper(journal::kFileName, yesterday);
  expect_stopped(Code::kCorrupt, "older than the audit log");
  directory_.tamper(journal::kFileName, today);
  EXPECT_TRUE(recovered().ok());
}

// What officers said is not forgotten either: no signature follows a freeze that would show it.
TEST_F(MemoryTest, G1_AJournalThatForgotAFreezeStopsTheStart) {
  const Bytes before = directory_.content(journal::kFileName);
  const policy::render::FreezeOrder order{
      identity_.chain_id, identity_.member, policy::render::Freeze::kFreeze, {}, to_bytes("a drill"), 1,
      policy_.version,    binding_.policy,  policy::render::kMaxTime};
  const auto reply =
      ask(model::StatementIntent{model::Statement::kFreeze, tests::sign_order(order, {"carol"})},
          Caller::kOperator);
  ASSERT_EQ(reply.code, 0) << as_text(reply.message);
  ASSERT_TRUE(core_->idle().ok());
  core_.reset();
  const Bytes after = directory_.content(journal::kFileName);
  directory_.tamper(journal::kFileName, before);
  expect_stopped(Code::kCorrupt, "older than the audit log");
  directory_.tamper(journal::kFileName, after);
  EXPECT_TRUE(recovered().ok());
}

TEST_F(MemoryTest, G2_ADamagedLastCommitStopsTheStartWhenItsSignatureWasAudited) {
  const std::size_t start = directory_.content(journal::kFileName).size();
  ask(vote(5, 0, 1));
  core_.reset();
  Bytes content = directory_.content(journal::kFileName);
  // length u32 | sequence u64 | payload | link 16: the COMMIT, after which the lazy DONE was lost.
  const std::size_t payload = std::size_t{content[start + 2]} << 8 | content[start + 3];
  content.resize(start + 4 + 8 + payload + 16);
  content[start + 20] ^= 1;
  directory_.tamper(journal::kFileName, content);
  expect_stopped(Code::kCorrupt, "older than the audit log");
}

TEST_F(MemoryTest, RecordsThatDoNotFollowStopTheStart) {
  core_.reset();
  auto opened = journal::SignerJournal::open(
      directory_, [](std::uint64_t, journal::RecordKind, ByteView) { return ok_status(); });
  ASSERT_TRUE(opened.ok());
  CommitRecord record;
  record.digests = {Hash256()};
  record.counter = 7;
  ASSERT_TRUE((*opened)->append_commit(proto::reader::encode(record)).ok());
  expect_stopped(Code::kCorrupt, "counter does not follow");
}

// Abuse case G3: the power goes at every single operation on the files. What the token has signed is
// remembered, so that afterwards no position has two messages and no burn two slots.
TEST_F(MemoryTest, G3_APowerCutAtAnyOperationForgetsNothingThatWasSigned) {
  using Tear = tests::SimDirectory::Tear;
  const auto plan = payouts_.derive(1, {1}, {1});
  const auto payout = payouts_.recorded(plan);
  const Bytes pristine = directory_.content(journal::kFileName);
  for (const Tear tear : {Tear::kNothing, Tear::kPrefix, Tear::kAll}) {
    for (std::uint64_t operations = 0;; ++operations) {
      core_.reset();
      directory_.remove(audit::kFileName);
      directory_.tamper(journal::kFileName, pristine);
      restart();
      token_.asked.clear();
      directory_.cut_power_after(operations);
      ask(vote(1, 0, 1));
      ask(payout);
      ask(vote(1, 0, 1, model::VoteType::kPrecommit));
      static_cast<void>(core_->idle());
      ask(vote(2, 0, 1));
      const bool finished = !directory_.power_is_cut();
      core_.reset();
      directory_.crash(tear);
      const std::vector<Hash256> asked = token_.asked;
      restart();
      ASSERT_NE(core_, nullptr);
      const auto committed = committed_digests();
      ASSERT_LE(asked.size(), committed.size());
      EXPECT_TRUE(std::equal(asked.begin(), asked.end(), committed.begin())) << operations;
      if (!asked.empty()) expect_refused(ask(vote(1, 0, 2)), "guard.watermark");
      if (finished) break;
      ASSERT_LT(operations, 1'000u);
    }
  }
}

}  // namespace
}  // namespace custody::signer::core
