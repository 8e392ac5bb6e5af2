#include "signer/cli/confirm.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace custody::signer::cli {

Status confirm(const std::string& text, const std::string& instead) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) {
    return invalid("there is no terminal to show on what would be signed", instead);
  }
  (void)std::fprintf(stderr, "%s\nSign this? Type yes to sign: ", text.c_str());
  std::array<char, 16> line{};
  const bool answered = std::fgets(line.data(), static_cast<int>(line.size()), stdin) != nullptr;
  if (answered && std::string_view(line.data()) == "yes\n") return ok_status();
  return refused("nothing was signed");
}

}  // namespace custody::signer::cli
