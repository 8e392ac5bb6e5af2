// Password-encrypted small secrets (users' key files): scrypt (RFC 7914) and AES-256-GCM from OpenSSL.
// Thread-safe.
#pragma once

#include "base/entropy.h"
#include "base/secret.h"

namespace custody::crypto {

// Layout: "CSEAL1" | log2(N) u8 | r u8 | p u8 | salt 16 | nonce 12 | ciphertext | tag 16. Everything before
// the ciphertext is authenticated. The file's parameters are bounded on opening (log2(N) 14..20, r 8, p 1).
Bytes seal(const SecretBytes& secret, const SecretBytes& password, Entropy& entropy);
Result<SecretBytes> open(ByteView sealed,
                         const SecretBytes& password);  // kUnauthenticated for a wrong password

}  // namespace custody::crypto
