#include "signer/cli/policy_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "policy/bundle/directory.h"
#include "signer/cli/policy_fixture_test.h"

namespace custody::signer::cli {
namespace {

using policy::bundle::Curve;
using ::testing::HasSubstr;

std::string text_of(const Result<Json>& answer) {
  EXPECT_TRUE(answer.ok()) << answer.status().to_string();
  return answer.ok() ? answer->string_at("text").value() : "";
}

class PolicyNew : public PolicyFolder {
 protected:
  void expect_passes(const PolicyNewOptions& options) {
    const auto made = policy_new(context_, options, kToday);
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    EXPECT_EQ(text_of(policy_lint(context_, draft_, genesis_)), "nothing to say against it");
    EXPECT_FALSE(context_.refused);
    EXPECT_EQ(text_of(policy_format(context_, draft_, true)), "nothing to change");
    EXPECT_FALSE(context_.refused);
    EXPECT_THAT(text_of(policy_test(context_, draft_, genesis_)), HasSubstr("all as expected"));
    EXPECT_FALSE(context_.refused);
  }
};

TEST_F(PolicyNew, WritesABundleThatPassesEveryCheckOfItsOwn) {
  expect_passes(new_options());
  const auto bundle = policy::bundle::read_directory(draft_);
  ASSERT_TRUE(bundle.ok()) << bundle.status().to_string();
  EXPECT_EQ(bundle->member, network().genesis().members[1].id);
  EXPECT_EQ(bundle->chain_id, network().chain_id());
  EXPECT_EQ(bundle->officers.size(), 3u);
  EXPECT_EQ(bundle->officers[0].valid_from.get(), kToday);
  EXPECT_EQ(bundle->officers[0].valid_until.get(), kToday + 365 * 86'400'000ull);
}

TEST_F(PolicyNew, TakesAnyGroupsLimitsAndTimes) {
  PolicyNewOptions options = new_options();
  options.officers = {officer_without_file("ann", "risk-desk"), officer_without_file("ben", "risk-desk")};
  options.limits = {"BTC:0.05:0.5", "LTC:1000:100000"};
  options.listed_hours = 0;
  options.delay_minutes = 0;
  options.expiry_hours = 5;
  options.valid_from = "2030-01-01";
  options.valid_until = "2030-07-01";
  expect_passes(options);
  EXPECT_THAT(read(draft_ + "/20-withdraw.cedar"), HasSubstr("context.amount <= 50 &&"));
}

TEST_F(PolicyNew, TakesOfficersOfSeveralGroups) {
  PolicyNewOptions options = new_options();
  options.officers = {officer_without_file("ann", "board,desk"), officer_without_file("ben", "board,desk"),
                      officer_without_file("cem", "audit")};
  expect_passes(options);
}

TEST_F(PolicyNew, RefusesWhatCannotBeABundleAndWritesNothing) {
  const auto refused = [&](auto change, const std::string& part) {
    PolicyNewOptions options = new_options();
    change(options);
    const auto answer = policy_new(context_, options, kToday);
    EXPECT_EQ(answer.code(), Code::kInvalid) << part;
    EXPECT_THAT(answer.status().to_string(), HasSubstr(part));
    EXPECT_FALSE(std::filesystem::exists(draft_)) << part;
  };
  refused([](auto& o) { o.member = "nobody"; }, "no member");
  refused([](auto& o) { o.officers.pop_back(), o.officers.pop_back(); }, "two officers");
  refused([](auto& o) { o.officers[0] = "alice"; }, "name:group");
  refused([](auto& o) { o.officers[0] = "alice:treasury:rsa:02"; }, "no curve");
  refused([](auto& o) { o.officers[0] = "alice:treasury:p256:02"; }, "alice");
  refused([](auto& o) { o.officers[1].replace(0, 3, "alice"); }, "officer alice is given twice");
  refused([](auto& o) { o.officers[1] = o.officers[0]; }, "officer alice is given twice");
  refused([](auto& o) { o.officers = {o.officers[0], o.officers[0]}; }, "officer alice is given twice");
  refused([](auto& o) { o.officers[1] = "zoe" + o.officers[0].substr(5); },
          "officers alice and zoe have the same key");
  refused([](auto& o) { o.officers[0].insert(6, "treasury,"); }, "officer alice has a group twice");
  refused([](auto& o) { o.limits = {"BTC:1"}; }, "CODE:SMALL:LARGE");
  refused([](auto& o) { o.limits = {"XYZ:1:2"}; }, "--limit XYZ:1:2: genesis has no currency \"XYZ\"");
  refused([](auto& o) { o.limits = {"XYZ:1:2"}; }, "known: BTC");
  refused([](auto& o) { o.limits = {"BTC:1:x"}; }, "--limit BTC:1:x: amount \"x\"");
  refused([](auto& o) { o.limits = {"BTC:2:1"}; }, "limits of BTC");
  refused([](auto& o) { o.limits = {"BTC:0.0001:1"}; }, "limits of BTC");
  refused([](auto& o) { o.limits = {"BTC:1:100000000000"}; }, "limits of BTC");
  refused([](auto& o) { o.expiry_hours = 4; }, "waits for 4 hours");
  refused([](auto& o) { o.valid_until = "2020-01-01"; }, "valid");
  refused([](auto& o) { o.valid_until = "2026-11-28"; }, "--valid-until");
  refused([](auto& o) { o.listed_hours = 8'760; }, "--listed-hours");
  refused([](auto& o) { o.listed_hours = 4'000'000'000; }, "4000000000 hours");
  refused([](auto& o) { o.limits = {"BTC:1:2", "BTC:3:4"}; }, "BTC twice");
  for (const char* name : {"", "Alice", "a]\n[b", "a\"b", "a b"}) {
    const std::string quoted = "\"" + to_printable(name) + "\" is no name";
    refused([&](auto& o) { o.officers[0].replace(0, 5, name); }, quoted);
    refused([&](auto& o) { o.officers[0].replace(6, 8, name); }, quoted);
  }
  refused([](auto& o) { o.genesis.clear(); }, "--genesis");
}

// Any number of officers in any groups: a bundle, or a refusal that says why.
TEST_F(PolicyNew, NoOfficersInAnyGroupsAbortIt) {
  const std::vector<std::string> groups = {"audit", "desk", "audit,desk"};
  std::vector<std::string> keys;
  for (int i = 0; i < 3; ++i) keys.push_back(officer_without_file("", "").substr(1));
  std::size_t made = 0;
  for (std::size_t count = 1, choices = 3; count <= keys.size(); ++count, choices *= 3) {
    for (std::size_t choice = 0; choice < choices; ++choice) {
      PolicyNewOptions options = new_options();
      options.officers.clear();
      for (std::size_t i = 0, rest = choice; i < count; ++i, rest /= 3) {
        options.officers.push_back("o" + std::to_string(i) + ":" + groups[rest % 3] + keys[i]);
      }
      const auto answer = policy_new(context_, options, kToday);
      if (answer.ok()) {
        ++made;
      } else {
        EXPECT_THAT(answer.status().to_string(), HasSubstr("no group has two officers"));
      }
      std::filesystem::remove_all(draft_);
    }
  }
  // All but one person alone, and two who share no group.
  EXPECT_EQ(made, 9u - 2u + 27u);
}

TEST_F(PolicyNew, RefusesMoreOfficersOrGroupsThanABundleHolds) {
  const auto refused = [&](const std::vector<std::string>& officers, const std::string& part) {
    PolicyNewOptions options = new_options();
    options.officers = officers;
    const auto answer = policy_new(context_, options, kToday);
    EXPECT_EQ(answer.code(), Code::kInvalid) << part;
    EXPECT_THAT(answer.status().to_string(), HasSubstr(part));
    EXPECT_FALSE(std::filesystem::exists(draft_)) << part;
  };
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= policy::bundle::kMaxOfficers; ++i) {
    many.push_back(officer_without_file("o" + std::to_string(i), "treasury"));
  }
  refused(many, "65 officers; there must be 1 to 64");
  std::string groups = "g0";
  for (std::size_t i = 1; i <= policy::bundle::kMaxGroups; ++i) groups += ",g" + std::to_string(i);
  refused({officer_without_file("ann", groups), officer_without_file("ben", groups)},
          "17 groups; there must be 1 to 16");
  refused({officer_without_file("ann", "distinct"), officer_without_file("ben", "distinct")},
          "the name has a meaning of its own");
}

TEST_F(PolicyNew, LeavesADirectoryWithSomethingInItAlone) {
  write_draft();
  std::filesystem::remove(draft_ + "/bundle.toml");
  EXPECT_EQ(policy_new(context_, new_options(), kToday).code(), Code::kExists);
  EXPECT_FALSE(std::filesystem::exists(draft_ + "/bundle.toml"));
}

class PolicyDraft : public PolicyFolder {
 protected:
  PolicyDraft() { write_draft(); }
};

TEST_F(PolicyDraft, LintNamesFileLineAndRuleOfEveryFinding) {
  edit(draft_ + "/10-mint.cedar", "context.approvals.treasury >= 1", "context.approvals.treasury == 1");
  edit(draft_ + "/30-payout.cedar", "@id(\"payout\")", "@id(\"mint-kyc\")");
  edit(draft_ + "/40-governance.cedar", "context.approve &&", "context.nothing &&");
  edit(draft_ + "/40-governance.cedar", "principal in Group::\"treasury\"",
       "principal in Group::\"tresury\"");
  const auto answer = policy_lint(context_, draft_, "");
  const std::string text = text_of(answer);
  EXPECT_TRUE(context_.refused);
  EXPECT_EQ(answer->find("findings")->items().size(), 4u) << text;
  EXPECT_THAT(text, HasSubstr(draft_ + "/10-mint.cedar:10:25: "));
  EXPECT_THAT(text, HasSubstr("approvals: "));
  EXPECT_THAT(text, HasSubstr(draft_ + "/30-payout.cedar:2:"));
  EXPECT_THAT(text, HasSubstr("id: "));
  EXPECT_THAT(text, HasSubstr(draft_ + "/40-governance.cedar:10:15: "));
  EXPECT_THAT(text, HasSubstr("strict: "));
  EXPECT_THAT(text, HasSubstr("name: Group::\"tresury\" is not known here"));
}

TEST_F(PolicyDraft, LintSaysWhatDoesNotFitTheNetworkOrIsNoBundle) {
  edit(draft_ + "/bundle.toml", "[units.LTC]", "[units.XYZ]\ndecimals = 0\n\n[units.LTC]");
  EXPECT_THAT(text_of(policy_lint(context_, draft_, "")), HasSubstr("not looked at"));
  EXPECT_FALSE(context_.refused);
  EXPECT_THAT(text_of(policy_lint(context_, draft_, genesis_)), HasSubstr("network: unit XYZ"));
  EXPECT_TRUE(context_.refused);
  edit(draft_ + "/bundle.toml", "count = 2", "count = 1");
  EXPECT_THAT(text_of(policy_lint(context_, draft_, "")), HasSubstr("bundle: "));
  EXPECT_TRUE(context_.refused);
  EXPECT_EQ(policy_lint(context_, path_ + "/none", "").code(), Code::kNotFound);
}

// One finding hides no other, in whatever file it is.
TEST_F(PolicyDraft, LintShowsTheFindingsOfAllFilesAtOnce) {
  ASSERT_TRUE(write_file_atomic(draft_ + "/00-stop.ceder", as_bytes("forbid"), 0644).ok());
  edit(draft_ + "/officers.toml", "valid_until = \"2027", "valid_until = \"2025");
  edit(draft_ + "/bundle.toml", "count = 2", "count = 1");
  edit(draft_ + "/custody.cedarschema", "entity Member", "entity Nobody;\nentity Member");
  edit(draft_ + "/10-mint.cedar", "context.approvals.treasury >= 1", "context.approvals.treasury >= 99");
  const std::string text = text_of(policy_lint(context_, draft_, ""));
  EXPECT_TRUE(context_.refused);
  for (const std::string& part :
       {"file: " + draft_ + "/00-stop.ceder: no part of a policy", "bundle: " + draft_ + "/bundle.toml:",
        "bundle: " + draft_ + "/officers.toml:4: officer \"alice\": valid_until must be after valid_from",
        "schema: " + draft_ + "/custody.cedarschema: the entity type Nobody ",
        draft_ + "/10-mint.cedar:10:8: mint-approved-BTC: impossible: "}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  for (const Status& status :
       {policy_format(context_, draft_, true).status(), policy_test(context_, draft_, genesis_).status(),
        policy_propose(context_, draft_, genesis_, path_ + "/out").status(),
        policy_show({draft_}).status()}) {
    EXPECT_THAT(status.to_string(), HasSubstr("00-stop.ceder: no part of a policy"));
  }
}

TEST_F(PolicyDraft, AProposalThatIsRefusedNamesFileAndLine) {
  edit(draft_ + "/10-mint.cedar", "context.approvals.treasury >= 1", "context.approvals.treasury == 1");
  for (const Status& status : {policy_propose(context_, draft_, genesis_, path_ + "/out").status(),
                               policy_test(context_, draft_, genesis_).status()}) {
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_TRUE(status.message().starts_with(draft_ + "/10-mint.cedar:10:25: ")) << status.message();
  }
}

TEST_F(PolicyDraft, FormatChangesLayoutOnlyAndOnlyWhenAsked) {
  const std::string file = draft_ + "/30-payout.cedar";
  const std::string before = read(file);
  edit(file, "permit (principal, action", "permit   ( principal,action");
  const std::string loose = read(file);
  EXPECT_THAT(text_of(policy_format(context_, draft_, true)), HasSubstr("30-payout.cedar"));
  EXPECT_TRUE(context_.refused);
  EXPECT_EQ(read(file), loose);
  EXPECT_THAT(text_of(policy_format(context_, draft_, false)), HasSubstr("30-payout.cedar: formatted"));
  EXPECT_FALSE(context_.refused);
  EXPECT_EQ(read(file), before);
  edit(file, "permit (", "permit (((");
  EXPECT_EQ(policy_format(context_, draft_, false).code(), Code::kInvalid);
}

TEST_F(PolicyDraft, TestSaysWhatIsOtherwiseThanExpected) {
  edit(draft_ + "/10-mint.cedar", "context.amount <= 1000", "context.amount <= 999");
  const auto answer = policy_test(context_, draft_, genesis_);
  const std::string text = text_of(answer);
  EXPECT_TRUE(context_.refused);
  ASSERT_EQ(answer->find("failed")->items().size(), 1u) << text;
  EXPECT_THAT(text, HasSubstr("tests/BTC.toml: small-deposit\n  expected ALLOW, but found PENDING\n"));
  EXPECT_THAT(text, HasSubstr("1 not as expected"));
  std::filesystem::remove_all(draft_ + "/tests");
  EXPECT_EQ(policy_test(context_, draft_, genesis_).code(), Code::kNotFound);
}

TEST_F(PolicyDraft, TestGoesOnWhereAnEditLetsOfficersOut) {
  edit(draft_ + "/10-mint.cedar", "context.approvals.treasury >= 1", "context.approvals.treasury >= 0");
  const auto answer = policy_test(context_, draft_, genesis_);
  const std::string text = text_of(answer);
  EXPECT_TRUE(context_.refused);
  EXPECT_THAT(text, HasSubstr("tests/BTC.toml: large-deposit-approved\n"
                              "  found ALLOW without officers; expected to wait for treasury\n"));
  EXPECT_THAT(text, HasSubstr("tests/BTC.toml: large-deposit\n  expected PENDING, but found ALLOW\n"));
  EXPECT_THAT(text, HasSubstr("permit mint-approved-BTC"));
  EXPECT_GT(answer->u64_at("cases").value(), 20u);
}

TEST_F(PolicyDraft, DiffSaysSentences) {
  const std::string next = path_ + "/next";
  std::filesystem::copy(draft_, next, std::filesystem::copy_options::recursive);
  EXPECT_EQ(text_of(policy_diff(draft_, next)), "the two say the same");
  edit(next + "/20-withdraw.cedar", "context.amount <= 1000 ", "context.amount <= 2000 ");
  const auto answer = policy_diff(draft_, next);
  EXPECT_THAT(text_of(answer), HasSubstr("loosens   policy withdraw-small-BTC"));
  EXPECT_EQ(answer->find("changes")->items().front().string_at("effect").value(), "loosens");
}

TEST_F(PolicyDraft, DiffShowsBothTextsOfWhatItCannotJudgeAndForWhomItIs) {
  const std::string next = path_ + "/next";
  std::filesystem::copy(draft_, next, std::filesystem::copy_options::recursive);
  edit(next + "/20-withdraw.cedar", "context.amount <= 1000 &&", "context.amount <= 1000 ||");
  const auto answer = policy_diff(draft_, next);
  const Json& change = answer->find("changes")->items().front();
  EXPECT_THAT(change.string_at("before").value(), HasSubstr("context.amount <= 1000 &&"));
  EXPECT_THAT(change.string_at("after").value(), HasSubstr("context.amount <= 1000 ||"));
  EXPECT_THAT(text_of(answer), HasSubstr("has other conditions\n          before\n            @id("));
  edit(next + "/20-withdraw.cedar", "context.amount <= 1000 ||", "context.amount <= 1000 &&");
  edit(next + "/bundle.toml", "\nmember = 2", "\nmember = 1");
  EXPECT_EQ(text_of(policy_diff(draft_, next)),
            "unknown   attention: this is for another member, 1, before it was 2\n");
}

class PolicySigning : public PolicyFolder {
 protected:
  PolicySigning() {
    PolicyNewOptions options = new_options();
    options.officers = {make_officer("alice", "treasury", Curve::kSecp256k1),
                        make_officer("bob", "treasury", Curve::kP256),
                        officer_without_file("carol", "compliance")};
    CHECK(policy_new(context_, options, kToday).ok());
  }
  // The version after the draft, as a file to sign.
  void propose_next() {
    first_ = path_ + "/first";
    std::filesystem::copy(draft_, first_, std::filesystem::copy_options::recursive);
    const std::string hash = policy_show({draft_})->string_at("hash").value();
    edit(draft_ + "/bundle.toml", "\nversion = 1", "\nversion = 2");
    edit(draft_ + "/bundle.toml", std::string(64, '0'), hash);
    const auto proposed = policy_propose(context_, draft_, genesis_, file_);
    ASSERT_TRUE(proposed.ok()) << proposed.status().to_string();
    hash_ = proposed->string_at("hash").value();
  }
  Result<Json> sign(const std::string& officer, const std::string& key) {
    return sign_as(officer, key, hash_);
  }
  Result<Json> sign_as(const std::string& officer, const std::string& key, const std::string& hash) {
    return policy_sign({file_, officer, hash, first_, {key_file(key), password_}});
  }
  const std::string file_ = path_ + "/next.bundle";
  std::string first_, hash_;
};

TEST_F(PolicySigning, AQuorumOfSignaturesOverTheShownTextPutsTheNextVersionInForce) {
  propose_next();
  const auto by_bob = sign("bob", "bob");
  ASSERT_TRUE(by_bob.ok()) << by_bob.status().to_string();
  EXPECT_THAT(by_bob->string_at("text").value(), HasSubstr("bundle    " + hash_));
  EXPECT_THAT(by_bob->string_at("text").value(),
              HasSubstr("signed: 1 of the 2 signatures of group treasury"));
  ASSERT_TRUE(sign("alice", "alice").ok());
  const auto shown = policy_show({file_, first_});
  ASSERT_TRUE(shown.ok()) << shown.status().to_string();
  ASSERT_EQ(shown->find("signatures")->items().size(), 2u);
  for (const Json& one : shown->find("signatures")->items()) {
    EXPECT_EQ(one.string_at("signature").value(), "valid");
  }
  const auto bytes = read_file(file_, policy::bundle::kMaxSignedBundle);
  const auto active = policy::bundle::make_active(*policy::bundle::read_directory(first_));
  const auto counts = policy::bundle::verify_bundle(*policy::bundle::decode_signed_bundle(*bytes), active,
                                                    model::LedgerMs(kToday + 1'000));
  EXPECT_TRUE(counts.ok()) << counts.status().to_string();
}

TEST_F(PolicySigning, RefusesAnotherBundleAnotherKeyAndASecondSignature) {
  propose_next();
  EXPECT_EQ(sign_as("alice", "alice", std::string(64, '1')).code(), Code::kRefused);  // B1
  EXPECT_EQ(sign("alice", "bob").code(), Code::kRefused);
  EXPECT_EQ(sign("zoe", "alice").code(), Code::kRefused);
  EXPECT_EQ(sign("No Name", "alice").code(), Code::kInvalid);
  EXPECT_TRUE(policy_show({file_})->find("signatures")->items().empty());
  ASSERT_TRUE(sign("alice", "alice").ok());
  EXPECT_EQ(sign("alice", "alice").code(), Code::kExists);
  EXPECT_THAT(sign("carol", "carol").status().message(), HasSubstr("would not count"));  // of compliance
  first_ = file_;  // it does not follow itself (B4)
  EXPECT_EQ(sign("bob", "bob").code(), Code::kRefused);
  first_.clear();
  EXPECT_THAT(sign("bob", "bob").status().hint(), HasSubstr("--active"));
}

// What an officer looks at before signing is all that is signed.
TEST_F(PolicySigning, ShowPrintsEverythingThatIsSigned) {
  edit(draft_ + "/bundle.toml", "[units.LTC]",
       "[price_source]\nname = \"desk\"\nunit = \"USD\"\ndecimals = 2\nmax_age_minutes = 30\nkey = \"" +
           crypto::SoftwareKey::generate(entropy_).public_key().hex() + "\"\n\n[units.LTC]");
  ASSERT_TRUE(write_file_atomic(draft_ + "/allow-list.toml",
                                as_bytes("[allow.BTC.bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080]\n"
                                         "owner = \"Exchange One\"\nreason = \"ticket 17\"\n"
                                         "expires = \"2029-01-02T03:04:05Z\"\n"),
                                0644)
                  .ok());
  propose_next();
  const auto shown = policy_show({file_});
  const std::string text = text_of(shown);
  const auto content = *policy::bundle::read_directory(draft_);
  for (const char* part :
       {"price source", "max age minutes  30", "activation delay minutes  720",
        "pending expiry hours      24", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "Exchange One",
        "ticket 17", "2029-01-02T03:04:05Z", "2026-11-26T00:00:00Z", "2027-11-26T00:00:00Z",
        "  entity Member;", "  @id(\"withdraw-small-BTC\")", "  @doc(", "permit (", "forbid ("}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_EQ(shown->string_at("policies").value(), as_text(content.policies));
  EXPECT_EQ(shown->string_at("cedar_schema").value(), as_text(content.schema));
  EXPECT_EQ(shown->find("officers")->items().front().string_at("valid_from").value(), "2026-11-26T00:00:00Z");
  EXPECT_EQ(shown->find("allow_list")->items().front().string_at("reason").value(), "ticket 17");
}

TEST_F(PolicySigning, ShowWritesTheVersionAsFilesIntoANewDirectoryOnly) {
  propose_next();
  const std::string out = path_ + "/looked-at";
  ASSERT_TRUE(policy_show({file_, first_, out}).ok());
  EXPECT_EQ(*policy::bundle::read_directory(out), *policy::bundle::read_directory(draft_));
  const std::string before = read(out + "/bundle.toml");
  EXPECT_EQ(policy_show({first_, "", out}).code(), Code::kExists);
  EXPECT_EQ(read(out + "/bundle.toml"), before);
}

// Invariant 10. Whoever hands the file on cannot keep an officer from signing it, nor have custodyctl abort.
TEST_F(PolicySigning, WhatOthersPutIntoTheFileNeitherCountsNorHinders) {
  propose_next();
  const auto put = [&](const std::vector<std::string>& names) {
    auto file = *policy::bundle::decode_signed_bundle(*read_file(file_, policy::bundle::kMaxSignedBundle));
    file.signatures.clear();
    for (const std::string& name : names) file.signatures.push_back({to_bytes(name), {}});
    ASSERT_TRUE(write_file_atomic(file_, policy::bundle::encode_signed_bundle(file), 0644).ok());
  };
  const auto signatures = [&] { return policy_show({file_, first_})->find("signatures")->items(); };
  put({"alice", "alice"});
  ASSERT_TRUE(sign("alice", "alice").ok());
  ASSERT_EQ(signatures().size(), 1u);
  EXPECT_EQ(signatures().front().string_at("signature").value(), "valid");
  EXPECT_EQ(sign("alice", "alice").code(), Code::kExists);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < policy::bundle::kMaxOfficers; ++i) names.push_back("x" + std::to_string(i));
  put(names);
  EXPECT_EQ(sign("alice", "alice").code(), Code::kExhausted);
  EXPECT_EQ(signatures().size(), policy::bundle::kMaxOfficers);
  names.back() = "alice";
  put(names);
  EXPECT_TRUE(sign("alice", "alice").ok());
}

TEST_F(PolicySigning, AProposalIsCheckedAndNeverOverwritten) {
  propose_next();
  EXPECT_EQ(policy_propose(context_, draft_, genesis_, file_).code(), Code::kExists);
  edit(draft_ + "/10-mint.cedar", "context.amount", "context.nothing");
  EXPECT_EQ(policy_propose(context_, draft_, genesis_, path_ + "/bad").code(), Code::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(path_ + "/bad"));
  EXPECT_EQ(policy_show({genesis_}).code(), Code::kInvalid);
}

}  // namespace
}  // namespace custody::signer::cli
