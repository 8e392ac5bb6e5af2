// What consensus decides about. Implemented by ledger/node over state and store, and by tests. Thread-safety:
// one thread, the core's.
#pragma once

#include <optional>

#include "ledger/model/block.h"
#include "ledger/model/genesis.h"

namespace custody::ledger::consensus {

struct DecidedBlock {
  model::Block block;
  model::Commit commit;
};

// The last committed block. Height 0: genesis, zero hash, genesis time, no commit.
struct Tip {
  model::Height height;
  model::BlockHash hash;
  model::LedgerMs time;
  std::optional<model::Commit> commit;
};

class Application {
 public:
  virtual ~Application() = default;

  virtual Tip tip() const = 0;
  // Who votes on `height`: asked for the tip's height and the next.
  virtual model::MemberSet members(model::Height height) const = 0;
  virtual const model::NetworkParameters& parameters() const = 0;
  virtual bool has_transactions() const = 0;  // something waits for a block

  // A block on the tip with every header field filled.
  virtual Result<model::Block> propose(model::Height height, model::LedgerMs time, model::MemberId proposer,
                                       const std::optional<model::Commit>& last_commit) = 0;
  // Executes the transactions on the tip and compares the header's receipts root, state root and next member
  // set. Consensus has checked the rest (check_body, check_header). kInvalid or kRefused: the block is wrong;
  // any other error is a fault of this machine and stops the node.
  virtual Status validate(const model::Block& block) = 0;
  // Makes a validated block the tip. Block, commit and state are durable, all or nothing, when ok is
  // returned; an error stops the node.
  virtual Status commit(const model::Block& block, const model::Commit& commit) = 0;
  // For peers that are behind. nullopt: not here.
  virtual Result<std::optional<DecidedBlock>> decided(model::Height height) const = 0;
};

}  // namespace custody::ledger::consensus
