// The types of Cedar, as schemas declare them and validation computes them. They lie in an arena.
// Thread-safety: immutable, share freely.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/cedar/extension.h"
#include "policy/cedar/value.h"

namespace custody::policy::cedar {

struct AttributeType;

struct Type {
  enum class Kind : std::uint8_t {
    kBool,
    kTrue,   // of an expression that can only be true
    kFalse,  // of an expression that can only be false
    kLong,
    kString,
    kEntity,  // name
    kSet,     // element; nullptr: of the empty set
    kRecord,  // attributes, sorted by name
    kIp,
    kDecimal,
    kDatetime,
    kDuration,
  };
  Kind kind = Kind::kBool;
  std::string_view name = {};
  const Type* element = nullptr;
  std::span<const AttributeType> attributes = {};

  bool is_bool() const { return kind <= Kind::kFalse; }
  const AttributeType* find(std::string_view attribute) const;  // nullptr when absent
};

struct AttributeType {
  std::string_view name;
  const Type* type = nullptr;
  bool required = true;
};

// The types that need no memory of their own. kind: not kEntity, kSet, kRecord.
const Type* basic_type(Type::Kind kind);
// "ipaddr", "decimal", "datetime", "duration": the names in schemas.
std::optional<Type::Kind> extension_type(std::string_view name);
// The constructor of an extension type; nullopt for other types.
std::optional<Function> constructor_of(Type::Kind kind);
std::string to_string(const Type& type);

bool operator==(const Type& a, const Type& b);
// Strict mode: the common type of two that are equal up to what is known of booleans; nullptr when there is
// none. New types are made in arena.
const Type* join(Arena& arena, const Type* a, const Type* b);

}  // namespace custody::policy::cedar
