// Making tokens and keys: for the key ceremony, with the signer stopped and the token writable.
// Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "signer/hsm/pkcs11_token.h"

namespace custody::signer::hsm {

class Provisioner {
 public:
  static Result<std::unique_ptr<Provisioner>> load(const std::string& module_path);
  ~Provisioner();

  // Of the module, as it says itself; "SoftHSM" for SoftHSM2. At most 32 bytes.
  Result<std::string> manufacturer() const;

  // Initialises the first uninitialised token (C_InitToken as security officer, C_InitPIN) and returns its
  // serial number. label: 1..32 bytes. kExists: a token with this label is there. kNotFound: no uninitialised
  // token.
  Result<std::string> init_token(const std::string& label, const SecretBytes& so_pin,
                                 const SecretBytes& user_pin);

  // Logs in to the token for generate_key(); the PIN is tried once.
  Status login(const std::string& label, const std::string& serial, const SecretBytes& user_pin);

  // Generates a secp256k1 key inside the token that can sign with CKM_ECDSA and do nothing else, and returns
  // its public key. The key was read back, checked against the same rules as at a start of the signer, and
  // made one test signature over a digest of its own kind (tagged hash "caasiope/ceremony/key-test" of the
  // public key). On failure nothing stays in the token. label: 1..32 bytes, id: 1..32 bytes. kExists: an
  // object with this id is there.
  Result<PublicKey> generate_key(const std::string& label, ByteView id);

 private:
  class Impl;
  explicit Provisioner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace custody::signer::hsm
