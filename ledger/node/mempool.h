// Transactions that wait for a block: bounded, each once, in order of arrival. Whether one is valid, the
// caller knows. Thread-safety: one thread.
#pragma once

#include <list>
#include <map>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "ledger/state/state.h"

namespace custody::ledger::node {

struct MempoolLimits {
  std::size_t bytes = 32u << 20;
  std::size_t count = 50'000;
};

class Mempool {
 public:
  explicit Mempool(MempoolLimits limits) : limits_(limits) {}

  bool contains(const model::TxId& id) const { return by_id_.contains(id); }
  bool empty() const { return entries_.empty(); }
  std::size_t count() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }

  // kExists; kExhausted when it does not fit: what waits is never pushed out by what comes later; kRefused
  // when what waits claims so much already that both cannot be executed. So whoever fills the pool pays for
  // it. told: when peers heard of it, if they did.
  Status add(const model::TxId& id, Bytes envelope, model::Height valid_until,
             std::vector<state::Claim> claims = {}, std::optional<MonotonicMs> told = std::nullopt);
  void remove(const model::TxId& id);
  // Drops what may not stand at `next` or above any more, and of the `checked` oldest what `keep` refuses.
  // Those are what the next block takes; checking all of a full pool after every block would stop the node.
  template <typename Keep>
  void filter(model::Height next, std::size_t checked, const Keep& keep) {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto here = entry++;
      const bool expired = here->valid_until < next;
      if (expired || (checked > 0 && !keep(here->envelope))) erase(here);
      if (!expired && checked > 0) --checked;
    }
  }
  // The oldest, together at most max_bytes.
  std::vector<Bytes> oldest(std::size_t max_bytes) const;
  // What peers were never told, then what they were not told for `repeat_ms` (above zero); at most max_bytes,
  // marked as told now.
  std::vector<Bytes> to_tell(MonotonicMs now, std::uint64_t repeat_ms, std::size_t max_bytes);

 private:
  struct Entry {
    model::TxId id;
    Bytes envelope;
    model::Height valid_until;
    std::vector<state::Claim> claims;
    std::optional<MonotonicMs> told;
    std::list<Entry*>::iterator turn;  // its place in told_ or untold_
  };
  void erase(std::list<Entry>::iterator entry);
  std::list<Entry*>& turns_of(const Entry& entry) { return entry.told ? told_ : untold_; }
  Status check_claims(const std::vector<state::Claim>& claims) const;

  MempoolLimits limits_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;
  std::list<Entry*> untold_;  // oldest first
  std::list<Entry*> told_;    // the longest ago first
  std::unordered_map<model::TxId, std::list<Entry>::iterator> by_id_;
  std::map<Bytes, std::uint64_t> claimed_;  // by source
};

}  // namespace custody::ledger::node
