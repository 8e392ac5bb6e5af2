#include <limits>

#include "policy/cedar/limits.h"
#include "policy/cedar/parser.h"

namespace custody::policy::cedar {
namespace {

constexpr std::size_t kMaxRepeatedUnary = 4;  // the grammar's limit on `!!!!` and `----`

std::optional<Variable> variable_named(std::string_view name) {
  for (const Variable variable :
       {Variable::kPrincipal, Variable::kAction, Variable::kResource, Variable::kContext}) {
    if (variable_name(variable) == name) return variable;
  }
  return std::nullopt;
}

}  // namespace

// Completes a node: its operands, its depth, and its value when it is made of literals only.
Result<const Expr*> PolicyParser::finish(Expr expr, const std::vector<Node>& operands) {
  expr.operands = arena().copy(operands);
  for (const Node operand : operands) {
    expr.depth = std::max<std::uint16_t>(expr.depth, static_cast<std::uint16_t>(operand->depth + 1));
  }
  if (expr.depth > kMaxNesting) {
    return limit_at(expr.at, "nested deeper than " + std::to_string(kMaxNesting) + " levels");
  }
  TRY(fold(&expr));
  if (expr.kind == ExprKind::kAttribute) number_path(&expr);
  return Node(arena().make<Expr>(expr));
}

void PolicyParser::number_path(Expr* expr) {
  const Expr& target = *expr->operands[0];
  if (target.kind != ExprKind::kVariable && target.path == 0) return;
  const auto [place, added] =
      paths_.try_emplace({target.variable, target.path, expr->name}, set_.path_count_ + 1);
  if (added) ++set_.path_count_;
  expr->path = place->second;
}

Status PolicyParser::fold(Expr* expr) {
  for (const Node operand : expr->operands) {
    if (!operand->constant) return ok_status();
  }
  switch (expr->kind) {
    case ExprKind::kLiteral:
      expr->constant = true;
      return ok_status();
    case ExprKind::kSet: {
      const std::span<Value> items = arena().array<Value>(expr->operands.size());
      for (std::size_t i = 0; i < items.size(); ++i) items[i] = expr->operands[i]->value;
      expr->value = Value(arena().make<Set>(make_set(items)));
      expr->constant = true;
      return ok_status();
    }
    case ExprKind::kRecord: {
      const std::span<Field> fields = arena().array<Field>(expr->operands.size());
      for (std::size_t i = 0; i < fields.size(); ++i) fields[i] = {expr->names[i], expr->operands[i]->value};
      ASSIGN_OR_RETURN(const Record record, make_record(fields));
      expr->value = Value(arena().make<Record>(record));
      expr->constant = true;
      return ok_status();
    }
    case ExprKind::kCall: {
      if (!is_constructor(expr->function) || expr->operands.size() != 1) return ok_status();
      const Value& text = expr->operands[0]->value;
      if (!text.is(Value::Kind::kString)) return ok_status();
      if (const auto value = construct(arena(), expr->function, text.text())) {
        expr->value = *value;
        expr->constant = true;
      }
      return ok_status();
    }
    default:
      return ok_status();
  }
}

Result<const Expr*> PolicyParser::literal(Value value, Position at) {
  Expr expr;
  expr.at = at;
  expr.value = value;
  return finish(expr, {});
}

Result<const Expr*> PolicyParser::chain(ExprKind kind, const std::vector<Node>& operands, Position at) {
  Expr expr;
  expr.kind = kind;
  expr.at = at;
  return finish(expr, operands);
}

Result<const Expr*> PolicyParser::call(Function function, const std::vector<Node>& operands, Position at) {
  Expr expr;
  expr.kind = ExprKind::kCall;
  expr.function = function;
  expr.at = at;
  return finish(expr, operands);
}

Result<const Expr*> PolicyParser::attribute_like(ExprKind kind, Node target, std::string_view name,
                                                 Position at) {
  Expr expr;
  expr.kind = kind;
  expr.name = name;
  expr.at = at;
  return finish(expr, {target});
}

Result<const Expr*> PolicyParser::parse_expr() {
  const NestingGuard guard(&depth_);
  const Position at = tokens_.peek().at;
  TRY(guard.check(at));
  ASSIGN_OR_RETURN(const bool conditional, tokens_.accept_word("if"));
  return conditional ? parse_if(at) : parse_or();
}

Result<const Expr*> PolicyParser::parse_if(Position at) {
  ASSIGN_OR_RETURN(const Node condition, parse_expr());
  TRY(tokens_.expect_word("then"));
  ASSIGN_OR_RETURN(const Node then, parse_expr());
  TRY(tokens_.expect_word("else"));
  ASSIGN_OR_RETURN(const Node otherwise, parse_expr());
  return chain(ExprKind::kIf, {condition, then, otherwise}, at);
}

Result<const Expr*> PolicyParser::parse_or() {
  const Position at = tokens_.peek().at;
  ASSIGN_OR_RETURN(const Node first, parse_and());
  if (!tokens_.at_symbol("||")) return first;
  std::vector<Node> operands = {first};
  while (tokens_.at_symbol("||")) {
    TRY(tokens_.take());
    ASSIGN_OR_RETURN(const Node next, parse_and());
    operands.push_back(next);
  }
  return chain(ExprKind::kOr, operands, at);
}

Result<const Expr*> PolicyParser::parse_and() {
  const Position at = tokens_.peek().at;
  ASSIGN_OR_RETURN(const Node first, parse_relation());
  if (!tokens_.at_symbol("&&")) return first;
  std::vector<Node> operands = {first};
  while (tokens_.at_symbol("&&")) {
    TRY(tokens_.take());
    ASSIGN_OR_RETURN(const Node next, parse_relation());
    operands.push_back(next);
  }
  return chain(ExprKind::kAnd, operands, at);
}

std::optional<ExprKind> PolicyParser::relation_operator() const {
  if (tokens_.at_symbol("==")) return ExprKind::kEqual;
  if (tokens_.at_symbol("!=")) return ExprKind::kNotEqual;
  if (tokens_.at_symbol("<")) return ExprKind::kLess;
  if (tokens_.at_symbol("<=")) return ExprKind::kLessEqual;
  if (tokens_.at_symbol(">")) return ExprKind::kGreater;
  if (tokens_.at_symbol(">=")) return ExprKind::kGreaterEqual;
  if (tokens_.at_word("in")) return ExprKind::kIn;
  return std::nullopt;
}

Result<const Expr*> PolicyParser::parse_relation() {
  const Position at = tokens_.peek().at;
  ASSIGN_OR_RETURN(const Node left, parse_sum());
  if (const auto kind = relation_operator()) return parse_comparison(left, *kind, at);
  if (tokens_.at_word("has")) return parse_has(left, at);
  if (tokens_.at_word("like")) return parse_like(left, at);
  if (tokens_.at_word("is")) return parse_is(left, at);
  if (tokens_.at_symbol("="))
    return error_at(tokens_.peek().at, "\"=\" is not an operator; equality is \"==\"");
  return left;
}

Result<const Expr*> PolicyParser::parse_comparison(Node left, ExprKind kind, Position at) {
  TRY(tokens_.take());
  ASSIGN_OR_RETURN(const Node right, parse_sum());
  if (relation_operator()) {
    return error_at(tokens_.peek().at, "several comparisons in a row need parentheses");
  }
  return chain(kind, {left, right}, at);
}

// `e has a.b.c` is `e has a && e.a has b && e.a.b has c`.
Result<const Expr*> PolicyParser::parse_has(Node target, Position at) {
  TRY(tokens_.take());
  if (tokens_.at_string()) {
    ASSIGN_OR_RETURN(const Token name, tokens_.take());
    ASSIGN_OR_RETURN(const std::string_view text, unescape(arena(), name));
    return attribute_like(ExprKind::kHas, target, text, at);
  }
  std::vector<Node> parts;
  while (true) {
    ASSIGN_OR_RETURN(const Token name, tokens_.expect_name("an attribute's name or a string after \"has\""));
    const std::string_view text = arena().copy(name.text);
    ASSIGN_OR_RETURN(const Node part, attribute_like(ExprKind::kHas, target, text, at));
    parts.push_back(part);
    ASSIGN_OR_RETURN(const bool more, tokens_.accept("."));
    if (!more) break;
    ASSIGN_OR_RETURN(target, attribute_like(ExprKind::kAttribute, target, text, at));
  }
  if (parts.size() == 1) return parts[0];
  Expr expr;
  expr.kind = ExprKind::kAnd;
  expr.has_path = true;
  expr.at = at;
  return finish(expr, parts);
}

Result<const Expr*> PolicyParser::parse_like(Node target, Position at) {
  TRY(tokens_.take());
  ASSIGN_OR_RETURN(const Token pattern, tokens_.expect_string("a pattern, a string, after \"like\""));
  Expr expr;
  expr.kind = ExprKind::kLike;
  expr.at = at;
  ASSIGN_OR_RETURN(expr.pattern, unescape_pattern(arena(), pattern));
  return finish(expr, {target});
}

Result<const Expr*> PolicyParser::parse_is(Node target, Position at) {
  TRY(tokens_.take());
  ASSIGN_OR_RETURN(const std::string type, tokens_.take_path("an entity type after \"is\""));
  Expr expr;
  expr.kind = ExprKind::kIs;
  expr.at = at;
  expr.name = arena().copy(type);
  ASSIGN_OR_RETURN(const bool has_ancestor, tokens_.accept_word("in"));
  if (!has_ancestor) return finish(expr, {target});
  ASSIGN_OR_RETURN(const Node ancestor, parse_sum());
  expr.kind = ExprKind::kIsIn;
  return finish(expr, {target, ancestor});
}

Result<const Expr*> PolicyParser::parse_sum() {
  const Position at = tokens_.peek().at;
  ASSIGN_OR_RETURN(const Node first, parse_product());
  std::vector<Node> operands = {first};
  std::vector<bool> minus = {false};
  while (tokens_.at_symbol("+") || tokens_.at_symbol("-")) {
    minus.push_back(tokens_.at_symbol("-"));
    TRY(tokens_.take());
    ASSIGN_OR_RETURN(const Node next, parse_product());
    operands.push_back(next);
  }
  if (operands.size() == 1) return first;
  Expr expr;
  expr.kind = ExprKind::kSum;
  expr.at = at;
  const std::span<bool> flags = arena().array<bool>(minus.size());
  std::copy(minus.begin(), minus.end(), flags.begin());
  expr.minus = flags;
  return finish(expr, operands);
}

Result<const Expr*> PolicyParser::parse_product() {
  const Position at = tokens_.peek().at;
  ASSIGN_OR_RETURN(const Node first, parse_unary());
  std::vector<Node> operands = {first};
  while (tokens_.at_symbol("*")) {
    TRY(tokens_.take());
    ASSIGN_OR_RETURN(const Node next, parse_unary());
    operands.push_back(next);
  }
  if (tokens_.at_symbol("/") || tokens_.at_symbol("%")) {
    return error_at(tokens_.peek().at, "the language has no division and no remainder");
  }
  if (operands.size() == 1) return first;
  return chain(ExprKind::kProduct, operands, at);
}

// Up to four `!` or up to four `-`. The last `-` before a number is its sign.
Result<const Expr*> PolicyParser::parse_unary() {
  const Position at = tokens_.peek().at;
  const bool negate = tokens_.at_symbol("-");
  if (!negate && !tokens_.at_symbol("!")) return parse_member();
  std::size_t count = 0;
  while (tokens_.at_symbol(negate ? "-" : "!")) {
    if (++count > kMaxRepeatedUnary) return error_at(at, "more than four \"!\" or \"-\" in a row");
    TRY(tokens_.take());
  }
  Node operand = nullptr;
  if (negate && at_literal_number()) {
    ASSIGN_OR_RETURN(const Token number, tokens_.take());
    const bool bare = !tokens_.at_symbol(".") && !tokens_.at_symbol("[");
    ASSIGN_OR_RETURN(operand, number_literal(number, bare));
    if (bare) --count;
    ASSIGN_OR_RETURN(operand, parse_accesses(operand));
  } else {
    ASSIGN_OR_RETURN(operand, parse_member());
  }
  for (; count > 0; --count) {
    ASSIGN_OR_RETURN(operand, chain(negate ? ExprKind::kNegate : ExprKind::kNot, {operand}, at));
  }
  return operand;
}

Result<const Expr*> PolicyParser::number_literal(const Token& token, bool negative) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const std::uint64_t limit = negative ? kMax + 1 : kMax;
  std::uint64_t value = 0;
  for (const char digit : token.text) {
    const auto added = static_cast<std::uint64_t>(digit - '0');
    if (value > (limit - added) / 10) {
      return error_at(token.at, "the number is outside the range of a signed 64-bit integer");
    }
    value = value * 10 + added;
  }
  // Two's complement: also right for -2^63.
  return literal(Value(static_cast<std::int64_t>(negative ? 0 - value : value)), token.at);
}

Result<const Expr*> PolicyParser::parse_member() {
  ASSIGN_OR_RETURN(const Node target, parse_primary());
  return parse_accesses(target);
}

// Every `.name`, `.method(...)` and `["name"]` after target.
Result<const Expr*> PolicyParser::parse_accesses(Node target) {
  while (tokens_.at_symbol(".") || tokens_.at_symbol("[")) {
    ASSIGN_OR_RETURN(target, parse_access(target));
  }
  if (tokens_.at_symbol("(")) return error_at(tokens_.peek().at, "this cannot be called");
  return target;
}

Result<const Expr*> PolicyParser::parse_access(Node target) {
  ASSIGN_OR_RETURN(const Token opening, tokens_.take());
  if (opening.text == ".") return parse_dot(target, opening.at);
  ASSIGN_OR_RETURN(const Token name, tokens_.expect_string("an attribute's name, a string, in \"[ ]\""));
  ASSIGN_OR_RETURN(const std::string_view text, unescape(arena(), name));
  TRY(tokens_.expect("]"));
  return attribute_like(ExprKind::kAttribute, target, text, opening.at);
}

Result<const Expr*> PolicyParser::parse_dot(Node target, Position at) {
  ASSIGN_OR_RETURN(const Token name, tokens_.expect_name("an attribute or a method after \".\""));
  ASSIGN_OR_RETURN(const bool is_call, tokens_.accept("("));
  if (!is_call) return attribute_like(ExprKind::kAttribute, target, arena().copy(name.text), at);
  const auto method = find_function(name.text);
  if (!method || is_constructor(*method)) {
    return error_at(name.at, "\"" + std::string(name.text) + "\" is not a method of the language");
  }
  ASSIGN_OR_RETURN(std::vector<Node> operands, parse_list(")"));
  operands.insert(operands.begin(), target);
  // The methods of sets and tags are part of the grammar; a wrong number of arguments of the others is an
  // error of evaluation.
  if (*method <= Function::kGetTag && operands.size() != function_arity(*method)) {
    return error_at(name.at, "\"" + std::string(name.text) + "\" takes " +
                                 std::to_string(function_arity(*method) - 1) + " arguments");
  }
  return call(*method, operands, at);
}

Result<const Expr*> PolicyParser::parse_primary() {
  const Token& token = tokens_.peek();
  const Position at = token.at;
  switch (token.kind) {
    case TokenKind::kNumber: {
      ASSIGN_OR_RETURN(const Token number, tokens_.take());
      return number_literal(number, false);
    }
    case TokenKind::kString: {
      ASSIGN_OR_RETURN(const Token text, tokens_.take());
      ASSIGN_OR_RETURN(const std::string_view value, unescape(arena(), text));
      return literal(Value(value), at);
    }
    case TokenKind::kIdentifier:
      return parse_word();
    case TokenKind::kSlot:
      return error_at(at, "the slot " + describe(token) + " can stand in the scope of a policy only");
    case TokenKind::kSymbol:
    case TokenKind::kEnd:
      break;
  }
  ASSIGN_OR_RETURN(const bool parenthesis, tokens_.accept("("));
  if (parenthesis) {
    ASSIGN_OR_RETURN(const Node inner, parse_expr());
    TRY(tokens_.expect(")"));
    return inner;
  }
  ASSIGN_OR_RETURN(const bool bracket, tokens_.accept("["));
  if (bracket) return parse_set(at);
  ASSIGN_OR_RETURN(const bool brace, tokens_.accept("{"));
  if (brace) return parse_record(at);
  return tokens_.unexpected("an expression");
}

Result<const Expr*> PolicyParser::parse_word() {
  ASSIGN_OR_RETURN(const Token word, tokens_.take());
  if (tokens_.at_symbol("::")) return parse_path(word);
  if (word.text == "true" || word.text == "false") return literal(Value(word.text == "true"), word.at);
  if (tokens_.at_symbol("(")) return parse_function_call(word);
  const auto variable = variable_named(word.text);
  if (!variable) {
    return error_at(
        word.at,
        describe(word) + " cannot stand here; the variables are principal, action, resource and context");
  }
  Expr expr;
  expr.kind = ExprKind::kVariable;
  expr.variable = *variable;
  expr.at = word.at;
  return finish(expr, {});
}

Result<const Expr*> PolicyParser::parse_path(const Token& first) {
  bool before_string = false;
  ASSIGN_OR_RETURN(const std::string type, tokens_.take_path_after(first, &before_string));
  if (!before_string)
    return error_at(first.at, "\"" + type + "\" is no expression; an entity is written Type::\"id\"");
  ASSIGN_OR_RETURN(const Token id_token, tokens_.take());
  ASSIGN_OR_RETURN(const std::string_view id, unescape(arena(), id_token));
  return literal(Value(arena().make<EntityUid>(entity_uid(arena().copy(type), id))), first.at);
}

Result<const Expr*> PolicyParser::parse_function_call(const Token& name) {
  const auto function = find_function(name.text);
  if (!function || !is_constructor(*function)) {
    return error_at(name.at, describe(name) + " is not a function of the language");
  }
  TRY(tokens_.take());
  ASSIGN_OR_RETURN(const std::vector<Node> operands, parse_list(")"));
  return call(*function, operands, name.at);
}

// Expressions separated by commas, with an optional last comma, and the closing symbol.
Result<std::vector<const Expr*>> PolicyParser::parse_list(std::string_view closing) {
  std::vector<Node> items;
  while (!tokens_.at_symbol(closing)) {
    if (items.size() == kMaxCollection) {
      return limit_at(tokens_.peek().at, "more than " + std::to_string(kMaxCollection) + " elements");
    }
    ASSIGN_OR_RETURN(const Node item, parse_expr());
    items.push_back(item);
    ASSIGN_OR_RETURN(const bool more, tokens_.accept(","));
    if (!more) break;
  }
  TRY(tokens_.expect(closing));
  return items;
}

Result<const Expr*> PolicyParser::parse_set(Position at) {
  ASSIGN_OR_RETURN(const std::vector<Node> items, parse_list("]"));
  return chain(ExprKind::kSet, items, at);
}

Result<const Expr*> PolicyParser::parse_record(Position at) {
  std::vector<std::string_view> names;
  std::vector<Node> values;
  while (!tokens_.at_symbol("}")) {
    if (names.size() == kMaxCollection) {
      return limit_at(tokens_.peek().at, "more than " + std::to_string(kMaxCollection) + " fields");
    }
    if (tokens_.at_string()) {
      ASSIGN_OR_RETURN(const Token name, tokens_.take());
      ASSIGN_OR_RETURN(const std::string_view text, unescape(arena(), name));
      names.push_back(text);
    } else {
      ASSIGN_OR_RETURN(const Token name, tokens_.expect_name("a field's name or a string"));
      names.push_back(arena().copy(name.text));
    }
    TRY(tokens_.expect(":"));
    ASSIGN_OR_RETURN(const Node value, parse_expr());
    values.push_back(value);
    ASSIGN_OR_RETURN(const bool more, tokens_.accept(","));
    if (!more) break;
  }
  TRY(tokens_.expect("}"));
  Expr expr;
  expr.kind = ExprKind::kRecord;
  expr.at = at;
  expr.names = arena().copy(names);
  // Whether a name stands twice, whatever the values are.
  const std::span<Field> fields = arena().array<Field>(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) fields[i].name = names[i];
  if (const auto record = make_record(fields); !record.ok()) return error_at(at, record.status().message());
  return finish(expr, values);
}

}  // namespace custody::policy::cedar
