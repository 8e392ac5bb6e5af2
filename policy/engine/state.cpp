#include "policy/engine/state.h"

#include <algorithm>

#include "base/crypto/hash.h"

namespace custody::policy::engine {
namespace {

Status out_of_order(const std::string& what) {
  return corrupt("the engine's journal: " + what, "restore the journal; nothing is signed without it");
}

}  // namespace

void window_amounts(const model::IntentFacts& facts, std::vector<WindowAmount>* out) {
  out->clear();
  if (facts.kind == model::IntentKind::kMint) {
    out->push_back({Direction::kIn, facts.currency, facts.gateway, {}, facts.amount});
  }
  if (facts.kind == model::IntentKind::kPayout) {
    for (const model::PayeeFact& payee : facts.payees) {
      out->push_back(
          {Direction::kOut, facts.currency, payee.gateway, crypto::sha256(payee.script), payee.amount});
    }
  }
}

void EngineState::advance(model::LedgerMs now) {
  windows_.advance(now);
  requests_.expire(latest(), [this](const Hash256& subject) { windows_.release(subject); });
}

Status EngineState::apply(const Record& record) {
  advance(time_of(record));
  return std::visit([this](const auto& value) { return apply_record(value); }, record);
}

Status EngineState::apply_record(const ReserveRecord& record) {
  const render::Terms& terms = record.request.terms;
  if (record.request.bundle != active_.version) {
    return out_of_order("a request under bundle " + std::to_string(record.request.bundle) + ", and bundle " +
                        std::to_string(active_.version) + " is in force");
  }
  std::vector<WindowAmount> amounts;
  window_amounts(record.facts, &amounts);
  if (!windows_.fits(terms.subject, amounts.size())) return exhausted("the windows are full");
  TRY(requests_.open(record.request));
  close_others(terms.subject, render::terms_hash(terms));
  return amounts.empty() ? ok_status() : windows_.reserve(terms.subject, amounts);
}

// Other terms of the same deposit or slot (an allow-list entry has expired since): the new ones take their
// place.
void EngineState::close_others(const Hash256& subject, const Hash256& terms) {
  if (!requests_.knows_subject(subject)) return;
  std::vector<Hash256> others;
  for (const auto& [hash, known] : requests_.all()) {
    if (hash != terms && known.request.terms.subject == subject && known.status != RequestStatus::kRejected) {
      others.push_back(hash);
    }
  }
  for (const Hash256& other : others) requests_.close(other);
}

Status EngineState::apply_record(const ApprovalRecord& record) {
  const auto voted = requests_.vote(record.vote, latest());
  if (!voted.ok()) return out_of_order(voted.status().message());
  if ((*voted)->status == RequestStatus::kRejected) windows_.release((*voted)->request.terms.subject);
  return ok_status();
}

Status EngineState::apply_record(const ReleaseRecord& record) {
  const KnownRequest* known = requests_.find(record.terms, latest());
  if (known != nullptr && known->request.terms.subject != record.subject) {
    return out_of_order("a release of another subject than its request's");
  }
  if (known != nullptr && known->status != RequestStatus::kRejected) requests_.close(record.terms);
  if (record.cause == ReleaseCause::kSettledOtherwise) {
    windows_.undo(record.subject);
  } else {
    windows_.release(record.subject);
  }
  return ok_status();
}

Status EngineState::apply_record(const CommitRecord& record) {
  std::vector<WindowAmount> amounts;
  window_amounts(record.facts, &amounts);
  if (!amounts.empty()) TRY(windows_.commit(record.facts.subject, amounts));
  requests_.commit(record.terms);
  return ok_status();
}

Status EngineState::apply_record(const DeniedRecord& /*record*/) {
  return ok_status();
}

Status EngineState::apply_record(const WaitRecord& record) {
  const std::uint64_t newest = waiting_ ? waiting_->bundle.version : active_.version;
  if (record.version <= newest) return out_of_order("a bundle in wait that is not newer");
  waiting_ = WaitingBundle{{record.version, record.hash}, record.effective};
  return ok_status();
}

Status EngineState::apply_record(const ActivateRecord& record) {
  if (record.version <= active_.version) {
    return out_of_order("bundle " + std::to_string(record.version) + " after bundle " +
                        std::to_string(active_.version));
  }
  requests_.clear([this](const Hash256& subject) { windows_.release(subject); });
  listed_ = record.listed;
  active_ = {record.version, record.hash};
  waiting_.reset();
  prices_.reset();
  return ok_status();
}

Status EngineState::apply_record(const FreezeRecord& record) {
  if (record.order.counter <= freezes_.counter) return out_of_order("a freeze that was there already");
  freezes_ = bundle::apply_order(record.order, std::move(freezes_), record.officer, record.time);
  return ok_status();
}

Status EngineState::apply_record(const PriceRecord& record) {
  const bool any = prices_time_ != model::LedgerMs();
  if (any && record.statement.time <= prices_time_) return out_of_order("prices that are not newer");
  prices_ = record.statement;
  prices_time_ = record.statement.time;
  return ok_status();
}

ActivateRecord activate_record(const bundle::Bundle& bundle, const Hash256& hash, const EngineState& state,
                               model::LedgerMs time, const bundle::Bundle* replaced) {
  time = std::max(time, state.latest());
  return {bundle.version, hash, bundle::list_since(state.listed(), bundle, time, replaced), time};
}

Result<ApprovalRecord> admit_vote(const bundle::SignedVote& vote, const EngineState& state,
                                  const bundle::ActiveBundle& active, model::LedgerMs now) {
  const model::LedgerMs time = std::max(now, state.latest());
  const KnownRequest* known = state.requests().find_by_id(vote.request, time);
  if (known == nullptr || known->status == RequestStatus::kRejected) {
    return not_found("no open request has the id " + vote.request.hex(),
                     "`custodyctl requests list` shows what is open");
  }
  TRY(bundle::verify_vote(vote, known->request, known->votes, active, time));
  return ApprovalRecord{vote, time};
}

}  // namespace custody::policy::engine
