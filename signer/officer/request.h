// What custodyctl asks of custody-officer-sign: one JSON object on standard input. Thread-safety: values and
// pure functions.
#pragma once

#include "ledger/model/ids.h"
#include "signer/officer/key_uri.h"

namespace custody::signer::officer {

constexpr std::size_t kMaxRequest = 32u << 10;  // bytes of JSON

struct KeyRequest {
  hsm::NamedKey key;
  std::string module_path;  // absolute
};
// {"schema": "custody.officer-key-request/1", "key": URI, "module": PATH or ""}: all of them and no others.
// The module may stand in the URI or beside it, or in both if it is the same.
Result<KeyRequest> parse_key_request(std::string_view json);

struct SignRequest {
  KeyRequest key;
  std::string tag;  // one of policy/render's for officers' signatures
  ledger::model::ChainId chain_id;
  std::string text;  // the rendering that the officer was shown
};

// {"schema": "custody.officer-sign-request/1", "key": URI, "module": PATH or "", "tag": ..., "chain_id": 64
// hex digits, "text": ...}: all of them and no others. kInvalid: anything that is no rendering under an
// officer's tag.
Result<SignRequest> parse_sign_request(std::string_view json);

// Built from what was shown; no digest is ever taken from outside.
Hash256 digest_of(const SignRequest& request);

}  // namespace custody::signer::officer
