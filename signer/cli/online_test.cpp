// The officers' commands against the real signer behind its sockets: from a request that waits to the
// signature, versions, freezes, explanations, simulation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "policy/cedar/format.h"
#include "policy/render/governance.h"
#include "proto/reader/digests.h"
#include "signer/cli/attestation_command.h"
#include "signer/cli/key_file.h"
#include "signer/cli/officer_ask.h"
#include "signer/cli/policy_command.h"
#include "signer/cli/policy_online.h"
#include "signer/cli/requests_command.h"
#include "signer/cli/signer_call.h"
#include "signer/client/client.h"
#include "signer/core/fixture_test.h"
#include "signer/daemon/server.h"
#include "tests/support/policies.h"

namespace custody::signer::cli {
namespace {

using policy::render::Vote;
using ::testing::HasSubstr;

constexpr int kTimeoutMs = 20'000;

class Online : public core::SignerFixture {
 protected:
  Online() {
    std::string pattern = (std::filesystem::temp_directory_path() / "custody-online-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    password_ = path_ + "/password";
    context_.member_directory = path_;
    CHECK(make_directory(path_ + "/run", 0700).ok());
    CHECK(write_file_atomic(path_ + "/genesis.bin", proto::reader::encode(identity_.genesis), 0600).ok());
    CHECK(write_file_atomic(password_, as_bytes("correct horse"), 0600).ok());
    for (const char* officer : {"alice", "bob", "carol"}) write_key(officer);
    rebind();
    stop_ = Fd(eventfd(0, EFD_CLOEXEC));
    server_ = std::move(*daemon::Server::listen(path_ + "/run", *core_));
    thread_ = std::thread([this] { EXPECT_TRUE(server_->run(stop_.get()).ok()); });
    node_.emplace(std::move(*client::Client::connect(path_ + "/run/signer-node.sock")));
    show_head();
  }
  ~Online() override {
    EXPECT_EQ(eventfd_write(stop_.get(), 1), 0);
    thread_.join();
    std::filesystem::remove_all(path_);
  }

  // Withdrawals of at most 200,000 alone, of at most 400,000 with two of the treasury; so are ballots that an
  // officer asks for.
  void rebind() {
    auto limits = SignerFixture::limits();
    limits.alone = 200'000;
    policy_ =
        tests::make_policy(identity_.genesis, identity_.chain_id, identity_.member, limits, true, false);
    const std::string policies = std::string(as_text(policy_.policies)) +
                                 "@id(\"asked\") forbid(principal is Officer, action == Action::\"ballot\", "
                                 "resource) unless { context.approvals.treasury >= 2 };";
    policy_.policies = to_bytes(policy::cedar::format_policies(policies).value());
    core_.reset();
    directory_.remove(journal::kFileName);
    directory_.remove(audit::kFileName);
    binding_.policy = tests::store_policy(directory_, policy_);
    bind();
    restart();
  }
  void write_key(const std::string& officer) {
    const crypto::SoftwareKey& key = tests::officer_key(officer);
    Json head = Json::object()
                    .set("schema", "custody.officer-key/1")
                    .set("curve", "secp256k1")
                    .set("public_key", key.public_key().hex());
    CHECK(create_sealed_file(path_ + "/" + officer, head, key.secret(),
                             SecretBytes(as_bytes("correct horse")), entropy_)
              .ok());
  }
  OfficerKeyOptions key(const std::string& officer) const { return {path_ + "/" + officer, password_}; }

  model::SignReply of_node(model::Intent intent) {
    auto reply = node_->call(std::move(intent), kTimeoutMs);
    EXPECT_TRUE(reply.ok()) << reply.status().to_string();
    return reply.ok() ? *std::move(reply) : model::SignReply();
  }
  // What officers do counts by the ledger's time, and there is none before the first head.
  void show_head() {
    EXPECT_EQ(of_node(model::LedgerHeadIntent{ledger_.evidence({})}).code, 0);
    ledger_.advance();
  }
  // A redemption of 300,000, which waits; the id of its request.
  std::string ask_large() {
    plan_ = payouts_.derive(1, {1}, {1});
    const auto reply = of_node(payouts_.recorded(plan_));
    EXPECT_EQ(as_text(reply.rule), "policy.pending");
    return reply.pending ? reply.pending->hex() : "";
  }
  Result<Json> vote(const std::string& id, const std::string& officer, Vote said = Vote::kApprove,
                    const std::string& group = "treasury") {
    return requests_vote(context_, {id, officer, group, key(officer)}, said);
  }
  // The officer looks at the order in the file, and adds his signature to what he saw.
  Result<Json> add_to_order(const std::string& officer, const std::string& in, const std::string& out) {
    UnfreezeOptions options{{"", "", officer, key(officer), 60}, in, out};
    options.show = true;
    ASSIGN_OR_RETURN(const Json shown, policy_unfreeze(context_, options));
    EXPECT_THAT(*shown.string_at("rendering"), HasSubstr("CAASIOPE UNFREEZE v1"));
    options.show = false;
    ASSIGN_OR_RETURN(options.hash, shown.string_at("hash"));
    return policy_unfreeze(context_, options);
  }
  static std::string text_of(const Result<Json>& answer) {
    EXPECT_TRUE(answer.ok()) << answer.status().to_string();
    return answer.ok() ? answer->string_at("text").value() : "";
  }

  std::string path_;
  std::string password_;
  Context context_;
  model::SlotRecord plan_;
  std::optional<client::Client> node_;

 private:
  Fd stop_;
  std::unique_ptr<daemon::Server> server_;
  std::thread thread_;
};

TEST_F(Online, ARedemptionThatWaitsIsListedShownApprovedByTwoAndSigned) {
  EXPECT_EQ(text_of(requests_list(context_)), "no request is known");
  const std::string id = ask_large();
  EXPECT_THAT(text_of(requests_list(context_)), HasSubstr(id + "\n  payout of 0.00300000 BTC, open"));
  const auto shown = requests_show(context_, id);
  EXPECT_THAT(text_of(shown), HasSubstr("CAASIOPE"));
  EXPECT_THAT(text_of(shown), HasSubstr("needs treasury 0 of 2"));
  const auto by_alice = vote(id, "alice");
  const std::string text = text_of(by_alice);
  // What the officer has signed begins with what was shown.
  EXPECT_TRUE(text.starts_with(shown->string_at("rendering").value())) << text;
  EXPECT_THAT(text, HasSubstr("APPROVE"));
  EXPECT_THAT(text, HasSubstr("needs treasury 1 of 2"));
  EXPECT_NE(of_node(payouts_.intent(plan_)).code, 0);
  EXPECT_THAT(text_of(vote(id, "bob")), HasSubstr("needs treasury 2 of 2"));
  EXPECT_EQ(of_node(payouts_.intent(plan_)).code, 0);
  // What is signed takes no approval any more, and stands apart.
  const auto late = vote(id, "carol", Vote::kApprove, "compliance");
  EXPECT_EQ(late.code(), Code::kRefused);
  EXPECT_THAT(late.status().message(), HasSubstr("is signed already"));
  const auto list = requests_list(context_);
  EXPECT_EQ(list->find("requests")->items().front().string_at("status").value(), "signed");
  EXPECT_THAT(text_of(list), HasSubstr("no request is open\n\nnot open any more\n" + id));
}

TEST_F(Online, AnApprovalThatNothingWantsIsTakenAndSaysSo) {
  const std::string id = ask_large();
  const auto by_carol = vote(id, "carol", Vote::kApprove, "compliance");
  EXPECT_THAT(text_of(by_carol),
              HasSubstr("\nis taken, but counts for nothing that is still wanted. Now:\n"));
  EXPECT_FALSE(by_carol->bool_at("counts").value());
  const auto by_alice = vote(id, "alice");
  EXPECT_THAT(text_of(by_alice), HasSubstr("\ncounts. Now:\n"));
  EXPECT_TRUE(by_alice->bool_at("counts").value());
}

TEST_F(Online, AFrozenRequestIsShownAsFrozen) {
  const std::string id = ask_large();
  ASSERT_TRUE(policy_freeze(context_, {"BTC", "a drill", "carol", key("carol"), 60}).ok());
  const std::string frozen = "payout of 0.00300000 BTC, open but frozen, until ";
  EXPECT_THAT(text_of(requests_list(context_)), HasSubstr(frozen));
  EXPECT_THAT(text_of(requests_show(context_, id)), HasSubstr(frozen));
  const auto approved = vote(id, "alice");
  EXPECT_THAT(text_of(approved), HasSubstr(frozen));
  EXPECT_TRUE(approved->bool_at("frozen").value());
}

// B5, B7, B8: each refusal is the signer's, and exit code 1.
TEST_F(Online, VotesThatDoNotCountAreRefused) {
  const std::string id = ask_large();
  const auto refused = [&](const Result<Json>& answer, Code code) {
    EXPECT_EQ(answer.code(), code) << answer.status().to_string();
    EXPECT_TRUE(context_.answered_by_node);
    context_.answered_by_node = false;
  };
  ASSERT_TRUE(vote(id, "alice").ok());
  refused(vote(id, "alice"), Code::kExists);
  refused(vote(id, "bob", Vote::kApprove, "compliance"), Code::kRefused);
  const auto wrong_key = requests_vote(context_, {id, "bob", "treasury", key("carol")}, Vote::kApprove);
  refused(wrong_key, Code::kUnauthenticated);
  EXPECT_EQ(wrong_key.status().message(), "this key is not bob's");
  const auto freeze = policy_freeze(context_, {"", "a drill", "bob", key("carol"), 60});
  refused(freeze, Code::kUnauthenticated);
  EXPECT_EQ(freeze.status().message(), "this key is not bob's");
  refused(vote(std::string(64, 'a'), "bob"), Code::kNotFound);
  EXPECT_EQ(vote("abc", "bob").code(), Code::kInvalid);
  const auto no_id = requests_show(context_, "zz");
  EXPECT_EQ(no_id.status().message(), "\"zz\" is no request's id: those are 64 hex digits");
  EXPECT_THAT(no_id.status().hint(), HasSubstr("requests list"));
  EXPECT_EQ(vote(id, "Bob").code(), Code::kInvalid);
  EXPECT_THAT(text_of(requests_show(context_, id)), HasSubstr("needs treasury 1 of 2"));
}

TEST_F(Online, ARejectionEndsIt) {
  const std::string id = ask_large();
  EXPECT_THAT(text_of(vote(id, "carol", Vote::kReject, "compliance")), HasSubstr("rejected"));
  EXPECT_EQ(as_text(of_node(payouts_.intent(plan_)).rule), "policy.rejected");
  const auto late = vote(id, "alice");
  EXPECT_EQ(late.code(), Code::kRefused);
  EXPECT_THAT(late.status().message(), HasSubstr("was rejected by carol as compliance"));
  EXPECT_FALSE(context_.answered_by_node);
  EXPECT_THAT(text_of(requests_list(context_)), HasSubstr("\nnot open any more\n" + id));
}

// B5: what the officer asks for is his, and others must approve it.
TEST_F(Online, AnOfficersBallotIsHisAndTakesOthers) {
  const model::Ballot yes = ballot(true).ballot;
  const auto proposed = tests::proposed_gateway(identity_.chain_id);
  const auto terms = policy::render::ballot_terms(identity_.chain_id, yes, proposed.action);
  const auto asked_by = [&](const std::string& officer,
                            const std::string& holder) -> Result<model::SignReply> {
    ASSIGN_OR_RETURN(const OfficerAsk ask, sign_ask(context_, {officer, key(holder)}, terms));
    EXPECT_THAT(ask.shown, HasSubstr("CAASIOPE ASK v1\n"));
    EXPECT_THAT(ask.shown, HasSubstr("asks      ballot that APPROVES a proposal\n"));
    EXPECT_THAT(ask.shown, HasSubstr("officer   " + officer + "\nsays      ASK\n"));
    EXPECT_THAT(ask.shown, HasSubstr("action    register gateway gary, account "));
    return call_signer(context_,
                       model::BallotIntent{model::Height(10), 1, yes, ask.encoded, proposed.payload});
  };
  EXPECT_EQ(asked_by("alice", "bob").code(), Code::kUnauthenticated);
  EXPECT_EQ(text_of(requests_list(context_)), "no request is known");
  const auto waiting = asked_by("alice", "alice");
  EXPECT_EQ(waiting.code(), Code::kRefused);
  EXPECT_THAT(waiting.status().hint(), HasSubstr("custodyctl requests show "));
  const auto list = requests_list(context_);
  EXPECT_THAT(text_of(list), HasSubstr("  ballot, open, until "));
  EXPECT_THAT(text_of(list), HasSubstr("\n  asked by officer alice\n"));
  const Json& one = list->find("requests")->items().front();
  EXPECT_EQ(one.string_at("asked_by").value(), "alice");
  const std::string id = one.string_at("request").value();
  EXPECT_THAT(text_of(requests_show(context_, id)), HasSubstr("asked by  officer alice\n"));
  EXPECT_THAT(text_of(requests_show(context_, id)), HasSubstr("action    register gateway gary, account "));
  EXPECT_EQ(vote(id, "alice").code(), Code::kRefused);
  EXPECT_TRUE(vote(id, "bob").ok());
  EXPECT_TRUE(vote(id, "carol").ok());
  EXPECT_TRUE(asked_by("alice", "alice").ok());
  const std::string why = text_of(policy_explain(context_, terms.subject.hex()));
  EXPECT_THAT(why, HasSubstr("\n  asked by officer alice\n"));
  EXPECT_THAT(why, HasSubstr("ballot, Officer::\"alice\""));
}

TEST_F(Online, AnAskThatIsNoneIsRefusedBeforeTheSignerIsAsked) {
  const auto terms = policy::render::ballot_terms(identity_.chain_id, ballot(true).ballot,
                                                  tests::proposed_gateway(identity_.chain_id).action);
  EXPECT_TRUE(sign_ask(context_, {}, terms)->encoded.empty());
  EXPECT_EQ(sign_ask(context_, {"Alice", key("alice")}, terms).code(), Code::kInvalid);
  EXPECT_EQ(sign_ask(context_, {"alice", key("alice"), 0}, terms).code(), Code::kInvalid);
  EXPECT_EQ(sign_ask(context_, {"alice", key("alice"), 24 * 60 + 1}, terms).code(), Code::kInvalid);
  EXPECT_EQ(sign_ask(context_, {"alice", {path_ + "/nobody", password_}}, terms).code(), Code::kNotFound);
  auto foreign = terms;
  foreign.member = model::MemberId(3);
  EXPECT_EQ(sign_ask(context_, {"alice", key("alice")}, foreign).code(), Code::kRefused);
  foreign.proposal = {};
  foreign.member = terms.member;
  EXPECT_EQ(sign_ask(context_, {"alice", key("alice")}, foreign).code(), Code::kInvalid);
  EXPECT_FALSE(context_.answered_by_node);
}

TEST_F(Online, DecisionsAreExplained) {
  const std::string id = ask_large();
  const auto list = policy_explain(context_, "");
  ASSERT_TRUE(list.ok()) << list.status().to_string();
  const std::string subject = list->find("decisions")->items().front().string_at("subject").value();
  EXPECT_EQ(requests_show(context_, id)->string_at("subject").value(), subject);
  const std::string text = text_of(policy_explain(context_, subject));
  EXPECT_TRUE(text.starts_with("PENDING (policy.pending, bundle 1, ")) << text;
  EXPECT_THAT(text, HasSubstr("permit withdraw-approved-BTC"));
  EXPECT_THAT(text, HasSubstr("where context.amount = 300000\n"));
  EXPECT_THAT(text, HasSubstr("  needs 2 of treasury\n"));
  EXPECT_EQ(policy_explain(context_, "x").code(), Code::kInvalid);
}

TEST_F(Online, TheListOfDecisionsSaysWhatWasAskedAndForWhichRequest) {
  EXPECT_EQ(text_of(policy_explain(context_, "")), "no decision is remembered");
  const std::string id = ask_large();
  const auto list = policy_explain(context_, "");
  const std::string text = text_of(list);
  const Json& one = list->find("decisions")->items().front();
  const std::string subject = one.string_at("subject").value();
  EXPECT_THAT(text, HasSubstr("  PENDING (policy.pending)  payout of 0.00300000 BTC for "));
  EXPECT_THAT(text, HasSubstr("\n  subject " + subject + "\n  request " + id + "\n"));
  EXPECT_EQ(one.string_at("kind").value(), "payout");
  EXPECT_EQ(one.string_at("amount").value(), "0.00300000");
  EXPECT_EQ(one.string_at("currency").value(), "BTC");
  EXPECT_EQ(one.find("gateways")->items().size(), 1u);
  EXPECT_EQ(one.string_at("request").value(), id);
  // A decision is found by its request too.
  EXPECT_EQ(text_of(policy_explain(context_, id)), text_of(policy_explain(context_, subject)));
  ASSERT_TRUE(policy_freeze(context_, {"", "a drill", "carol", key("carol"), 60}).ok());
  of_node(payouts_.recorded(plan_));
  const std::string frozen = text_of(policy_explain(context_, subject));
  EXPECT_THAT(frozen, HasSubstr("DENY (policy.frozen"));
  EXPECT_THAT(frozen, HasSubstr("\n  payout of 0.00300000 BTC for "));
}

TEST_F(Online, ADecisionThatIsNotRememberedIsNotFound) {
  ask_large();
  for (const char digit : {'0', 'b'}) {
    const std::string subject(64, digit);
    const auto answer = policy_explain(context_, subject);
    EXPECT_EQ(answer.code(), Code::kNotFound);
    EXPECT_EQ(answer.status().message(), "no decision about " + subject + " is remembered");
    EXPECT_THAT(answer.status().hint(), HasSubstr("custodyctl policy explain"));
  }
}

// The ledger's side is what a node would answer.
TEST_F(Online, AnAuditorComparesTheVersionInForceWithWhatTheLedgerHas) {
  const auto shown = policy_attestation(context_);
  ASSERT_TRUE(shown.ok()) << shown.status().to_string();
  EXPECT_EQ(shown->u64_at("version").value(), 1u);
  EXPECT_EQ(shown->string_at("hash").value(), binding_.policy.hex());
  const Hash256 salt = *Hash256::from_hex(shown->string_at("salt").value());
  const auto members = [](const Json& attested) {
    Json list = Json::array();
    list.push(Json::object().set("member", 2).set("name", "member-2").set("policy", attested));
    return Json::object().set("members", list);
  };
  const auto attested = [&](std::uint64_t version, const std::string& hash) {
    return members(Json::object().set("version", version).set("salted_hash", hash).set("height", 40));
  };
  const auto expect = [&](const Result<Json>& answer, bool matches, const std::string& text) {
    EXPECT_THAT(text_of(answer), HasSubstr(text));
    EXPECT_EQ(answer->bool_at("matches").value(), matches);
  };
  const std::string hash = shown->string_at("salted_hash").value();
  expect(compare_attestation(policy_, salt, attested(1, hash)), true,
         "this is what member-2 attested as version 1 at height 40");
  expect(compare_attestation(policy_, Hash256(), attested(1, hash)), false, "bundle, salt or network");
  expect(compare_attestation(policy_, salt, attested(2, hash)), false, "it says that it is version 1");
  expect(compare_attestation(tests::next_policy(policy_), salt, attested(1, hash)), false, "version 2");
  expect(compare_attestation(policy_, salt, members(Json())), false, "has not attested");
  policy::bundle::Bundle strangers = policy_;
  strangers.member = model::MemberId(9);
  EXPECT_EQ(compare_attestation(strangers, salt, attested(1, hash)).code(), Code::kNotFound);
  EXPECT_EQ(policy_check_attestation(context_, path_ + "/genesis.bin", hash).code(), Code::kInvalid);
}

class OnlineVersions : public Online {
 protected:
  // The next version as a file, signed by these.
  std::string next_signed_by(const std::vector<std::string>& officers) {
    const std::string file = path_ + "/next";
    const Bytes bytes = tests::sign_bundle(tests::next_policy(policy_), officers);
    CHECK(write_file_atomic(file, bytes, 0644).ok());
    return file;
  }
  // Of the past's pages: the most bytes that one leaves of its record to the next.
  std::uint64_t largest_rest() {
    std::uint64_t out = 0;
    for (std::uint64_t place = 0;;) {
      const auto page = ask_policy(context_, {model::PolicyQuestion::kPast, {}, place});
      EXPECT_TRUE(page.ok()) << page.status().to_string();
      if (!page.ok()) return 0;
      if (page->find("rest") != nullptr) out = std::max(out, page->u64_at("rest").value());
      if (page->find("next")->is_null()) return out;
      place = page->u64_at("next").value();
    }
  }
};

TEST_F(OnlineVersions, ASignedVersionComesIntoForceAndVoidsWhatWaited) {
  const std::string id = ask_large();
  ASSERT_TRUE(vote(id, "alice").ok());
  EXPECT_FALSE(policy_activate(context_, next_signed_by({"alice"})).ok());
  EXPECT_EQ(policy_history(context_)->find("active")->u64_at("version").value(), 1u);
  const auto activated = policy_activate(context_, next_signed_by({"alice", "bob"}));
  ASSERT_TRUE(activated.ok()) << activated.status().to_string();
  EXPECT_EQ(activated->find("active")->u64_at("version").value(), 2u);
  const Json::Array& versions = activated->find("versions")->items();
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0].string_at("state").value(), "was in force");
  EXPECT_EQ(versions[1].string_at("state").value(), "in force");
  EXPECT_EQ(text_of(requests_list(context_)), "no request is known");              // B2
  EXPECT_FALSE(policy_activate(context_, next_signed_by({"alice", "bob"})).ok());  // B4
}

TEST_F(OnlineVersions, AVersionThatAnotherReplacedWasNeverInForce) {
  policy::bundle::Bundle slow = tests::next_policy(policy_);
  slow.activation_delay_minutes = 60;
  const auto activate = [&](const policy::bundle::Bundle& bundle) {
    const std::string file = path_ + "/" + std::to_string(bundle.version);
    CHECK(write_file_atomic(file, tests::sign_bundle(bundle, {"alice", "bob"}), 0644).ok());
    return policy_activate(context_, file);
  };
  ASSERT_TRUE(activate(slow).ok());
  policy::bundle::Bundle third = tests::next_policy(slow);
  ASSERT_TRUE(activate(third).ok());
  policy::bundle::Bundle fourth = third;
  fourth.version = 4;
  const auto activated = activate(fourth);
  ASSERT_TRUE(activated.ok()) << activated.status().to_string();
  const Json::Array& versions = activated->find("versions")->items();
  ASSERT_EQ(versions.size(), 4u);
  const std::vector<std::string> states = {"was in force", "in force", "replaced by 4, never in force",
                                           "waits"};
  for (std::size_t i = 0; i < states.size(); ++i) {
    EXPECT_EQ(versions[i].string_at("state").value(), states[i]);
  }
  EXPECT_EQ(versions[2].u64_at("replaced_by").value(), 4u);
}

TEST_F(OnlineVersions, ADraftIsTriedOnWhatWasAsked) {
  ask_large();
  const std::string same = next_signed_by({});
  const auto unchanged = policy_simulate(context_, {same, ""});
  EXPECT_THAT(text_of(unchanged), HasSubstr("1 past requests judged, none would be decided otherwise\n"
                                            "the past is complete since "));
  EXPECT_TRUE(unchanged->bool_at("complete").value());
  EXPECT_FALSE(context_.refused);
  EXPECT_EQ(unchanged->u64_at("skipped").value(), 0u);
  policy::bundle::Bundle draft = tests::next_policy(policy_);
  std::string policies(as_text(draft.policies));
  const std::size_t place = policies.find("context.amount <= 200000");
  ASSERT_NE(place, std::string::npos);
  policies.replace(place, 24, "context.amount <= 300000");
  draft.policies = to_bytes(policies);
  CHECK(write_file_atomic(path_ + "/looser", tests::sign_bundle(draft, {}), 0644).ok());
  const auto changed = policy_simulate(context_, {path_ + "/looser", ""});
  ASSERT_TRUE(changed.ok()) << changed.status().to_string();
  ASSERT_EQ(changed->find("changed")->items().size(), 1u);
  EXPECT_EQ(changed->find("changed")->items()[0].string_at("before").value(), "PENDING");
  EXPECT_EQ(changed->find("changed")->items()[0].string_at("after").value(), "ALLOW");
}

// The record of a version with a full allow-list comes in pieces: without it nothing after it could be
// judged.
TEST_F(OnlineVersions, ADraftIsTriedOnAPastWhoseRecordsComeInPieces) {
  policy::bundle::Bundle large = tests::next_policy(policy_);
  tests::fill_allow_list(large, identity_.genesis);
  const std::string file = path_ + "/large";
  CHECK(write_file_atomic(file, tests::sign_bundle(large, {"alice", "bob"}), 0644).ok());
  const auto activated = policy_activate(context_, file);
  ASSERT_TRUE(activated.ok()) << activated.status().to_string();
  ask_large();
  ASSERT_GT(largest_rest(), core::kMaxPiece);
  const auto judged = policy_simulate(context_, {file, ""});
  EXPECT_THAT(text_of(judged), HasSubstr("1 past requests judged, none would be decided otherwise\n"));
  EXPECT_EQ(judged->u64_at("skipped").value(), 0u);
}

TEST_F(Online, AFreezeTakesOneOfficerAndItsEndAQuorum) {
  const FreezeOptions freeze{"", "a drill", "carol", key("carol"), 60};
  const auto frozen = policy_freeze(context_, freeze);
  EXPECT_THAT(text_of(frozen), HasSubstr("CAASIOPE FREEZE v1"));
  EXPECT_TRUE(frozen->bool_at("frozen_everything").value());
  EXPECT_FALSE(of_node(payouts_.recorded(payouts_.derive(1, {1}, {1}))).pending.has_value());

  const std::string first = path_ + "/unfreeze-1";
  const std::string second = path_ + "/unfreeze-2";
  ASSERT_TRUE(policy_unfreeze(context_, {{"", "over", "alice", key("alice"), 60}, "", first}).ok());
  EXPECT_FALSE(policy_unfreeze(context_, {{}, first, ""}).ok());  // B11: one is no quorum
  EXPECT_TRUE(policy_history(context_)->bool_at("frozen_everything").value());
  EXPECT_EQ(add_to_order("alice", first, second).code(), Code::kExists);
  ASSERT_TRUE(add_to_order("bob", first, second).ok());
  const auto ended = policy_unfreeze(context_, {{}, second, ""});
  EXPECT_THAT(text_of(ended), HasSubstr("not frozen any more: everything"));
  EXPECT_FALSE(ended->bool_at("frozen_everything").value());
  EXPECT_FALSE(policy_unfreeze(context_, {{}, second, ""}).ok());  // it counts once
}

// Invariant 10. Whoever hands the order on cannot keep an officer from signing it, nor have custodyctl abort.
TEST_F(Online, WhatOthersPutIntoAnOrderNeitherCountsNorHinders) {
  const std::string file = path_ + "/unfreeze";
  const std::string out = path_ + "/signed";
  ASSERT_TRUE(policy_freeze(context_, {"", "a drill", "carol", key("carol"), 60}).ok());
  ASSERT_TRUE(policy_unfreeze(context_, {{"", "over", "alice", key("alice"), 60}, "", file}).ok());
  const auto put = [&](const std::vector<std::string>& names) {
    auto order = *policy::bundle::decode_order(*read_file(file, policy::bundle::kMaxSignedOrder));
    order.signatures.clear();
    for (const std::string& name : names) order.signatures.push_back({to_bytes(name), {}});
    ASSERT_TRUE(write_file_atomic(file, policy::bundle::encode_order(order), 0644).ok());
  };
  const auto sign_as_bob = [&] { return add_to_order("bob", file, out); };
  put({"Not A Name"});
  EXPECT_EQ(policy_unfreeze(context_, {{}, file, ""}).code(), Code::kInvalid);
  EXPECT_FALSE(context_.answered_by_node);
  put({"bob", "bob"});
  const auto signed_once = sign_as_bob();
  ASSERT_TRUE(signed_once.ok()) << signed_once.status().to_string();
  EXPECT_EQ(signed_once->u64_at("signatures").value(), 1u);
  std::filesystem::remove(out);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < policy::bundle::kMaxOfficers; ++i) names.push_back("x" + std::to_string(i));
  put(names);
  EXPECT_EQ(sign_as_bob().code(), Code::kExhausted);
  // What is asked for beside the file is what it must say.
  put({});
  EXPECT_EQ(policy_unfreeze(context_, {{"BTC", "", "bob", key("bob"), 60}, file, out}).code(),
            Code::kRefused);
}

TEST_F(Online, AnOrderIsNeverWrittenOverAnotherFile) {
  const std::string file = path_ + "/unfreeze";
  const std::string other = path_ + "/notes";
  ASSERT_TRUE(policy_freeze(context_, {"", "a drill", "carol", key("carol"), 60}).ok());
  CHECK(write_file_atomic(other, as_bytes("notes"), 0644).ok());
  const auto begin = [&](const std::string& out) {
    return policy_unfreeze(context_, {{"", "over", "alice", key("alice"), 60}, "", out});
  };
  ASSERT_TRUE(begin(file).ok());
  const Bytes before = *read_file(file, policy::bundle::kMaxSignedOrder);
  EXPECT_EQ(begin(file).code(), Code::kExists);
  EXPECT_EQ(begin(other).code(), Code::kExists);
  EXPECT_EQ(add_to_order("bob", file, other).code(), Code::kExists);
  EXPECT_EQ(*read_file(other, 100), to_bytes("notes"));
  EXPECT_EQ(*read_file(file, policy::bundle::kMaxSignedOrder), before);
  // Another name of the file that was read is that file.
  const auto added = add_to_order("bob", file, path_ + "/./unfreeze");
  ASSERT_TRUE(added.ok()) << added.status().to_string();
  EXPECT_EQ(added->u64_at("signatures").value(), 2u);
  EXPECT_TRUE(policy_unfreeze(context_, {{}, file, ""}).ok());
}

// Invariant 6. The order in the file is somebody else's: it is seen before it is signed.
TEST_F(Online, NoOrderOfAnotherIsSignedUnseen) {
  const std::string file = path_ + "/unfreeze";
  const std::string out = path_ + "/signed";
  ASSERT_TRUE(policy_freeze(context_, {"", "a drill", "carol", key("carol"), 60}).ok());
  ASSERT_TRUE(policy_unfreeze(context_, {{"", "over", "alice", key("alice"), 60}, "", file}).ok());
  UnfreezeOptions options{{"", "", "bob", key("bob"), 60}, file, out};
  options.show = true;
  const std::string hash = *policy_unfreeze(context_, options)->string_at("hash");
  EXPECT_FALSE(std::filesystem::exists(out)) << "looking signs nothing";
  options.show = false;
  options.hash = std::string(64, '1');
  EXPECT_EQ(policy_unfreeze(context_, options).code(), Code::kRefused);
  options.hash = hash;
  options.order.officer = "carol";  // hers has another text
  EXPECT_EQ(policy_unfreeze(context_, options).code(), Code::kRefused);
  // Another order under the same name.
  std::filesystem::remove(file);
  ASSERT_TRUE(policy_unfreeze(context_, {{"", "other words", "alice", key("alice"), 60}, "", file}).ok());
  options.order.officer = "bob";
  EXPECT_EQ(policy_unfreeze(context_, options).code(), Code::kRefused);
  EXPECT_FALSE(std::filesystem::exists(out));
  // Only an order that was begun before can be shown or named.
  EXPECT_EQ(policy_unfreeze(context_, {{"", "over", "bob", key("bob"), 60}, "", out, hash}).code(),
            Code::kInvalid);
  options.show = true;
  options.order.officer.clear();
  const auto whose = policy_unfreeze(context_, options);
  EXPECT_EQ(whose.code(), Code::kInvalid);
  EXPECT_THAT(whose.status().to_string(), HasSubstr("give --officer NAME"));
}

TEST_F(Online, OrdersThatAreNoneAreRefusedBeforeTheSignerIsAsked) {
  EXPECT_EQ(policy_freeze(context_, {"", "", "carol", key("carol"), 60}).code(), Code::kInvalid);
  EXPECT_EQ(policy_freeze(context_, {"btc", "drill", "carol", key("carol"), 60}).code(), Code::kInvalid);
  EXPECT_EQ(policy_freeze(context_, {"", "drill", "Carol", key("carol"), 60}).code(), Code::kInvalid);
  EXPECT_EQ(policy_freeze(context_, {"", "drill", "carol", key("carol"), 0}).code(), Code::kInvalid);
  EXPECT_EQ(policy_unfreeze(context_, {}).code(), Code::kInvalid);
  EXPECT_EQ(policy_unfreeze(context_, {{"", "over", "", {}, 60}, "", ""}).code(), Code::kInvalid);
  EXPECT_EQ(policy_unfreeze(context_, {{"", "over", "alice", key("alice"), 60}, "", ""}).code(),
            Code::kInvalid);
  EXPECT_EQ(policy_unfreeze(context_, {{}, path_ + "/genesis.bin", ""}).code(), Code::kInvalid);
  EXPECT_FALSE(context_.answered_by_node);
}

TEST(Offline, WithoutASignerEveryQuestionIsUnavailable) {
  Context context;
  EXPECT_EQ(requests_list(context).code(), Code::kInvalid);  // no member is named
  context.member_directory = "/nonexistent";
  EXPECT_EQ(requests_list(context).code(), Code::kUnavailable);
  EXPECT_EQ(policy_history(context).code(), Code::kUnavailable);
  EXPECT_EQ(policy_explain(context, "").code(), Code::kUnavailable);
}

}  // namespace
}  // namespace custody::signer::cli
