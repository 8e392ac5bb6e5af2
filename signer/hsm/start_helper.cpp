// One start of a signer for tests: harden, confine, log in, sign once, end. A process of its own, because
// Landlock is for good. Usage: hsm_start_helper MODULE LABEL TOKEN_DIRECTORY WRITABLE_DIRECTORY KEY_ID_HEX
// PUBLIC_KEY_HEX; PIN on descriptor 0.
#include <cstdio>

#include "base/crypto/hash.h"
#include "base/file.h"
#include "signer/hsm/confine.h"
#include "signer/hsm/pkcs11_token.h"

namespace custody::signer::hsm {
namespace {

Status start(char** arguments) {
  ASSIGN_OR_RETURN(SecretBytes pin, read_secret_fd(0, 64));
  ASSIGN_OR_RETURN(const Bytes id, from_hex(arguments[5]));
  ASSIGN_OR_RETURN(const PublicKey key, PublicKey::from_hex(arguments[6]));
  TRY(harden_process());
  TRY(deny_writes({arguments[3], {arguments[4]}, {"/dev/null"}}));
  ASSIGN_OR_RETURN(const auto token,
                   Pkcs11Token::open({arguments[1], arguments[2], ""}, {{"key", id, key}}, std::move(pin)));
  return detail::as_status(token->sign(key, crypto::sha256(as_bytes("start"))));
}

}  // namespace
}  // namespace custody::signer::hsm

int main(int count, char** arguments) {
  if (count != 7) {
    std::fprintf(stderr, "wrong number of arguments\n");
    return 2;
  }
  const custody::Status status = custody::signer::hsm::start(arguments);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}
