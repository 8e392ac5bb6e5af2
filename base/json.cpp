#include "base/json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

namespace custody {
namespace {

// Reads the text and remembers how far the parser has come, for errors that the parser itself does not see.
struct CountingCursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  std::size_t* consumed = nullptr;

  reference operator*() const { return *at; }
  CountingCursor& operator++() {
    ++at;
    ++*consumed;
    return *this;
  }
  CountingCursor operator++(int) {
    CountingCursor before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingCursor& a, const CountingCursor& b) { return a.at == b.at; }
};

bool looks_like_integer(std::string_view text) {
  return text.find_first_of(".eE") == std::string_view::npos;
}

Status wrong_type(std::string_view expected, std::string_view found) {
  return invalid("expected " + std::string(expected) + ", found " + std::string(found));
}

}  // namespace

// Builds a Json from nlohmann's events. Every handler returns false after fail(), which ends the parse.
class JsonReader {
 public:
  JsonReader(const std::size_t* consumed, std::size_t max_depth)
      : consumed_(consumed), max_depth_(max_depth) {}

  bool null() { return put(Json()); }
  bool boolean(bool value) { return put(Json(value)); }
  bool number_integer(std::int64_t value) { return put(Json(value)); }
  bool number_unsigned(std::uint64_t value) { return put(Json(value)); }
  bool number_float(double value, const std::string& text) {
    if (looks_like_integer(text)) return fail("integer does not fit 64 bits");
    Json json;
    json.value_ = Json::Real{value, text};
    return put(std::move(json));
  }
  bool string(std::string& value) { return put(Json(std::move(value))); }
  bool binary(std::vector<std::uint8_t>&) { return fail("binary value"); }

  bool start_object(std::size_t) { return open(Json::object()); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    Level& level = levels_.back();
    if (!level.names.insert(name).second) return fail("duplicate key");
    level.key = std::move(name);
    return true;
  }
  template <typename Error>
  bool parse_error(std::size_t position, const std::string&, const Error&) {
    error_ = invalid("not JSON at byte " + std::to_string(position));
    return false;
  }

  Result<Json> take() && {
    if (!error_.ok()) return error_;
    return std::move(root_);
  }

 private:
  struct Level {
    Json container;
    std::string key;
    std::unordered_set<std::string> names;
  };

  bool fail(std::string_view what) {
    error_ = invalid(std::string(what) + " before byte " + std::to_string(*consumed_));
    return false;
  }
  bool open(Json container) {
    if (levels_.size() == max_depth_) return fail("more than " + std::to_string(max_depth_) + " levels");
    levels_.push_back({std::move(container), {}, {}});
    return true;
  }
  bool close() {
    Json done = std::move(levels_.back().container);
    levels_.pop_back();
    return put(std::move(done));
  }
  bool put(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Level& level = levels_.back();
    if (auto* object = std::get_if<Json::Object>(&level.container.value_)) {
      object->emplace_back(std::move(level.key), std::move(value));
    } else {
      std::get<Json::Array>(level.container.value_).push_back(std::move(value));
    }
    return true;
  }

  const std::size_t* consumed_;
  std::size_t max_depth_;
  Json root_;
  std::vector<Level> levels_;
  Status error_;
};

namespace {

nlohmann::ordered_json to_nlohmann(const Json& json) {
  if (json.is_object()) {
    auto out = nlohmann::ordered_json::object();
    // push_back on the underlying vector: operator[] would search the earlier keys for each new one.
    auto& members = out.get_ref<nlohmann::ordered_json::object_t&>();
    for (const auto& [name, value] : json.members()) {
      static_cast<nlohmann::ordered_json::object_t::Container&>(members).emplace_back(name,
                                                                                      to_nlohmann(value));
    }
    return out;
  }
  if (json.is_array()) {
    auto out = nlohmann::ordered_json::array();
    for (const Json& item : json.items()) out.push_back(to_nlohmann(item));
    return out;
  }
  if (json.is_null()) return nullptr;
  if (auto text = json.as_string(); text.ok()) return *std::move(text);
  if (auto flag = json.as_bool(); flag.ok()) return *flag;
  if (auto number = json.as_u64(); number.ok()) return *number;
  if (auto number = json.as_i64(); number.ok()) return *number;
  return *json.as_double();
}

}  // namespace

Result<Json> Json::parse(std::string_view text, std::size_t max_size, std::size_t max_depth) {
  if (text.size() > max_size) {
    return exhausted("JSON of " + std::to_string(text.size()) + " bytes, at most " +
                     std::to_string(max_size) + " are read");
  }
  std::size_t consumed = 0;
  JsonReader reader(&consumed, max_depth);
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end goes with it
  const CountingCursor begin{text.data(), &consumed};
  const CountingCursor end{text.data() + text.size(), &consumed};
  try {
    nlohmann::json::sax_parse(begin, end, &reader);
  } catch (const std::exception& error) {
    return invalid("not JSON before byte " + std::to_string(consumed) + ": " + error.what());
  }
  return std::move(reader).take();
}

std::string Json::dump(int indent) const {
  return to_nlohmann(*this).dump(indent, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string_view Json::type_name() const {
  if (is_null()) return "null";
  if (is_object()) return "an object";
  if (is_array()) return "an array";
  if (is_string()) return "a string";
  if (std::holds_alternative<bool>(value_)) return "a boolean";
  return "a number";
}

Result<std::string> Json::as_string() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return *value;
  return wrong_type("a string", type_name());
}

Result<std::uint64_t> Json::as_u64() const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) {
    if (*value >= 0) return static_cast<std::uint64_t>(*value);
    return wrong_type("an unsigned integer", "a negative number");
  }
  if (std::holds_alternative<Real>(value_))
    return wrong_type("an unsigned integer", "a number with a fraction");
  return wrong_type("an unsigned integer", type_name());
}

Result<std::int64_t> Json::as_i64() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) {
    if (*value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return static_cast<std::int64_t>(*value);
    }
    return wrong_type("a signed 64-bit integer", "a larger number");
  }
  if (std::holds_alternative<Real>(value_)) return wrong_type("an integer", "a number with a fraction");
  return wrong_type("an integer", type_name());
}

Result<double> Json::as_double() const {
  if (const auto* value = std::get_if<Real>(&value_)) return value->value;
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  return wrong_type("a number", type_name());
}

Result<bool> Json::as_bool() const {
  if (const auto* value = std::get_if<bool>(&value_)) return *value;
  return wrong_type("a boolean", type_name());
}

Result<std::string> Json::number_text() const {
  if (const auto* value = std::get_if<Real>(&value_); value != nullptr && !value->text.empty())
    return value->text;
  if (as_double().ok()) return dump();
  return wrong_type("a number", type_name());
}

const Json::Array& Json::items() const {
  static const Array kNone;
  const auto* array = std::get_if<Array>(&value_);
  return array != nullptr ? *array : kNone;
}

const Json::Object& Json::members() const {
  static const Object kNone;
  const auto* object = std::get_if<Object>(&value_);
  return object != nullptr ? *object : kNone;
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members()) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<Json> Json::at(std::string_view key) const {
  const Json* found = find(key);
  if (found == nullptr) return not_found("no \"" + std::string(key) + "\"");
  return *found;
}

namespace {
template <typename T>
Result<T> read_at(const Json& json, std::string_view key, Result<T> (Json::*read)() const) {
  const Json* found = json.find(key);
  if (found == nullptr) return not_found("no \"" + std::string(key) + "\"");
  Result<T> value = (found->*read)();
  if (!value.ok()) return value.status().with_context("\"" + std::string(key) + "\"");
  return value;
}
}  // namespace

Result<std::string> Json::string_at(std::string_view key) const {
  return read_at(*this, key, &Json::as_string);
}
Result<std::uint64_t> Json::u64_at(std::string_view key) const {
  return read_at(*this, key, &Json::as_u64);
}
Result<bool> Json::bool_at(std::string_view key) const {
  return read_at(*this, key, &Json::as_bool);
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  auto* object = std::get_if<Object>(&value_);
  CHECK(object != nullptr);
  for (auto& [name, old] : *object) {
    if (name == key) {
      old = std::move(value);
      return *this;
    }
  }
  object->emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  auto* array = std::get_if<Array>(&value_);
  CHECK(array != nullptr);
  array->push_back(std::move(value));
  return *this;
}

}  // namespace custody
