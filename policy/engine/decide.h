// Whether the officers' policy lets this member sign what the guard has checked. Default deny; a policy that
// errs denies. Thread-safety: one thread per Decider.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cedar/authorizer.h"
#include "policy/engine/context.h"

namespace custody::policy::engine {

enum class Outcome : std::uint8_t { kAllow = 1, kPending = 2, kDeny = 3 };
std::string_view outcome_name(Outcome outcome);  // "ALLOW", "PENDING", "DENY"

// What the signer makes of Cedar's decision: a policy that errs denies.
bool allows(const cedar::Decision& decision);

// Of one part. PENDING: denied now, allowed with more approvals or waiting.
struct PartDecision {
  Part part;
  Outcome outcome = Outcome::kDeny;
  // Places in PolicySet::active(), ascending. ALLOW, PENDING: the permits; DENY: the forbids, or none when no
  // permit holds whatever officers approve.
  std::vector<std::uint32_t> policies;
  std::vector<std::uint32_t> erred;
  const cedar::Request* request = nullptr;  // with the approvals that there are now; nullptr: never asked
};

// rule, one of: "policy.allow"; "policy.pending"; for DENY "policy.forbid", "policy.no_permit",
// "policy.error" (a policy errs), "policy.missing" (a declared fact), "policy.frozen", "policy.rejected" (by
// an officer), "policy.kind", "policy.action" (not in the schema), "policy.principal" (which lets others ask
// for it), "policy.officer" (who asked is no officer of the bundle, or not valid any more), "policy.asked"
// (by somebody else already), "policy.currency" (no unit),
// "policy.amount", "policy.address" (the chain has none for a script), "policy.window_full",
// "policy.requests_full", "policy.bundle" (not the one in force), "policy.cost" (kMaxDecisionCost).
struct Decision {
  Outcome outcome = Outcome::kDeny;
  std::string_view rule;
  std::string reason;                // in words; empty for ALLOW and where the parts say all
  std::vector<render::Wants> wants;  // PENDING: what is still missing; any one suffices
  std::uint64_t bundle = 0;          // version
  model::LedgerMs time;              // as judged
  model::Height height;
  Bytes initiator;                             // officer who asks; empty: the member's node or operator
  Approvals approvals;                         // that counted
  const CompiledCurrency* currency = nullptr;  // nullptr: no money moves, or an unknown one
  const KnownRequest* known = nullptr;  // open or committed, of these terms; valid until the state changes

  // Valid until the next decision.
  std::span<const PartDecision> parts() const { return {storage.data(), used}; }

  std::vector<PartDecision> storage;  // kept from decision to decision
  std::size_t used = 0;
};

// The head that the guard has proven. Times before the state's latest count as that.
struct Now {
  model::Height height;
  model::LedgerMs time;
};

// kDraft: what a bundle that is not in force would say, over the state of the one that is: ages of the
// allow-list's entries and open requests are those of the bundle in force.
enum class Use : std::uint8_t { kInForce, kDraft };

class Decider {
 public:
  // compiled must outlive the decider.
  explicit Decider(const CompiledBundle& compiled, Use use = Use::kInForce);

  // Advances the state to the time, and changes nothing else. initiator: the officer who asks; empty: the
  // member's node or operator. Whoever asks again for what is open asks as its initiator, but an officer for
  // his own only. Valid until the next call. An ALLOW of one burn or mint to a listed payee allocates
  // nothing once warm.
  const Decision& decide(const model::IntentFacts& facts, EngineState& state, const Now& now,
                         ByteView initiator = {});

  // What is asked, as officers see it and find it again. kInvalid: a payee's script has no address.
  Result<render::Terms> terms_of(const model::IntentFacts& facts, model::LedgerMs time) const;
  // The record that opens a request after a PENDING decision that knows none. kInvalid:
  // render::check_request.
  Result<ReserveRecord> reserve_record(const model::IntentFacts& facts, const Decision& decision) const;
  // The records for the journal after ALLOW and DENY.
  Result<CommitRecord> commit_record(const model::IntentFacts& facts, const Decision& decision) const;
  static DeniedRecord denied_record(const model::IntentFacts& facts, const Decision& decision);

  const CompiledBundle& compiled() const { return compiled_; }
  // The request of a part of the last decision, with entities() for it, to evaluate policies again. The state
  // is as it was then; nullptr: a fact is missing.
  const cedar::Request* rebuild(const PartDecision& part, const EngineState& state);
  const cedar::Entities& entities() const { return context_.entities(); }

 private:
  enum class Judged : std::uint8_t { kAllow, kDeny, kError, kMissing, kCost };

  void reset(const model::IntentFacts& facts, EngineState& state, const Now& now, ByteView initiator);
  const Decision& deny(std::string_view rule, std::string reason);
  bool admit(const model::IntentFacts& facts, const EngineState& state);
  bool admit_money(const model::IntentFacts& facts, const EngineState& state);
  bool find_request(const model::IntentFacts& facts, const EngineState& state);
  bool find_terms(const model::IntentFacts& facts, const EngineState& state);
  bool find_initiator(const model::IntentFacts& facts);
  model::LedgerMs listed_since(std::uint32_t entry, const EngineState& state) const;
  bool make_parts(const model::IntentFacts& facts, const EngineState& state);
  bool may_ask(ActionKind action);
  bool add_payee(const model::PayeeFact& payee, const EngineState& state);
  PartDecision& add_part(ActionKind action);
  Judged judge(PartDecision& part, const Approvals& approvals, const EngineState& state, cedar::Arena& arena,
               bool keep);
  const Decision& judge_now(const EngineState& state);
  const Decision& judge_saturated(const EngineState& state);
  const Decision& refuse(const PartDecision& part, Judged judged);
  void find_wants(const EngineState& state, const Approvals& most);
  bool are_allowed(const Approvals& approvals, const EngineState& state);

  const CompiledBundle& compiled_;
  Use use_;
  ContextBuilder context_;
  cedar::Authorizer authorizer_;
  cedar::Arena arena_;        // of the decision
  cedar::Arena trial_arena_;  // of one evaluation with other approvals
  model::IntentFacts facts_;  // of the last decision
  Subject subject_;
  std::vector<WindowAmount> amounts_;
  Decision decision_;
};

}  // namespace custody::policy::engine
