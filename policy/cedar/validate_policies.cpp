#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "policy/cedar/limits.h"
#include "policy/cedar/typecheck.h"
#include "policy/cedar/validator.h"

namespace custody::policy::cedar {
namespace {

using ScopeKind = ScopeConstraint::Kind;

bool names_action(std::string_view type) {
  return type == "Action" || type.ends_with("::Action");
}

class PolicyValidator {
 public:
  explicit PolicyValidator(const Schema& schema) : schema_(schema) {}

  // Of a policy that was linked only the scope: its conditions are judged with the template.
  void validate(const Policy& policy) {
    policy_ = &policy;
    const std::size_t before = errors_.size();
    check_scope_names(policy.principal);
    check_scope_names(policy.action);
    check_scope_names(policy.resource);
    if (!policy.linked) {
      for (const Condition& condition : policy.conditions) check_names(*condition.body);
    }
    if (errors_.size() == before) check_applies(policy);
    if (!policy.linked) check_types(policy);
  }

  bool may_match(const Policy& policy) {
    for (const ActionType& action : schema_.actions()) {
      for (const std::string_view principal : action.principals) {
        for (const std::string_view resource : action.resources) {
          const Environment environment{principal, &action, resource};
          arena_.reset();
          TypeChecker checker(schema_, environment, arena_, &steps_);
          if (checker.check(policy) || checker.may_match() || steps_ > kMaxValidationCost) return true;
        }
      }
    }
    return false;
  }

  std::vector<ValidationError> take() && { return std::move(errors_); }

 private:
  void report(Position at, std::string message) {
    errors_.push_back({std::string(policy_->id), at, std::move(message)});
  }

  void report_cost(const Policy& policy) {
    report(policy.at, "the validation costs more than " + std::to_string(kMaxValidationCost) + " steps");
  }

  // --- every name must be declared, also in parts that can never be true

  void check_type_name(std::string_view type, Position at) {
    if (schema_.find_type(type) != nullptr || schema_.is_action_type(type)) return;
    report(at, "the schema has no entity type " + std::string(type));
  }

  // What fills a slot may be any id, as in Cedar 4.10: it then matches no entity that conforms to the schema.
  void check_uid(const EntityUid& uid, Position at) {
    const EntityType* type = schema_.find_type(uid.type);
    if (names_action(uid.type)) {
      if (schema_.find_action(uid) == nullptr) report(at, "the schema has no action " + to_string(uid));
    } else if (type == nullptr) {
      report(at, "the schema has no entity type " + std::string(uid.type));
    } else if (!policy_->linked && type->enumerated && !type->has_choice(uid.id)) {
      report(at, "the enumerated type " + std::string(uid.type) + " has no entity " + quote(uid.id));
    }
  }

  void check_scope_names(const ScopeConstraint& scope) {
    switch (scope.kind) {
      case ScopeKind::kAny:
        return;
      case ScopeKind::kIs:
        return check_type_name(scope.type, scope.at);
      case ScopeKind::kIsIn:
        check_type_name(scope.type, scope.at);
        break;
      case ScopeKind::kInAny:
        for (const EntityUid& uid : scope.entities) check_uid(uid, scope.at);
        return;
      case ScopeKind::kEqual:
      case ScopeKind::kIn:
        break;
    }
    if (!scope.slot) check_uid(scope.entity, scope.at);
  }

  void check_names(const Expr& expr) {
    if (expr.kind == ExprKind::kLiteral && expr.value.is(Value::Kind::kEntity))
      check_uid(expr.value.entity(), expr.at);
    if (expr.kind == ExprKind::kIs || expr.kind == ExprKind::kIsIn) check_type_name(expr.name, expr.at);
    for (const Expr* operand : expr.operands) check_names(*operand);
  }

  // --- some action must apply to what the scope allows

  bool allows_type(const ScopeConstraint& scope, std::string_view type) const {
    const bool typed = scope.kind == ScopeKind::kIs || scope.kind == ScopeKind::kIsIn;
    if (typed && scope.type != type) return false;
    if (scope.slot || scope.kind == ScopeKind::kAny || scope.kind == ScopeKind::kIs) return true;
    if (scope.entity.type == type) return true;
    const EntityType* declared = schema_.find_type(type);
    return scope.kind != ScopeKind::kEqual && declared != nullptr && declared->is_below(scope.entity.type);
  }

  static bool allows_action(const ScopeConstraint& scope, const ActionType& action) {
    const auto in = [&action](const EntityUid& group) {
      return action.uid == group || action.is_below(group);
    };
    switch (scope.kind) {
      case ScopeKind::kEqual:
        return action.uid == scope.entity;
      case ScopeKind::kIn:
        return in(scope.entity);
      case ScopeKind::kInAny:
        return std::any_of(scope.entities.begin(), scope.entities.end(), in);
      default:
        return true;
    }
  }

  void check_applies(const Policy& policy) {
    const auto some = [this](const ScopeConstraint& scope, std::span<const std::string_view> types) {
      return std::any_of(types.begin(), types.end(),
                         [&](std::string_view type) { return allows_type(scope, type); });
    };
    for (const ActionType& action : schema_.actions()) {
      steps_ += 1 + policy.action.entities.size() + action.principals.size() + action.resources.size();
      if (steps_ > kMaxValidationCost) return report_cost(policy);
      if (allows_action(policy.action, action) && some(policy.principal, action.principals) &&
          some(policy.resource, action.resources)) {
        return;
      }
    }
    report(policy.at, "no action applies to what the scope allows");
  }

  // --- types, in every environment

  void check_types(const Policy& policy) {
    std::set<std::pair<std::uint32_t, std::uint32_t>> reported;
    for (const ActionType& action : schema_.actions()) {
      for (const std::string_view principal : action.principals) {
        for (const std::string_view resource : action.resources) {
          const Environment environment{principal, &action, resource};
          arena_.reset();
          if (steps_ > kMaxValidationCost) return report_cost(policy);
          const auto error = TypeChecker(schema_, environment, arena_, &steps_).check(policy);
          if (!error || !reported.emplace(error->at.line, error->at.column).second) continue;
          report(error->at, error->message + " (with " + std::string(principal) + ", " +
                                to_string(action.uid) + ", " + std::string(resource) + ")");
          if (steps_ > kMaxValidationCost) return;
        }
      }
    }
  }

  const Schema& schema_;
  const Policy* policy_ = nullptr;
  Arena arena_;
  std::uint64_t steps_ = 0;
  std::vector<ValidationError> errors_;
};

}  // namespace

std::vector<ValidationError> validate(const PolicySet& policies, const Schema& schema) {
  PolicyValidator validator(schema);
  for (const Policy& policy : policies.all()) validator.validate(policy);
  for (const Policy& policy : policies.active()) {
    if (policy.linked) validator.validate(policy);
  }
  return std::move(validator).take();
}

std::vector<std::string> never_matching(const PolicySet& policies, const Schema& schema) {
  PolicyValidator validator(schema);
  std::vector<std::string> out;
  for (const Policy& policy : policies.all()) {
    if (!validator.may_match(policy)) out.emplace_back(policy.id);
  }
  return out;
}

}  // namespace custody::policy::cedar
