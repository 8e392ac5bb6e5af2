// The signer's order: decode, guard, policy, journal (durable), token, verify and low S (inside the token's
// wrapper), audit leaf, reply. Single-threaded; token and files are injected, there is no clock.
//
// A request becomes either its reply, or a job whose signatures are made one at a time, so that the daemon
// can put votes between the inputs of a payout. After a failed write or fsync nothing is signed any more.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <variant>

#include "base/clock.h"
#include "signer/core/head_age.h"
#include "signer/core/memory.h"
#include "signer/hsm/token.h"

namespace custody::signer::core {

// Who asks: the socket that the request came through.
enum class Caller : std::uint8_t { kNode = 1, kOperator = 2 };

// The table caller x intent: node: proposal, votes, external head, ledger head, mint, payout, slot signature,
// policy attestation; operator: proposals and ballots, officers' statements, questions about the policy;
// both: status.
bool may_ask(Caller caller, const model::Intent& intent);

// Votes, proposals, freezes and status before everything else. Requests above kMaxIntentHeader are never
// urgent.
bool is_urgent(ByteView request);

// A journaled request whose signatures are being made. Only Core makes and reads it.
class Job {
 public:
  std::size_t remaining() const { return digests_.size() - signatures_.size(); }

 private:
  friend class Core;
  std::uint64_t id_ = 0;
  Caller caller_ = Caller::kNode;
  Hash256 request_;
  std::uint64_t commit_ = 0;
  PublicKey key_;
  std::vector<Hash256> digests_;
  std::vector<Signature> signatures_;
  model::IntentFacts facts_;
  std::string rule_;
};

class Core {
 public:
  // The token must outlive the object.
  Core(Identity identity, Memory memory, hsm::Token& token);

  // Boot time; call before the requests that came by then. It can only make payouts wait.
  void observe(MonotonicMs now);

  using Started = std::variant<model::SignReply, Job>;
  // Decides and appends the COMMIT. A refusal is a reply and has not reached the token.
  Started start_job(Caller caller, ByteView request);
  // Makes the COMMIT durable, with those of all jobs started by now, unless it is; then asks the token for
  // one signature. The reply when it was the last one or failed; otherwise call again.
  std::optional<model::SignReply> continue_job(Job& job);
  // start_job and continue_job to the end.
  model::SignReply step(Caller caller, ByteView request);

  // Makes durable what is written lazily (DONE records, audit leaves). Call when there is nothing else to do.
  Status idle();
  // Why nothing is signed any more; ok while all is well.
  const Status& failure() const { return failure_; }

  const model::GuardState& state() const { return memory_.state; }
  const Memory& memory() const { return memory_; }

 private:
  // A request that may be signed; or, when pending is there, that waits for officers.
  struct Authorised {
    guard::Verdict verdict;
    std::string rule;
    std::optional<engine::Record> record;
    std::optional<Hash256> pending;
    std::string why;
  };
  Result<Authorised> authorise(const model::Intent& intent);
  // That the ledger's time is the present: what officers say and what their policy decides depends on it.
  Status check_head_age(model::LedgerMs head);
  Status ask_policy(Authorised& authorised, ByteView ask);
  Status open_request(Authorised& authorised, const engine::Record& record);
  Result<std::uint64_t> commit(const Authorised& authorised);
  // Journals a record of the policy, and makes it count.
  Status write(const engine::Record& record);
  Status write_durably(const engine::Record& record);
  Status activate_if_due(model::LedgerMs now);
  // A fixed rule: what is in force, whatever it says, frozen or not.
  Status check_attestation(const model::PolicyAttestation& said) const;
  engine::Now ledger_now(const model::IntentFacts& facts) const;

  struct Ask {
    Caller caller;
    ByteView request;
    std::uint64_t id;
  };
  void take(const model::GuardState& next);
  Status remember_head(const model::GuardState& next);
  model::SignReply move_head(const Ask& ask, const model::LedgerHeadIntent& intent);
  model::SignReply take_statement(const Ask& ask, const model::StatementIntent& intent);
  Result<engine::Record> check_statement(const model::StatementIntent& intent) const;
  model::SignReply answer_policy(const Ask& ask, const model::PolicyQuery& query) const;
  model::SignReply wait(const Ask& ask, const Authorised& authorised);
  model::SignReply accept(const Ask& ask, std::string_view rule, std::uint64_t record);
  std::optional<Signature> cached(const guard::Verdict& verdict) const;
  model::SignReply refuse(Caller caller, ByteView request, std::uint64_t id, std::uint8_t kind,
                          const Status& why);
  model::SignReply finish(const Job& job, const Status& outcome);
  model::SignReply answer_status(std::uint64_t id) const;
  model::SignReply stopped(std::uint64_t id) const;
  // Remembers a failed write; returns the status for the reply.
  Status fail(std::string_view what, const Status& status);
  Status add_leaf(const struct AuditLeaf& leaf);

  Identity identity_;
  Memory memory_;
  hsm::Token& token_;
  Status failure_;
  std::deque<std::pair<Hash256, Signature>> recent_;  // of consensus messages: a repeat needs no token
  std::uint64_t leaves_since_sync_ = 0;
  HeadAge head_age_;
  std::set<Hash256> told_;  // requests of which the node knows that they wait, and nothing has changed since
};

}  // namespace custody::signer::core
