// Password-encrypted small secrets (users' key files): scrypt (RFC 7914) and AES-256-GCM from OpenSSL.
// Thread-safe.
#pragma once

#include "base/entropy.h"
#include "base/secret.h"

namespace custody::crypto {

constexpr std::size_t kMaxSealedSecret = 4096;  // bytes
// Cost of one password guess: 128 * 8 * 2^log2(N) bytes of memory, 128 MiB for the default.
constexpr unsigned kMinLog2N = 14;
constexpr unsigned kDefaultLog2N = 17;
constexpr unsigned kMaxLog2N = 20;

// Layout: "CSEAL1" | log2(N) u8 | r u8 | p u8 | salt 16 | nonce 12 | ciphertext | tag 16. Everything before
// the ciphertext is authenticated. The file's parameters are bounded on opening (log2(N) 14..20, r 8, p 1).
// seal: kInvalid for a secret over kMaxSealedSecret or a cost out of range; kExhausted when memory does not
// suffice.
Result<Bytes> seal(const SecretBytes& secret, const SecretBytes& password, Entropy& entropy,
                   unsigned log2_n = kDefaultLog2N);
// kInvalid for bytes that are no sealed secret; kUnauthenticated for a wrong password or changed bytes (the
// two cannot be told apart); kExhausted when memory does not suffice.
Result<SecretBytes> open(ByteView sealed, const SecretBytes& password);

}  // namespace custody::crypto
