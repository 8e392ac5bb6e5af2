#include "signer/cli/expectations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/bundle/directory.h"
#include "policy/engine/fixture_test.h"

namespace custody::signer::cli {
namespace {

namespace engine = policy::engine;
using ::testing::HasSubstr;

// The example bundle of policy/engine, which has a price source and an allow-list.
const engine::CompiledBundle& compiled() {
  static const engine::CompiledBundle made = [] {
    auto bundle = policy::bundle::read_directory(tests::source_dir() + "/policy/engine/testdata/example");
    CHECK(bundle.ok());
    return engine::CompiledBundle::compile(std::move(bundle).value(), engine::fixture::network()).value();
  }();
  return made;
}

const std::string kHead = R"(time = "2026-11-24T10:00:00Z"
in_force_since = "2026-11-01T00:00:00Z"
kyc_until = "2027-12-31T00:00:00Z"
reserve = "1000"
prices = ["BTC 60000", "LTC 90"]
)";
const std::string kListed = "bc1q2586ysaghuhg9pvfpemlqthzcatsmw0ddqp4nd";

std::string payout(const std::string& name, const std::string& amount, const std::string& rest) {
  return "[cases." + name + "]\nask = \"payout\"\ncurrency = \"BTC\"\nfee = \"0.0001\"\npay = [\"acme " +
         amount + " to " + kListed + "\"]\n" + rest;
}

std::vector<Unexpected> run(const std::string& cases) {
  const auto parsed = parse_expectations(kHead + cases, "t.toml", compiled());
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  if (!parsed.ok()) return {};
  auto found = run_expectations(*parsed, compiled());
  EXPECT_TRUE(found.ok()) << found.status().to_string();
  return found.ok() ? *std::move(found) : std::vector<Unexpected>{};
}

std::string explained(const std::vector<Unexpected>& found) {
  std::string out;
  for (const Unexpected& one : found) {
    for (const std::string& difference : one.differences) out += one.name + ": " + difference + "\n";
    out += one.explanation;
  }
  return out;
}

TEST(Expectations, AskWhatTheSignerWouldAsk) {
  const auto found = run(
      payout("small", "0.1",
             "expect = \"ALLOW\"\nrule = \"policy.allow\"\n"
             "policies = [\"withdraw-small\", \"payout\"]\n") +
      payout("middle", "0.2", "expect = \"PENDING\"\nwants = [\"1 of compliance and 1 of treasury\"]\n") +
      payout("approved", "0.2",
             "approved_by = [\"alice as treasury\", \"carol as compliance\"]\n"
             "expect = \"ALLOW\"\n") +
      payout("one-short", "0.2", "approved_by = [\"alice as treasury\"]\nexpect = \"PENDING\"\n") +
      payout("waited", "5",
             "approved_by = [\"alice as treasury\", \"bob as treasury\", \"carol as compliance\"]\n"
             "waited_hours = 4\nexpect = \"ALLOW\"\n") +
      payout("not-waited", "5",
             "approved_by = [\"alice as treasury\", \"bob as treasury\", \"carol as compliance\"]\n"
             "waited_hours = 3\nexpect = \"PENDING\"\n") +
      payout("too-much", "20", "expect = \"DENY\"\nrule = \"policy.forbid\"\npolicies = [\"payout-day\"]\n") +
      payout("at-night", "0.1", "time = \"2026-11-24T23:00:00Z\"\nexpect = \"PENDING\"\n") +
      payout("kyc", "0.1",
             "kyc_until = \"2026-11-01T00:00:00Z\"\nexpect = \"DENY\"\npolicies = [\"withdraw-kyc\"]\n") +
      "[cases.mint]\nask = \"mint\"\ncurrency = \"BTC\"\ngateway = \"acme\"\namount = \"0.5\"\n"
      "confirmations = 6\nexpect = \"ALLOW\"\n"
      "[cases.no]\nask = \"ballot\"\napprove = false\nexpect = \"ALLOW\"\n"
      "[cases.gateway]\nask = \"propose\"\nproposal = \"register gateway x\"\nexpect = \"PENDING\"\n"
      "wants = [\"1 of compliance\"]\n");
  EXPECT_EQ(explained(found), "");
}

TEST(Expectations, BurnsMayPayLessThanTheFee) {
  const auto found =
      run(payout("covered", "0.1", "fee_cap = \"0.0001\"\nexpect = \"ALLOW\"\n") +
          payout("short", "0.1", "fee_cap = \"0\"\nexpect = \"DENY\"\nrule = \"policy.no_permit\"\n"));
  EXPECT_EQ(explained(found), "");
}

TEST(Expectations, AnOfficerMayAsk) {
  const std::string yes = "ask = \"ballot\"\napprove = true\nofficer = \"alice\"\n";
  const auto found = run("[cases.asked]\n" + yes +
                         "expect = \"PENDING\"\nwants = [\"1 of compliance and 1 of treasury\", \"2 of "
                         "treasury\"]\n"
                         "[cases.approved]\n" +
                         yes +
                         "approved_by = [\"bob as treasury\", \"dave as treasury\"]\n"
                         "expect = \"ALLOW\"\npolicies = [\"ballot-of-treasury\"]\n"
                         "[cases.carol]\nask = \"ballot\"\napprove = false\nofficer = \"carol\"\n"
                         "expect = \"DENY\"\npolicies = [\"ballot-not-compliance\"]\n"
                         "[cases.late]\nask = \"propose\"\nproposal = \"register gateway x\"\n"
                         "officer = \"frank\"\ntime = \"2026-11-28T00:00:00Z\"\n"
                         "expect = \"DENY\"\nrule = \"policy.officer\"\n");
  EXPECT_EQ(explained(found), "");
}

TEST(Expectations, CasesThatCameBeforeCount) {
  const std::string before = payout("first", "0.16", "expect = \"ALLOW\"\n") +
                             payout("second", "0.16", "expect = \"ALLOW\"\n") +
                             payout("third", "0.16", "expect = \"ALLOW\"\n");
  EXPECT_EQ(explained(run(before + payout("fourth", "0.16",
                                          "after = [\"first\", \"second\", \"third\"]\nexpect = \"PENDING\"\n"
                                          "wants = [\"1 of compliance\"]\n"))),
            "");
}

TEST(Expectations, EveryDifferenceIsASentence) {
  const auto found = run(payout("small", "0.1",
                                "expect = \"DENY\"\nrule = \"policy.forbid\"\npolicies = [\"payout-day\"]\n"
                                "wants = [\"2 of treasury\"]\n"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].differences,
              ::testing::ElementsAre("expected DENY, but found ALLOW",
                                     "expected the rule policy.forbid, but found policy.allow",
                                     "expected the policies payout-day, but found payout, withdraw-small",
                                     "expected the wants 2 of treasury, but found none"));
  EXPECT_THAT(found[0].explanation, HasSubstr("permit withdraw-small"));
}

TEST(Expectations, AreRefusedWithFileLineAndKey) {
  const auto refused = [](const std::string& text, const std::string& part) {
    const auto parsed = parse_expectations(text, "t.toml", compiled());
    EXPECT_EQ(parsed.code(), Code::kInvalid) << part;
    EXPECT_THAT(parsed.status().to_string(), HasSubstr("t.toml"));
    EXPECT_THAT(parsed.status().to_string(), HasSubstr(part));
  };
  const std::string small = payout("small", "0.1", "expect = \"ALLOW\"\n");
  refused(kHead, "no cases");
  refused("x", "t.toml");
  refused(small, "time");
  refused(kHead + "surplus = 1\n" + small, "surplus");
  refused(kHead + small + "amount = \"1\"\n", "amount");  // of a mint
  refused(kHead + payout("small", "0.1", ""), "expect");
  refused(kHead + payout("small", "0.1", "expect = \"MAYBE\"\n"), "expect");
  refused(kHead + payout("small", "0.123456789", "expect = \"ALLOW\"\n"), "t.toml:10: cases.small.pay");
  refused(kHead + payout("small", "0.1 BTC", "expect = \"ALLOW\"\n"), "GATEWAY AMOUNT to ADDRESS");
  refused(kHead + small + "fee_cap = \"0.123456789\"\n", "t.toml:12: cases.small.fee_cap");
  refused(kHead +
              "[cases.x]\nask = \"mint\"\ncurrency = \"BTC\"\ngateway = \"acme\"\namount = \"1\"\n"
              "fee_cap = \"1\"\nexpect = \"ALLOW\"\n",
          "fee_cap");
  refused(kHead + small + "approved_by = [\"zoe as treasury\"]\n", "approved_by");
  refused(kHead + small + "approved_by = [\"alice as compliance\"]\n", "approved_by");
  refused(kHead + small + "after = [\"small\"]\n", "after");
  refused(kHead + small + "waited_hours = 99999999\n", "waited_hours");
  refused(kHead + small + "waited_hours = 1000\n", "in_force_since");
  refused(kHead + small + "time = \"yesterday\"\n", "time");
  refused(kHead + "listed = [\"BTC nowhere\"]\n" + small, "listed");
  refused(kHead + "[cases.x]\nask = \"burn\"\nexpect = \"DENY\"\n", "ask");
  refused(kHead + "[cases.x]\nask = \"mint\"\ncurrency = \"XYZ\"\nexpect = \"DENY\"\n", "currency");
  refused(kHead + small + "officer = \"alice\"\n", "officer");  // money has its gateway
  const std::string ballot = "[cases.x]\nask = \"ballot\"\napprove = true\nexpect = \"ALLOW\"\n";
  refused(kHead + ballot + "proposal = \"\"\n", "proposal");
  refused(kHead + ballot + "officer = \"zoe\"\n", "\"zoe\" is not an officer of the bundle");
  refused(kHead + ballot + "officer = \"bob\"\napproved_by = [\"bob as treasury\"]\n",
          "bob asks for it, so that his approval does not count");
  refused(kHead + "[cases.x]\nask = \"propose\"\nproposal = \"\"\nexpect = \"DENY\"\n", "proposal");
}

// What every case has of its own is read for the file all the same.
TEST(Expectations, DefaultsThatNoCaseUsesAreChecked) {
  const std::string times = kHead.substr(0, kHead.find("kyc_until"));
  const std::string own = payout("own", "0.1",
                                 "kyc_until = \"2027-12-31T00:00:00Z\"\nreserve = \"1000\"\n"
                                 "expect = \"ALLOW\"\n");
  EXPECT_TRUE(parse_expectations(times + own, "t.toml", compiled()).ok());
  const std::string line = "t.toml:" + std::to_string(std::ranges::count(times, '\n') + 1);
  const auto refused = [&](const std::string& key, const std::string& value) {
    const auto parsed = parse_expectations(times + key + " = " + value + "\n" + own, "t.toml", compiled());
    EXPECT_EQ(parsed.code(), Code::kInvalid) << key << value;
    EXPECT_THAT(parsed.status().to_string(), HasSubstr(line));
    EXPECT_THAT(parsed.status().to_string(), HasSubstr(key));
  };
  for (const char* value : {"1000", "true", "[\"1\"]", "\"much\"", "\"-1\"", "\"\""}) {
    refused("reserve", value);
    refused("kyc_until", value);
  }
}

TEST(Expectations, TimeDoesNotGoBack) {
  const auto refused = [](const std::string& text, const std::string& part) {
    const auto parsed = parse_expectations(text, "t.toml", compiled());
    EXPECT_EQ(parsed.code(), Code::kInvalid) << part;
    EXPECT_THAT(parsed.status().to_string(), HasSubstr(part));
  };
  const std::string early = "time = \"2026-11-24T08:00:00Z\"\nexpect = \"ALLOW\"\n";
  const std::string late = "time = \"2026-11-24T11:00:00Z\"\nexpect = \"ALLOW\"\n";
  refused(
      kHead + payout("late", "0.1", late) + payout("x", "0.1", "after = [\"late\"]\nexpect = \"ALLOW\"\n"),
      "cases.x begins before cases.late is asked");
  refused(kHead + payout("late", "0.1", late) + payout("early", "0.1", early) +
              payout("x", "0.1",
                     "time = \"2026-11-24T12:00:00Z\"\nafter = [\"late\", \"early\"]\nexpect = \"ALLOW\"\n"),
          "cases.early begins before cases.late is asked");
  // Opened five hours before it is asked, and so before the other.
  refused(kHead + payout("early", "0.1", early) +
              payout("x", "0.2", "after = [\"early\"]\nwaited_hours = 5\nexpect = \"PENDING\"\n"),
          "cases.x begins before cases.early is asked");
  const auto found = run(payout("early", "0.1", early) +
                         payout("x", "0.2", "after = [\"early\"]\nwaited_hours = 2\nexpect = \"PENDING\"\n"));
  EXPECT_EQ(explained(found), "");
  // Long before 1970, which no unsigned number is.
  refused(
      "time = \"1970-01-02T00:00:00Z\"\nin_force_since = \"1970-01-01T00:00:00Z\"\n"
      "kyc_until = \"2027-12-31T00:00:00Z\"\nreserve = \"1000\"\n" +
          payout("x", "0.2", "waited_hours = 8000\nexpect = \"PENDING\"\n"),
      "cases.x begins before in_force_since");
}

TEST(Expectations, WhatCannotBeIsNotAsked) {
  const auto refused = [](const std::string& text, const std::string& part) {
    const auto parsed = parse_expectations(text, "t.toml", compiled());
    EXPECT_EQ(parsed.code(), Code::kInvalid) << part;
    EXPECT_THAT(parsed.status().to_string(), HasSubstr(part));
  };
  const std::string small = payout("small", "0.1", "expect = \"ALLOW\"\n");
  const std::string head = kHead.substr(0, kHead.find("prices"));
  refused(
      kHead + payout("x", "0.2",
                     "approved_by = [\"alice as treasury\", \"alice as treasury\"]\nexpect = \"ALLOW\"\n"),
      "alice approves twice");
  refused(kHead + small + payout("x", "0.1", "after = [\"small\", \"small\"]\nexpect = \"ALLOW\"\n"),
          "\"small\" is asked twice");
  refused(head + "prices = [\"BTC 0\"]\n" + small, "the price of BTC is 0");
  refused(head + "prices = [\"BTC 1\", \"BTC 2\"]\n" + small, "BTC has two prices");
}

// The edit that loosens a rule is what such a case is there to see: the others are asked all the same.
TEST(Expectations, WhatIsAllowedWithoutTheOfficersOfTheCaseIsNotAsExpected) {
  const auto found =
      run(payout("approved", "0.1",
                 "approved_by = [\"alice as treasury\", \"bob as treasury\", \"carol as compliance\"]\n"
                 "waited_hours = 1\nexpect = \"ALLOW\"\n") +
          payout("waited", "0.1", "waited_hours = 2\nexpect = \"PENDING\"\n") +
          payout("after", "0.1", "after = [\"approved\"]\nexpect = \"ALLOW\"\n") +
          payout("refused", "20",
                 "approved_by = [\"alice as treasury\"]\nexpect = \"ALLOW\"\n"
                 "policies = [\"withdraw-small\"]\n") +
          payout("never", "20", "approved_by = [\"alice as treasury\"]\nexpect = \"DENY\"\n"));
  ASSERT_EQ(found.size(), 3u) << explained(found);
  EXPECT_EQ(found[0].name, "approved");
  EXPECT_THAT(found[0].differences,
              ::testing::ElementsAre(
                  "found ALLOW without officers; expected to wait for treasury and compliance and 1 hour"));
  EXPECT_THAT(found[0].explanation, HasSubstr("permit withdraw-small"));
  EXPECT_EQ(found[2].name, "waited");
  EXPECT_THAT(found[2].differences,
              ::testing::ElementsAre("found ALLOW without officers; expected to wait for 2 hours",
                                     "expected PENDING, but found ALLOW"));
  EXPECT_EQ(found[1].name, "refused");
  EXPECT_THAT(found[1].differences,
              ::testing::ElementsAre("found DENY without officers; expected to wait for treasury",
                                     "expected ALLOW, but found DENY",
                                     "expected the policies withdraw-small, but found payout-day"));
}

}  // namespace
}  // namespace custody::signer::cli
