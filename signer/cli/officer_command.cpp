#include "signer/cli/officer_command.h"

#include "signer/cli/context.h"
#include "signer/cli/token_key.h"

namespace custody::signer::cli {
namespace {

Json describe(const std::string& name, const OfficerPublicKey& key) {
  Json out = Json::object();
  out.set("schema", "custody.officer_key/1")
      .set("curve", curve_name(key.curve))
      .set("public_key", to_hex(key.key))
      .set(is_token_uri(name) ? "uri" : "file", name);
  return out;
}

}  // namespace

Result<Json> officer_key_new(const NewOfficerKeyOptions& options) {
  ASSIGN_OR_RETURN(const auto curve, parse_curve(options.curve));
  ASSIGN_OR_RETURN(const SecretBytes password, read_password(options.password));
  SystemEntropy entropy;
  ASSIGN_OR_RETURN(const OfficerPublicKey key, create_officer_key(options.out, curve, password, entropy));
  return describe(options.out, key);
}

Result<Json> officer_key_show(const OfficerKeyOptions& options) {
  const bool token = is_token_uri(options.key);
  ASSIGN_OR_RETURN(const OfficerPublicKey key,
                   token ? read_token_key(options) : read_officer_key(options.key));
  return describe(options.key, key);
}

}  // namespace custody::signer::cli
