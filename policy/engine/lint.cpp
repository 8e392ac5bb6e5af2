#include "policy/engine/lint.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "base/bytes.h"
#include "policy/cedar/validator.h"
#include "policy/engine/vocabulary.h"
#include "policy/render/text.h"

namespace custody::policy::engine {
namespace {

using cedar::Expr;
using cedar::ExprKind;

constexpr std::string_view kApprovals = "approvals";
constexpr std::string_view kWaited = "waitedHours";
constexpr std::string_view kDistinct = "distinct";
constexpr std::size_t kListedNames = 8;  // of those that a message lists

bool is_variable(const Expr& expr, cedar::Variable variable) {
  return expr.kind == ExprKind::kVariable && expr.variable == variable;
}

// context.name
bool is_context_attribute(const Expr& expr, std::string_view name) {
  return expr.kind == ExprKind::kAttribute && expr.name == name &&
         is_variable(*expr.operands[0], cedar::Variable::kContext);
}

// A number that grows while a request waits: context.approvals.group, context.waitedHours.
bool is_growing(const Expr& expr) {
  return is_context_attribute(expr, kWaited) ||
         (expr.kind == ExprKind::kAttribute && is_context_attribute(*expr.operands[0], kApprovals));
}

bool is_growing_comparison(const Expr& expr) {
  return (expr.kind == ExprKind::kGreaterEqual || expr.kind == ExprKind::kGreater) &&
         is_growing(*expr.operands[0]) && expr.operands[1]->kind == ExprKind::kLiteral &&
         expr.operands[1]->value.is(cedar::Value::Kind::kLong);
}

std::string growing_name(const Expr& expr) {
  if (is_context_attribute(expr, kWaited)) return "wait";
  return std::string(expr.name);
}

// Of a growing comparison; nullopt: no number is enough.
std::optional<Threshold> threshold_of(const Expr& expr) {
  const std::int64_t number = expr.operands[1]->value.number();
  const bool strictly = expr.kind == ExprKind::kGreater;
  if (strictly && number == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return Threshold{growing_name(*expr.operands[0]), strictly ? number + 1 : number};
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxPolicyId && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// "compliance, treasury"
std::string listed(const NameSet& names) {
  std::string out;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (count == kListedNames) return out + " and " + std::to_string(names.size() - count) + " more";
    out += (count++ == 0 ? "" : ", ") + name;
  }
  return out;
}

// Of a comparison of context.<name> with a number that stands right of it, as it is read from left to right.
struct Comparison {
  ExprKind kind = ExprKind::kEqual;
  std::string_view name;
  std::int64_t number = 0;
};

bool is_number(const Expr& expr) {
  return expr.kind == ExprKind::kLiteral && expr.value.is(cedar::Value::Kind::kLong);
}

// a < b is b > a.
ExprKind mirrored(ExprKind kind) {
  switch (kind) {
    case ExprKind::kLess:
      return ExprKind::kGreater;
    case ExprKind::kLessEqual:
      return ExprKind::kGreaterEqual;
    case ExprKind::kGreater:
      return ExprKind::kLess;
    case ExprKind::kGreaterEqual:
      return ExprKind::kLessEqual;
    default:
      return kind;
  }
}

std::optional<Comparison> comparison_of(const Expr& expr) {
  if (expr.kind < ExprKind::kEqual || expr.kind > ExprKind::kGreaterEqual) return std::nullopt;
  const bool on_right = is_number(*expr.operands[1]);
  const Expr& subject = *expr.operands[on_right ? 0 : 1];
  const Expr& number = *expr.operands[on_right ? 1 : 0];
  if (!is_number(number) || subject.kind != ExprKind::kAttribute) return std::nullopt;
  if (!is_variable(*subject.operands[0], cedar::Variable::kContext)) return std::nullopt;
  return Comparison{on_right ? expr.kind : mirrored(expr.kind), subject.name, number.value.number()};
}

// That the number is out of least..most so that the comparison is the same for all of them: false, or true
// of !=.
bool is_constant(const Comparison& comparison, std::int64_t least, std::int64_t most) {
  const std::int64_t number = comparison.number;
  switch (comparison.kind) {
    case ExprKind::kLess:
      return number <= least;
    case ExprKind::kLessEqual:
      return number < least;
    case ExprKind::kGreater:
      return number >= most;
    case ExprKind::kGreaterEqual:
      return number > most;
    default:
      return number < least || number > most;
  }
}

// "BTC-1": a currency's code and its wallet's epoch, which counts from 1.
bool is_wallet(std::string_view id, const NameSet& currencies) {
  const std::size_t dash = id.rfind('-');
  if (dash == std::string_view::npos || !currencies.contains(id.substr(0, dash))) return false;
  const std::string_view epoch = id.substr(dash + 1);
  constexpr std::size_t kMaxDigits = 10;  // of 32 bits
  return !epoch.empty() && epoch.size() <= kMaxDigits && epoch[0] != '0' &&
         epoch.find_first_not_of("0123456789") == std::string_view::npos;
}

// What a condition's truth does to what is allowed, and so which way approvals may move it.
enum class Effect : std::uint8_t { kHelps, kHinders };
Effect opposite(Effect effect) {
  return effect == Effect::kHelps ? Effect::kHinders : Effect::kHelps;
}

class Linter {
 public:
  Linter(const cedar::PolicySet& policies, const cedar::Schema& schema, const Names& names)
      : policies_(policies), schema_(schema), names_(names) {}

  std::vector<Finding> run() && {
    for (const cedar::Policy& policy : policies_.all()) {
      policy_ = &policy;
      check_annotations();
      if (policy.is_template()) report(policy.at, "template", "nothing fills its slots; name the entity");
      check_scope(policy.principal);
      check_scope(policy.resource);
      for (const cedar::Condition& condition : policy.conditions) {
        check_names(*condition.body);
        const bool permit = policy.effect == cedar::Effect::kPermit;
        check_condition(*condition.body, permit != condition.unless ? Effect::kHelps : Effect::kHinders);
      }
    }
    add_validation();
    std::ranges::stable_sort(
        findings_, {}, [](const Finding& finding) { return std::pair(finding.at.line, finding.at.column); });
    return std::move(findings_);
  }

 private:
  void report(cedar::Position at, std::string rule, std::string message) {
    findings_.push_back({std::string(policy_name(*policy_)), at, std::move(rule), std::move(message)});
  }

  void check_annotations() {
    bool has_id = false;
    for (const cedar::Annotation& annotation : policy_->annotations) {
      if (annotation.name == "id") {
        has_id = true;
        check_id(annotation.value);
      } else if (annotation.name != "doc") {
        report(policy_->at, "annotation",
               "@" + std::string(annotation.name) +
                   " is not known and would decide nothing; use @doc for words, conditions for rules");
      }
    }
    if (!has_id) report(policy_->at, "id", "the policy has no @id; decisions name policies by it");
  }

  void check_id(std::string_view id) {
    if (!is_id(id)) {
      report(policy_->at, "id", "the @id must be 1 to 64 characters of a-z, A-Z, 0-9, '.', '_' and '-'");
    } else if (!ids_.insert(id).second) {
      report(policy_->at, "id", "the @id " + std::string(id) + " is another policy's already");
    }
  }

  void check_scope(const cedar::ScopeConstraint& scope) {
    using Kind = cedar::ScopeConstraint::Kind;
    if (scope.slot) return;
    if (scope.kind == Kind::kEqual || scope.kind == Kind::kIn || scope.kind == Kind::kIsIn) {
      check_name(scope.at, scope.entity);
    }
  }

  void check_names(const Expr& expr) {
    if (expr.kind == ExprKind::kLiteral && expr.value.is(cedar::Value::Kind::kEntity)) {
      check_name(expr.at, expr.value.entity());
    }
    check_possible(expr);
    for (const Expr* operand : expr.operands) check_names(*operand);
  }

  void check_possible(const Expr& expr) {
    if (is_growing_comparison(expr)) return check_approvals_possible(expr);
    const auto comparison = comparison_of(expr);
    if (!comparison) return;
    constexpr std::int64_t kLastHour = 23;
    constexpr std::int64_t kDays = 7;
    if (comparison->name == "hour" && is_constant(*comparison, 0, kLastHour)) {
      report(expr.at, "impossible",
             "context.hour is 0 to 23, so that this is the same at every hour; compare with one of them");
    } else if (comparison->name == "weekday" && is_constant(*comparison, 1, kDays)) {
      report(expr.at, "impossible",
             "context.weekday is 1 (Monday) to 7 (Sunday), so that this is the same on every day; compare "
             "with one of them");
    }
  }

  void check_approvals_possible(const Expr& expr) {
    const std::optional<Threshold> wanted = threshold_of(expr);
    const std::string name = growing_name(*expr.operands[0]);
    const auto size = names_.sizes.find(name);
    if (size == names_.sizes.end() || (wanted && wanted->least <= size->second)) return;
    const std::string whom = name == kDistinct ? "in all" : "in the group " + name;
    report(expr.at, "impossible",
           "there are " + std::to_string(size->second) + " officers " + whom +
               ", so that there are never so many approvals; ask for fewer, or add officers");
  }

  void check_name(cedar::Position at, const cedar::EntityUid& uid) {
    if (uid.type == "Group") {
      check_listed(at, uid, names_.groups);
    } else if (uid.type == "Officer") {
      check_listed(at, uid, names_.officers);
    } else if (uid.type == "Currency") {
      check_listed(at, uid, names_.currencies);
    } else if (uid.type == "Member" && names_.member.has_value()) {
      check_listed(at, uid, {*names_.member});
    } else if (uid.type == "Gateway" && !render::is_name(as_bytes(uid.id))) {
      report(at, "name",
             to_string(uid) + " would never match: gateways' names are 1 to 32 characters of a-z, 0-9 and -");
    } else if (uid.type == "Wallet" && !is_wallet(uid.id, names_.currencies)) {
      report(at, "name",
             to_string(uid) +
                 " would never match: wallets are a currency and an epoch, as in Wallet::\"BTC-1\", of: " +
                 listed(names_.currencies));
    } else if (uid.type == "Ledger") {
      check_listed(at, uid, {std::string(kLedgerName)});
    }
  }

  void check_listed(cedar::Position at, const cedar::EntityUid& uid, const NameSet& known) {
    if (known.contains(uid.id)) return;
    report(at, "name",
           to_string(uid) + " is not known here and would never match; write one that is: " + listed(known));
  }

  void add_validation() {
    std::map<std::string_view, const cedar::Policy*> by_id;
    for (const cedar::Policy& policy : policies_.all()) by_id[policy.id] = &policy;
    std::set<std::string_view> with_errors;
    for (const cedar::ValidationError& error : cedar::validate(policies_, schema_)) {
      const auto found = by_id.find(error.policy);
      if (found == by_id.end()) continue;
      policy_ = found->second;
      report(error.at, "strict", error.message);
      with_errors.insert(policy_->id);
    }
    for (const std::string& id : cedar::never_matching(policies_, schema_)) {
      policy_ = by_id.at(id);
      if (with_errors.contains(policy_->id)) continue;
      report(policy_->at, "impossible",
             "no request that the schema allows matches this: a condition of it is always false");
    }
  }

  // An expression whose truth moves what is allowed as effect says.
  void check_condition(const Expr& expr, Effect effect) {
    if (is_growing_comparison(expr)) {
      if (effect == Effect::kHelps) return;
      report(
          expr.at, "approvals",
          "more approvals or waiting would turn ALLOW into DENY here; in a permit write it in `when`, in a "
          "forbid in `unless`");
      return;
    }
    switch (expr.kind) {
      case ExprKind::kAnd:
      case ExprKind::kOr:
        for (const Expr* operand : expr.operands) check_condition(*operand, effect);
        return;
      case ExprKind::kNot:
        return check_condition(*expr.operands[0], opposite(effect));
      case ExprKind::kIf:
        check_value(*expr.operands[0]);
        check_condition(*expr.operands[1], effect);
        return check_condition(*expr.operands[2], effect);
      default:
        return check_value(expr);
    }
  }

  // An expression in which approvals and waiting have no place.
  void check_value(const Expr& expr) {
    if (is_growing(expr) || is_context_attribute(expr, kApprovals)) {
      return report(expr.at, "approvals",
                    "approvals and waitedHours may only be compared with a number, as in `" +
                        std::string(is_context_attribute(expr, kWaited) ? "context.waitedHours"
                                                                        : "context.approvals.treasury") +
                        " >= 2`, and the comparison joined with && and || only");
    }
    if (is_variable(expr, cedar::Variable::kContext)) {
      return report(expr.at, "approvals",
                    "`context` as a whole holds the approvals; name an attribute of it");
    }
    check_node(expr);
    if (expr.kind == ExprKind::kAttribute || expr.kind == ExprKind::kHas) return check_base(expr);
    for (const Expr* operand : expr.operands) check_value(*operand);
  }

  void check_node(const Expr& expr) {
    if (expr.kind == ExprKind::kSum || expr.kind == ExprKind::kProduct || expr.kind == ExprKind::kNegate) {
      report(expr.at, "arithmetic",
             "a policy may not calculate, because it could overflow; compare with a number");
    }
    if (expr.kind != ExprKind::kCall) return;
    const cedar::Function function = expr.function;
    if (function == cedar::Function::kOffset || function == cedar::Function::kDurationSince ||
        function == cedar::Function::kToDate) {
      report(expr.at, "arithmetic",
             std::string(cedar::function_name(function)) +
                 " can go out of range; compare context.time, hour, weekday or hours");
    }
  }

  // Of a.b.c or a has b.
  void check_base(const Expr& expr) {
    const Expr* base = expr.operands[0];
    if (is_variable(*base, cedar::Variable::kContext)) {
      if (expr.kind == ExprKind::kHas && (expr.name == kApprovals || expr.name == kWaited)) {
        report(expr.at, "approvals",
               "approvals and waitedHours are always there; compare them with a number");
      }
      return;
    }
    if (base->kind == ExprKind::kAttribute) return check_value(*base);
    if (base->kind == ExprKind::kVariable) return;
    report(expr.at, "attribute",
           "attributes may be read of principal, resource and context only; name the value itself");
    check_value(*base);
  }

  const cedar::PolicySet& policies_;
  const cedar::Schema& schema_;
  const Names& names_;
  const cedar::Policy* policy_ = nullptr;
  std::set<std::string_view> ids_;
  std::vector<Finding> findings_;
};

void collect(const Expr& expr, std::set<Threshold>* out) {
  if (is_growing_comparison(expr)) {
    if (const auto threshold = threshold_of(expr)) out->insert(*threshold);
    return;
  }
  for (const Expr* operand : expr.operands) collect(*operand, out);
}

}  // namespace

std::string to_string(const Finding& finding) {
  return cedar::to_string(finding.at) + ": " + to_printable(finding.policy) + ": " + finding.rule + ": " +
         to_printable(finding.message);
}

std::string_view policy_name(const cedar::Policy& policy) {
  for (const cedar::Annotation& annotation : policy.annotations) {
    if (annotation.name == "id" && !annotation.value.empty()) return annotation.value;
  }
  return policy.id;
}

Names names_of(const bundle::Bundle& bundle, std::optional<std::string> member) {
  Names out;
  for (const Bytes& group : bundle.groups) out.groups.emplace(as_text(group));
  for (const std::string& group : out.groups) out.sizes[group] = 0;
  for (const bundle::Officer& officer : bundle.officers) {
    out.officers.emplace(as_text(officer.name));
    for (const Bytes& group : officer.groups) ++out.sizes[std::string(as_text(group))];
  }
  out.sizes[std::string(kDistinct)] = static_cast<std::int64_t>(bundle.officers.size());
  for (const bundle::Unit& unit : bundle.units) out.currencies.emplace(as_text(unit.currency));
  out.member = std::move(member);
  return out;
}

std::vector<Finding> lint(const cedar::PolicySet& policies, const cedar::Schema& schema, const Names& names) {
  return Linter(policies, schema, names).run();
}

std::vector<Threshold> thresholds(const cedar::PolicySet& policies) {
  std::set<Threshold> out;
  for (const cedar::Policy& policy : policies.active()) {
    for (const cedar::Condition& condition : policy.conditions) collect(*condition.body, &out);
  }
  return {out.begin(), out.end()};
}

}  // namespace custody::policy::engine
