// Published test vectors, kept beside the project in ../shared/vectors. Header only, so that the unit tests
// of the lowest libraries can use it too.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace custody::tests {

inline std::string vector_path(const std::string& relative) {
  return std::string(CUSTODY_SOURCE_DIR) + "/../shared/vectors/" + relative;
}

inline std::string read_vector(const std::string& relative) {
  std::ifstream file(vector_path(relative), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline bool running_in_ci() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

}  // namespace custody::tests

// Ends the test: skipped with a message where the vectors are not installed, failed with CI=true.
#define CUSTODY_REQUIRE_VECTORS(relative)                                    \
  do {                                                                       \
    if (!std::filesystem::exists(::custody::tests::vector_path(relative))) { \
      if (::custody::tests::running_in_ci())                                 \
        FAIL() << "missing " << ::custody::tests::vector_path(relative);     \
      GTEST_SKIP() << "missing " << ::custody::tests::vector_path(relative); \
    }                                                                        \
  } while (false)
