#include "tests/bench/raw_token.h"

#include "tests/bench/measure.h"

namespace custody::bench {

namespace hsm = signer::hsm;

RawToken::RawToken(const std::string& module, const std::string& label, ByteView key_id,
                   const SecretBytes& pin)
    : module_(must(hsm::Module::load(module))) {
  const hsm::TokenInfo token = must(hsm::find_token(*module_, {label, ""}));
  session_ = std::make_unique<hsm::Session>(
      must(hsm::Session::open(*module_, token.slot, hsm::Session::Access::kReadOnly)));
  must(session_->login(CKU_USER, pin));
  key_ = must(hsm::find_checked_key(*session_, "bench", key_id));
}

Bytes RawToken::sign(const Hash256& digest) {
  return must(hsm::sign_raw(*session_, key_.private_key, digest));
}

}  // namespace custody::bench
