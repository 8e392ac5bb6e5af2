// PKCS#11 URIs (RFC 7512), as far as they name an officer's key. Strict where p11-kit's parser is not: it
// takes repeated attributes and ones that it does not know. Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "signer/hsm/named_key.h"

namespace custody::signer::officer {

constexpr std::size_t kMaxUri = 2048;  // bytes

// name=value, in the path or behind the question mark, with its escapes undone.
struct UriAttribute {
  std::string name;
  Bytes value;
  bool in_query = false;
};
// The grammar of RFC 7512, section 2.3. kInvalid says at which attribute: an unknown character, a bad escape,
// no value, a name twice.
Result<std::vector<UriAttribute>> parse_uri(std::string_view text);

struct KeyUri {
  hsm::NamedKey key;
  std::string module_path;  // absolute; empty: the URI names none
};
// A URI that names a private key: token or serial, object or id; manufacturer and model if need be; type, if
// given, private; module-path. kInvalid: anything else, above all a PIN.
Result<KeyUri> parse_key_uri(std::string_view text);

}  // namespace custody::signer::officer
