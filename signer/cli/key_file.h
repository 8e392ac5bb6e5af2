// Key files: JSON with the public part in the clear and the secret sealed (base/crypto/sealed.h). An ordinary
// user's and an officer's (officer_key.h) differ in their schema, so that neither passes for the other.
// Thread-safety: pure but for the files named.
#pragma once

#include "base/crypto/secp256k1.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

// The form of them all: `head` begins with "schema", `secret` is added as "sealed". A new file (0600);
// kExists when there is one. read: kInvalid for another schema. open: kUnauthenticated for a wrong password.
Status create_sealed_file(const std::string& path, Json head, const SecretBytes& secret,
                          const SecretBytes& password, Entropy& entropy);
Result<Json> read_sealed_file(const std::string& path, std::string_view schema);
Result<SecretBytes> open_sealed_file(const std::string& path, const Json& file, const SecretBytes& password);

// An ordinary user's. Creates the file (0600); kExists when there is one.
Result<PublicKey> create_key_file(const std::string& path, const SecretBytes& password, Entropy& entropy);
Result<PublicKey> read_public_key(const std::string& path);
Result<crypto::SoftwareKey> open_key_file(const std::string& path, const SecretBytes& password);

}  // namespace custody::signer::cli
