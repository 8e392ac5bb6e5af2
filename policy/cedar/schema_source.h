// A schema as written, before its names are resolved: what the readers of text and JSON make, and
// SchemaResolver takes. Thread-safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "policy/cedar/entities.h"
#include "policy/cedar/schema.h"

namespace custody::policy::cedar {

struct AttributeSource;

// A type as written.
struct TypeSource {
  enum class Kind : std::uint8_t {
    kName,        // of a common type, an entity type, or one of the language, in this order
    kEntityName,  // of an entity type
    kCommonName,  // of a common type or one of the language
    kBasic,       // basic
    kSet,         // element[0]
    kRecord,      // attributes
  };
  Kind kind = Kind::kRecord;
  std::string where;  // "line 3, column 7" or a place in the JSON
  std::string name;
  Type::Kind basic = Type::Kind::kBool;
  std::vector<TypeSource> element;
  std::vector<AttributeSource> attributes;
};

struct AttributeSource {
  std::string name;
  TypeSource type;
  bool required = true;
};

struct CommonTypeSource {
  std::string name;
  TypeSource type;
};

struct EntityTypeSource {
  std::string name;
  std::string where;
  std::vector<std::string> parents;
  TypeSource attributes;
  std::optional<TypeSource> tags;
  bool enumerated = false;
  std::vector<std::string> choices;
};

struct ActionParentSource {
  std::string type;  // empty: an action of this namespace, or of the empty one
  std::string id;
};

struct AppliesToSource {
  std::vector<std::string> principals;
  std::vector<std::string> resources;
  TypeSource context;
};

struct ActionSource {
  std::string id;
  std::string where;
  std::vector<ActionParentSource> parents;
  std::optional<AppliesToSource> applies_to;
};

struct NamespaceSource {
  std::string name;  // empty for the empty namespace
  std::vector<CommonTypeSource> common_types;
  std::vector<EntityTypeSource> entity_types;
  std::vector<ActionSource> actions;
};

struct SchemaSource {
  std::vector<NamespaceSource> namespaces;
  std::vector<SchemaAnnotation> annotations;
};

Result<SchemaSource> read_schema_text(std::string_view text);
Result<SchemaSource> read_schema_json(const Json& json);

// Whether a common type may have this name: the words of schemas and `__cedar` are taken.
bool is_reserved_type_name(std::string_view name);
// A path of names that are not reserved, without blanks.
bool is_type_path(std::string_view text);

// Resolves every name; errors say where.
class SchemaResolver {
 public:
  explicit SchemaResolver(const SchemaSource& source) : source_(source) {}
  Result<Schema> resolve() &&;

 private:
  Status collect();
  Status collect_namespace(const NamespaceSource& space);
  Status check_shadowing() const;
  Status resolve_namespace(const NamespaceSource& space);
  Status resolve_entity_type(const NamespaceSource& space, const EntityTypeSource& source);
  Status resolve_action(const NamespaceSource& space, const ActionSource& source);
  Status resolve_applies_to(const NamespaceSource& space, const AppliesToSource& source, ActionType* action);
  Result<std::span<const std::string_view>> entity_names(std::string_view space,
                                                         const std::vector<std::string>& names,
                                                         const std::string& where);
  Result<std::string> entity_name(std::string_view space, const std::string& name,
                                  const std::string& where) const;
  Result<EntityUid> action_parent(std::string_view space, const ActionParentSource& parent,
                                  const std::string& where);
  Result<const Type*> resolve_type(std::string_view space, const TypeSource& source);
  Result<const Type*> resolve_name(std::string_view space, const TypeSource& source);
  Result<const Type*> resolve_common(const std::string& full_name, const std::string& where);
  Result<const Type*> resolve_record(std::string_view space, const TypeSource& source);
  Result<const Type*> resolve_record_type(std::string_view space, const TypeSource& source,
                                          const std::string& what);
  const Type* language_type(std::string_view name) const;
  Result<const Type*> sized(const Type* type, const std::string& where);
  Status close_types();
  Status close_actions();

  struct CommonEntry {
    std::string space;
    const TypeSource* source = nullptr;
    const Type* type = nullptr;
    bool in_progress = false;
  };
  struct Measure {
    std::size_t size = 1;
    std::size_t depth = 1;
  };

  const SchemaSource& source_;
  Schema schema_;
  std::map<std::string, CommonEntry> commons_;
  std::map<std::string, const EntityTypeSource*> entity_sources_;
  std::unordered_map<EntityUid, const ActionSource*, EntityUidHash> action_sources_;
  std::unordered_map<const Type*, Measure> measures_;
  std::size_t depth_ = 0;
};

}  // namespace custody::policy::cedar
