#include "policy/cedar/policy.h"

#include <algorithm>

namespace custody::policy::cedar {
namespace {

template <typename T>
bool same_items(std::span<const T> a, std::span<const T> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// Of the content that is the node's own, not its operands'.
bool same_content(const Expr& a, const Expr& b) {
  if (a.kind != b.kind || a.operands.size() != b.operands.size() || a.name != b.name) return false;
  if (a.kind == ExprKind::kLiteral && !(a.value == b.value)) return false;
  if (a.kind == ExprKind::kVariable && a.variable != b.variable) return false;
  if (a.kind == ExprKind::kCall && a.function != b.function) return false;
  return a.has_path == b.has_path && same_items(a.names, b.names) && same_items(a.pattern, b.pattern) &&
         same_items(a.minus, b.minus);
}

bool same_scope(const ScopeConstraint& a, const ScopeConstraint& b) {
  return a.kind == b.kind && a.slot == b.slot && a.type == b.type && a.entity == b.entity &&
         same_items(a.entities, b.entities);
}

}  // namespace

std::string_view variable_name(Variable variable) {
  switch (variable) {
    case Variable::kPrincipal:
      return "principal";
    case Variable::kAction:
      return "action";
    case Variable::kResource:
      return "resource";
    case Variable::kContext:
      break;
  }
  return "context";
}

bool same_expr(const Expr& a, const Expr& b) {
  return &a == &b ||
         (same_content(a, b) && std::equal(a.operands.begin(), a.operands.end(), b.operands.begin(),
                                           [](const Expr* x, const Expr* y) { return same_expr(*x, *y); }));
}

bool same_policy(const Policy& a, const Policy& b) {
  const auto same_annotation = [](const Annotation& x, const Annotation& y) {
    return x.name == y.name && x.value == y.value;
  };
  const auto same_condition = [](const Condition& x, const Condition& y) {
    return x.unless == y.unless && same_expr(*x.body, *y.body);
  };
  return a.effect == b.effect && same_scope(a.principal, b.principal) && same_scope(a.action, b.action) &&
         same_scope(a.resource, b.resource) &&
         std::equal(a.annotations.begin(), a.annotations.end(), b.annotations.begin(), b.annotations.end(),
                    same_annotation) &&
         std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(), b.conditions.end(),
                    same_condition);
}

}  // namespace custody::policy::cedar
