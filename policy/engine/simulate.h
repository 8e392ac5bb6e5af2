// What a draft of a bundle would have said of what was really asked: the journal's records one after the
// other, each judged over the state that there was. Thread-safety: one thread.
#pragma once

#include <optional>
#include <string>

#include "policy/engine/explain.h"

namespace custody::policy::engine {

struct ChangedVerdict {
  model::IntentFacts facts;
  model::LedgerMs time;
  Outcome before = Outcome::kDeny;  // as recorded
  Outcome after = Outcome::kDeny;   // under the draft
  std::string explanation;          // to_text of the decision under the draft
};

class Simulation {
 public:
  // draft must outlive the simulation.
  explicit Simulation(const CompiledBundle& draft) : decider_(draft, Use::kDraft) {}

  // The next record, from the journal's first on. The verdict when it is another one under the draft. An
  // error of EngineState::apply: the records do not follow one another.
  Result<std::optional<ChangedVerdict>> step(const Record& record);
  std::size_t judged() const { return judged_; }  // requests so far

 private:
  std::optional<ChangedVerdict> judge(const model::IntentFacts& facts, const Now& now, ByteView initiator,
                                      Outcome before);

  Decider decider_;
  EngineState state_;
  std::size_t judged_ = 0;
};

}  // namespace custody::policy::engine
