// cedar_runner: one answer a line, whatever the line is.
#include "tests/conformance/cedar/runner.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "policy/cedar/limits.h"
#include "tests/support/paths.h"

namespace custody::tests::cedar {
namespace {

using policy::cedar::kMaxEntityText;
using testing::HasSubstr;

constexpr std::string_view kRequest =
    R"("request":{"principal":{"type":"U","id":"a"},"action":{"type":"Action","id":"v"},"resource":{"type":"D","id":"d"},"context":{}})";

std::string job(std::string_view policies, std::string_view more = "") {
  Json text(policies);
  return R"({"op":"authorize","policies":)" + text.dump() + R"(,"schema":null,"entities":[],)" +
         std::string(kRequest) + R"(,"validateRequest":true)" + std::string(more) + "}";
}

TEST(CedarRunner, AnswersADecision) {
  EXPECT_EQ(answer_line(job("permit(principal,action,resource);")),
            R"({"decision":"allow","reason":["policy0"],"errors":[]})");
  EXPECT_EQ(answer_line(job("permit(principal,action,resource) when { 1 + \"a\" == 2 };")),
            R"({"decision":"deny","reason":[],"errors":["policy0"]})");
}

// Sorted by number, not as text.
TEST(CedarRunner, IdsAreInTheOrderOfThePolicies) {
  std::string policies;
  for (int i = 0; i < 11; ++i) policies += "@id(\"other\") permit(principal,action,resource);";
  EXPECT_THAT(answer_line(job(policies)), HasSubstr(R"("policy9","policy10"])"));
}

TEST(CedarRunner, LinksTemplates) {
  const std::string_view policies =
      "permit(principal,action,resource) when { false };permit(principal == ?principal,action,resource);";
  EXPECT_EQ(answer_line(job(policies)), R"({"decision":"deny","reason":[],"errors":[]})");
  const std::string_view link =
      R"(,"links":[{"template":"policy1","id":"l0","slots":{"?principal":{"type":"U","id":"a"}}}])";
  EXPECT_EQ(answer_line(job(policies, link)), R"({"decision":"allow","reason":["l0"],"errors":[]})");
}

TEST(CedarRunner, RefusesABadLink) {
  const std::string_view policies = "permit(principal == ?principal,action,resource);";
  for (
      const std::string_view link : {
          R"([{"template":"policy7","id":"l","slots":{}}])",
          R"([{"template":"policy0","id":"l","slots":{}}])",
          R"([{"template":"policy0","id":"l","slots":{"?resource":{"type":"U","id":"a"}}}])",
          R"([{"template":"policy0","id":"l","slots":{"?other":{"type":"U","id":"a"}}}])",
          R"([{"template":"policy0","id":"policy0","slots":{"?principal":{"type":"U","id":"a"}}}])",
          R"([{"template":"policy0","id":"","slots":{"?principal":{"type":"U","id":"a"}}}])",
          R"([{"template":"policy0","id":"l","slots":{"?principal":{"type":"U","id":"a","x":1}}}])",
          R"([{"template":"policy0","id":"l","slots":{"?principal":{"__entity":{"type":"U","id":"a"},"x":1}}}])",
          R"({"template":"policy0"})",
          R"([{"template":"policy0","id":"l","slots":{"?principal":{"type":"U","id":"a"}},"colour":1}])",
          R"([7])",
      }) {
    EXPECT_THAT(answer_line(job(policies, R"(,"links":)" + std::string(link))), HasSubstr(R"({"error":)"))
        << link;
  }
}

TEST(CedarRunner, Validates) {
  const std::string schema = R"("entity U; entity D; action v appliesTo {principal: U, resource: D};")";
  const std::string ok =
      R"({"op":"validate","policies":"permit(principal,action,resource);","schema":)" + schema + "}";
  EXPECT_EQ(answer_line(ok), R"({"valid":true,"errors":[]})");
  const std::string bad =
      R"({"op":"validate","policies":"permit(principal,action,resource) when { principal.x };","schema":)" +
      schema + "}";
  EXPECT_THAT(answer_line(bad),
              HasSubstr(R"({"valid":false,"errors":[{"policy":"policy0","message":"line 1, column)"));
}

TEST(CedarRunner, ReadsASchemaAsJson) {
  const std::string line =
      R"({"op":"validate","policies":"permit(principal,action,resource);","schema":{"":{"entityTypes":{"U":{}},)"
      R"("actions":{"v":{"appliesTo":{"principalTypes":["U"],"resourceTypes":["U"]}}}}}})";
  EXPECT_EQ(answer_line(line), R"({"valid":true,"errors":[]})");
}

TEST(CedarRunner, ReadsIntegersExactly) {
  const std::string line =
      R"({"op":"authorize","policies":"permit(principal,action,resource) when { context.n == 9007199254740993 };",)"
      R"("schema":null,"entities":[],"request":{"principal":{"type":"U","id":"a"},"action":{"type":"Action","id":"v"},)"
      R"("resource":{"type":"D","id":"d"},"context":{"n":9007199254740993}}})";
  EXPECT_THAT(answer_line(line), HasSubstr("allow"));
}

TEST(CedarRunner, RefusesUnknownFieldsOfWhatARequestNames) {
  const auto asked = [](const std::string& principal, const std::string& resource) {
    return answer_line(R"({"op":"authorize","policies":"permit(principal,action,resource);","entities":[],)"
                       R"("request":{"principal":)" +
                       principal + R"(,"action":{"type":"Action","id":"v"},"resource":)" + resource +
                       R"(,"context":{}}})");
  };
  const std::string user = R"({"type":"User","id":"a"})";
  EXPECT_THAT(asked(user, user), HasSubstr("allow"));
  EXPECT_THAT(asked(R"({"__entity":{"type":"User","id":"a"}})", user), HasSubstr("allow"));
  for (const std::string wrong :
       {R"({"type":"User","id":"a","x":1})", R"({"__entity":{"type":"User","id":"a"},"x":1})",
        R"({"__entity":{"type":"User","id":"a","x":1}})", R"("User::\"a\"")"}) {
    EXPECT_THAT(asked(wrong, user), HasSubstr(R"({"error":)")) << wrong;
    EXPECT_THAT(asked(user, wrong), HasSubstr(R"({"error":)")) << wrong;
  }
  EXPECT_THAT(asked(R"({"type":"User","id":"a","x":1})", user),
              HasSubstr(R"(principal: unknown field \"x\")"));
}

TEST(CedarRunner, AnswersAnErrorToWhatItCannotRead) {
  const std::string deep =
      job("permit(principal,action,resource) when { " + std::string(100'000, '(') + " };");
  for (
      const std::string& line : std::vector<std::string>{
          "",
          "nonsense",
          "[]",
          "{}",
          R"({"op":"explain"})",
          R"({"op":"authorize","policies":"","colour":1})",
          R"({"op":"authorize","policies":"","schema":null,"entities":[],"request":{"principal":{"type":"U","id":"a"},"action":{"type":"Action","id":"v"},"resource":{"type":"D","id":"d"},"context":{},"colour":1}})",
          R"({"op":"validate","policies":"","schema":null})",
          R"({"op":"validate","policies":"","schema":7})",
          R"({"op":"authorize","op":"authorize"})",
          "{\"op\":\"authorize\",\"policies\":\"\xff\"}",
          job("permit(principal,action,resource)"),
          job("permit(principal,action,resource);", R"(,"links":null)").substr(1),
          deep,
          std::string(100'000, '['),
      }) {
    EXPECT_THAT(answer_line(line), HasSubstr(R"({"error":)")) << line.substr(0, 80);
  }
}

// A child with pipes to its standard input and output.
class RunnerProcess {
 public:
  RunnerProcess() {
    std::array<int, 2> in = {};
    std::array<int, 2> out = {};
    EXPECT_EQ(pipe2(in.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    const std::string program = bin_dir() + "/cedar_runner";
    child_ = fork();
    if (child_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execl(program.c_str(), program.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  ~RunnerProcess() {
    if (input_ >= 0) close(input_);
    close(output_);
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }
  RunnerProcess(const RunnerProcess&) = delete;
  RunnerProcess& operator=(const RunnerProcess&) = delete;

  void write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = write(input_, bytes.data(), bytes.size());
      ASSERT_GT(written, 0);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  // Up to and without the next line break; what there is at the end.
  std::string read_line() const {
    std::string line;
    for (char c = 0; read(output_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  // Closes its input; its exit code.
  int finish() {
    close(input_);
    input_ = -1;
    int status = 0;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t child_ = -1;
  int input_ = -1;
  int output_ = -1;
};

// Each answer is there before the next line is written, and a bad line stops nothing.
TEST(CedarRunnerProcess, AnswersEachLineAtOnceAndInOrder) {
  RunnerProcess runner;
  runner.write_all(job("permit(principal,action,resource);") + "\n");
  EXPECT_THAT(runner.read_line(), HasSubstr("allow"));
  runner.write_all("\xff\xfe not JSON\n");
  EXPECT_THAT(runner.read_line(), HasSubstr("error"));
  runner.write_all(job("forbid(principal,action,resource);") + "\n");
  EXPECT_THAT(runner.read_line(), HasSubstr("deny"));
  EXPECT_EQ(runner.finish(), 0);
}

TEST(CedarRunnerProcess, AnswersALastLineWithoutItsEnd) {
  RunnerProcess runner;
  runner.write_all(job("permit(principal,action,resource);"));
  EXPECT_EQ(runner.finish(), 0);
  EXPECT_THAT(runner.read_line(), HasSubstr("allow"));
  EXPECT_EQ(runner.read_line(), "");
}

TEST(CedarRunnerProcess, SkipsALineThatIsTooLong) {
  RunnerProcess runner;
  const std::string megabyte(1u << 20, 'x');
  for (std::size_t sent = 0; sent <= kMaxEntityText; sent += megabyte.size()) runner.write_all(megabyte);
  runner.write_all("\n" + job("permit(principal,action,resource);") + "\n");
  EXPECT_THAT(runner.read_line(), HasSubstr("64 MiB"));
  EXPECT_THAT(runner.read_line(), HasSubstr("allow"));
  EXPECT_EQ(runner.finish(), 0);
}

}  // namespace
}  // namespace custody::tests::cedar
