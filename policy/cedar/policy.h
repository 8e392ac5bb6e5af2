// Policies as parsed from text: the tree that is validated, formatted and evaluated. All of it lies in the
// arena of the PolicySet that it belongs to, and is never changed after parse() and link().
// Grammar: docs.cedarpolicy.com/policies/syntax-grammar.html. Thread-safety: a const PolicySet may be shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "policy/cedar/arena.h"
#include "policy/cedar/extension.h"
#include "policy/cedar/position.h"
#include "policy/cedar/value.h"

namespace custody::policy::cedar {

enum class Variable : std::uint8_t { kPrincipal, kAction, kResource, kContext };
std::string_view variable_name(Variable variable);

enum class ExprKind : std::uint8_t {
  kLiteral,   // value: Bool, Long, String or Entity
  kVariable,  // variable
  kIf,        // operands: condition, then, else
  kAnd,       // operands, two or more, from left to right
  kOr,        // the same
  kNot,       // one operand
  kNegate,    // one operand
  kEqual,     // two operands, as all comparisons
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kSum,        // operands, two or more; minus[i]: operand i is subtracted
  kProduct,    // operands, two or more
  kHas,        // operand has name
  kLike,       // operand like pattern
  kIs,         // operand is name (an entity type)
  kIsIn,       // operands[0] is name in operands[1]
  kAttribute,  // operand.name, operand["name"]
  kCall,       // function; operands: the receiver of a method first
  kSet,        // operands
  kRecord,     // names[i]: operands[i]
};

// One expression. `a has b.c` is parsed into `a has b && a.b has c`.
struct Expr {
  ExprKind kind = ExprKind::kLiteral;
  Variable variable = Variable::kPrincipal;
  Function function = Function::kIp;
  bool has_path = false;  // of kAnd: written as `a has b.c`
  bool constant = false;  // value holds what the expression evaluates to: a literal, or made of literals only
  std::uint32_t path =
      0;  // of kAttribute over a variable, as context.a.b: its number in the set, from 1; else 0
  std::uint16_t depth = 1;  // levels of the tree below, at most kMaxNesting
  Position at;
  std::string_view name;
  std::span<const Expr* const> operands;
  std::span<const std::string_view> names;
  std::span<const bool> minus;
  std::span<const std::string_view> pattern;  // the texts between the wildcards: "a*b" is {"a", "b"}
  Value value;
};

// Same tree, whatever stands where.
bool same_expr(const Expr& a, const Expr& b);

enum class Effect : std::uint8_t { kPermit, kForbid };

// What the scope of a policy says about one variable.
struct ScopeConstraint {
  enum class Kind : std::uint8_t {
    kAny,
    kEqual,  // == entity
    kIn,     // in entity
    kIs,     // is type
    kIsIn,   // is type in entity
    kInAny,  // in [entities]; actions only
  };
  Kind kind = Kind::kAny;
  bool slot = false;  // the entity is ?principal or ?resource, to be filled when the template is linked
  Position at;
  std::string_view type;
  EntityUid entity;
  std::span<const EntityUid> entities;
};

struct Condition {
  bool unless = false;
  Position at;   // of "when" or "unless"
  Position end;  // of the closing brace
  const Expr* body = nullptr;
};

struct Annotation {
  std::string_view name;
  std::string_view value;  // empty when none was written
};

struct Policy {
  std::string_view id;  // "policy7" by position in the text, or the id of the link
  Effect effect = Effect::kForbid;
  Position at;
  Position end;  // of its semicolon
  std::span<const Annotation> annotations;
  ScopeConstraint principal;
  ScopeConstraint action;
  ScopeConstraint resource;
  std::span<const Condition> conditions;

  bool linked = false;  // made of a template by PolicySet::link()

  bool is_template() const { return principal.slot || resource.slot; }
};

// Same in everything but id and positions.
bool same_policy(const Policy& a, const Policy& b);

// What fills the slots of a template.
struct SlotValues {
  std::optional<EntityUid> principal;
  std::optional<EntityUid> resource;
};

class PolicySet {
 public:
  // text: UTF-8. An error names line and column; nothing of a text with an error is kept.
  static Result<PolicySet> parse(std::string_view text);

  // Makes a policy of the template at place template_index of all(). kInvalid: not a template, an id that is
  // taken, a slot that is not filled or does not exist.
  Status link(std::size_t template_index, std::string_view id, const SlotValues& slots);

  // Policies and templates as they stand in the text.
  const std::vector<Policy>& all() const { return all_; }
  // How many different paths the policies read. Equal paths have the same number, so one decision reads each
  // once.
  std::uint32_t path_count() const { return path_count_; }
  // What takes part in decisions: the policies of the text in order, then the links in order.
  const std::vector<Policy>& active() const { return active_; }

 private:
  friend class PolicyParser;
  Arena arena_;
  std::vector<Policy> all_;
  std::vector<Policy> active_;
  std::uint32_t path_count_ = 0;
};

}  // namespace custody::policy::cedar
