#include "policy/engine/vocabulary.h"

#include <gtest/gtest.h>

#include "policy/cedar/policy.h"
#include "policy/cedar/validator.h"

namespace custody::policy::engine {
namespace {

std::vector<Bytes> groups() {
  return {to_bytes("2nd-line"), to_bytes("compliance"), to_bytes("if"), to_bytes("treasury")};
}

Result<DeclaredFacts> read(const std::string& text, bool prices = true) {
  const auto schema = cedar::Schema::parse(text);
  if (!schema.ok()) return schema.status();
  return read_declared_facts(*schema, groups(), prices);
}

// A schema of one action, mint, with this context.
std::string mint(const std::string& context) {
  return "entity Gateway; entity Wallet; action mint appliesTo { principal: Gateway, resource: Wallet, "
         "context: { " +
         context + " } };";
}

std::size_t count_facts(const DeclaredField& field) {
  std::size_t count = field.row != nullptr ? 1 : 0;
  for (const DeclaredField& inner : field.fields) count += count_facts(inner);
  return count;
}

void expect_refused(const std::string& schema, const std::string& what, const std::string& hint,
                    bool prices = true) {
  const auto facts = read(schema, prices);
  ASSERT_FALSE(facts.ok()) << schema;
  EXPECT_EQ(facts.code(), Code::kInvalid);
  EXPECT_NE(facts.status().message().find(what), std::string::npos) << facts.status().to_string();
  EXPECT_NE(facts.status().hint().find(hint), std::string::npos) << facts.status().to_string();
}

TEST(Vocabulary, TheShippedSchemaDeclaresEverythingThereIs) {
  const auto facts = read(schema_text(groups(), true));
  ASSERT_TRUE(facts.ok()) << facts.status().to_string() << "\n" << schema_text(groups(), true);
  std::size_t declared = 0;
  for (std::size_t i = 0; i < kActions; ++i) {
    ASSERT_TRUE(facts->actions[i].has_value()) << action_name(static_cast<ActionKind>(i));
    declared += count_facts(facts->actions[i]->context);
  }
  std::size_t known = 0;
  for (const FactRow& row : fact_table()) {
    for (std::size_t i = 0; i < kActions; ++i) known += row.belongs_to(static_cast<ActionKind>(i)) ? 1 : 0;
  }
  EXPECT_EQ(declared, known);
  EXPECT_TRUE(facts->group && facts->officer && facts->officer_in_group);
  for (const ActionKind action : {ActionKind::kPropose, ActionKind::kBallot}) {
    const auto& asked = facts->actions[static_cast<std::size_t>(action)];
    EXPECT_TRUE(asked->by_member && asked->by_officer);
  }
  EXPECT_TRUE(facts->gateway_kyc_hours && facts->wallet_frozen && facts->wallet_in_currency);
  EXPECT_TRUE(facts->actions[static_cast<std::size_t>(ActionKind::kPayout)]->in_money_out);
}

TEST(Vocabulary, WithoutPricesTheShippedSchemaHasNoReferenceUnit) {
  const std::string text = schema_text(groups(), false);
  EXPECT_EQ(text.find("eference"), std::string::npos);
  EXPECT_TRUE(read(text, false).ok());
}

TEST(Vocabulary, PathsAndUnitsAreThoseOfTheTable) {
  std::string paths;
  for (const FactRow& row : fact_table()) {
    if (row.belongs_to(ActionKind::kPayout)) paths += row.path + " ";
  }
  EXPECT_EQ(paths,
            "amount amountReference fee feeCap reserveShareBp payees windows.currency.amount1h "
            "windows.currency.amount24h windows.currency.amount7d windows.currency.count1h "
            "windows.currency.count24h windows.currency.count7d windows.all.reference1h "
            "windows.all.reference24h windows.all.reference7d windows.all.count1h windows.all.count24h "
            "windows.all.count7d height time hour weekday waitedHours ");
}

TEST(Vocabulary, AnyPartMayBeDeclared) {
  const auto facts = read(mint("windows: { gateway: { count24h: Long } }, approvals: { distinct: Long }"));
  ASSERT_TRUE(facts.ok()) << facts.status().to_string();
  const DeclaredField& context = facts->actions[0]->context;
  ASSERT_EQ(context.fields.size(), 2u);
  EXPECT_EQ(context.fields[0].fields[0].group, groups().size());
  EXPECT_EQ(context.fields[1].fields[0].fields[0].row->path, "windows.gateway.count24h");
  EXPECT_FALSE(facts->actions[1].has_value());
}

TEST(Vocabulary, CommonTypesAndWordsOfDocumentationAreFine) {
  const auto facts = read("@doc(\"the unit of account\") type Sum = Long; " +
                          mint("@doc(\"credited\") @unit(\"currency units, rounded up\") amount: Sum"));
  EXPECT_TRUE(facts.ok()) << facts.status().to_string();
}

TEST(Vocabulary, WhatTheEngineDoesNotGiveIsRefused) {
  expect_refused(mint("amont: Long"), "context.amont", "policy new");
  expect_refused(mint("fee: Long"), "context.fee", "policy new");
  expect_refused(mint("windows: { payee: { amount1h: Long } }"), "context.windows.payee", "policy new");
  expect_refused(mint("windows: { gateway: { reference1h: Long } }"), "gateway.reference1h", "policy new");
  expect_refused("entity Vault;", "entity type Vault", "policy new");
  expect_refused("namespace N { entity Gateway; }", "N::Gateway", "policy new");
  expect_refused("action burn;", "\"burn\"", "policy new");
  expect_refused("namespace N { action mint; }", "N::Action", "policy new");
  expect_refused("entity Wallet { tier: Long };", "\"tier\"", "policy new");
  expect_refused("entity Member { kycHours: Long };", "\"kycHours\"", "policy new");
}

TEST(Vocabulary, AnotherTypeIsRefused) {
  expect_refused(mint("amount: String"), "declared as String", "Long");
  expect_refused(mint("amount: decimal"), "declared as decimal", "Long");
  expect_refused(mint("time: Long"), "declared as Long", "datetime");
  expect_refused(mint("amount?: Long"), "optional", "remove the ?");
  expect_refused(mint("windows: Long"), "declared as Long", "");
  expect_refused(mint("approvals: Long"), "declared as Long", "");
  expect_refused(mint("approvals: { treasury: Bool }"), "declared as Bool", "Long");
  expect_refused("entity Gateway { kycHours: duration };", "duration", "Long");
  expect_refused("entity Wallet { frozen?: Bool };", "optional", "remove the ?");
  expect_refused("entity Currency enum [\"BTC\"];", "enumeration", "entity Currency;");
  expect_refused("entity Wallet tags Long;", "tags", "entity Wallet;");
  expect_refused("entity Currency; entity Gateway in [Currency];", "cannot be in Currency", "Wallet");
  expect_refused("entity Group; entity Member in [Group];", "cannot be in Group",
                 "entity Officer in [Group]");
  expect_refused("entity Group; entity Wallet in [Group];", "cannot be in Group", "entity Wallet");
  expect_refused("entity Officer { name: String };", "\"name\"", "policy new");
}

TEST(Vocabulary, ActionsApplyToWhatTheEngineNames) {
  const std::string types = "entity Gateway, Member, Wallet, Ledger; ";
  expect_refused(types + "action mint appliesTo { principal: Member, resource: Wallet };",
                 "principal Gateway", "principal: Gateway");
  expect_refused(types + "action payout appliesTo { principal: [Member, Gateway], resource: Wallet };",
                 "principal Member", "principal: Member");
  expect_refused(types + "action ballot appliesTo { principal: Member, resource: Wallet };",
                 "resource Ledger", "resource: Ledger");
  expect_refused(types + "action ballot appliesTo { principal: [Member, Gateway], resource: Ledger };",
                 "principal Member or Officer", "principal: [Member, Officer]");
  expect_refused(types + "action propose appliesTo { principal: Gateway, resource: Ledger };",
                 "principal Member or Officer", "principal: [Member, Officer]");
  expect_refused(types + "entity Officer; action payout appliesTo { principal: Officer, resource: Wallet };",
                 "principal Member", "principal: Member");
  const auto officer_alone =
      read(types + "entity Officer; action ballot appliesTo { principal: Officer, resource: Ledger };");
  ASSERT_TRUE(officer_alone.ok()) << officer_alone.status().to_string();
  const auto& ballot = officer_alone->actions[static_cast<std::size_t>(ActionKind::kBallot)];
  EXPECT_TRUE(ballot->by_officer && !ballot->by_member && !officer_alone->officer_in_group);
  expect_refused(types + "action mint;", "principal Gateway", "principal: Gateway");
  expect_refused(types +
                     "action moneyOut; action mint in [moneyOut] appliesTo { principal: Gateway, "
                     "resource: Wallet };",
                 "cannot be in", "only withdraw and payout");
  expect_refused(types + "action moneyOut appliesTo { principal: Member, resource: Wallet };", "moneyOut",
                 "action moneyOut;");
}

TEST(Vocabulary, ApprovalsAreOfGroupsThatExist) {
  expect_refused(mint("approvals: { tresury: Long }"), "tresury", "groups");
  EXPECT_TRUE(read(mint("approvals: { \"2nd-line\": Long }")).ok());
}

// A typo in an annotation would validate in Cedar without a word.
TEST(Vocabulary, UnknownAnnotationsAndWrongUnitsAreRefused) {
  expect_refused(mint("@velocity(\"24h\") amount: Long"), "@velocity", "@doc");
  expect_refused("@owner(\"x\") entity Member;", "@owner", "@doc");
  expect_refused(mint("@unit(\"satoshi\") amount: Long"), "satoshi", "currency units");
  expect_refused(mint("@unit(\"hours\") amount: Long"), "line", "currency units");
  expect_refused("@unit(\"hours\") entity Member;", "no unit", "remove it");
  expect_refused("entity Gateway { @unit(\"days\") kycHours: Long };", "days", "hours");
  expect_refused(mint("approvals: { @unit(\"people\") treasury: Long }"), "people", "officers");
}

TEST(Vocabulary, ReferenceAmountsNeedAPriceSource) {
  expect_refused(mint("amountReference: Long"), "no price source", "bundle.toml", false);
  expect_refused(mint("windows: { all: { reference24h: Long } }"), "no price source", "bundle.toml", false);
  EXPECT_TRUE(read(mint("windows: { all: { count24h: Long } }"), false).ok());
}

TEST(Vocabulary, PoliciesOverTheShippedSchemaAreValid) {
  const auto schema = cedar::Schema::parse(schema_text(groups(), true));
  ASSERT_TRUE(schema.ok());
  const auto policies = cedar::PolicySet::parse(
      "permit(principal, action in Action::\"moneyOut\", resource in Currency::\"BTC\") when "
      "{ context.windows.currency.amount24h <= 5 && context.approvals[\"2nd-line\"] >= 1 && "
      "context.approvals.distinct >= 2 && context.time > datetime(\"2026-01-01\") };");
  ASSERT_TRUE(policies.ok()) << policies.status().to_string();
  EXPECT_TRUE(cedar::validate(*policies, *schema).empty());
}

}  // namespace
}  // namespace custody::policy::engine
