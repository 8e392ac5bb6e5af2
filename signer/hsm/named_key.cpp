#include "signer/hsm/named_key.h"

#include <algorithm>
#include <array>

#include "base/crypto/secp256k1.h"
#include "signer/hsm/module.h"

namespace custody::signer::hsm {
namespace {

// CKA_EC_PARAMS: the DER of the curve's OID.
constexpr std::array<std::uint8_t, 7> kSecp256k1Oid = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
constexpr std::array<std::uint8_t, 10> kP256Oid = {0x06, 0x08, 0x2a, 0x86, 0x48,
                                                   0xce, 0x3d, 0x03, 0x01, 0x07};

std::string describe(const NamedKey& key) {
  std::string out = "key";
  if (!key.label.empty()) out += " \"" + to_printable(key.label) + "\"";
  if (!key.id.empty()) out += " with id " + to_hex(key.id);
  return out;
}

// The one object of this class and name.
Result<CK_OBJECT_HANDLE> find_only(const Session& session, CK_OBJECT_CLASS object_class,
                                   const NamedKey& key) {
  std::string label = key.label;
  Bytes id = key.id;
  std::vector<CK_ATTRIBUTE> wanted = {{CKA_CLASS, &object_class, sizeof object_class}};
  if (!label.empty()) wanted.push_back({CKA_LABEL, label.data(), label.size()});
  if (!id.empty()) wanted.push_back({CKA_ID, id.data(), id.size()});
  ASSIGN_OR_RETURN(const auto found, find_matching(session, std::move(wanted)));
  const std::string kind = object_class == CKO_PRIVATE_KEY ? "private" : "public";
  if (found.empty()) {
    return not_found("the token has no " + kind + " " + describe(key),
                     "pkcs11-tool --login --list-objects says which keys it has");
  }
  if (found.size() > 1) {
    return refused("the token has " + std::to_string(found.size()) + " " + kind + " keys that are " +
                       describe(key) + "; none was used",
                   "name the key by its id too");
  }
  return found.front();
}

Result<bool> is_set(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                    const char* name) {
  ASSIGN_OR_RETURN(const std::optional<Bytes> value, read_attribute(session, object, type, name));
  return value && value->size() == 1 && (*value)[0] != CK_FALSE;
}

// A key that the token would give away is no better than a file; a second PIN would be sent for one that
// wants it at every signature.
Status check_usable(const Session& session, CK_OBJECT_HANDLE key, const std::string& what) {
  ASSIGN_OR_RETURN(const bool signs, is_set(session, key, CKA_SIGN, "CKA_SIGN"));
  if (!signs) return refused(what + " is not for signing: CKA_SIGN is not set");
  ASSIGN_OR_RETURN(const bool sensitive, is_set(session, key, CKA_SENSITIVE, "CKA_SENSITIVE"));
  ASSIGN_OR_RETURN(const bool extractable, is_set(session, key, CKA_EXTRACTABLE, "CKA_EXTRACTABLE"));
  if (!sensitive || extractable) {
    return refused(what + " can be read out of the token: it is " +
                       (sensitive ? "CKA_EXTRACTABLE" : "not CKA_SENSITIVE"),
                   "make a new key in the token, sensitive and not extractable");
  }
  ASSIGN_OR_RETURN(const bool every_time,
                   is_set(session, key, CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE"));
  if (!every_time) return ok_status();
  return refused(what + " wants the PIN again for every signature (CKA_ALWAYS_AUTHENTICATE)",
                 "use a key that does not, on a PIV card that of slot 9a: a PIN is sent once only");
}

Result<KeyCurve> curve_of(const Session& session, CK_OBJECT_HANDLE key, const std::string& what) {
  ASSIGN_OR_RETURN(const std::optional<Bytes> curve,
                   read_attribute(session, key, CKA_EC_PARAMS, "CKA_EC_PARAMS"));
  if (curve && equal(*curve, kSecp256k1Oid)) return KeyCurve::kSecp256k1;
  if (curve && equal(*curve, kP256Oid)) return KeyCurve::kP256;
  return refused(what + " is on neither secp256k1 nor P-256: CKA_EC_PARAMS is " +
                 (curve ? to_hex(*curve) : "not reported"));
}

Result<Bytes> compress(KeyCurve curve, ByteView point) {
  if (curve == KeyCurve::kP256) {
    ASSIGN_OR_RETURN(const auto key, crypto::p256::compress_public_key(point));
    return to_bytes(key.view());
  }
  ASSIGN_OR_RETURN(const auto key, crypto::compress_public_key(point));
  return to_bytes(key.view());
}

Result<NamedPublicKey> read_public_key(const Session& session, CK_OBJECT_HANDLE object,
                                       const std::string& what) {
  NamedPublicKey key;
  ASSIGN_OR_RETURN(key.curve, curve_of(session, object, what));
  ASSIGN_OR_RETURN(const std::optional<Bytes> point,
                   read_attribute(session, object, CKA_EC_POINT, "CKA_EC_POINT"));
  if (!point) return refused("the public key of " + what + " has no CKA_EC_POINT");
  auto compressed = compress(key.curve, sec1_point(*point));
  if (!compressed.ok()) return refused("the public key of " + what + ": " + compressed.status().message());
  key.point = std::move(compressed).value();
  return key;
}

// The public key object with the private key's CKA_ID.
Result<CK_OBJECT_HANDLE> find_partner(const Session& session, CK_OBJECT_HANDLE key, const std::string& what) {
  ASSIGN_OR_RETURN(const std::optional<Bytes> id, read_attribute(session, key, CKA_ID, "CKA_ID"));
  if (!id || id->empty()) return refused(what + " has no CKA_ID, so its public key cannot be told");
  ASSIGN_OR_RETURN(const auto objects, find_objects(session, CKO_PUBLIC_KEY, *id));
  if (objects.size() == 1) return objects.front();
  return refused("the token has " + std::to_string(objects.size()) + " public keys with " + what + "'s id " +
                     to_hex(*id) + ", must be one",
                 objects.empty() ? "write its public key to the token too" : "remove those of other keys");
}

Result<Signature> accept(const NamedPublicKey& key, const Hash256& digest, ByteView raw) {
  if (key.curve == KeyCurve::kP256) {
    ASSIGN_OR_RETURN(const auto point, crypto::p256::PublicKey::from(key.point));
    return accept_signature(point, digest, raw);
  }
  ASSIGN_OR_RETURN(const auto point, PublicKey::from(key.point));
  return accept_signature(point, digest, raw);
}

}  // namespace

class NamedKeySigner::Impl {
 public:
  explicit Impl(std::unique_ptr<Module> module) : module_(std::move(module)) {}

  Result<NamedKeySignature> sign(const NamedKey& key, const SecretBytes& pin, const Hash256& digest) {
    if (pin.empty()) return invalid("the PIN is empty");
    ASSIGN_OR_RETURN(const TokenInfo token, find(key));
    TRY(check_pin_flags(token));
    ASSIGN_OR_RETURN(const Session session, Session::open(*module_, token.slot, Session::Access::kReadOnly));
    TRY(session.login(CKU_USER, pin));
    return sign_in(session, key, digest);
  }

  Result<NamedPublicKey> public_key(const NamedKey& key) {
    ASSIGN_OR_RETURN(const TokenInfo token, find(key));
    ASSIGN_OR_RETURN(const Session session, Session::open(*module_, token.slot, Session::Access::kReadOnly));
    ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE object, find_only(session, CKO_PUBLIC_KEY, key));
    return read_public_key(session, object, describe(key));
  }

 private:
  Result<TokenInfo> find(const NamedKey& key) {
    if (key.label.empty() && key.id.empty()) return invalid("neither label nor id of the key is given");
    return find_token(*module_, {key.token_label, key.token_serial, key.token_manufacturer, key.token_model});
  }

  static Result<NamedKeySignature> sign_in(const Session& session, const NamedKey& key,
                                           const Hash256& digest) {
    const std::string what = describe(key);
    ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE handle, find_only(session, CKO_PRIVATE_KEY, key));
    TRY(check_usable(session, handle, what));
    TRY(curve_of(session, handle, what));
    ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE partner, find_partner(session, handle, what));
    NamedKeySignature out;
    ASSIGN_OR_RETURN(out.key, read_public_key(session, partner, what));
    ASSIGN_OR_RETURN(const Bytes raw, sign_raw(session, handle, digest));
    ASSIGN_OR_RETURN(out.signature, accept(out.key, digest, raw));
    return out;
  }

  std::unique_ptr<Module> module_;
};

NamedKeySigner::NamedKeySigner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NamedKeySigner::~NamedKeySigner() = default;

Result<std::unique_ptr<NamedKeySigner>> NamedKeySigner::load(const std::string& module_path) {
  ASSIGN_OR_RETURN(std::unique_ptr<Module> module, Module::load(module_path));
  return std::unique_ptr<NamedKeySigner>(new NamedKeySigner(std::make_unique<Impl>(std::move(module))));
}

Result<NamedKeySignature> NamedKeySigner::sign(const NamedKey& key, const SecretBytes& pin,
                                               const Hash256& digest) {
  return impl_->sign(key, pin, digest);
}

Result<NamedPublicKey> NamedKeySigner::public_key(const NamedKey& key) {
  return impl_->public_key(key);
}

}  // namespace custody::signer::hsm
