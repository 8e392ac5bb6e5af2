#include "signer/cli/policy_command.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "policy/bundle/diff.h"
#include "policy/bundle/directory.h"
#include "policy/cedar/format.h"
#include "signer/cli/collected.h"
#include "signer/cli/confirm.h"
#include "signer/cli/expectations.h"
#include "signer/cli/policy_source.h"
#include "signer/cli/render.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace engine = policy::engine;
namespace render = policy::render;

constexpr std::size_t kMaxExpectationFiles = 256;
constexpr std::size_t kMaxExpectationFile = 1u << 20;

std::string file_in(const std::string& directory, const std::string& name) {
  return directory + "/" + name;
}

std::string counted(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

Result<std::vector<std::string>> expectation_files(const std::string& directory) {
  const std::string tests = file_in(directory, "tests");
  std::vector<std::string> out;
  std::error_code error;
  std::filesystem::directory_iterator entry(tests, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();  // other files: read_files refused them
    if (name.ends_with(".toml") && !name.starts_with('.')) out.push_back(entry->path().string());
    if (out.size() > kMaxExpectationFiles) {
      return exhausted(tests + ": more than " + std::to_string(kMaxExpectationFiles) + " files");
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) return io_error(tests + ": " + error.message());
  if (out.empty()) {
    return not_found(tests + ": there are no expectations",
                     "put what the policies must say into tests/*.toml");
  }
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

// What the cases of one file came to, into the answer.
struct TestReport {
  std::size_t cases = 0;
  Json failed = Json::array();
  std::string text;

  void add(const Expectations& file, const std::vector<Unexpected>& found) {
    cases += file.cases.size();
    for (const Unexpected& one : found) {
      Json differences = Json::array();
      text += file.origin + ": " + one.name + "\n";
      for (const std::string& difference : one.differences) {
        differences.push(difference);
        text += "  " + difference + "\n";
      }
      for (const std::string& line : lines_of(one.explanation)) text += "    " + line + "\n";
      failed.push(Json::object()
                      .set("file", file.origin)
                      .set("case", one.name)
                      .set("differences", std::move(differences))
                      .set("explanation", one.explanation));
    }
  }
};

Json quorum_json(const bundle::Bundle& content, const bundle::Quorum& quorum) {
  return Json::object()
      .set("group", as_text(quorum.group))
      .set("count", quorum.count)
      .set("until", render::time_text(bundle::quorum_until(content, quorum)));
}

Json officers_json(const bundle::Bundle& content) {
  Json out = Json::array();
  for (const bundle::Officer& officer : content.officers) {
    Json groups = Json::array();
    for (const Bytes& group : officer.groups) groups.push(as_text(group));
    out.push(Json::object()
                 .set("name", as_text(officer.name))
                 .set("groups", std::move(groups))
                 .set("curve", curve_name(officer.curve))
                 .set("key", to_hex(officer.key))
                 .set("valid_from", render::time_text(officer.valid_from))
                 .set("valid_until", render::time_text(officer.valid_until)));
  }
  return out;
}

Json units_json(const bundle::Bundle& content) {
  Json out = Json::array();
  for (const bundle::Unit& unit : content.units) {
    out.push(Json::object()
                 .set("currency", as_text(unit.currency))
                 .set("decimals", static_cast<std::uint64_t>(unit.decimals)));
  }
  return out;
}

Json allow_list_json(const bundle::Bundle& content) {
  Json out = Json::array();
  for (const bundle::AllowEntry& entry : content.allow_list) {
    out.push(Json::object()
                 .set("currency", as_text(entry.currency))
                 .set("address", as_text(entry.address))
                 .set("owner", as_text(entry.owner))
                 .set("expires", render::time_text(entry.expires))
                 .set("reason", as_text(entry.reason)));
  }
  return out;
}

Json groups_json(const bundle::Bundle& content) {
  Json out = Json::array();
  for (const Bytes& group : content.groups) out.push(as_text(group));
  return out;
}

Json price_source_json(const std::optional<bundle::PriceSource>& source) {
  if (!source) return {};
  return Json::object()
      .set("name", as_text(source->name))
      .set("unit", as_text(source->unit))
      .set("decimals", static_cast<std::uint64_t>(source->decimals))
      .set("key", source->key.hex())
      .set("max_age_minutes", source->max_age_minutes);
}

// All that is signed but the texts of schema and policies.
Json values_json(const bundle::Bundle& content) {
  return Json::object()
      .set("schema", "custody.policy_bundle/1")
      .set("version", content.version)
      .set("hash", bundle::bundle_hash(content).hex())
      .set("previous", content.previous.hex())
      .set("network", content.chain_id.hex())
      .set("member", static_cast<std::uint64_t>(content.member.get()))
      .set("activation", quorum_json(content, content.activation))
      .set("unfreeze", quorum_json(content, content.unfreeze))
      .set("activation_delay_minutes", content.activation_delay_minutes)
      .set("pending_expiry_hours", content.pending_expiry_hours)
      .set("groups", groups_json(content))
      .set("units", units_json(content))
      .set("price_source", price_source_json(content.price_source))
      .set("officers", officers_json(content))
      .set("listed_addresses", static_cast<std::uint64_t>(content.allow_list.size()))
      .set("allow_list", allow_list_json(content));
}

// A title and the text below it, both that far from the left.
std::string indented(std::size_t columns, std::string_view title, std::string_view text) {
  const std::string margin(columns + 2, ' ');
  std::string out(columns, ' ');
  out.append(title).append("\n");
  for (const std::string& line : lines_of(text)) {
    if (!line.empty()) out.append(margin).append(line);
    out += '\n';
  }
  return out;
}

Json change_json(const bundle::Change& change) {
  Json out = Json::object();
  out.set("kind", bundle::kind_name(change.kind))
      .set("effect", bundle::effect_name(change.effect))
      .set("sentence", change.sentence);
  if (!change.before.empty()) out.set("before", change.before);
  if (!change.after.empty()) out.set("after", change.after);
  return out;
}

std::string change_text(const bundle::Change& change) {
  constexpr std::size_t kColumn = 10;  // where sentences begin
  std::string out(bundle::effect_name(change.effect));
  out.resize(kColumn, ' ');
  out += change.sentence + "\n";
  if (!change.before.empty()) out += indented(kColumn, "before", change.before);
  if (!change.after.empty()) out += indented(kColumn, "after", change.after);
  return out;
}

OfficerPublicKey key_of(const bundle::Officer& officer) {
  return {officer.curve, officer.key};
}

Rendering activation_text(const bundle::Bundle& content, std::string_view officer) {
  return {render::kActivateTag, content.chain_id,
          render::render_activation(bundle::activation_of(content), officer)};
}

// "valid", "not valid", or "not known here" when the bundle in force is not given.
std::string standing(const bundle::Bundle& content, const bundle::OfficerSignature& signature,
                     const std::optional<bundle::Bundle>& active) {
  if (!active) return "not known here";
  const bundle::Officer* officer = bundle::find_officer(*active, signature.officer);
  if (officer == nullptr) return "no officer of the bundle in force";
  const Hash256 digest = digest_of(activation_text(content, as_text(signature.officer)));
  return verify(key_of(*officer), digest, signature.signature) ? "valid" : "not valid";
}

Result<std::optional<bundle::Bundle>> read_active(const std::string& path) {
  if (path.empty()) return std::optional<bundle::Bundle>();
  ASSIGN_OR_RETURN(BundleSource source, read_bundle(path));
  return std::optional(std::move(source.bundle));
}

Status check_file(const PolicySignOptions& options, const bundle::Bundle& content,
                  const std::optional<bundle::Bundle>& active) {
  if (!render::is_name(as_bytes(options.officer))) {
    return invalid("--officer: \"" + to_printable(options.officer.substr(0, 40)) + "\" is no officer's name");
  }
  const std::string hash = bundle::bundle_hash(content).hex();
  if (!options.hash.empty() && options.hash != hash) {
    return refused(
        options.file + " holds bundle " + hash + ", not " + to_printable(options.hash.substr(0, 64)),
        "look at it again: custodyctl policy show");
  }
  if (!active) {
    if (content.previous.is_zero()) return ok_status();
    return invalid("whether a signature counts is up to the version in force",
                   "name it: --active FILE or directory");
  }
  if (content.version > active->version && content.previous == bundle::bundle_hash(*active))
    return ok_status();
  return refused(
      options.file + " does not follow the bundle in force, version " + std::to_string(active->version),
      "put that version's hash into `previous` and a higher number into `version`");
}

// The officer, whose signature would count. `judge`: the version in force; a first version's own officers.
Result<const bundle::Officer*> find_signer(const std::string& name, const bundle::Bundle& judge) {
  const std::string version = "version " + std::to_string(judge.version);
  const bundle::Officer* officer = bundle::find_officer(judge, as_bytes(name));
  if (officer == nullptr) {
    return refused(version + " has no officer " + name + ", so the signature would not count",
                   "custodyctl policy show lists its officers");
  }
  const Bytes& group = judge.activation.group;
  if (std::ranges::find(officer->groups, group) != officer->groups.end()) return officer;
  return refused(name + " is not in the group " + to_printable(as_text(group)) + ", which by " + version +
                 " puts the next in force, so the signature would not count");
}

// An officer signs with his own key only.
Status check_key(const bundle::Officer& officer, const OfficerPublicKey& key) {
  if (key_of(officer) == key) return ok_status();
  return refused("the key is not that of officer " + to_printable(as_text(officer.name)),
                 "his is " + std::string(curve_name(officer.curve)) + " " + to_hex(officer.key));
}

// How many of the signatures count, and of how many that must.
std::string progress(const bundle::SignedBundle& file, const bundle::Bundle& content,
                     const bundle::Bundle& judge) {
  const auto counts = [&](const bundle::OfficerSignature& one) {
    return find_signer(std::string(as_text(one.officer)), judge).ok() &&
           standing(content, one, judge) == "valid";
  };
  return std::to_string(std::ranges::count_if(file.signatures, counts)) + " of the " +
         std::to_string(judge.activation.count) + " signatures of group " +
         to_printable(as_text(judge.activation.group));
}

}  // namespace

Result<Json> policy_format(Context& context, const std::string& directory, bool check) {
  ASSIGN_OR_RETURN(const bundle::BundleFiles files, bundle::read_files(directory));
  std::map<std::string, std::string> changed;
  for (const auto& [name, text] : files) {
    if (!name.ends_with(".cedar")) continue;
    auto canonical = policy::cedar::format_policies(text);
    if (!canonical.ok()) return canonical.status().with_context(file_in(directory, name));
    if (*canonical != text) changed[name] = std::move(canonical).value();
  }
  Json names = Json::array();
  std::string said;
  for (const auto& [name, text] : changed) {
    if (!check) TRY(write_file_atomic(file_in(directory, name), as_bytes(text), 0644));
    names.push(name);
    said += file_in(directory, name) + (check ? " is not in canonical form\n" : ": formatted\n");
  }
  context.refused = check && !changed.empty();
  return Json::object()
      .set("schema", "custody.policy_format/1")
      .set("changed", std::move(names))
      .set("text", said.empty() ? "nothing to change" : said);
}

Result<Json> policy_test(Context& context, const std::string& directory, const std::string& genesis) {
  ASSIGN_OR_RETURN(const GenesisFile network, read_genesis(context, genesis));
  ASSIGN_OR_RETURN(bundle::Bundle content, read_linted(directory));
  ASSIGN_OR_RETURN(const engine::CompiledBundle compiled, compile_for(network, std::move(content)));
  ASSIGN_OR_RETURN(const std::vector<std::string> files, expectation_files(directory));
  TestReport report;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const Bytes text, read_file(file, kMaxExpectationFile));
    ASSIGN_OR_RETURN(const Expectations expectations, parse_expectations(as_text(text), file, compiled));
    ASSIGN_OR_RETURN(const std::vector<Unexpected> found, run_expectations(expectations, compiled));
    report.add(expectations, found);
  }
  const std::size_t failed = report.failed.items().size();
  context.refused = failed > 0;
  const std::string sum = counted(report.cases, "case") + " in " + counted(files.size(), "file") + ", " +
                          (failed == 0 ? "all as expected" : std::to_string(failed) + " not as expected");
  return Json::object()
      .set("schema", "custody.policy_test/1")
      .set("cases", static_cast<std::uint64_t>(report.cases))
      .set("failed", std::move(report.failed))
      .set("text", report.text + sum);
}

Result<Json> policy_diff(const std::string& before, const std::string& after) {
  ASSIGN_OR_RETURN(const BundleSource a, read_bundle(before));
  ASSIGN_OR_RETURN(const BundleSource b, read_bundle(after));
  Json changes = Json::array();
  std::string text;
  for (const bundle::Change& change : bundle::diff_bundles(a.bundle, b.bundle)) {
    changes.push(change_json(change));
    text += change_text(change);
  }
  return Json::object()
      .set("schema", "custody.policy_diff/1")
      .set("changes", std::move(changes))
      .set("text", text.empty() ? "the two say the same" : text);
}

Result<Json> policy_propose(const Context& context, const std::string& directory, const std::string& genesis,
                            const std::string& out) {
  ASSIGN_OR_RETURN(const GenesisFile network, read_genesis(context, genesis));
  ASSIGN_OR_RETURN(bundle::Bundle content, read_linted(directory));
  ASSIGN_OR_RETURN(const engine::CompiledBundle compiled, compile_for(network, std::move(content)));
  const bundle::SignedBundle unsigned_bundle{bundle::encode_bundle(compiled.bundle()), {}};
  TRY(create_file(out, bundle::encode_signed_bundle(unsigned_bundle), 0644));
  return Json::object()
      .set("schema", "custody.policy_bundle/1")
      .set("file", out)
      .set("version", compiled.bundle().version)
      .set("hash", compiled.hash().hex())
      .set("previous", compiled.bundle().previous.hex());
}

Result<Json> policy_show(const PolicyShowOptions& options) {
  ASSIGN_OR_RETURN(const BundleSource source, read_bundle(options.file));
  ASSIGN_OR_RETURN(const std::optional<bundle::Bundle> active, read_active(options.active));
  const bundle::Bundle& content = source.bundle;
  Json signatures = Json::array();
  for (const bundle::OfficerSignature& signature : source.signatures) {
    signatures.push(Json::object()
                        .set("officer", as_text(signature.officer))
                        .set("signature", standing(content, signature, active)));
  }
  Json out = values_json(content);
  out.set("signatures", std::move(signatures));
  if (!options.directory.empty()) {
    TRY(check_new_directory(options.directory));
    TRY(bundle::write_directory(options.directory, content));
    out.set("directory", options.directory);
  }
  std::string text = cli::render(out) + indented(0, "cedar schema", as_text(content.schema)) +
                     indented(0, "policies", as_text(content.policies));
  out.set("cedar_schema", as_text(content.schema)).set("policies", as_text(content.policies));
  out.set("text", std::move(text));
  return out;
}

Result<Json> policy_sign(const PolicySignOptions& options) {
  ASSIGN_OR_RETURN(const Bytes bytes, read_file(options.file, bundle::kMaxSignedBundle));
  auto signed_bundle = bundle::decode_signed_bundle(bytes);
  if (!signed_bundle.ok()) return signed_bundle.status().with_context(options.file);
  auto content = bundle::decode_bundle(signed_bundle->bundle);
  if (!content.ok()) return content.status().with_context(options.file);
  ASSIGN_OR_RETURN(const std::optional<bundle::Bundle> active, read_active(options.active));
  TRY(check_file(options, *content, active));
  const bundle::Bundle& judge = active ? *active : *content;
  ASSIGN_OR_RETURN(const bundle::Officer* officer, find_signer(options.officer, judge));
  const Rendering shown = activation_text(*content, options.officer);
  if (options.hash.empty()) {
    TRY(confirm(shown.text, "look at it with custodyctl policy show, then sign it by its --hash"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<OfficerKey> key, open_officer_key(options.key));
  ASSIGN_OR_RETURN(const KeySignature made, key->sign(shown));
  TRY(check_key(*officer, made.key));
  auto& signatures = signed_bundle->signatures;
  TRY(put_signature(options.file, options.officer, shown, made, signatures));
  TRY(write_file_atomic(options.file, bundle::encode_signed_bundle(*signed_bundle), 0644));
  return Json::object()
      .set("schema", "custody.policy_signature/1")
      .set("file", options.file)
      .set("hash", bundle::bundle_hash(*content).hex())
      .set("officer", options.officer)
      .set("signatures", static_cast<std::uint64_t>(signatures.size()))
      .set("rendering", shown.text)
      .set("text",
           shown.text + "signed: " + progress(*signed_bundle, *content, judge) + " are in " + options.file);
}

}  // namespace custody::signer::cli
