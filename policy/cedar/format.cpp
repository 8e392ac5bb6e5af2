#include "policy/cedar/format.h"

#include <algorithm>
#include <vector>

#include "policy/cedar/lexer.h"

namespace custody::policy::cedar {
namespace {

constexpr std::size_t kWidth = 100;

// How strongly an expression binds, as in the grammar: an operand that binds less is put in parentheses.
enum class Level { kExpr, kOr, kAnd, kRelation, kSum, kProduct, kUnary, kMember };

Level level_of(const Expr& expr) {
  if (expr.has_path) return Level::kRelation;
  switch (expr.kind) {
    case ExprKind::kIf:
      return Level::kExpr;
    case ExprKind::kOr:
      return Level::kOr;
    case ExprKind::kAnd:
      return Level::kAnd;
    case ExprKind::kEqual:
    case ExprKind::kNotEqual:
    case ExprKind::kLess:
    case ExprKind::kLessEqual:
    case ExprKind::kGreater:
    case ExprKind::kGreaterEqual:
    case ExprKind::kIn:
    case ExprKind::kHas:
    case ExprKind::kLike:
    case ExprKind::kIs:
    case ExprKind::kIsIn:
      return Level::kRelation;
    case ExprKind::kSum:
      return Level::kSum;
    case ExprKind::kProduct:
      return Level::kProduct;
    case ExprKind::kNot:
    case ExprKind::kNegate:
      return Level::kUnary;
    case ExprKind::kLiteral:
      return expr.value.is(Value::Kind::kLong) && expr.value.number() < 0 ? Level::kUnary : Level::kMember;
    default:
      return Level::kMember;
  }
}

std::string_view operator_text(ExprKind kind) {
  switch (kind) {
    case ExprKind::kEqual:
      return " == ";
    case ExprKind::kNotEqual:
      return " != ";
    case ExprKind::kLess:
      return " < ";
    case ExprKind::kLessEqual:
      return " <= ";
    case ExprKind::kGreater:
      return " > ";
    case ExprKind::kGreaterEqual:
      return " >= ";
    case ExprKind::kIn:
      return " in ";
    case ExprKind::kOr:
      return " || ";
    case ExprKind::kAnd:
      return " && ";
    default:
      return " * ";
  }
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || is_reserved_word(name)) return false;
  Lexer lexer(name, true);
  const Result<Token> token = lexer.next();
  return token.ok() && token->kind == TokenKind::kIdentifier && token->text.size() == name.size();
}

std::string field_name(std::string_view name) {
  return is_plain_name(name) ? std::string(name) : quote(name);
}

// expr as an operand where at least `least` must bind.
std::string operand(const Expr& expr, Level least) {
  const std::string text = format_expr(expr);
  return level_of(expr) < least ? "(" + text + ")" : text;
}

Level above(Level level) {
  return static_cast<Level>(static_cast<int>(level) + 1);
}

std::string chain_text(const Expr& expr) {
  const Level least = above(level_of(expr));
  std::string out;
  for (std::size_t i = 0; i < expr.operands.size(); ++i) {
    if (i > 0 && expr.kind == ExprKind::kSum) {
      out += expr.minus[i] ? " - " : " + ";
    } else if (i > 0) {
      out += operator_text(expr.kind);
    }
    out += operand(*expr.operands[i], least);
  }
  return out;
}

std::string list_text(std::span<const Expr* const> items) {
  std::string out;
  for (const Expr* item : items) {
    if (!out.empty()) out += ", ";
    out += format_expr(*item);
  }
  return out;
}

std::string record_text(const Expr& expr) {
  std::string out = "{";
  for (std::size_t i = 0; i < expr.operands.size(); ++i) {
    if (i > 0) out += ", ";
    out += field_name(expr.names[i]) + ": " + format_expr(*expr.operands[i]);
  }
  return out + "}";
}

std::string has_text(const Expr& expr) {
  if (!expr.has_path) return operand(*expr.operands[0], Level::kSum) + " has " + field_name(expr.name);
  std::string out = operand(*expr.operands[0]->operands[0], Level::kSum) + " has ";
  for (std::size_t i = 0; i < expr.operands.size(); ++i) {
    if (i > 0) out += ".";
    out += expr.operands[i]->name;
  }
  return out;
}

std::string pattern_text(std::span<const std::string_view> parts) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += "*";
    const std::string quoted = quote(parts[i]);
    for (const char c : std::string_view(quoted).substr(1, quoted.size() - 2)) {
      if (c == '*') out += '\\';
      out += c;
    }
  }
  return "\"" + out + "\"";
}

std::string call_text(const Expr& expr) {
  const std::string name(function_name(expr.function));
  if (is_constructor(expr.function)) return name + "(" + list_text(expr.operands) + ")";
  return operand(*expr.operands[0], Level::kMember) + "." + name + "(" + list_text(expr.operands.subspan(1)) +
         ")";
}

std::string unary_text(const Expr& expr) {
  const Expr& inner = *expr.operands[0];
  const std::string symbol = expr.kind == ExprKind::kNot ? "!" : "-";
  // "-5" would be one literal.
  const bool number = expr.kind == ExprKind::kNegate && inner.kind == ExprKind::kLiteral;
  return symbol + (number ? "(" + format_expr(inner) + ")" : operand(inner, Level::kMember));
}

std::string scope_text(std::string_view variable, const ScopeConstraint& scope) {
  using Kind = ScopeConstraint::Kind;
  std::string out(variable);
  if (scope.kind == Kind::kAny) return out;
  if (scope.kind == Kind::kIs || scope.kind == Kind::kIsIn) out += " is " + std::string(scope.type);
  if (scope.kind == Kind::kIs) return out;
  out += scope.kind == Kind::kEqual ? " == " : " in ";
  if (scope.slot) return out + "?" + std::string(variable);
  if (scope.kind != Kind::kInAny) return out + to_string(scope.entity);
  out += "[";
  for (std::size_t i = 0; i < scope.entities.size(); ++i) {
    out += (i > 0 ? ", " : "") + to_string(scope.entities[i]);
  }
  return out + "]";
}

std::string head_text(const Policy& policy) {
  std::string out;
  for (const Annotation& annotation : policy.annotations) {
    out += "@" + std::string(annotation.name);
    if (!annotation.value.empty()) out += "(" + quote(annotation.value) + ")";
    out += "\n";
  }
  out += policy.effect == Effect::kPermit ? "permit (" : "forbid (";
  const std::string principal = scope_text("principal", policy.principal);
  const std::string action = scope_text("action", policy.action);
  const std::string resource = scope_text("resource", policy.resource);
  const std::string line = principal + ", " + action + ", " + resource;
  if (line.size() + std::string_view("permit ()").size() <= kWidth) return out + line + ")";
  return out + "\n  " + principal + ",\n  " + action + ",\n  " + resource + "\n)";
}

// Operands of a long chain stand on lines of their own.
std::string condition_text(const Condition& condition) {
  const std::string keyword = condition.unless ? "unless {" : "when {";
  const Expr& body = *condition.body;
  std::string line = keyword + " " + format_expr(body) + " }";
  const bool chain = (body.kind == ExprKind::kAnd || body.kind == ExprKind::kOr) && !body.has_path;
  if (line.size() <= kWidth) return line;
  if (!chain) return keyword + "\n  " + format_expr(body) + "\n}";
  std::string out = keyword;
  const Level least = above(level_of(body));
  const std::string_view symbol = operator_text(body.kind).substr(0, 3);
  for (std::size_t i = 0; i < body.operands.size(); ++i) {
    out += "\n  " + operand(*body.operands[i], least);
    if (i + 1 < body.operands.size()) out += symbol;
  }
  return out + "\n}";
}

bool before(Position a, Position b) {
  return a.line != b.line ? a.line < b.line : a.column < b.column;
}

// Hands out comments in the order of the text.
class Comments {
 public:
  explicit Comments(std::vector<Comment> comments) : comments_(std::move(comments)) {}

  // Those that stand before `end`, one a line.
  std::string take_before(Position end) {
    std::string out;
    for (; next_ < comments_.size() && before(comments_[next_].at, end); ++next_) {
      std::string_view text = comments_[next_].text;
      while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
      out += std::string(text) + "\n";
    }
    return out;
  }

 private:
  std::vector<Comment> comments_;
  std::size_t next_ = 0;
};

Result<std::vector<Comment>> read_comments(std::string_view text) {
  std::vector<Comment> comments;
  Lexer lexer(text, true);
  lexer.collect_comments(&comments);
  while (true) {
    ASSIGN_OR_RETURN(const Token token, lexer.next());
    if (token.kind == TokenKind::kEnd) return comments;
  }
}

}  // namespace

std::string format_expr(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kLiteral:
      return to_string(expr.value);
    case ExprKind::kVariable:
      return std::string(variable_name(expr.variable));
    case ExprKind::kIf:
      return "if " + format_expr(*expr.operands[0]) + " then " + format_expr(*expr.operands[1]) + " else " +
             format_expr(*expr.operands[2]);
    case ExprKind::kAnd:
      return expr.has_path ? has_text(expr) : chain_text(expr);
    case ExprKind::kNot:
    case ExprKind::kNegate:
      return unary_text(expr);
    case ExprKind::kHas:
      return has_text(expr);
    case ExprKind::kLike:
      return operand(*expr.operands[0], Level::kSum) + " like " + pattern_text(expr.pattern);
    case ExprKind::kIs:
      return operand(*expr.operands[0], Level::kSum) + " is " + std::string(expr.name);
    case ExprKind::kIsIn:
      return operand(*expr.operands[0], Level::kSum) + " is " + std::string(expr.name) + " in " +
             operand(*expr.operands[1], Level::kSum);
    case ExprKind::kAttribute: {
      const std::string target = operand(*expr.operands[0], Level::kMember);
      return is_plain_name(expr.name) ? target + "." + std::string(expr.name)
                                      : target + "[" + quote(expr.name) + "]";
    }
    case ExprKind::kCall:
      return call_text(expr);
    case ExprKind::kSet:
      return "[" + list_text(expr.operands) + "]";
    case ExprKind::kRecord:
      return record_text(expr);
    default:
      return chain_text(expr);
  }
}

std::string format_policy(const Policy& policy) {
  std::string out = head_text(policy);
  for (const Condition& condition : policy.conditions) out += "\n" + condition_text(condition);
  return out + ";";
}

Result<std::string> format_policies(std::string_view text) {
  ASSIGN_OR_RETURN(const PolicySet policies, PolicySet::parse(text));
  ASSIGN_OR_RETURN(std::vector<Comment> found, read_comments(text));
  Comments comments(std::move(found));
  std::string out;
  for (const Policy& policy : policies.all()) {
    std::string lead;
    std::string body;
    lead += comments.take_before(policy.conditions.empty() ? policy.end : policy.resource.at);
    body += head_text(policy);
    for (std::size_t i = 0; i < policy.conditions.size(); ++i) {
      const bool last = i + 1 == policy.conditions.size();
      body += "\n" + comments.take_before(last ? policy.end : policy.conditions[i].end);
      body += condition_text(policy.conditions[i]);
    }
    lead += comments.take_before({policy.end.line + 1, 0});
    if (!out.empty()) out += "\n";
    out += lead + body + ";\n";
  }
  const std::string rest = comments.take_before({UINT32_MAX, 0});
  if (!out.empty() && !rest.empty()) out += "\n";
  return out + rest;
}

}  // namespace custody::policy::cedar
