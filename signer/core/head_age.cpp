#include "signer/core/head_age.h"

#include <algorithm>

namespace custody::signer::core {

void HeadAge::observe(MonotonicMs now, ledger::model::LedgerMs head) {
  now_ = std::max(now_, now);
  if (!anchor_) anchor_ = Anchor{head, now_};
}

void HeadAge::saw(ledger::model::LedgerMs head) {
  if (anchor_ && behind(head) == 0) anchor_ = Anchor{head, now_};
}

std::uint64_t HeadAge::behind(ledger::model::LedgerMs head) const {
  if (!anchor_) return 0;
  const std::uint64_t elapsed = now_.value - anchor_->at.value;
  const std::uint64_t passed = elapsed - elapsed / kHeadDriftParts;
  // Without sums, which a head of any time could make overflow.
  if (head >= anchor_->head) {
    const std::uint64_t gained = head.get() - anchor_->head.get();
    return passed > gained ? passed - gained : 0;
  }
  const std::uint64_t lost = anchor_->head.get() - head.get();
  return checked_add(passed, lost).value_or(UINT64_MAX);
}

}  // namespace custody::signer::core
