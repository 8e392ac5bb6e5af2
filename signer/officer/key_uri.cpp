#include "signer/officer/key_uri.h"

#include <algorithm>
#include <array>
#include <optional>

namespace custody::signer::officer {
namespace {

constexpr std::string_view kScheme = "pkcs11:";

Status bad(const std::string& what, std::string hint = {}) {
  return invalid("PKCS#11 URI: " + what, std::move(hint));
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_character(char c) {
  return is_alphanumeric(c) || c == '-' || c == '_';
}

// pk11-pchar and pk11-qchar of RFC 7512 without the escapes.
bool is_value_character(char c, bool in_query) {
  constexpr std::string_view kEverywhere = "-._~:[]@!$'()*+,=";
  const std::string_view here = in_query ? "/?|" : "&";
  return is_alphanumeric(c) || kEverywhere.find(c) != std::string_view::npos ||
         here.find(c) != std::string_view::npos;
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

Result<Bytes> parse_value(std::string_view text, const std::string& name, bool in_query) {
  Bytes out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_value_character(text[i], in_query)) {
        return bad(name + " has the character \"" + to_printable(text.substr(i, 1)) + "\"",
                   "write it as % and its two hexadecimal digits, a space as %20");
      }
      out.push_back(static_cast<std::uint8_t>(text[i]));
      continue;
    }
    const auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) return bad(name + " has a % without two hexadecimal digits behind it");
    out.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
    i += 2;
  }
  return out;
}

Result<UriAttribute> parse_attribute(std::string_view text, bool in_query) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return bad("\"" + to_printable(text.substr(0, 40)) + "\" is not of the form name=value");
  }
  UriAttribute out{std::string(text.substr(0, equals)), {}, in_query};
  if (!std::all_of(out.name.begin(), out.name.end(), is_name_character)) {
    return bad("\"" + to_printable(out.name.substr(0, 40)) + "\" is not a name of an attribute");
  }
  ASSIGN_OR_RETURN(out.value, parse_value(text.substr(equals + 1), out.name, in_query));
  return out;
}

Status parse_attributes(std::string_view text, bool in_query, std::vector<UriAttribute>& out) {
  const char separator = in_query ? '&' : ';';
  for (bool more = !text.empty(); more;) {
    const std::size_t end = text.find(separator);
    ASSIGN_OR_RETURN(UriAttribute attribute, parse_attribute(text.substr(0, end), in_query));
    const auto same_name = [&](const UriAttribute& other) { return other.name == attribute.name; };
    if (std::any_of(out.begin(), out.end(), same_name)) return bad(attribute.name + " is given twice");
    out.push_back(std::move(attribute));
    more = end != std::string_view::npos;
    if (more) text.remove_prefix(end + 1);
  }
  return ok_status();
}

// What a token or object can have: PKCS#11 gives texts of a token their sizes.
struct TextField {
  std::string_view name;
  std::string hsm::NamedKey::* field;
  std::size_t max_size;
};
constexpr std::array kTextFields = {
    TextField{"token", &hsm::NamedKey::token_label, 32},
    TextField{"serial", &hsm::NamedKey::token_serial, 16},
    TextField{"manufacturer", &hsm::NamedKey::token_manufacturer, 32},
    TextField{"model", &hsm::NamedKey::token_model, 16},
    TextField{"object", &hsm::NamedKey::label, 255},
};
constexpr std::size_t kMaxId = 255;
constexpr std::size_t kMaxPath = 1024;

Status check_size(const UriAttribute& attribute, std::size_t max_size) {
  if (attribute.value.empty()) return bad(attribute.name + " is empty", "leave it out, or give its value");
  if (attribute.value.size() <= max_size) return ok_status();
  return bad(attribute.name + " has more than " + std::to_string(max_size) + " bytes");
}

Result<std::string> text_of(const UriAttribute& attribute, std::size_t max_size) {
  TRY(check_size(attribute, max_size));
  const auto is_control = [](std::uint8_t c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(attribute.value.begin(), attribute.value.end(), is_control)) {
    return bad(attribute.name + " has a control character");
  }
  return std::string(as_text(attribute.value));
}

Status take_module_path(const UriAttribute& attribute, KeyUri& out) {
  ASSIGN_OR_RETURN(out.module_path, text_of(attribute, kMaxPath));
  if (out.module_path.front() == '/') return ok_status();
  return bad("module-path is not absolute", "for SoftHSM2 it is /usr/lib/softhsm/libsofthsm2.so");
}

Status not_used(const std::string& name) {
  if (name == "pin-value" || name == "pin-source") {
    return bad(name + " does not belong into a URI that others can read",
               "give the PIN by --pin-file; if it stood in a command line, change it");
  }
  if (name == "module-name") return bad(name + " is not used here", "name the module by its path");
  return bad(name + " is not used here",
             "name the key by token or serial, object or id, and manufacturer, model, type=private and "
             "module-path if need be");
}

Status take_query(const UriAttribute& attribute, KeyUri& out) {
  if (attribute.name == "module-path") return take_module_path(attribute, out);
  return not_used(attribute.name);
}

Status take_path(const UriAttribute& attribute, KeyUri& out) {
  for (const TextField& text : kTextFields) {
    if (attribute.name != text.name) continue;
    ASSIGN_OR_RETURN(out.key.*text.field, text_of(attribute, text.max_size));
    return ok_status();
  }
  if (attribute.name == "id") {
    TRY(check_size(attribute, kMaxId));
    out.key.id = attribute.value;
    return ok_status();
  }
  if (attribute.name != "type") return not_used(attribute.name);
  if (as_text(attribute.value) == "private") return ok_status();
  return bad("type is \"" + to_printable(as_text(attribute.value)) + "\"",
             "only a private key signs: type=private");
}

}  // namespace

Result<std::vector<UriAttribute>> parse_uri(std::string_view text) {
  if (text.size() > kMaxUri) return bad("longer than " + std::to_string(kMaxUri) + " bytes");
  if (!text.starts_with(kScheme)) return bad("does not begin with pkcs11:");
  text.remove_prefix(kScheme.size());
  const std::size_t question = text.find('?');
  std::vector<UriAttribute> out;
  TRY(parse_attributes(text.substr(0, question), false, out));
  if (question == std::string_view::npos) return out;
  if (question + 1 == text.size()) return bad("nothing stands behind the question mark");
  TRY(parse_attributes(text.substr(question + 1), true, out));
  return out;
}

Result<KeyUri> parse_key_uri(std::string_view text) {
  ASSIGN_OR_RETURN(const std::vector<UriAttribute> attributes, parse_uri(text));
  KeyUri out;
  for (const UriAttribute& attribute : attributes) {
    TRY(attribute.in_query ? take_query(attribute, out) : take_path(attribute, out));
  }
  if (out.key.token_label.empty() && out.key.token_serial.empty()) {
    return bad("it names no token", "add token= or serial=");
  }
  if (out.key.label.empty() && out.key.id.empty()) return bad("it names no key", "add object= or id=");
  return out;
}

}  // namespace custody::signer::officer
