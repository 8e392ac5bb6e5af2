// Tokens of policy and schema text. Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "policy/cedar/arena.h"
#include "policy/cedar/position.h"

namespace custody::policy::cedar {

enum class TokenKind : std::uint8_t {
  kEnd,
  kIdentifier,  // text: the identifier
  kNumber,      // text: decimal digits
  kString,      // text: what stands between the quotes, escapes not replaced
  kSlot,        // text: "?principal"
  kSymbol,      // text: one of "@ . , ; : :: ( ) { } [ ] == != < <= >= > || && + - * / % ! = ?"
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  Position at;

  bool is_symbol(std::string_view symbol) const { return kind == TokenKind::kSymbol && text == symbol; }
  bool is_word(std::string_view word) const { return kind == TokenKind::kIdentifier && text == word; }
};
std::string describe(const Token& token);  // for "unexpected ..."

struct Comment {
  std::string_view text;  // from "//" to the end of the line, without it
  Position at;
};

class Lexer {
 public:
  // text must outlive the lexer. slots: "?principal" is one token, as in policies; otherwise "?" is a symbol.
  Lexer(std::string_view text, bool slots) : rest_(text), slots_(slots) {}
  // Comments that are skipped are added to the list.
  void collect_comments(std::vector<Comment>* comments) { comments_ = comments; }

  // The next token; kEnd again and again at the end. kInvalid: bytes that are no token or not UTF-8.
  Result<Token> next();

 private:
  Status skip_blanks();
  Status read_string(Token* token);
  void advance(std::size_t bytes);

  std::string_view rest_;
  bool slots_;
  Position at_;
  std::vector<Comment>* comments_ = nullptr;
};

// Words that cannot be used as identifiers in policies, nor as names in schemas.
bool is_reserved_word(std::string_view word);

// The text of a string literal with its escapes replaced, in arena: \n \r \t \\ \0 \' \" \x41 \u{1F600}.
Result<std::string_view> unescape(Arena& arena, const Token& token);
// The same for the pattern of `like`, where \* is a star and * a wildcard: the texts between the wildcards.
Result<std::span<const std::string_view>> unescape_pattern(Arena& arena, const Token& token);

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};
// The first code point of a text that is not empty (RFC 3629).
CodePoint first_code_point(std::string_view text);
// Whether text is UTF-8 without surrogates and overlong forms.
bool is_utf8(std::string_view text);

}  // namespace custody::policy::cedar
