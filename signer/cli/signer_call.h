// Asking this member's signer over its operator socket. kUnavailable: it does not answer. A refusal of the
// signer marks the context as answered, so that it is exit code 1. Thread-safety: one thread.
#pragma once

#include "ledger/model/intents.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

Result<model::SignReply> call_signer(Context& context, model::Intent intent);

// The answer's JSON.
Result<Json> ask_policy(Context& context, const model::PolicyQuery& query);
// What officers have signed. ok: it counts.
Status bring_statement(Context& context, model::Statement what, Bytes body);

}  // namespace custody::signer::cli
