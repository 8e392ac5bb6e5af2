#include "policy/cedar/token_stream.h"

namespace custody::policy::cedar {
Status TokenStream::check_not_reserved(const Token& token) const {
  const bool allowed = language_ == Language::kSchema && token.text == "__cedar";
  if (allowed || !is_reserved_word(token.text)) return ok_status();
  return error_at(token.at, describe(token) + " is reserved and cannot be a name");
}

Status TokenStream::advance() {
  Result<Token> next = lexer_.next();
  if (next.ok()) {
    current_ = *next;
  } else {
    failure_ = next.status();
  }
  return failure_;
}

bool TokenStream::accept_comma() {
  const Result<bool> taken = accept(",");
  return taken.ok() && *taken;
}

Result<Token> TokenStream::take() {
  const Token token = current_;
  TRY(advance());
  return token;
}

Result<bool> TokenStream::accept(std::string_view symbol) {
  if (!at_symbol(symbol)) return false;
  TRY(advance());
  return true;
}

Result<bool> TokenStream::accept_word(std::string_view word) {
  if (!at_word(word)) return false;
  TRY(advance());
  return true;
}

Status TokenStream::unexpected(std::string_view wanted) const {
  if (!failure_.ok()) return failure_;
  return error_at(current_.at, "expected " + std::string(wanted) + ", found " + describe(current_));
}

Status TokenStream::expect(std::string_view symbol) {
  if (!at_symbol(symbol)) return unexpected("\"" + std::string(symbol) + "\"");
  return advance();
}

Status TokenStream::expect_word(std::string_view word) {
  if (!at_word(word)) return unexpected("\"" + std::string(word) + "\"");
  return advance();
}

Result<Token> TokenStream::expect_name(std::string_view what) {
  if (!at_identifier()) return unexpected(what);
  TRY(check_not_reserved(current_));
  return take();
}

Result<Token> TokenStream::expect_string(std::string_view what) {
  if (!at_string()) return unexpected(what);
  return take();
}

Result<std::string> TokenStream::take_path_after(const Token& first, bool* before_string) {
  *before_string = false;
  std::string path(first.text);
  while (at_symbol("::")) {
    TRY(check_not_reserved(first));
    TRY(advance());
    if (at_string()) {
      *before_string = true;
      return path;
    }
    ASSIGN_OR_RETURN(const Token part, expect_name("a name or a string after \"::\""));
    path += "::";
    path += part.text;
  }
  return path;
}

Result<std::string> TokenStream::take_path(std::string_view what) {
  ASSIGN_OR_RETURN(const Token first, expect_name(what));
  bool before_string = false;
  ASSIGN_OR_RETURN(std::string path, take_path_after(first, &before_string));
  if (before_string) return unexpected("a name after \"::\"");
  return path;
}

}  // namespace custody::policy::cedar
