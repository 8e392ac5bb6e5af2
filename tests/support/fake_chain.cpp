#include "tests/support/fake_chain.h"

#include "base/crypto/hash.h"
#include "ledger/chains/bitcoin/merkle_proof.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/chains/bitcoin/serialize.h"

namespace custody::tests {
namespace {

namespace bitcoin = ledger::chains::bitcoin;
namespace model = ledger::model;

constexpr std::uint32_t kBits = 0x207fffff;
constexpr std::uint32_t kFirstTime = 1'700'000'000;
constexpr std::uint32_t kSpacing = 600;

std::vector<Hash256> txids_of(const std::vector<bitcoin::Transaction>& transactions) {
  std::vector<Hash256> out;
  for (const bitcoin::Transaction& transaction : transactions) out.push_back(transaction.txid());
  return out;
}

// The siblings of leaf `index`, leaf's first; the last node of an odd level is its own sibling.
std::vector<model::ExternalHash> branch(std::vector<Hash256> level, std::size_t index) {
  std::vector<model::ExternalHash> out;
  while (level.size() > 1) {
    const std::size_t sibling = std::min(index ^ 1u, level.size() - 1);
    out.emplace_back(level[sibling].array());
    std::vector<Hash256> parents;
    for (std::size_t i = 0; i < level.size(); i += 2) {
      Bytes both = to_bytes(level[i].view());
      append(both, level[std::min(i + 1, level.size() - 1)].view());
      parents.push_back(crypto::sha256d(both));
    }
    level = std::move(parents);
    index /= 2;
  }
  return out;
}

}  // namespace

FakeChain::FakeChain(std::uint32_t salt) : salt_(salt) {
  append({});
}

model::ExternalChain FakeChain::describe(model::ExternalChainId id, std::string_view name) const {
  model::ExternalChain out;
  out.id = id;
  out.name = to_bytes(name);
  out.genesis_hash = hash(0);
  out.anchor_height = model::ExternalHeight(0);
  out.anchor_hash = hash(0);
  out.anchor_bits = kBits;
  out.magic = 0xfabfb5da;
  out.hrp = to_bytes("bcrt");
  out.p2pkh_version = 111;
  out.p2sh_version = 196;
  out.pow_limit_bits = kBits;
  out.no_retarget = true;
  return out;
}

std::uint32_t FakeChain::mine(const std::vector<bitcoin::Transaction>& transactions) {
  append(transactions);
  return height();
}

void FakeChain::mine_empty(std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) append({});
}

model::ExternalHash FakeChain::hash(std::uint32_t height) const {
  return model::ExternalHash(blocks_.at(height).header.hash().array());
}

Bytes FakeChain::raw_block(std::uint32_t height) const {
  const Block& block = blocks_.at(height);
  bitcoin::Writer writer;
  writer.bytes(block.header.serialize()).compact_size(block.transactions.size());
  for (const bitcoin::Transaction& transaction : block.transactions) writer.bytes(transaction.serialize());
  return writer.take();
}

bitcoin::Transaction FakeChain::pay(const std::vector<bitcoin::TxOut>& outputs) {
  Bytes source = to_bytes("source");
  for (const std::uint32_t part : {salt_, made_up_++}) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      source.push_back(static_cast<std::uint8_t>(part >> shift));
  }
  bitcoin::Transaction out;
  out.inputs.push_back({{crypto::sha256(source), 0}, {}, bitcoin::kSequenceReplaceable, {}});
  out.outputs = outputs;
  return out;
}

void FakeChain::append(std::vector<bitcoin::Transaction> transactions) {
  const auto height = static_cast<std::uint32_t>(blocks_.size());
  // The coinbase: unique by height and salt, as BIP-34 makes it.
  Bytes script{8};
  for (const std::uint32_t part : {height, salt_ ^ made_up_}) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      script.push_back(static_cast<std::uint8_t>(part >> shift));
  }
  bitcoin::Transaction coinbase;
  coinbase.inputs.push_back({{Hash256(), 0xffffffff}, script, 0xffffffff, {}});
  coinbase.outputs.push_back({5'000'000'000, bitcoin::p2wsh_script_pubkey(script)});
  Block block;
  block.transactions.push_back(std::move(coinbase));
  for (auto& transaction : transactions) block.transactions.push_back(std::move(transaction));
  block.header.version = 0x20000000;
  if (!blocks_.empty()) block.header.previous = blocks_.back().header.hash();
  block.header.merkle_root = bitcoin::merkle_root(txids_of(block.transactions));
  block.header.time = kFirstTime + height * kSpacing;
  block.header.bits = kBits;
  const auto target = bitcoin::bits_to_target(kBits);
  CHECK(target.ok());
  while (bitcoin::Uint256::from_little_endian(block.header.hash()) > *target) ++block.header.nonce;
  blocks_.push_back(std::move(block));
}

model::BitcoinProof FakeChain::proof(const Hash256& txid, std::uint32_t head) const {
  for (std::uint32_t height = 0; height < blocks_.size() && height <= head; ++height) {
    const Block& block = blocks_[height];
    const std::vector<Hash256> txids = txids_of(block.transactions);
    for (std::size_t i = 0; i < txids.size(); ++i) {
      if (txids[i] != txid) continue;
      model::BitcoinProof out;
      out.transaction = block.transactions[i].serialize_stripped();
      out.height = model::ExternalHeight(height);
      out.index = static_cast<std::uint32_t>(i);
      out.tx_count = static_cast<std::uint32_t>(txids.size());
      out.path = branch(txids, i);
      for (std::uint32_t at = height; at <= head; ++at) {
        const auto header = model::ExternalHeader::from(blocks_.at(at).header.serialize());
        CHECK(header.ok());
        out.headers.push_back(*header);
      }
      return out;
    }
  }
  ::custody::detail::check_failed("the transaction was mined", __FILE__, __LINE__);
}

void FakeChain::rewind(std::uint32_t height) {
  blocks_.resize(height + 1);
  ++made_up_;  // the next coinbase, and with it the next header, differs
}

}  // namespace custody::tests
