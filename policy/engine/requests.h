// The requests that officers know: open ones with their votes, those that were committed (their approvals
// hold for a fee bump until they expire), and those that were rejected, until another bundle is in force.
// Thread-safety: a value.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "policy/engine/compiled_bundle.h"
#include "policy/engine/records.h"

namespace custody::policy::engine {

constexpr std::size_t kMaxRequests = 1'000;
// Of them. Proposals and ballots cost whoever asks nothing, and mints only a deposit: they never take the
// places of payouts.
constexpr std::size_t kMaxMintRequests = 800;
constexpr std::size_t kMaxGovernanceRequests = 100;  // proposals and ballots
constexpr std::size_t kMaxRequestPayments = 16'384;  // of all requests together

enum class RequestStatus : std::uint8_t { kOpen = 1, kCommitted = 2, kRejected = 3 };

struct KnownRequest {
  render::Request request;
  Hash256 id;  // render::request_id: what votes name
  RequestStatus status = RequestStatus::kOpen;
  std::vector<bundle::SignedVote> votes;  // in the order in which they came
  friend bool operator==(const KnownRequest&, const KnownRequest&) = default;
};

// Approvals that count, by place in Bundle::groups; and how long the request waited.
struct Approvals {
  std::array<std::uint32_t, render::kMaxGroups> groups{};
  std::uint32_t distinct = 0;
  std::int64_t waited_hours = 0;
  friend bool operator==(const Approvals&, const Approvals&) = default;
};

// Those of the votes that are by officers who are in the bundle, in the group they name and valid at `now`,
// each once; never the initiator's; none on a request that was opened under another version than `in_force`.
// request may be nullptr: none.
Approvals count_approvals(const KnownRequest* request, const bundle::ActiveBundle& bundle,
                          std::uint64_t in_force, model::LedgerMs now);
// What there could be at most: every officer who is valid at `now` and not the initiator, in each of his
// groups, and any waiting.
Approvals saturated_approvals(ByteView initiator, const bundle::Bundle& bundle, model::LedgerMs now);

class Requests {
 public:
  // Forgets what has expired; calls forgotten(subject) for each that was open.
  template <typename Function>
  void expire(model::LedgerMs now, const Function& forgotten);

  // By render::terms_hash; nullptr: not known. Expired ones are not found even before expire().
  const KnownRequest* find(const Hash256& terms, model::LedgerMs now) const;
  const KnownRequest* find_by_id(const Hash256& id, model::LedgerMs now) const;
  const KnownRequest* find_by_subject(const Hash256& subject, model::LedgerMs now) const;
  // Whether any request is about this deposit or slot.
  bool knows_subject(const Hash256& subject) const { return subjects_.contains(subject); }
  bool is_subject_rejected(const Hash256& subject) const;
  // Whether a request of the kind with so many payments can be opened.
  bool fits(model::IntentKind kind, std::size_t payments) const;
  std::size_t size() const { return by_terms_.size(); }
  const std::map<Hash256, KnownRequest>& all() const { return by_terms_; }  // by terms

  // kExhausted: the table is full. kExists: the terms are known.
  Status open(const render::Request& request);
  // A vote on a request that is not rejected: one that was committed may be asked for again, for a fee bump.
  // kNotFound; kExists: the officer has voted so before.
  Result<const KnownRequest*> vote(const bundle::SignedVote& vote, model::LedgerMs now);
  void commit(const Hash256& terms);
  void close(const Hash256& terms);
  // Forgets all; calls forgotten(subject) for each that was open.
  template <typename Function>
  void clear(const Function& forgotten);

  friend bool operator==(const Requests& a, const Requests& b) { return a.by_terms_ == b.by_terms_; }

 private:
  bool is_over(const KnownRequest& known, model::LedgerMs now) const;
  std::size_t* count_of(model::IntentKind kind);  // nullptr: of payouts
  std::map<Hash256, KnownRequest>::iterator erase(std::map<Hash256, KnownRequest>::iterator place);

  std::map<Hash256, KnownRequest> by_terms_;
  std::unordered_map<Hash256, std::size_t> subjects_;  // requests about each; zero is no subject
  std::size_t payments_ = 0;
  std::size_t mints_ = 0;
  std::size_t governance_ = 0;
  model::LedgerMs next_expiry_{UINT64_MAX};  // no request expires before it
};

template <typename Function>
void Requests::expire(model::LedgerMs now, const Function& forgotten) {
  if (now < next_expiry_) return;
  next_expiry_ = model::LedgerMs(UINT64_MAX);
  for (auto place = by_terms_.begin(); place != by_terms_.end();) {
    const KnownRequest& known = place->second;
    if (is_over(known, now)) {
      if (known.status == RequestStatus::kOpen) forgotten(known.request.terms.subject);
      place = erase(place);
      continue;
    }
    if (known.status != RequestStatus::kRejected)
      next_expiry_ = std::min(next_expiry_, known.request.expires);
    ++place;
  }
}

template <typename Function>
void Requests::clear(const Function& forgotten) {
  for (const auto& [terms, known] : by_terms_) {
    if (known.status == RequestStatus::kOpen) forgotten(known.request.terms.subject);
  }
  *this = Requests();
}

}  // namespace custody::policy::engine
