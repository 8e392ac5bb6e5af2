// Asking this member's signer over its operator socket. kUnavailable: it does not answer. A refusal of the
// signer marks the context as answered, so that it is exit code 1. Thread-safety: one thread.
#pragma once

#include "ledger/model/intents.h"
#include "signer/cli/context.h"

namespace custody::signer::cli {

Result<model::SignReply> call_signer(Context& context, model::Intent intent);

// The answer's JSON.
Result<Json> ask_policy(Context& context, const model::PolicyQuery& query);
// Whose signer it is, out of what it answers about itself. kCorrupt: no member can have that number.
Result<model::MemberId> member_of(const Json& answer);
// What the signer says of the policy in force, from which officers' statements are made.
struct InForce {
  model::ChainId chain_id;
  model::MemberId member;
  std::uint64_t version = 0;
  Hash256 hash;
  std::uint64_t freeze_counter = 0;
  model::LedgerMs time;  // of the ledger, as it knows it
};
Result<InForce> ask_in_force(Context& context);
// What officers have signed. ok: it counts.
Status bring_statement(Context& context, model::Statement what, Bytes body);

}  // namespace custody::signer::cli
