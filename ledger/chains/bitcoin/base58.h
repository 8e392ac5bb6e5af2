// Base58 and base58check, Bitcoin's older text encoding. Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace custody::ledger::chains::bitcoin {

// Quadratic in the length; the bytes are at most a few hundred.
std::string base58_encode(ByteView bytes);
// kInvalid: more than max_size bytes (checked before decoding), a character outside the alphabet. No white
// space.
Result<Bytes> base58_decode(std::string_view text, std::size_t max_size);

// With the first 4 bytes of SHA256(SHA256(payload)) appended.
std::string base58check_encode(ByteView payload);
Result<Bytes> base58check_decode(std::string_view text, std::size_t max_size);  // max_size of the payload

}  // namespace custody::ledger::chains::bitcoin
