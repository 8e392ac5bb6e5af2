// Evaluation of one expression. Cost is counted in steps: one per expression visited, per element of a set
// and per field of a record that is built or compared, per 16 bytes of text compared. Thread-safety: one
// thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "policy/cedar/arena.h"
#include "policy/cedar/entities.h"
#include "policy/cedar/limits.h"
#include "policy/cedar/policy.h"
#include "policy/cedar/position.h"
#include "policy/cedar/value.h"

namespace custody::policy::cedar {

// Views: what they point to must outlive the decision.
struct Request {
  EntityUid principal;
  EntityUid action;
  EntityUid resource;
  Record context;
};

struct EvaluationError {
  enum class Kind : std::uint8_t {
    kNone,
    kType,         // an operand of another type than the operator takes
    kOverflow,     // outside the range of a 64-bit integer
    kNoAttribute,  // the record or entity has no such attribute
    kNoTag,        // the entity has no such tag
    kNoEntity,     // the entity is not in the store
    kExtension,    // a text that is not of the extension type
    kArity,        // a function with another number of arguments
    kCost,         // kMaxDecisionCost
  };
  Kind kind = Kind::kNone;
  Position at;
};
std::string to_string(const EvaluationError& error);

// What function(arguments...) evaluates to, outside of any policy. Memory in arena.
Result<Value> apply_function(Arena& arena, Function function, std::span<const Value> arguments);

// What Expr::path evaluated to, in one decision.
struct PathValue {
  bool known = false;
  Value value;
};

class Evaluator {
 public:
  // arena: for intermediate values. paths: PolicySet::path_count() unknown values, or empty to keep none. All
  // must outlive the evaluator.
  Evaluator(const Request& request, const Entities& entities, Arena& arena, std::span<PathValue> paths = {});

  // False when the policy errs; error() then says why.
  bool evaluate(const Expr& expr, Value* value);
  // Whether scope and conditions hold. False with error().kind != kNone when the policy errs.
  bool satisfied(const Policy& policy);
  const EvaluationError& error() const { return error_; }
  bool out_of_budget() const { return cost_ > kMaxDecisionCost; }

 private:
  using Kind = Value::Kind;
  bool fail(EvaluationError::Kind kind, const Expr& expr);
  bool charge(std::uint64_t steps, const Expr& expr);
  bool evaluate_bool(const Expr& expr, bool* value);
  bool evaluate_if(const Expr& expr, Value* value);
  bool evaluate_logic(const Expr& expr, Value* value);
  bool evaluate_unary(const Expr& expr, Value* value);
  bool evaluate_comparison(const Expr& expr, Value* value);
  bool evaluate_sum(const Expr& expr, Value* value);
  bool evaluate_product(const Expr& expr, Value* value);
  bool evaluate_in(const Expr& expr, const Value& left, const Expr& right_expr, Value* value);
  bool evaluate_is(const Expr& expr, Value* value);
  bool evaluate_has(const Expr& expr, Value* value);
  bool evaluate_path(const Expr& expr, Value* value);
  bool evaluate_attribute(const Expr& expr, Value* value);
  bool evaluate_like(const Expr& expr, Value* value);
  bool evaluate_set(const Expr& expr, Value* value);
  bool evaluate_record(const Expr& expr, Value* value);
  bool evaluate_call(const Expr& expr, Value* value);
  bool call_set(const Expr& expr, const Value& self, const Value& other, Value* value);
  bool call_tag(const Expr& expr, const Value& self, const Value& tag, Value* value);
  bool call_extension(const Expr& expr, const Value& self, const Value& other, Value* value);
  bool call_datetime(const Expr& expr, const Value& self, const Value& other, Value* value);
  const Entity* find(const EntityUid& uid) const;
  bool is_in(const EntityUid& inner, const EntityUid& outer) const;
  bool in_scope(const ScopeConstraint& constraint, const EntityUid& uid) const;

  const Request& request_;
  const Entities& entities_;
  Arena& arena_;
  std::span<PathValue> paths_;
  const Entity* principal_;
  const Entity* action_;
  const Entity* resource_;
  Value variables_[4];
  std::uint64_t cost_ = 0;
  EvaluationError error_;
};

}  // namespace custody::policy::cedar
