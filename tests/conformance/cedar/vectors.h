// The archives of ../shared/vectors/cedar, unpacked into the build folder. Test code only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/support/paths.h"
#include "tests/support/vectors.h"

namespace custody::tests::cedar {

inline std::string shell_quoted(const std::string& path) {
  std::string out = "'";
  for (const char c : path) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The folder that holds what archive `name`.tar.gz holds; empty when it could not be unpacked. Each test
// unpacks into a folder of its own, so that tests may run at the same time.
inline std::filesystem::path unpack(const std::string& name) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder =
      std::filesystem::path(bin_dir()) / "../cedar-vectors" / (std::string(test->name()) + "-" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string command = "tar xzf " + shell_quoted(vector_path("cedar/" + name + ".tar.gz")) + " -C " +
                              shell_quoted(folder.string());
  // NOLINTNEXTLINE(cert-env33-c): a test's own command line
  return std::system(command.c_str()) == 0 ? folder : std::filesystem::path();
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// Every file of the folder whose name ends so, sorted; without the suffix.
inline std::vector<std::string> stems(const std::filesystem::path& folder, const std::string& suffix) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(suffix)) out.push_back(name.substr(0, name.size() - suffix.size()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace custody::tests::cedar

// UNPACK_CEDAR(folder, "handwritten"): the unpacked archive, or the test ends: skipped, with CI=true failed.
#define UNPACK_CEDAR(folder, name)                                                           \
  CUSTODY_REQUIRE_VECTORS("cedar/" name ".tar.gz");                                          \
  const std::filesystem::path folder /* NOLINT(bugprone-macro-parentheses): it declares */ = \
      ::custody::tests::cedar::unpack(name);                                                 \
  ASSERT_FALSE((folder).empty())
