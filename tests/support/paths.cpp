#include "tests/support/paths.h"

namespace custody::tests {

const std::string& source_dir() {
  static const std::string directory = CUSTODY_SOURCE_DIR;
  return directory;
}

const std::string& bin_dir() {
  static const std::string directory = CUSTODY_BIN_DIR;
  return directory;
}

}  // namespace custody::tests
