#include "signer/cli/render.h"

#include <algorithm>

#include "base/bytes.h"

namespace custody::signer::cli {
namespace {

constexpr std::size_t kIndent = 2;

std::string label(const std::string& key) {
  std::string out = to_printable(key);
  std::ranges::replace(out, '_', ' ');
  return out;
}

bool is_scalar(const Json& value) {
  return !value.is_object() && !value.is_array();
}

std::string scalar(const Json& value) {
  if (value.is_null()) return "-";
  if (const auto text = value.as_string(); text.ok()) return to_printable(*text);
  if (const auto flag = value.as_bool(); flag.ok()) return *flag ? "yes" : "no";
  return value.dump();
}

// A text with its line feeds.
std::string lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += to_printable(text.substr(0, end)) + "\n";
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

// A list of scalars on one line.
std::string inline_list(const Json& value) {
  std::string out;
  for (const Json& item : value.items()) out += (out.empty() ? "" : ", ") + scalar(item);
  return out.empty() ? "none" : out;
}

// An object of scalars on one line.
std::string inline_object(const Json& value) {
  std::string out;
  for (const auto& [key, field] : value.members()) {
    out += (out.empty() ? "" : ", ") + label(key) + " " + scalar(field);
  }
  return out;
}

bool is_flat_list(const Json& value) {
  return value.is_array() && std::ranges::all_of(value.items(), is_scalar);
}

std::string cell(const Json& value) {
  if (value.is_object()) return inline_object(value);
  return is_flat_list(value) ? inline_list(value) : scalar(value);
}

std::string pad(const std::string& text, std::size_t width) {
  return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

void table(const Json& rows, std::size_t indent, std::string& out) {
  const Json::Object& first = rows.items().front().members();
  std::vector<std::size_t> widths;
  for (const auto& [key, value] : first) {
    std::size_t width = label(key).size();
    for (const Json& row : rows.items()) {
      if (const Json* field = row.find(key)) width = std::max(width, cell(*field).size());
    }
    widths.push_back(width);
  }
  const auto line = [&](const auto& text_of) {
    std::string text(indent, ' ');
    for (std::size_t i = 0; i < first.size(); ++i) text += pad(text_of(first[i].first), widths[i]) + "  ";
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([](const std::string& key) { return label(key); });
  for (const Json& row : rows.items()) {
    line([&](const std::string& key) {
      const Json* field = row.find(key);
      return field == nullptr ? std::string("-") : cell(*field);
    });
  }
}

void object(const Json& value, std::size_t indent, std::string& out) {
  std::size_t width = 0;
  for (const auto& [key, field] : value.members()) width = std::max(width, label(key).size());
  for (const auto& [key, field] : value.members()) {
    if (key == "schema") continue;
    const std::string start = std::string(indent, ' ') + label(key);
    if (is_scalar(field) || is_flat_list(field)) {
      out += pad(start, indent + width) + "  " + cell(field) + "\n";
    } else {
      out += start + "\n";
      if (field.is_array()) {
        table(field, indent + kIndent, out);
      } else {
        object(field, indent + kIndent, out);
      }
    }
  }
}

}  // namespace

std::string render(const Json& answer) {
  if (const Json* text = answer.find("text")) {
    if (const auto words = text->as_string(); words.ok()) return lines(*words);
  }
  std::string out;
  object(answer, 0, out);
  return out;
}

}  // namespace custody::signer::cli
