// A bundle that decodes passes its rules and re-encodes to itself; its files read as the same bundle; the
// diff with itself is empty, and with the example it ends.
#include "policy/bundle/diff.h"
#include "policy/bundle/directory.h"
#include "policy/bundle/fixture_test.h"
#include "policy/bundle/listed.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::policy::bundle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bundle example = fixture::bundle();
  const ByteView input(data, size);
  const auto bundle = decode_bundle(input);
  if (!bundle.ok()) return 0;
  CHECK(equal(encode_bundle(*bundle), input));
  CHECK(check_bundle(*bundle).ok());
  const auto read = parse_files(format_files(*bundle), "fuzz");
  CHECK(read.ok() && *read == *bundle);
  CHECK(diff_bundles(*bundle, *bundle).empty());
  for (const Change& change : diff_bundles(example, *bundle)) CHECK(!change.sentence.empty());
  CHECK(list_since({}, *bundle, model::LedgerMs(1)).size() == bundle->allow_list.size());
  return 0;
}
