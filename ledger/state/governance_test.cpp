// Proposals, ballots, notice, and what happens at the end of an epoch.
#include <gtest/gtest.h>

#include "ledger/state/audit.h"
#include "tests/support/network_fixture.h"

namespace custody::ledger::state {
namespace {

using model::Address;
using model::Height;
using model::MemberId;

constexpr model::CurrencyId kBtc(1);

class GovernanceTest : public ::testing::Test {
 protected:
  GovernanceTest() : account_(net_.new_key()) {}
  ~GovernanceTest() override {
    const Status status = audit(net_.state());
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  Address address() const { return Address::of_key(account_.public_key()); }
  Bytes proposal(std::string_view name, std::uint16_t member = 1) {
    return net_.govern(MemberId(member), registration(name, member));
  }
  model::Proposal registration(std::string_view name, std::uint16_t member) const {
    return {MemberId(member),
            model::RegisterGateway{to_bytes(name), address(), model::LedgerMs(4'000'000'000'000)}};
  }
  Bytes ballot(std::uint16_t member, const model::TxId& id, bool approve = true) {
    return net_.govern(MemberId(member), model::Ballot{MemberId(member), id, approve});
  }
  model::ProposalRecord record(const model::TxId& id) const {
    return *net_.state().get<model::ProposalRecord>(model::proposal_key(id));
  }
  void expect_refused(const Bytes& transaction, std::string_view reason) {
    const Status status = detail::as_status(net_.try_block({transaction}));
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_NE(status.message().find(reason), std::string::npos)
        << "wanted: " << reason << "\ngot: " << status.message();
  }
  model::TxId propose(std::string_view name) {
    const Bytes bytes = proposal(name);
    EXPECT_TRUE(net_.produce({bytes}).ok());
    return net_.id_of(bytes);
  }

  tests::Network net_;
  crypto::SoftwareKey account_;
};

TEST_F(GovernanceTest, TakesEffectAtTheEpochBoundaryAfterTheNotice) {
  net_.produce_until(Height(12));
  const model::TxId id = propose("gary");  // height 13
  ASSERT_TRUE(net_.produce({ballot(1, id), ballot(2, id)}).ok());
  EXPECT_EQ(record(id).status, model::ProposalStatus::kOpen);
  ASSERT_TRUE(net_.produce({ballot(3, id)}).ok());  // height 15: 78 of 100
  EXPECT_EQ(record(id).status, model::ProposalStatus::kPassed);
  EXPECT_EQ(record(id).effective, Height(30)) << "one whole epoch of 10 blocks lies between";
  net_.produce_until(Height(29));
  EXPECT_FALSE(net_.state().get(model::gateway_key(model::GatewayId(1))).has_value());
  net_.produce_until(Height(30));
  const auto gateway = net_.state().get<model::GatewayRecord>(model::gateway_key(model::GatewayId(1)));
  ASSERT_TRUE(gateway.has_value());
  EXPECT_EQ(gateway->account, address());
  EXPECT_EQ(record(id).status, model::ProposalStatus::kDone);
  expect_refused(ballot(4, id), "decided already");
  EXPECT_EQ(net_.register_gateway("second", account_), model::GatewayId(2));
}

TEST_F(GovernanceTest, ABoundaryExactlyTheNoticeAwayCounts) {
  net_.produce_until(Height(8));
  const model::TxId id = propose("gary");                                         // height 9
  ASSERT_TRUE(net_.produce({ballot(1, id), ballot(2, id), ballot(3, id)}).ok());  // height 10
  EXPECT_EQ(record(id).effective, Height(20));
}

TEST_F(GovernanceTest, RefusesWrongProposals) {
  expect_refused(net_.govern(MemberId(2), registration("gary", 1)), "not by the member's governance key");
  expect_refused(net_.attest(MemberId(1), registration("gary", 1)), "not by the member's governance key");
  expect_refused(net_.sign(model::TransactionBody(registration("gary", 1)), {}), "is missing");
  expect_refused(net_.govern(MemberId(1), registration("gary", 9)), "member 9 does not exist");
  expect_refused(proposal(""), "gateway's name");
  expect_refused(proposal("Gary"), "gateway's name");
  model::Proposal body = registration("gary", 1);
  std::get<model::RegisterGateway>(body.action).account = Address::treasury();
  expect_refused(net_.govern(MemberId(1), body), "gateway's account");
  body = registration("gary", 1);
  std::get<model::RegisterGateway>(body.action).kyc_expiry = net_.state().time();
  expect_refused(net_.govern(MemberId(1), body), "KYC attestation has expired");
  propose("gary");
  expect_refused(proposal("gary", 2), "another proposal claims");
  net_.register_gateway("taken", account_);
  expect_refused(proposal("taken"), "is taken");
}

TEST_F(GovernanceTest, AMemberHasAFewOpenProposals) {
  for (std::size_t i = 0; i < kMaxOpenProposals; ++i) propose("gateway-" + std::to_string(i));
  expect_refused(proposal("one-more"), "open proposals already");
  EXPECT_TRUE(net_.produce({proposal("one-more", 2)}).ok());
}

TEST_F(GovernanceTest, RefusesWrongBallots) {
  const model::TxId id = propose("gary");
  expect_refused(net_.govern(MemberId(2), model::Ballot{MemberId(1), id, true}), "governance key");
  expect_refused(net_.govern(MemberId(1), model::Ballot{MemberId(9), id, true}), "member 9 does not exist");
  expect_refused(ballot(1, *model::TxId::from(Bytes(32, 1))), "does not exist");
  ASSERT_TRUE(net_.produce({ballot(1, id), ballot(2, id, false)}).ok());
  expect_refused(ballot(1, id), "has voted already");
  expect_refused(ballot(1, id, false), "has voted already");
  expect_refused(ballot(2, id), "has voted already");
}

TEST_F(GovernanceTest, IsRejectedWhenNoQuorumCanApproveAnyMore) {
  const model::TxId id = propose("gary");
  ASSERT_TRUE(net_.produce({ballot(4, id, false)}).ok());  // 22: 78 could still approve
  EXPECT_EQ(record(id).status, model::ProposalStatus::kOpen);
  ASSERT_TRUE(net_.produce({ballot(3, id, false)}).ok());  // 46
  EXPECT_EQ(record(id).status, model::ProposalStatus::kRejected);
  expect_refused(ballot(1, id), "decided already");
  EXPECT_TRUE(net_.produce({proposal("gary")}).ok()) << "the name is free again";
}

TEST_F(GovernanceTest, FeesAreSharedByWeightAtTheEpochsEnd) {
  const model::GatewayId gateway = net_.register_gateway("gary", account_);
  net_.mint(gateway, kBtc, 1'000'000'000);
  const auto balance = [&](const Address& of) { return net_.state().balance(of, kBtc).get(); };
  ASSERT_TRUE(net_.produce({net_.transfer(account_, Address::of_key(net_.new_key().public_key()), kBtc, 5'000,
                                          10'001)})
                  .ok());
  EXPECT_EQ(balance(Address::fee_pool()), 10'001u);
  EXPECT_EQ(balance(Address::treasury()), 0u);
  net_.produce_until(Height((net_.state().height().get() / 10 + 1) * 10));
  EXPECT_EQ(balance(Address::treasury()), 2'000u);  // 200 per mille, rounded down
  const std::vector<std::uint64_t> shares = {8'001 * 28 / 100, 8'001 * 26 / 100, 8'001 * 24 / 100,
                                             8'001 * 22 / 100};
  std::uint64_t paid = 2'000;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    EXPECT_EQ(balance(member_account(net_.genesis().members[i])), shares[i]);
    paid += shares[i];
  }
  EXPECT_EQ(balance(Address::fee_pool()), 10'001 - paid) << "the remainder stays";
}

}  // namespace
}  // namespace custody::ledger::state
