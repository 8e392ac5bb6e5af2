#include "policy/engine/simulate.h"

namespace custody::policy::engine {

Result<std::optional<ChangedVerdict>> Simulation::step(const Record& record) {
  std::optional<ChangedVerdict> changed;
  if (const auto* reserve = std::get_if<ReserveRecord>(&record)) {
    const render::Request& request = reserve->request;
    changed = judge(reserve->facts, {request.height, request.opened}, request.initiator, Outcome::kPending);
  } else if (const auto* commit = std::get_if<CommitRecord>(&record)) {
    changed = judge(commit->facts, {commit->height, commit->time}, commit->initiator, Outcome::kAllow);
  } else if (const auto* denied = std::get_if<DeniedRecord>(&record)) {
    changed = judge(denied->facts, {denied->height, denied->time}, denied->initiator, Outcome::kDeny);
  }
  TRY(state_.apply(record));
  return changed;
}

std::optional<ChangedVerdict> Simulation::judge(const model::IntentFacts& facts, const Now& now,
                                                ByteView initiator, Outcome before) {
  ++judged_;
  const Decision& decision = decider_.decide(facts, state_, now, initiator);
  if (decision.outcome == before) return std::nullopt;
  return ChangedVerdict{facts, decision.time, before, decision.outcome,
                        to_text(explain(decider_, decision, state_))};
}

}  // namespace custody::policy::engine
