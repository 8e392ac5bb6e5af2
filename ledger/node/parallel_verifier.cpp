#include "ledger/node/parallel_verifier.h"

#include <algorithm>
#include <utility>

#include "base/crypto/secp256k1.h"

namespace custody::ledger::node {
namespace {

// So small that threads finish together, so large that claiming one costs nothing beside its 30 us each.
constexpr std::size_t kChunk = 4;

}  // namespace

ParallelVerifier::ParallelVerifier(std::size_t threads) {
  CHECK(threads >= 1);
  workers_.reserve(threads - 1);
  for (std::size_t i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

ParallelVerifier::~ParallelVerifier() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

std::vector<std::uint8_t> ParallelVerifier::verify(std::span<const state::SignatureTask> tasks) {
  if (workers_.empty() || tasks.size() < kWorthSharing) return state::SerialVerifier().verify(tasks);
  {
    const std::lock_guard lock(mutex_);
    tasks_ = tasks;
    results_.assign(tasks.size(), 0);
    next_ = 0;
    working_ = workers_.size();
    ++round_;
  }
  wake_.notify_all();
  take_chunks();
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return working_ == 0; });
  tasks_ = {};
  return std::exchange(results_, {});
}

void ParallelVerifier::work() {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
    }
    take_chunks();
    const std::lock_guard lock(mutex_);
    if (--working_ == 0) done_.notify_one();
  }
}

void ParallelVerifier::take_chunks() {
  for (;;) {
    const std::size_t first = next_.fetch_add(kChunk, std::memory_order_relaxed);
    if (first >= tasks_.size()) return;
    const std::size_t end = std::min(first + kChunk, tasks_.size());
    for (std::size_t i = first; i < end; ++i) {
      const state::SignatureTask& task = tasks_[i];
      results_[i] = crypto::verify(task.key, task.digest, task.signature) ? 1 : 0;
    }
  }
}

}  // namespace custody::ledger::node
