#include <algorithm>

#include "policy/cedar/validator.h"

namespace custody::policy::cedar {
namespace {

Status validate_record(const Record& record, const Type& type, const Schema& schema) {
  for (const AttributeType& attribute : type.attributes) {
    if (attribute.required && record.find(attribute.name) == nullptr) {
      return invalid("the attribute " + quote(attribute.name) + " is missing");
    }
  }
  for (const Field& field : record.fields) {
    const AttributeType* attribute = type.find(field.name);
    if (attribute == nullptr) return invalid("the schema has no attribute " + quote(field.name) + " here");
    if (Status status = validate_value(field.value, *attribute->type, schema); !status.ok()) {
      return status.with_context(quote(field.name));
    }
  }
  return ok_status();
}

// That an entity which a value, a request or a hierarchy names can exist.
Status validate_uid(const EntityUid& uid, const Schema& schema) {
  const EntityType* type = schema.find_type(uid.type);
  if (type == nullptr || !type->enumerated || type->has_choice(uid.id)) return ok_status();
  return invalid("the enumerated type " + std::string(uid.type) + " has no entity " + quote(uid.id));
}

std::optional<Value::Kind> value_kind(Type::Kind kind) {
  switch (kind) {
    case Type::Kind::kBool:
    case Type::Kind::kTrue:
    case Type::Kind::kFalse:
      return Value::Kind::kBool;
    case Type::Kind::kLong:
      return Value::Kind::kLong;
    case Type::Kind::kString:
      return Value::Kind::kString;
    case Type::Kind::kEntity:
      return Value::Kind::kEntity;
    case Type::Kind::kSet:
      return Value::Kind::kSet;
    case Type::Kind::kRecord:
      return Value::Kind::kRecord;
    case Type::Kind::kIp:
      return Value::Kind::kIp;
    case Type::Kind::kDecimal:
      return Value::Kind::kDecimal;
    case Type::Kind::kDatetime:
      return Value::Kind::kDatetime;
    case Type::Kind::kDuration:
      return Value::Kind::kDuration;
  }
  return std::nullopt;
}

Status validate_action_entity(const Entity& entity, const Schema& schema) {
  const ActionType* action = schema.find_action(entity.uid);
  if (action == nullptr) return invalid("the schema has no action " + to_string(entity.uid));
  const auto is_declared = [action](const EntityUid& uid) { return action->is_below(uid); };
  const bool same = entity.attributes.fields.empty() && entity.tags.fields.empty() &&
                    entity.ancestors.size() == action->ancestors.size() &&
                    std::all_of(entity.ancestors.begin(), entity.ancestors.end(), is_declared);
  if (same) return ok_status();
  return invalid("the action " + to_string(entity.uid) + " differs from its declaration in the schema");
}

Status validate_tags(const Entity& entity, const EntityType& type, const Schema& schema) {
  for (const Field& tag : entity.tags.fields) {
    if (type.tags == nullptr) return invalid("the schema allows no tags, found " + quote(tag.name));
    if (Status status = validate_value(tag.value, *type.tags, schema); !status.ok()) {
      return status.with_context("tag " + quote(tag.name));
    }
  }
  return ok_status();
}

Status validate_plain_entity(const Entity& entity, const EntityType& type, const Schema& schema) {
  TRY(validate_uid(entity.uid, schema));
  if (Status status = validate_record(entity.attributes, *type.attributes, schema); !status.ok()) {
    return status.with_context(to_string(entity.uid));
  }
  if (Status status = validate_tags(entity, type, schema); !status.ok()) {
    return status.with_context(to_string(entity.uid));
  }
  for (const EntityUid& above : entity.ancestors) {
    if (!type.is_below(above.type)) {
      return invalid("the schema does not allow " + to_string(above) + " above " + to_string(entity.uid));
    }
    TRY(validate_uid(above, schema));
  }
  return ok_status();
}

Status validate_side(const EntityUid& uid, std::span<const std::string_view> allowed, std::string_view side,
                     const ActionType& action, const Schema& schema) {
  if (schema.find_type(uid.type) == nullptr) {
    return invalid("the schema has no entity type " + std::string(uid.type) + " of the " + std::string(side));
  }
  TRY(validate_uid(uid, schema));
  if (std::find(allowed.begin(), allowed.end(), uid.type) != allowed.end()) return ok_status();
  return invalid("the action " + to_string(action.uid) + " does not apply to a " + std::string(side) +
                 " of the type " + std::string(uid.type));
}

}  // namespace

Status validate_value(const Value& value, const Type& type, const Schema& schema) {
  const auto mismatch = [&] {
    return invalid("expected " + to_string(type) + ", found " + to_string(value));
  };
  if (value_kind(type.kind) != value.kind()) return mismatch();
  switch (value.kind()) {
    case Value::Kind::kEntity:
      if (value.entity().type != type.name) return mismatch();
      return validate_uid(value.entity(), schema);
    case Value::Kind::kSet:
      if (type.element == nullptr) return value.set().items.empty() ? ok_status() : mismatch();
      for (const Value& item : value.set().items) TRY(validate_value(item, *type.element, schema));
      return ok_status();
    case Value::Kind::kRecord:
      return validate_record(value.record(), type, schema);
    default:
      return ok_status();
  }
}

Status validate_entity(const Entity& entity, const Schema& schema) {
  if (entity.uid.type == "Action" || entity.uid.type.ends_with("::Action")) {
    return validate_action_entity(entity, schema);
  }
  const EntityType* type = schema.find_type(entity.uid.type);
  if (type != nullptr) return validate_plain_entity(entity, *type, schema);
  return invalid("the schema has no entity type for " + to_string(entity.uid));
}

Status validate_request(const Request& request, const Schema& schema) {
  const ActionType* action = schema.find_action(request.action);
  if (action == nullptr) return invalid("the schema has no action " + to_string(request.action));
  TRY(validate_side(request.principal, action->principals, "principal", *action, schema));
  TRY(validate_side(request.resource, action->resources, "resource", *action, schema));
  Status status = validate_record(request.context, *action->context, schema);
  return status.ok() ? status : status.with_context("context");
}

}  // namespace custody::policy::cedar
