#include <set>
#include <utility>

#include "policy/cedar/limits.h"
#include "policy/cedar/schema_source.h"
#include "policy/cedar/token_stream.h"

namespace custody::policy::cedar {
namespace {

bool is_reserved_path(const std::string& path) {
  return ("::" + path + "::").find("::__cedar::") != std::string::npos;
}

class SchemaTextReader {
 public:
  explicit SchemaTextReader(std::string_view text) : tokens_(text, TokenStream::Language::kSchema) {}

  Result<SchemaSource> read() && {
    TRY(tokens_.start());
    source_.namespaces.emplace_back();
    while (!tokens_.at_end()) {
      TRY(read_annotations());
      ASSIGN_OR_RETURN(const bool is_namespace, tokens_.accept_word("namespace"));
      TRY(is_namespace ? read_namespace() : read_declaration(0));
    }
    return std::move(source_);
  }

 private:
  Status read_annotations() {
    std::set<std::string_view> names;
    while (tokens_.at_symbol("@")) {
      TRY(tokens_.take());
      if (!tokens_.at_identifier()) return tokens_.unexpected("the name of an annotation");
      ASSIGN_OR_RETURN(const Token name, tokens_.take());
      SchemaAnnotation annotation{to_string(name.at), std::string(name.text), "", ""};
      if (!names.insert(name.text).second) {
        return error_at(name.at, "the annotation @" + annotation.name + " stands twice");
      }
      ASSIGN_OR_RETURN(const bool has_value, tokens_.accept("("));
      if (has_value) {
        ASSIGN_OR_RETURN(annotation.value, read_string());
        TRY(tokens_.expect(")"));
      }
      source_.annotations.push_back(std::move(annotation));
    }
    return ok_status();
  }

  Status read_namespace() {
    const Position at = tokens_.peek().at;
    ASSIGN_OR_RETURN(const std::string name, tokens_.take_path("the name of a namespace"));
    if (is_reserved_path(name)) return error_at(at, "the name of the namespace contains __cedar");
    if (!namespaces_.insert(name).second) return error_at(at, "the namespace " + name + " stands twice");
    source_.namespaces.push_back({.name = name, .common_types = {}, .entity_types = {}, .actions = {}});
    const std::size_t place = source_.namespaces.size() - 1;
    TRY(tokens_.expect("{"));
    while (!tokens_.at_symbol("}")) {
      TRY(read_annotations());
      TRY(read_declaration(place));
    }
    return tokens_.expect("}");
  }

  Status read_declaration(std::size_t place) {
    NamespaceSource& space = source_.namespaces[place];
    if (++declarations_ > kMaxDeclarations) {
      return limit_at(tokens_.peek().at, "more than " + std::to_string(kMaxDeclarations) + " declarations");
    }
    const bool entity = tokens_.at_word("entity");
    const bool action = tokens_.at_word("action");
    if (!entity && !action && !tokens_.at_word("type")) {
      return tokens_.unexpected("\"entity\", \"action\", \"type\" or \"namespace\"");
    }
    TRY(tokens_.take());
    if (entity) return read_entity(&space);
    return action ? read_action(&space) : read_common_type(&space);
  }

  Status read_common_type(NamespaceSource* space) {
    ASSIGN_OR_RETURN(const Token name, tokens_.expect_name("the name of a type"));
    if (is_reserved_type_name(name.text)) return error_at(name.at, describe(name) + " is a word of schemas");
    TRY(tokens_.expect("="));
    ASSIGN_OR_RETURN(TypeSource type, read_type());
    space->common_types.push_back({std::string(name.text), std::move(type)});
    return tokens_.expect(";");
  }

  // entity A, B in [C] = { ... } tags T;   entity A enum ["x", "y"];
  Status read_entity(NamespaceSource* space) {
    EntityTypeSource entity;
    entity.where = to_string(tokens_.peek().at);
    std::vector<std::string> names;
    do {
      ASSIGN_OR_RETURN(const Token name, tokens_.expect_name("the name of an entity type"));
      if (name.text == "__cedar") return error_at(name.at, "__cedar cannot be an entity type");
      names.emplace_back(name.text);
    } while (tokens_.accept_comma());
    ASSIGN_OR_RETURN(entity.enumerated, tokens_.accept_word("enum"));
    TRY(entity.enumerated ? read_choices(&entity) : read_entity_body(&entity));
    TRY(tokens_.expect(";"));
    for (std::string& name : names) {
      entity.name = std::move(name);
      space->entity_types.push_back(entity);
      ++declarations_;
    }
    return ok_status();
  }

  Status read_choices(EntityTypeSource* entity) {
    TRY(tokens_.expect("["));
    do {
      ASSIGN_OR_RETURN(std::string choice, read_string());
      entity->choices.push_back(std::move(choice));
    } while (tokens_.accept_comma());
    return tokens_.expect("]");
  }

  Status read_entity_body(EntityTypeSource* entity) {
    ASSIGN_OR_RETURN(const bool has_parents, tokens_.accept_word("in"));
    if (has_parents) {
      ASSIGN_OR_RETURN(entity->parents, read_type_names());
    }
    ASSIGN_OR_RETURN(const bool equals, tokens_.accept("="));
    if (equals || tokens_.at_symbol("{")) {
      ASSIGN_OR_RETURN(entity->attributes, read_record());
    }
    ASSIGN_OR_RETURN(const bool has_tags, tokens_.accept_word("tags"));
    if (has_tags) {
      ASSIGN_OR_RETURN(entity->tags, read_type());
    }
    return ok_status();
  }

  // action a, "b" in [c, N::Action::"d"] appliesTo { ... } attributes {};
  Status read_action(NamespaceSource* space) {
    ActionSource action;
    action.where = to_string(tokens_.peek().at);
    std::vector<std::string> names;
    do {
      ASSIGN_OR_RETURN(std::string name, read_name("the name of an action"));
      names.push_back(std::move(name));
    } while (tokens_.accept_comma());
    ASSIGN_OR_RETURN(const bool has_parents, tokens_.accept_word("in"));
    if (has_parents) TRY(read_action_parents(&action));
    ASSIGN_OR_RETURN(const bool applies, tokens_.accept_word("appliesTo"));
    if (applies) TRY(read_applies_to(&action));
    ASSIGN_OR_RETURN(const bool attributes, tokens_.accept_word("attributes"));
    if (attributes) {
      TRY(tokens_.expect("{"));
      TRY(tokens_.expect("}"));
    }
    TRY(tokens_.expect(";"));
    for (std::string& name : names) {
      action.id = std::move(name);
      space->actions.push_back(action);
      ++declarations_;
    }
    return ok_status();
  }

  Status read_action_parents(ActionSource* action) {
    ASSIGN_OR_RETURN(const bool list, tokens_.accept("["));
    do {
      TRY(read_action_parent(action));
    } while (list && tokens_.accept_comma());
    return list ? tokens_.expect("]") : ok_status();
  }

  Status read_action_parent(ActionSource* action) {
    if (tokens_.at_string()) {
      ASSIGN_OR_RETURN(std::string id, read_string());
      action->parents.push_back({"", std::move(id)});
      return ok_status();
    }
    ASSIGN_OR_RETURN(const Token first, tokens_.expect_name("the name of an action"));
    bool before_string = false;
    ASSIGN_OR_RETURN(std::string path, tokens_.take_path_after(first, &before_string));
    if (!before_string) {
      if (path.size() != first.text.size()) return tokens_.unexpected("a string after \"::\"");
      action->parents.push_back({"", std::move(path)});
      return ok_status();
    }
    ASSIGN_OR_RETURN(std::string id, read_string());
    action->parents.push_back({std::move(path), std::move(id)});
    return ok_status();
  }

  Status read_applies_to(ActionSource* action) {
    AppliesToSource applies;
    bool has_context = false;
    TRY(tokens_.expect("{"));
    do {
      if (tokens_.at_symbol("}")) break;
      const Position at = tokens_.peek().at;
      if (tokens_.at_word("context")) {
        TRY(tokens_.take());
        TRY(tokens_.expect(":"));
        if (std::exchange(has_context, true)) return error_at(at, "\"context\" stands twice");
        ASSIGN_OR_RETURN(applies.context, read_context());
        continue;
      }
      const bool principal = tokens_.at_word("principal");
      if (!principal && !tokens_.at_word("resource")) {
        return tokens_.unexpected("\"principal\", \"resource\" or \"context\"");
      }
      TRY(tokens_.take());
      TRY(tokens_.expect(":"));
      std::vector<std::string>& types = principal ? applies.principals : applies.resources;
      if (!types.empty()) return error_at(at, "the declaration stands twice");
      ASSIGN_OR_RETURN(types, read_type_names());
      if (types.empty()) return error_at(at, "the list of types is empty");
    } while (tokens_.accept_comma());
    if (applies.principals.empty() || applies.resources.empty()) {
      return tokens_.unexpected("the types of both principal and resource");
    }
    action->applies_to = std::move(applies);
    return tokens_.expect("}");
  }

  Result<TypeSource> read_context() {
    if (tokens_.at_symbol("{")) return read_record();
    TypeSource type;
    type.kind = TypeSource::Kind::kCommonName;
    type.where = to_string(tokens_.peek().at);
    ASSIGN_OR_RETURN(type.name, tokens_.take_path("a record type"));
    return type;
  }

  // A or [A, B], [].
  Result<std::vector<std::string>> read_type_names() {
    std::vector<std::string> names;
    ASSIGN_OR_RETURN(const bool list, tokens_.accept("["));
    if (list && tokens_.at_symbol("]")) {
      TRY(tokens_.take());
      return names;
    }
    do {
      ASSIGN_OR_RETURN(std::string name, tokens_.take_path("the name of an entity type"));
      names.push_back(std::move(name));
    } while (list && tokens_.accept_comma());
    if (list) TRY(tokens_.expect("]"));
    return names;
  }

  Result<TypeSource> read_type() {
    const NestingGuard guard(&depth_);
    TRY(guard.check(tokens_.peek().at));
    if (tokens_.at_symbol("{")) return read_record();
    TypeSource type;
    type.where = to_string(tokens_.peek().at);
    type.kind = TypeSource::Kind::kName;
    ASSIGN_OR_RETURN(type.name, tokens_.take_path("a type"));
    if (type.name != "Set" || !tokens_.at_symbol("<")) return type;
    TRY(tokens_.take());
    type.kind = TypeSource::Kind::kSet;
    ASSIGN_OR_RETURN(TypeSource element, read_type());
    type.element.push_back(std::move(element));
    TRY(tokens_.expect(">"));
    return type;
  }

  Result<TypeSource> read_record() {
    TypeSource record;
    record.kind = TypeSource::Kind::kRecord;
    record.where = to_string(tokens_.peek().at);
    TRY(tokens_.expect("{"));
    do {
      if (tokens_.at_symbol("}")) break;
      if (record.attributes.size() == kMaxCollection)
        return limit_at(tokens_.peek().at, "too many attributes");
      const std::size_t before = source_.annotations.size();
      TRY(read_annotations());
      AttributeSource attribute;
      ASSIGN_OR_RETURN(attribute.name, read_name("the name of an attribute"));
      for (std::size_t i = before; i < source_.annotations.size(); ++i) {
        source_.annotations[i].attribute = attribute.name;
      }
      ASSIGN_OR_RETURN(const bool optional, tokens_.accept("?"));
      attribute.required = !optional;
      TRY(tokens_.expect(":"));
      ASSIGN_OR_RETURN(attribute.type, read_type());
      record.attributes.push_back(std::move(attribute));
    } while (tokens_.accept_comma());
    TRY(tokens_.expect("}"));
    return record;
  }

  // An identifier or a string.
  Result<std::string> read_name(std::string_view what) {
    if (tokens_.at_string()) return read_string();
    ASSIGN_OR_RETURN(const Token name, tokens_.expect_name(what));
    return std::string(name.text);
  }

  Result<std::string> read_string() {
    ASSIGN_OR_RETURN(const Token token, tokens_.expect_string("a string"));
    ASSIGN_OR_RETURN(const std::string_view text, unescape(arena_, token));
    return std::string(text);
  }

  TokenStream tokens_;
  Arena arena_;
  SchemaSource source_;
  std::set<std::string> namespaces_;
  std::size_t depth_ = 0;
  std::size_t declarations_ = 0;
};

}  // namespace

Result<SchemaSource> read_schema_text(std::string_view text) {
  if (text.size() > kMaxSchemaText) {
    return exhausted("a schema of " + std::to_string(text.size()) + " bytes, at most " +
                     std::to_string(kMaxSchemaText) + " are read");
  }
  return SchemaTextReader(text).read();
}

}  // namespace custody::policy::cedar
