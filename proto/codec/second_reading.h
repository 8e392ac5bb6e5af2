// The second reader of our bytes: libprotobuf with the published .proto files. Programs of others read what
// we write with it; our own strict reader (proto/reader) is compared against it by tests and fuzzing.
// Thread-safe.
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace custody::proto::codec {

// Parses the bytes as message `name` ("Transaction") and serializes them again. kInvalid when libprotobuf
// refuses them or finds a field that the .proto file does not have, at any depth; kNotFound when there is no
// such message.
Result<Bytes> second_reading(std::string_view name, ByteView bytes);

}  // namespace custody::proto::codec
