#include "signer/cli/key_file.h"

#include "base/crypto/sealed.h"
#include "base/file.h"

namespace custody::signer::cli {
namespace {

constexpr std::size_t kMaxKeyFile = 4096;
constexpr std::string_view kSchema = "custody.keyfile/1";

}  // namespace

Status create_sealed_file(const std::string& path, Json head, const SecretBytes& secret,
                          const SecretBytes& password, Entropy& entropy) {
  ASSIGN_OR_RETURN(const Bytes sealed, crypto::seal(secret, password, entropy));
  head.set("sealed", to_hex(sealed));
  Status created = create_file(path, as_bytes(head.dump(2) + "\n"), 0600);
  if (created.code() == Code::kExists) {
    return exists(created.message(), "name another file; a key file is never overwritten");
  }
  return created;
}

Result<Json> read_sealed_file(const std::string& path, std::string_view schema) {
  ASSIGN_OR_RETURN(Json file, read_json_file(path, kMaxKeyFile));
  const auto stated = file.string_at("schema");
  if (stated.ok() && *stated == schema) return file;
  return invalid(path + " is not a custody key file of the kind " + std::string(schema));
}

Result<SecretBytes> open_sealed_file(const std::string& path, const Json& file, const SecretBytes& password) {
  ASSIGN_OR_RETURN(const std::string hex, file.string_at("sealed"));
  ASSIGN_OR_RETURN(const Bytes sealed, from_hex(hex));
  auto secret = crypto::open(sealed, password);
  if (!secret.ok()) return secret.status().with_context(path);
  return secret;
}

Result<PublicKey> create_key_file(const std::string& path, const SecretBytes& password, Entropy& entropy) {
  const crypto::SoftwareKey key = crypto::SoftwareKey::generate(entropy);
  Json head = Json::object();
  head.set("schema", kSchema).set("public_key", key.public_key().hex());
  TRY(create_sealed_file(path, std::move(head), key.secret(), password, entropy));
  return key.public_key();
}

Result<PublicKey> read_public_key(const std::string& path) {
  ASSIGN_OR_RETURN(const Json file, read_sealed_file(path, kSchema));
  ASSIGN_OR_RETURN(const std::string hex, file.string_at("public_key"));
  ASSIGN_OR_RETURN(const Bytes raw, from_hex(hex));
  return crypto::parse_public_key(raw);
}

Result<crypto::SoftwareKey> open_key_file(const std::string& path, const SecretBytes& password) {
  ASSIGN_OR_RETURN(const Json file, read_sealed_file(path, kSchema));
  ASSIGN_OR_RETURN(const SecretBytes secret, open_sealed_file(path, file, password));
  ASSIGN_OR_RETURN(crypto::SoftwareKey key, crypto::SoftwareKey::from_secret(secret));
  ASSIGN_OR_RETURN(const PublicKey stated, read_public_key(path));
  if (stated != key.public_key())
    return corrupt(path + ": the public key does not belong to the sealed secret");
  return key;
}

}  // namespace custody::signer::cli
