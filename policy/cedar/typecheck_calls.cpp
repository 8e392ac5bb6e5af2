#include "policy/cedar/typecheck.h"

namespace custody::policy::cedar {

TypeChecker::Result TypeChecker::type_of_call(const Expr& expr, const Capabilities& known) {
  const std::string name(function_name(expr.function));
  std::vector<const Type*> types;
  for (const Expr* operand : expr.operands) {
    const Result result = type_of(*operand, known);
    if (!result) return std::nullopt;
    types.push_back(result->type);
  }
  if (types.size() != function_arity(expr.function))
    return fail(expr, name + " takes another number of arguments");
  switch (expr.function) {
    case Function::kContains:
    case Function::kContainsAll:
    case Function::kContainsAny:
    case Function::kIsEmpty:
      return type_of_set_method(expr, types);
    case Function::kHasTag:
    case Function::kGetTag:
      return type_of_tag_method(expr, types, known);
    default:
      return type_of_extension(expr, types);
  }
}

TypeChecker::Result TypeChecker::type_of_set_method(const Expr& expr, const std::vector<const Type*>& types) {
  if (types[0]->kind != Kind::kSet) return wrong_type(*expr.operands[0], *types[0], "a set");
  if (expr.function == Function::kIsEmpty) return bool_of(Kind::kBool);
  const bool element = expr.function == Function::kContains;
  if (!element && types[1]->kind != Kind::kSet) return wrong_type(*expr.operands[1], *types[1], "a set");
  const Type* wanted = element ? types[0]->element : types[0];
  if (wanted != nullptr && join(arena_, wanted, types[1]) == nullptr) {
    return fail(expr, "cannot compare elements of " + to_string(*types[0]) + " with " + to_string(*types[1]));
  }
  return bool_of(Kind::kBool);
}

TypeChecker::Result TypeChecker::type_of_tag_method(const Expr& expr, const std::vector<const Type*>& types,
                                                    const Capabilities& known) {
  const Expr& subject = *expr.operands[0];
  const Expr& tag = *expr.operands[1];
  if (types[0]->kind != Kind::kEntity) return wrong_type(subject, *types[0], "an entity");
  if (types[1]->kind != Kind::kString) return wrong_type(tag, *types[1], "String");
  const EntityType* declared = schema_.find_type(types[0]->name);
  const Type* type = declared == nullptr ? nullptr : declared->tags;
  const Capability capability{&subject, {}, &tag};
  if (expr.function == Function::kHasTag) {
    if (type == nullptr) return bool_of(Kind::kFalse);
    if (knows(known, capability)) return bool_of(Kind::kTrue);
    return Typed{basic_type(Kind::kBool), {capability}};
  }
  if (type == nullptr) return fail(expr, to_string(*types[0]) + " has no tags");
  if (!knows(known, capability)) return fail(expr, "the tag may not exist here; test it with hasTag before");
  return Typed{type, {}};
}

TypeChecker::Result TypeChecker::type_of_extension(const Expr& expr, const std::vector<const Type*>& types) {
  struct Signature {
    Kind receiver;
    Kind argument;  // of the functions that take one
    Kind result;
  };
  const auto signature = [](Function function) -> Signature {
    switch (function) {
      case Function::kIp:
        return {Kind::kString, Kind::kString, Kind::kIp};
      case Function::kDecimal:
        return {Kind::kString, Kind::kString, Kind::kDecimal};
      case Function::kDatetime:
        return {Kind::kString, Kind::kString, Kind::kDatetime};
      case Function::kDuration:
        return {Kind::kString, Kind::kString, Kind::kDuration};
      case Function::kOffset:
        return {Kind::kDatetime, Kind::kDuration, Kind::kDatetime};
      case Function::kDurationSince:
        return {Kind::kDatetime, Kind::kDatetime, Kind::kDuration};
      case Function::kToDate:
        return {Kind::kDatetime, Kind::kDatetime, Kind::kDatetime};
      case Function::kToTime:
        return {Kind::kDatetime, Kind::kDatetime, Kind::kDuration};
      default:
        break;
    }
    if (function <= Function::kIsInRange) return {Kind::kIp, Kind::kIp, Kind::kBool};
    if (function <= Function::kGreaterThanOrEqual) return {Kind::kDecimal, Kind::kDecimal, Kind::kBool};
    return {Kind::kDuration, Kind::kDuration, Kind::kLong};
  }(expr.function);
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Kind wanted = i == 0 ? signature.receiver : signature.argument;
    if (types[i]->kind != wanted)
      return wrong_type(*expr.operands[i], *types[i], to_string(*basic_type(wanted)));
  }
  if (is_constructor(expr.function)) {
    if (expr.operands[0]->kind != ExprKind::kLiteral) {
      return fail(expr, std::string(function_name(expr.function)) + " takes a literal only");
    }
    if (!expr.constant) {
      return fail(expr, quote(expr.operands[0]->value.text()) + " is not of the form that " +
                            std::string(function_name(expr.function)) + " takes");
    }
  }
  return Typed{basic_type(signature.result), {}};
}

}  // namespace custody::policy::cedar
