// A token without our wrapper around it, for the limits: C_SignInit and C_Sign on one session, nothing else.
// Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>

#include "signer/hsm/module.h"

namespace custody::bench {

class RawToken {
 public:
  // The key with this id in the token with this label, logged in. A failure is a wrong set-up: it is CHECKed.
  RawToken(const std::string& module, const std::string& label, ByteView key_id, const SecretBytes& pin);

  Bytes sign(const Hash256& digest);  // r || s as the token gives it
  const PublicKey& public_key() const { return key_.public_key; }

 private:
  std::unique_ptr<signer::hsm::Module> module_;
  std::unique_ptr<signer::hsm::Session> session_;
  signer::hsm::FoundKey key_;
};

}  // namespace custody::bench
