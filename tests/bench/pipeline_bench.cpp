// pipeline_transfers_1: how fast one node turns encoded blocks of single-signature transfers into durable
// state, beside what the same two threads need for nothing but parsing the keys and verifying the signatures.
// Argument: a directory that is made anew for the store.

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "ledger/node/parallel_verifier.h"
#include "ledger/store/rocks_store.h"
#include "proto/reader/digests.h"
#include "tests/bench/measure.h"
#include "tests/support/network_fixture.h"

namespace custody::bench {
namespace {

namespace model = ledger::model;
namespace reader = proto::reader;
namespace state = ledger::state;
namespace store = ledger::store;

constexpr std::size_t kThreads = 2;
constexpr std::size_t kAccounts = 10'000;
constexpr std::size_t kTransfersPerBlock = 2'000;
constexpr std::size_t kBlocksPerRun = 10;
constexpr std::size_t kRunsInAll = kRuns + 1;  // and the one that does not count
const model::CurrencyId kCurrency(1);

// A network with funded accounts, and the blocks that every run is fed with.
class Workload {
 public:
  Workload() : network_({.seed = 1, .weights = {28, 26, 24, 22}, .currencies = {"BTC"}}) {
    fund();
    base_ = std::make_unique<state::State>(network_.state());
    for (std::size_t block = 0; block < kBlocksPerRun * kRunsInAll; ++block) add_block();
  }

  const state::State& base() const { return *base_; }
  // Encoded blocks of one run, and their commits.
  std::span<const Bytes> blocks(std::size_t run) const {
    return std::span(blocks_).subspan(run * kBlocksPerRun, kBlocksPerRun);
  }
  std::span<const Bytes> commits(std::size_t run) const {
    return std::span(commits_).subspan(run * kBlocksPerRun, kBlocksPerRun);
  }
  std::span<const state::SignatureTask> tasks(std::size_t run) const {
    const std::size_t count = kBlocksPerRun * kTransfersPerBlock;
    return std::span(tasks_).subspan(run * count, count);
  }

 private:
  void fund() {
    const crypto::SoftwareKey bank = network_.new_key();
    const model::GatewayId gateway = network_.register_gateway("bank", bank);
    network_.mint(gateway, kCurrency, 100'000'000'000);
    for (std::size_t i = 0; i < kAccounts; ++i) accounts_.push_back(network_.new_key());
    constexpr std::size_t kOutputs = 250;
    for (std::size_t first = 0; first < kAccounts; first += kOutputs) {
      model::Transfer body;
      std::uint64_t spent = 20'000;  // the fee
      for (std::size_t i = first; i < first + kOutputs; ++i, spent += 1'000'000) {
        body.outputs.push_back({address(i), kCurrency, model::Amount(1'000'000)});
      }
      body.inputs.push_back({model::Address::of_key(bank.public_key()), kCurrency, model::Amount(spent)});
      must(network_.produce({network_.sign(model::TransactionBody(std::move(body)), {&bank})}));
    }
  }
  model::Address address(std::size_t account) const {
    return model::Address::of_key(accounts_.at(account % kAccounts).public_key());
  }
  void add_block() {
    std::vector<Bytes> transfers;
    for (std::size_t i = 0; i < kTransfersPerBlock; ++i) {
      // Steps that have no factor in common with the number of accounts: senders and receivers spread evenly.
      next_ += 7'919;
      transfers.push_back(
          network_.transfer(accounts_.at(next_ % kAccounts), address(next_ * 3 + 1), kCurrency, 100, 300));
    }
    must(network_.produce(transfers));
    const tests::FinalBlock& last = network_.last_block();
    blocks_.push_back(reader::encode(last.block));
    commits_.push_back(reader::encode(last.commit));
    for (const Bytes& envelope : transfers) {
      const auto decoded = must(reader::decode_transaction(network_.chain_id(), envelope, envelope.size()));
      const model::KeySignature& signature = decoded.envelope.signatures.at(0);
      tasks_.push_back({signature.key, Hash256(decoded.id.array()), signature.signature});
    }
  }

  tests::Network network_;
  std::vector<crypto::SoftwareKey> accounts_;
  std::unique_ptr<state::State> base_;
  std::vector<Bytes> blocks_;
  std::vector<Bytes> commits_;
  std::vector<state::SignatureTask> tasks_;
  std::size_t next_ = 0;
};

class Node {
 public:
  Node(const state::State& base, const std::string& directory) : state_(base), verifier_(kThreads) {
    std::filesystem::remove_all(directory);
    store_ = must(store::RocksStore::open(directory));
    store::Batch batch;
    state_.tree().for_each(
        [&](ByteView key, ByteView value) { batch.put(store::Family::kState, key, value); });
    must(store_->write(batch, store::Durability::kSync));
  }

  void process(ByteView encoded, ByteView commit) {
    const auto block = must(reader::decode<model::Block>(encoded, model::kMaxBlockBytes));
    auto execution = must(state_.execute(block.header, block.transactions, verifier_));
    must(execution.check_header(block.header));
    write(execution, encoded, commit);
    state_.apply(std::move(execution));
  }

 private:
  void write(const state::Execution& execution, ByteView block, ByteView commit) {
    store::Batch batch;
    Bytes key;
    for (int shift = 56; shift >= 0; shift -= 8) {
      key.push_back(static_cast<std::uint8_t>(execution.height.get() >> shift));
    }
    batch.put(store::Family::kBlocks, key, block);
    batch.put(store::Family::kCommits, key, commit);
    for (const state::Change& change : execution.changes) {
      if (change.value) {
        batch.put(store::Family::kState, change.key, *change.value);
      } else {
        batch.remove(store::Family::kState, change.key);
      }
    }
    for (const model::TxId& id : execution.transactions) batch.put(store::Family::kTxIndex, id, key);
    must(store_->write(batch, store::Durability::kSync));
  }

  state::State state_;
  ledger::node::ParallelVerifier verifier_;
  std::unique_ptr<store::RocksStore> store_;
};

void run(const std::string& directory) {
  const Workload workload;
  Node node(workload.base(), directory);
  ledger::node::ParallelVerifier verifier(kThreads);
  const double transfers = kBlocksPerRun * kTransfersPerBlock;
  std::size_t value_run = 0;
  std::size_t limit_run = 0;
  measure(
      {"pipeline_transfers_1", "transfers/s", "key_parse_verify", Better::kHigher},
      [&] {
        const auto blocks = workload.blocks(value_run);
        const auto commits = workload.commits(value_run++);
        return transfers / seconds([&] {
                 for (std::size_t i = 0; i < blocks.size(); ++i) node.process(blocks[i], commits[i]);
               });
      },
      [&] {
        const auto tasks = workload.tasks(limit_run++);
        return transfers / seconds([&] { CHECK(std::ranges::count(verifier.verify(tasks), 0) == 0); });
      });
}

}  // namespace
}  // namespace custody::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s STORE_DIRECTORY\n", argv[0]);
    return 2;
  }
  custody::bench::run(argv[1]);
  return 0;
}
