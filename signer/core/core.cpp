#include "signer/core/core.h"

#include <algorithm>

#include "base/crypto/hash.h"
#include "base/json.h"
#include "signer/core/records.h"
#include "signer/core/replies.h"

namespace custody::signer::core {
namespace {

constexpr std::size_t kRecentVotes = 16;
constexpr std::uint64_t kLeavesPerSync = 256;

using model::IntentKind;

bool through_policy(IntentKind kind) {
  return kind == IntentKind::kMint || kind == IntentKind::kPayout || kind == IntentKind::kProposalTx ||
         kind == IntentKind::kBallot;
}

bool moves_money(IntentKind kind) {
  return kind == IntentKind::kMint || kind == IntentKind::kPayout;
}

// What an officer signed to say that he asks; empty where nobody can.
ByteView ask_of(const model::Intent& intent) {
  if (const auto* proposal = std::get_if<model::ProposalTxIntent>(&intent)) return proposal->ask;
  const auto* ballot = std::get_if<model::BallotIntent>(&intent);
  return ballot == nullptr ? ByteView() : ByteView(ballot->ask);
}

bool is_freeze(const model::Intent& intent) {
  const auto* said = std::get_if<model::StatementIntent>(&intent);
  return said != nullptr && said->what == model::Statement::kFreeze;
}

bool is_consensus(IntentKind kind) {
  return kind == IntentKind::kProposal || kind == IntentKind::kPrevote || kind == IntentKind::kPrecommit;
}

// In the order of Intent's alternatives; the kind of a vote is refined by its type.
std::uint8_t kind_of(const model::Intent& intent) {
  constexpr IntentKind kKinds[] = {IntentKind::kProposal,   IntentKind::kPrevote, IntentKind::kExternalHead,
                                   IntentKind::kMint,       IntentKind::kPayout,  IntentKind::kSlotSignature,
                                   IntentKind::kProposalTx, IntentKind::kBallot};
  if (std::holds_alternative<model::PolicyAttestationIntent>(intent)) {
    return static_cast<std::uint8_t>(IntentKind::kPolicyAttestation);
  }
  if (intent.index() >= std::size(kKinds)) return 0;
  const auto* vote = std::get_if<model::VoteIntent>(&intent);
  if (vote != nullptr && vote->type == model::VoteType::kPrecommit) {
    return static_cast<std::uint8_t>(IntentKind::kPrecommit);
  }
  return static_cast<std::uint8_t>(kKinds[intent.index()]);
}

Hash256 hash_of(const std::vector<Signature>& signatures) {
  if (signatures.empty()) return {};
  crypto::Sha256 hash;
  for (const Signature& signature : signatures) hash.update(signature);
  return hash.finish();
}

Json counters_json(const hsm::TokenCounters& counters) {
  return Json::object()
      .set("signatures", counters.signatures)
      .set("bad_signatures", counters.bad_signatures)
      .set("failures", counters.failures)
      .set("sessions", counters.sessions);
}

}  // namespace

bool may_ask(Caller caller, const model::Intent& intent) {
  if (std::holds_alternative<model::StatusQuery>(intent)) return true;
  const bool of_operator = std::holds_alternative<model::ProposalTxIntent>(intent) ||
                           std::holds_alternative<model::BallotIntent>(intent) ||
                           std::holds_alternative<model::StatementIntent>(intent) ||
                           std::holds_alternative<model::PolicyQuery>(intent);
  return of_operator == (caller == Caller::kOperator);
}

bool is_urgent(ByteView request) {
  if (request.size() > model::kMaxIntentHeader) return false;
  const auto decoded = proto::reader::decode<model::SignRequest>(request, model::kMaxIntentHeader);
  if (!decoded.ok()) return true;  // answered at once
  return std::holds_alternative<model::ProposalIntent>(decoded->intent) ||
         std::holds_alternative<model::VoteIntent>(decoded->intent) ||
         std::holds_alternative<model::StatusQuery>(decoded->intent) || is_freeze(decoded->intent);
}

Core::Core(Identity identity, Memory memory, hsm::Token& token)
    : identity_(std::move(identity)), memory_(std::move(memory)), token_(token) {}

void Core::observe(MonotonicMs now) {
  head_age_.observe(now, memory_.state.head.time);
}

// What the guard remembers from now on.
void Core::take(const model::GuardState& next) {
  head_age_.saw(next.head.time);
  memory_.state = next;
}

Status Core::check_head_age(model::LedgerMs head) {
  const std::uint64_t behind = head_age_.behind(head);
  if (behind > kMaxHeadAgeMs) {
    return refused("signer.stale_head: the newest final block that was shown is " +
                       std::to_string(behind / 60'000) +
                       " minutes older than by this machine's clock it should be",
                   "see why the node does not advance: custodyctl status");
  }
  head_age_.saw(head);
  return ok_status();
}

Core::Started Core::start_job(Caller caller, ByteView request) {
  const auto decoded = proto::reader::decode<model::SignRequest>(request, model::kMaxEvidence);
  const std::uint64_t id = decoded.ok() ? decoded->id : 0;
  if (decoded.ok() && std::holds_alternative<model::StatusQuery>(decoded->intent)) return answer_status(id);
  if (!failure_.ok()) return stopped(id);
  if (!decoded.ok()) return refuse(caller, request, id, 0, decoded.status().with_context("signer.decode"));
  const std::uint8_t kind = kind_of(decoded->intent);
  if (!may_ask(caller, decoded->intent)) {
    const Status why =
        unauthenticated("this socket may not ask for this intent",
                        caller == Caller::kNode ? "use the operator's socket" : "use the node's socket");
    return refuse(caller, request, id, kind, why.with_context("signer.caller"));
  }
  const Ask ask{caller, request, id};
  if (const auto* query = std::get_if<model::PolicyQuery>(&decoded->intent))
    return answer_policy(ask, *query);
  if (const auto* head = std::get_if<model::LedgerHeadIntent>(&decoded->intent)) return move_head(ask, *head);
  if (const auto* said = std::get_if<model::StatementIntent>(&decoded->intent))
    return take_statement(ask, *said);
  const auto authorised = authorise(decoded->intent);
  if (!authorised.ok()) return refuse(caller, request, id, kind, authorised.status());
  if (authorised->pending) return wait(ask, *authorised);

  Job job;
  job.id_ = id;
  job.caller_ = caller;
  job.request_ = crypto::sha256(request);
  job.key_ = authorised->verdict.key.key;
  job.digests_ = authorised->verdict.digests;
  job.facts_ = authorised->verdict.facts;
  job.rule_ = authorised->rule;
  if (const auto signature = cached(authorised->verdict)) {
    job.signatures_ = {*signature};
    return finish(job, ok_status());
  }
  const auto sequence = commit(*authorised);
  if (!sequence.ok()) return stopped(id);
  job.commit_ = *sequence;
  return job;
}

Result<Core::Authorised> Core::authorise(const model::Intent& intent) {
  Authorised out;
  ASSIGN_OR_RETURN(out.verdict, guard::check(memory_.state, intent));
  if (through_policy(out.verdict.facts.kind)) {
    TRY(check_head_age(out.verdict.next.head.time));
    TRY(ask_policy(out, ask_of(intent)));
  }
  if (const auto* said = std::get_if<model::PolicyAttestationIntent>(&intent)) {
    TRY(check_attestation(said->attestation));
  }
  return out;
}

Result<std::uint64_t> Core::commit(const Authorised& authorised) {
  const guard::Verdict& verdict = authorised.verdict;
  // First: when the power fails between the two, an amount counts that was not signed.
  if (authorised.record) TRY(write(*authorised.record));
  CommitRecord record;
  record.kind = verdict.facts.kind;
  record.digests = verdict.digests;
  record.counter = verdict.next.counter;
  if (is_consensus(record.kind)) record.watermark = verdict.next.watermark;
  if (moves_money(record.kind)) record.state = verdict.next;
  record.audit_size = memory_.durable_audit.size;
  record.audit_root = memory_.durable_audit.root;
  auto sequence = memory_.journal->append_commit(proto::reader::encode(record));
  if (!sequence.ok()) return fail("the journal", sequence.status());
  take(verdict.next);
  ++memory_.commits;
  return sequence;
}

// Done, without a signature.
model::SignReply Core::accept(const Ask& ask, std::string_view rule, std::uint64_t record) {
  AuditLeaf leaf;
  leaf.caller = static_cast<std::uint8_t>(ask.caller);
  leaf.request = crypto::sha256(ask.request);
  leaf.rule = cut(rule, kMaxRule);
  leaf.record = record;
  leaf.time = memory_.state.head.time;
  leaf.policy = memory_.desk->active().hash();
  return add_leaf(leaf).ok() ? done(ask.id) : stopped(ask.id);
}

std::optional<Signature> Core::cached(const guard::Verdict& verdict) const {
  if (!verdict.repeat || verdict.digests.size() != 1) return std::nullopt;
  for (const auto& [digest, signature] : recent_) {
    if (digest == verdict.digests.front()) return signature;
  }
  return std::nullopt;
}

std::optional<model::SignReply> Core::continue_job(Job& job) {
  if (!failure_.ok()) return stopped(job.id_);
  CHECK(job.remaining() > 0);
  if (through_policy(job.facts_.kind) && memory_.desk->is_frozen(job.facts_.currency)) {
    job.signatures_.clear();
    return finish(job, refused("an officer has frozen it meanwhile").with_context("policy.frozen"));
  }
  if (const Status durable = memory_.journal->make_durable(job.commit_); !durable.ok()) {
    return error_reply(job.id_, "signer.stopped", fail("the journal", durable));
  }
  const auto signature = token_.sign(job.key_, job.digests_[job.signatures_.size()]);
  if (!signature.ok()) {
    job.signatures_.clear();
    return finish(job, signature.status().with_context("signer.token"));
  }
  job.signatures_.push_back(*signature);
  if (job.remaining() > 0) return std::nullopt;
  const auto done = memory_.journal->append_done(proto::reader::encode(DoneRecord{job.commit_}));
  if (!done.ok()) {
    const Status failed = fail("the journal", done.status());
    return error_reply(job.id_, "signer.stopped", failed);
  }
  if (is_consensus(job.facts_.kind)) {
    recent_.emplace_back(job.digests_.front(), *signature);
    if (recent_.size() > kRecentVotes) recent_.pop_front();
  }
  return finish(job, ok_status());
}

model::SignReply Core::step(Caller caller, ByteView request) {
  Started started = start_job(caller, request);
  if (auto* reply = std::get_if<model::SignReply>(&started)) return std::move(*reply);
  Job& job = std::get<Job>(started);
  for (;;) {
    if (auto reply = continue_job(job)) return std::move(*reply);
  }
}

// The leaf, then the reply: a signature whose leaf could not be written is not released.
model::SignReply Core::finish(const Job& job, const Status& outcome) {
  AuditLeaf leaf;
  leaf.caller = static_cast<std::uint8_t>(job.caller_);
  leaf.kind = static_cast<std::uint8_t>(job.facts_.kind);
  leaf.request = job.request_;
  leaf.code = static_cast<std::uint8_t>(outcome.code());
  leaf.rule = cut(outcome.ok() ? std::string_view(job.rule_) : guard::rule_of(outcome), kMaxRule);
  leaf.record = job.commit_;
  leaf.digests = job.digests_;
  leaf.key = job.key_;
  leaf.signatures = hash_of(job.signatures_);
  leaf.currency = job.facts_.currency;
  leaf.amount = job.facts_.amount;
  leaf.time = job.facts_.time;
  leaf.policy = memory_.desk->active().hash();
  if (!add_leaf(leaf).ok()) return stopped(job.id_);
  if (!outcome.ok()) return error_reply(job.id_, guard::rule_of(outcome), outcome);
  model::SignReply reply;
  reply.id = job.id_;
  reply.signatures = job.signatures_;
  if (moves_money(job.facts_.kind)) reply.policy = memory_.desk->attested();
  return reply;
}

model::SignReply Core::refuse(Caller caller, ByteView request, std::uint64_t id, std::uint8_t kind,
                              const Status& why) {
  AuditLeaf leaf;
  leaf.caller = static_cast<std::uint8_t>(caller);
  leaf.kind = kind;
  leaf.request = crypto::sha256(request);
  leaf.code = static_cast<std::uint8_t>(why.code());
  leaf.rule = cut(guard::rule_of(why), kMaxRule);
  leaf.policy = memory_.desk->active().hash();
  if (!add_leaf(leaf).ok()) return stopped(id);
  return error_reply(id, guard::rule_of(why), why);
}

Status Core::add_leaf(const AuditLeaf& leaf) {
  const auto index = memory_.audit->append(proto::reader::encode(leaf));
  if (!index.ok()) return fail("the audit log", index.status());
  if (++leaves_since_sync_ < kLeavesPerSync) return ok_status();
  return idle();
}

Status Core::idle() {
  if (!failure_.ok() || leaves_since_sync_ == 0) return failure_;
  const Status journal = memory_.journal->sync();
  if (!journal.ok()) return fail("the journal", journal);
  const Status audit = memory_.audit->sync();
  if (!audit.ok()) return fail("the audit log", audit);
  memory_.durable_audit = memory_.audit->head();
  leaves_since_sync_ = 0;
  return ok_status();
}

Status Core::fail(std::string_view what, const Status& status) {
  failure_ =
      Status(Code::kIo,
             std::string(what) + " could not be written, so nothing is signed any more: " + status.message(),
             "make room or repair the disk, then restart custody-signerd");
  return failure_;
}

model::SignReply Core::stopped(std::uint64_t id) const {
  return error_reply(id, "signer.stopped", failure_);
}

model::SignReply Core::answer_status(std::uint64_t id) const {
  const model::GuardState& state = memory_.state;
  const audit::Head audit = memory_.audit->head();
  Json detail =
      Json::object()
          .set("ok", failure_.ok())
          .set("problem", failure_.ok() ? Json() : Json(failure_.to_string()))
          .set("member", static_cast<std::uint64_t>(state.member.get()))
          .set("chain_id", state.chain_id.hex())
          .set("policy", Json::object()
                             .set("version", memory_.desk->state().active().version)
                             .set("hash", memory_.desk->state().active().hash.hex()))
          .set("watermark", Json::object()
                                .set("height", state.watermark.height.get())
                                .set("round", static_cast<std::uint64_t>(state.watermark.round.get()))
                                .set("step", static_cast<std::uint64_t>(state.watermark.step)))
          .set("last_precommit", state.last_precommit.get())
          .set("head",
               Json::object().set("height", state.head.height.get()).set("time_ms", state.head.time.get()))
          .set("open_slots", static_cast<std::uint64_t>(state.slots.size()))
          .set("authorised", state.counter)
          .set("commits", memory_.commits)
          .set("outcome_unknown", memory_.outcome_unknown)
          .set("audit", Json::object().set("size", audit.size).set("root", audit.root.hex()))
          .set("token", counters_json(token_.counters()));
  model::SignReply reply;
  reply.id = id;
  reply.detail = to_bytes(detail.dump());
  reply.policy = memory_.desk->attested();
  return reply;
}

}  // namespace custody::signer::core
