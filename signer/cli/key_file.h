// An ordinary user's key file: JSON with the public part in the clear and the secret sealed
// (base/crypto/sealed.h). Thread-safety: pure but for the files named.
#pragma once

#include "base/crypto/secp256k1.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

// Creates the file (0600); kExists when there is one.
Result<PublicKey> create_key_file(const std::string& path, const SecretBytes& password, Entropy& entropy);
Result<PublicKey> read_public_key(const std::string& path);
Result<crypto::SoftwareKey> open_key_file(const std::string& path, const SecretBytes& password);

}  // namespace custody::signer::cli
