// The parser of policy text; PolicySet::parse() is its only user.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "policy/cedar/policy.h"
#include "policy/cedar/token_stream.h"

namespace custody::policy::cedar {

class PolicyParser {
 public:
  explicit PolicyParser(std::string_view text) : tokens_(text, TokenStream::Language::kPolicies) {}

  Result<PolicySet> parse();

 private:
  using Node = const Expr*;

  // Policies, in parser.cpp.
  Status parse_policy();
  Result<std::span<const Annotation>> parse_annotations();
  Result<Effect> parse_effect();
  Status parse_scope(Policy* policy);
  Status parse_variable_scope(std::string_view variable, ScopeConstraint* out);
  Status parse_action_scope(ScopeConstraint* out);
  Status expect_variable(std::string_view variable);
  Status parse_scope_entity(std::string_view variable, ScopeConstraint* out);
  Status parse_action_entities(ScopeConstraint* out);
  Result<std::size_t> open_parentheses();
  Status close_parentheses(std::size_t open);
  Result<EntityUid> parse_entity();
  Result<EntityUid> parse_action_entity();
  Result<std::span<const Condition>> parse_conditions();

  // Expressions, in parse_expr.cpp; one function per level of precedence.
  Result<Node> parse_expr();
  Result<Node> parse_if(Position at);
  Result<Node> parse_or();
  Result<Node> parse_and();
  Result<Node> parse_relation();
  Result<Node> parse_has(Node target, Position at);
  Result<Node> parse_like(Node target, Position at);
  Result<Node> parse_is(Node target, Position at);
  Result<Node> parse_comparison(Node left, ExprKind kind, Position at);
  Result<Node> parse_sum();
  Result<Node> parse_product();
  Result<Node> parse_unary();
  Result<Node> parse_member();
  Result<Node> parse_accesses(Node target);
  Result<Node> parse_access(Node target);
  Result<Node> parse_dot(Node target, Position at);
  Result<Node> parse_primary();
  Result<Node> parse_word();
  Result<Node> parse_path(const Token& first);
  Result<Node> parse_function_call(const Token& name);
  Result<Node> parse_set(Position at);
  Result<Node> parse_record(Position at);
  Result<std::vector<Node>> parse_list(std::string_view closing);
  Result<Node> number_literal(const Token& token, bool negative);
  bool at_literal_number() const { return tokens_.peek().kind == TokenKind::kNumber; }
  std::optional<ExprKind> relation_operator() const;

  Result<Node> finish(Expr expr, const std::vector<Node>& operands);
  Result<Node> literal(Value value, Position at);
  Result<Node> chain(ExprKind kind, const std::vector<Node>& operands, Position at);
  Result<Node> call(Function function, const std::vector<Node>& operands, Position at);
  Result<Node> attribute_like(ExprKind kind, Node target, std::string_view name, Position at);
  Status fold(Expr* expr);
  void number_path(Expr* expr);
  Arena& arena() { return set_.arena_; }

  TokenStream tokens_;
  using PathStep =
      std::tuple<Variable, std::uint32_t, std::string_view>;  // variable or path before, and the name

  PolicySet set_;
  std::map<PathStep, std::uint32_t> paths_;
  std::size_t depth_ = 0;
};

}  // namespace custody::policy::cedar
