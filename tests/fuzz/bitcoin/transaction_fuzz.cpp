// What parses re-encodes to the same bytes, and its derived figures agree with one another.
#include "ledger/chains/bitcoin/script.h"
#include "ledger/chains/bitcoin/transaction.h"
#include "tests/fuzz/fuzz.h"

using namespace custody;
using namespace custody::ledger::chains::bitcoin;

namespace {

Transaction without_witness(Transaction tx) {
  for (TxIn& in : tx.inputs) in.witness.clear();
  return tx;
}

void check_witness_script(ByteView script) {
  const auto multisig = parse_sortedmulti(script);
  if (multisig.ok()) CHECK(equal(*sortedmulti_script(multisig->required, multisig->keys), script));
}

void check_transaction(const Transaction& tx, ByteView input) {
  CHECK(equal(tx.serialize(), input));
  CHECK(tx.has_witness() == (tx.txid() != tx.wtxid()));
  CHECK(tx.weight() == 3 * tx.serialize_stripped().size() + input.size());
  CHECK(*parse_stripped_transaction(tx.serialize_stripped()) == without_witness(tx));
  for (const TxIn& in : tx.inputs) {
    CHECK(*OutPoint::parse(in.previous.to_string()) == in.previous);
    if (!in.witness.empty()) check_witness_script(in.witness.back());
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto tx = parse_transaction(input);
  if (tx.ok()) check_transaction(*tx, input);
  const auto stripped = parse_stripped_transaction(input);
  if (stripped.ok()) CHECK(equal(stripped->serialize_stripped(), input));
  return 0;
}
