// A lexer with one token of lookahead, and what the parsers of policies and schemas have in common.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cedar/lexer.h"
#include "policy/cedar/limits.h"

namespace custody::policy::cedar {

class TokenStream {
 public:
  // What is read: in schemas "?" is a symbol, and `__cedar` can be part of a path.
  enum class Language { kPolicies, kSchema };
  TokenStream(std::string_view text, Language language)
      : lexer_(text, language == Language::kPolicies), language_(language) {}
  // Reads the first token; before anything else.
  Status start() { return advance(); }

  const Token& peek() const { return current_; }
  bool at_end() const { return current_.kind == TokenKind::kEnd; }
  bool at_symbol(std::string_view symbol) const { return current_.is_symbol(symbol); }
  bool at_word(std::string_view word) const { return current_.is_word(word); }
  bool at_identifier() const { return current_.kind == TokenKind::kIdentifier; }
  bool at_string() const { return current_.kind == TokenKind::kString; }

  Result<Token> take();
  // Takes the symbol when it is next.
  Result<bool> accept(std::string_view symbol);
  Result<bool> accept_word(std::string_view word);
  // Takes a comma when it is next. When nothing can be read after it, the next expect() says why.
  bool accept_comma();
  Status expect(std::string_view symbol);
  Status expect_word(std::string_view word);
  // An identifier that is not reserved.
  Result<Token> expect_name(std::string_view what);
  Result<Token> expect_string(std::string_view what);
  // The rest of `A::B::C` after its first identifier, as one text; stops before `::` and a string.
  Result<std::string> take_path_after(const Token& first, bool* before_string);
  // A whole path.
  Result<std::string> take_path(std::string_view what);
  Status unexpected(std::string_view wanted) const;

 private:
  Status advance();
  Status check_not_reserved(const Token& token) const;

  Lexer lexer_;
  Language language_;
  Token current_;
  Status failure_;  // of the last advance()
};

// Counts how deep a recursive parser is; refuses more than kMaxNesting.
class NestingGuard {
 public:
  explicit NestingGuard(std::size_t* depth) : depth_(depth) { ++*depth_; }
  ~NestingGuard() { --*depth_; }
  NestingGuard(const NestingGuard&) = delete;
  NestingGuard& operator=(const NestingGuard&) = delete;

  Status check(Position at) const {
    if (*depth_ <= kMaxNesting) return ok_status();
    return limit_at(at, "nested deeper than " + std::to_string(kMaxNesting) + " levels");
  }

 private:
  std::size_t* depth_;
};

}  // namespace custody::policy::cedar
