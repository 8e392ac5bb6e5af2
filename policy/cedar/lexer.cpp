#include "policy/cedar/lexer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace custody::policy::cedar {
namespace {

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// The Unicode property White_Space.
bool is_blank(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool starts_identifier(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t identifier_length(std::string_view text) {
  const auto end =
      std::find_if_not(text.begin(), text.end(), [](char c) { return starts_identifier(c) || is_digit(c); });
  return static_cast<std::size_t>(end - text.begin());
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

// Replaces the escapes of a string literal from left to right.
class Unescaper {
 public:
  explicit Unescaper(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  // A star that is not escaped stands next: a wildcard. Takes it.
  bool take_wildcard() {
    if (done() || rest_[0] != '*') return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Takes one character or escape and appends what it means. False: not an escape of the language.
  bool take(std::string& out, bool pattern) {
    const char first = rest_[0];
    rest_.remove_prefix(1);
    if (first == '\r') return false;
    if (first != '\\') {
      out += first;
      return true;
    }
    return take_escape(out, pattern);
  }

 private:
  bool take_escape(std::string& out, bool pattern) {
    if (done()) return false;
    const char kind = rest_[0];
    rest_.remove_prefix(1);
    constexpr std::string_view kSimple = "nrt0\\'\"";
    constexpr std::string_view kMeaning("\n\r\t\0\\'\"", 7);
    if (const std::size_t at = kSimple.find(kind); at != std::string_view::npos) {
      out += kMeaning[at];
      return true;
    }
    if (kind == '*' && pattern) {
      out += '*';
      return true;
    }
    if (kind == 'x') return take_ascii(out);
    return kind == 'u' && take_unicode(out);
  }

  // \x41: two digits, at most 7f.
  bool take_ascii(std::string& out) {
    if (rest_.size() < 2) return false;
    const auto high = hex_digit(rest_[0]);
    const auto low = hex_digit(rest_[1]);
    if (!high || !low || *high > 7) return false;
    out += static_cast<char>(*high * 16 + *low);
    rest_.remove_prefix(2);
    return true;
  }

  // \u{1F600}: one to six digits, underscores allowed after the first.
  bool take_unicode(std::string& out) {
    constexpr std::size_t kMaxDigits = 6;
    const std::size_t end = rest_.find('}');
    if (rest_.empty() || rest_[0] != '{' || end == std::string_view::npos || rest_[1] == '_') return false;
    char32_t value = 0;
    std::size_t digits = 0;
    for (const char c : rest_.substr(1, end - 1)) {
      if (c == '_') continue;
      const auto digit = hex_digit(c);
      if (!digit || ++digits > kMaxDigits) return false;
      value = value * 16 + *digit;
    }
    if (digits == 0 || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return false;
    append_utf8(out, value);
    rest_.remove_prefix(end + 1);
    return true;
  }

  std::string_view rest_;
};

Status bad_escape(const Token& token) {
  return error_at(token.at,
                  "the string has an escape that is not of the language; allowed are \\n \\r \\t \\0 \\\\ "
                  "\\' \\\" \\x41 \\u{1F600}, and \\* in the pattern of like");
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  std::size_t bytes = 0;
  char32_t value = 0;
  char32_t least = 0;
  if ((lead & 0xe0) == 0xc0) {
    bytes = 2, value = lead & 0x1fu, least = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    bytes = 3, value = lead & 0x0fu, least = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    bytes = 4, value = lead & 0x07u, least = 0x10000;
  }
  if (bytes == 0 || text.size() < bytes) return {};
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) return {};
    value = value << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, bytes};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (c.bytes == 0) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

bool is_reserved_word(std::string_view word) {
  constexpr std::array<std::string_view, 10> kReserved = {"true", "false", "if",   "then", "else",
                                                          "in",   "is",    "like", "has",  "__cedar"};
  return std::find(kReserved.begin(), kReserved.end(), word) != kReserved.end();
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the text";
    case TokenKind::kString:
      return "a string";
    default:
      return "\"" + std::string(token.text) + "\"";
  }
}

void Lexer::advance(std::size_t bytes) {
  for (const char byte : rest_.substr(0, bytes)) {
    if (byte == '\n') {
      ++at_.line;
      at_.column = 1;
    } else if (!is_continuation(byte)) {
      ++at_.column;
    }
  }
  rest_.remove_prefix(bytes);
}

Status Lexer::skip_blanks() {
  while (!rest_.empty()) {
    if (rest_.starts_with("//")) {
      const std::string_view comment = rest_.substr(0, rest_.find_first_of("\r\n"));
      if (!is_utf8(comment)) return error_at(at_, "the comment is not UTF-8");
      if (comments_ != nullptr) comments_->push_back({comment, at_});
      advance(comment.size());
      continue;
    }
    const CodePoint c = first_code_point(rest_);
    if (c.bytes == 0) return error_at(at_, "the text is not UTF-8");
    if (!is_blank(c.value)) break;
    advance(c.bytes);
  }
  return ok_status();
}

Status Lexer::read_string(Token* token) {
  std::size_t end = 1;
  while (end < rest_.size() && rest_[end] != '"') {
    if (rest_[end] == '\\' && end + 1 < rest_.size() && rest_[end + 1] == '\n') {
      return error_at(at_, "a line break cannot be escaped in a string");
    }
    end += rest_[end] == '\\' ? 2 : 1;
  }
  if (end >= rest_.size()) return error_at(at_, "the string has no end");
  token->kind = TokenKind::kString;
  token->text = rest_.substr(1, end - 1);
  if (!is_utf8(token->text)) return error_at(at_, "the string is not UTF-8");
  advance(end + 1);
  return ok_status();
}

Result<Token> Lexer::next() {
  TRY(skip_blanks());
  Token token;
  token.at = at_;
  if (rest_.empty()) return token;
  if (rest_[0] == '"') {
    TRY(read_string(&token));
    return token;
  }
  std::size_t length = 0;
  if (starts_identifier(rest_[0])) {
    token.kind = TokenKind::kIdentifier;
    length = identifier_length(rest_);
  } else if (is_digit(rest_[0])) {
    token.kind = TokenKind::kNumber;
    length = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
  } else if (slots_ && rest_[0] == '?' && rest_.size() > 1 && starts_identifier(rest_[1])) {
    token.kind = TokenKind::kSlot;
    length = 1 + identifier_length(rest_.substr(1));
  } else {
    constexpr std::array<std::string_view, 7> kPairs = {"::", "==", "!=", "<=", ">=", "||", "&&"};
    constexpr std::string_view kSingles = "@.,;:(){}[]<>+-*/%!=";
    const bool pair = std::find(kPairs.begin(), kPairs.end(), rest_.substr(0, 2)) != kPairs.end();
    const bool single = kSingles.find(rest_[0]) != std::string_view::npos || (!slots_ && rest_[0] == '?');
    if (!pair && !single) return error_at(at_, "a character that cannot stand here");
    token.kind = TokenKind::kSymbol;
    length = pair ? 2 : 1;
  }
  token.text = rest_.substr(0, length);
  advance(length);
  return token;
}

Result<std::string_view> unescape(Arena& arena, const Token& token) {
  std::string out;
  Unescaper unescaper(token.text);
  while (!unescaper.done()) {
    if (!unescaper.take(out, false)) return bad_escape(token);
  }
  return arena.copy(out);
}

Result<std::span<const std::string_view>> unescape_pattern(Arena& arena, const Token& token) {
  std::vector<std::string_view> parts;
  std::string part;
  Unescaper unescaper(token.text);
  while (!unescaper.done()) {
    if (unescaper.take_wildcard()) {
      parts.push_back(arena.copy(part));
      part.clear();
    } else if (!unescaper.take(part, true)) {
      return bad_escape(token);
    }
  }
  parts.push_back(arena.copy(part));
  return std::span<const std::string_view>(arena.copy(parts));
}

}  // namespace custody::policy::cedar
