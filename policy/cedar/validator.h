// Strict validation (docs.cedarpolicy.com/policies/validation.html): of policies, so that with entities and
// requests that conform to the schema they cannot err other than by overflow, and of those entities and
// requests. The results are those of Cedar 4.10. Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "policy/cedar/entities.h"
#include "policy/cedar/evaluator.h"
#include "policy/cedar/policy.h"
#include "policy/cedar/position.h"
#include "policy/cedar/schema.h"

namespace custody::policy::cedar {

struct ValidationError {
  std::string policy;  // Policy::id
  Position at;
  std::string message;
};

// Every policy and template of the text and every link. Empty: all are valid. In the order of the policies.
std::vector<ValidationError> validate(const PolicySet& policies, const Schema& schema);

// The ids of those policies of the text that no request can match: in every environment of the schema their
// scope or a condition is false by its type. No error, and no part of Cedar's verdict; a policy that has
// errors, or costs too much to tell, is not named.
std::vector<std::string> never_matching(const PolicySet& policies, const Schema& schema);

// That one entity conforms; kInvalid says what does not.
Status validate_entity(const Entity& entity, const Schema& schema);
// That principal, action, resource and context are what the schema allows together.
Status validate_request(const Request& request, const Schema& schema);

// What the two above share: that a value has a type and names no entity that an enumerated type does not
// have.
Status validate_value(const Value& value, const Type& type, const Schema& schema);

}  // namespace custody::policy::cedar
