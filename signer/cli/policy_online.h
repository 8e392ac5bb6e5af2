// custodyctl policy, the part that asks this member's signer: which versions are in force, putting the next
// one in force, freezing, why something was decided, and what a draft would have said. Thread-safety: one
// thread.
#pragma once

#include "signer/cli/context.h"
#include "signer/cli/officer_key.h"

namespace custody::signer::cli {

// Versions with what became of each, what waits, what is frozen.
Result<Json> policy_history(Context& context);
// A file of `policy propose` with its signatures.
Result<Json> policy_activate(Context& context, const std::string& file);

struct FreezeOptions {
  std::string currency;  // empty: everything
  std::string reason;
  std::string officer;
  OfficerKeyOptions key;
  std::uint32_t valid_minutes = 60;  // of ledger time: the order has no effect later
};
Result<Json> policy_freeze(Context& context, const FreezeOptions& options);

// Signatures are collected in a file: the first officer gives reason and out, others in and out; in alone
// hands the order to the signer, and with show says what it holds. kExists: out is there already and is not
// in.
struct UnfreezeOptions {
  FreezeOptions order;
  std::string in, out;
  std::string hash = {};  // what show gave; no other order of `in` is signed. Empty: the terminal is asked
  bool show = false;
};
Result<Json> policy_unfreeze(Context& context, const UnfreezeOptions& options);

// By subject or request (decisions.h). Empty: all decisions that the signer remembers.
Result<Json> policy_explain(Context& context, const std::string& id);

struct SimulateOptions {
  std::string draft, genesis;
  bool incomplete = false;  // a past that the signer remembers in part only will do
};
// Every verdict about past requests that the draft would change. context.refused: the past is cut off.
Result<Json> policy_simulate(Context& context, const SimulateOptions& options);

}  // namespace custody::signer::cli
