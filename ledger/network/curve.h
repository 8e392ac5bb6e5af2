// CURVE keys (ZMTP 3.1, RFC 26 CurveZMQ): they name a connection and sign nothing. Public keys are in the
// member registry; secret keys live in a file of the node's user. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "ledger/model/ids.h"

namespace custody::ledger::network {

using CurvePublicKey = model::CurveKey;

struct CurveKeyPair {
  CurvePublicKey public_key;
  SecretBytes secret_key;  // 32 bytes

  CurveKeyPair clone() const { return {public_key, secret_key.clone()}; }
};

// From libzmq's own generator (the system's randomness). kInternal when libzmq was built without CURVE.
Result<CurveKeyPair> generate_curve_key_pair();

// Z85 (ZeroMQ RFC 32), 40 characters, as other ZeroMQ tools print keys.
std::string to_z85(const CurvePublicKey& key);
Result<CurvePublicKey> curve_public_key_from_z85(std::string_view text);  // kInvalid

// The key file: 64 lower-case hex digits of the secret key and a newline (optional when read); the public key
// is derived from it. A CURVE secret key is an X25519 scalar, so other tools can make one. Mode 0600.
Status write_curve_key_file(const std::string& path, const CurveKeyPair& pair);
// Refuses a file that others may read (kRefused), a foreign format (kCorrupt), an absent file (kNotFound).
Result<CurveKeyPair> read_curve_key_file(const std::string& path);

}  // namespace custody::ledger::network
