// signer.toml: every key is mandatory, unknown ones stop the start. Thread-safety: values.
#pragma once

#include <string>
#include <vector>

#include "signer/hsm/pkcs11_token.h"
#include "signer/journal/signer_journal.h"

namespace custody::signer::daemon {

// How much is kept out of swap: the whole process, or secrets only (base/secret.h, always).
enum class MemoryLock { kSecrets, kAll };

struct DaemonConfig {
  std::string member;           // its name in genesis
  std::string softhsm_conf;     // absolute, or "" when the module is not SoftHSM2
  std::string token_directory;  // absolute, or "" when the token is no directory
  MemoryLock memory_lock = MemoryLock::kAll;
  hsm::Pkcs11Options token;
  std::vector<hsm::PinnedKey> keys;
};

// Relative paths are taken from the member's directory, which must be absolute.
Result<DaemonConfig> parse_config(std::string_view text, const std::string& origin,
                                  const std::string& member_directory);

// The token and keys of the file must be those that the ceremony pinned in the journal. kRefused names the
// difference.
Status check_pins(const DaemonConfig& config, const journal::Binding& binding);

}  // namespace custody::signer::daemon
