#include "signer/cli/officer_command.h"

#include "signer/cli/context.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {
namespace {

Json describe(const std::string& file, const OfficerPublicKey& key) {
  Json out = Json::object();
  out.set("schema", "custody.officer_key/1")
      .set("curve", curve_name(key.curve))
      .set("public_key", to_hex(key.key))
      .set("file", file);
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

Result<Json> officer_key_show(const std::string& file) {
  ASSIGN_OR_RETURN(const OfficerPublicKey key, read_officer_key(file));
  return describe(file, key);
}

}  // namespace custody::signer::cli
