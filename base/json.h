// JSON values. nlohmann/json does the parsing and printing, in json.cpp only. Integers are exact 64-bit
// values; a number with a fraction or exponent keeps its text too (number_text), so that an amount is never
// read through a double. Integers beyond 64 bits are refused. Thread-safety: values.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace custody {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in order of insertion

  Json() = default;                                                         // null
  Json(bool value) : value_(value) {}                                       // NOLINT
  Json(int value) : value_(static_cast<std::int64_t>(value)) {}             // NOLINT
  Json(std::int64_t value) : value_(value) {}                               // NOLINT
  Json(std::uint64_t value) : value_(value) {}                              // NOLINT
  Json(std::uint32_t value) : value_(static_cast<std::uint64_t>(value)) {}  // NOLINT
  Json(double value) : value_(Real{value, {}}) {}                           // NOLINT
  Json(std::string value) : value_(std::move(value)) {}                     // NOLINT
  Json(std::string_view value) : value_(std::string(value)) {}              // NOLINT
  Json(const char* value) : value_(std::string(value)) {}                   // NOLINT
  Json(Array value) : value_(std::move(value)) {}                           // NOLINT
  Json(Object value) : value_(std::move(value)) {}                          // NOLINT
  static Json object() { return Json(Object{}); }
  static Json array() { return Json(Array{}); }

  static constexpr std::size_t kDefaultDepth = 64;
  // RFC 8259, at most max_size bytes and max_depth levels of arrays and objects; a duplicate key is refused.
  // Errors name the byte position. A Json is destroyed and printed recursively: keep max_depth small.
  static Result<Json> parse(std::string_view text, std::size_t max_size,
                            std::size_t max_depth = kDefaultDepth);
  // ASCII only: everything else is escaped, so that no terminal control gets through. Not UTF-8: replaced by
  // U+FFFD.
  std::string dump(int indent = -1) const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }

  // Typed reads; kInvalid names the expected and the found type.
  Result<std::string> as_string() const;
  Result<std::uint64_t> as_u64() const;
  Result<std::int64_t> as_i64() const;
  Result<double> as_double() const;
  Result<bool> as_bool() const;
  Result<std::string> number_text() const;  // the number as it stood in the input, "0.10000000"
  const Array& items() const;               // empty when not an array
  const Object& members() const;            // empty when not an object

  const Json* find(std::string_view key) const;               // nullptr when absent
  Result<std::string> string_at(std::string_view key) const;  // errors name the key
  Result<std::uint64_t> u64_at(std::string_view key) const;
  Result<bool> bool_at(std::string_view key) const;
  Result<Json> at(std::string_view key) const;

  Json& set(std::string key, Json value);  // appends or replaces; makes an object of null
  Json& push(Json value);                  // makes an array of null

 private:
  friend class JsonReader;
  std::string_view type_name() const;
  struct Real {
    double value = 0;
    std::string text;  // as parsed; empty when made from a double
  };
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, Real, std::string, Array, Object> value_;
};

}  // namespace custody
