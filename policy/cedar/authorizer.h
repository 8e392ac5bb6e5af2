// Cedar's decision (docs.cedarpolicy.com/auth/authorization.html): deny unless a permit is satisfied and no
// forbid is. A policy that errs is skipped and named. What the signer uses denies when any policy errs; that
// rule is policy/engine's, not this folder's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "policy/cedar/entities.h"
#include "policy/cedar/evaluator.h"
#include "policy/cedar/policy.h"

namespace custody::policy::cedar {

struct PolicyError {
  std::uint32_t policy = 0;  // place in PolicySet::active()
  EvaluationError error;
};

struct Decision {
  bool allow = false;
  std::vector<std::uint32_t> reasons;  // places in PolicySet::active(), ascending: the policies that decided
  std::vector<PolicyError> errors;     // by place, ascending
};

// A policy set made ready for many decisions: indexed by action and resource, with memory that is kept from
// one decision to the next. Thread-safety: one thread at a time; several may share one PolicySet.
class Authorizer {
 public:
  // policies must outlive the authorizer and stay as it is: link() first.
  explicit Authorizer(const PolicySet& policies);
  ~Authorizer();
  Authorizer(Authorizer&&) noexcept;
  Authorizer& operator=(Authorizer&&) noexcept;

  // Valid until the next call. Allocates nothing when an earlier decision needed as much memory.
  // kExhausted: kMaxDecisionCost, and then nothing is decided.
  Result<const Decision*> decide(const Request& request, const Entities& entities);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same for a single decision.
Result<Decision> cedar_decide(const PolicySet& policies, const Request& request, const Entities& entities);

}  // namespace custody::policy::cedar
