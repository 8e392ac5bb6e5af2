#include "ledger/followers/block.h"

#include <algorithm>
#include <utility>

#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/merkle_proof.h"
#include "ledger/chains/bitcoin/serialize.h"

namespace custody::ledger::followers {
namespace {

namespace bitcoin = chains::bitcoin;

constexpr std::size_t kMinInputSize = 41;  // outpoint 36, empty script 1, sequence 4
constexpr std::size_t kMinOutputSize = 9;  // value 8, empty script 1
constexpr std::size_t kMinTransactionSize = 60;

Status read_inputs(bitcoin::Reader& reader, BlockTransaction& out) {
  ASSIGN_OR_RETURN(const std::size_t count, reader.count(kMinInputSize));
  for (std::size_t i = 0; i < count; ++i) {
    bitcoin::OutPoint outpoint;
    ASSIGN_OR_RETURN(outpoint.txid, reader.hash());
    ASSIGN_OR_RETURN(outpoint.vout, reader.u32());
    TRY(reader.var_bytes());
    TRY(reader.u32());
    out.inputs.push_back(outpoint);
  }
  return ok_status();
}

Status read_outputs(bitcoin::Reader& reader, BlockTransaction& out) {
  ASSIGN_OR_RETURN(const std::size_t count, reader.count(kMinOutputSize));
  for (std::size_t i = 0; i < count; ++i) {
    BlockTransaction::Output output;
    ASSIGN_OR_RETURN(output.value, reader.u64());
    ASSIGN_OR_RETURN(output.script, reader.var_bytes());
    out.outputs.push_back(output);
  }
  return ok_status();
}

Status skip_witnesses(bitcoin::Reader& reader, std::size_t inputs) {
  for (std::size_t i = 0; i < inputs; ++i) {
    ASSIGN_OR_RETURN(const std::size_t items, reader.count(1));
    for (std::size_t item = 0; item < items; ++item) TRY(reader.var_bytes());
  }
  return ok_status();
}

Result<BlockTransaction> read_transaction(bitcoin::Reader& reader, ByteView raw) {
  BlockTransaction out;
  const std::size_t begin = reader.offset();
  TRY(reader.u32());
  // BIP-144: no transaction has zero inputs, so a zero here is the marker and a flag follows.
  const bool witness = reader.peek() == 0 && reader.peek(1) == 1;
  if (witness) TRY(reader.bytes(2));
  const std::size_t body = reader.offset();
  TRY(read_inputs(reader, out));
  TRY(read_outputs(reader, out));
  const std::size_t body_end = reader.offset();
  if (witness) TRY(skip_witnesses(reader, out.inputs.size()));
  const std::size_t lock_time = reader.offset();
  TRY(reader.u32());
  append(out.stripped, raw.subspan(begin, 4));
  append(out.stripped, raw.subspan(body, body_end - body));
  append(out.stripped, raw.subspan(lock_time, 4));
  out.txid = crypto::sha256d(out.stripped);
  return out;
}

std::vector<Hash256> txids_of(const std::vector<BlockTransaction>& transactions) {
  std::vector<Hash256> out;
  out.reserve(transactions.size());
  for (const BlockTransaction& transaction : transactions) out.push_back(transaction.txid);
  return out;
}

}  // namespace

Result<std::vector<BlockTransaction>> split_block(ByteView raw, const bitcoin::BlockHeader& expected) {
  if (raw.size() > kMaxBlockSize) {
    return invalid("block of " + std::to_string(raw.size()) + " bytes; at most " +
                   std::to_string(kMaxBlockSize));
  }
  bitcoin::Reader reader(raw);
  ASSIGN_OR_RETURN(const ByteView header, reader.bytes(bitcoin::kHeaderSize));
  if (!equal(header, expected.serialize())) return invalid("the block's header is not the one asked for");
  ASSIGN_OR_RETURN(const std::size_t count, reader.count(kMinTransactionSize));
  if (count == 0 || count > bitcoin::kMaxBlockTransactions) {
    return invalid("block of " + std::to_string(count) + " transactions");
  }
  std::vector<BlockTransaction> transactions;
  transactions.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(BlockTransaction transaction, read_transaction(reader, raw));
    transactions.push_back(std::move(transaction));
  }
  TRY(reader.finish());
  if (bitcoin::merkle_root(txids_of(transactions)) != expected.merkle_root) {
    return invalid("the block's transactions do not hash to its header's Merkle root");
  }
  return transactions;
}

MerkleTree::MerkleTree(const std::vector<BlockTransaction>& transactions) {
  CHECK(!transactions.empty());
  std::vector<Hash256> level = txids_of(transactions);
  while (level.size() > 1) {
    std::vector<Hash256> parents;
    parents.reserve((level.size() + 1) / 2);
    for (std::size_t i = 0; i < level.size(); i += 2) {
      Bytes both = to_bytes(level[i].view());
      append(both, level[std::min(i + 1, level.size() - 1)].view());
      parents.push_back(crypto::sha256d(both));
    }
    levels_.push_back(std::exchange(level, std::move(parents)));
  }
}

std::vector<Hash256> MerkleTree::path(std::size_t index) const {
  std::vector<Hash256> path;
  for (const std::vector<Hash256>& level : levels_) {
    CHECK(index < level.size());
    path.push_back(level[std::min(index ^ 1U, level.size() - 1)]);
    index /= 2;
  }
  return path;
}

}  // namespace custody::ledger::followers
