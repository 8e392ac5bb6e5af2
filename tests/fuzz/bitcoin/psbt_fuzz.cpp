// A PSBT that parses survives a round trip, combines with itself to itself, and what can be assembled parses.
#include "ledger/chains/bitcoin/psbt.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::ledger::chains::bitcoin;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto psbt = parse_psbt({data, size});
  if (!psbt.ok()) return 0;
  CHECK(psbt->serialize().size() == size);  // only the transaction's place among the global fields may differ
  CHECK(*parse_psbt_base64(psbt->to_base64()) == *psbt);
  CHECK(*combine_psbt(*psbt, *psbt) == *psbt);
  const auto inputs = signed_inputs(*psbt);
  if (!inputs.ok()) return 0;
  const auto tx = assemble(psbt->tx, *inputs);
  if (tx.ok() && !tx->inputs.empty()) CHECK(tx->txid() == psbt->tx.txid());
  return 0;
}
