// custodyctl policy key: officers' key files. Thread-safety: one thread.
#pragma once

#include "base/json.h"

namespace custody::signer::cli {

struct NewOfficerKeyOptions {
  std::string out, curve, password;
};
Result<Json> officer_key_new(const NewOfficerKeyOptions& options);
Result<Json> officer_key_show(const std::string& file);

}  // namespace custody::signer::cli
