// Which denials the journal holds: whoever asks again for what was denied writes nothing. A function of the
// records, so the same after a restart. Thread-safety: one thread.
#pragma once

#include <deque>

#include "policy/engine/records.h"

namespace custody::signer::core {

constexpr std::size_t kMaxDenied = 4'096;         // the newest; about 40 bytes each
constexpr std::uint64_t kDeniedAge = 86'400'000;  // ms of ledger time that one stays when the table is full

// Two denials are the same when subject, rule, bundle and initiator are. In a full table the oldest makes
// room only after kDeniedAge, and what finds no room is not worth a record: so at most kMaxDenied are written
// within that time under one bundle, however many subjects are asked for, in turn or anew.
class DeniedMemory {
 public:
  // Whether the journal should hold it: it is not known yet, and there is room at its time.
  bool admits(const policy::engine::DeniedRecord& record) const;
  // A record that is in the journal.
  void add(const policy::engine::DeniedRecord& record);
  // Another bundle is in force.
  void clear() { denied_.clear(); }
  std::size_t size() const { return denied_.size(); }

 private:
  struct Denied {
    Hash256 key;
    ledger::model::LedgerMs time;
  };
  std::deque<Denied> denied_;  // the oldest first
};

}  // namespace custody::signer::core
