// Everything that decisions depend on and that changes: windows, requests, the allow-list's ages, prices,
// freezes, the bundles in force and in wait, and the latest ledger time. It changes by records and by time
// only. Thread-safety: a value.
#pragma once

#include <optional>

#include "policy/engine/requests.h"

namespace custody::policy::engine {

struct BundleVersion {
  std::uint64_t version = 0;  // 0: none
  Hash256 hash;
  friend bool operator==(const BundleVersion&, const BundleVersion&) = default;
};

struct WaitingBundle {
  BundleVersion bundle;
  model::LedgerMs effective;
  friend bool operator==(const WaitingBundle&, const WaitingBundle&) = default;
};

// Puts into out the amounts that a request counts with in the windows: one for a mint and for each burn.
void window_amounts(const model::IntentFacts& facts, std::vector<WindowAmount>* out);

class EngineState {
 public:
  // Ledger time as proven. What is over goes: expired requests and their amounts, entries older than a week.
  // An earlier time than latest() changes nothing.
  void advance(model::LedgerMs now);
  // Advances to the record's time, then applies it. An error (kCorrupt: the record cannot follow this state;
  // kExhausted: a table is full) leaves all but the time as it was.
  Status apply(const Record& record);

  model::LedgerMs latest() const { return windows_.latest(); }
  const Windows& windows() const { return windows_; }
  const Requests& requests() const { return requests_; }
  // In the order of the active bundle's allow-list.
  const bundle::ListedTable& listed() const { return listed_; }
  // Stated last under the bundle in force. Those of the bundle before do not count on: a bundle may name
  // another key for the same source, and a statement does not say whose key signed it.
  const std::optional<PriceStatement>& prices() const { return prices_; }
  // As of when the last prices were that counted, under whatever bundle; 0: there were none.
  model::LedgerMs prices_time() const { return prices_time_; }
  const bundle::FreezeState& freezes() const { return freezes_; }
  const BundleVersion& active() const { return active_; }
  const std::optional<WaitingBundle>& waiting() const { return waiting_; }

  friend bool operator==(const EngineState&, const EngineState&) = default;

 private:
  Status apply_record(const ReserveRecord& record);
  Status apply_record(const ApprovalRecord& record);
  Status apply_record(const ReleaseRecord& record);
  Status apply_record(const CommitRecord& record);
  Status apply_record(const DeniedRecord& record);
  Status apply_record(const WaitRecord& record);
  Status apply_record(const ActivateRecord& record);
  Status apply_record(const FreezeRecord& record);
  Status apply_record(const PriceRecord& record);
  void close_others(const Hash256& subject, const Hash256& terms);

  Windows windows_;
  Requests requests_;
  bundle::ListedTable listed_;
  std::optional<PriceStatement> prices_;
  model::LedgerMs prices_time_;
  bundle::FreezeState freezes_;
  BundleVersion active_;
  std::optional<WaitingBundle> waiting_;
};

// The record that puts a checked bundle in force, in the place of `replaced`. The first bundle replaces none
// (nullptr), and its time is that of genesis.
ActivateRecord activate_record(const bundle::Bundle& bundle, const Hash256& hash, const EngineState& state,
                               model::LedgerMs time, const bundle::Bundle* replaced = nullptr);

// The record for a vote that counts now; an error of bundle::verify_vote, or kNotFound: no open request has
// the id.
Result<ApprovalRecord> admit_vote(const bundle::SignedVote& vote, const EngineState& state,
                                  const bundle::ActiveBundle& active, model::LedgerMs now);

}  // namespace custody::policy::engine
