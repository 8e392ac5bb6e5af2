// A token behind a PKCS#11 module: HSM, SoftHSM2 or firmware-sim.
//
// Before open() the daemon calls deny_writes() (confine.h) for a token that is a directory: SoftHSM2 rewrites
// token.object at every login, and a kill at that moment destroys the token.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "signer/hsm/token.h"

namespace custody::signer::hsm {

// A key as pinned at the ceremony.
struct PinnedKey {
  std::string name;  // for messages
  Bytes id;          // CKA_ID
  PublicKey public_key;
};

struct Pkcs11Options {
  std::string module_path;  // absolute
  std::string token_label;  // label or serial may be empty, not both; a token slot number is never used
  std::string token_serial;
};

// Thread-safe: every call takes a session of its own. Loaded modules and logins are per process: one object
// per process and module.
class Pkcs11Token final : public Token {
 public:
  // Loads the module, finds the token, logs in once, and checks every key's attributes and public key against
  // its pin.
  //   kInvalid          options; two tokens match
  //   kNotFound         no module, token or key of that name
  //   kRefused          another token, another key, or a key with looser attributes (named in the message)
  //   kUnauthenticated  PIN refused (tried once), or its retry counter says not to try (not tried)
  //   kUnavailable      module or token does not work
  static Result<std::unique_ptr<Pkcs11Token>> open(Pkcs11Options options, std::vector<PinnedKey> keys,
                                                   SecretBytes pin);
  ~Pkcs11Token() override;

  Result<Signature> sign(const PublicKey& key, const Hash256& digest) override;
  TokenCounters counters() const override;

 private:
  class Impl;
  explicit Pkcs11Token(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace custody::signer::hsm
