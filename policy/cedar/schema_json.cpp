#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "policy/cedar/limits.h"
#include "policy/cedar/schema_source.h"

namespace custody::policy::cedar {
namespace {

// Reads the JSON form. `where` grows on the way down: "N.entityTypes.User.shape".
class SchemaJsonReader {
 public:
  Result<SchemaSource> read(const Json& json) && {
    if (!json.is_object()) return invalid("a schema is an object of namespaces");
    for (const auto& [name, value] : json.members()) {
      if (!name.empty() && !is_type_path(name))
        return invalid(quote(name) + " is not the name of a namespace");
      NamespaceSource space;
      space.name = name;
      TRY(read_namespace(value, name.empty() ? "the empty namespace" : name, &space));
      source_.namespaces.push_back(std::move(space));
    }
    return std::move(source_);
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  static Status check_fields(const Json& json, const std::string& where, Names known) {
    if (!json.is_object()) return invalid(where + ": expected an object");
    for (const auto& [name, value] : json.members()) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        return invalid(where + ": unknown field " + quote(name));
      }
    }
    return ok_status();
  }

  static Result<const Json*> object_at(const Json& json, std::string_view key, const std::string& where) {
    const Json* found = json.find(key);
    if (found == nullptr || !found->is_object()) {
      return invalid(where + ": \"" + std::string(key) + "\" is not an object");
    }
    return found;
  }

  static std::string part(const std::string& where, std::string_view group, const std::string& name) {
    std::string out = where;
    return out.append(".").append(group).append(".").append(name);
  }

  static Status check_name(const std::string& name, const std::string& where) {
    if (is_type_path(name) && name.find(':') == std::string::npos) return ok_status();
    return invalid(where + ": " + quote(name) + " is not an identifier that a schema may declare");
  }

  // {"name": "value"}, the value may be null.
  Status read_annotations(const Json& json, const std::string& where, const std::string& attribute = {}) {
    const Json* annotations = json.find("annotations");
    if (annotations == nullptr) return ok_status();
    if (!annotations->is_object()) return invalid(where + ".annotations: expected an object");
    for (const auto& [name, value] : annotations->members()) {
      Result<std::string> text = value.is_null() ? Result<std::string>(std::string()) : value.as_string();
      if (!text.ok()) return text.status().with_context(part(where, "annotations", name));
      source_.annotations.push_back({where, name, *std::move(text), attribute});
    }
    return ok_status();
  }

  Status count(const std::string& where) {
    if (++declarations_ <= kMaxDeclarations) return ok_status();
    return exhausted(where + ": more than " + std::to_string(kMaxDeclarations) + " declarations");
  }

  Status read_namespace(const Json& json, const std::string& where, NamespaceSource* space) {
    TRY(check_fields(json, where, {"entityTypes", "actions", "commonTypes", "annotations"}));
    TRY(read_annotations(json, where));
    ASSIGN_OR_RETURN(const Json* types, object_at(json, "entityTypes", where));
    ASSIGN_OR_RETURN(const Json* actions, object_at(json, "actions", where));
    if (json.find("commonTypes") != nullptr) {
      ASSIGN_OR_RETURN(const Json* commons, object_at(json, "commonTypes", where));
      for (const auto& [name, value] : commons->members()) {
        const std::string place = part(where, "commonTypes", name);
        TRY(count(place));
        TRY(check_name(name, place));
        if (is_reserved_type_name(name)) return invalid(place + ": the name is a word of schemas");
        ASSIGN_OR_RETURN(TypeSource type, read_type(value, place));
        space->common_types.push_back({name, std::move(type)});
      }
    }
    for (const auto& [name, value] : types->members()) {
      TRY(read_entity_type(name, value, part(where, "entityTypes", name), space));
    }
    for (const auto& [name, value] : actions->members()) {
      TRY(read_action(name, value, part(where, "actions", name), space));
    }
    return ok_status();
  }

  Status read_entity_type(const std::string& name, const Json& json, const std::string& where,
                          NamespaceSource* space) {
    TRY(count(where));
    TRY(check_name(name, where));
    EntityTypeSource type;
    type.name = name;
    type.where = where;
    type.attributes.where = where;
    TRY(read_annotations(json, where));
    if (const Json* choices = json.find("enum"); choices != nullptr) {
      TRY(check_fields(json, where, {"enum", "annotations"}));
      type.enumerated = true;
      ASSIGN_OR_RETURN(type.choices, read_strings(*choices, where + ".enum"));
      if (type.choices.empty()) return invalid(where + ".enum: expected at least one id");
    } else {
      TRY(check_fields(json, where, {"memberOfTypes", "shape", "tags", "annotations"}));
      if (const Json* parents = json.find("memberOfTypes"); parents != nullptr) {
        ASSIGN_OR_RETURN(type.parents, read_paths(*parents, where + ".memberOfTypes"));
      }
      if (const Json* shape = json.find("shape"); shape != nullptr) {
        ASSIGN_OR_RETURN(type.attributes, read_type(*shape, where + ".shape"));
      }
      if (const Json* tags = json.find("tags"); tags != nullptr) {
        ASSIGN_OR_RETURN(type.tags, read_type(*tags, where + ".tags"));
      }
    }
    space->entity_types.push_back(std::move(type));
    return ok_status();
  }

  Status read_action(const std::string& id, const Json& json, const std::string& where,
                     NamespaceSource* space) {
    TRY(count(where));
    TRY(check_fields(json, where, {"memberOf", "appliesTo", "annotations"}));
    ActionSource action;
    action.id = id;
    action.where = where;
    TRY(read_annotations(json, where));
    if (const Json* parents = json.find("memberOf"); parents != nullptr && !parents->is_null()) {
      if (!parents->is_array()) return invalid(where + ".memberOf: expected an array");
      for (const Json& parent : parents->items()) {
        ASSIGN_OR_RETURN(ActionParentSource read, read_action_parent(parent, where + ".memberOf"));
        action.parents.push_back(std::move(read));
      }
    }
    if (const Json* applies = json.find("appliesTo"); applies != nullptr && !applies->is_null()) {
      ASSIGN_OR_RETURN(action.applies_to, read_applies_to(*applies, where + ".appliesTo"));
    }
    space->actions.push_back(std::move(action));
    return ok_status();
  }

  static Result<ActionParentSource> read_action_parent(const Json& json, const std::string& where) {
    TRY(check_fields(json, where, {"type", "id"}));
    ActionParentSource parent;
    Result<std::string> id = json.string_at("id");
    if (!id.ok()) return id.status().with_context(where);
    parent.id = *id;
    const Json* type = json.find("type");
    if (type == nullptr || type->is_null()) return parent;
    Result<std::string> name = type->as_string();
    if (!name.ok() || !is_type_path(*name)) return invalid(where + ": \"type\" is not the name of a type");
    parent.type = *name;
    return parent;
  }

  Result<AppliesToSource> read_applies_to(const Json& json, const std::string& where) {
    TRY(check_fields(json, where, {"principalTypes", "resourceTypes", "context"}));
    const Json* principals = json.find("principalTypes");
    const Json* resources = json.find("resourceTypes");
    if (principals == nullptr || resources == nullptr) {
      return invalid(where + ": expected \"principalTypes\" and \"resourceTypes\"");
    }
    AppliesToSource applies;
    applies.context.where = where;
    ASSIGN_OR_RETURN(applies.principals, read_paths(*principals, where + ".principalTypes"));
    ASSIGN_OR_RETURN(applies.resources, read_paths(*resources, where + ".resourceTypes"));
    if (const Json* context = json.find("context"); context != nullptr) {
      ASSIGN_OR_RETURN(applies.context, read_type(*context, where + ".context"));
    }
    return applies;
  }

  static Result<std::vector<std::string>> read_strings(const Json& json, const std::string& where) {
    if (!json.is_array()) return invalid(where + ": expected an array of strings");
    std::vector<std::string> out;
    for (const Json& item : json.items()) {
      Result<std::string> text = item.as_string();
      if (!text.ok()) return text.status().with_context(where);
      out.push_back(*std::move(text));
    }
    return out;
  }

  static Result<std::vector<std::string>> read_paths(const Json& json, const std::string& where) {
    ASSIGN_OR_RETURN(std::vector<std::string> paths, read_strings(json, where));
    for (const std::string& path : paths) {
      if (!is_type_path(path)) return invalid(where + ": " + quote(path) + " is not the name of a type");
    }
    return paths;
  }

  // attribute: the type is that of an attribute, and may also hold "required".
  Result<TypeSource> read_type(const Json& json, const std::string& where,
                               const std::string* attribute = nullptr) {
    Result<std::string> kind = json.string_at("type");
    if (!kind.ok()) return kind.status().with_context(where);
    const auto check = [&](Names own) {
      if (!json.is_object()) return invalid(where + ": expected an object");
      for (const auto& [name, value] : json.members()) {
        const bool known = name == "type" || name == "annotations" ||
                           (attribute != nullptr && name == "required") ||
                           std::find(own.begin(), own.end(), name) != own.end();
        if (!known) return invalid(where + ": unknown field " + quote(name));
      }
      return ok_status();
    };
    TRY(read_annotations(json, where, attribute == nullptr ? std::string() : *attribute));
    TypeSource type;
    type.where = where;
    if (*kind == "Record") {
      TRY(check({"attributes", "additionalAttributes"}));
      return read_record(json, where);
    }
    if (*kind == "Set") {
      TRY(check({"element"}));
      const Json* element = json.find("element");
      if (element == nullptr) return invalid(where + ": the set has no \"element\"");
      type.kind = TypeSource::Kind::kSet;
      ASSIGN_OR_RETURN(TypeSource inner, read_type(*element, where + ".element"));
      type.element.push_back(std::move(inner));
      return type;
    }
    if (*kind == "Entity" || *kind == "EntityOrCommon" || *kind == "Extension") {
      TRY(check({"name"}));
      Result<std::string> name = json.string_at("name");
      if (!name.ok()) return name.status().with_context(where);
      return named_type(*kind, *name, where);
    }
    TRY(check({}));
    constexpr std::array<std::pair<std::string_view, Type::Kind>, 3> kBasic = {
        {{"Long", Type::Kind::kLong}, {"String", Type::Kind::kString}, {"Boolean", Type::Kind::kBool}}};
    for (const auto& [name, basic] : kBasic) {
      if (*kind != name) continue;
      type.kind = TypeSource::Kind::kBasic;
      type.basic = basic;
      return type;
    }
    return named_type("Common", *kind, where);
  }

  static Result<TypeSource> named_type(std::string_view kind, const std::string& name,
                                       const std::string& where) {
    TypeSource type;
    type.where = where;
    type.name = name;
    if (kind == "Extension") {
      const auto basic = extension_type(name);
      if (!basic) return invalid(where + ": there is no extension type " + quote(name));
      type.kind = TypeSource::Kind::kBasic;
      type.basic = *basic;
      return type;
    }
    if (!is_type_path(name) && !name.starts_with("__cedar::")) {
      return invalid(where + ": " + quote(name) + " is not the name of a type");
    }
    type.kind = kind == "Entity"   ? TypeSource::Kind::kEntityName
                : kind == "Common" ? TypeSource::Kind::kCommonName
                                   : TypeSource::Kind::kName;
    return type;
  }

  Result<TypeSource> read_record(const Json& json, const std::string& where) {
    const Json* attributes = json.find("attributes");
    if (attributes == nullptr || !attributes->is_object()) {
      return invalid(where + ": a record has an object \"attributes\"");
    }
    if (const Json* open = json.find("additionalAttributes"); open != nullptr) {
      const Result<bool> is_open = open->as_bool();
      if (!is_open.ok() || *is_open) return invalid(where + ": additional attributes are not supported");
    }
    TypeSource record;
    record.kind = TypeSource::Kind::kRecord;
    record.where = where;
    for (const auto& [name, value] : attributes->members()) {
      const std::string place = part(where, "attributes", name);
      AttributeSource attribute;
      attribute.name = name;
      ASSIGN_OR_RETURN(attribute.type, read_type(value, place, &name));
      if (const Json* required = value.find("required"); required != nullptr) {
        Result<bool> flag = required->as_bool();
        if (!flag.ok()) return flag.status().with_context(place + ".required");
        attribute.required = *flag;
      }
      record.attributes.push_back(std::move(attribute));
    }
    return record;
  }

  SchemaSource source_;
  std::size_t declarations_ = 0;
};

}  // namespace

Result<SchemaSource> read_schema_json(const Json& json) {
  return SchemaJsonReader().read(json);
}

}  // namespace custody::policy::cedar
