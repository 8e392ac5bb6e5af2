#include "policy/engine/explain.h"

#include <gtest/gtest.h>

#include "policy/engine/fixture_test.h"

namespace custody::policy::engine {
namespace {

class ExplainTest : public ::testing::Test {
 protected:
  void use(std::string_view policies) {
    compiled_ = std::make_unique<CompiledBundle>(fixture::compiled(fixture::bundle_with(policies)));
    decider_ = std::make_unique<Decider>(*compiled_);
    state_ = EngineState();
    const ActivateRecord record =
        activate_record(compiled_->bundle(), compiled_->hash(), state_, fixture::at("2026-11-01T00:00:00Z"));
    ASSERT_TRUE(state_.apply(record).ok());
  }
  Explanation ballot(bool approve, std::string_view initiator = {}) {
    model::IntentFacts facts;
    facts.kind = model::IntentKind::kBallot;
    facts.action = to_bytes("register gateway gary");
    facts.approve = approve;
    const Decision& decision = decider_->decide(
        facts, state_, {model::Height(7), fixture::at("2026-11-24T10:00:00Z")}, as_bytes(initiator));
    return explain(*decider_, decision, state_);
  }
  // A plan of this many burns; the payee of each is another one.
  const Decision& plan(std::size_t burns, std::uint64_t amount) {
    model::IntentFacts facts;
    facts.kind = model::IntentKind::kPayout;
    facts.currency = fixture::currency_id("BTC");
    facts.subject = crypto::sha256(as_bytes("a plan"));
    facts.amount = model::Amount(burns * amount);
    for (std::size_t i = 0; i < burns; ++i) {
      facts.payees.push_back({i + 1, model::GatewayId(1), to_bytes("acme"), facts.kyc_expiry,
                              fixture::script_of("payee " + std::to_string(i)), model::Amount(amount),
                              model::Amount(2'000)});
    }
    return decider_->decide(facts, state_, {model::Height(7), fixture::at("2026-11-24T10:00:00Z")});
  }
  static std::string many_policies(std::size_t number, const std::string& effect, const std::string& when) {
    const std::string rest = "\") @doc(\"" + std::string(200, 'd') + "\") " + effect +
                             "(principal, action == Action::\"withdraw\", resource) when { " + when + " };";
    std::string out;
    for (std::size_t i = 0; i < number; ++i) out.append("@id(\"rule-").append(std::to_string(i)).append(rest);
    return out;
  }
  std::unique_ptr<CompiledBundle> compiled_;
  std::unique_ptr<Decider> decider_;
  EngineState state_;
};

TEST_F(ExplainTest, NamesPoliciesFactsAndVersion) {
  use("@id(\"no\") @doc(\"We say no freely.\") permit (principal, action == Action::\"ballot\", resource) "
      "when { context.hour >= 8 && !context.approve };");
  EXPECT_EQ(to_text(ballot(false)),
            "ALLOW (policy.allow, bundle 1, 2026-11-24T10:00:00Z, block 7)\n"
            "  ballot, Member::\"north-bank\", Ledger::\"chain\": ALLOW\n"
            "    permit no: We say no freely.\n"
            "    where context.hour = 10\n"
            "          context.approve = false\n");
}

TEST_F(ExplainTest, SaysWhichConditionOfAPermitFailed) {
  use("@id(\"no\") permit (principal, action == Action::\"ballot\", resource) "
      "when { context.hour >= 8 && !context.approve } unless { context.weekday > 5 };");
  EXPECT_EQ(to_text(ballot(true)),
            "DENY (policy.no_permit, bundle 1, 2026-11-24T10:00:00Z, block 7)\n"
            "  ballot, Member::\"north-bank\", Ledger::\"chain\": DENY\n"
            "    permit no\n"
            "      not so: !context.approve\n"
            "    where context.hour = 10\n"
            "          context.approve = true\n"
            "          context.weekday = 2\n");
  use("@id(\"no\") permit (principal, action == Action::\"ballot\", resource) "
      "unless { context.weekday == 2 };");
  EXPECT_NE(to_text(ballot(true)).find("not so: unless { context.weekday == 2 }"), std::string::npos);
}

// Nothing of a policy's text can move the cursor or look like a line of ours.
TEST_F(ExplainTest, IsPrintableAscii) {
  use("@id(\"no\") @doc(\"one\\ntwo \\u{1b}[2J \\u{e9}\") permit (principal, action == Action::\"ballot\", "
      "resource);");
  const Explanation explanation = ballot(true);
  for (const std::string& text : {to_text(explanation), to_json(explanation).dump()}) {
    for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << static_cast<int>(c);
  }
  EXPECT_EQ(std::ranges::count(to_text(explanation), '\n'), 3);
}

TEST_F(ExplainTest, TheJsonHasEverything) {
  use("@id(\"yes\") permit (principal, action == Action::\"ballot\", resource) "
      "when { context.approvals.treasury >= 2 || context.waitedHours >= 3 };");
  const Json json = to_json(ballot(true));
  EXPECT_EQ(*json.string_at("schema"), "custody.decision/1");
  EXPECT_EQ(*json.string_at("outcome"), "PENDING");
  EXPECT_EQ(*json.u64_at("bundle"), 1u);
  EXPECT_EQ(json.at("wants")->dump(), R"([{"treasury":2},{"wait":3}])");
  const Json part = json.at("parts")->items().at(0);
  EXPECT_EQ(part.at("policies")->dump(), R"([{"id":"yes","effect":"permit","doc":"","failed":null}])");
  EXPECT_EQ(part.at("facts")->dump(), R"({"context.approvals.treasury":0,"context.waitedHours":0})");
}

TEST_F(ExplainTest, NamesWhoAsks) {
  use("@id(\"yes\") permit (principal, action == Action::\"ballot\", resource);");
  EXPECT_TRUE(to_json(ballot(true)).find("initiator")->is_null());
  const Explanation explanation = ballot(true, "alice");
  EXPECT_EQ(*to_json(explanation).string_at("initiator"), "alice");
  EXPECT_NE(to_text(explanation).find("\n  asked by officer alice\n  ballot, Officer::\"alice\", "),
            std::string::npos);
}

// Whoever explains holds up everything else, so the largest plan under very many policies costs no more than
// a small one, and what is left out is counted.
TEST_F(ExplainTest, IsBoundedForTheLargestPlanUnderAThousandPolicies) {
  use(many_policies(1'000, "permit", "context.amount <= 1 && context.payee.listed"));
  const Decision& decision = plan(render::kMaxPayments, 500'000);
  ASSERT_EQ(decision.rule, "policy.no_permit");
  const Explanation explanation = explain(*decider_, decision, state_);
  EXPECT_LE(explanation.parts.size(), kMaxExplainedParts);
  EXPECT_GT(explanation.parts.size(), 0u);
  EXPECT_EQ(explanation.parts.size() + explanation.left_out.denied, render::kMaxPayments + 1);
  const ExplainedPart& first = explanation.parts.front();
  EXPECT_EQ(first.burn, 1u);
  EXPECT_EQ(first.policies.size(), kMaxExplainedPolicies);
  EXPECT_EQ(first.policies.size() + first.more_policies, 1'000u);
  EXPECT_EQ(first.policies.front().failed, "context.amount <= 1");
  const std::string json = to_json(explanation).dump();
  EXPECT_LE(json.size(), kMaxExplained + (4u << 10));
  EXPECT_NE(json.find("\"left_out\":{\"DENY\":" + std::to_string(explanation.left_out.denied)),
            std::string::npos);
  EXPECT_NE(json.find("\"more_policies\":984"), std::string::npos);
  const std::string text = to_text(explanation);
  EXPECT_LE(text.size(), kMaxExplained + (4u << 10));
  EXPECT_NE(text.find("not explained here: " + std::to_string(explanation.left_out.denied) + " DENY more\n"),
            std::string::npos);
  EXPECT_NE(text.find("    and 984 more policies that are not listed\n"), std::string::npos);
}

TEST_F(ExplainTest, PartsThatAreNotAllowedComeFirst) {
  use("@id(\"whole\") permit (principal, action == Action::\"payout\", resource);"
      "@id(\"one\") permit (principal, action == Action::\"withdraw\", resource);"
      "@id(\"not\") forbid (principal, action == Action::\"payout\", resource) when { context.payees > 20 "
      "};");
  const Explanation explanation = explain(*decider_, plan(40, 100), state_);
  ASSERT_EQ(explanation.parts.size(), kMaxExplainedParts);
  EXPECT_EQ(explanation.parts.front().burn, 1u);
  EXPECT_EQ(explanation.parts.back().outcome, Outcome::kDeny);
  EXPECT_EQ(explanation.parts.back().policies.front().id, "not");
  EXPECT_EQ(explanation.left_out.allowed, 41 - kMaxExplainedParts);
  EXPECT_EQ(explanation.left_out.denied, 0u);
}

TEST_F(ExplainTest, LongWordsAreCutBetweenCharacters) {
  std::string doc = std::string(kMaxExplainedWords - 1, 'x') + "\u00e9 and more";
  use("@id(\"no\") @doc(\"" + doc + "\") permit (principal, action == Action::\"ballot\", resource);");
  const Explanation explanation = ballot(true);
  EXPECT_EQ(explanation.parts.front().policies.front().doc, std::string(kMaxExplainedWords - 1, 'x') + "...");
}

TEST(Explain, WantsAreSaidInWords) {
  EXPECT_EQ(wants_text({{{to_bytes("treasury"), 2}}}), "2 of treasury");
  EXPECT_EQ(wants_text({{{to_bytes("a"), 1}, {{}, 3}, {to_bytes("wait"), 1}}}),
            "1 of a, 3 officers in all and 1 hour since opening");
}

}  // namespace
}  // namespace custody::policy::engine
