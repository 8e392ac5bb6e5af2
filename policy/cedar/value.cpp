#include "policy/cedar/value.h"

#include <algorithm>
#include <compare>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "policy/cedar/extension.h"
#include "policy/cedar/lexer.h"

namespace custody::policy::cedar {
namespace {

constexpr std::size_t kTextBytesPerStep = 16;

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max()
                                                           : a + b;
}

// FNV-1a, 64 bits. Tables keyed by it hold what the officers' own bundle and facts name; an attacker who
// finds collisions costs time that kMaxEntities bounds.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t hash) {
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  return hash;
}

int sign(std::strong_ordering order) {
  if (order == std::strong_ordering::less) return -1;
  return order == std::strong_ordering::greater ? 1 : 0;
}

int compare_text(std::string_view a, std::string_view b) {
  const int order = a.compare(b);
  return order < 0 ? -1 : static_cast<int>(order > 0);
}

int compare_uids(const EntityUid& a, const EntityUid& b) {
  const int order = compare_text(a.type, b.type);
  return order != 0 ? order : compare_text(a.id, b.id);
}

int compare_sets(const Set& a, const Set& b) {
  if (const auto order = a.items.size() <=> b.items.size(); order != 0) return sign(order);
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (const int order = compare(a.items[i], b.items[i]); order != 0) return order;
  }
  return 0;
}

int compare_records(const Record& a, const Record& b) {
  if (const auto order = a.fields.size() <=> b.fields.size(); order != 0) return sign(order);
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    if (const int order = compare_text(a.fields[i].name, b.fields[i].name); order != 0) return order;
    if (const int order = compare(a.fields[i].value, b.fields[i].value); order != 0) return order;
  }
  return 0;
}

int compare_ips(const IpNet& a, const IpNet& b) {
  if (a.v6 != b.v6) return a.v6 ? 1 : -1;
  if (const int order = std::memcmp(a.address, b.address, sizeof a.address); order != 0) {
    return order < 0 ? -1 : 1;
  }
  return sign(a.prefix <=> b.prefix);
}

// Controls, blanks of no width, and marks that change the direction of writing: what could make a text look
// like another one.
bool is_deceptive(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

// \u{202e}
void append_code(std::string& out, char32_t c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string digits;
  for (; c != 0 || digits.empty(); c /= 16) digits.insert(digits.begin(), kHex[c % 16]);
  out += "\\u{" + digits + "}";
}

void append_escaped(std::string& out, std::string_view bytes, char32_t c) {
  constexpr std::string_view kPlain("\n\r\t\0\"\\", 6);
  constexpr std::string_view kLetters = "nrt0\"\\";
  const std::size_t at = c < 0x80 ? kPlain.find(static_cast<char>(c)) : std::string_view::npos;
  if (at != std::string_view::npos) {
    out += '\\';
    out += kLetters[at];
  } else if (is_deceptive(c)) {
    append_code(out, c);
  } else {
    out += bytes;
  }
}

std::string join(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}

std::string call_text(std::string_view function, std::string_view argument) {
  return std::string(function) + "(" + quote(argument) + ")";
}

}  // namespace

EntityUid entity_uid(std::string_view type, std::string_view id) {
  constexpr std::uint64_t kOffsetBasis = 0xcbf29ce484222325;
  constexpr std::string_view kSeparator("\0", 1);
  return {type, id, hash_bytes(id, hash_bytes(kSeparator, hash_bytes(type, kOffsetBasis)))};
}

EntityUid entity_uid(Arena& arena, std::string_view type, std::string_view id) {
  return entity_uid(arena.copy(type), arena.copy(id));
}

std::string to_string(const EntityUid& uid) {
  return std::string(uid.type) + "::" + quote(uid.id);
}

bool operator<(const EntityUid& a, const EntityUid& b) {
  return compare_uids(a, b) < 0;
}

std::uint64_t Value::weight() const {
  switch (kind_) {
    case Kind::kString:
      return 1 + size_ / kTextBytesPerStep;
    case Kind::kEntity:
      return 1 + (entity().type.size() + entity().id.size()) / kTextBytesPerStep;
    case Kind::kSet:
      return set().weight;
    case Kind::kRecord:
      return record().weight;
    default:
      return 1;
  }
}

int compare(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return sign(a.kind() <=> b.kind());
  switch (a.kind()) {
    case Value::Kind::kBool:
      return sign(a.flag() <=> b.flag());
    case Value::Kind::kString:
      return compare_text(a.text(), b.text());
    case Value::Kind::kEntity:
      return compare_uids(a.entity(), b.entity());
    case Value::Kind::kSet:
      return compare_sets(a.set(), b.set());
    case Value::Kind::kRecord:
      return compare_records(a.record(), b.record());
    case Value::Kind::kIp:
      return compare_ips(a.ip(), b.ip());
    case Value::Kind::kLong:
    case Value::Kind::kDecimal:
    case Value::Kind::kDatetime:
    case Value::Kind::kDuration:
      break;
  }
  return sign(a.number() <=> b.number());
}

bool Set::contains(const Value& value) const {
  const auto at =
      std::lower_bound(items.begin(), items.end(), value,
                       [](const Value& item, const Value& wanted) { return compare(item, wanted) < 0; });
  return at != items.end() && *at == value;
}

const Value* Record::find(std::string_view name) const {
  const auto at = std::lower_bound(
      fields.begin(), fields.end(), name,
      [](const Field& field, std::string_view wanted) { return field_name_less(field.name, wanted); });
  return at != fields.end() && at->name == name ? &at->value : nullptr;
}

// Shorter names first, because lengths are compared faster than texts.
bool field_name_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

Set make_set(std::span<Value> items) {
  std::sort(items.begin(), items.end(), [](const Value& a, const Value& b) { return compare(a, b) < 0; });
  const auto end = std::unique(items.begin(), items.end());
  Set set;
  set.items = {items.begin(), end};
  for (const Value& item : set.items) set.weight = saturating_add(set.weight, item.weight());
  return set;
}

Result<Record> make_record(std::span<Field> fields) {
  const auto not_less = [](const Field& a, const Field& b) { return !field_name_less(a.name, b.name); };
  // Whoever makes a record again and again sorts its fields once.
  if (std::adjacent_find(fields.begin(), fields.end(), not_less) != fields.end()) {
    std::sort(fields.begin(), fields.end(),
              [](const Field& a, const Field& b) { return field_name_less(a.name, b.name); });
    const auto twice = std::adjacent_find(fields.begin(), fields.end(), not_less);
    if (twice != fields.end()) return invalid("the field " + quote(twice->name) + " stands twice");
  }
  Record record;
  record.fields = fields;
  for (const Field& field : fields) {
    record.weight =
        saturating_add(record.weight, field.value.weight() + field.name.size() / kTextBytesPerStep);
  }
  return record;
}

Value copy(Arena& arena, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kString:
      return Value(arena.copy(value.text()));
    case Value::Kind::kEntity:
      return Value(arena.make<EntityUid>(entity_uid(arena, value.entity().type, value.entity().id)));
    case Value::Kind::kIp:
      return Value(arena.make<IpNet>(value.ip()));
    case Value::Kind::kSet: {
      const std::span<Value> items = arena.array<Value>(value.set().items.size());
      for (std::size_t i = 0; i < items.size(); ++i) items[i] = copy(arena, value.set().items[i]);
      return Value(arena.make<Set>(Set{items, value.set().weight}));
    }
    case Value::Kind::kRecord: {
      const std::span<Field> fields = arena.array<Field>(value.record().fields.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        const Field& field = value.record().fields[i];
        fields[i] = {arena.copy(field.name), copy(arena, field.value)};
      }
      return Value(arena.make<Record>(Record{fields, value.record().weight}));
    }
    default:
      return value;
  }
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const std::size_t bytes = std::max<std::size_t>(c.bytes, 1);
    append_escaped(out, text.substr(0, bytes), c.bytes == 0 ? 0xfffd : c.value);
    text.remove_prefix(bytes);
  }
  return out + "\"";
}

std::string to_string(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kBool:
      return value.flag() ? "true" : "false";
    case Value::Kind::kLong:
      return std::to_string(value.number());
    case Value::Kind::kString:
      return quote(value.text());
    case Value::Kind::kEntity:
      return to_string(value.entity());
    case Value::Kind::kDecimal:
      return call_text("decimal", decimal_text(value.number()));
    case Value::Kind::kDatetime:
      return "datetime(\"1970-01-01\").offset(" + call_text("duration", duration_text(value.number())) + ")";
    case Value::Kind::kDuration:
      return call_text("duration", duration_text(value.number()));
    case Value::Kind::kIp:
      return call_text("ip", ip_text(value.ip()));
    case Value::Kind::kSet: {
      std::vector<std::string> items;
      for (const Value& item : value.set().items) items.push_back(to_string(item));
      return "[" + join(items) + "]";
    }
    case Value::Kind::kRecord:
      break;
  }
  std::vector<std::string> fields;
  for (const Field& field : value.record().fields) {
    fields.push_back(quote(field.name) + ": " + to_string(field.value));
  }
  return "{" + join(fields) + "}";
}

}  // namespace custody::policy::cedar
