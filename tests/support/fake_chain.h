// An external chain of Bitcoin's family in memory, with trivial work (bits 207fffff): what tests prove
// deposits and settlements from. Not thread-safe.
#pragma once

#include <vector>

#include "ledger/chains/bitcoin/header.h"
#include "ledger/chains/bitcoin/transaction.h"
#include "ledger/model/genesis.h"
#include "ledger/model/transaction.h"

namespace custody::tests {

// salt tells chains apart that would otherwise be equal: every header depends on it.
class FakeChain {
 public:
  explicit FakeChain(std::uint32_t salt = 0);

  // The chain's record for a genesis: Bitcoin Core's regtest parameters, anchored at this chain's first
  // block.
  ledger::model::ExternalChain describe(ledger::model::ExternalChainId id, std::string_view name) const;

  // Mines one block with a coinbase and these transactions; its height.
  std::uint32_t mine(const std::vector<ledger::chains::bitcoin::Transaction>& transactions = {});
  void mine_empty(std::uint32_t count);

  std::uint32_t height() const { return static_cast<std::uint32_t>(blocks_.size() - 1); }
  ledger::model::ExternalHash hash(std::uint32_t height) const;
  const ledger::chains::bitcoin::BlockHeader& header(std::uint32_t height) const {
    return blocks_.at(height).header;
  }
  Bytes raw_block(std::uint32_t height) const;  // as getblock(hash, false) gives it

  // A transaction from nowhere (its input is made up, unique per call) that pays these outputs.
  ledger::chains::bitcoin::Transaction pay(const std::vector<ledger::chains::bitcoin::TxOut>& outputs);

  // Of a mined transaction, with headers up to `head` (its own height at least). CHECKs that it was mined.
  ledger::model::BitcoinProof proof(const Hash256& txid, std::uint32_t head) const;

  // Drops every block above height: what follows is another branch.
  void rewind(std::uint32_t height);

 private:
  struct Block {
    ledger::chains::bitcoin::BlockHeader header;
    std::vector<ledger::chains::bitcoin::Transaction> transactions;
  };
  void append(std::vector<ledger::chains::bitcoin::Transaction> transactions);

  std::uint32_t salt_;
  std::uint32_t made_up_ = 0;
  std::vector<Block> blocks_;  // index = height
};

}  // namespace custody::tests
