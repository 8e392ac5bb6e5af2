#include "ledger/node/mempool.h"

namespace custody::ledger::node {

Status Mempool::check_claims(const std::vector<state::Claim>& claims) const {
  for (const state::Claim& claim : claims) {
    const auto found = claimed_.find(claim.source);
    const std::uint64_t claimed = found == claimed_.end() ? 0 : found->second;
    if (claimed <= claim.limit && claim.amount <= claim.limit - claimed) continue;
    return refused("transactions that wait for a block already use what this one needs: " +
                       std::to_string(claimed) + " of " + std::to_string(claim.limit),
                   "send it again when they are executed");
  }
  return ok_status();
}

Status Mempool::add(const model::TxId& id, Bytes envelope, model::Height valid_until,
                    std::vector<state::Claim> claims, std::optional<MonotonicMs> told) {
  if (contains(id)) return exists("transaction " + id.hex() + " waits for a block already");
  if (entries_.size() >= limits_.count || envelope.size() > limits_.bytes - bytes_) {
    return exhausted(
        "this node holds " + std::to_string(entries_.size()) + " waiting transactions and takes no more",
        "send it again later, or to another member");
  }
  TRY(check_claims(claims));
  for (const state::Claim& claim : claims) claimed_[claim.source] += claim.amount;
  bytes_ += envelope.size();
  Entry& entry =
      entries_.emplace_back(Entry{id, std::move(envelope), valid_until, std::move(claims), told, {}});
  std::list<Entry*>& turns = turns_of(entry);
  entry.turn = turns.insert(turns.end(), &entry);
  by_id_.emplace(id, std::prev(entries_.end()));
  return ok_status();
}

void Mempool::remove(const model::TxId& id) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) erase(found->second);
}

void Mempool::erase(std::list<Entry>::iterator entry) {
  bytes_ -= entry->envelope.size();
  for (const state::Claim& claim : entry->claims) {
    const auto claimed = claimed_.find(claim.source);
    claimed->second -= claim.amount;
    if (claimed->second == 0) claimed_.erase(claimed);
  }
  by_id_.erase(entry->id);
  turns_of(*entry).erase(entry->turn);
  entries_.erase(entry);
}

std::vector<Bytes> Mempool::oldest(std::size_t max_bytes) const {
  std::vector<Bytes> out;
  std::size_t size = 0;
  for (const Entry& entry : entries_) {
    size += entry.envelope.size();
    if (size > max_bytes) break;
    out.push_back(entry.envelope);
  }
  return out;
}

std::vector<Bytes> Mempool::to_tell(MonotonicMs now, std::uint64_t repeat_ms, std::size_t max_bytes) {
  std::vector<Bytes> out;
  std::size_t size = 0;
  for (;;) {
    std::list<Entry*>& turns = untold_.empty() ? told_ : untold_;
    if (turns.empty()) break;
    Entry& entry = *turns.front();
    if (entry.told && now.value < entry.told->value + repeat_ms) break;
    size += entry.envelope.size();
    if (size > max_bytes) break;
    told_.splice(told_.end(), turns, entry.turn);
    entry.told = now;
    out.push_back(entry.envelope);
  }
  return out;
}

}  // namespace custody::ledger::node
