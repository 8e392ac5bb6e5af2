// A schema: which entity types and actions exist, and what they hold. Read from the schema language
// (docs.cedarpolicy.com/schema/human-readable-schema-grammar.html) or its JSON form.
// Thread-safety: a const Schema may be shared.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "policy/cedar/arena.h"
#include "policy/cedar/types.h"
#include "policy/cedar/value.h"

namespace custody::policy::cedar {

struct EntityType {
  std::string_view name;
  std::span<const std::string_view> parents;    // types that `in` names
  std::span<const std::string_view> ancestors;  // everything above it, sorted
  const Type* attributes = nullptr;             // a record
  const Type* tags = nullptr;                   // of every tag; nullptr: it has none
  bool enumerated = false;
  std::span<const std::string_view> choices;  // ids of an enumerated type, sorted

  bool is_below(std::string_view other) const;
  bool has_choice(std::string_view id) const;
};

struct ActionType {
  EntityUid uid;
  std::span<const EntityUid> parents;
  std::span<const EntityUid> ancestors;          // everything above it, sorted
  std::span<const std::string_view> principals;  // sorted
  std::span<const std::string_view> resources;   // sorted
  const Type* context = nullptr;                 // a record

  bool is_below(const EntityUid& other) const;
};

// `@name("value")` on a declaration or an attribute. It carries no meaning here; who gives it one can find
// it.
struct SchemaAnnotation {
  std::string where;  // "line 3, column 7" or a place in the JSON
  std::string name;
  std::string value;      // empty when none was written
  std::string attribute;  // the name of the attribute that it stands on; empty: on a declaration
};

class Schema {
 public:
  // Errors name line and column.
  static Result<Schema> parse(std::string_view text);
  // Errors name the place in the JSON. json: `{"Namespace": {"entityTypes": {}, "actions": {}}}`.
  static Result<Schema> parse_json(const Json& json);

  const EntityType* find_type(std::string_view name) const;   // nullptr when absent
  const ActionType* find_action(const EntityUid& uid) const;  // nullptr when absent
  // Whether some action has this type, `Action` or `Namespace::Action`.
  bool is_action_type(std::string_view name) const;
  const std::map<std::string_view, EntityType>& types() const { return types_; }
  const std::vector<ActionType>& actions() const { return actions_; }
  const std::vector<SchemaAnnotation>& annotations() const { return annotations_; }

 private:
  friend class SchemaResolver;
  Arena arena_;
  std::map<std::string_view, EntityType> types_;
  std::vector<ActionType> actions_;  // sorted by uid
  std::vector<SchemaAnnotation> annotations_;
};

}  // namespace custody::policy::cedar
