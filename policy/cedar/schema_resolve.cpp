#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "policy/cedar/limits.h"
#include "policy/cedar/schema_source.h"
#include "policy/cedar/token_stream.h"

namespace custody::policy::cedar {
namespace {

std::string qualify(std::string_view space, std::string_view name) {
  if (space.empty()) return std::string(name);
  return std::string(space) + "::" + std::string(name);
}

bool is_qualified(std::string_view name) {
  return name.find("::") != std::string_view::npos;
}

Status not_declared(const std::string& where, std::string_view name) {
  return invalid(where + ": no type " + std::string(name) + " is declared");
}

}  // namespace

bool is_reserved_type_name(std::string_view name) {
  constexpr std::array<std::string_view, 9> kReserved = {"Bool",   "Boolean", "Entity", "Extension", "Long",
                                                         "Record", "Set",     "String", "__cedar"};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

bool is_type_path(std::string_view text) {
  Lexer lexer(text, false);
  std::size_t read = 0;
  for (bool name = true;; name = !name) {
    const Result<Token> token = lexer.next();
    if (!token.ok()) return false;
    if (token->kind == TokenKind::kEnd) return !name && read == text.size();
    const bool expected = name ? token->kind == TokenKind::kIdentifier && !is_reserved_word(token->text)
                               : token->is_symbol("::");
    if (!expected) return false;
    read += token->text.size();
  }
}

Result<Schema> Schema::parse(std::string_view text) {
  ASSIGN_OR_RETURN(const SchemaSource source, read_schema_text(text));
  return SchemaResolver(source).resolve();
}

Result<Schema> Schema::parse_json(const Json& json) {
  ASSIGN_OR_RETURN(const SchemaSource source, read_schema_json(json));
  return SchemaResolver(source).resolve();
}

Result<Schema> SchemaResolver::resolve() && {
  TRY(collect());
  for (const NamespaceSource& space : source_.namespaces) TRY(resolve_namespace(space));
  // Every common type must be right, used or not.
  for (const auto& [name, entry] : commons_) TRY(resolve_common(name, entry.source->where));
  TRY(close_types());
  TRY(close_actions());
  schema_.annotations_ = source_.annotations;
  return std::move(schema_);
}

Status SchemaResolver::collect() {
  for (const NamespaceSource& space : source_.namespaces) TRY(collect_namespace(space));
  return check_shadowing();
}

Status SchemaResolver::collect_namespace(const NamespaceSource& space) {
  for (const CommonTypeSource& common : space.common_types) {
    const CommonEntry entry{space.name, &common.type, nullptr, false};
    if (!commons_.try_emplace(qualify(space.name, common.name), entry).second) {
      return invalid(common.type.where + ": the type " + common.name + " is declared twice");
    }
  }
  for (const EntityTypeSource& entity : space.entity_types) {
    if (entity.name == "Action") {
      return invalid(entity.where + ": Action is the type of actions and cannot be declared");
    }
    if (!entity_sources_.try_emplace(qualify(space.name, entity.name), &entity).second) {
      return invalid(entity.where + ": the entity type " + entity.name + " is declared twice");
    }
  }
  for (const ActionSource& action : space.actions) {
    const EntityUid uid = entity_uid(schema_.arena_, qualify(space.name, "Action"), action.id);
    if (!action_sources_.try_emplace(uid, &action).second) {
      return invalid(action.where + ": the action " + quote(action.id) + " is declared twice");
    }
  }
  return ok_status();
}

// What a namespace declares must not hide a type or an action of the empty namespace (RFC 70).
Status SchemaResolver::check_shadowing() const {
  const auto hidden = [this](const std::string& name) {
    return commons_.contains(name) || entity_sources_.contains(name);
  };
  for (const NamespaceSource& space : source_.namespaces) {
    if (space.name.empty()) continue;
    for (const CommonTypeSource& common : space.common_types) {
      if (hidden(common.name)) return invalid(common.type.where + ": " + common.name + " hides another type");
    }
    for (const EntityTypeSource& entity : space.entity_types) {
      if (hidden(entity.name)) return invalid(entity.where + ": " + entity.name + " hides another type");
    }
    for (const ActionSource& action : space.actions) {
      if (action_sources_.contains(entity_uid("Action", action.id))) {
        return invalid(action.where + ": " + quote(action.id) + " hides another action");
      }
    }
  }
  return ok_status();
}

Status SchemaResolver::resolve_namespace(const NamespaceSource& space) {
  for (const EntityTypeSource& entity : space.entity_types) TRY(resolve_entity_type(space, entity));
  for (const ActionSource& action : space.actions) TRY(resolve_action(space, action));
  return ok_status();
}

Status SchemaResolver::resolve_entity_type(const NamespaceSource& space, const EntityTypeSource& source) {
  EntityType type;
  type.name = schema_.arena_.copy(qualify(space.name, source.name));
  ASSIGN_OR_RETURN(type.parents, entity_names(space.name, source.parents, source.where));
  ASSIGN_OR_RETURN(type.attributes,
                   resolve_record_type(space.name, source.attributes, "the shape of " + source.name));
  if (source.tags) {
    ASSIGN_OR_RETURN(type.tags, resolve_type(space.name, *source.tags));
  }
  type.enumerated = source.enumerated;
  std::vector<std::string_view> choices;
  choices.reserve(source.choices.size());
  for (const std::string& choice : source.choices) choices.push_back(schema_.arena_.copy(choice));
  std::sort(choices.begin(), choices.end());
  type.choices = schema_.arena_.copy(choices);
  schema_.types_.emplace(type.name, type);
  return ok_status();
}

Status SchemaResolver::resolve_action(const NamespaceSource& space, const ActionSource& source) {
  ActionType action;
  action.uid = entity_uid(schema_.arena_, qualify(space.name, "Action"), source.id);
  std::vector<EntityUid> parents;
  for (const ActionParentSource& parent : source.parents) {
    ASSIGN_OR_RETURN(const EntityUid uid, action_parent(space.name, parent, source.where));
    parents.push_back(uid);
  }
  std::sort(parents.begin(), parents.end());
  parents.erase(std::unique(parents.begin(), parents.end()), parents.end());
  action.parents = schema_.arena_.copy(parents);
  action.context = schema_.arena_.make<Type>(Type{.kind = Type::Kind::kRecord});
  if (source.applies_to) TRY(resolve_applies_to(space, *source.applies_to, &action));
  schema_.actions_.push_back(action);
  return ok_status();
}

Status SchemaResolver::resolve_applies_to(const NamespaceSource& space, const AppliesToSource& source,
                                          ActionType* action) {
  const std::string where = "the action " + to_string(action->uid);
  ASSIGN_OR_RETURN(action->principals, entity_names(space.name, source.principals, where));
  ASSIGN_OR_RETURN(action->resources, entity_names(space.name, source.resources, where));
  ASSIGN_OR_RETURN(action->context,
                   resolve_record_type(space.name, source.context, "the context of " + where));
  return ok_status();
}

// Sorted, none twice.
Result<std::span<const std::string_view>> SchemaResolver::entity_names(std::string_view space,
                                                                       const std::vector<std::string>& names,
                                                                       const std::string& where) {
  std::vector<std::string_view> out;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::string full, entity_name(space, name, where));
    out.push_back(schema_.arena_.copy(full));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return std::span<const std::string_view>(schema_.arena_.copy(out));
}

Result<std::string> SchemaResolver::entity_name(std::string_view space, const std::string& name,
                                                const std::string& where) const {
  if (!is_qualified(name)) {
    const std::string local = qualify(space, name);
    if (entity_sources_.contains(local)) return local;
  }
  if (entity_sources_.contains(name)) return name;
  return not_declared(where, name);
}

Result<EntityUid> SchemaResolver::action_parent(std::string_view space, const ActionParentSource& parent,
                                                const std::string& where) {
  const std::string type = parent.type.empty() ? "Action" : parent.type;
  const EntityUid outer = entity_uid(schema_.arena_, type, parent.id);
  if (!is_qualified(type)) {
    const EntityUid local = entity_uid(schema_.arena_, qualify(space, type), parent.id);
    if (action_sources_.contains(local)) return local;
  }
  if (action_sources_.contains(outer)) return outer;
  return invalid(where + ": no action " + to_string(outer) + " is declared");
}

Result<const Type*> SchemaResolver::resolve_type(std::string_view space, const TypeSource& source) {
  const NestingGuard guard(&depth_);
  if (depth_ > kMaxNesting) return exhausted(source.where + ": types are nested too deep");
  switch (source.kind) {
    case TypeSource::Kind::kBasic:
      return basic_type(source.basic);
    case TypeSource::Kind::kSet: {
      ASSIGN_OR_RETURN(const Type* element, resolve_type(space, source.element.front()));
      return sized(schema_.arena_.make<Type>(Type{.kind = Type::Kind::kSet, .element = element}),
                   source.where);
    }
    case TypeSource::Kind::kRecord:
      return resolve_record(space, source);
    default:
      return resolve_name(space, source);
  }
}

Result<const Type*> SchemaResolver::resolve_name(std::string_view space, const TypeSource& source) {
  const bool commons = source.kind != TypeSource::Kind::kEntityName;
  const bool entities = source.kind != TypeSource::Kind::kCommonName;
  std::vector<std::string> candidates;
  if (!is_qualified(source.name) && !space.empty()) candidates.push_back(qualify(space, source.name));
  candidates.push_back(source.name);
  for (const std::string& name : candidates) {
    if (commons && commons_.contains(name)) return resolve_common(name, source.where);
    if (entities && entity_sources_.contains(name)) {
      const Type entity{.kind = Type::Kind::kEntity, .name = schema_.arena_.copy(name)};
      return static_cast<const Type*>(schema_.arena_.make<Type>(entity));
    }
  }
  const Type* basic = commons ? language_type(source.name) : nullptr;
  if (basic != nullptr) return basic;
  return not_declared(source.where, source.name);
}

// `Long` or `__cedar::Long`.
const Type* SchemaResolver::language_type(std::string_view name) const {
  constexpr std::string_view kSpace = "__cedar::";
  if (name.starts_with(kSpace)) name.remove_prefix(kSpace.size());
  if (name == "Bool") return basic_type(Type::Kind::kBool);
  if (name == "Long") return basic_type(Type::Kind::kLong);
  if (name == "String") return basic_type(Type::Kind::kString);
  const auto extension = extension_type(name);
  return extension ? basic_type(*extension) : nullptr;
}

Result<const Type*> SchemaResolver::resolve_common(const std::string& full_name, const std::string& where) {
  CommonEntry& entry = commons_.at(full_name);
  if (entry.type != nullptr) return entry.type;
  if (entry.in_progress) return invalid(where + ": the type " + full_name + " contains itself");
  entry.in_progress = true;
  ASSIGN_OR_RETURN(entry.type, resolve_type(entry.space, *entry.source));
  entry.in_progress = false;
  return entry.type;
}

Result<const Type*> SchemaResolver::resolve_record(std::string_view space, const TypeSource& source) {
  const std::span<AttributeType> attributes = schema_.arena_.array<AttributeType>(source.attributes.size());
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const AttributeSource& attribute = source.attributes[i];
    ASSIGN_OR_RETURN(const Type* type, resolve_type(space, attribute.type));
    attributes[i] = {schema_.arena_.copy(attribute.name), type, attribute.required};
  }
  std::sort(attributes.begin(), attributes.end(),
            [](const AttributeType& a, const AttributeType& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(attributes.begin(), attributes.end(),
                         [](const AttributeType& a, const AttributeType& b) { return a.name == b.name; });
  if (twice != attributes.end()) {
    return invalid(source.where + ": the attribute " + quote(twice->name) + " is declared twice");
  }
  return sized(schema_.arena_.make<Type>(Type{.kind = Type::Kind::kRecord, .attributes = attributes}),
               source.where);
}

Result<const Type*> SchemaResolver::resolve_record_type(std::string_view space, const TypeSource& source,
                                                        const std::string& what) {
  ASSIGN_OR_RETURN(const Type* type, resolve_type(space, source));
  if (type->kind == Type::Kind::kRecord) return type;
  return invalid(source.where + ": " + what + " is not a record");
}

// Common types are shared, so a short schema can describe a type that is endless when written out.
Result<const Type*> SchemaResolver::sized(const Type* type, const std::string& where) {
  Measure measure;
  const auto include = [&](const Type* part) {
    const auto found = measures_.find(part);
    const Measure inner = found == measures_.end() ? Measure() : found->second;
    measure.size = std::min(measure.size + inner.size, kMaxTypeSize + 1);
    measure.depth = std::max(measure.depth, inner.depth + 1);
  };
  if (type->element != nullptr) include(type->element);
  for (const AttributeType& attribute : type->attributes) include(attribute.type);
  if (measure.size > kMaxTypeSize || measure.depth > kMaxNesting) {
    return exhausted(where + ": the type is too large or too deep when the types it names are written out");
  }
  measures_[type] = measure;
  return type;
}

// Every type above each entity type; cycles are allowed.
Status SchemaResolver::close_types() {
  std::size_t links = 0;
  for (auto& [name, type] : schema_.types_) {
    std::set<std::string_view> above(type.parents.begin(), type.parents.end());
    std::vector<std::string_view> open(above.begin(), above.end());
    while (!open.empty()) {
      const EntityType& next = schema_.types_.at(open.back());
      open.pop_back();
      links += next.parents.size();
      for (const std::string_view parent : next.parents) {
        if (above.insert(parent).second) open.push_back(parent);
      }
    }
    if (links > kMaxAncestorLinks) return exhausted("the entity types have too many types above them");
    type.ancestors = schema_.arena_.copy(std::vector<std::string_view>(above.begin(), above.end()));
  }
  return ok_status();
}

Status SchemaResolver::close_actions() {
  std::sort(schema_.actions_.begin(), schema_.actions_.end(),
            [](const ActionType& a, const ActionType& b) { return a.uid < b.uid; });
  std::size_t environments = 0;
  EntitiesBuilder builder;
  for (const ActionType& action : schema_.actions_) {
    TRY(builder.add(action.uid, {}, {}, action.parents));
    environments += action.principals.size() * action.resources.size();
    if (environments > kMaxEnvironments) return exhausted("the schema allows too many kinds of requests");
  }
  ASSIGN_OR_RETURN(const Entities closed, std::move(builder).build());
  for (ActionType& action : schema_.actions_) {
    const Entity* entity = closed.find(action.uid);
    std::vector<EntityUid> above(entity->ancestors.begin(), entity->ancestors.end());
    std::sort(above.begin(), above.end());
    action.ancestors = schema_.arena_.copy(above);
  }
  return ok_status();
}

}  // namespace custody::policy::cedar
