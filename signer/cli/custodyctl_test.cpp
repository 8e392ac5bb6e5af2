// The program itself, without a network: what its help says, its exit codes, one JSON object on standard
// output.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>

#include "base/json.h"
#include "signer/cli/policy_fixture_test.h"
#include "tests/support/child_process.h"
#include "tests/support/paths.h"

namespace custody::signer::cli {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string out, error;
};

class Custodyctl : public PolicyFolder {
 protected:
  Outcome run(std::vector<std::string> arguments) {
    const Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    return run_with(std::move(arguments), [&] { dup2(nothing.get(), STDIN_FILENO); });
  }
  // A person at a terminal types this. What the terminal shows is the error.
  Outcome run_at_terminal(std::vector<std::string> arguments, const std::string& typed) {
    const Fd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    CHECK(grantpt(terminal.get()) == 0 && unlockpt(terminal.get()) == 0);
    std::array<char, 64> name{};
    CHECK(ptsname_r(terminal.get(), name.data(), name.size()) == 0);
    const Fd side(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    CHECK(write(terminal.get(), typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
    Outcome out = run_with(std::move(arguments), [&] {
      dup2(side.get(), STDIN_FILENO);
      dup2(side.get(), STDERR_FILENO);
    });
    std::array<char, 4096> shown{};
    CHECK(fcntl(terminal.get(), F_SETFL, O_NONBLOCK) == 0);
    for (ssize_t size = 0; (size = ::read(terminal.get(), shown.data(), shown.size())) > 0;) {
      out.error.append(shown.data(), static_cast<std::size_t>(size));
    }
    return out;
  }
  Outcome run_with(std::vector<std::string> arguments, const std::function<void()>& prepare) {
    arguments.insert(arguments.begin(), tests::bin_dir() + "/custodyctl");
    const std::string out = path_ + "/out";
    const std::string error = path_ + "/error";
    std::filesystem::remove(error);
    tests::ChildProcess child;
    child.start(arguments, error, [&] {
      unsetenv("CUSTODY_MEMBER");
      const int file = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (file < 0 || dup2(file, STDOUT_FILENO) < 0) _exit(126);
      prepare();
    });
    Outcome result;
    result.code = child.wait_exit();
    result.out = read(out);
    result.error = read(error);
    return result;
  }
  // The one object that was printed.
  Json object(const Outcome& outcome) {
    EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 1) << outcome.out;
    const auto parsed = Json::parse(outcome.out, 1u << 20);
    EXPECT_TRUE(parsed.ok()) << outcome.out;
    return parsed.ok() ? *parsed : Json();
  }
};

using Words = std::vector<std::string>;

const std::vector<Words>& commands() {
  static const std::vector<Words> all = {
      {"policy", "key", "new"},
      {"policy", "key", "show"},
      {"policy", "new"},
      {"policy", "lint"},
      {"policy", "format"},
      {"policy", "test"},
      {"policy", "diff"},
      {"policy", "propose"},
      {"policy", "show"},
      {"policy", "sign"},
      {"policy", "activate"},
      {"policy", "freeze"},
      {"policy", "check-attestation"},
      {"policy", "simulate"},
      {"requests", "show"},
      {"requests", "approve"},
      {"requests", "reject"},
      {"gateway", "propose"},
      {"gateway", "vote"},
  };
  return all;
}
// Those that need nothing said.
const std::vector<Words>& bare_commands() {
  static const std::vector<Words> all = {{"policy", "history"},  {"policy", "explain"},
                                         {"policy", "unfreeze"}, {"policy", "attestation"},
                                         {"requests", "list"},   {"members"}};
  return all;
}

TEST_F(Custodyctl, EveryCommandOfTheOfficersHasHelpThatNamesItsOptions) {
  std::vector<Words> all = commands();
  all.insert(all.end(), bare_commands().begin(), bare_commands().end());
  for (Words command : all) {
    const std::string name = command.back();
    command.emplace_back("--help");
    const Outcome help = run(command);
    EXPECT_EQ(help.code, 0) << name;
    EXPECT_THAT(help.out, HasSubstr("Usage: ")) << name;
    EXPECT_THAT(help.out, HasSubstr(name)) << name;
    EXPECT_EQ(help.error, "") << name;
  }
  for (const Words& command : all) {
    if (command.size() == 1) continue;
    EXPECT_THAT(run({command[0], "--help"}).out, HasSubstr("  " + command[1]));
  }
}

// Invariant 5: 2 for usage, whatever is missing or too much.
TEST_F(Custodyctl, WrongUsageIsExitCode2AndSaysWhatToDo) {
  for (Words command : commands()) {
    const std::string name = command.back();
    Outcome outcome = run(command);
    EXPECT_EQ(outcome.code, 2) << name;
    EXPECT_THAT(outcome.error, HasSubstr("required")) << name;
    EXPECT_EQ(outcome.out, "") << name;
    command.emplace_back("--surplus");
    EXPECT_EQ(run(command).code, 2) << name;
  }
  const Outcome none = run({"policy"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.error, HasSubstr("one of: "));
  const Outcome json = run({"--json", "policy", "key"});
  EXPECT_EQ(json.code, 2);
  EXPECT_EQ(object(json).at("error")->string_at("code").value(), "invalid");
}

TEST_F(Custodyctl, AnOfficerWhoAsksNamesHimselfAndHisKey) {
  const Words vote = {"gateway", "vote", "--proposal", std::string(64, 'a'), "--approve"};
  for (const Words& half : {Words{"--officer", "tara"}, Words{"--officer-key", path_ + "/tara"}}) {
    Words arguments = vote;
    arguments.insert(arguments.end(), half.begin(), half.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.error, HasSubstr("requires --officer"));
  }
  for (const char* name : {"vote", "propose"}) {
    EXPECT_THAT(run({"gateway", name, "--help"}).out, HasSubstr("who asks"));
  }
}

// Invariant 5: 3 when nobody answers.
TEST_F(Custodyctl, WithoutASignerTheExitCodeIs3) {
  for (const Words& command : std::vector<Words>{{"policy", "history"},
                                                 {"policy", "explain"},
                                                 {"policy", "attestation"},
                                                 {"requests", "list"},
                                                 {"members"}}) {
    Words arguments = {"--member", path_, "--json"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 3) << command.back();
    EXPECT_EQ(object(outcome).at("error")->string_at("code").value(), "unavailable");
    EXPECT_EQ(run(command).code, 2) << "no member is named";
  }
}

TEST_F(Custodyctl, ADraftGoesFromItsFilesToASignedFile) {
  const std::string alice = make_officer("alice", "treasury", policy::bundle::Curve::kP256);
  const Outcome made =
      run({"--json", "policy", "new", "--genesis", genesis_, "--member-name", member(), "--officer", alice,
           "--limit", "BTC:0.5:20", "--officer", officer_without_file("bob", "treasury"), draft_});
  ASSERT_EQ(made.code, 0) << made.out << made.error;
  const std::string hash = object(made).string_at("hash").value();
  EXPECT_EQ(run({"policy", "lint", draft_, "--genesis", genesis_}).out, "nothing to say against it\n");
  EXPECT_EQ(run({"policy", "format", draft_}).out, "nothing to change\n");
  const Outcome tested = run({"--json", "policy", "test", draft_, "--genesis", genesis_});
  EXPECT_EQ(tested.code, 0) << tested.out;
  EXPECT_TRUE(object(tested).find("failed")->items().empty());
  const std::string file = path_ + "/v1.bundle";
  EXPECT_EQ(run({"policy", "propose", draft_, "--genesis", genesis_, "--out", file}).code, 0);
  const Outcome signed_once = run({"policy", "sign", file, "--officer", "alice", "--key", key_file("alice"),
                                   "--password-file", password_, "--hash", hash});
  EXPECT_EQ(signed_once.code, 0) << signed_once.error;
  EXPECT_THAT(signed_once.out, HasSubstr("CAASIOPE POLICY ACTIVATION v1\n"));
  EXPECT_THAT(signed_once.out, HasSubstr(hash));
  const Outcome shown = run({"--json", "policy", "show", file});
  EXPECT_EQ(object(shown).find("signatures")->items().size(), 1u);
  EXPECT_EQ(run({"policy", "diff", draft_, file}).out, "the two say the same\n");
}

TEST_F(Custodyctl, TheSameOfficerTwiceIsAUsageErrorAndWritesNothing) {
  const std::string tara = officer_without_file("tara", "treasury");
  const Outcome outcome = run({"policy", "new", "--genesis", genesis_, "--member-name", member(), "--officer",
                               tara, "--officer", tara, draft_});
  EXPECT_EQ(outcome.code, 2) << outcome.error;
  EXPECT_THAT(outcome.error, HasSubstr("officer tara is given twice"));
  EXPECT_FALSE(std::filesystem::exists(draft_));
}

TEST_F(Custodyctl, TheHelpOfTestNamesEveryKeyOfItsFiles) {
  const std::string help = run({"policy", "test", "--help"}).out;
  for (const char* key :
       {"time",    "in_force_since", "kyc_until",     "reserve", "listed", "prices",  "ask",      "currency",
        "gateway", "amount",         "confirmations", "pay",     "fee",    "fee_cap", "proposal", "approve",
        "officer", "approved_by",    "waited_hours",  "after",   "expect", "rule",    "policies", "wants"}) {
    EXPECT_THAT(help, HasSubstr("\n  " + std::string(key) + " = ")) << key;
  }
}

// Invariant 5: an answer that nobody got is no success.
TEST_F(Custodyctl, OutputThatCannotBeWrittenIsExitCode1) {
  write_draft();
  for (const Words& command : std::vector<Words>{{"policy", "lint", draft_},
                                                 {"--json", "policy", "lint", draft_},
                                                 {"policy", "show", draft_},
                                                 {"policy", "--help"}}) {
    const Fd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(full.valid());
    const Outcome outcome = run_with(command, [&] { dup2(full.get(), STDOUT_FILENO); });
    EXPECT_EQ(outcome.code, 1) << command.back();
    EXPECT_THAT(outcome.error, HasSubstr("could not be written to standard output")) << command.back();
  }
  const Outcome closed = run_with({"policy", "lint", draft_}, [] { close(STDOUT_FILENO); });
  EXPECT_EQ(closed.code, 1);
}

TEST_F(Custodyctl, AWordThatIsNoCommandIsNamedWithThoseLikeIt) {
  const auto error = [&](const Words& words) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 2) << words.back();
    return outcome.error;
  };
  EXPECT_EQ(error({"policy", "lnt", "d1"}),
            "custodyctl: policy has no command \"lnt\"\n  did you mean: lint\n");
  EXPECT_THAT(error({"stauts"}), HasSubstr("has no command \"stauts\"\n  did you mean: status"));
  EXPECT_THAT(error({"requests", "everything"}), HasSubstr("one of: list, show, approve, reject"));
  EXPECT_THAT(error({"policy", "lint", "d1", "d2"}), HasSubstr("d2"));
  EXPECT_THAT(error({"policy", "lint", "--colour", "d1"}), HasSubstr("--colour"));
}

class Signing : public Custodyctl {
 protected:
  Signing() {
    PolicyNewOptions options = new_options();
    options.officers[0] = make_officer("alice", "treasury", policy::bundle::Curve::kSecp256k1);
    CHECK(policy_new(context_, options, kToday).ok());
    CHECK(policy_propose(context_, draft_, genesis_, file_).ok());
    before_ = read(file_);
  }
  Words sign() const {
    return {"policy",          "sign",   file_, "--officer", "alice", "--key", key_file("alice"),
            "--password-file", password_};
  }
  bool unsigned_still() { return read(file_) == before_; }

  const std::string file_ = path_ + "/v1.bundle";
  std::string before_;
};

// Invariant 6: whoever signs has seen what, before his password is asked for.
TEST_F(Signing, AtATerminalAPersonIsShownTheTextAndAsked) {
  for (const char* no : {"no\n", "\n", "y\n", "yes, of course\n", "\x04"}) {
    const Outcome asked = run_at_terminal(sign(), no);
    EXPECT_EQ(asked.code, 1) << no;
    EXPECT_THAT(asked.error, HasSubstr("CAASIOPE POLICY ACTIVATION v1")) << no;
    EXPECT_THAT(asked.error, HasSubstr("nothing was signed")) << no;
    EXPECT_TRUE(unsigned_still()) << no;
  }
  Words no_password = sign();
  no_password.back() = path_ + "/none";
  EXPECT_THAT(run_at_terminal(no_password, "no\n").error, HasSubstr("nothing was signed"));
  const Outcome yes = run_at_terminal(sign(), "yes\n");
  EXPECT_EQ(yes.code, 0) << yes.error;
  EXPECT_FALSE(unsigned_still());
}

TEST_F(Signing, WithoutATerminalWhatWasSeenBeforeIsNamed) {
  const Outcome refused = run(sign());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("no terminal"));
  EXPECT_THAT(refused.error, HasSubstr("--hash"));
  EXPECT_TRUE(unsigned_still());
}

// Invariant 5: 1 for what is refused.
TEST_F(Custodyctl, RefusalsAreExitCode1AndOneJsonObject) {
  write_draft();
  edit(draft_ + "/10-mint.cedar", "context.amount <= 1000", "context.amount   <= 999");
  EXPECT_EQ(run({"policy", "format", draft_, "--check"}).code, 1);
  EXPECT_EQ(run({"policy", "format", draft_}).code, 0);
  const Outcome tested = run({"--json", "policy", "test", draft_, "--genesis", genesis_});
  EXPECT_EQ(tested.code, 1);
  EXPECT_EQ(object(tested).find("failed")->items().size(), 1u);
  edit(draft_ + "/10-mint.cedar", "context.amount", "context.nothing");
  const Outcome linted = run({"--json", "policy", "lint", draft_});
  EXPECT_EQ(linted.code, 1);
  EXPECT_EQ(object(linted).find("findings")->items().size(), 1u);
  const Outcome missing = run({"--json", "policy", "show", path_ + "/none"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(object(missing).at("error")->string_at("code").value(), "not_found");
  const Outcome wrong = run({"policy", "propose", draft_, "--genesis", genesis_, "--out", path_ + "/bad"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.error, HasSubstr("custodyctl: "));
}

}  // namespace
}  // namespace custody::signer::cli
