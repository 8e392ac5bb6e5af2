// Who proposes. Thread-safety: pure function.
#pragma once

#include "ledger/model/genesis.h"

namespace custody::ledger::consensus {

// The proposer of (height, round): a function of the set and of height + round alone, so that a restart and a
// catch-up agree with everyone else. Over any W consecutive sums (W = the set's total weight) each member
// proposes exactly as often as its weight says; the golden ratio spreads its turns evenly. The set must have
// members.
model::MemberId proposer(const model::MemberSet& set, model::Height height, model::Round round);

}  // namespace custody::ledger::consensus
