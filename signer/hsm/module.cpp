#include "signer/hsm/module.h"

#include <p11-kit/p11-kit.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace custody::signer::hsm {
namespace {

constexpr CK_ULONG kMaxSlots = 256;

std::string describe(const std::vector<TokenInfo>& tokens) {
  std::string out;
  for (const TokenInfo& token : tokens) {
    if (!out.empty()) out += ", ";
    const bool initialized = (token.flags & CKF_TOKEN_INITIALIZED) != 0;
    out += initialized ? "\"" + token.label + "\" (serial " + token.serial + ")" : "an uninitialised token";
  }
  return out.empty() ? "no token at all" : out;
}

bool is_of_make(const TokenInfo& token, const TokenSelector& wanted) {
  return (wanted.manufacturer.empty() || token.manufacturer == wanted.manufacturer) &&
         (wanted.model.empty() || token.model == wanted.model);
}

bool is_pin_refusal(CK_RV rv) {
  constexpr std::array kRefusals = {CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE,
                                    CKR_PIN_EXPIRED,   CKR_PIN_LOCKED,  CKR_USER_PIN_NOT_INITIALIZED};
  return std::find(kRefusals.begin(), kRefusals.end(), rv) != kRefusals.end();
}

}  // namespace

std::string padded_text(const unsigned char* text, std::size_t size) {
  return {reinterpret_cast<const char*>(text), p11_kit_space_strlen(text, size)};
}

Status rv_error(Code code, std::string_view what, CK_RV rv, std::string hint) {
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), " (0x%lx)", static_cast<unsigned long>(rv));
  return {code, std::string(what) + ": " + p11_kit_strerror(rv) + number.data(), std::move(hint)};
}

Result<std::unique_ptr<Module>> Module::load(const std::string& path) {
  if (path.empty() || path.front() != '/') {
    return invalid("the PKCS#11 module \"" + path + "\" is not given by an absolute path",
                   "set `module` to the module's full path, for SoftHSM2 /usr/lib/softhsm/libsofthsm2.so");
  }
  CK_FUNCTION_LIST* functions = p11_kit_module_load(path.c_str(), 0);
  if (functions == nullptr) {
    const char* reason = p11_kit_message();
    return not_found(
        "cannot load the PKCS#11 module " + path + ": " + (reason != nullptr ? reason : "no reason given"),
        "check `module` and that the HSM's client software is installed");
  }
  std::unique_ptr<Module> module(new Module(path, functions));
  TRY(module->initialize());
  return module;
}

Module::~Module() {
  if (initialized_) p11_kit_module_finalize(functions_);
  p11_kit_module_release(functions_);
}

Status Module::initialize() {
  const CK_RV rv = p11_kit_module_initialize(functions_);
  if (rv != CKR_OK) {
    return rv_error(
        Code::kUnavailable, "C_Initialize of " + path_, rv,
        "check the module's own configuration; for SoftHSM2 that SOFTHSM2_CONF names a file whose "
        "directories.tokendir exists");
  }
  initialized_ = true;
  return ok_status();
}

Status Module::reinitialize() {
  // A failed C_Finalize leaves nothing to do but to try C_Initialize, whose result counts.
  if (initialized_) p11_kit_module_finalize(functions_);
  initialized_ = false;
  return initialize();
}

Result<std::vector<TokenInfo>> list_tokens(const Module& module) {
  CK_FUNCTION_LIST& p11 = module.functions();
  CK_ULONG count = 0;
  CK_RV rv = p11.C_GetSlotList(CK_TRUE, nullptr, &count);
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_GetSlotList", rv);
  if (count > kMaxSlots)
    return exhausted("the module has more than " + std::to_string(kMaxSlots) + " token slots");
  std::vector<CK_SLOT_ID> slots(count);
  rv = p11.C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_GetSlotList", rv);
  slots.resize(std::min<std::size_t>(slots.size(), count));

  std::vector<TokenInfo> tokens;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    rv = p11.C_GetTokenInfo(slot, &info);
    if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_TOKEN_NOT_RECOGNIZED) continue;
    if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_GetTokenInfo", rv);
    tokens.push_back({slot, info.flags, padded_text(info.label, sizeof info.label),
                      padded_text(info.serialNumber, sizeof info.serialNumber),
                      padded_text(info.manufacturerID, sizeof info.manufacturerID),
                      padded_text(info.model, sizeof info.model)});
  }
  return tokens;
}

Result<TokenInfo> find_token(const Module& module, const TokenSelector& wanted) {
  if (wanted.label.empty() && wanted.serial.empty())
    return invalid("neither token label nor serial is given");
  ASSIGN_OR_RETURN(const std::vector<TokenInfo> tokens, list_tokens(module));
  std::optional<TokenInfo> found;
  bool other_serial = false;
  for (const TokenInfo& token : tokens) {
    if ((token.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    if (!wanted.label.empty() && token.label != wanted.label) continue;
    if (!is_of_make(token, wanted)) continue;
    if (!wanted.serial.empty() && token.serial != wanted.serial) {
      other_serial = !wanted.label.empty();
      continue;
    }
    if (found) {
      return invalid("two tokens match label \"" + wanted.label + "\"",
                     "name the token by its serial number");
    }
    found = token;
  }
  if (found) return *found;
  const std::string what = "label \"" + wanted.label + "\", serial \"" + wanted.serial + "\"";
  if (other_serial) {
    return refused("the token with " + what + " is another one: the module has " + describe(tokens),
                   "connect the member's own token, or restore it from its backup");
  }
  return not_found(
      "no token with " + what + ": the module has " + describe(tokens),
      "connect the token; if it is listed as uninitialised, its token.object was destroyed: restore that "
      "file from the backup");
}

Status check_pin_flags(const TokenInfo& token) {
  const std::string where = "token \"" + token.label + "\": ";
  if ((token.flags & CKF_USER_PIN_INITIALIZED) == 0) {
    return unauthenticated(where + "no user PIN is set; no login was tried", "finish the key ceremony");
  }
  if ((token.flags & CKF_USER_PIN_LOCKED) != 0) {
    return unauthenticated(where + "its user PIN is locked; no login was tried",
                           "let the security officer set a new user PIN");
  }
  const bool low = (token.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY)) != 0;
  if (low) {
    return unauthenticated(
        where + "a wrong PIN was entered before, the next ones may lock it; no login was tried",
        "with nothing else using the token, log in once by hand with the right PIN "
        "(pkcs11-tool --login --list-objects), which clears the counter, then start again");
  }
  return ok_status();
}

Session& Session::operator=(Session&& other) noexcept {
  if (this != &other) {
    close();
    functions_ = other.functions_;
    handle_ = other.handle_;
    other.functions_ = nullptr;
  }
  return *this;
}

Result<Session> Session::open(const Module& module, CK_SLOT_ID slot, Access access) {
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (access == Access::kReadWrite ? CKF_RW_SESSION : 0);
  CK_SESSION_HANDLE handle = 0;
  const CK_RV rv = module.functions().C_OpenSession(slot, flags, nullptr, nullptr, &handle);
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_OpenSession", rv);
  return Session(&module.functions(), handle);
}

void Session::close() {
  if (functions_ != nullptr) functions_->C_CloseSession(handle_);
  functions_ = nullptr;
}

Status Session::login(CK_USER_TYPE user, const SecretBytes& pin) const {
  // The interface takes a mutable pointer but does not write through it.
  auto* text = const_cast<CK_UTF8CHAR*>(pin.view().data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  const CK_RV rv = functions_->C_Login(handle_, user, text, pin.size());
  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) return ok_status();
  if (is_pin_refusal(rv)) {
    return rv_error(
        Code::kUnauthenticated,
        "C_Login: the token refused the PIN; it was tried once and is not tried again", rv,
        "give the right PIN and start again; every wrong try may count towards locking the token");
  }
  return rv_error(Code::kUnavailable, "C_Login", rv);
}

Result<bool> Session::logged_in() const {
  CK_SESSION_INFO info{};
  const CK_RV rv = functions_->C_GetSessionInfo(handle_, &info);
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_GetSessionInfo", rv);
  return info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS;
}

Result<Bytes> sign_raw(const Session& session, CK_OBJECT_HANDLE key, const Hash256& digest) {
  CK_FUNCTION_LIST& p11 = session.functions();
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  CK_RV rv = p11.C_SignInit(session.handle(), &mechanism, key);
  if (rv != CKR_OK) return rv_error(Code::kUnavailable, "C_SignInit (nothing was signed)", rv);
  std::array<CK_BYTE, Hash256::kSize> data = digest.array();
  Bytes raw(256);
  CK_ULONG size = raw.size();
  rv = p11.C_Sign(session.handle(), data.data(), data.size(), raw.data(), &size);
  if (rv != CKR_OK) {
    return rv_error(Code::kOutcomeUnknown, "C_Sign (the token may or may not have signed)", rv,
                    "ask again for the same bytes, never for others");
  }
  raw.resize(std::min<std::size_t>(size, raw.size()));
  return raw;
}

}  // namespace custody::signer::hsm
