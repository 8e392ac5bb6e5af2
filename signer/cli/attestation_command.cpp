#include "signer/cli/attestation_command.h"

#include "policy/bundle/attestation.h"
#include "signer/cli/policy_source.h"
#include "signer/cli/signer_call.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;

Result<Json> entry_of(const Json& members, model::MemberId id) {
  ASSIGN_OR_RETURN(const Json list, members.at("members"));
  for (const Json& entry : list.items()) {
    ASSIGN_OR_RETURN(const std::uint64_t member, entry.u64_at("member"));
    if (member == id.get()) return entry;
  }
  return not_found("this ledger has no member " + std::to_string(id.get()) + ", which the bundle is for");
}

Result<std::string> words(const Json& attested, const std::string& member, std::uint64_t version,
                          bool matches) {
  ASSIGN_OR_RETURN(const std::uint64_t last, attested.u64_at("version"));
  ASSIGN_OR_RETURN(const std::uint64_t height, attested.u64_at("height"));
  const std::string said =
      member + " attested as version " + std::to_string(last) + " at height " + std::to_string(height);
  if (matches) return "this is what " + said;
  return "this is not what " + said + ": " +
         (version == last ? "bundle, salt or network is another"
                          : "it says that it is version " + std::to_string(version));
}

}  // namespace

Result<Json> policy_attestation(Context& context) {
  return ask_policy(context, {model::PolicyQuestion::kAttestation, {}, 0});
}

Result<Json> compare_attestation(const bundle::Bundle& content, const Hash256& salt, const Json& members) {
  ASSIGN_OR_RETURN(const Json entry, entry_of(members, content.member));
  ASSIGN_OR_RETURN(const std::string name, entry.string_at("name"));
  ASSIGN_OR_RETURN(const Json attested, entry.at("policy"));
  const std::string own = bundle::salted_hash(content, salt).hex();
  Json out = Json::object()
                 .set("schema", "custody.attestation_check/1")
                 .set("member", name)
                 .set("version", content.version)
                 .set("hash", bundle::bundle_hash(content).hex())
                 .set("salted_hash", own)
                 .set("attested", attested);
  if (attested.is_null()) {
    return out.set("matches", false).set("text", name + " has not attested any policy yet");
  }
  ASSIGN_OR_RETURN(const std::string hash, attested.string_at("salted_hash"));
  ASSIGN_OR_RETURN(const std::uint64_t version, attested.u64_at("version"));
  const bool matches = hash == own && version == content.version;
  ASSIGN_OR_RETURN(const std::string text, words(attested, name, content.version, matches));
  return out.set("matches", matches).set("text", text);
}

Result<Json> policy_check_attestation(Context& context, const std::string& path, const std::string& salt) {
  ASSIGN_OR_RETURN(const BundleSource source, read_bundle(path));
  ASSIGN_OR_RETURN(const Hash256 shown, Hash256::from_hex(salt));
  ASSIGN_OR_RETURN(const Json members, call_node(context, "members", Json::object()));
  ASSIGN_OR_RETURN(Json out, compare_attestation(source.bundle, shown, members));
  ASSIGN_OR_RETURN(const bool matches, out.bool_at("matches"));
  context.refused = !matches;
  return out;
}

}  // namespace custody::signer::cli
