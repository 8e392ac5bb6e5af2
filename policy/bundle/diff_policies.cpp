#include <algorithm>
#include <map>
#include <optional>

#include "policy/bundle/diff.h"
#include "policy/bundle/diff_text.h"
#include "policy/cedar/format.h"

namespace custody::policy::bundle {
namespace {

using cedar::Expr;
using cedar::ExprKind;
using cedar::Policy;
using Changes = std::vector<Change>;

Effect opposite(Effect effect) {
  if (effect == Effect::kLoosens) return Effect::kTightens;
  return effect == Effect::kTightens ? Effect::kLoosens : effect;
}

Effect joined(Effect a, Effect b) {
  return a == b ? a : Effect::kUnknown;
}

std::string_view effect_word(const Policy& policy) {
  return policy.effect == cedar::Effect::kPermit ? "permit" : "forbid";
}

// That it decides: what a permit allows more is looser, what a forbid forbids more is tighter.
Effect applies_more(const Policy& policy) {
  return policy.effect == cedar::Effect::kPermit ? Effect::kLoosens : Effect::kTightens;
}

// Limits.

// `subject` compared with a number, which alone changed.
struct LimitChange {
  std::string subject;
  std::int64_t before = 0;
  std::int64_t after = 0;
  Effect effect = Effect::kUnknown;
};

bool is_number(const Expr& expr) {
  return expr.kind == ExprKind::kLiteral && expr.value.is(cedar::Value::Kind::kLong);
}

bool is_order(ExprKind kind) {
  return kind == ExprKind::kLess || kind == ExprKind::kLessEqual || kind == ExprKind::kGreater ||
         kind == ExprKind::kGreaterEqual;
}

// The two comparisons have the same subject and other limits. `easier`: what it means when the comparison
// holds more often.
std::optional<LimitChange> limit_change(const Expr& a, const Expr& b, Effect easier) {
  const bool on_right = is_number(*a.operands[1]) && is_number(*b.operands[1]);
  const std::size_t limit = on_right ? 1 : 0;
  if (!is_number(*a.operands[limit]) || !is_number(*b.operands[limit])) return std::nullopt;
  if (!same_expr(*a.operands[1 - limit], *b.operands[1 - limit])) return std::nullopt;
  const bool at_most = (a.kind == ExprKind::kLess || a.kind == ExprKind::kLessEqual) == on_right;
  const std::int64_t before = a.operands[limit]->value.number();
  const std::int64_t after = b.operands[limit]->value.number();
  const bool holds_more = (after > before) == at_most;
  return LimitChange{format_expr(*a.operands[1 - limit]), before, after,
                     holds_more ? easier : opposite(easier)};
}

// Collects how the limits of two expressions differ; false when they differ in anything else. `easier`: what
// it means when the expression holds more often.
bool collect_limits(const Expr& a, const Expr& b, Effect easier, std::vector<LimitChange>& out) {
  if (same_expr(a, b)) return true;
  if (a.kind != b.kind || a.operands.size() != b.operands.size()) return false;
  if (is_order(a.kind)) {
    const auto change = limit_change(a, b, easier);
    if (change) out.push_back(*change);
    return change.has_value();
  }
  std::size_t first = 0;
  switch (a.kind) {
    case ExprKind::kNot:
      easier = opposite(easier);
      break;
    case ExprKind::kIf:
      if (!same_expr(*a.operands[0], *b.operands[0])) return false;
      first = 1;
      break;
    case ExprKind::kAnd:
    case ExprKind::kOr:
      break;
    default:
      return false;
  }
  for (std::size_t i = first; i < a.operands.size(); ++i) {
    if (!collect_limits(*a.operands[i], *b.operands[i], easier, out)) return false;
  }
  return true;
}

// nullopt: they differ in more than limits.
std::optional<std::vector<LimitChange>> limit_changes(const Policy& before, const Policy& after) {
  if (before.conditions.size() != after.conditions.size()) return std::nullopt;
  std::vector<LimitChange> out;
  for (std::size_t i = 0; i < before.conditions.size(); ++i) {
    const cedar::Condition& a = before.conditions[i];
    const cedar::Condition& b = after.conditions[i];
    const Effect when = applies_more(before);
    if (a.unless != b.unless) return std::nullopt;
    if (!collect_limits(*a.body, *b.body, a.unless ? opposite(when) : when, out)) return std::nullopt;
  }
  return out;
}

// Policies.

Policy without_annotations(Policy policy) {
  policy.annotations = {};
  return policy;
}
bool same_annotations(const Policy& a, const Policy& b) {
  return std::ranges::equal(a.annotations, b.annotations,
                            [](const cedar::Annotation& x, const cedar::Annotation& y) {
                              return x.name == y.name && x.value == y.value;
                            });
}
Policy scope_only(Policy policy) {
  policy.annotations = {};
  policy.conditions = {};
  return policy;
}

bool has_condition(const Policy& policy, const cedar::Condition& condition) {
  return std::ranges::any_of(policy.conditions, [&](const cedar::Condition& other) {
    return other.unless == condition.unless && same_expr(*other.body, *condition.body);
  });
}
bool has_all_conditions(const Policy& policy, const Policy& of) {
  return std::ranges::all_of(
      of.conditions, [&](const cedar::Condition& condition) { return has_condition(policy, condition); });
}

void add(Changes& out, Effect effect, const std::string& sentence) {
  out.push_back({ChangeKind::kPolicy, effect, to_printable(sentence)});
}

// With both texts: what a person judges.
void add_texts(Changes& out, Effect effect, const std::string& sentence, const Policy& before,
               const Policy& after) {
  add(out, effect, sentence);
  out.back().before = format_policy(before) + "\n";
  out.back().after = format_policy(after) + "\n";
}

std::string_view past(Effect effect) {
  return effect == Effect::kLoosens ? "loosened" : "tightened";
}

void add_limits(const std::string& label, const std::vector<LimitChange>& limits, Changes& out) {
  Effect effect = limits.front().effect;
  std::string text;
  for (const LimitChange& limit : limits) {
    effect = joined(effect, limit.effect);
    text += (text.empty() ? ": " : ", ") + ("the limit of " + limit.subject) + " is " +
            std::string(past(limit.effect)) + " from " + std::to_string(limit.before) + " to " +
            std::to_string(limit.after);
  }
  add(out, effect, label + text);
}

// What changed, where it is not limits alone.
std::pair<Effect, std::string> judge(const Policy& before, const Policy& after) {
  if (same_policy(without_annotations(before), without_annotations(after))) {
    return {Effect::kNeutral, "has other annotations"};
  }
  if (before.effect != after.effect) {
    return {Effect::kUnknown, "is a " + std::string(effect_word(after)) + " now, before it was a " +
                                  std::string(effect_word(before))};
  }
  if (!same_policy(scope_only(before), scope_only(after))) {
    return {Effect::kUnknown, "is about something else: its scope or conditions changed"};
  }
  const bool keeps_all = has_all_conditions(after, before);
  const bool has_no_other = has_all_conditions(before, after);
  if (keeps_all && has_no_other) return {Effect::kNeutral, "has the same conditions in another order"};
  if (keeps_all) return {opposite(applies_more(after)), "has further conditions"};
  if (has_no_other) return {applies_more(after), "has fewer conditions"};
  return {Effect::kUnknown, "has other conditions"};
}

// They have the same effect and scope and differ in limits, of which there is at least one.
std::optional<std::vector<LimitChange>> only_limits(const Policy& before, const Policy& after) {
  if (before.effect != after.effect) return std::nullopt;
  if (!same_policy(scope_only(before), scope_only(after))) return std::nullopt;
  auto limits = limit_changes(before, after);
  if (!limits || limits->empty()) return std::nullopt;
  return limits;
}

void diff_policy(const std::string& label, const Policy& before, const Policy& after, Changes& out) {
  if (same_policy(before, after)) return;
  if (const auto limits = only_limits(before, after)) {
    add_limits(label, *limits, out);
    if (same_annotations(before, after)) return;
    return add_texts(out, Effect::kNeutral, label + " has other annotations", before, after);
  }
  const auto [effect, what] = judge(before, after);
  add_texts(out, effect, label + " " + what, before, after);
}

// What a policy is found by: its @id, or its whole text where it has none; and its number among equals.
struct Name {
  std::string id;
  std::string text;  // without @id only
  std::size_t number = 1;
  friend auto operator<=>(const Name&, const Name&) = default;
};

std::map<Name, const Policy*> by_name(const cedar::PolicySet& policies) {
  std::map<Name, const Policy*> out;
  std::map<Name, std::size_t> seen;
  for (const Policy& policy : policies.all()) {
    const auto id = std::ranges::find(policy.annotations, "id", &cedar::Annotation::name);
    Name name;
    if (id == policy.annotations.end()) {
      name.text = format_policy(policy);
    } else {
      name.id = id->value;
    }
    name.number = ++seen[name];
    out.emplace(std::move(name), &policy);
  }
  return out;
}

std::string label_of(const Name& name) {
  const std::string number = name.number == 1 ? "" : " (number " + std::to_string(name.number) + ")";
  if (name.text.empty()) return "policy " + name.id + number;
  std::string text = name.text;
  std::ranges::replace(text, '\n', ' ');
  return "the policy without @id, " + text + "," + number;
}

void add_whole(const Name& name, const Policy& policy, bool added, Changes& out) {
  add(out, added ? applies_more(policy) : opposite(applies_more(policy)),
      label_of(name) + " (a " + std::string(effect_word(policy)) + ") is " + (added ? "added" : "removed"));
  (added ? out.back().after : out.back().before) = format_policy(policy) + "\n";
}

}  // namespace

std::vector<Change> diff_policies(std::string_view before, std::string_view after) {
  Changes out;
  if (before == after) return out;
  const auto old_set = cedar::PolicySet::parse(before);
  const auto new_set = cedar::PolicySet::parse(after);
  CHECK(old_set.ok() && new_set.ok());
  const auto old_policies = by_name(*old_set);
  auto new_policies = by_name(*new_set);
  for (const auto& [name, policy] : old_policies) {
    const auto found = new_policies.find(name);
    if (found == new_policies.end()) {
      add_whole(name, *policy, false, out);
    } else {
      diff_policy(label_of(name), *policy, *found->second, out);
      new_policies.erase(found);
    }
  }
  for (const auto& [name, policy] : new_policies) add_whole(name, *policy, true, out);
  if (out.empty()) {
    out.push_back(changed_lines(ChangeKind::kPolicy, Effect::kNeutral,
                                "the policies' order or comments changed", before, after));
  }
  return out;
}

}  // namespace custody::policy::bundle
