// One line in, one line out: what cedar_runner does with each line of its input. Also called by the tests, so
// that the corpus runs without a process.
#pragma once

#include <string>
#include <string_view>

namespace custody::tests::cedar {

// `{"op": "authorize" | "validate", ...}` as tests/conformance/README.md describes it. The answer is one line
// of JSON without its end; `{"error": TEXT}` for whatever cannot be read or judged.
std::string answer_line(std::string_view line);

}  // namespace custody::tests::cedar
