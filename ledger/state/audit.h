// Recomputes everything that the state says about itself by reading all of it: what a node does at its start
// and the simulation after every block. Thread-safety: as State's const functions.
#pragma once

#include "ledger/state/state.h"

namespace custody::ledger::state {

// Per currency: supply = sum of balances; pending = amounts and caps of burns not settled; recorded reserve =
// sum of unspent coins; supply + pending + surplus = recorded reserve; sequences, slots, coins and burns
// refer to each other consistently. And: the root is that of the entries, the index that of the tree.
// kCorrupt names the first that is not.
Status audit(const State& state);

}  // namespace custody::ledger::state
