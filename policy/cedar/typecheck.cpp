#include "policy/cedar/typecheck.h"

#include <algorithm>

#include "policy/cedar/limits.h"

namespace custody::policy::cedar {
namespace {
using ScopeKind = ScopeConstraint::Kind;
}  // namespace

TypeChecker::TypeChecker(const Schema& schema, const Environment& environment, Arena& arena,
                         std::uint64_t* steps)
    : schema_(schema), environment_(environment), arena_(arena), steps_(steps) {}

TypeChecker::Result TypeChecker::fail(const Expr& expr, std::string message) {
  error_ = TypeError{expr.at, std::move(message)};
  return std::nullopt;
}

TypeChecker::Result TypeChecker::wrong_type(const Expr& expr, const Type& type, std::string_view wanted) {
  return fail(expr, "expected " + std::string(wanted) + ", found " + to_string(type));
}

const Type* TypeChecker::entity_type(std::string_view name) {
  return arena_.make<Type>(Type{.kind = Kind::kEntity, .name = name});
}

bool TypeChecker::step(const Expr& expr) {
  if (++*steps_ <= kMaxValidationCost) return true;
  fail(expr, "the validation costs more than " + std::to_string(kMaxValidationCost) + " steps");
  return false;
}

std::optional<TypeError> TypeChecker::check(const Policy& policy) {
  may_match_ = false;
  *steps_ += 1 + policy.action.entities.size();
  const std::optional<bool> possible = check_scope(policy);
  if (!possible) return error_;
  if (!*possible) return std::nullopt;
  Capabilities known;
  for (const Condition& condition : policy.conditions) {
    Result body = type_of(*condition.body, known);
    if (body && !body->type->is_bool()) body = wrong_type(*condition.body, *body->type, "Bool");
    if (!body) return error_;
    // What comes after something that is never true is not looked at.
    if (body->type->kind == (condition.unless ? Kind::kTrue : Kind::kFalse)) return std::nullopt;
    if (!condition.unless) known = joined(std::move(known), body->known);
  }
  may_match_ = true;
  return std::nullopt;
}

std::optional<bool> TypeChecker::check_scope(const Policy& policy) {
  if (!side_may_match(policy.principal, environment_.principal)) return false;
  const std::optional<bool> action = action_may_match(policy.action);
  if (!action || !*action) return action;
  return side_may_match(policy.resource, environment_.resource);
}

bool TypeChecker::side_may_match(const ScopeConstraint& scope, std::string_view type) const {
  const EntityType* declared = schema_.find_type(type);
  const bool typed = scope.kind == ScopeKind::kIs || scope.kind == ScopeKind::kIsIn;
  if (typed && scope.type != type) return false;
  if (scope.slot) return true;
  if (scope.kind == ScopeKind::kEqual) return scope.entity.type == type;
  if (scope.kind != ScopeKind::kIn && scope.kind != ScopeKind::kIsIn) return true;
  return scope.entity.type == type || (declared != nullptr && declared->is_below(scope.entity.type));
}

bool TypeChecker::action_is_in(const EntityUid& action, const EntityUid& group) const {
  if (action == group) return true;
  const ActionType* declared = schema_.find_action(action);
  return declared != nullptr && declared->is_below(group);
}

std::optional<bool> TypeChecker::action_may_match(const ScopeConstraint& scope) {
  const EntityUid& action = environment_.action->uid;
  if (scope.kind == ScopeKind::kEqual) return action == scope.entity;
  if (scope.kind == ScopeKind::kIn) return action_is_in(action, scope.entity);
  if (scope.kind != ScopeKind::kInAny) return true;
  const auto other_type = [&](const EntityUid& uid) { return uid.type != scope.entities.front().type; };
  if (std::any_of(scope.entities.begin(), scope.entities.end(), other_type)) {
    error_ = TypeError{scope.at, "the actions of the scope are of different types"};
    return std::nullopt;
  }
  return std::any_of(scope.entities.begin(), scope.entities.end(),
                     [&](const EntityUid& group) { return action_is_in(action, group); });
}

// --- capabilities

Capabilities TypeChecker::joined(Capabilities a, const Capabilities& b) {
  *steps_ += a.size() + b.size();
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

bool TypeChecker::knows(const Capabilities& known, const Capability& wanted) {
  *steps_ += known.size();
  return std::any_of(known.begin(), known.end(), [&](const Capability& item) {
    if ((item.tag == nullptr) != (wanted.tag == nullptr) || item.name != wanted.name) return false;
    // Comparing costs at most as much as looking at the whole expression.
    *steps_ += wanted.subject->depth;
    return same_expr(*item.subject, *wanted.subject) &&
           (item.tag == nullptr || same_expr(*item.tag, *wanted.tag));
  });
}

Capabilities TypeChecker::both(const Capabilities& a, const Capabilities& b) {
  Capabilities out;
  for (const Capability& item : a) {
    if (knows(b, item)) out.push_back(item);
  }
  return out;
}

// --- expressions

TypeChecker::Result TypeChecker::type_of(const Expr& expr, const Capabilities& known) {
  if (!step(expr)) return std::nullopt;
  switch (expr.kind) {
    case ExprKind::kLiteral:
      return type_of_literal(expr);
    case ExprKind::kVariable:
      return type_of_variable(expr);
    case ExprKind::kIf:
      return type_of_if(expr, known);
    case ExprKind::kAnd:
      return type_of_and(expr, known);
    case ExprKind::kOr:
      return type_of_or(expr, known);
    case ExprKind::kNot:
      return type_of_not(expr, known);
    case ExprKind::kEqual:
    case ExprKind::kNotEqual:
      return type_of_equal(expr, known);
    case ExprKind::kLess:
    case ExprKind::kLessEqual:
    case ExprKind::kGreater:
    case ExprKind::kGreaterEqual:
      return type_of_order(expr, known);
    case ExprKind::kNegate:
    case ExprKind::kSum:
    case ExprKind::kProduct:
      return type_of_numbers(expr, known);
    case ExprKind::kIn: {
      const Result left = type_of(*expr.operands[0], known);
      if (!left) return std::nullopt;
      return type_of_in(expr, *expr.operands[0], *left->type, *expr.operands[1], known);
    }
    case ExprKind::kHas:
      return type_of_has(expr, known);
    case ExprKind::kLike:
      return type_of_like(expr, known);
    case ExprKind::kIs:
    case ExprKind::kIsIn:
      return type_of_is(expr, known);
    case ExprKind::kAttribute:
      return type_of_attribute(expr, known);
    case ExprKind::kCall:
      return type_of_call(expr, known);
    case ExprKind::kSet:
      return type_of_set(expr, known);
    case ExprKind::kRecord:
      break;
  }
  return type_of_record(expr, known);
}

TypeChecker::Result TypeChecker::type_of_literal(const Expr& expr) {
  switch (expr.value.kind()) {
    case Value::Kind::kBool:
      return bool_of(expr.value.flag() ? Kind::kTrue : Kind::kFalse);
    case Value::Kind::kLong:
      return Typed{basic_type(Kind::kLong), {}};
    case Value::Kind::kString:
      return Typed{basic_type(Kind::kString), {}};
    default:
      return Typed{entity_type(expr.value.entity().type), {}};
  }
}

TypeChecker::Result TypeChecker::type_of_variable(const Expr& expr) {
  switch (expr.variable) {
    case Variable::kPrincipal:
      return Typed{entity_type(environment_.principal), {}};
    case Variable::kAction:
      return Typed{entity_type(environment_.action->uid.type), {}};
    case Variable::kResource:
      return Typed{entity_type(environment_.resource), {}};
    case Variable::kContext:
      break;
  }
  return Typed{environment_.action->context, {}};
}

TypeChecker::Result TypeChecker::type_of_if(const Expr& expr, const Capabilities& known) {
  const Result condition = type_of(*expr.operands[0], known);
  if (!condition) return std::nullopt;
  if (!condition->type->is_bool()) return wrong_type(*expr.operands[0], *condition->type, "Bool");
  if (condition->type->kind == Kind::kFalse) return type_of(*expr.operands[2], known);
  Result then = type_of(*expr.operands[1], joined(known, condition->known));
  if (!then) return then;
  then->known = joined(condition->known, then->known);
  if (condition->type->kind == Kind::kTrue) return then;
  const Result otherwise = type_of(*expr.operands[2], known);
  if (!otherwise) return std::nullopt;
  const Type* type = join(arena_, then->type, otherwise->type);
  if (type == nullptr) {
    return fail(expr, "the branches have the types " + to_string(*then->type) + " and " +
                          to_string(*otherwise->type));
  }
  return Typed{type, both(then->known, otherwise->known)};
}

TypeChecker::Result TypeChecker::type_of_and(const Expr& expr, const Capabilities& known) {
  bool certain = true;
  Capabilities gained;
  for (const Expr* operand : expr.operands) {
    const Result result = type_of(*operand, joined(known, gained));
    if (!result) return std::nullopt;
    if (!result->type->is_bool()) return wrong_type(*operand, *result->type, "Bool");
    if (result->type->kind == Kind::kFalse) return bool_of(Kind::kFalse);
    certain = certain && result->type->kind == Kind::kTrue;
    gained = joined(std::move(gained), result->known);
  }
  return Typed{basic_type(certain ? Kind::kTrue : Kind::kBool), std::move(gained)};
}

TypeChecker::Result TypeChecker::type_of_or(const Expr& expr, const Capabilities& known) {
  // As if nested to the left; the value of "nothing yet" is false.
  Typed left{basic_type(Kind::kFalse), {}};
  for (const Expr* operand : expr.operands) {
    Result right = type_of(*operand, known);
    if (!right) return std::nullopt;
    if (!right->type->is_bool()) return wrong_type(*operand, *right->type, "Bool");
    if (right->type->kind == Kind::kTrue) return bool_of(Kind::kTrue);
    if (left.type->kind == Kind::kFalse) {
      left = *std::move(right);
    } else if (right->type->kind != Kind::kFalse) {
      left = Typed{basic_type(Kind::kBool), both(left.known, right->known)};
    }
  }
  return left;
}

TypeChecker::Result TypeChecker::type_of_not(const Expr& expr, const Capabilities& known) {
  const Result operand = type_of(*expr.operands[0], known);
  if (!operand) return std::nullopt;
  switch (operand->type->kind) {
    case Kind::kBool:
      return bool_of(Kind::kBool);
    case Kind::kTrue:
      return bool_of(Kind::kFalse);
    case Kind::kFalse:
      return bool_of(Kind::kTrue);
    default:
      return wrong_type(*expr.operands[0], *operand->type, "Bool");
  }
}

const EntityUid* TypeChecker::literal_entity(const Expr& expr) const {
  if (expr.kind == ExprKind::kLiteral && expr.value.is(Value::Kind::kEntity)) return &expr.value.entity();
  if (expr.kind == ExprKind::kVariable && expr.variable == Variable::kAction)
    return &environment_.action->uid;
  return nullptr;
}

TypeChecker::Result TypeChecker::type_of_equal(const Expr& expr, const Capabilities& known) {
  const Expr& left = *expr.operands[0];
  const Expr& right = *expr.operands[1];
  const Result left_type = type_of(left, known);
  if (!left_type) return std::nullopt;
  const Result right_type = type_of(right, known);
  if (!right_type) return std::nullopt;
  const bool negated = expr.kind == ExprKind::kNotEqual;
  const auto certain = [negated](bool equal) {
    return bool_of(equal != negated ? Kind::kTrue : Kind::kFalse);
  };
  const EntityUid* left_uid = literal_entity(left);
  const EntityUid* right_uid = literal_entity(right);
  if (left_uid != nullptr && right_uid != nullptr) return certain(*left_uid == *right_uid);
  if (left.kind == ExprKind::kLiteral && right.kind == ExprKind::kLiteral) {
    return certain(left.value == right.value);
  }
  if (join(arena_, left_type->type, right_type->type) != nullptr) return bool_of(Kind::kBool);
  if (left_type->type->kind == Kind::kEntity && right_type->type->kind == Kind::kEntity)
    return certain(false);
  return fail(expr,
              "cannot compare " + to_string(*left_type->type) + " with " + to_string(*right_type->type));
}

TypeChecker::Result TypeChecker::type_of_order(const Expr& expr, const Capabilities& known) {
  const Result left = type_of(*expr.operands[0], known);
  if (!left) return std::nullopt;
  const Result right = type_of(*expr.operands[1], known);
  if (!right) return std::nullopt;
  const Kind kind = left->type->kind;
  if (kind != Kind::kLong && kind != Kind::kDatetime && kind != Kind::kDuration) {
    return wrong_type(*expr.operands[0], *left->type, "Long, datetime or duration");
  }
  if (right->type->kind != kind) return wrong_type(*expr.operands[1], *right->type, to_string(*left->type));
  return bool_of(Kind::kBool);
}

TypeChecker::Result TypeChecker::type_of_numbers(const Expr& expr, const Capabilities& known) {
  for (const Expr* operand : expr.operands) {
    const Result result = type_of(*operand, known);
    if (!result) return std::nullopt;
    if (result->type->kind != Kind::kLong) return wrong_type(*operand, *result->type, "Long");
  }
  return Typed{basic_type(Kind::kLong), {}};
}

TypeChecker::Result TypeChecker::type_of_in(const Expr& expr, const Expr& left, const Type& left_type,
                                            const Expr& right, const Capabilities& known) {
  const Result right_type = type_of(right, known);
  if (!right_type) return std::nullopt;
  if (left_type.kind != Kind::kEntity) return wrong_type(left, left_type, "an entity");
  const bool set = right_type->type->kind == Kind::kSet;
  const Type* outer = set ? right_type->type->element : right_type->type;
  if (outer == nullptr || outer->kind != Kind::kEntity) {
    return wrong_type(expr, *right_type->type, "an entity or a set of entities");
  }
  const EntityUid* inner = literal_entity(left);
  if (inner != nullptr && schema_.find_action(*inner) != nullptr) {
    std::vector<const EntityUid*> groups;
    if (!set) groups.push_back(literal_entity(right));
    if (set && right.kind == ExprKind::kSet) {
      for (const Expr* item : right.operands) groups.push_back(literal_entity(*item));
    }
    if (!groups.empty() && std::find(groups.begin(), groups.end(), nullptr) == groups.end()) {
      const bool holds = std::any_of(groups.begin(), groups.end(),
                                     [&](const EntityUid* group) { return action_is_in(*inner, *group); });
      return bool_of(holds ? Kind::kTrue : Kind::kFalse);
    }
  }
  const EntityType* declared = schema_.find_type(left_type.name);
  const bool possible =
      left_type.name == outer->name || (declared != nullptr && declared->is_below(outer->name));
  return bool_of(possible ? Kind::kBool : Kind::kFalse);
}

TypeChecker::Result TypeChecker::type_of_is(const Expr& expr, const Capabilities& known) {
  const Expr& operand = *expr.operands[0];
  const Result result = type_of(operand, known);
  if (!result) return std::nullopt;
  if (result->type->kind != Kind::kEntity) return wrong_type(operand, *result->type, "an entity");
  if (result->type->name != expr.name) return bool_of(Kind::kFalse);
  if (expr.kind == ExprKind::kIs) return bool_of(Kind::kTrue);
  return type_of_in(expr, operand, *result->type, *expr.operands[1], known);
}

TypeChecker::Result TypeChecker::type_of_like(const Expr& expr, const Capabilities& known) {
  const Result operand = type_of(*expr.operands[0], known);
  if (!operand) return std::nullopt;
  if (operand->type->kind != Kind::kString) return wrong_type(*expr.operands[0], *operand->type, "String");
  return bool_of(Kind::kBool);
}

std::optional<TypeChecker::Member> TypeChecker::find_member(const Expr& expr, const Capabilities& known) {
  const Expr& subject = *expr.operands[0];
  const Result operand = type_of(subject, known);
  if (!operand) return std::nullopt;
  const Type& owner = *operand->type;
  const bool record = owner.kind == Kind::kRecord;
  if (!record && owner.kind != Kind::kEntity) {
    wrong_type(subject, owner, "an entity or a record");
    return std::nullopt;
  }
  const EntityType* declared = record ? nullptr : schema_.find_type(owner.name);
  const Type* attributes = record ? &owner : declared == nullptr ? nullptr : declared->attributes;
  return Member{&owner, attributes == nullptr ? nullptr : attributes->find(expr.name)};
}

TypeChecker::Result TypeChecker::type_of_has(const Expr& expr, const Capabilities& known) {
  const std::optional<Member> member = find_member(expr, known);
  if (!member) return std::nullopt;
  if (member->attribute == nullptr) return bool_of(Kind::kFalse);
  const Capability capability{expr.operands[0], expr.name, nullptr};
  // An entity may be missing from the store, so even a required attribute may not exist.
  const bool always = member->owner->kind == Kind::kRecord && member->attribute->required;
  if (always || knows(known, capability)) return bool_of(Kind::kTrue);
  return Typed{basic_type(Kind::kBool), {capability}};
}

TypeChecker::Result TypeChecker::type_of_attribute(const Expr& expr, const Capabilities& known) {
  const std::optional<Member> member = find_member(expr, known);
  if (!member) return std::nullopt;
  const AttributeType* attribute = member->attribute;
  if (attribute == nullptr) {
    return fail(expr, to_string(*member->owner) + " has no attribute " + quote(expr.name));
  }
  if (!attribute->required && !knows(known, {expr.operands[0], expr.name, nullptr})) {
    return fail(expr,
                "the attribute " + quote(expr.name) + " may not exist here; test it with \"has\" before");
  }
  return Typed{attribute->type, {}};
}

TypeChecker::Result TypeChecker::type_of_set(const Expr& expr, const Capabilities& known) {
  if (expr.operands.empty()) return fail(expr, "an empty set has no type");
  const Type* element = nullptr;
  for (const Expr* operand : expr.operands) {
    const Result result = type_of(*operand, known);
    if (!result) return std::nullopt;
    const Type* both_types = element == nullptr ? result->type : join(arena_, element, result->type);
    if (both_types == nullptr) {
      return fail(*operand, "the set has elements of the types " + to_string(*element) + " and " +
                                to_string(*result->type));
    }
    element = both_types;
  }
  return Typed{arena_.make<Type>(Type{.kind = Kind::kSet, .element = element}), {}};
}

TypeChecker::Result TypeChecker::type_of_record(const Expr& expr, const Capabilities& known) {
  const std::span<AttributeType> attributes = arena_.array<AttributeType>(expr.operands.size());
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const Result result = type_of(*expr.operands[i], known);
    if (!result) return std::nullopt;
    attributes[i] = {expr.names[i], result->type, true};
  }
  std::sort(attributes.begin(), attributes.end(),
            [](const AttributeType& a, const AttributeType& b) { return a.name < b.name; });
  return Typed{arena_.make<Type>(Type{.kind = Kind::kRecord, .attributes = attributes}), {}};
}

}  // namespace custody::policy::cedar
