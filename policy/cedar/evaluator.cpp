#include "policy/cedar/evaluator.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace custody::policy::cedar {
namespace {

constexpr std::size_t kTextBytesPerStep = 16;

std::uint64_t comparison_cost(const Value& a, const Value& b) {
  return std::min(a.weight(), b.weight());
}

// Whether text is parts[0], anything, parts[1], anything, ..., the last part.
bool matches(std::string_view text, std::span<const std::string_view> parts) {
  const std::string_view first = parts.front();
  const std::string_view last = parts.back();
  if (parts.size() == 1) return text == first;
  if (!text.starts_with(first)) return false;
  text.remove_prefix(first.size());
  for (const std::string_view part : parts.subspan(1, parts.size() - 2)) {
    const std::size_t at = text.find(part);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + part.size());
  }
  return text.ends_with(last);
}

// Upper bound of what matches() compares: for each part, every start in the text, 16 bytes a step.
std::uint64_t matching_cost(std::string_view text, std::span<const std::string_view> parts) {
  std::uint64_t cost = 1;
  for (const std::string_view part : parts) {
    cost += text.size() / kTextBytesPerStep * (1 + part.size() / kTextBytesPerStep) +
            part.size() / kTextBytesPerStep + 1;
  }
  return cost;
}

bool contains_all(const Set& outer, const Set& inner) {
  return std::all_of(inner.items.begin(), inner.items.end(),
                     [&outer](const Value& item) { return outer.contains(item); });
}

bool contains_any(const Set& a, const Set& b) {
  const Set& small = a.items.size() <= b.items.size() ? a : b;
  const Set& large = a.items.size() <= b.items.size() ? b : a;
  return std::any_of(small.items.begin(), small.items.end(),
                     [&large](const Value& item) { return large.contains(item); });
}

std::string_view reason(EvaluationError::Kind kind) {
  switch (kind) {
    case EvaluationError::Kind::kNone:
      return "no error";
    case EvaluationError::Kind::kType:
      return "an operand has a type that the operator does not take";
    case EvaluationError::Kind::kOverflow:
      return "the result is outside the range of a signed 64-bit integer";
    case EvaluationError::Kind::kNoAttribute:
      return "there is no such attribute";
    case EvaluationError::Kind::kNoTag:
      return "there is no such tag";
    case EvaluationError::Kind::kNoEntity:
      return "the entity does not exist";
    case EvaluationError::Kind::kExtension:
      return "the text is not of the form that the function takes";
    case EvaluationError::Kind::kArity:
      return "the function takes another number of arguments";
    case EvaluationError::Kind::kCost:
      break;
  }
  return "the decision costs more than the limit";
}

}  // namespace

std::string to_string(const EvaluationError& error) {
  return to_string(error.at) + ": " + std::string(reason(error.kind));
}

Result<Value> apply_function(Arena& arena, Function function, std::span<const Value> arguments) {
  std::vector<Expr> literals(arguments.size());
  std::vector<const Expr*> operands;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    literals[i].value = arguments[i];
    operands.push_back(&literals[i]);
  }
  Expr call;
  call.kind = ExprKind::kCall;
  call.function = function;
  call.operands = operands;
  const Request request;
  const Entities entities;
  Evaluator evaluator(request, entities, arena);
  Value value;
  if (evaluator.evaluate(call, &value)) return value;
  return invalid(std::string(function_name(function)) + ": " + std::string(reason(evaluator.error().kind)));
}

Evaluator::Evaluator(const Request& request, const Entities& entities, Arena& arena,
                     std::span<PathValue> paths)
    : request_(request),
      entities_(entities),
      arena_(arena),
      paths_(paths),
      principal_(entities.find(request.principal)),
      action_(entities.find(request.action)),
      resource_(entities.find(request.resource)),
      variables_{Value(&request.principal), Value(&request.action), Value(&request.resource),
                 Value(&request.context)} {}

bool Evaluator::fail(EvaluationError::Kind kind, const Expr& expr) {
  error_ = {kind, expr.at};
  return false;
}

bool Evaluator::charge(std::uint64_t steps, const Expr& expr) {
  cost_ = steps > kMaxDecisionCost ? kMaxDecisionCost + 1 : cost_ + steps;
  return cost_ <= kMaxDecisionCost || fail(EvaluationError::Kind::kCost, expr);
}

const Entity* Evaluator::find(const EntityUid& uid) const {
  if (uid == request_.principal) return principal_;
  if (uid == request_.resource) return resource_;
  if (uid == request_.action) return action_;
  return entities_.find(uid);
}

bool Evaluator::is_in(const EntityUid& inner, const EntityUid& outer) const {
  if (inner == outer) return true;
  const Entity* entity = find(inner);
  return entity != nullptr && entity->is_below(outer);
}

bool Evaluator::in_scope(const ScopeConstraint& constraint, const EntityUid& uid) const {
  switch (constraint.kind) {
    case ScopeConstraint::Kind::kAny:
      return true;
    case ScopeConstraint::Kind::kEqual:
      return uid == constraint.entity;
    case ScopeConstraint::Kind::kIn:
      return is_in(uid, constraint.entity);
    case ScopeConstraint::Kind::kIs:
      return uid.type == constraint.type;
    case ScopeConstraint::Kind::kIsIn:
      return uid.type == constraint.type && is_in(uid, constraint.entity);
    case ScopeConstraint::Kind::kInAny:
      break;
  }
  return std::any_of(constraint.entities.begin(), constraint.entities.end(),
                     [&](const EntityUid& outer) { return is_in(uid, outer); });
}

bool Evaluator::satisfied(const Policy& policy) {
  error_ = {};
  ++cost_;
  if (!in_scope(policy.principal, request_.principal) || !in_scope(policy.action, request_.action) ||
      !in_scope(policy.resource, request_.resource)) {
    return false;
  }
  for (const Condition& condition : policy.conditions) {
    bool holds = false;
    if (!evaluate_bool(*condition.body, &holds)) return false;
    if (holds == condition.unless) return false;
  }
  return true;
}

bool Evaluator::evaluate_bool(const Expr& expr, bool* value) {
  Value result;
  if (!evaluate(expr, &result)) return false;
  if (!result.is(Kind::kBool)) return fail(EvaluationError::Kind::kType, expr);
  *value = result.flag();
  return true;
}

bool Evaluator::evaluate(const Expr& expr, Value* value) {
  if (++cost_ > kMaxDecisionCost) return fail(EvaluationError::Kind::kCost, expr);
  if (expr.constant) {
    *value = expr.value;
    return true;
  }
  switch (expr.kind) {
    case ExprKind::kLiteral:
      *value = expr.value;
      return true;
    case ExprKind::kVariable:
      *value = variables_[static_cast<std::size_t>(expr.variable)];
      return true;
    case ExprKind::kIf:
      return evaluate_if(expr, value);
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return evaluate_logic(expr, value);
    case ExprKind::kNot:
    case ExprKind::kNegate:
      return evaluate_unary(expr, value);
    case ExprKind::kEqual:
    case ExprKind::kNotEqual:
    case ExprKind::kLess:
    case ExprKind::kLessEqual:
    case ExprKind::kGreater:
    case ExprKind::kGreaterEqual:
      return evaluate_comparison(expr, value);
    case ExprKind::kIn: {
      Value left;
      return evaluate(*expr.operands[0], &left) && evaluate_in(expr, left, *expr.operands[1], value);
    }
    case ExprKind::kSum:
      return evaluate_sum(expr, value);
    case ExprKind::kProduct:
      return evaluate_product(expr, value);
    case ExprKind::kHas:
      return evaluate_has(expr, value);
    case ExprKind::kLike:
      return evaluate_like(expr, value);
    case ExprKind::kIs:
    case ExprKind::kIsIn:
      return evaluate_is(expr, value);
    case ExprKind::kAttribute:
      return evaluate_path(expr, value);
    case ExprKind::kCall:
      return evaluate_call(expr, value);
    case ExprKind::kSet:
      return evaluate_set(expr, value);
    case ExprKind::kRecord:
      break;
  }
  return evaluate_record(expr, value);
}

bool Evaluator::evaluate_if(const Expr& expr, Value* value) {
  bool condition = false;
  if (!evaluate_bool(*expr.operands[0], &condition)) return false;
  return evaluate(*expr.operands[condition ? 1 : 2], value);
}

bool Evaluator::evaluate_logic(const Expr& expr, Value* value) {
  const bool decisive = expr.kind == ExprKind::kOr;
  for (const Expr* operand : expr.operands) {
    bool holds = false;
    if (!evaluate_bool(*operand, &holds)) return false;
    if (holds == decisive) {
      *value = Value(decisive);
      return true;
    }
  }
  *value = Value(!decisive);
  return true;
}

bool Evaluator::evaluate_unary(const Expr& expr, Value* value) {
  if (expr.kind == ExprKind::kNot) {
    bool operand = false;
    if (!evaluate_bool(*expr.operands[0], &operand)) return false;
    *value = Value(!operand);
    return true;
  }
  Value operand;
  if (!evaluate(*expr.operands[0], &operand)) return false;
  if (!operand.is(Kind::kLong)) return fail(EvaluationError::Kind::kType, expr);
  std::int64_t negated = 0;
  if (__builtin_sub_overflow(std::int64_t{0}, operand.number(), &negated)) {
    return fail(EvaluationError::Kind::kOverflow, expr);
  }
  *value = Value(negated);
  return true;
}

bool Evaluator::evaluate_comparison(const Expr& expr, Value* value) {
  Value left;
  Value right;
  if (!evaluate(*expr.operands[0], &left) || !evaluate(*expr.operands[1], &right)) return false;
  if (expr.kind == ExprKind::kEqual || expr.kind == ExprKind::kNotEqual) {
    if (!charge(comparison_cost(left, right), expr)) return false;
    *value = Value((left == right) == (expr.kind == ExprKind::kEqual));
    return true;
  }
  const bool ordered = left.is(Kind::kLong) || left.is(Kind::kDatetime) || left.is(Kind::kDuration);
  if (!ordered || left.kind() != right.kind()) return fail(EvaluationError::Kind::kType, expr);
  switch (expr.kind) {
    case ExprKind::kLess:
      *value = Value(left.number() < right.number());
      return true;
    case ExprKind::kLessEqual:
      *value = Value(left.number() <= right.number());
      return true;
    case ExprKind::kGreater:
      *value = Value(left.number() > right.number());
      return true;
    default:
      *value = Value(left.number() >= right.number());
      return true;
  }
}

bool Evaluator::evaluate_sum(const Expr& expr, Value* value) {
  std::int64_t total = 0;
  for (std::size_t i = 0; i < expr.operands.size(); ++i) {
    Value operand;
    if (!evaluate(*expr.operands[i], &operand)) return false;
    if (!operand.is(Kind::kLong)) return fail(EvaluationError::Kind::kType, expr);
    const bool overflow = expr.minus[i] ? __builtin_sub_overflow(total, operand.number(), &total)
                                        : __builtin_add_overflow(total, operand.number(), &total);
    if (overflow) return fail(EvaluationError::Kind::kOverflow, expr);
  }
  *value = Value(total);
  return true;
}

bool Evaluator::evaluate_product(const Expr& expr, Value* value) {
  std::int64_t product = 1;
  for (const Expr* factor : expr.operands) {
    Value operand;
    if (!evaluate(*factor, &operand)) return false;
    if (!operand.is(Kind::kLong)) return fail(EvaluationError::Kind::kType, expr);
    if (__builtin_mul_overflow(product, operand.number(), &product)) {
      return fail(EvaluationError::Kind::kOverflow, expr);
    }
  }
  *value = Value(product);
  return true;
}

bool Evaluator::evaluate_in(const Expr& expr, const Value& left, const Expr& right_expr, Value* value) {
  Value right;
  if (!evaluate(right_expr, &right)) return false;
  if (!left.is(Kind::kEntity)) return fail(EvaluationError::Kind::kType, expr);
  if (right.is(Kind::kEntity)) {
    *value = Value(is_in(left.entity(), right.entity()));
    return true;
  }
  if (!right.is(Kind::kSet)) return fail(EvaluationError::Kind::kType, expr);
  const std::span<const Value> items = right.set().items;
  if (!charge(items.size(), expr)) return false;
  const auto is_entity = [](const Value& item) { return item.is(Kind::kEntity); };
  if (!std::all_of(items.begin(), items.end(), is_entity)) return fail(EvaluationError::Kind::kType, expr);
  *value = Value(std::any_of(items.begin(), items.end(),
                             [&](const Value& outer) { return is_in(left.entity(), outer.entity()); }));
  return true;
}

bool Evaluator::evaluate_is(const Expr& expr, Value* value) {
  Value operand;
  if (!evaluate(*expr.operands[0], &operand)) return false;
  if (!operand.is(Kind::kEntity)) return fail(EvaluationError::Kind::kType, expr);
  *value = Value(operand.entity().type == expr.name);
  if (expr.kind == ExprKind::kIs || !value->flag()) return true;
  return evaluate_in(expr, operand, *expr.operands[1], value);
}

bool Evaluator::evaluate_has(const Expr& expr, Value* value) {
  Value operand;
  if (!evaluate(*expr.operands[0], &operand)) return false;
  if (operand.is(Kind::kRecord)) {
    *value = Value(operand.record().find(expr.name) != nullptr);
    return true;
  }
  if (!operand.is(Kind::kEntity)) return fail(EvaluationError::Kind::kType, expr);
  const Entity* entity = find(operand.entity());
  *value = Value(entity != nullptr && entity->attributes.find(expr.name) != nullptr);
  return true;
}

bool Evaluator::evaluate_path(const Expr& expr, Value* value) {
  if (expr.path == 0 || expr.path > paths_.size()) return evaluate_attribute(expr, value);
  PathValue& path = paths_[expr.path - 1];
  if (!path.known) {
    if (!evaluate_attribute(expr, &path.value)) return false;
    path.known = true;
  }
  *value = path.value;
  return true;
}

bool Evaluator::evaluate_attribute(const Expr& expr, Value* value) {
  Value operand;
  if (!evaluate(*expr.operands[0], &operand)) return false;
  const Value* found = nullptr;
  if (operand.is(Kind::kRecord)) {
    found = operand.record().find(expr.name);
  } else if (operand.is(Kind::kEntity)) {
    const Entity* entity = find(operand.entity());
    if (entity == nullptr) return fail(EvaluationError::Kind::kNoEntity, expr);
    found = entity->attributes.find(expr.name);
  } else {
    return fail(EvaluationError::Kind::kType, expr);
  }
  if (found == nullptr) return fail(EvaluationError::Kind::kNoAttribute, expr);
  *value = *found;
  return true;
}

bool Evaluator::evaluate_like(const Expr& expr, Value* value) {
  Value operand;
  if (!evaluate(*expr.operands[0], &operand)) return false;
  if (!operand.is(Kind::kString)) return fail(EvaluationError::Kind::kType, expr);
  if (!charge(matching_cost(operand.text(), expr.pattern), expr)) return false;
  *value = Value(matches(operand.text(), expr.pattern));
  return true;
}

bool Evaluator::evaluate_set(const Expr& expr, Value* value) {
  const std::span<Value> items = arena_.array<Value>(expr.operands.size());
  std::uint64_t weight = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!evaluate(*expr.operands[i], &items[i])) return false;
    weight += std::min(items[i].weight(), kMaxDecisionCost);
  }
  // Sorting compares each item about log2(n) times.
  if (!charge(weight * static_cast<std::uint64_t>(std::bit_width(items.size())), expr)) return false;
  *value = Value(arena_.make<Set>(make_set(items)));
  return true;
}

bool Evaluator::evaluate_record(const Expr& expr, Value* value) {
  const std::span<Field> fields = arena_.array<Field>(expr.operands.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    fields[i].name = expr.names[i];
    if (!evaluate(*expr.operands[i], &fields[i].value)) return false;
  }
  if (!charge(fields.size(), expr)) return false;
  Result<Record> record = make_record(fields);
  CHECK(record.ok());  // the parser refuses a name that stands twice
  *value = Value(arena_.make<Record>(*record));
  return true;
}

bool Evaluator::evaluate_call(const Expr& expr, Value* value) {
  // A wrong number of arguments is found after they are evaluated: an error of theirs counts either way.
  Value operands[2];
  for (std::size_t i = 0; i < expr.operands.size(); ++i) {
    Value ignored;
    if (!evaluate(*expr.operands[i], i < 2 ? &operands[i] : &ignored)) return false;
  }
  if (expr.operands.size() != function_arity(expr.function)) return fail(EvaluationError::Kind::kArity, expr);
  if (is_constructor(expr.function)) {
    if (!operands[0].is(Kind::kString)) return fail(EvaluationError::Kind::kType, expr);
    const std::string_view text = operands[0].text();
    if (!charge(text.size() / kTextBytesPerStep, expr)) return false;
    const auto made = construct(arena_, expr.function, text);
    if (!made) return fail(EvaluationError::Kind::kExtension, expr);
    *value = *made;
    return true;
  }
  switch (expr.function) {
    case Function::kContains:
    case Function::kContainsAll:
    case Function::kContainsAny:
    case Function::kIsEmpty:
      return call_set(expr, operands[0], operands[1], value);
    case Function::kHasTag:
    case Function::kGetTag:
      return call_tag(expr, operands[0], operands[1], value);
    default:
      return call_extension(expr, operands[0], operands[1], value);
  }
}

bool Evaluator::call_set(const Expr& expr, const Value& self, const Value& other, Value* value) {
  if (!self.is(Kind::kSet)) return fail(EvaluationError::Kind::kType, expr);
  const Set& set = self.set();
  if (expr.function == Function::kIsEmpty) {
    *value = Value(set.items.empty());
    return true;
  }
  const auto lookups = static_cast<std::uint64_t>(std::bit_width(set.items.size())) + 1;
  if (!charge(std::min(other.weight(), set.weight) * lookups, expr)) return false;
  if (expr.function == Function::kContains) {
    *value = Value(set.contains(other));
    return true;
  }
  if (!other.is(Kind::kSet)) return fail(EvaluationError::Kind::kType, expr);
  const Set& others = other.set();
  if (!charge(std::min(others.weight, kMaxDecisionCost) * lookups, expr)) return false;
  *value =
      Value(expr.function == Function::kContainsAll ? contains_all(set, others) : contains_any(set, others));
  return true;
}

bool Evaluator::call_tag(const Expr& expr, const Value& self, const Value& tag, Value* value) {
  if (!self.is(Kind::kEntity) || !tag.is(Kind::kString)) return fail(EvaluationError::Kind::kType, expr);
  const Entity* entity = find(self.entity());
  const Value* found = entity == nullptr ? nullptr : entity->tags.find(tag.text());
  if (expr.function == Function::kHasTag) {
    *value = Value(found != nullptr);
    return true;
  }
  if (entity == nullptr) return fail(EvaluationError::Kind::kNoEntity, expr);
  if (found == nullptr) return fail(EvaluationError::Kind::kNoTag, expr);
  *value = *found;
  return true;
}

bool Evaluator::call_extension(const Expr& expr, const Value& self, const Value& other, Value* value) {
  const Function function = expr.function;
  if (function >= Function::kOffset) return call_datetime(expr, self, other, value);
  const Kind wanted = function <= Function::kIsInRange ? Kind::kIp : Kind::kDecimal;
  if (!self.is(wanted)) return fail(EvaluationError::Kind::kType, expr);
  if (function_arity(function) == 2 && !other.is(wanted)) return fail(EvaluationError::Kind::kType, expr);
  const auto answer = [&]() -> bool {
    switch (function) {
      case Function::kIsIpv4:
        return !self.ip().v6;
      case Function::kIsIpv6:
        return self.ip().v6;
      case Function::kIsLoopback:
        return ip_is_loopback(self.ip());
      case Function::kIsMulticast:
        return ip_is_multicast(self.ip());
      case Function::kIsInRange:
        return ip_in_range(self.ip(), other.ip());
      case Function::kLessThan:
        return self.number() < other.number();
      case Function::kLessThanOrEqual:
        return self.number() <= other.number();
      case Function::kGreaterThan:
        return self.number() > other.number();
      default:
        return self.number() >= other.number();
    }
  };
  *value = Value(answer());
  return true;
}

bool Evaluator::call_datetime(const Expr& expr, const Value& self, const Value& other, Value* value) {
  constexpr std::int64_t kSecond = 1000;
  const Function function = expr.function;
  const bool on_duration = function >= Function::kToMilliseconds;
  if (!self.is(on_duration ? Kind::kDuration : Kind::kDatetime))
    return fail(EvaluationError::Kind::kType, expr);
  const std::int64_t number = self.number();
  std::int64_t result = 0;
  switch (function) {
    case Function::kOffset:
      if (!other.is(Kind::kDuration)) return fail(EvaluationError::Kind::kType, expr);
      if (__builtin_add_overflow(number, other.number(), &result)) {
        return fail(EvaluationError::Kind::kOverflow, expr);
      }
      *value = Value::datetime(result);
      return true;
    case Function::kDurationSince:
      if (!other.is(Kind::kDatetime)) return fail(EvaluationError::Kind::kType, expr);
      if (__builtin_sub_overflow(number, other.number(), &result)) {
        return fail(EvaluationError::Kind::kOverflow, expr);
      }
      *value = Value::duration(result);
      return true;
    case Function::kToDate: {
      const auto date = datetime_to_date(number);
      if (!date) return fail(EvaluationError::Kind::kOverflow, expr);
      *value = Value::datetime(*date);
      return true;
    }
    case Function::kToTime:
      *value = Value::duration(datetime_to_time(number));
      return true;
    case Function::kToMilliseconds:
      *value = Value(number);
      return true;
    case Function::kToSeconds:
      *value = Value(number / kSecond);
      return true;
    case Function::kToMinutes:
      *value = Value(number / (60 * kSecond));
      return true;
    case Function::kToHours:
      *value = Value(number / (3600 * kSecond));
      return true;
    default:
      *value = Value(number / (86400 * kSecond));
      return true;
  }
}

}  // namespace custody::policy::cedar
