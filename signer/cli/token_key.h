// An officer's key in a token or smart card, named by a PKCS#11 URI (RFC 7512). custodyctl loads no PKCS#11
// module: custody-officer-sign, which lies beside it, does so as a child process. What it answers is checked
// here. Thread-safety: one thread.
#pragma once

#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

bool is_token_uri(std::string_view key);  // or else the name of a file

// The token is asked by sign(). kInvalid: a password file is given, or no PIN file.
Result<std::unique_ptr<OfficerKey>> open_token_key(const OfficerKeyOptions& options);

// What the token says of the key's public part, without a PIN.
Result<OfficerPublicKey> read_token_key(const OfficerKeyOptions& options);

}  // namespace custody::signer::cli
