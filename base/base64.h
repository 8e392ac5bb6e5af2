// Base64 with padding (RFC 4648 section 4). Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace custody {

std::string to_base64(ByteView bytes);

// Strict: whole groups of four, padding only at the end, unused bits zero, no white space, at most max_size
// bytes out (checked before anything is allocated). kInvalid otherwise.
Result<Bytes> from_base64(std::string_view text, std::size_t max_size);

}  // namespace custody
