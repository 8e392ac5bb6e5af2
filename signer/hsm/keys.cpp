// The rules for a key: one table, used at the ceremony right after generation and at every start of the
// signer.
#include <algorithm>
#include <array>

#include "base/crypto/secp256k1.h"
#include "signer/hsm/module.h"

namespace custody::signer::hsm {
namespace {

// 1.3.132.0.10, DER.
constexpr std::array<std::uint8_t, 7> kSecp256k1 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};

constexpr std::size_t kMaxAttribute = 1024;

struct BooleanRule {
  CK_ATTRIBUTE_TYPE type;
  const char* name;
  bool value;
  bool may_be_unreported;  // younger attributes, which old tokens do not know
};
constexpr std::array kPrivateKeyRules = {
    BooleanRule{CKA_TOKEN, "CKA_TOKEN", true, false},
    BooleanRule{CKA_PRIVATE, "CKA_PRIVATE", true, false},
    BooleanRule{CKA_LOCAL, "CKA_LOCAL", true, false},
    BooleanRule{CKA_SENSITIVE, "CKA_SENSITIVE", true, false},
    BooleanRule{CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", true, false},
    BooleanRule{CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false, false},
    BooleanRule{CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", true, false},
    BooleanRule{CKA_SIGN, "CKA_SIGN", true, false},
    BooleanRule{CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER", false, false},
    BooleanRule{CKA_DECRYPT, "CKA_DECRYPT", false, false},
    BooleanRule{CKA_UNWRAP, "CKA_UNWRAP", false, false},
    BooleanRule{CKA_DERIVE, "CKA_DERIVE", false, false},
    BooleanRule{CKA_MODIFIABLE, "CKA_MODIFIABLE", false, true},
    BooleanRule{CKA_COPYABLE, "CKA_COPYABLE", false, true},
};

Status looser(const std::string& key, const std::string& attribute, const std::string& found,
              const std::string& wanted) {
  return refused("key " + key + ": " + attribute + " is " + found + ", must be " + wanted,
                 "this is not the key that the ceremony made: restore the token, or make new keys");
}

Status check_boolean(const Session& session, CK_OBJECT_HANDLE object, const std::string& key,
                     const BooleanRule& rule) {
  ASSIGN_OR_RETURN(const std::optional<Bytes> value, read_attribute(session, object, rule.type, rule.name));
  const char* wanted = rule.value ? "true" : "false";
  if (!value) return rule.may_be_unreported ? ok_status() : looser(key, rule.name, "not reported", wanted);
  if (value->size() != 1) return looser(key, rule.name, "malformed", wanted);
  if (((*value)[0] != CK_FALSE) != rule.value)
    return looser(key, rule.name, rule.value ? "false" : "true", wanted);
  return ok_status();
}

Status check_number(const Session& session, CK_OBJECT_HANDLE object, const std::string& key,
                    CK_ATTRIBUTE_TYPE type, const std::string& name, CK_ULONG wanted,
                    const std::string& wanted_name) {
  ASSIGN_OR_RETURN(const std::optional<Bytes> value, read_attribute(session, object, type, name));
  const Bytes encoded(reinterpret_cast<const std::uint8_t*>(&wanted),
                      reinterpret_cast<const std::uint8_t*>(&wanted) + sizeof wanted);
  if (value && *value == encoded) return ok_status();
  return looser(key, name, value && !value->empty() ? "something else" : "not set", wanted_name);
}

Status check_private_key(const Session& session, CK_OBJECT_HANDLE object, const std::string& key) {
  for (const BooleanRule& rule : kPrivateKeyRules) TRY(check_boolean(session, object, key, rule));
  TRY(check_number(session, object, key, CKA_KEY_TYPE, "CKA_KEY_TYPE", CKK_EC, "CKK_EC"));
  ASSIGN_OR_RETURN(const std::optional<Bytes> curve,
                   read_attribute(session, object, CKA_EC_PARAMS, "CKA_EC_PARAMS"));
  if (!curve || !equal(*curve, kSecp256k1)) {
    return looser(key, "CKA_EC_PARAMS", curve ? to_hex(*curve) : "not reported", "secp256k1");
  }
  // One mechanism, so the array is one number.
  return check_number(session, object, key, CKA_ALLOWED_MECHANISMS, "CKA_ALLOWED_MECHANISMS", CKM_ECDSA,
                      "{CKM_ECDSA}");
}

Result<CK_OBJECT_HANDLE> find_one(const Session& session, CK_OBJECT_CLASS object_class,
                                  const std::string& name, ByteView id) {
  const std::string what = std::string(object_class == CKO_PRIVATE_KEY ? "private" : "public") + " key " +
                           name + " (CKA_ID " + to_hex(id) + ")";
  ASSIGN_OR_RETURN(const auto handles, find_objects(session, object_class, id));
  if (handles.empty()) {
    return not_found("the token has no " + what,
                     "connect the token of the ceremony, or restore it from its backup");
  }
  if (handles.size() > 1) {
    return refused("the token has " + std::to_string(handles.size()) + " objects for " + what,
                   "remove what the ceremony did not make");
  }
  return handles.front();
}

}  // namespace

Result<std::optional<Bytes>> read_attribute(const Session& session, CK_OBJECT_HANDLE object,
                                            CK_ATTRIBUTE_TYPE type, const std::string& what) {
  Bytes value(kMaxAttribute);
  CK_ATTRIBUTE attribute{type, value.data(), value.size()};
  const CK_RV rv = session.functions().C_GetAttributeValue(session.handle(), object, &attribute, 1);
  if (rv == CKR_ATTRIBUTE_TYPE_INVALID) return std::optional<Bytes>();
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_GetAttributeValue of " + what, rv);
  if (attribute.ulValueLen > value.size()) return refused(what + " is longer than any allowed value");
  value.resize(attribute.ulValueLen);
  return std::optional<Bytes>(std::move(value));
}

ByteView sec1_point(ByteView ec_point) {
  constexpr std::uint8_t kOctetString = 0x04;
  const bool wrapped =
      ec_point.size() > 2 && ec_point[0] == kOctetString && ec_point[1] == ec_point.size() - 2;
  return wrapped ? ec_point.subspan(2) : ec_point;
}

Result<std::vector<CK_OBJECT_HANDLE>> find_matching(const Session& session,
                                                    std::vector<CK_ATTRIBUTE> wanted) {
  CK_FUNCTION_LIST& p11 = session.functions();
  CK_RV rv = p11.C_FindObjectsInit(session.handle(), wanted.data(), wanted.size());
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_FindObjectsInit", rv);
  std::vector<CK_OBJECT_HANDLE> found(kMaxFound);
  CK_ULONG count = 0;
  rv = p11.C_FindObjects(session.handle(), found.data(), found.size(), &count);
  const CK_RV final_rv = p11.C_FindObjectsFinal(session.handle());
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_FindObjects", rv);
  if (final_rv != CKR_OK) return rv_error(Code::kUnavailable, "C_FindObjectsFinal", final_rv);
  found.resize(std::min<std::size_t>(count, kMaxFound));
  return found;
}

Result<std::vector<CK_OBJECT_HANDLE>> find_objects(const Session& session, CK_OBJECT_CLASS object_class,
                                                   ByteView id) {
  Bytes id_copy = to_bytes(id);
  return find_matching(
      session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, id_copy.data(), id_copy.size()}});
}

Result<FoundKey> find_checked_key(const Session& session, const std::string& name, ByteView id) {
  FoundKey key;
  ASSIGN_OR_RETURN(key.private_key, find_one(session, CKO_PRIVATE_KEY, name, id));
  TRY(check_private_key(session, key.private_key, name));
  ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE public_object, find_one(session, CKO_PUBLIC_KEY, name, id));
  ASSIGN_OR_RETURN(const std::optional<Bytes> point,
                   read_attribute(session, public_object, CKA_EC_POINT, "CKA_EC_POINT"));
  if (!point) return refused("key " + name + ": the token does not report CKA_EC_POINT of its public key");
  const auto parsed = crypto::compress_public_key(sec1_point(*point));
  if (!parsed.ok()) return refused("key " + name + ": CKA_EC_POINT: " + parsed.status().message());
  key.public_key = *parsed;
  return key;
}

}  // namespace custody::signer::hsm
