#include "policy/cedar/json_format.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "policy/cedar/limits.h"
#include "policy/cedar/schema_source.h"
#include "policy/cedar/validator.h"

namespace custody::policy::cedar {
namespace {

struct TypeAndId {
  std::string type;
  std::string id;
};

std::optional<TypeAndId> type_and_id(const Json& json) {
  auto type = json.string_at("type");
  auto id = json.string_at("id");
  if (!type.ok() || !id.ok()) return std::nullopt;
  return TypeAndId{*std::move(type), *std::move(id)};
}

Result<EntityUid> make_uid(Arena& arena, const TypeAndId& name) {
  if (!is_type_path(name.type)) return invalid(quote(name.type) + " is not the name of an entity type");
  return entity_uid(arena, name.type, name.id);
}

// A call of an extension function: {"fn": ..., "arg": ...} or {"fn": ..., "args": [...]}.
struct ExtensionCall {
  std::string function;
  std::vector<const Json*> arguments;
};

std::optional<ExtensionCall> extension_call(const Json& json) {
  auto function = json.string_at("fn");
  if (!function.ok()) return std::nullopt;
  ExtensionCall call{*std::move(function), {}};
  if (const Json* single = json.find("arg"); single != nullptr) {
    call.arguments.push_back(single);
    return call;
  }
  const Json* list = json.find("args");
  if (list == nullptr || !list->is_array()) return std::nullopt;
  for (const Json& argument : list->items()) call.arguments.push_back(&argument);
  return call;
}

class ValueReader {
 public:
  explicit ValueReader(Arena& arena) : arena_(arena) {}

  // expected: what the schema declares, or nullptr. Sets, records, entities and extension values must have
  // the declared form; that a boolean, a number or a string is expected is left to validation.
  Result<Value> read(const Json& json, const Type* expected) {
    if (json.is_null()) return invalid("null is not a value");
    if (expected != nullptr) {
      if (constructor_of(expected->kind)) return read_extension(json, *constructor_of(expected->kind));
      if (expected->kind == Type::Kind::kEntity) return read_entity(json);
      if (expected->kind == Type::Kind::kSet) return read_set(json, expected->element);
      if (expected->kind == Type::Kind::kRecord) return read_record_value(json, expected);
    }
    if (json.is_array()) return read_set(json, nullptr);
    if (json.is_object()) return read_object(json);
    if (auto flag = json.as_bool(); flag.ok()) return Value(*flag);
    if (auto text = json.as_string(); text.ok()) return Value(arena_.copy(*text));
    auto number = json.as_i64();
    if (!number.ok()) return invalid("a number that is not a signed 64-bit integer");
    return Value(*number);
  }

  // Every field of a declared record must be declared, and every required one there.
  Result<Record> read_record(const Json& json, const Type* expected) {
    if (!json.is_object()) return invalid("expected an object");
    if (json.members().size() > kMaxCollection) {
      return exhausted("more than " + std::to_string(kMaxCollection) + " fields");
    }
    const std::span<Field> fields = arena_.array<Field>(json.members().size());
    std::size_t i = 0;
    for (const auto& [name, member] : json.members()) {
      const AttributeType* attribute = expected == nullptr ? nullptr : expected->find(name);
      if (expected != nullptr && attribute == nullptr)
        return invalid("the schema declares no " + quote(name));
      Result<Value> value = read(member, attribute == nullptr ? nullptr : attribute->type);
      if (!value.ok()) return value.status().with_context(quote(name));
      fields[i++] = {arena_.copy(name), *value};
    }
    ASSIGN_OR_RETURN(const Record record, make_record(fields));
    if (expected != nullptr) TRY(check_complete(record, *expected));
    return record;
  }

  // The tags of an entity: every one of the same type.
  Result<Record> read_tags(const Json& json, const Type* tag_type) {
    if (tag_type == nullptr) return read_record(json, nullptr);
    std::vector<AttributeType> attributes;
    for (const auto& [name, member] : json.members()) attributes.push_back({name, tag_type, false});
    std::sort(attributes.begin(), attributes.end(),
              [](const AttributeType& a, const AttributeType& b) { return a.name < b.name; });
    const Type record{.kind = Type::Kind::kRecord, .attributes = attributes};
    return read_record(json, &record);
  }

 private:
  static Status check_complete(const Record& record, const Type& expected) {
    for (const AttributeType& attribute : expected.attributes) {
      if (attribute.required && record.find(attribute.name) == nullptr) {
        return invalid("the attribute " + quote(attribute.name) + " is missing");
      }
    }
    return ok_status();
  }

  // A text, {"fn": ..., "arg": ...}, or that in "__extn".
  Result<Value> read_extension(const Json& json, Function constructor) {
    if (json.is_object()) {
      const Json* escape = json.find("__extn");
      if (const auto call = extension_call(escape != nullptr ? *escape : json)) return read_call(*call);
    }
    const Result<std::string> text = json.as_string();
    if (!text.ok()) return text.status();
    const Value argument{std::string_view(*text)};
    return apply_function(arena_, constructor, {&argument, 1});
  }

  Result<Value> read_entity(const Json& json) {
    ASSIGN_OR_RETURN(const EntityUid uid, uid_from_json(arena_, json));
    return Value(arena_.make<EntityUid>(uid));
  }

  Result<Value> read_set(const Json& json, const Type* element) {
    if (!json.is_array()) return invalid("expected an array");
    if (json.items().size() > kMaxCollection) {
      return exhausted("more than " + std::to_string(kMaxCollection) + " elements");
    }
    const std::span<Value> items = arena_.array<Value>(json.items().size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      ASSIGN_OR_RETURN(items[i], read(json.items()[i], element));
    }
    return Value(arena_.make<Set>(make_set(items)));
  }

  Result<Value> read_record_value(const Json& json, const Type* expected) {
    ASSIGN_OR_RETURN(const Record record, read_record(json, expected));
    return Value(arena_.make<Record>(record));
  }

  Result<Value> read_object(const Json& json) {
    if (const Json* text = json.find("__expr"); text != nullptr && text->is_string()) {
      return invalid("the escape __expr is not supported; use __entity and __extn");
    }
    const Json* entity = json.find("__entity");
    if (entity != nullptr && type_and_id(*entity)) return read_entity(json);
    const Json* extension = json.find("__extn");
    if (extension != nullptr) {
      if (const auto call = extension_call(*extension)) return read_call(*call);
    }
    return read_record_value(json, nullptr);
  }

  Result<Value> read_call(const ExtensionCall& call) {
    const auto function = find_function(call.function);
    if (!function || is_built_in(*function)) {
      return invalid(quote(call.function) + " is not an extension function");
    }
    std::vector<Value> arguments;
    for (const Json* argument : call.arguments) {
      ASSIGN_OR_RETURN(const Value value, read(*argument, parameter_type(*function, arguments.size())));
      arguments.push_back(value);
    }
    return apply_function(arena_, *function, arguments);
  }

  static bool is_built_in(Function function) {
    return function >= Function::kContains && function <= Function::kGetTag;
  }

  // What a text stands for as an argument; nullptr: a string.
  static const Type* parameter_type(Function function, std::size_t place) {
    if (is_constructor(function)) return nullptr;
    if (function <= Function::kIsInRange) return basic_type(Type::Kind::kIp);
    if (function <= Function::kGreaterThanOrEqual) return basic_type(Type::Kind::kDecimal);
    if (function >= Function::kToMilliseconds) return basic_type(Type::Kind::kDuration);
    const bool duration = function == Function::kOffset && place == 1;
    return basic_type(duration ? Type::Kind::kDuration : Type::Kind::kDatetime);
  }

  Arena& arena_;
};

// Adds the entities of a JSON array to a store.
class EntitiesReader {
 public:
  explicit EntitiesReader(const Schema* schema) : schema_(schema) {}

  Result<Entities> read(const Json& json) && {
    if (!json.is_array()) return invalid("expected an array of entities");
    for (std::size_t i = 0; i < json.items().size(); ++i) {
      if (Status status = add(json.items()[i]); !status.ok()) {
        return status.with_context("entity " + std::to_string(i));
      }
    }
    if (schema_ != nullptr) TRY(add_actions());
    ASSIGN_OR_RETURN(Entities entities, std::move(builder_).build());
    if (schema_ != nullptr) {
      for (const auto& [uid, entity] : entities.all()) TRY(validate_entity(entity, *schema_));
    }
    return entities;
  }

 private:
  Status add(const Json& json) {
    const Json* uid_json = json.find("uid");
    const Json* attributes_json = json.find("attrs");
    const Json* parents_json = json.find("parents");
    if (uid_json == nullptr || attributes_json == nullptr || parents_json == nullptr) {
      return invalid("an entity is an object with \"uid\", \"attrs\" and \"parents\"");
    }
    ASSIGN_OR_RETURN(const EntityUid uid, uid_from_json(builder_.arena(), *uid_json));
    const EntityType* type = schema_ == nullptr ? nullptr : schema_->find_type(uid.type);
    ValueReader reader(builder_.arena());
    Result<Record> attributes =
        reader.read_record(*attributes_json, type == nullptr ? nullptr : type->attributes);
    if (!attributes.ok()) return attributes.status().with_context(to_string(uid) + ", \"attrs\"");
    Record tags;
    if (const Json* tags_json = json.find("tags"); tags_json != nullptr) {
      Result<Record> read = reader.read_tags(*tags_json, type == nullptr ? nullptr : type->tags);
      if (!read.ok()) return read.status().with_context(to_string(uid) + ", \"tags\"");
      tags = *read;
    }
    ASSIGN_OR_RETURN(const std::span<const EntityUid> parents, read_parents(uid, *parents_json));
    return add_once({uid, *attributes, tags, parents, {}});
  }

  Result<std::span<const EntityUid>> read_parents(const EntityUid& uid, const Json& json) {
    if (!json.is_array()) return invalid(to_string(uid) + ", \"parents\": expected an array");
    const bool is_action = is_action_type(uid.type);
    std::vector<EntityUid> parents;
    for (const Json& item : json.items()) {
      Result<EntityUid> parent = uid_from_json(builder_.arena(), item);
      if (!parent.ok()) return parent.status().with_context(to_string(uid) + ", \"parents\"");
      if (is_action && !is_action_type(parent->type)) {
        return invalid("the action " + to_string(uid) + " has a parent that is no action, " +
                       to_string(*parent));
      }
      parents.push_back(*parent);
    }
    std::sort(parents.begin(), parents.end());
    parents.erase(std::unique(parents.begin(), parents.end()), parents.end());
    return std::span<const EntityUid>(builder_.arena().copy(parents));
  }

  // An entity may stand twice when both say the same.
  Status add_once(const Entity& entity) {
    const Entity* present = builder_.find(entity.uid);
    if (present == nullptr) return builder_.add(entity.uid, entity.attributes, entity.tags, entity.parents);
    const bool same = Value(&present->attributes) == Value(&entity.attributes) &&
                      Value(&present->tags) == Value(&entity.tags) &&
                      std::equal(present->parents.begin(), present->parents.end(), entity.parents.begin(),
                                 entity.parents.end());
    if (same) return ok_status();
    return invalid("the entity " + to_string(entity.uid) + " stands twice with different content");
  }

  Status add_actions() {
    for (const ActionType& action : schema_->actions()) {
      if (builder_.find(action.uid) != nullptr) continue;
      Arena& arena = builder_.arena();
      const std::span<EntityUid> parents = arena.array<EntityUid>(action.parents.size());
      for (std::size_t i = 0; i < parents.size(); ++i) {
        parents[i] = entity_uid(arena, action.parents[i].type, action.parents[i].id);
      }
      TRY(builder_.add(entity_uid(arena, action.uid.type, action.uid.id), {}, {}, parents));
    }
    return ok_status();
  }

  static bool is_action_type(std::string_view type) { return type == "Action" || type.ends_with("::Action"); }

  const Schema* schema_;
  EntitiesBuilder builder_;
};

}  // namespace

Result<Json> parse_data_json(std::string_view text) {
  return Json::parse(text, kMaxEntityText, kMaxNesting);
}

Result<Entities> entities_from_json(const Json& json, const Schema* schema) {
  return EntitiesReader(schema).read(json);
}

Result<EntityUid> uid_from_json(Arena& arena, const Json& json) {
  const Json* explicit_form = json.find("__entity");
  const auto name = type_and_id(explicit_form != nullptr ? *explicit_form : json);
  if (!name) return invalid("expected an entity, {\"type\": \"T\", \"id\": \"I\"}");
  return make_uid(arena, *name);
}

Result<Record> context_from_json(Arena& arena, const Json& json, const Type* context_type) {
  ASSIGN_OR_RETURN(const Value value, ValueReader(arena).read(json, context_type));
  if (!value.is(Value::Kind::kRecord)) return invalid("the context is not a record");
  return value.record();
}

Result<Request> request_from_json(Arena& arena, const Json& json, const Schema* schema) {
  Request request;
  const auto read_uid = [&](std::string_view key, EntityUid* out) -> Status {
    const Json* found = json.find(key);
    if (found == nullptr) return invalid("the request has no \"" + std::string(key) + "\"");
    Result<EntityUid> uid = uid_from_json(arena, *found);
    if (!uid.ok()) return uid.status().with_context(key);
    *out = *uid;
    return ok_status();
  };
  TRY(read_uid("principal", &request.principal));
  TRY(read_uid("action", &request.action));
  TRY(read_uid("resource", &request.resource));
  const Json* context = json.find("context");
  if (context == nullptr) return invalid("the request has no \"context\"");
  const ActionType* action = schema == nullptr ? nullptr : schema->find_action(request.action);
  if (schema != nullptr && action == nullptr) {
    return invalid("the schema has no action " + to_string(request.action));
  }
  Result<Record> record = context_from_json(arena, *context, action == nullptr ? nullptr : action->context);
  if (!record.ok()) return record.status().with_context("context");
  request.context = *record;
  return request;
}

}  // namespace custody::policy::cedar
