// What keeps a draft from being signed, with its place in the draft's files.
#include <algorithm>

#include "policy/bundle/directory.h"
#include "policy/engine/lint.h"
#include "policy/engine/vocabulary.h"
#include "signer/cli/policy_command.h"
#include "signer/cli/policy_source.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace cedar = policy::cedar;
namespace engine = policy::engine;

// Where a line of the joined policies stands.
class JoinedPolicies {
 public:
  explicit JoinedPolicies(const bundle::BundleFiles& files) {
    for (const auto& [name, text] : files) {
      if (!name.ends_with(".cedar")) continue;
      if (!text_.empty() && !text_.ends_with('\n')) text_ += '\n';
      starts_.emplace_back(static_cast<std::uint32_t>(std::ranges::count(text_, '\n')), name);
      text_ += text;
    }
  }
  const std::string& text() const { return text_; }
  // File, and line in it.
  std::pair<std::string, std::uint32_t> place(std::uint32_t line) const {
    std::pair<std::string, std::uint32_t> out{"", line};
    for (const auto& [first, name] : starts_) {
      if (first < line) out = {name, line - first};
    }
    return out;
  }

 private:
  std::string text_;
  std::vector<std::pair<std::uint32_t, std::string>> starts_;  // lines before the file, its name
};

class LintReport {
 public:
  explicit LintReport(std::string directory) : directory_(std::move(directory)) {}

  void add(const std::string& file, std::uint32_t line, std::uint32_t column, const std::string& policy,
           const std::string& rule, const std::string& message) {
    Json one = Json::object();
    if (!file.empty()) one.set("file", file).set("line", line).set("column", column);
    if (!policy.empty()) one.set("policy", policy);
    findings_.push(one.set("rule", rule).set("message", message));
    if (!file.empty())
      text_ += directory_ + "/" + file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
    text_ += (policy.empty() ? "" : policy + ": ") + rule + ": " + message + "\n";
  }
  // What stops the rest of the look: it names its place itself.
  void add(const std::string& rule, const Status& status) {
    add({}, 0, 0, {}, rule, status.message() + (status.hint().empty() ? "" : "; " + status.hint()));
  }
  void add(const std::string& rule, const std::vector<Status>& all) {
    for (const Status& status : all) add(rule, status);
  }
  std::string path_of(const std::string& file) const { return directory_ + "/" + file; }
  bool empty() const { return findings_.items().empty(); }
  // ok when there are no findings; else the first of them.
  Status status() const {
    if (empty()) return ok_status();
    constexpr std::size_t kShown = 5;
    std::string message;
    std::string_view rest = text_;
    for (std::size_t i = 0; i < kShown && !rest.empty(); ++i) {
      const std::size_t end = rest.find('\n');
      message.append(i == 0 ? "" : "; ").append(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    return invalid(message, "`custodyctl policy lint` lists all of them");
  }

  Json finish(const std::string& good) {
    return Json::object()
        .set("schema", "custody.policy_lint/1")
        .set("findings", std::move(findings_))
        .set("text", text_.empty() ? good : text_);
  }

 private:
  std::string directory_;
  Json findings_ = Json::array();
  std::string text_;
};

// The policies as they stand in the files, so that findings name their lines. Texts that do not parse were
// reported with their files.
void lint_policies(const bundle::BundleFiles& files, const bundle::Bundle& content, LintReport& report) {
  const auto schema = cedar::Schema::parse(as_text(content.schema));
  const JoinedPolicies joined(files);
  const auto policies = cedar::PolicySet::parse(joined.text());
  if (!schema.ok() || !policies.ok()) return;
  const auto facts = engine::read_declared_facts(*schema, content.groups, content.price_source.has_value());
  if (!facts.ok()) report.add("schema", facts.status().with_context(report.path_of("custody.cedarschema")));
  for (const engine::Finding& finding :
       engine::lint(*policies, *schema, engine::names_of(content, std::nullopt))) {
    const auto [file, line] = joined.place(finding.at.line);
    report.add(file, line, finding.at.column, finding.policy, finding.rule, finding.message);
  }
}

}  // namespace

Result<bundle::Bundle> read_linted(const std::string& directory) {
  ASSIGN_OR_RETURN(const bundle::BundleFiles files, bundle::read_files(directory));
  ASSIGN_OR_RETURN(bundle::Bundle content, bundle::parse_files(files, directory));
  LintReport report(directory);
  lint_policies(files, content, report);
  TRY(report.status());
  return content;
}

Result<Json> policy_lint(Context& context, const std::string& directory, const std::string& genesis) {
  ASSIGN_OR_RETURN(const bundle::Draft draft, bundle::read_draft(directory));
  const bool has_network = !genesis.empty() || !context.member_directory.empty();
  LintReport report(directory);
  for (const std::string& name : draft.strangers) {
    report.add("file", bundle::check_strangers({name}, directory));
  }
  bundle::ReadFiles read = bundle::read_all(draft.files, directory);
  report.add("bundle", read.faults);
  if (read.names_known) lint_policies(draft.files, read.bundle, report);
  if (report.empty() && has_network) {
    ASSIGN_OR_RETURN(const GenesisFile network, read_genesis(context, genesis));
    const auto compiled = compile_for(network, std::move(read.bundle));
    if (!compiled.ok()) report.add("network", compiled.status());
  }
  context.refused = !report.empty();
  return report.finish(has_network
                           ? "nothing to say against it"
                           : "nothing to say against it; not looked at: whether it fits the network, for "
                             "which --genesis FILE is needed");
}

}  // namespace custody::signer::cli
