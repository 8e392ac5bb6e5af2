// The fault script of the probe: which call of which function misbehaves, and how. Thread-safety: values.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace custody::tests::probe {

enum class Action {
  kReturn,       // return rv without calling the module
  kReturnAfter,  // call the module, then return rv
  kDelay,        // wait, then go on
  kPrint,        // write more to standard output than a pipe holds, then go on
  kCorrupt,      // flip a bit of the signature
  kHighS,        // give the signature its high-S form (secp256k1)
  kShort,        // give one byte less than the signature has
  kWrongKey,     // a signature over the same digest by another private key of the token
  kCrashBefore,  // SIGKILL to this process before the module is called
  kCrashAfter,   // ... after it returned
};

struct Rule {
  std::string function;               // "C_Sign"
  std::optional<std::uint64_t> call;  // which call since the script was read, from 1; nullopt: every one
  Action action = Action::kReturn;
  CK_RV rv = CKR_OK;
  std::uint64_t delay_ms = 0;
};

// One rule a line: FUNCTION NUMBER|* ACTION [ARGUMENT]; empty lines and what follows '#' are skipped. error
// says which line is wrong; the rules before it are kept.
struct Script {
  std::vector<Rule> rules;
  std::string error;
};
Script parse_script(std::string_view text);

}  // namespace custody::tests::probe
