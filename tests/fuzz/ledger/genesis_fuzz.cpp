// A genesis file that decodes passes its own rules, re-encodes to itself, and a state begins with it whose
// books balance.
#include "ledger/state/audit.h"
#include "ledger/state/state.h"
#include "proto/reader/digests.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::ledger;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto genesis = proto::reader::decode_genesis(input);
  if (!genesis.ok()) return 0;
  CHECK(equal(proto::reader::encode(*genesis), input));
  CHECK(model::check_genesis(*genesis).ok());
  const auto state = state::State::from_genesis(*genesis, proto::reader::chain_id_of(input));
  CHECK(state.ok());
  CHECK(state::audit(*state).ok());
  return 0;
}
