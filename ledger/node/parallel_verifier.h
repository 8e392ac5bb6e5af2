// Verifies the signatures of a block on several threads. Thread-safety: verify() from one thread at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "ledger/state/verifier.h"

namespace custody::ledger::node {

class ParallelVerifier final : public state::SignatureVerifier {
 public:
  // `threads` >= 1 counts the caller of verify(), which works too: threads - 1 are started here.
  explicit ParallelVerifier(std::size_t threads);
  ~ParallelVerifier() override;
  ParallelVerifier(const ParallelVerifier&) = delete;
  ParallelVerifier& operator=(const ParallelVerifier&) = delete;

  // Fewer than kWorthSharing tasks stay on the caller's thread.
  std::vector<std::uint8_t> verify(std::span<const state::SignatureTask> tasks) override;

  static constexpr std::size_t kWorthSharing = 8;  // about as long as waking a thread takes

 private:
  void work();
  void take_chunks();

  std::mutex mutex_;
  std::condition_variable wake_;  // a round begins, or the end
  std::condition_variable done_;  // the last worker has left the round
  std::uint64_t round_ = 0;
  std::size_t working_ = 0;  // workers that have not left the present round
  bool stop_ = false;

  // Of the present round. Written before it begins; chunks are claimed through next_.
  std::span<const state::SignatureTask> tasks_;
  std::vector<std::uint8_t> results_;
  std::atomic<std::size_t> next_{0};

  std::vector<std::thread> workers_;
};

}  // namespace custody::ledger::node
