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

Result<CK_OBJECT_HANDLE> find_private_key(const Session& session, const NamedKey& key) {
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  std::string label = key.label;
  Bytes id = key.id;
  std::vector<CK_ATTRIBUTE> wanted = {{CKA_CLASS, &object_class, sizeof object_class}};
  if (!label.empty()) wanted.push_back({CKA_LABEL, label.data(), label.size()});
  if (!id.empty()) wanted.push_back({CKA_ID, id.data(), id.size()});
  ASSIGN_OR_RETURN(const auto found, find_matching(session, std::move(wanted)));
  if (found.empty()) {
    return not_found("the token has no private " + describe(key),
                     "pkcs11-tool --login --list-objects says which keys it has");
  }
  if (found.size() > 1) {
    return refused("the token has " + std::to_string(found.size()) + " private keys that are " +
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

// From the public key object with the private key's CKA_ID.
Result<Bytes> public_point(const Session& session, CK_OBJECT_HANDLE key, const std::string& what) {
  ASSIGN_OR_RETURN(const std::optional<Bytes> id, read_attribute(session, key, CKA_ID, "CKA_ID"));
  if (!id || id->empty()) return refused(what + " has no CKA_ID, so its public key cannot be told");
  ASSIGN_OR_RETURN(const auto objects, find_objects(session, CKO_PUBLIC_KEY, *id));
  if (objects.size() != 1) {
    return refused("the token has " + std::to_string(objects.size()) + " public keys with " + what +
                       "'s id " + to_hex(*id) + ", must be one",
                   objects.empty() ? "write its public key to the token too" : "remove those of other keys");
  }
  ASSIGN_OR_RETURN(const std::optional<Bytes> point,
                   read_attribute(session, objects.front(), CKA_EC_POINT, "CKA_EC_POINT"));
  if (!point) return refused("the public key of " + what + " has no CKA_EC_POINT");
  return to_bytes(sec1_point(*point));
}

template <typename Key>
Result<NamedKeySignature> finish(KeyCurve curve, const Result<Key>& key, const Hash256& digest,
                                 ByteView raw) {
  if (!key.ok()) return refused("the token's public key: " + key.status().message());
  ASSIGN_OR_RETURN(const Signature signature, accept_signature(*key, digest, raw));
  return NamedKeySignature{curve, to_bytes(key->view()), signature};
}

}  // namespace

class NamedKeySigner::Impl {
 public:
  explicit Impl(std::unique_ptr<Module> module) : module_(std::move(module)) {}

  Result<NamedKeySignature> sign(const NamedKey& key, const SecretBytes& pin, const Hash256& digest) {
    if (key.label.empty() && key.id.empty()) return invalid("neither label nor id of the key is given");
    if (pin.empty()) return invalid("the PIN is empty");
    ASSIGN_OR_RETURN(const TokenInfo token, find_token(*module_, {key.token_label, key.token_serial,
                                                                  key.token_manufacturer, key.token_model}));
    TRY(check_pin_flags(token));
    ASSIGN_OR_RETURN(const Session session, Session::open(*module_, token.slot, Session::Access::kReadOnly));
    TRY(session.login(CKU_USER, pin));
    return sign_in(session, key, digest);
  }

 private:
  static Result<NamedKeySignature> sign_in(const Session& session, const NamedKey& key,
                                           const Hash256& digest) {
    const std::string what = describe(key);
    ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE handle, find_private_key(session, key));
    TRY(check_usable(session, handle, what));
    ASSIGN_OR_RETURN(const KeyCurve curve, curve_of(session, handle, what));
    ASSIGN_OR_RETURN(const Bytes point, public_point(session, handle, what));
    ASSIGN_OR_RETURN(const Bytes raw, sign_raw(session, handle, digest));
    if (curve == KeyCurve::kP256) {
      return finish(curve, crypto::p256::compress_public_key(point), digest, raw);
    }
    return finish(curve, crypto::compress_public_key(point), digest, raw);
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

}  // namespace custody::signer::hsm
