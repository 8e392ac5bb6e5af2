// Published test vectors, kept beside the project in ../shared/vectors. Header only, so that the unit tests
// of the lowest libraries can use it too.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/json.h"
#include "tests/support/paths.h"

namespace custody::tests {

inline std::string vector_path(const std::string& relative) {
  return source_dir() + "/../shared/vectors/" + relative;
}

inline std::string read_vector(const std::string& relative) {
  std::ifstream file(vector_path(relative), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline bool running_in_ci() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

// Of a file that is known to be there and to be JSON.
inline Json parse_vectors(const std::string& text) {
  constexpr std::size_t kMaxVectorFile = 64u << 20;
  auto parsed = Json::parse(text, kMaxVectorFile);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  return parsed.ok() ? *parsed : Json();
}

inline std::string text_at(const Json& object, std::string_view key) {
  auto text = object.string_at(key);
  EXPECT_TRUE(text.ok()) << text.status().to_string();
  return text.ok() ? *text : std::string();
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

// LOAD_VECTOR_JSON(vectors, "bips/bip67.json"): a Json named vectors, or the test ends here as above.
#define LOAD_VECTOR_TEXT(variable, relative) \
  CUSTODY_REQUIRE_VECTORS(relative);         \
  const std::string variable = ::custody::tests::read_vector(relative)
#define LOAD_VECTOR_JSON(variable, relative) \
  CUSTODY_REQUIRE_VECTORS(relative);         \
  const ::custody::Json variable = ::custody::tests::parse_vectors(::custody::tests::read_vector(relative))
