#include "policy/cedar/types.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace custody::policy::cedar {
namespace {

using Kind = Type::Kind;

const Type* join_records(Arena& arena, const Type* a, const Type* b) {
  if (a->attributes.size() != b->attributes.size()) return nullptr;
  const std::span<AttributeType> attributes = arena.array<AttributeType>(a->attributes.size());
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const AttributeType& left = a->attributes[i];
    const AttributeType& right = b->attributes[i];
    if (left.name != right.name || left.required != right.required) return nullptr;
    const Type* type = join(arena, left.type, right.type);
    if (type == nullptr) return nullptr;
    attributes[i] = {left.name, type, left.required};
  }
  return arena.make<Type>(Type{.kind = Kind::kRecord, .attributes = attributes});
}

}  // namespace

const AttributeType* Type::find(std::string_view attribute) const {
  const auto at =
      std::lower_bound(attributes.begin(), attributes.end(), attribute,
                       [](const AttributeType& item, std::string_view wanted) { return item.name < wanted; });
  return at != attributes.end() && at->name == attribute ? &*at : nullptr;
}

const Type* basic_type(Kind kind) {
  static const std::vector<Type> kTypes = [] {
    std::vector<Type> types;
    for (auto k = std::uint8_t{0}; k <= static_cast<std::uint8_t>(Kind::kDuration); ++k) {
      types.push_back(Type{.kind = static_cast<Kind>(k)});
    }
    return types;
  }();
  return &kTypes[static_cast<std::size_t>(kind)];
}

std::optional<Kind> extension_type(std::string_view name) {
  if (name == "ipaddr") return Kind::kIp;
  if (name == "decimal") return Kind::kDecimal;
  if (name == "datetime") return Kind::kDatetime;
  if (name == "duration") return Kind::kDuration;
  return std::nullopt;
}

std::optional<Function> constructor_of(Kind kind) {
  switch (kind) {
    case Kind::kIp:
      return Function::kIp;
    case Kind::kDecimal:
      return Function::kDecimal;
    case Kind::kDatetime:
      return Function::kDatetime;
    case Kind::kDuration:
      return Function::kDuration;
    default:
      return std::nullopt;
  }
}

std::string to_string(const Type& type) {
  switch (type.kind) {
    case Kind::kBool:
      return "Bool";
    case Kind::kTrue:
      return "True";
    case Kind::kFalse:
      return "False";
    case Kind::kLong:
      return "Long";
    case Kind::kString:
      return "String";
    case Kind::kEntity:
      return std::string(type.name);
    case Kind::kSet:
      return "Set<" + (type.element == nullptr ? std::string("?") : to_string(*type.element)) + ">";
    case Kind::kIp:
      return "ipaddr";
    case Kind::kDecimal:
      return "decimal";
    case Kind::kDatetime:
      return "datetime";
    case Kind::kDuration:
      return "duration";
    case Kind::kRecord:
      break;
  }
  std::string out = "{";
  for (const AttributeType& attribute : type.attributes) {
    if (out.size() > 1) out += ", ";
    out += quote(attribute.name) + (attribute.required ? ": " : "?: ") + to_string(*attribute.type);
  }
  return out + "}";
}

bool operator==(const Type& a, const Type& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.name != b.name || (a.element == nullptr) != (b.element == nullptr)) return false;
  if (a.element != nullptr && !(*a.element == *b.element)) return false;
  return std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(), b.attributes.end(),
                    [](const AttributeType& x, const AttributeType& y) {
                      return x.name == y.name && x.required == y.required && *x.type == *y.type;
                    });
}

const Type* join(Arena& arena, const Type* a, const Type* b) {
  if (a == b) return a;
  if (a->is_bool() && b->is_bool()) return a->kind == b->kind ? a : basic_type(Kind::kBool);
  if (a->kind != b->kind || a->name != b->name) return nullptr;
  if (a->kind == Kind::kRecord) return join_records(arena, a, b);
  if (a->kind != Kind::kSet) return a;
  if (a->element == nullptr || b->element == nullptr) return a->element == nullptr ? b : a;
  const Type* element = join(arena, a->element, b->element);
  if (element == nullptr) return nullptr;
  return arena.make<Type>(Type{.kind = Kind::kSet, .element = element});
}

}  // namespace custody::policy::cedar
