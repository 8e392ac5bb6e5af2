#include "signer/cli/officer_key.h"

#include <variant>

#include "base/crypto/p256.h"
#include "base/crypto/secp256k1.h"
#include "policy/render/text.h"
#include "proto/reader/digests.h"
#include "signer/cli/key_file.h"
#include "signer/cli/token_key.h"

namespace custody::signer::cli {
namespace {

using policy::bundle::Curve;

constexpr std::string_view kSchema = "custody.officer-key/1";

using SoftwareKey = std::variant<crypto::SoftwareKey, crypto::p256::SoftwareKey>;

SoftwareKey generate(Curve curve, Entropy& entropy) {
  if (curve == Curve::kP256) return crypto::p256::SoftwareKey::generate(entropy);
  return crypto::SoftwareKey::generate(entropy);
}

Result<SoftwareKey> from_secret(Curve curve, const SecretBytes& secret) {
  if (curve == Curve::kP256) {
    ASSIGN_OR_RETURN(auto key, crypto::p256::SoftwareKey::from_secret(secret));
    return SoftwareKey(std::move(key));
  }
  ASSIGN_OR_RETURN(auto key, crypto::SoftwareKey::from_secret(secret));
  return SoftwareKey(std::move(key));
}

OfficerPublicKey public_part(const SoftwareKey& key) {
  const Curve curve = std::holds_alternative<crypto::SoftwareKey>(key) ? Curve::kSecp256k1 : Curve::kP256;
  return {curve, std::visit([](const auto& one) { return to_bytes(one.public_key().view()); }, key)};
}

class FileKey final : public OfficerKey {
 public:
  explicit FileKey(SoftwareKey key) : key_(std::move(key)) {}
  Result<KeySignature> sign(const Rendering& rendering) override {
    const Hash256 digest = digest_of(rendering);
    return KeySignature{public_part(key_),
                        std::visit([&](const auto& one) { return one.sign(digest); }, key_)};
  }

 private:
  SoftwareKey key_;
};

Status check_file_options(const OfficerKeyOptions& options) {
  if (!options.pin.empty() || !options.module.empty() || !options.module_writes.empty()) {
    return invalid("--pin-file, --module and --module-writes are for a key in a token",
                   "name that key by its PKCS#11 URI: --key pkcs11:token=...;object=...");
  }
  if (options.password.empty())
    return invalid("no password is given for the key file", "--password-file FILE");
  return ok_status();
}

}  // namespace

std::string_view curve_name(Curve curve) {
  return curve == Curve::kP256 ? "p256" : "secp256k1";
}

Result<Curve> parse_curve(std::string_view name) {
  if (name == "secp256k1") return Curve::kSecp256k1;
  if (name == "p256") return Curve::kP256;
  return invalid("no curve is called \"" + to_printable(name.substr(0, 40)) + "\"",
                 "the curves are secp256k1 and p256");
}

Result<OfficerPublicKey> parse_officer_public_key(std::string_view curve, std::string_view hex) {
  OfficerPublicKey out;
  ASSIGN_OR_RETURN(out.curve, parse_curve(curve));
  ASSIGN_OR_RETURN(out.key, from_hex(hex));
  if (out.curve == Curve::kP256) {
    TRY(crypto::p256::parse_public_key(out.key));
  } else {
    TRY(crypto::parse_public_key(out.key));
  }
  return out;
}

bool verify(const OfficerPublicKey& key, const Hash256& digest, const Signature& signature) {
  if (key.curve == Curve::kP256) {
    const auto point = crypto::p256::parse_public_key(key.key);
    return point.ok() && crypto::p256::verify(*point, digest, signature);
  }
  const auto point = crypto::parse_public_key(key.key);
  return point.ok() && crypto::verify(*point, digest, signature);
}

Status check_officer_name(const std::string& officer) {
  if (officer.empty()) return invalid("which officer is it?", "give --officer NAME");
  if (policy::render::is_name(as_bytes(officer))) return ok_status();
  return invalid("--officer: \"" + to_printable(officer.substr(0, 40)) + "\" is no officer's name",
                 "names are 1 to 32 characters of a-z, 0-9 and -");
}

Status with_wrong_key(const Status& refusal, const std::string& officer, const OfficerPublicKey& key) {
  if (refusal.code() != Code::kUnauthenticated) return refusal;
  return Status(Code::kUnauthenticated, "this key is not " + officer + "'s",
                "--key is " + std::string(curve_name(key.curve)) + " " + to_hex(key.key) +
                    "; the version in force has another for this officer");
}

Hash256 digest_of(const Rendering& rendering) {
  return proto::reader::digest(rendering.tag, rendering.chain_id, as_bytes(rendering.text));
}

Result<OfficerPublicKey> create_officer_key(const std::string& path, Curve curve, const SecretBytes& password,
                                            Entropy& entropy) {
  const SoftwareKey key = generate(curve, entropy);
  OfficerPublicKey out = public_part(key);
  Json head = Json::object();
  head.set("schema", kSchema).set("curve", curve_name(curve)).set("public_key", to_hex(out.key));
  const SecretBytes& secret =
      std::visit([](const auto& one) -> const SecretBytes& { return one.secret(); }, key);
  TRY(create_sealed_file(path, std::move(head), secret, password, entropy));
  return out;
}

Result<OfficerPublicKey> read_officer_key(const std::string& path) {
  ASSIGN_OR_RETURN(const Json file, read_sealed_file(path, kSchema));
  ASSIGN_OR_RETURN(const std::string curve, file.string_at("curve"));
  ASSIGN_OR_RETURN(const std::string hex, file.string_at("public_key"));
  auto key = parse_officer_public_key(curve, hex);
  if (!key.ok()) return key.status().with_context(path);
  return key;
}

Result<std::unique_ptr<OfficerKey>> open_officer_key(const OfficerKeyOptions& options) {
  if (is_token_uri(options.key)) return open_token_key(options);
  TRY(check_file_options(options));
  ASSIGN_OR_RETURN(const OfficerPublicKey stated, read_officer_key(options.key));
  ASSIGN_OR_RETURN(const Json file, read_sealed_file(options.key, kSchema));
  ASSIGN_OR_RETURN(const SecretBytes password, read_password(options.password));
  ASSIGN_OR_RETURN(const SecretBytes secret, open_sealed_file(options.key, file, password));
  ASSIGN_OR_RETURN(SoftwareKey key, from_secret(stated.curve, secret));
  if (public_part(key) != stated) {
    return corrupt(options.key + ": the public key does not belong to the sealed secret");
  }
  return std::unique_ptr<OfficerKey>(std::make_unique<FileKey>(std::move(key)));
}

}  // namespace custody::signer::cli
