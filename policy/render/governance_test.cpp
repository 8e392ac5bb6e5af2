#include "policy/render/governance.h"

#include <gtest/gtest.h>

#include "policy/render/fixture_test.h"

namespace custody::policy::render {
namespace {

model::Proposal register_gateway(std::string_view name, model::LedgerMs kyc_expiry) {
  return {model::MemberId(2), model::RegisterGateway{to_bytes(name), model::Address::treasury(), kyc_expiry}};
}

std::string text_of(const model::Proposal& proposal) {
  const auto text = action_text(proposal);
  EXPECT_TRUE(text.ok()) << text.status().to_string();
  return text.ok() ? std::string(as_text(*text)) : "";
}

TEST(Governance, AnActionIsOneLineThatHoldsAllOfIt) {
  const std::string account = to_hex(model::Address::treasury().view());
  const model::LedgerMs end = fixture::at("2027-01-01T00:00:00Z");
  EXPECT_EQ(text_of(register_gateway("gary", end)),
            "register gateway gary, account " + account + ", KYC until 2027-01-01T00:00:00Z");
  EXPECT_EQ(text_of(register_gateway("gary", model::LedgerMs(end.get() + 7))),
            "register gateway gary, account " + account + ", KYC until 2027-01-01T00:00:00.007Z");
  EXPECT_LE(text_of(register_gateway(std::string(kMaxName, 'z'), kMaxTime)).size(), kMaxAction);
}

TEST(Governance, AnActionThatWordsCannotShowExactlyIsRefused) {
  for (const std::string& name : {std::string(), std::string(kMaxName + 1, 'a'), std::string("Gary"),
                                  std::string("a\n"), std::string("a, account 00")}) {
    EXPECT_EQ(action_text(register_gateway(name, model::LedgerMs(5))).code(), Code::kInvalid) << name;
  }
  EXPECT_EQ(action_text(register_gateway("gary", model::LedgerMs(kMaxTime.get() + 1))).code(),
            Code::kInvalid);
}

TEST(Governance, TermsAreThoseThatCanBeAskedFor) {
  const model::ChainId chain = fixture::ballot().terms.chain_id;
  Ask ask{proposal_terms(chain, model::MemberId(2), as_bytes("register gateway gary")), 7,
          fixture::hash_of("bundle 7"), fixture::at("2026-11-25T20:30:00Z")};
  EXPECT_EQ(check_ask(ask).to_string(), "ok");
  EXPECT_EQ(ask.terms.subject, proposal_subject(as_bytes("register gateway gary")));
  const model::TxId proposal(fixture::hash_of("proposal").array());
  const ByteView action = as_bytes("register gateway gary");
  const Terms yes = ballot_terms(chain, {model::MemberId(2), proposal, true}, action);
  const Terms no = ballot_terms(chain, {model::MemberId(2), proposal, false}, action);
  ask.terms = yes;
  EXPECT_EQ(check_ask(ask).to_string(), "ok");
  EXPECT_EQ(yes.subject, no.subject);
  EXPECT_NE(terms_hash(yes), terms_hash(no));
}

}  // namespace
}  // namespace custody::policy::render
