// The strict type checker: the type of an expression in one request environment. It follows the rules of the
// formal model (cedar-spec, Validation/Typechecker) and of Cedar 4.10. Thread-safety: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/cedar/policy.h"
#include "policy/cedar/schema.h"

namespace custody::policy::cedar {

// The types of principal and resource, and the action, of the requests that are looked at.
struct Environment {
  std::string_view principal;
  const ActionType* action = nullptr;
  std::string_view resource;
};

// What is known to exist where an expression is evaluated: `subject has name`, or `subject.hasTag(tag)`.
struct Capability {
  const Expr* subject = nullptr;
  std::string_view name;
  const Expr* tag = nullptr;  // nullptr: an attribute
};
using Capabilities = std::vector<Capability>;

struct TypeError {
  Position at;
  std::string message;
};

class TypeChecker {
 public:
  // steps: expressions and capabilities looked at so far, counted on; the checker stops with an error at
  // kMaxValidationCost.
  TypeChecker(const Schema& schema, const Environment& environment, Arena& arena, std::uint64_t* steps);

  // The first error of the policy in this environment; nullopt when there is none.
  std::optional<TypeError> check(const Policy& policy);
  // After a check without an error: false when the scope or a condition is never true here, by its type.
  bool may_match() const { return may_match_; }

 private:
  struct Typed {
    const Type* type = nullptr;
    Capabilities known;  // holds when the expression is true
  };
  using Result = std::optional<Typed>;  // nullopt: error_ says why
  struct Member {
    const Type* owner = nullptr;               // a record or an entity
    const AttributeType* attribute = nullptr;  // nullptr: it declares none of that name
  };
  using Kind = Type::Kind;

  Result fail(const Expr& expr, std::string message);
  Result wrong_type(const Expr& expr, const Type& type, std::string_view wanted);
  static Result bool_of(Kind kind) { return Typed{basic_type(kind), {}}; }
  const Type* entity_type(std::string_view name);

  // Whether the scope can be true; nullopt: an error.
  std::optional<bool> check_scope(const Policy& policy);
  bool side_may_match(const ScopeConstraint& scope, std::string_view type) const;
  std::optional<bool> action_may_match(const ScopeConstraint& scope);
  bool action_is_in(const EntityUid& action, const EntityUid& group) const;

  Result type_of(const Expr& expr, const Capabilities& known);
  Result type_of_literal(const Expr& expr);
  Result type_of_variable(const Expr& expr);
  Result type_of_if(const Expr& expr, const Capabilities& known);
  Result type_of_and(const Expr& expr, const Capabilities& known);
  Result type_of_or(const Expr& expr, const Capabilities& known);
  Result type_of_not(const Expr& expr, const Capabilities& known);
  Result type_of_equal(const Expr& expr, const Capabilities& known);
  Result type_of_order(const Expr& expr, const Capabilities& known);
  Result type_of_numbers(const Expr& expr, const Capabilities& known);
  Result type_of_in(const Expr& expr, const Expr& left, const Type& left_type, const Expr& right,
                    const Capabilities& known);
  Result type_of_is(const Expr& expr, const Capabilities& known);
  std::optional<Member> find_member(const Expr& expr, const Capabilities& known);
  Result type_of_has(const Expr& expr, const Capabilities& known);
  Result type_of_attribute(const Expr& expr, const Capabilities& known);
  Result type_of_like(const Expr& expr, const Capabilities& known);
  Result type_of_set(const Expr& expr, const Capabilities& known);
  Result type_of_record(const Expr& expr, const Capabilities& known);
  Result type_of_call(const Expr& expr, const Capabilities& known);
  Result type_of_set_method(const Expr& expr, const std::vector<const Type*>& types);
  Result type_of_tag_method(const Expr& expr, const std::vector<const Type*>& types,
                            const Capabilities& known);
  Result type_of_extension(const Expr& expr, const std::vector<const Type*>& types);
  // The action that an expression names: a literal, or the variable.
  const EntityUid* literal_entity(const Expr& expr) const;
  Capabilities joined(Capabilities a, const Capabilities& b);
  bool knows(const Capabilities& known, const Capability& wanted);
  Capabilities both(const Capabilities& a, const Capabilities& b);
  bool step(const Expr& expr);

  const Schema& schema_;
  const Environment& environment_;
  Arena& arena_;
  std::uint64_t* steps_;
  std::optional<TypeError> error_;
  bool may_match_ = false;
};

}  // namespace custody::policy::cedar
