#include "policy/bundle/diff_text.h"

#include <algorithm>

namespace custody::policy::bundle {
namespace {

using Lines = std::vector<std::string_view>;

// Each with its line break.
Lines lines_of(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::string joined(const Lines& lines, std::size_t first, std::size_t after_last) {
  std::string out;
  for (std::size_t i = first; i < after_last; ++i) out += lines[i];
  return out;
}

}  // namespace

Change changed_lines(ChangeKind kind, Effect effect, std::string_view sentence, std::string_view before,
                     std::string_view after) {
  const Lines a = lines_of(before);
  const Lines b = lines_of(after);
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t first = 0;
  while (first < shorter && a[first] == b[first]) ++first;
  std::size_t tail = 0;
  while (tail < shorter - first && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  return {kind, effect, std::string(sentence) + " from line " + std::to_string(first + 1) + " on",
          joined(a, first, a.size() - tail), joined(b, first, b.size() - tail)};
}

}  // namespace custody::policy::bundle
