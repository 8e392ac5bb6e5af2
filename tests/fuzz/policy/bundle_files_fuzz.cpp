// The text files of a bundle, one of them as somebody left it: they read as a bundle that passes its rules
// and whose own files read as the same, or as an error that names the directory. Input: which file u8 | its
// bytes.
#include "policy/bundle/directory.h"
#include "policy/bundle/fixture_test.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::policy::bundle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BundleFiles example = format_files(fixture::bundle());
  if (size == 0) return 0;
  BundleFiles files = example;
  auto file = files.begin();
  std::advance(file, data[0] % files.size());
  file->second.assign(as_text({data + 1, size - 1}));
  const auto bundle = parse_files(files, "fuzz");
  if (!bundle.ok()) {
    CHECK(bundle.status().message().starts_with("fuzz"));
    return 0;
  }
  CHECK(check_bundle(*bundle).ok());
  const auto again = parse_files(format_files(*bundle), "fuzz");
  CHECK(again.ok() && *again == *bundle);
  return 0;
}
