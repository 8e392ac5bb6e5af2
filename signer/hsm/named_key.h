// One signature by a key that its owner names, on secp256k1 or P-256: for the tokens and smart cards of
// officers. The signer's own keys are pinned, and under stricter rules (pkcs11_token.h). Thread-safety: one
// thread; nothing else in the process may use the module.
#pragma once

#include <memory>
#include <string>

#include "base/secret.h"
#include "signer/hsm/token.h"

namespace custody::signer::hsm {

// Which key, as RFC 7512 names it. What is empty matches anything, but neither label and serial of the token
// nor label and id of the key may be empty together.
struct NamedKey {
  std::string token_label;
  std::string token_serial;
  std::string token_manufacturer;
  std::string token_model;
  std::string label;  // CKA_LABEL
  Bytes id;           // CKA_ID
};

enum class KeyCurve : std::uint8_t { kSecp256k1, kP256 };

struct NamedPublicKey {
  KeyCurve curve = KeyCurve::kSecp256k1;
  Bytes point;  // 33 bytes, compressed SEC1, as the token's public key object says
  friend bool operator==(const NamedPublicKey&, const NamedPublicKey&) = default;
};

struct NamedKeySignature {
  NamedPublicKey key;
  Signature signature;  // low S; verifies under key
};

class NamedKeySigner {
 public:
  // Loads the module by absolute path. kInvalid, kNotFound, kUnavailable as Pkcs11Token::open.
  static Result<std::unique_ptr<NamedKeySigner>> load(const std::string& module_path);
  ~NamedKeySigner();

  // Finds the token, logs in, finds the one key, asks it for one signature and checks that.
  //   kInvalid          the key is not named well; two tokens match
  //   kNotFound         no such token or key
  //   kRefused          two keys match; the key is none of these curves, does not sign, may be read out,
  //   wants
  //                     the PIN for every signature, or has no one public key object of the same CKA_ID
  //   kUnauthenticated  PIN refused (tried once), or its retry counter says not to try (not tried)
  //   kUnavailable      the token does not work; nothing was signed
  //   kOutcomeUnknown   the token failed while it signed
  //   kCorrupt          what it returned is no signature by that key
  Result<NamedKeySignature> sign(const NamedKey& key, const SecretBytes& pin, const Hash256& digest);

  // Its public key, without a login: what the one public key object of that name says. Whether the private
  // key fits and may be used is for sign() to find.
  Result<NamedPublicKey> public_key(const NamedKey& key);

 private:
  class Impl;
  explicit NamedKeySigner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace custody::signer::hsm
