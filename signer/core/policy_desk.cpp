#include "signer/core/policy_desk.h"

#include <algorithm>
#include <set>

#include "base/base64.h"
#include "base/crypto/hash.h"
#include "policy/bundle/attestation.h"

namespace custody::signer::core {
namespace {

namespace bundle = policy::bundle;
namespace render = policy::render;

Status about_bundle(const Hash256& hash, const Status& status) {
  return status.with_context("policy bundle " + hash.hex())
      .with_hint("put its file " + bundle::file_name(hash) + " back beside the journal");
}

std::string_view status_name(engine::RequestStatus status) {
  switch (status) {
    case engine::RequestStatus::kOpen:
      return "open";
    case engine::RequestStatus::kCommitted:
      return "signed";
    case engine::RequestStatus::kRejected:
      break;
  }
  return "rejected";
}

Json votes_json(const engine::KnownRequest& known) {
  Json out = Json::array();
  for (const bundle::SignedVote& vote : known.votes) {
    out.push(Json::object()
                 .set("officer", as_text(vote.officer))
                 .set("group", as_text(vote.group))
                 .set("vote", vote.vote == render::Vote::kApprove ? "approve" : "reject"));
  }
  return out;
}

std::uint64_t had(const engine::Approvals& approvals, const render::Want& want,
                  const bundle::Bundle& active) {
  if (want.group.empty()) return approvals.distinct;
  if (as_text(want.group) == render::kWaitGroup) return static_cast<std::uint64_t>(approvals.waited_hours);
  const auto place = std::ranges::find(active.groups, want.group) - active.groups.begin();
  return approvals.groups[static_cast<std::size_t>(place)];
}

// Each alternative: what it wants in all, and what there is of it.
Json wants_json(const engine::KnownRequest& known, const bundle::ActiveBundle& active, model::LedgerMs now) {
  const engine::Approvals approvals = engine::count_approvals(&known, active, active.bundle.version, now);
  Json out = Json::array();
  for (const render::Wants& alternative : known.request.wants) {
    Json all_of = Json::array();
    for (const render::Want& want : alternative.all_of) {
      all_of.push(Json::object()
                      .set("group", want.group.empty() ? std::string_view("distinct") : as_text(want.group))
                      .set("count", static_cast<std::uint64_t>(want.count))
                      .set("have", had(approvals, want, active.bundle)));
    }
    out.push(std::move(all_of));
  }
  return out;
}

std::string_view kind_text(model::IntentKind kind) {
  switch (kind) {
    case model::IntentKind::kMint:
      return "mint";
    case model::IntentKind::kPayout:
      return "payout";
    case model::IntentKind::kProposalTx:
      return "proposal";
    default:
      return "ballot";
  }
}

// An amount in the list is the sum of the payments: one line says what it is about.
Json summary_json(const engine::KnownRequest& known, const bundle::ActiveBundle& active,
                  model::LedgerMs now) {
  const render::Terms& terms = known.request.terms;
  std::uint64_t sum = 0;
  for (const render::Payment& payment : terms.payments) {
    sum = checked_add(sum, payment.amount.get()).value_or(UINT64_MAX);
  }
  Json out = Json::object();
  out.set("request", known.id.hex())
      .set("kind", kind_text(terms.kind))
      .set("status", status_name(known.status))
      .set("payments", static_cast<std::uint64_t>(terms.payments.size()));
  if (terms.currency != model::CurrencyId(0)) {
    out.set("currency", as_text(terms.currency_code))
        .set("amount", render::decimal_text(model::Amount(sum), terms.decimals));
  }
  if (terms.kind == model::IntentKind::kPayout) out.set("slot", terms.slot.get());
  if (!known.request.initiator.empty()) out.set("asked_by", as_text(known.request.initiator));
  return out.set("opened", render::time_text(known.request.opened))
      .set("expires", render::time_text(known.request.expires))
      .set("votes", votes_json(known))
      .set("wants", wants_json(known, active, now));
}

// What was asked, also where it was denied before any part of it was looked at. A payout's amount is what its
// payees get.
void add_question(Json& out, const model::IntentFacts& facts, const engine::Network& network) {
  out.set("kind", kind_text(facts.kind));
  const auto currency = std::ranges::find(network.currencies, facts.currency, &model::Currency::id);
  if (currency == network.currencies.end()) return;
  std::uint64_t sum = facts.payees.empty() ? facts.amount.get() : 0;
  std::set<std::string> names;
  if (!facts.gateway_name.empty()) names.emplace(as_text(facts.gateway_name));
  for (const model::PayeeFact& payee : facts.payees) {
    sum = checked_add(sum, payee.amount.get()).value_or(UINT64_MAX);
    names.emplace(as_text(payee.gateway_name));
  }
  Json gateways = Json::array();
  for (const std::string& name : names) gateways.push(name);
  out.set("currency", as_text(currency->code))
      .set("amount", render::decimal_text(model::Amount(sum), currency->decimals))
      .set("gateways", std::move(gateways));
}

Json version_json(const engine::BundleVersion& version) {
  return Json::object().set("version", version.version).set("hash", version.hash.hex());
}

Json freezes_json(const bundle::FreezeState& freezes) {
  Json out = Json::array();
  for (const bundle::FreezeInForce& one : freezes.in_force) {
    out.push(Json::object()
                 .set("what", one.currency.empty() ? std::string_view("everything") : as_text(one.currency))
                 .set("officer", one.officer.empty() ? Json() : Json(as_text(one.officer)))
                 .set("reason", as_text(one.reason))
                 .set("time", render::time_text(one.time)));
  }
  return out;
}

// From then on nobody can put a version in force, or end a freeze, any more.
std::string quorum_text(const bundle::Bundle& active) {
  return render::time_text(std::min(bundle::quorum_until(active, active.activation),
                                    bundle::quorum_until(active, active.unfreeze)));
}

// What tells one denial from another, whenever it is asked for: blocks go on, and so does the time.
Hash256 denial_of(model::IntentFacts facts, const engine::Decision& decision) {
  if (decision.outcome != engine::Outcome::kDeny) return {};
  facts.height = {};
  facts.time = {};
  engine::DeniedRecord denied = engine::Decider::denied_record(facts, decision);
  denied.height = {};
  denied.time = {};
  return crypto::sha256(engine::encode_record(denied));
}

// Words on one line.
std::string one_line(std::string text, std::size_t size) {
  std::ranges::replace(text, '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.size() > size) text.resize(size);
  return text;
}

}  // namespace

Result<std::unique_ptr<PolicyDesk>> PolicyDesk::open(Directory& files, engine::Network network,
                                                     model::LedgerMs genesis_time, const Hash256& bound) {
  std::unique_ptr<PolicyDesk> out(new PolicyDesk(files, std::move(network)));
  ASSIGN_OR_RETURN(out->salt_seed_, bundle::read_salt_seed(files));
  ASSIGN_OR_RETURN(const bundle::SignedBundle signed_bundle, out->read_bundle(bound));
  auto first = bundle::decode_bundle(signed_bundle.bundle);
  if (!first.ok()) return about_bundle(bound, first.status());
  TRY(out->apply(engine::activate_record(*first, bound, out->state_, genesis_time)));
  return out;
}

Result<bundle::SignedBundle> PolicyDesk::read_bundle(const Hash256& hash) const {
  const auto bytes = files_.read(bundle::file_name(hash), bundle::kMaxSignedBundle);
  if (!bytes.ok()) return about_bundle(hash, bytes.status());
  auto out = bundle::decode_signed_bundle(*bytes);
  if (!out.ok()) return about_bundle(hash, out.status());
  auto content = bundle::decode_bundle(out->bundle);
  if (!content.ok()) return about_bundle(hash, content.status());
  if (bundle::bundle_hash(*content) == hash) return out;
  return about_bundle(hash, corrupt("its file holds another bundle, " + bundle::bundle_hash(*content).hex()));
}

Result<std::unique_ptr<engine::CompiledBundle>> PolicyDesk::compile(const Hash256& hash) const {
  ASSIGN_OR_RETURN(const bundle::SignedBundle signed_bundle, read_bundle(hash));
  ASSIGN_OR_RETURN(bundle::Bundle content, bundle::decode_bundle(signed_bundle.bundle));
  auto compiled = engine::CompiledBundle::compile(std::move(content), network_);
  if (!compiled.ok()) return about_bundle(hash, compiled.status());
  return std::make_unique<engine::CompiledBundle>(std::move(compiled).value());
}

void PolicyDesk::put_in_force(std::unique_ptr<engine::CompiledBundle> compiled) {
  decider_.reset();
  active_ = std::move(compiled);
  decider_ = std::make_unique<engine::Decider>(*active_);
  salt_ = bundle::attestation_salt(salt_seed_, active_->hash());
  attested_ = {active_->bundle().version, bundle::salted_hash(active_->bundle(), salt_)};
}

Status PolicyDesk::replay(const engine::Record& record) {
  CHECK(!active_);
  return apply(record);
}

Status PolicyDesk::ready() {
  ASSIGN_OR_RETURN(auto compiled, compile(state_.active().hash));
  put_in_force(std::move(compiled));
  if (!state_.waiting()) return ok_status();
  ASSIGN_OR_RETURN(waiting_, compile(state_.waiting()->bundle.hash));
  return ok_status();
}

std::optional<engine::ActivateRecord> PolicyDesk::due(model::LedgerMs now) const {
  const model::LedgerMs time = std::max(now, state_.latest());
  if (!state_.waiting() || time < state_.waiting()->effective) return std::nullopt;
  // Else those who can put a version in force could end a freeze, by a version that lets them.
  if (!state_.freezes().in_force.empty()) return std::nullopt;
  return engine::activate_record(waiting_->bundle(), waiting_->hash(), state_, time, &active_->bundle());
}

Result<Bytes> PolicyDesk::initiator_of(const model::IntentFacts& facts, ByteView ask,
                                       model::LedgerMs now) const {
  if (ask.empty()) return Bytes();
  const model::LedgerMs time = std::max(now, state_.latest());
  ASSIGN_OR_RETURN(bundle::SignedAsk signed_ask, bundle::decode_ask(ask));
  ASSIGN_OR_RETURN(const render::Terms terms, decider_->terms_of(facts, time));
  TRY(bundle::verify_ask(signed_ask, terms, active_->active(), time));
  return std::move(signed_ask.officer);
}

const engine::Decision& PolicyDesk::decide(const model::IntentFacts& facts, const engine::Now& now,
                                           ByteView initiator) {
  return decider_->decide(facts, state_, now, initiator);
}

Result<std::optional<engine::Record>> PolicyDesk::record_of(const model::IntentFacts& facts,
                                                            const engine::Decision& decision) {
  std::optional<engine::Record> out;
  switch (decision.outcome) {
    case engine::Outcome::kAllow: {
      ASSIGN_OR_RETURN(out, decider_->commit_record(facts, decision));
      break;
    }
    case engine::Outcome::kPending: {
      if (decision.known != nullptr) break;
      ASSIGN_OR_RETURN(out, decider_->reserve_record(facts, decision));
      break;
    }
    case engine::Outcome::kDeny: {
      auto denied = engine::Decider::denied_record(facts, decision);
      if (denied_.admits(denied)) out = std::move(denied);
      break;
    }
  }
  return out;
}

const PolicyDesk::Why* PolicyDesk::find_why(const model::IntentFacts& facts, const engine::Decision& decision,
                                            const Hash256& denial) const {
  const auto why = std::ranges::find(why_, facts.subject, &Why::subject);
  const bool serves = why != why_.end() && !denial.is_zero() && why->denial == denial &&
                      decision.time.get() - why->time.get() < kMaxExplanationAge;
  return serves ? &*why : nullptr;
}

std::string PolicyDesk::remember_why(const model::IntentFacts& facts, const engine::Decision& decision,
                                     std::size_t size) {
  const Hash256 denial = denial_of(facts, decision);
  if (const Why* known = find_why(facts, decision, denial)) return one_line(known->text, size);
  const engine::Explanation explained = engine::explain(*decider_, decision, state_);
  Why why{facts.subject, decision.outcome, std::string(decision.rule), decision.bundle,
          decision.time, denial,           engine::to_json(explained), engine::to_text(explained)};
  if (why.explanation.dump().size() > kMaxExplanation) {
    why.explanation = Json::object()
                          .set("schema", "custody.decision/1")
                          .set("outcome", engine::outcome_name(decision.outcome))
                          .set("rule", decision.rule)
                          .set("cut", true);
  }
  add_question(why.explanation, facts, network_);
  std::erase_if(why_, [&](const Why& other) { return other.subject == facts.subject; });
  why_.push_back(std::move(why));
  if (why_.size() > kMaxExplanations) why_.pop_front();
  return one_line(why_.back().text, size);
}

void PolicyDesk::remember_request(const Hash256& id) {
  CHECK(!why_.empty());
  why_.back().explanation.set("request", id.hex());
}

Result<engine::Record> PolicyDesk::vote(const bundle::SignedVote& vote, model::LedgerMs now) const {
  ASSIGN_OR_RETURN(engine::ApprovalRecord record, engine::admit_vote(vote, state_, active_->active(), now));
  return engine::Record(std::move(record));
}

Result<engine::Record> PolicyDesk::order(const bundle::SignedOrder& order, render::Freeze what,
                                         model::LedgerMs now) const {
  const model::LedgerMs time = std::max(now, state_.latest());
  if (order.order.what != what) {
    return invalid(what == render::Freeze::kFreeze ? "the order is not a freeze"
                                                   : "the order is not the end of a freeze");
  }
  TRY(bundle::verify_order(order, state_.freezes(), active_->active(), time));
  engine::FreezeRecord out{order.order, time};
  if (what == render::Freeze::kFreeze) out.officer = order.signatures.front().officer;
  return engine::Record(std::move(out));
}

Result<engine::Record> PolicyDesk::prices(ByteView signed_prices, model::LedgerMs now) const {
  const model::LedgerMs time = std::max(now, state_.latest());
  ASSIGN_OR_RETURN(const engine::SignedPrices prices, engine::decode_prices(signed_prices));
  TRY(engine::verify_prices(prices.statement, prices.signature, active_->bundle(), state_.prices_time(),
                            time));
  return engine::Record(engine::PriceRecord{prices.statement, time});
}

// Otherwise two versions that were both signed could restart each other's delay for ever, and one that its
// officers had replaced could be brought back by anyone who kept the file (B4).
Status PolicyDesk::check_replaces_waiting(const bundle::Bundle& next) const {
  if (!state_.waiting() || next.version > state_.waiting()->bundle.version) return ok_status();
  const std::string waiting = std::to_string(state_.waiting()->bundle.version);
  return refused("version " + waiting + " waits already, and only a higher one replaces it",
                 "give the new rules version " + std::to_string(state_.waiting()->bundle.version + 1) +
                     " and have them signed");
}

Result<engine::Record> PolicyDesk::propose(ByteView encoded, model::LedgerMs now) {
  const model::LedgerMs time = std::max(now, state_.latest());
  ASSIGN_OR_RETURN(const bundle::SignedBundle signed_bundle, bundle::decode_signed_bundle(encoded));
  ASSIGN_OR_RETURN(bundle::Bundle content, bundle::verify_bundle(signed_bundle, active_->active(), time));
  const Hash256 hash = bundle::bundle_hash(content);
  if (state_.waiting() && state_.waiting()->bundle.hash == hash) {
    return exists("this bundle waits already; it comes into force at " +
                  render::time_text(state_.waiting()->effective));
  }
  TRY(check_replaces_waiting(content));
  const std::uint64_t version = content.version;
  ASSIGN_OR_RETURN(auto compiled, engine::CompiledBundle::compile(std::move(content), network_));
  TRY(files_.write_atomic(bundle::file_name(hash), encoded));
  waiting_ = std::make_unique<engine::CompiledBundle>(std::move(compiled));
  return engine::Record(
      engine::WaitRecord{version, hash, time, bundle::effective_time(active_->bundle(), time)});
}

Status PolicyDesk::apply(const engine::Record& record) {
  TRY(state_.apply(record));
  past_.add(record);
  if (const auto* denied = std::get_if<engine::DeniedRecord>(&record)) denied_.add(*denied);
  if (const auto* wait = std::get_if<engine::WaitRecord>(&record)) {
    versions_.push_back(*wait);
    if (versions_.size() > kMaxVersions) versions_.pop_front();
  }
  if (const auto* activated = std::get_if<engine::ActivateRecord>(&record)) {
    denied_.clear();
    if (versions_.empty()) {
      versions_.push_back({activated->version, activated->hash, activated->time, activated->time});
    }
    if (active_) {
      CHECK(waiting_ && waiting_->hash() == activated->hash);
      put_in_force(std::move(waiting_));
    }
  }
  return ok_status();
}

bool PolicyDesk::is_frozen(model::CurrencyId currency) const {
  const auto known = std::ranges::find(network_.currencies, currency, &model::Currency::id);
  return bundle::is_frozen(state_.freezes(),
                           known == network_.currencies.end() ? ByteView() : ByteView(known->code));
}

Json PolicyDesk::bundle_status() const {
  Json out =
      Json::object()
          .set("schema", "custody.policy_status/1")
          .set("network", network_.chain_id.hex())
          .set("member", static_cast<std::uint64_t>(network_.member.get()))
          .set("active", version_json(state_.active()).set("quorum_until", quorum_text(active_->bundle())));
  if (state_.waiting()) {
    Json waiting = version_json(state_.waiting()->bundle);
    waiting.set("effective", render::time_text(state_.waiting()->effective));
    out.set("waiting", std::move(waiting));
  }
  Json frozen = Json::array();
  for (const bundle::FreezeInForce& one : state_.freezes().in_force) {
    if (!one.currency.empty()) frozen.push(as_text(one.currency));
  }
  out.set("frozen_everything", bundle::is_everything_frozen(state_.freezes()))
      .set("frozen", std::move(frozen))
      .set("freezes", freezes_json(state_.freezes()))
      .set("freeze_counter", state_.freezes().counter)
      .set("requests", static_cast<std::uint64_t>(state_.requests().size()))
      .set("ledger_time", render::time_text(state_.latest()));
  Json versions = Json::array();
  for (const engine::WaitRecord& version : versions_) {
    versions.push(Json::object()
                      .set("version", version.version)
                      .set("hash", version.hash.hex())
                      .set("signed", render::time_text(version.time))
                      .set("effective", render::time_text(version.effective)));
  }
  return out.set("versions", std::move(versions));
}

Json PolicyDesk::attestation() const {
  return Json::object()
      .set("schema", "custody.policy_attestation/1")
      .set("network", network_.chain_id.hex())
      .set("member", static_cast<std::uint64_t>(network_.member.get()))
      .set("version", attested_.version)
      .set("hash", active_->hash().hex())
      .set("salt", salt_.hex())
      .set("salted_hash", attested_.salted_hash.hex());
}

Json PolicyDesk::requests_page(const Hash256& after) const {
  Json list = Json::array();
  std::size_t size = 200;
  Hash256 last;
  bool more = false;
  const auto& all = state_.requests().all();
  for (auto place = after.is_zero() ? all.begin() : all.upper_bound(after); place != all.end(); ++place) {
    Json one = summary_json(place->second, active_->active(), state_.latest());
    size += one.dump().size() + 1;
    if (size > kMaxPage && !last.is_zero()) {
      more = true;
      break;
    }
    list.push(std::move(one));
    last = place->first;
  }
  return Json::object()
      .set("schema", "custody.requests/1")
      .set("requests", std::move(list))
      .set("next", more ? Json(last.hex()) : Json());
}

Result<Json> PolicyDesk::request(const Hash256& id) const {
  const engine::KnownRequest* known = state_.requests().find_by_id(id, state_.latest());
  if (known == nullptr) {
    return not_found("no request has the id " + id.hex(), "`custodyctl requests list` shows what is open");
  }
  return summary_json(*known, active_->active(), state_.latest())
      .set("schema", "custody.request/1")
      .set("encoded", to_base64(render::encode_request(known->request)));
}

Result<Json> PolicyDesk::explanation(const Hash256& subject) const {
  if (!subject.is_zero()) {
    const auto why = std::ranges::find(why_, subject, &Why::subject);
    if (why != why_.end()) return why->explanation;
    return not_found("no decision about " + subject.hex() + " is remembered",
                     "the last " + std::to_string(kMaxExplanations) + " are, since the signer's start");
  }
  Json list = Json::array();
  for (auto why = why_.rbegin(); why != why_.rend() && list.items().size() < 40; ++why) {
    list.push(Json::object()
                  .set("subject", why->subject.hex())
                  .set("outcome", engine::outcome_name(why->outcome))
                  .set("rule", why->rule)
                  .set("time", render::time_text(why->time)));
  }
  return Json::object().set("schema", "custody.decisions/1").set("decisions", std::move(list));
}

}  // namespace custody::signer::core
