// For the tests here: a folder of one's own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/entropy.h"

namespace custody::signer::cli {

class TemporaryFolder : public ::testing::Test {
 protected:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "custody-cli-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() override { std::filesystem::remove_all(path_); }
  std::string path_;
  SystemEntropy entropy_;
};

}  // namespace custody::signer::cli
