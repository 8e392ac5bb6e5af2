// A signer over files in memory, software keys and a ledger that the test writes. For the tests of this
// folder.
#pragma once

#include <gtest/gtest.h>

#include "signer/core/core.h"
#include "signer/core/records.h"
#include "tests/support/payouts.h"
#include "tests/support/policies.h"
#include "tests/support/sim_files.h"
#include "tests/support/soft_token.h"

namespace custody::signer::core {

class SignerFixture : public ::testing::Test {
 protected:
  SignerFixture() : ledger_(chain_), payouts_(ledger_) {
    identity_.genesis = ledger_.genesis();
    identity_.chain_id = ledger_.chain_id();
    identity_.member = model::MemberId(2);
    policy_ =
        tests::make_policy(identity_.genesis, identity_.chain_id, identity_.member, limits(), true, false);
    const auto& keys = ledger_.keys(2);
    for (const crypto::SoftwareKey* key : {&keys.validator, &keys.attest, &keys.governance, &keys.seat}) {
      token_.add(*key);
    }
    payouts_.add_coin(1, 4'000'000);
    payouts_.add_coin(2, 4'000'000);
    for (std::uint64_t coin = 3; coin <= 5; ++coin) payouts_.add_coin(coin, 150'000);
    payouts_.add_burn(1, 300'000);
    payouts_.add_burn(2, 600'000);
    payouts_.add_burn(3, 250'000);
    binding_.chain_id = Hash256(identity_.chain_id.array());
    binding_.member = 2;
    binding_.policy = tests::store_policy(directory_, policy_);
    binding_.keys = {{"validator", {1}, keys.validator.public_key()},
                     {"attest", {2}, keys.attest.public_key()},
                     {"governance", {3}, keys.governance.public_key()},
                     {"seat-BTC-1", {4}, keys.seat.public_key()}};
    bind();
    restart();
  }
  static tests::PolicyLimits limits() {
    return {.mint = 1'000'000, .mint_day = 1'000'000, .withdrawal = 400'000, .withdrawal_day = 500'000};
  }
  void bind() {
    const auto journal = journal::SignerJournal::create(directory_, binding_, entropy_);
    ASSERT_TRUE(journal.ok()) << journal.status().to_string();
  }
  void restart() {
    core_.reset();
    auto memory = recover(directory_, identity_, entropy_);
    ASSERT_TRUE(memory.ok()) << memory.status().to_string();
    core_ = std::make_unique<Core>(identity_, std::move(memory).value(), token_);
  }
  static Bytes encode(model::Intent intent) {
    return proto::reader::encode(model::SignRequest{42, std::move(intent)});
  }
  model::SignReply ask(model::Intent intent, Caller caller = Caller::kNode) {
    return core_->step(caller, encode(std::move(intent)));
  }
  static model::VoteIntent vote(std::uint64_t height, std::uint32_t round, std::uint8_t block,
                                model::VoteType type = model::VoteType::kPrevote) {
    return {type, model::Height(height), model::Round(round), *model::BlockHash::from(Bytes(32, block))};
  }
  model::BallotIntent ballot(bool approve) const {
    return tests::ballot_on(tests::proposed_gateway(identity_.chain_id), model::MemberId(2), approve);
  }
  static void expect_refused(const model::SignReply& reply, std::string_view rule) {
    EXPECT_EQ(reply.code, static_cast<std::uint8_t>(Code::kRefused)) << as_text(reply.message);
    EXPECT_EQ(as_text(reply.rule), rule) << as_text(reply.message);
    EXPECT_TRUE(reply.signatures.empty());
  }
  static void expect_code(const model::SignReply& reply, Code code) {
    EXPECT_EQ(reply.code, static_cast<std::uint8_t>(code)) << as_text(reply.message);
    EXPECT_TRUE(reply.signatures.empty());
  }
  // The digests of every COMMIT in the journal, in order.
  std::vector<Hash256> committed_digests() {
    std::vector<Hash256> out;
    const auto opened = journal::SignerJournal::open(
        directory_, [&](std::uint64_t, journal::RecordKind kind, ByteView payload) -> Status {
          if (kind != journal::RecordKind::kCommit) return ok_status();
          ASSIGN_OR_RETURN(const auto record,
                           proto::reader::decode<CommitRecord>(payload, journal::kMaxPayload));
          out.insert(out.end(), record.digests.begin(), record.digests.end());
          return ok_status();
        });
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return out;
  }

  tests::FakeChain chain_;
  tests::ProvenLedger ledger_;
  tests::Payouts payouts_;
  tests::SimDirectory directory_{1};
  SeededEntropy entropy_{2};
  tests::SoftToken token_;
  journal::Binding binding_;
  Identity identity_;
  policy::bundle::Bundle policy_;
  std::unique_ptr<Core> core_;
};

}  // namespace custody::signer::core
