// Inside signer/hsm only: a PKCS#11 module, its tokens and the rules for a key. Sees the PKCS#11 headers, so
// no public header includes it.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"

namespace custody::signer::hsm {

// "C_Sign: <text of the error> (0x30)".
Status rv_error(Code code, std::string_view what, CK_RV rv, std::string hint = {});

// A blank-padded text of PKCS#11 without its padding.
std::string padded_text(const unsigned char* text, std::size_t size);

// One module, loaded by absolute path through p11-kit and initialised; finalised and released with the
// object. p11-kit's configured modules are not touched. Thread-safety: load, reinitialize and destroy from
// one thread at a time.
class Module {
 public:
  static Result<std::unique_ptr<Module>> load(const std::string& path);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  CK_FUNCTION_LIST& functions() const { return *functions_; }
  // C_Finalize and C_Initialize: ends every session of this object. For a module that lost its device.
  Status reinitialize();

 private:
  Module(std::string path, CK_FUNCTION_LIST* functions) : path_(std::move(path)), functions_(functions) {}
  Status initialize();

  std::string path_;
  CK_FUNCTION_LIST* functions_;
  bool initialized_ = false;
};

struct TokenInfo {
  CK_SLOT_ID slot = 0;
  CK_FLAGS flags = 0;
  std::string label;
  std::string serial;
  std::string manufacturer = {};
  std::string model = {};
};

// What the wanted token says of itself; an empty text matches anything, label and serial both empty is
// kInvalid.
struct TokenSelector {
  std::string label;
  std::string serial;
  std::string manufacturer = {};
  std::string model = {};
};

Result<std::vector<TokenInfo>> list_tokens(const Module& module);
// The one initialised token that matches. kNotFound says what is there instead; two matches are kInvalid; a
// token with the label but another serial is kRefused.
Result<TokenInfo> find_token(const Module& module, const TokenSelector& wanted);

// Refuses (kUnauthenticated) when the token says that the PIN's retry counter is low, on its last try or
// locked, or that no user PIN is set: a login would make it worse.
Status check_pin_flags(const TokenInfo& token);

// An open session, closed with the object. Used by one thread at a time (two threads on one session crash
// SoftHSM2).
class Session {
 public:
  enum class Access { kReadOnly, kReadWrite };
  static Result<Session> open(const Module& module, CK_SLOT_ID slot, Access access);
  ~Session() { close(); }
  Session(Session&& other) noexcept : functions_(other.functions_), handle_(other.handle_) {
    other.functions_ = nullptr;
  }
  Session& operator=(Session&& other) noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  CK_FUNCTION_LIST& functions() const { return *functions_; }
  CK_SESSION_HANDLE handle() const { return handle_; }
  // kUnauthenticated when the PIN was refused; the PIN was then sent exactly once. Logged in already is ok.
  Status login(CK_USER_TYPE user, const SecretBytes& pin) const;
  Result<bool> logged_in() const;

 private:
  Session(CK_FUNCTION_LIST* functions, CK_SESSION_HANDLE handle) : functions_(functions), handle_(handle) {}
  void close();

  CK_FUNCTION_LIST* functions_ = nullptr;
  CK_SESSION_HANDLE handle_ = 0;
};

// Objects that have all of these attributes, at most kMaxFound of them.
constexpr std::size_t kMaxFound = 16;
Result<std::vector<CK_OBJECT_HANDLE>> find_matching(const Session& session, std::vector<CK_ATTRIBUTE> wanted);
// Objects of one class with this CKA_ID.
Result<std::vector<CK_OBJECT_HANDLE>> find_objects(const Session& session, CK_OBJECT_CLASS object_class,
                                                   ByteView id);

// An attribute of an object, for messages called `what`. Absent: the token does not report it.
Result<std::optional<Bytes>> read_attribute(const Session& session, CK_OBJECT_HANDLE object,
                                            CK_ATTRIBUTE_TYPE type, const std::string& what);
// The SEC1 point in a CKA_EC_POINT: a DER OCTET STRING; some tokens leave the wrapping out.
ByteView sec1_point(ByteView ec_point);

struct FoundKey {
  CK_OBJECT_HANDLE private_key = 0;
  PublicKey public_key;  // as the token's public object says
};
// The one key pair with this id, with every attribute as the ceremony made it: kNotFound, or kRefused naming
// the key and the attribute.
Result<FoundKey> find_checked_key(const Session& session, const std::string& name, ByteView id);

// Raw r || s as the token gives it. kUnavailable: C_Sign was not called. kOutcomeUnknown: C_Sign failed.
Result<Bytes> sign_raw(const Session& session, CK_OBJECT_HANDLE key, const Hash256& digest);

}  // namespace custody::signer::hsm
