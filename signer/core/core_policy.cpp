// What Core does for the officers: asks the policy, keeps what waits, takes statements and final blocks.
#include "base/json.h"
#include "signer/core/core.h"
#include "signer/core/records.h"
#include "signer/core/replies.h"

namespace custody::signer::core {
namespace {

std::string statement_rule(model::Statement what) {
  switch (what) {
    case model::Statement::kVote:
      return "policy.vote";
    case model::Statement::kActivate:
      return "policy.activate";
    case model::Statement::kFreeze:
      return "policy.freeze";
    case model::Statement::kUnfreeze:
      return "policy.unfreeze";
    case model::Statement::kPrices:
      break;
  }
  return "policy.prices";
}

}  // namespace

// Of the evidence; what carries none is judged by the newest that was seen.
engine::Now Core::ledger_now(const model::IntentFacts& facts) const {
  if (facts.height == model::Height(0)) return {memory_.state.head.height, memory_.state.head.time};
  return {facts.height, facts.time};
}

Status Core::ask_policy(Authorised& authorised, ByteView ask) {
  const model::IntentFacts& facts = authorised.verdict.facts;
  const engine::Now now = ledger_now(facts);
  TRY(activate_if_due(now.time));
  PolicyDesk& desk = *memory_.desk;
  const auto initiator = desk.initiator_of(facts, ask, now.time);
  if (!initiator.ok()) return initiator.status().with_context("policy.ask");
  const engine::Decision& decision = desk.decide(facts, now, *initiator);
  const engine::Outcome outcome = decision.outcome;
  authorised.rule = std::string(decision.rule);
  ASSIGN_OR_RETURN(std::optional<engine::Record> record, desk.record_of(facts, decision));
  if (decision.known != nullptr) authorised.pending = decision.known->id;
  authorised.why = desk.remember_why(facts, decision, kMaxMessage);
  switch (outcome) {
    case engine::Outcome::kAllow:
      authorised.pending.reset();
      authorised.record = std::move(record);
      return ok_status();
    case engine::Outcome::kPending:
      return record ? open_request(authorised, *record) : ok_status();
    case engine::Outcome::kDeny:
      break;
  }
  if (record) TRY(write(*record));
  return refused(authorised.why).with_context(authorised.rule);
}

// RESERVE is durable before anybody is told that the request waits.
Status Core::open_request(Authorised& authorised, const engine::Record& record) {
  TRY(write_durably(record));
  authorised.pending = policy::render::request_id(std::get<engine::ReserveRecord>(record).request);
  memory_.desk->remember_request(*authorised.pending);
  return ok_status();
}

Status Core::activate_if_due(model::LedgerMs now) {
  const auto due = memory_.desk->due(now);
  return due ? write(*due) : ok_status();
}

Status Core::write(const engine::Record& record) {
  const Bytes payload = engine::encode_record(record);
  journal::SignerJournal& journal = *memory_.journal;
  const auto sequence =
      std::holds_alternative<engine::ReserveRecord>(record)   ? journal.append_reserve(payload)
      : std::holds_alternative<engine::ReleaseRecord>(record) ? journal.append_release(payload)
                                                              : journal.append_policy(payload);
  if (!sequence.ok()) return fail("the journal", sequence.status());
  const Status applied = memory_.desk->apply(record);
  return applied.ok() ? applied : fail("the policy's memory", applied);
}

Status Core::write_durably(const engine::Record& record) {
  TRY(write(record));
  const Status durable = memory_.journal->sync();
  return durable.ok() ? durable : fail("the journal", durable);
}

// Lazily durable: a head that is lost is proven again.
Status Core::remember_head(const model::GuardState& next) {
  if (next.head == memory_.state.head) return ok_status();
  const auto appended = memory_.journal->append_state(proto::reader::encode(HeadRecord{next.head}));
  if (!appended.ok()) return fail("the journal", appended.status());
  take(next);
  memory_.desk->advance(next.head.time);
  return ok_status();
}

model::SignReply Core::move_head(const Ask& ask, const model::LedgerHeadIntent& intent) {
  const auto next = guard::advance(memory_.state, intent.evidence);
  if (!next.ok()) return refuse(ask.caller, ask.request, ask.id, 0, next.status());
  const bool known = next->head == memory_.state.head;
  // Also when it is known: an ACTIVATE that was lost with the power is written again.
  if (!remember_head(*next).ok() || !activate_if_due(next->head.time).ok()) return stopped(ask.id);
  model::SignReply reply = known ? done(ask.id) : accept(ask, "signer.head", 0);
  if (reply.code == 0) reply.policy = memory_.desk->attested();
  return reply;
}

Status Core::check_attestation(const model::PolicyAttestation& said) const {
  const model::AttestedPolicy& own = memory_.desk->attested();
  if (said.version == own.version && said.salted_hash == own.salted_hash) return ok_status();
  return refused(
             "version " + std::to_string(said.version) + ", " + said.salted_hash.hex() +
                 ", is not the policy in force: version " + std::to_string(own.version) + ", " +
                 own.salted_hash.hex(),
             "the node asks again with the one in force; if this is logged again and again, see that node "
             "and signer are of one member: custodyctl policy attestation")
      .with_context("policy.attestation");
}

Result<engine::Record> Core::check_statement(const model::StatementIntent& intent) const {
  const model::LedgerMs now = memory_.state.head.time;
  PolicyDesk& desk = *memory_.desk;
  switch (intent.what) {
    case model::Statement::kVote: {
      ASSIGN_OR_RETURN(const auto vote, policy::bundle::decode_vote(intent.body));
      return desk.vote(vote, now);
    }
    case model::Statement::kActivate:
      return desk.propose(intent.body, now);
    case model::Statement::kFreeze:
    case model::Statement::kUnfreeze: {
      ASSIGN_OR_RETURN(const auto order, policy::bundle::decode_order(intent.body));
      return desk.order(order,
                        intent.what == model::Statement::kFreeze ? policy::render::Freeze::kFreeze
                                                                 : policy::render::Freeze::kUnfreeze,
                        now);
    }
    case model::Statement::kPrices:
      break;
  }
  return desk.prices(intent.body, now);
}

model::SignReply Core::take_statement(const Ask& ask, const model::StatementIntent& intent) {
  if (!activate_if_due(memory_.state.head.time).ok()) return stopped(ask.id);
  const std::string rule = statement_rule(intent.what);
  // A freeze can wait for nothing.
  if (intent.what != model::Statement::kFreeze) {
    const Status fresh = check_head_age(memory_.state.head.time);
    if (!fresh.ok()) return refuse(ask.caller, ask.request, ask.id, 0, fresh);
  }
  const auto record = check_statement(intent);
  if (!record.ok()) {
    if (record.status().code() == Code::kIo) (void)fail("the bundle", record.status());
    return refuse(ask.caller, ask.request, ask.id, 0, record.status().with_context(rule));
  }
  const std::uint64_t sequence = memory_.journal->next_sequence();
  if (!write_durably(*record).ok()) return stopped(ask.id);
  told_.clear();
  // A bundle without a delay is in force at once; so is one that a freeze has held back.
  if (!activate_if_due(memory_.state.head.time).ok()) return stopped(ask.id);
  return accept(ask, rule, sequence);
}

model::SignReply Core::answer_policy(const Ask& ask, const model::PolicyQuery& query) const {
  const PolicyDesk& desk = *memory_.desk;
  const auto answer = [&]() -> Result<Json> {
    switch (query.what) {
      case model::PolicyQuestion::kBundle:
        return desk.bundle_status();
      case model::PolicyQuestion::kRequests:
        return desk.requests_page(query.about);
      case model::PolicyQuestion::kRequest:
        return desk.request(query.about);
      case model::PolicyQuestion::kExplain:
        return desk.explanation(query.about);
      case model::PolicyQuestion::kAttestation:
        return desk.attestation();
      case model::PolicyQuestion::kPast:
        break;
    }
    return desk.past().page(query.after);
  }();
  if (!answer.ok()) return error_reply(ask.id, "signer.query", answer.status());
  model::SignReply reply;
  reply.id = ask.id;
  reply.detail = to_bytes(answer->dump());
  return reply;
}

// A node asks every few seconds: a leaf says when the waiting began and when something about it changed.
model::SignReply Core::wait(const Ask& ask, const Authorised& authorised) {
  const auto kind = static_cast<std::uint8_t>(authorised.verdict.facts.kind);
  const Status why = refused(authorised.why).with_context(authorised.rule);
  if (told_.size() > engine::kMaxRequests) told_.clear();
  const bool known = !told_.insert(*authorised.pending).second;
  model::SignReply reply = known ? error_reply(ask.id, guard::rule_of(why), why)
                                 : refuse(ask.caller, ask.request, ask.id, kind, why);
  if (failure_.ok()) reply.pending = authorised.pending;
  return reply;
}

}  // namespace custody::signer::core
