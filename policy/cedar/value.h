// The values of Cedar. A value is a small handle: its text, elements and fields lie in an Arena (or any other
// memory) that must outlive it, and are never changed. Thread-safety: immutable, share freely.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "policy/cedar/arena.h"

namespace custody::policy::cedar {

// The name of an entity, `Type::"id"`. type is a path, `A::B`; both are UTF-8. Made by entity_uid() only,
// which computes the hash.
struct EntityUid {
  std::string_view type;
  std::string_view id;
  std::uint64_t hash = 0;

  friend bool operator==(const EntityUid& a, const EntityUid& b) {
    return a.hash == b.hash && a.id == b.id && a.type == b.type;
  }
};
EntityUid entity_uid(std::string_view type, std::string_view id);                // views of the arguments
EntityUid entity_uid(Arena& arena, std::string_view type, std::string_view id);  // copies them
std::string to_string(const EntityUid& uid);                                     // Type::"id", escaped
bool operator<(const EntityUid& a, const EntityUid& b);  // an order for sorting, without meaning

struct EntityUidHash {
  std::size_t operator()(const EntityUid& uid) const { return uid.hash; }
};

// An address or a network, as ip("10.0.0.0/8") makes it. Two are equal when address and prefix are.
struct IpNet {
  bool v6 = false;
  std::uint8_t prefix = 0;        // 0..32 or 0..128
  std::uint8_t address[16] = {};  // network order; an IPv4 address in the first four
};

struct Set;
struct Record;

class Value {
 public:
  // The order of the kinds is the order of sorting, without meaning.
  enum class Kind : std::uint8_t {
    kBool,
    kLong,
    kString,
    kEntity,
    kSet,
    kRecord,
    kDecimal,   // of four places: ten-thousandths in an int64
    kDatetime,  // milliseconds since 1970-01-01T00:00:00Z
    kDuration,  // milliseconds
    kIp,
  };

  Value() : Value(false) {}
  explicit Value(bool value) : kind_(Kind::kBool) { data_.flag = value; }
  explicit Value(std::int64_t value) : Value(Kind::kLong, value) {}
  explicit Value(std::string_view value) : kind_(Kind::kString), size_(value.size()) {
    data_.text = value.data();
  }
  explicit Value(const EntityUid* value) : kind_(Kind::kEntity) { data_.entity = value; }
  explicit Value(const Set* value) : kind_(Kind::kSet) { data_.set = value; }
  explicit Value(const Record* value) : kind_(Kind::kRecord) { data_.record = value; }
  explicit Value(const IpNet* value) : kind_(Kind::kIp) { data_.ip = value; }
  static Value decimal(std::int64_t ten_thousandths) { return {Kind::kDecimal, ten_thousandths}; }
  static Value datetime(std::int64_t milliseconds) { return {Kind::kDatetime, milliseconds}; }
  static Value duration(std::int64_t milliseconds) { return {Kind::kDuration, milliseconds}; }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  // The content; asking for another kind than kind() is a mistake of ours that is not checked.
  bool flag() const { return data_.flag; }
  std::int64_t number() const { return data_.number; }  // kLong, kDecimal, kDatetime, kDuration
  std::string_view text() const { return {data_.text, size_}; }
  const EntityUid& entity() const { return *data_.entity; }
  const Set& set() const { return *data_.set; }
  const Record& record() const { return *data_.record; }
  const IpNet& ip() const { return *data_.ip; }
  // Upper bound of the steps of comparing it with another value, see evaluator.h.
  std::uint64_t weight() const;

 private:
  Value(Kind kind, std::int64_t value) : kind_(kind) { data_.number = value; }

  Kind kind_;
  std::size_t size_ = 0;
  union {
    bool flag;
    std::int64_t number;
    const char* text;
    const EntityUid* entity;
    const Set* set;
    const Record* record;
    const IpNet* ip;
  } data_;
};

// Cedar's == between values, and an order with which equality agrees: <0, 0, >0.
int compare(const Value& a, const Value& b);
inline bool operator==(const Value& a, const Value& b) {
  return compare(a, b) == 0;
}

// Made by make_set() only: sorted, no element twice.
struct Set {
  std::span<const Value> items;
  std::uint64_t weight = 1;  // 1 + those of the items, saturating

  bool contains(const Value& value) const;
};

struct Field {
  std::string_view name;
  Value value;
};

// Made by make_record() only: sorted by length of the name and then by name, no name twice.
struct Record {
  std::span<const Field> fields;
  std::uint64_t weight = 1;  // 1 + those of the fields, saturating

  const Value* find(std::string_view name) const;  // nullptr when absent
};

// Sorts items in place and keeps a view of them: they must live as long as the set.
Set make_set(std::span<Value> items);
// The order of a record's fields.
bool field_name_less(std::string_view a, std::string_view b);
// The same for fields; the fastest when they are in order already. kInvalid names a field that stands twice.
Result<Record> make_record(std::span<Field> fields);

// A deep copy whose memory is all in arena.
Value copy(Arena& arena, const Value& value);

// As it would stand in a policy: `[1, "a"]`, `{"a": ip("::1")}`.
std::string to_string(const Value& value);
// A string literal of Cedar with its quotes.
std::string quote(std::string_view text);

}  // namespace custody::policy::cedar
