// How far the ledger's time, as the node shows it, is behind this machine's clock since boot. Whoever holds
// blocks back holds the ledger's clock, by which approvals expire and waiting ends, but not this one. It
// permits nothing: it only says when the ledger's time cannot be believed to be the present. A restart begins
// anew with the head that was seen last. Thread-safety: a value.
#pragma once

#include <optional>

#include "base/clock.h"
#include "ledger/model/ids.h"

namespace custody::signer::core {

// A head that is this much older than it should be is stale: ten minutes.
constexpr std::uint64_t kMaxHeadAgeMs = 600'000;
// One part in so many that the two clocks may run apart: this machine's may be the fast one for months.
constexpr std::uint64_t kHeadDriftParts = 1'000;

class HeadAge {
 public:
  // Clock since boot; earlier times than the latest change nothing. The first one begins with `head`.
  void observe(MonotonicMs now, ledger::model::LedgerMs head);
  // A proven head: if it is not behind, what follows is measured from it.
  void saw(ledger::model::LedgerMs head);
  // Milliseconds that head is behind; 0 before the first observe().
  std::uint64_t behind(ledger::model::LedgerMs head) const;

 private:
  struct Anchor {
    ledger::model::LedgerMs head;
    MonotonicMs at;
  };
  MonotonicMs now_;
  std::optional<Anchor> anchor_;
};

}  // namespace custody::signer::core
