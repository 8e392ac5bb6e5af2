// A Merkle block that parses re-encodes to the same bytes; each transaction that it proves has a branch that
// verifies, and no other root, index or count makes that branch true.
#include "ledger/chains/bitcoin/merkle_proof.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::ledger::chains::bitcoin;

namespace {

void check_branch(const MerkleBlock& block, const ProvenTransaction& proven) {
  const auto inclusion = extract_inclusion(block, proven.txid);
  CHECK(inclusion.ok());
  const Hash256& root = block.header.merkle_root;
  CHECK(verify_inclusion(proven.txid, *inclusion, root).ok());
  CHECK(!verify_inclusion(proven.txid, *inclusion, Hash256()).ok() || root.is_zero());
  TxInclusion wrong = *inclusion;
  wrong.index = inclusion->tx_count;
  CHECK(!verify_inclusion(proven.txid, wrong, root).ok());
  wrong = *inclusion;
  wrong.path.push_back(root);
  CHECK(!verify_inclusion(proven.txid, wrong, root).ok());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto block = parse_merkle_block(input);
  if (!block.ok()) return 0;
  CHECK(equal(block->serialize(), input));
  const auto proven = verify_merkle_block(*block);
  if (!proven.ok()) return 0;
  for (const ProvenTransaction& each : *proven) check_branch(*block, each);
  return 0;
}
