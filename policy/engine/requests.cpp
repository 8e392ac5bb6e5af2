#include "policy/engine/requests.h"

#include <algorithm>
#include <limits>

namespace custody::policy::engine {

Approvals count_approvals(const KnownRequest* known, const bundle::ActiveBundle& bundle,
                          std::uint64_t in_force, model::LedgerMs now) {
  Approvals out;
  if (known == nullptr) return out;
  const render::Request& request = known->request;
  if (request.bundle != in_force) return out;
  out.waited_hours =
      static_cast<std::int64_t>(now < request.opened ? 0 : (now.get() - request.opened.get()) / kHourMs);
  for (const bundle::SignedVote& vote : known->votes) {
    if (vote.vote != render::Vote::kApprove || vote.officer == request.initiator) continue;
    if (!bundle::still_counts(vote, bundle, now)) continue;
    const std::vector<Bytes>& groups = bundle.bundle.groups;
    ++out.groups[static_cast<std::size_t>(std::ranges::lower_bound(groups, vote.group) - groups.begin())];
    ++out.distinct;
  }
  return out;
}

Approvals saturated_approvals(ByteView initiator, const bundle::Bundle& bundle, model::LedgerMs now) {
  Approvals out;
  out.waited_hours = std::numeric_limits<std::int64_t>::max();
  for (const bundle::Officer& officer : bundle.officers) {
    if (!bundle::is_valid_at(officer, now) || equal(officer.name, initiator)) continue;
    ++out.distinct;
    for (const Bytes& group : officer.groups) {
      const auto place = std::ranges::lower_bound(bundle.groups, group);
      ++out.groups[static_cast<std::size_t>(place - bundle.groups.begin())];
    }
  }
  return out;
}

// A rejection outlives the request's own end.
bool Requests::is_over(const KnownRequest& known, model::LedgerMs now) const {
  return known.status != RequestStatus::kRejected && known.request.expires <= now;
}

const KnownRequest* Requests::find(const Hash256& terms, model::LedgerMs now) const {
  const auto found = by_terms_.find(terms);
  return found == by_terms_.end() || is_over(found->second, now) ? nullptr : &found->second;
}

const KnownRequest* Requests::find_by_id(const Hash256& id, model::LedgerMs now) const {
  for (const auto& [terms, known] : by_terms_) {
    if (known.id == id && !is_over(known, now)) return &known;
  }
  return nullptr;
}

const KnownRequest* Requests::find_by_subject(const Hash256& subject, model::LedgerMs now) const {
  if (!knows_subject(subject)) return nullptr;
  for (const auto& [terms, known] : by_terms_) {
    if (known.request.terms.subject == subject && !is_over(known, now)) return &known;
  }
  return nullptr;
}

bool Requests::is_subject_rejected(const Hash256& subject) const {
  return knows_subject(subject) && std::ranges::any_of(by_terms_, [&](const auto& entry) {
           return entry.second.status == RequestStatus::kRejected &&
                  entry.second.request.terms.subject == subject;
         });
}

std::size_t* Requests::count_of(model::IntentKind kind) {
  if (kind == model::IntentKind::kMint) return &mints_;
  return kind == model::IntentKind::kPayout ? nullptr : &governance_;
}

bool Requests::fits(model::IntentKind kind, std::size_t payments) const {
  if (by_terms_.size() >= kMaxRequests || payments_ + payments > kMaxRequestPayments) return false;
  if (kind == model::IntentKind::kMint) return mints_ < kMaxMintRequests;
  return kind == model::IntentKind::kPayout || governance_ < kMaxGovernanceRequests;
}

Status Requests::open(const render::Request& request) {
  const std::size_t payments = request.terms.payments.size();
  if (!fits(request.terms.kind, payments)) {
    return exhausted("the table of requests is full",
                     "wait for some to expire; rejected ones go when another bundle is in force");
  }
  const Hash256 terms = render::terms_hash(request.terms);
  const auto [place, added] = by_terms_.try_emplace(
      terms, KnownRequest{request, render::request_id(request), RequestStatus::kOpen, {}});
  if (!added) return exists("the request " + terms.hex() + " is known already");
  payments_ += payments;
  if (std::size_t* count = count_of(request.terms.kind)) ++*count;
  if (!request.terms.subject.is_zero()) ++subjects_[request.terms.subject];
  next_expiry_ = std::min(next_expiry_, request.expires);
  return ok_status();
}

Result<const KnownRequest*> Requests::vote(const bundle::SignedVote& vote, model::LedgerMs now) {
  const KnownRequest* found = find_by_id(vote.request, now);
  if (found == nullptr || found->status == RequestStatus::kRejected) {
    return not_found("no open request has the id " + vote.request.hex());
  }
  KnownRequest& known = by_terms_.find(render::terms_hash(found->request.terms))->second;
  const auto before = std::ranges::find(known.votes, vote.officer, &bundle::SignedVote::officer);
  if (before != known.votes.end() && vote.vote == render::Vote::kApprove) {
    return exists("officer " + to_printable(as_text(vote.officer)) + " has voted already");
  }
  known.votes.push_back(vote);
  if (vote.vote == render::Vote::kReject) known.status = RequestStatus::kRejected;
  return &std::as_const(known);
}

void Requests::commit(const Hash256& terms) {
  const auto found = by_terms_.find(terms);
  if (found != by_terms_.end() && found->second.status == RequestStatus::kOpen) {
    found->second.status = RequestStatus::kCommitted;
  }
}

void Requests::close(const Hash256& terms) {
  const auto found = by_terms_.find(terms);
  if (found != by_terms_.end()) erase(found);
}

std::map<Hash256, KnownRequest>::iterator Requests::erase(std::map<Hash256, KnownRequest>::iterator place) {
  const render::Terms& terms = place->second.request.terms;
  payments_ -= terms.payments.size();
  if (std::size_t* count = count_of(terms.kind)) --*count;
  const auto subject = subjects_.find(terms.subject);
  if (subject != subjects_.end() && --subject->second == 0) subjects_.erase(subject);
  return by_terms_.erase(place);
}

}  // namespace custody::policy::engine
