#include "signer/cli/key_file.h"

#include "base/crypto/sealed.h"
#include "base/file.h"

namespace custody::signer::cli {
namespace {

constexpr std::size_t kMaxKeyFile = 4096;
constexpr std::string_view kSchema = "custody.keyfile/1";

Result<Json> read_key_json(const std::string& path) {
  ASSIGN_OR_RETURN(Json file, read_json_file(path, kMaxKeyFile));
  const auto schema = file.string_at("schema");
  if (!schema.ok() || *schema != kSchema) return invalid(path + " is not a custody key file");
  return file;
}

}  // namespace

Result<PublicKey> create_key_file(const std::string& path, const SecretBytes& password, Entropy& entropy) {
  const crypto::SoftwareKey key = crypto::SoftwareKey::generate(entropy);
  ASSIGN_OR_RETURN(const Bytes sealed, crypto::seal(key.secret(), password, entropy));
  Json file = Json::object();
  file.set("schema", kSchema).set("public_key", key.public_key().hex()).set("sealed", to_hex(sealed));
  const Status created = create_file(path, as_bytes(file.dump(2) + "\n"), 0600);
  if (created.code() == Code::kExists) {
    return exists(created.message(), "name another file; a key file is never overwritten");
  }
  TRY(created);
  return key.public_key();
}

Result<PublicKey> read_public_key(const std::string& path) {
  ASSIGN_OR_RETURN(const Json file, read_key_json(path));
  ASSIGN_OR_RETURN(const std::string hex, file.string_at("public_key"));
  ASSIGN_OR_RETURN(const Bytes raw, from_hex(hex));
  return crypto::parse_public_key(raw);
}

Result<crypto::SoftwareKey> open_key_file(const std::string& path, const SecretBytes& password) {
  ASSIGN_OR_RETURN(const Json file, read_key_json(path));
  ASSIGN_OR_RETURN(const std::string hex, file.string_at("sealed"));
  ASSIGN_OR_RETURN(const Bytes sealed, from_hex(hex));
  auto secret = crypto::open(sealed, password);
  if (!secret.ok()) return secret.status().with_context(path);
  ASSIGN_OR_RETURN(crypto::SoftwareKey key, crypto::SoftwareKey::from_secret(*secret));
  ASSIGN_OR_RETURN(const PublicKey stated, read_public_key(path));
  if (stated != key.public_key())
    return corrupt(path + ": the public key does not belong to the sealed secret");
  return key;
}

}  // namespace custody::signer::cli
