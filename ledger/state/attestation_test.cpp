// Policy attestations: what a member may say of its policy, when, and what stands in the state for it.
#include <gtest/gtest.h>

#include "ledger/light/light.h"
#include "ledger/state/audit.h"
#include "proto/reader/digests.h"
#include "tests/support/network_fixture.h"

namespace custody::ledger::state {
namespace {

using model::Height;
using model::MemberId;
using model::PolicyAttestation;
using model::PolicyAttestationRecord;

class AttestationRuleTest : public ::testing::Test {
 protected:
  ~AttestationRuleTest() override {
    const Status status = audit(net_.state());
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  static PolicyAttestation body(std::uint64_t version, std::uint16_t member = 1, std::uint8_t hash = 7) {
    return {MemberId(member), version, *Hash256::from(Bytes(32, hash))};
  }
  Bytes attestation(std::uint64_t version, std::uint16_t member = 1, std::uint8_t hash = 7) {
    return net_.attest(MemberId(member), body(version, member, hash));
  }
  void expect_refused(const Bytes& transaction, std::string_view reason) {
    const Status status = detail::as_status(net_.try_block({transaction}));
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_NE(status.message().find(reason), std::string::npos)
        << "wanted: " << reason << "\ngot: " << status.message();
    SerialVerifier verifier;
    EXPECT_FALSE(net_.state().check_transaction(transaction, verifier).ok()) << reason;
  }
  std::optional<PolicyAttestationRecord> record(std::uint16_t member = 1) const {
    return net_.state().get<PolicyAttestationRecord>(model::policy_attestation_key(MemberId(member)));
  }
  // Until an attestation made at `first` may be followed by another.
  void wait_after(Height first) {
    net_.produce_until(Height(first.get() + model::kPolicyAttestationBlocks - 1));
  }

  tests::Network net_;
};

TEST_F(AttestationRuleTest, StandsInTheStateWithItsHeightAndIsProvable) {
  net_.produce_until(Height(3));
  const auto members = net_.state().registry().members;
  ASSERT_TRUE(net_.produce({attestation(5), attestation(1, 2, 8)}).ok());
  EXPECT_EQ(record(), (PolicyAttestationRecord{MemberId(1), 5, *Hash256::from(Bytes(32, 7)), Height(4)}));
  EXPECT_EQ(record(2), (PolicyAttestationRecord{MemberId(2), 1, *Hash256::from(Bytes(32, 8)), Height(4)}));
  EXPECT_FALSE(record(3).has_value());
  const auto proven = light::ProvenState::check(
      net_.chain_id(), proto::reader::member_set_hash(model::member_set(net_.genesis())),
      net_.evidence({model::policy_attestation_key(MemberId(1))}));
  ASSERT_TRUE(proven.ok()) << proven.status().to_string();
  EXPECT_EQ(proven->get<PolicyAttestationRecord>(model::policy_attestation_key(MemberId(1))).value(),
            record());
  EXPECT_EQ(net_.state().registry().members, members) << "nothing else about a member changes";
}

TEST_F(AttestationRuleTest, TheVersionStrictlyRises) {
  ASSERT_TRUE(net_.produce({attestation(5)}).ok());
  wait_after(Height(1));
  expect_refused(attestation(5), "version 5 is not above the attested one, 5");
  expect_refused(attestation(5, 1, 9), "version 5 is not above");
  expect_refused(attestation(4), "version 4 is not above");
  ASSERT_TRUE(net_.produce({attestation(6, 1, 9)}).ok());
  EXPECT_EQ(record(), (PolicyAttestationRecord{MemberId(1), 6, *Hash256::from(Bytes(32, 9)), Height(11)}));
}

TEST_F(AttestationRuleTest, OneOfAMemberInTenBlocks) {
  static_assert(model::kPolicyAttestationBlocks == 10);
  ASSERT_TRUE(net_.produce({attestation(1)}).ok());
  EXPECT_TRUE(net_.try_block({attestation(1, 2)}).ok()) << "another member's do not count";
  expect_refused(attestation(2), "attested at height 1; the next may follow 10 blocks later");
  net_.produce_until(Height(9));
  expect_refused(attestation(2), "attested at height 1");
  net_.produce_until(Height(10));
  EXPECT_TRUE(net_.produce({attestation(2)}).ok());
  const Status same_block = detail::as_status(net_.try_block({attestation(1, 3), attestation(2, 3)}));
  EXPECT_NE(same_block.message().find("attested at height 12"), std::string::npos) << same_block.to_string();
}

TEST_F(AttestationRuleTest, RefusesWrongAttestations) {
  expect_refused(net_.attest(MemberId(1), body(1, 9)), "member 9 does not exist");
  expect_refused(net_.attest(MemberId(2), body(1, 1)), "not by the member's attest key");
  expect_refused(net_.govern(MemberId(1), body(1)), "not by the member's attest key");
  expect_refused(net_.sign(model::TransactionBody(body(1)), {}), "is missing");
  expect_refused(net_.sign(model::TransactionBody(body(1)),
                           {&net_.keys(MemberId(1)).attest, &net_.keys(MemberId(2)).attest}),
                 "surplus");
  expect_refused(attestation(0), "versions of a policy begin at 1");
  model::Transaction late = net_.make(body(1));
  late.valid_until = Height(0);
  expect_refused(net_.sign(late, {&net_.keys(MemberId(1)).attest}), "expired");
  EXPECT_FALSE(record().has_value());
}

TEST_F(AttestationRuleTest, IsExecutedOnceAndItsSignatureCoversEveryField) {
  const Bytes once = attestation(1);
  ASSERT_TRUE(net_.produce({once}).ok());
  expect_refused(once, "executed already");
  const Bytes other = attestation(1, 2);
  for (std::size_t i = 0; i < other.size(); ++i) {
    Bytes changed = other;
    changed[i] ^= 0x01;
    EXPECT_FALSE(net_.try_block({changed}).ok()) << i;
  }
}

TEST_F(AttestationRuleTest, SurvivesARestartAndADamagedRecordStopsIt) {
  ASSERT_TRUE(net_.produce({attestation(3)}).ok());
  std::map<Bytes, Bytes> store = net_.stored();
  const auto load = [&] { return net_.load(store); };
  const auto loaded = load();
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  EXPECT_EQ(loaded->root(), net_.state().root());
  EXPECT_TRUE(audit(*loaded).ok());
  SerialVerifier verifier;
  EXPECT_EQ(loaded->check_transaction(attestation(3), verifier).code(), Code::kRefused);
  store[model::policy_attestation_key(MemberId(1))] = Bytes{0xff};
  EXPECT_EQ(load().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace custody::ledger::state
