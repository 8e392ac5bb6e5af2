// A member's signer: the product's guard, its state journalled durably on a simulated disk before a software
// key signs. Thread-safety: one thread.
#pragma once

#include <memory>
#include <optional>

#include "base/journal/journal.h"
#include "signer/guard/guard.h"
#include "tests/simulation/checks.h"
#include "tests/support/sim_files.h"

namespace custody::tests::simulation {

class Signer {
 public:
  struct Options {
    bool guarded = true;             // false: signs whatever it is asked
    bool watermark_skipped = false;  // the planted fault: the guard forgets what it signed last
  };
  Signer(const Network& network, std::size_t member, Options options, std::uint64_t seed, Checks& checks);

  bool up() const { return journal_ != nullptr; }
  void crash(SimDirectory::Tear tear);
  void start();  // may fail when the power goes meanwhile: then it stays down
  SimDirectory& disk() { return disk_; }

  // Nothing when the power went while it worked. It may have been journalled, and it may have been signed.
  std::optional<model::SignReply> sign(const model::SignRequest& request);

 private:
  Status open();
  Result<Hash256> authorise(const model::Intent& intent);

  const Network& network_;
  std::size_t member_;
  Options options_;
  Checks& checks_;
  SimDirectory disk_;
  SeededEntropy entropy_;
  std::unique_ptr<journal::Journal> journal_;
  model::GuardState state_;
};

}  // namespace custody::tests::simulation
