// Where this clone and this build are. In an object file of its own: were the paths on every test's command
// line, no two clones could share a compiler cache.
#pragma once

#include <string>

namespace custody::tests {

const std::string& source_dir();  // the clone
const std::string& bin_dir();     // build/<preset>/bin

}  // namespace custody::tests
