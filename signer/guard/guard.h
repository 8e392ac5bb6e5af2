// The checks that no policy can switch off: a pure function of what the signer remembers and what it is
// asked.
//
// Every digest that the signer signs is built here from the intent's fields and, for money, from state proven
// under a quorum's commit. Nothing here reads a clock, a file or a socket. Thread-safety: pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "ledger/model/intents.h"

namespace custody::signer::guard {

namespace model = ledger::model;

// What was found right: which key signs which digests, what must be remembered first, what policy judges.
struct Verdict {
  model::GuardKey key;
  std::vector<Hash256> digests;  // one; for a payout one per input, in input order
  model::GuardState next;
  model::IntentFacts facts;
  bool repeat = false;  // authorised before with the same digests: an outcome that was never learnt
};

// The state of a member's guard before it has signed anything. kNotFound when the member is not in genesis,
// kExhausted when the fixed tables cannot hold this genesis (kMaxGuardState).
Result<model::GuardState> initial_state(const model::Genesis& genesis, const model::ChainId& chain_id,
                                        model::MemberId member);

// kRefused, or kExhausted for a full table, with the rule as the message's context: "guard.watermark: ...".
// On an error nothing is to be remembered.
Result<Verdict> check(const model::GuardState& state, const model::Intent& intent);

// The state after a proven final block, of which nothing but the time is wanted. Refused by the rules that
// hold for the evidence of every intent: guard.head, guard.fork, guard.stale, guard.time, guard.evidence.
Result<model::GuardState> advance(const model::GuardState& state, const model::LedgerEvidence& evidence);

// The rule of a refusal ("guard.watermark", "policy.day_limit"): the message up to its first colon, when it
// is one.
std::string_view rule_of(const Status& status);

// Consensus position order: proposal 1, prevote 2, precommit 3.
constexpr std::uint8_t kProposalStep = 1;
constexpr std::uint8_t kPrevoteStep = 2;
constexpr std::uint8_t kPrecommitStep = 3;

// Evidence may be this many blocks behind the last precommit (design section 6).
constexpr std::uint64_t kHeadLag = 2;

}  // namespace custody::signer::guard
