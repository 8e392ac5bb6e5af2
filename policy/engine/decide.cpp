#include "policy/engine/decide.h"

#include <algorithm>
#include <limits>

#include "ledger/chains/bitcoin/address.h"

namespace custody::policy::engine {
namespace {

using model::IntentKind;

bool is_money(IntentKind kind) {
  return kind == IntentKind::kMint || kind == IntentKind::kPayout;
}

bool is_judged(IntentKind kind) {
  return is_money(kind) || kind == IntentKind::kProposalTx || kind == IntentKind::kBallot;
}

ActionKind action_of(IntentKind kind) {
  switch (kind) {
    case IntentKind::kMint:
      return ActionKind::kMint;
    case IntentKind::kPayout:
      return ActionKind::kPayout;
    case IntentKind::kProposalTx:
      return ActionKind::kPropose;
    default:
      return ActionKind::kBallot;
  }
}

model::Amount fee_caps(const model::IntentFacts& facts) {
  std::uint64_t sum = 0;
  for (const model::PayeeFact& payee : facts.payees) {
    sum = checked_add(sum, payee.fee_cap.get()).value_or(std::numeric_limits<std::uint64_t>::max());
  }
  return model::Amount(sum);
}

std::string address_problem(const Status& status, std::uint64_t burn) {
  return "burn " + std::to_string(burn) + ": " + status.message();
}

// At most about kMaxReason bytes, of plain text.
std::string frozen_reason(const bundle::FreezeInForce& freeze) {
  const std::string what = freeze.currency.empty() ? "everything" : to_printable(as_text(freeze.currency));
  if (freeze.officer.empty()) return "officers have frozen " + what;
  return "officer " + to_printable(as_text(freeze.officer)) + " has frozen " + what + " at " +
         render::time_text(freeze.time) + ": " + to_printable(as_text(freeze.reason));
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAllow:
      return "ALLOW";
    case Outcome::kPending:
      return "PENDING";
    case Outcome::kDeny:
      break;
  }
  return "DENY";
}

bool allows(const cedar::Decision& decision) {
  return decision.allow && decision.errors.empty();
}

Decider::Decider(const CompiledBundle& compiled, Use use)
    : compiled_(compiled), use_(use), context_(compiled), authorizer_(compiled.policies()) {}

const Decision& Decider::decide(const model::IntentFacts& facts, EngineState& state, const Now& now,
                                ByteView initiator) {
  reset(facts, state, now, initiator);
  if (!admit(facts, state) || !find_request(facts, state)) return decision_;
  decision_.approvals =
      count_approvals(decision_.known, compiled_.active(), state.active().version, decision_.time);
  if (!find_initiator(facts) || !make_parts(facts, state)) return decision_;
  judge_now(state);
  if (!decision_.rule.empty()) return decision_;
  return judge_saturated(state);
}

void Decider::reset(const model::IntentFacts& facts, EngineState& state, const Now& now, ByteView initiator) {
  state.advance(std::max(now.time, facts.time));
  arena_.reset();
  decision_.outcome = Outcome::kDeny;
  decision_.rule = {};
  decision_.reason.clear();
  decision_.wants.clear();
  decision_.bundle = compiled_.bundle().version;
  decision_.time = state.latest();
  decision_.height = std::max(now.height, facts.height);
  decision_.initiator.assign(initiator.begin(), initiator.end());
  decision_.approvals = {};
  decision_.currency = nullptr;
  decision_.known = nullptr;
  decision_.used = 0;
  window_amounts(facts, &amounts_);
  facts_ = facts;
  subject_ = {&facts_, nullptr, amounts_, decision_.time, decision_.height};
}

const Decision& Decider::deny(std::string_view rule, std::string reason) {
  decision_.outcome = Outcome::kDeny;
  decision_.rule = rule;
  decision_.reason = std::move(reason);
  return decision_;
}

// What needs no policy to be denied.
bool Decider::admit(const model::IntentFacts& facts, const EngineState& state) {
  if (!is_judged(facts.kind)) {
    deny("policy.kind", "no policy is about this kind of intent");
    return false;
  }
  const bool in_force = state.active() == BundleVersion{compiled_.bundle().version, compiled_.hash()} &&
                        state.listed().size() == compiled_.bundle().allow_list.size();
  if (!in_force && use_ == Use::kInForce) {
    deny("policy.bundle", "bundle " + std::to_string(compiled_.bundle().version) + " is not in force");
    return false;
  }
  if (bundle::is_everything_frozen(state.freezes())) {
    deny("policy.frozen", frozen_reason(state.freezes().in_force.front()));
    return false;
  }
  return !is_money(facts.kind) || admit_money(facts, state);
}

bool Decider::admit_money(const model::IntentFacts& facts, const EngineState& state) {
  decision_.currency = subject_.currency = compiled_.find_currency(facts.currency);
  if (subject_.currency == nullptr) {
    deny("policy.currency", "the bundle has no unit for currency " + std::to_string(facts.currency.get()));
    return false;
  }
  if (const auto* freeze = bundle::find_freeze(state.freezes(), as_bytes(subject_.currency->code))) {
    deny("policy.frozen", frozen_reason(*freeze));
    return false;
  }
  if (facts.amount == model::Amount(0) || amounts_.empty() || amounts_.size() > render::kMaxPayments) {
    deny("policy.amount", "nothing to pay, or too many payees");
    return false;
  }
  if (state.windows().fits(facts.subject, amounts_.size())) return true;
  deny("policy.window_full",
       "the windows hold as many mints and burns as they can; the oldest go when they "
       "are a week old");
  return false;
}

// Terms are built only where a request could be known: that costs memory.
bool Decider::find_request(const model::IntentFacts& facts, const EngineState& state) {
  const Requests& requests = state.requests();
  if (is_money(facts.kind) ? !requests.knows_subject(facts.subject) : requests.size() == 0) return true;
  if (!find_terms(facts, state)) return false;
  const bool rejected = (decision_.known != nullptr && decision_.known->status == RequestStatus::kRejected) ||
                        (is_money(facts.kind) && requests.is_subject_rejected(facts.subject));
  if (!rejected) return true;
  deny("policy.rejected", "an officer has rejected it; it stays so until another bundle is in force");
  return false;
}

// A draft's allow-list may name other owners, so its terms may be others.
bool Decider::find_terms(const model::IntentFacts& facts, const EngineState& state) {
  if (use_ == Use::kDraft && is_money(facts.kind)) {
    decision_.known = state.requests().find_by_subject(facts.subject, decision_.time);
    return true;
  }
  const auto terms = terms_of(facts, decision_.time);
  if (!terms.ok()) {
    deny("policy.address", terms.status().message());
    return false;
  }
  decision_.known = state.requests().find(render::terms_hash(*terms), decision_.time);
  return true;
}

// An officer who asked for what others have opened could approve it himself, so he does not.
bool Decider::find_initiator(const model::IntentFacts& facts) {
  if (decision_.known != nullptr) {
    const Bytes& opener = decision_.known->request.initiator;
    if (!decision_.initiator.empty() && decision_.initiator != opener) {
      deny("policy.asked",
           "officer " + to_printable(as_text(decision_.initiator)) + " asks for what " +
               (opener.empty() ? "the member's operator" : "officer " + to_printable(as_text(opener))) +
               " has asked for already; approve that request instead");
      return false;
    }
    decision_.initiator = opener;
  }
  if (decision_.initiator.empty() || is_money(facts.kind)) return true;
  subject_.officer = bundle::find_officer(compiled_.bundle(), decision_.initiator);
  if (subject_.officer != nullptr && bundle::is_valid_at(*subject_.officer, decision_.time)) return true;
  deny("policy.officer", "officer " + to_printable(as_text(decision_.initiator)) +
                             " asked for it, and is not in the bundle or not valid now");
  return false;
}

PartDecision& Decider::add_part(ActionKind action) {
  if (decision_.storage.size() == decision_.used) decision_.storage.emplace_back();
  PartDecision& out = decision_.storage[decision_.used++];
  out.part = {};
  out.part.action = action;
  out.outcome = Outcome::kDeny;
  out.policies.clear();
  out.erred.clear();
  out.request = nullptr;
  return out;
}

bool Decider::make_parts(const model::IntentFacts& facts, const EngineState& state) {
  for (const model::PayeeFact& payee : facts.payees) {
    if (!add_payee(payee, state)) return false;
  }
  Part& whole = add_part(action_of(facts.kind)).part;
  whole.amount = facts.amount;
  whole.fee_cap = fee_caps(facts);
  if (facts.kind == IntentKind::kMint) {
    whole.gateway = facts.gateway;
    whole.gateway_name = arena_.copy(as_text(facts.gateway_name));
    whole.kyc_expiry = facts.kyc_expiry;
  }
  for (const PartDecision& part : decision_.parts()) {
    if (!may_ask(part.part.action)) return false;
  }
  return true;
}

bool Decider::may_ask(ActionKind action) {
  const auto& declared = compiled_.facts().actions[static_cast<std::size_t>(action)];
  const std::string name(action_name(action));
  if (!declared) {
    deny("policy.action", "the bundle's schema does not declare the action " + name);
    return false;
  }
  const bool by_officer = subject_.officer != nullptr;
  if (moves_money(action) || (by_officer ? declared->by_officer : declared->by_member)) return true;
  deny("policy.principal", "the bundle's schema lets no " + std::string(by_officer ? "Officer" : "Member") +
                               " ask for the action " + name +
                               (by_officer ? "" : ": an officer must sign that he asks"));
  return false;
}

bool Decider::add_payee(const model::PayeeFact& payee, const EngineState& state) {
  const std::size_t place = decision_.used;
  Part& part = add_part(ActionKind::kWithdraw).part;
  part.burn = payee.burn;
  part.amount = payee.amount;
  part.fee_cap = payee.fee_cap;
  part.gateway = payee.gateway;
  part.gateway_name = arena_.copy(as_text(payee.gateway_name));
  part.kyc_expiry = payee.kyc_expiry;
  part.payee = amounts_[place].payee;
  const std::uint32_t* entry = compiled_.find_entry(subject_.currency->id, part.payee);
  if (entry != nullptr) {
    const bundle::AllowEntry& listed = compiled_.bundle().allow_list[*entry];
    part.address = as_text(listed.address);
    if (decision_.time < listed.expires) {
      part.owner = as_text(listed.owner);
      part.listed_since = listed_since(*entry, state);
    }
    return true;
  }
  const auto address = chains::bitcoin::format_address(payee.script, subject_.currency->chain);
  if (!address.ok()) {
    deny("policy.address", address_problem(address.status(), payee.burn));
    return false;
  }
  part.address = arena_.copy(*address);
  return true;
}

// In force the table is in the order of the allow-list; to a draft's new entries it is as if listed now.
model::LedgerMs Decider::listed_since(std::uint32_t entry, const EngineState& state) const {
  if (use_ == Use::kInForce) return state.listed()[entry].since;
  const bundle::AllowEntry& listed = compiled_.bundle().allow_list[entry];
  return bundle::listed_since(state.listed(), listed.currency, listed.address).value_or(decision_.time);
}

Decider::Judged Decider::judge(PartDecision& part, const Approvals& approvals, const EngineState& state,
                               cedar::Arena& arena, bool keep) {
  const cedar::Request* request = context_.build(part.part, subject_, approvals, state, arena);
  if (request == nullptr) return Judged::kMissing;
  if (keep) part.request = request;
  const auto decided = authorizer_.decide(*request, context_.entities());
  if (!decided.ok()) return Judged::kCost;
  const cedar::Decision& decision = **decided;
  part.policies.assign(decision.reasons.begin(), decision.reasons.end());
  part.erred.clear();
  for (const cedar::PolicyError& error : decision.errors) part.erred.push_back(error.policy);
  if (!part.erred.empty()) return Judged::kError;
  return allows(decision) ? Judged::kAllow : Judged::kDeny;
}

// Sets the rule when that decides: all allowed, or something that no approval can change.
const Decision& Decider::judge_now(const EngineState& state) {
  bool all = true;
  for (PartDecision& part : std::span(decision_.storage).first(decision_.used)) {
    const Judged judged = judge(part, decision_.approvals, state, arena_, true);
    if (judged != Judged::kAllow && judged != Judged::kDeny) return refuse(part, judged);
    part.outcome = judged == Judged::kAllow ? Outcome::kAllow : Outcome::kDeny;
    all = all && judged == Judged::kAllow;
  }
  if (!all) return decision_;
  decision_.outcome = Outcome::kAllow;
  decision_.rule = "policy.allow";
  return decision_;
}

const Decision& Decider::judge_saturated(const EngineState& state) {
  const Approvals most = saturated_approvals(decision_.initiator, compiled_.bundle(), decision_.time);
  bool denied = false;
  bool forbidden = false;
  for (PartDecision& part : std::span(decision_.storage).first(decision_.used)) {
    if (part.outcome == Outcome::kAllow) continue;
    trial_arena_.reset();
    const Judged judged = judge(part, most, state, trial_arena_, false);
    if (judged != Judged::kAllow && judged != Judged::kDeny) return refuse(part, judged);
    part.outcome = judged == Judged::kAllow ? Outcome::kPending : Outcome::kDeny;
    denied = denied || judged == Judged::kDeny;
    forbidden = forbidden || (judged == Judged::kDeny && !part.policies.empty());
  }
  if (denied) return deny(forbidden ? "policy.forbid" : "policy.no_permit", {});
  if (decision_.known == nullptr && !state.requests().fits(facts_.kind, amounts_.size())) {
    return deny("policy.requests_full",
                "officers could allow it, but the table of requests is full; rejected requests leave it when "
                "another bundle is in force");
  }
  decision_.outcome = Outcome::kPending;
  decision_.rule = "policy.pending";
  find_wants(state, most);
  return decision_;
}

const Decision& Decider::refuse(const PartDecision& part, Judged judged) {
  std::string what(action_name(part.part.action));
  if (part.part.burn != 0) what += " (burn " + std::to_string(part.part.burn) + ")";
  for (PartDecision& other : std::span(decision_.storage).first(decision_.used)) {
    other.outcome = Outcome::kDeny;
  }
  if (judged == Judged::kMissing) {
    return deny("policy.missing", what + ": the schema declares " + context_.missing());
  }
  if (judged == Judged::kCost) return deny("policy.cost", what + ": the policies cost too many steps");
  std::string names;
  for (const std::uint32_t place : part.erred) {
    names += (names.empty() ? "" : ", ") + std::string(policy_name(compiled_.policies().active()[place]));
  }
  return deny("policy.error", what + ": these policies could not be evaluated: " + names);
}

const cedar::Request* Decider::rebuild(const PartDecision& part, const EngineState& state) {
  return part.request == nullptr ? nullptr
                                 : context_.build(part.part, subject_, decision_.approvals, state, arena_);
}

Result<render::Terms> Decider::terms_of(const model::IntentFacts& facts, model::LedgerMs time) const {
  render::Terms out;
  out.chain_id = compiled_.network().chain_id;
  out.member = compiled_.network().member;
  out.kind = facts.kind;
  out.subject = facts.subject;
  out.proposal = facts.proposal;
  out.approve = facts.approve;
  out.action = facts.action;
  if (!is_money(facts.kind)) return out;
  const CompiledCurrency* currency = compiled_.find_currency(facts.currency);
  if (currency == nullptr) return invalid("the bundle has no unit for the currency");
  out.currency = currency->id;
  out.currency_code = to_bytes(currency->code);
  out.decimals = currency->decimals;
  out.epoch = facts.epoch;
  out.slot = facts.slot;
  if (facts.kind == IntentKind::kMint) {
    out.deposit = facts.deposit;
    out.payments.push_back({facts.gateway_name, {}, {}, facts.amount, {}, 0});
    return out;
  }
  for (const model::PayeeFact& payee : facts.payees) {
    const auto address = chains::bitcoin::format_address(payee.script, currency->chain);
    if (!address.ok()) return invalid(address_problem(address.status(), payee.burn));
    const bundle::AllowEntry* entry =
        bundle::find_entry(compiled_.bundle(), out.currency_code, as_bytes(*address));
    const bool listed = entry != nullptr && time < entry->expires;
    out.payments.push_back({payee.gateway_name, to_bytes(*address), listed ? entry->owner : Bytes(),
                            payee.amount, payee.fee_cap, payee.burn});
  }
  return out;
}

Result<ReserveRecord> Decider::reserve_record(const model::IntentFacts& facts,
                                              const Decision& decision) const {
  CHECK(decision.outcome == Outcome::kPending && decision.known == nullptr);
  render::Request request;
  ASSIGN_OR_RETURN(request.terms, terms_of(facts, decision.time));
  request.wants = decision.wants;
  request.bundle = decision.bundle;
  request.bundle_hash = compiled_.hash();
  request.height = decision.height;
  request.opened = decision.time;
  request.expires = model::LedgerMs(decision.time.get() + compiled_.bundle().pending_expiry_hours * kHourMs);
  request.initiator = decision.initiator;
  TRY(render::check_request(request));
  return ReserveRecord{std::move(request), facts};
}

Result<CommitRecord> Decider::commit_record(const model::IntentFacts& facts, const Decision& decision) const {
  CHECK(decision.outcome == Outcome::kAllow);
  ASSIGN_OR_RETURN(const render::Terms terms, terms_of(facts, decision.time));
  return CommitRecord{render::terms_hash(terms), facts,         decision.bundle,
                      decision.height,           decision.time, decision.initiator};
}

DeniedRecord Decider::denied_record(const model::IntentFacts& facts, const Decision& decision) {
  return {facts,           decision.bundle, to_bytes(decision.rule),
          decision.height, decision.time,   decision.initiator};
}

}  // namespace custody::policy::engine
