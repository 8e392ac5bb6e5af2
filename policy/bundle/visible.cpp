#include "policy/bundle/visible.h"

#include <array>
#include <cstdio>

#include "policy/cedar/lexer.h"
#include "policy/cedar/position.h"

namespace custody::policy::bundle {
namespace {

struct Range {
  char32_t first, last;
};
constexpr std::array<Range, 8> kHidden = {{
    {0x00, 0x08},      // control characters but tab and line feed
    {0x0b, 0x1f},      //
    {0x7f, 0x9f},      // DEL, and those of Latin-1
    {0x61c, 0x61c},    // Arabic letter mark
    {0x200e, 0x200f},  // left-to-right and right-to-left mark
    {0x2028, 0x2029},  // line and paragraph separator
    {0x202a, 0x202e},  // embeddings and overrides
    {0x2066, 0x2069},  // isolates
}};

bool is_hidden(char32_t value) {
  for (const Range& range : kHidden) {
    if (value >= range.first && value <= range.last) return true;
  }
  return false;
}

}  // namespace

Status check_visible(std::string_view text) {
  cedar::Position at;
  while (!text.empty()) {
    const cedar::CodePoint c = cedar::first_code_point(text);
    if (c.bytes == 0) return cedar::error_at(at, "the text is not UTF-8");
    if (is_hidden(c.value) && !text.starts_with("\r\n")) {
      std::array<char, 16> name{};
      (void)std::snprintf(name.data(), name.size(), "U+%04X", static_cast<unsigned>(c.value));
      return cedar::error_at(at, "the character " + std::string(name.data()) +
                                     " hides what stands here; remove it, or in a string write its escape")
          .with_hint("only tabs and line breaks, no other control character and none that turns the text");
    }
    ++at.column;
    if (c.value == '\n') at = {at.line + 1, 1};
    text.remove_prefix(c.bytes);
  }
  return ok_status();
}

}  // namespace custody::policy::bundle
