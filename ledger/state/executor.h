// One block's execution: transactions one by one, each all or nothing, then what happens at a block's end.
// Internal to ledger/state. Not thread-safe.
#pragma once

#include "ledger/state/overlay.h"
#include "proto/reader/digests.h"

namespace custody::ledger::state {

// A decoded transaction and the size of its envelope in bytes.
struct Signed {
  proto::reader::DecodedTransaction decoded;
  std::size_t size = 0;

  const model::Transaction& transaction() const { return decoded.transaction; }
  const model::TxId& id() const { return decoded.id; }
  const std::vector<model::KeySignature>& signatures() const { return decoded.envelope.signatures; }
};

// What a rule sees.
struct Context {
  const Registry& registry;
  Overlay& overlay;
  model::Height height;
  model::LedgerMs time;
  SignatureVerifier& verifier;
};

std::string_view kind_name(const model::TransactionBody& body);  // "transfer", ...

Result<Signed> decode_signed(const Registry& registry, ByteView envelope);

class Executor {
 public:
  Executor(const State& state, model::Height height, model::LedgerMs time, SignatureVerifier& verifier)
      : overlay_(state), context_{state.registry_, overlay_, height, time, verifier} {}
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Everything but the signatures' cryptography, which callers verify in batches. Changes nothing on error.
  Status run(const Signed& transaction);
  // kInternal when the books do not balance afterwards.
  Status end_block();
  // To be called once, at the end.
  Execution finish(const State& state, const std::vector<Hash256>& envelope_leaves);

 private:
  Overlay overlay_;
  Context context_;
  std::vector<model::TxId> transactions_;
};

}  // namespace custody::ledger::state
