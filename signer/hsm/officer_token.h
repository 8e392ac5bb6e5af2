// For tests: keys of an officer's token, with attributes of one's choice, made with SoftHSM2 itself.
#pragma once

#include <map>
#include <optional>

#include "signer/hsm/module.h"
#include "signer/hsm/named_key.h"
#include "signer/hsm/softhsm_fixture.h"

namespace custody::signer::hsm::testing {

struct OfficerKeySpec {
  KeyCurve curve = KeyCurve::kSecp256k1;
  std::string label = "alice";
  Bytes id = {1};
  std::map<CK_ATTRIBUTE_TYPE, bool> private_flags = {};  // beside or instead of the usual ones
  std::optional<Bytes> curve_oid = std::nullopt;         // instead of the curve's
};

// Logged in for writing to the token of this label; nothing else in the process may use the module meanwhile.
class OfficerToken {
 public:
  explicit OfficerToken(const std::string& token_label)
      : module_(std::move(*Module::load(kSoftHsmModule))),
        session_(std::move(*Session::open(*module_, find_token(*module_, {token_label, ""})->slot,
                                          Session::Access::kReadWrite))) {
    EXPECT_TRUE(session_.login(CKU_USER, user_pin()).ok());
  }

  void generate(const OfficerKeySpec& spec) {
    const Bytes k1 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
    const Bytes r1 = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    Bytes oid = spec.curve_oid.value_or(spec.curve == KeyCurve::kP256 ? r1 : k1);
    std::string label = spec.label;
    Bytes id = spec.id;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    std::map<CK_ATTRIBUTE_TYPE, bool> flags = {{CKA_TOKEN, true},
                                               {CKA_PRIVATE, true},
                                               {CKA_SENSITIVE, true},
                                               {CKA_EXTRACTABLE, false},
                                               {CKA_SIGN, true}};
    for (const auto& [type, value] : spec.private_flags) flags[type] = value;
    std::vector<CK_ATTRIBUTE> private_key = {{CKA_LABEL, label.data(), label.size()},
                                             {CKA_ID, id.data(), id.size()}};
    for (const auto& [type, value] : flags) private_key.push_back({type, value ? &yes : &no, 1});
    std::vector<CK_ATTRIBUTE> public_key = {{CKA_TOKEN, &yes, 1},
                                            {CKA_EC_PARAMS, oid.data(), oid.size()},
                                            {CKA_LABEL, label.data(), label.size()},
                                            {CKA_ID, id.data(), id.size()}};
    CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE public_handle = 0;
    CK_OBJECT_HANDLE private_handle = 0;
    EXPECT_EQ(session_.functions().C_GenerateKeyPair(session_.handle(), &mechanism, public_key.data(),
                                                     public_key.size(), private_key.data(),
                                                     private_key.size(), &public_handle, &private_handle),
              CKR_OK);
  }

  void destroy(CK_OBJECT_CLASS object_class, ByteView id) {
    const auto objects = find_objects(session_, object_class, id);
    ASSERT_TRUE(objects.ok()) << objects.status().to_string();
    for (const CK_OBJECT_HANDLE object : *objects) {
      EXPECT_EQ(session_.functions().C_DestroyObject(session_.handle(), object), CKR_OK);
    }
  }

 private:
  std::unique_ptr<Module> module_;
  Session session_;
};

inline void generate_officer_key(const OfficerKeySpec& spec, const std::string& token_label = kLabel) {
  OfficerToken(token_label).generate(spec);
}

}  // namespace custody::signer::hsm::testing
