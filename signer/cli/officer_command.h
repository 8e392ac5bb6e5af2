// custodyctl policy key: officers' keys. Thread-safety: one thread.
#pragma once

#include "base/json.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

struct NewOfficerKeyOptions {
  std::string out, curve, password;
};
Result<Json> officer_key_new(const NewOfficerKeyOptions& options);
// Of a file, or of a token without its PIN.
Result<Json> officer_key_show(const OfficerKeyOptions& options);

}  // namespace custody::signer::cli
