#include "policy/cedar/parser.h"

#include <algorithm>
#include <set>

#include "policy/cedar/limits.h"

namespace custody::policy::cedar {

Result<PolicySet> PolicySet::parse(std::string_view text) {
  if (text.size() > kMaxPolicyText) {
    return exhausted("a policy text of " + std::to_string(text.size()) + " bytes, at most " +
                     std::to_string(kMaxPolicyText) + " are read");
  }
  return PolicyParser(text).parse();
}

Status PolicySet::link(std::size_t template_index, std::string_view id, const SlotValues& slots) {
  if (template_index >= all_.size() || !all_[template_index].is_template()) {
    return invalid("place " + std::to_string(template_index) + " holds no template");
  }
  if (active_.size() >= kMaxPolicies)
    return exhausted("more than " + std::to_string(kMaxPolicies) + " policies");
  const auto has_id = [id](const Policy& policy) { return policy.id == id; };
  if (std::any_of(all_.begin(), all_.end(), has_id) || std::any_of(active_.begin(), active_.end(), has_id)) {
    return exists("the policy id " + quote(id) + " is taken");
  }
  Policy policy = all_[template_index];
  const auto fill = [this](ScopeConstraint& scope, const std::optional<EntityUid>& uid,
                           std::string_view slot) {
    if (scope.slot != uid.has_value()) {
      return invalid("the template has " + std::string(scope.slot ? "a" : "no") + " slot " +
                     std::string(slot));
    }
    if (uid) scope.entity = entity_uid(arena_, uid->type, uid->id);
    scope.slot = false;
    return ok_status();
  };
  TRY(fill(policy.principal, slots.principal, "?principal"));
  TRY(fill(policy.resource, slots.resource, "?resource"));
  policy.id = arena_.copy(id);
  policy.linked = true;
  active_.push_back(policy);
  return ok_status();
}

Result<PolicySet> PolicyParser::parse() {
  TRY(tokens_.start());
  while (!tokens_.at_end()) TRY(parse_policy());
  for (const Policy& policy : set_.all_) {
    if (!policy.is_template()) set_.active_.push_back(policy);
  }
  return std::move(set_);
}

Status PolicyParser::parse_policy() {
  Policy policy;
  policy.at = tokens_.peek().at;
  if (set_.all_.size() == kMaxPolicies) {
    return limit_at(policy.at, "more than " + std::to_string(kMaxPolicies) + " policies");
  }
  ASSIGN_OR_RETURN(policy.annotations, parse_annotations());
  ASSIGN_OR_RETURN(policy.effect, parse_effect());
  TRY(parse_scope(&policy));
  ASSIGN_OR_RETURN(policy.conditions, parse_conditions());
  policy.end = tokens_.peek().at;
  TRY(tokens_.expect(";"));
  policy.id = arena().copy("policy" + std::to_string(set_.all_.size()));
  set_.all_.push_back(policy);
  return ok_status();
}

Result<std::span<const Annotation>> PolicyParser::parse_annotations() {
  std::vector<Annotation> annotations;
  std::set<std::string_view> names;
  while (tokens_.at_symbol("@")) {
    TRY(tokens_.take());
    if (!tokens_.at_identifier()) return tokens_.unexpected("the name of an annotation");
    ASSIGN_OR_RETURN(const Token key, tokens_.take());
    Annotation annotation{arena().copy(key.text), {}};
    ASSIGN_OR_RETURN(const bool has_value, tokens_.accept("("));
    if (has_value) {
      ASSIGN_OR_RETURN(const Token value, tokens_.expect_string("the value of the annotation, a string"));
      ASSIGN_OR_RETURN(annotation.value, unescape(arena(), value));
      TRY(tokens_.expect(")"));
    }
    if (!names.insert(annotation.name).second) {
      return error_at(key.at, "the annotation @" + std::string(key.text) + " stands twice");
    }
    annotations.push_back(annotation);
  }
  return std::span<const Annotation>(arena().copy(annotations));
}

Result<Effect> PolicyParser::parse_effect() {
  const bool permit = tokens_.at_word("permit");
  if (!permit && !tokens_.at_word("forbid")) return tokens_.unexpected("\"permit\" or \"forbid\"");
  TRY(tokens_.take());
  return permit ? Effect::kPermit : Effect::kForbid;
}

Status PolicyParser::parse_scope(Policy* policy) {
  TRY(tokens_.expect("("));
  TRY(parse_variable_scope("principal", &policy->principal));
  TRY(tokens_.expect(","));
  TRY(parse_action_scope(&policy->action));
  TRY(tokens_.expect(","));
  TRY(parse_variable_scope("resource", &policy->resource));
  TRY(tokens_.accept(","));
  return tokens_.expect(")");
}

Status PolicyParser::expect_variable(std::string_view variable) {
  if (!tokens_.at_word(variable)) return tokens_.unexpected("\"" + std::string(variable) + "\"");
  return custody::detail::as_status(tokens_.take());
}

// `principal`, `principal == E`, `principal in E`, `principal is T`, `principal is T in E`.
Status PolicyParser::parse_variable_scope(std::string_view variable, ScopeConstraint* out) {
  out->at = tokens_.peek().at;
  TRY(expect_variable(variable));
  ASSIGN_OR_RETURN(const bool has_type, tokens_.accept_word("is"));
  if (has_type) {
    ASSIGN_OR_RETURN(const std::string type, tokens_.take_path("an entity type"));
    out->type = arena().copy(type);
    out->kind = ScopeConstraint::Kind::kIs;
    if (tokens_.at_symbol("==")) return error_at(tokens_.peek().at, "\"is\" cannot be combined with \"==\"");
  }
  const bool equal = tokens_.at_symbol("==");
  if (!equal && !tokens_.at_word("in")) return ok_status();
  TRY(tokens_.take());
  out->kind = equal      ? ScopeConstraint::Kind::kEqual
              : has_type ? ScopeConstraint::Kind::kIsIn
                         : ScopeConstraint::Kind::kIn;
  return parse_scope_entity(variable, out);
}

Status PolicyParser::parse_scope_entity(std::string_view variable, ScopeConstraint* out) {
  if (tokens_.peek().kind != TokenKind::kSlot) {
    ASSIGN_OR_RETURN(out->entity, parse_entity());
    return ok_status();
  }
  if (tokens_.peek().text.substr(1) != variable) {
    return tokens_.unexpected("an entity or the slot ?" + std::string(variable));
  }
  out->slot = true;
  return custody::detail::as_status(tokens_.take());
}

Result<std::size_t> PolicyParser::open_parentheses() {
  std::size_t open = 0;
  for (; tokens_.at_symbol("("); ++open) TRY(tokens_.take());
  return open;
}

Status PolicyParser::close_parentheses(std::size_t open) {
  for (; open > 0; --open) TRY(tokens_.expect(")"));
  return ok_status();
}

// `Type::"id"`, in any number of parentheses.
Result<EntityUid> PolicyParser::parse_entity() {
  ASSIGN_OR_RETURN(const std::size_t open, open_parentheses());
  if (!tokens_.at_identifier()) return tokens_.unexpected("an entity, Type::\"id\"");
  ASSIGN_OR_RETURN(const Token first, tokens_.expect_name("an entity, Type::\"id\""));
  bool before_string = false;
  ASSIGN_OR_RETURN(const std::string type, tokens_.take_path_after(first, &before_string));
  if (!before_string) return tokens_.unexpected("an entity, Type::\"id\"");
  ASSIGN_OR_RETURN(const Token id_token, tokens_.take());
  ASSIGN_OR_RETURN(const std::string_view id, unescape(arena(), id_token));
  TRY(close_parentheses(open));
  return entity_uid(arena().copy(type), id);
}

Result<EntityUid> PolicyParser::parse_action_entity() {
  const Position at = tokens_.peek().at;
  ASSIGN_OR_RETURN(const EntityUid uid, parse_entity());
  if (uid.type != "Action" && !uid.type.ends_with("::Action")) {
    return error_at(at, "expected an entity of the type Action, found " + to_string(uid));
  }
  return uid;
}

// `action`, `action == A`, `action in A`, `action in [A, B]`.
Status PolicyParser::parse_action_scope(ScopeConstraint* out) {
  out->at = tokens_.peek().at;
  TRY(expect_variable("action"));
  const bool equal = tokens_.at_symbol("==");
  if (!equal && !tokens_.at_word("in")) return ok_status();
  TRY(tokens_.take());
  out->kind = equal ? ScopeConstraint::Kind::kEqual : ScopeConstraint::Kind::kIn;
  ASSIGN_OR_RETURN(const std::size_t open, open_parentheses());
  if (!equal && tokens_.at_symbol("[")) {
    TRY(parse_action_entities(out));
  } else {
    ASSIGN_OR_RETURN(out->entity, parse_action_entity());
  }
  return close_parentheses(open);
}

Status PolicyParser::parse_action_entities(ScopeConstraint* out) {
  out->kind = ScopeConstraint::Kind::kInAny;
  TRY(tokens_.expect("["));
  std::vector<EntityUid> entities;
  while (!tokens_.at_symbol("]")) {
    if (entities.size() == kMaxCollection) return limit_at(out->at, "too many actions");
    ASSIGN_OR_RETURN(const EntityUid uid, parse_action_entity());
    entities.push_back(uid);
    ASSIGN_OR_RETURN(const bool more, tokens_.accept(","));
    if (!more) break;
  }
  TRY(tokens_.expect("]"));
  out->entities = arena().copy(entities);
  return ok_status();
}

Result<std::span<const Condition>> PolicyParser::parse_conditions() {
  std::vector<Condition> conditions;
  while (tokens_.at_word("when") || tokens_.at_word("unless")) {
    Condition condition;
    condition.at = tokens_.peek().at;
    condition.unless = tokens_.at_word("unless");
    TRY(tokens_.take());
    TRY(tokens_.expect("{"));
    ASSIGN_OR_RETURN(condition.body, parse_expr());
    condition.end = tokens_.peek().at;
    TRY(tokens_.expect("}"));
    conditions.push_back(condition);
  }
  return std::span<const Condition>(arena().copy(conditions));
}

}  // namespace custody::policy::cedar
