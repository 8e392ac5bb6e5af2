#include "signer/hsm/provision.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/crypto/hash.h"
#include "signer/hsm/module.h"

namespace custody::signer::hsm {
namespace {

constexpr std::size_t kLabelSize = 32;  // of a token, blank padded (PKCS#11)

// DER of the OID 1.3.132.0.10; C interfaces take it by mutable pointer, so each template has its own copy.
using CurveName = std::array<CK_BYTE, 7>;
constexpr CurveName kSecp256k1 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};

Status check_text(std::string_view what, std::size_t size) {
  if (size >= 1 && size <= kLabelSize) return ok_status();
  return invalid(std::string(what) + " must have 1 to 32 bytes, has " + std::to_string(size));
}

// Every usage is stated: what a template leaves out is the token's choice.
struct KeyTemplates {
  KeyTemplates(const std::string& label, ByteView id)
      : label_(label), id_(to_bytes(id)), curve_(kSecp256k1), mechanism_(CKM_ECDSA) {}
  KeyTemplates(const KeyTemplates&) = delete;
  KeyTemplates& operator=(const KeyTemplates&) = delete;

  std::vector<CK_ATTRIBUTE> public_key() {
    return {flag(CKA_TOKEN, true),
            flag(CKA_PRIVATE, false),
            flag(CKA_VERIFY, true),
            flag(CKA_ENCRYPT, false),
            flag(CKA_WRAP, false),
            flag(CKA_VERIFY_RECOVER, false),
            flag(CKA_MODIFIABLE, false),
            bytes(CKA_EC_PARAMS, curve_.data(), curve_.size()),
            bytes(CKA_LABEL, label_.data(), label_.size()),
            bytes(CKA_ID, id_.data(), id_.size())};
  }
  std::vector<CK_ATTRIBUTE> private_key() {
    return {flag(CKA_TOKEN, true),
            flag(CKA_PRIVATE, true),
            flag(CKA_SENSITIVE, true),
            flag(CKA_EXTRACTABLE, false),
            flag(CKA_SIGN, true),
            flag(CKA_SIGN_RECOVER, false),
            flag(CKA_DECRYPT, false),
            flag(CKA_UNWRAP, false),
            flag(CKA_DERIVE, false),
            flag(CKA_MODIFIABLE, false),
            flag(CKA_COPYABLE, false),
            bytes(CKA_ALLOWED_MECHANISMS, &mechanism_, sizeof mechanism_),
            bytes(CKA_LABEL, label_.data(), label_.size()),
            bytes(CKA_ID, id_.data(), id_.size())};
  }

 private:
  CK_ATTRIBUTE flag(CK_ATTRIBUTE_TYPE type, bool value) {
    return {type, value ? &true_ : &false_, sizeof true_};
  }
  static CK_ATTRIBUTE bytes(CK_ATTRIBUTE_TYPE type, void* data, std::size_t size) {
    return {type, data, size};
  }

  std::string label_;
  Bytes id_;
  CurveName curve_;
  CK_MECHANISM_TYPE mechanism_;
  CK_BBOOL true_ = CK_TRUE;
  CK_BBOOL false_ = CK_FALSE;
};

}  // namespace

class Provisioner::Impl {
 public:
  Status load(const std::string& path) {
    ASSIGN_OR_RETURN(module_, Module::load(path));
    return ok_status();
  }

  Result<std::string> manufacturer() const {
    CK_INFO info{};
    const CK_RV rv = module_->functions().C_GetInfo(&info);
    if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_GetInfo", rv);
    return padded_text(info.manufacturerID, sizeof info.manufacturerID);
  }

  Result<std::string> init_token(const std::string& label, const SecretBytes& so_pin,
                                 const SecretBytes& user_pin) {
    TRY(check_text("token label", label.size()));
    ASSIGN_OR_RETURN(const CK_SLOT_ID slot, free_slot(label));
    std::array<CK_UTF8CHAR, kLabelSize> padded{};
    padded.fill(' ');
    std::copy(label.begin(), label.end(), padded.begin());
    // The interface takes a mutable pointer but does not write through it.
    auto* so_text =
        const_cast<CK_UTF8CHAR*>(so_pin.view().data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    const CK_RV rv = module_->functions().C_InitToken(slot, so_text, so_pin.size(), padded.data());
    if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_InitToken", rv);
    // A token slot may be renumbered by the initialisation (SoftHSM2 derives the number from the serial).
    ASSIGN_OR_RETURN(const TokenInfo token, find_token(*module_, {label, ""}));
    TRY(init_pin(token, so_pin, user_pin));
    return token.serial;
  }

  Status login(const TokenSelector& wanted, const SecretBytes& user_pin) {
    session_.reset();
    ASSIGN_OR_RETURN(const TokenInfo token, find_token(*module_, wanted));
    TRY(check_pin_flags(token));
    ASSIGN_OR_RETURN(Session session, Session::open(*module_, token.slot, Session::Access::kReadWrite));
    TRY(session.login(CKU_USER, user_pin));
    session_.emplace(std::move(session));
    slot_ = token.slot;
    return ok_status();
  }

  Result<PublicKey> generate_key(const std::string& label, ByteView id) {
    if (!session_) return unavailable("not logged in to a token");
    TRY(check_text("key label", label.size()));
    TRY(check_text("key id", id.size()));
    ASSIGN_OR_RETURN(const auto existing, objects_of(id));
    if (!existing.empty()) {
      return exists("the token already has an object with CKA_ID " + to_hex(id),
                    "choose a new id or an empty token");
    }
    auto key = generate_and_check(label, id);
    if (!key.ok()) TRY(remove_half_made(id, key.status()));
    return key;
  }

 private:
  Result<CK_SLOT_ID> free_slot(const std::string& label) {
    ASSIGN_OR_RETURN(const auto tokens, list_tokens(*module_));
    std::optional<CK_SLOT_ID> free;
    for (const TokenInfo& token : tokens) {
      const bool initialized = (token.flags & CKF_TOKEN_INITIALIZED) != 0;
      if (initialized && token.label == label) {
        return exists("a token labelled \"" + label + "\" is there; it was not touched",
                      "choose another label");
      }
      if (!initialized && !free) free = token.slot;
    }
    if (!free) return not_found("the module has no uninitialised token", "connect an empty token");
    return *free;
  }

  Status init_pin(const TokenInfo& token, const SecretBytes& so_pin, const SecretBytes& user_pin) {
    ASSIGN_OR_RETURN(const Session session, Session::open(*module_, token.slot, Session::Access::kReadWrite));
    TRY(session.login(CKU_SO, so_pin));
    auto* text =
        const_cast<CK_UTF8CHAR*>(user_pin.view().data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    const CK_RV rv = session.functions().C_InitPIN(session.handle(), text, user_pin.size());
    if (rv != CKR_OK)
      return rv_error(Code::kUnavailable, "C_InitPIN", rv, "check the token's rules for a PIN");
    return ok_status();  // closing the last session logs the security officer out
  }

  Result<std::vector<CK_OBJECT_HANDLE>> objects_of(ByteView id) {
    ASSIGN_OR_RETURN(auto handles, find_objects(*session_, CKO_PRIVATE_KEY, id));
    ASSIGN_OR_RETURN(const auto more, find_objects(*session_, CKO_PUBLIC_KEY, id));
    handles.insert(handles.end(), more.begin(), more.end());
    return handles;
  }

  Result<PublicKey> generate_and_check(const std::string& label, ByteView id) {
    KeyTemplates templates(label, id);
    auto public_template = templates.public_key();
    auto private_template = templates.private_key();
    CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE public_handle = 0;
    CK_OBJECT_HANDLE private_handle = 0;
    const CK_RV rv = session_->functions().C_GenerateKeyPair(
        session_->handle(), &mechanism, public_template.data(), public_template.size(),
        private_template.data(), private_template.size(), &public_handle, &private_handle);
    if (rv != CKR_OK) {
      return rv_error(Code::kUnavailable, "C_GenerateKeyPair of " + label, rv,
                      "check that the token is writable and supports secp256k1, then try again");
    }
    ASSIGN_OR_RETURN(const FoundKey found, find_checked_key(*session_, label, id));
    const Hash256 digest = crypto::tagged_hash("caasiope/ceremony/key-test", found.public_key);
    ASSIGN_OR_RETURN(const Bytes raw, sign_raw(*session_, found.private_key, digest));
    TRY(accept_signature(found.public_key, digest, raw));
    return found.public_key;
  }

  // On a new session, because an operation may be stuck in the old one. Says both what went wrong and that
  // something stayed, if it could not be removed.
  Status remove_half_made(ByteView id, const Status& cause) {
    auto fresh = Session::open(*module_, slot_, Session::Access::kReadWrite);
    bool removed = fresh.ok();
    if (removed) {
      session_ = std::move(fresh).value();
      const auto handles = objects_of(id);
      removed = handles.ok() && destroy(*handles);
    }
    if (removed) return ok_status();
    return Status(cause.code(),
                  cause.message() + "; objects with CKA_ID " + to_hex(id) + " may be left in the token",
                  "initialise the token again before using it");
  }

  bool destroy(const std::vector<CK_OBJECT_HANDLE>& handles) {
    bool all = true;
    for (const CK_OBJECT_HANDLE handle : handles) {
      all = session_->functions().C_DestroyObject(session_->handle(), handle) == CKR_OK && all;
    }
    return all;
  }

  std::unique_ptr<Module> module_;
  CK_SLOT_ID slot_ = 0;
  std::optional<Session> session_;  // closed before the module goes
};

Provisioner::Provisioner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Provisioner::~Provisioner() = default;

Result<std::unique_ptr<Provisioner>> Provisioner::load(const std::string& module_path) {
  auto impl = std::make_unique<Impl>();
  TRY(impl->load(module_path));
  return std::unique_ptr<Provisioner>(new Provisioner(std::move(impl)));
}

Result<std::string> Provisioner::manufacturer() const {
  return impl_->manufacturer();
}

Result<std::string> Provisioner::init_token(const std::string& label, const SecretBytes& so_pin,
                                            const SecretBytes& user_pin) {
  return impl_->init_token(label, so_pin, user_pin);
}

Status Provisioner::login(const std::string& label, const std::string& serial, const SecretBytes& user_pin) {
  return impl_->login({label, serial}, user_pin);
}

Result<PublicKey> Provisioner::generate_key(const std::string& label, ByteView id) {
  return impl_->generate_key(label, id);
}

}  // namespace custody::signer::hsm
