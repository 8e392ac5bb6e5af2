// The officers' side of the signer: the bundle in force and the one that waits, what was asked and voted, and
// why the last requests were decided as they were. It decides and says which records the journal must hold;
// the caller writes them, and apply() makes them count. There is no clock: time is the ledger's, as proven.
// Thread-safety: one thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "policy/engine/explain.h"
#include "signer/core/denied_memory.h"
#include "signer/core/past.h"

namespace custody::signer::core {

namespace model = ledger::model;
namespace engine = policy::engine;

constexpr std::size_t kMaxExplanations = 64;        // of the last decisions
constexpr std::size_t kMaxExplanation = 24u << 10;  // bytes of one; a longer one is cut to its outcome
static_assert(engine::kMaxExplained < kMaxExplanation);
constexpr std::uint64_t kMaxExplanationAge = 60'000;  // ms of ledger time for which one of a denial serves
constexpr std::size_t kMaxVersions = 32;              // of the bundles that were accepted, the newest

class PolicyDesk {
 public:
  // Puts the bundle that the ceremony bound in force as of genesis. kNotFound, kCorrupt, kInvalid: its file
  // or the salts' seed is missing, is another, or is not for this network and member.
  static Result<std::unique_ptr<PolicyDesk>> open(Directory& files, engine::Network network,
                                                  model::LedgerMs genesis_time, const Hash256& bound);

  // A record of the journal, in order. Then ready(), once: it compiles the bundles in force and in wait.
  Status replay(const engine::Record& record);
  Status ready();

  // The record that must be written before anything else is decided at `now`: the waiting bundle's time has
  // come.
  std::optional<engine::ActivateRecord> due(model::LedgerMs now) const;
  // The officer whom an encoded SignedAsk names, once it counts at `now` (bundle::verify_ask) for what the
  // facts say; empty when nobody has signed: the node or operator asks.
  Result<Bytes> initiator_of(const model::IntentFacts& facts, ByteView ask, model::LedgerMs now) const;
  // Valid until the next call of a function that is not const.
  const engine::Decision& decide(const model::IntentFacts& facts, const engine::Now& now, ByteView initiator);
  // What the journal must hold of the last decision: for ALLOW always, for PENDING the first time, for DENY
  // as DeniedMemory says. kInvalid: a request that officers could not be shown.
  Result<std::optional<engine::Record>> record_of(const model::IntentFacts& facts,
                                                  const engine::Decision& decision);
  // Keeps why, for explanation(); and says it in at most `size` characters. What was denied in the same way
  // within kMaxExplanationAge is not explained anew.
  std::string remember_why(const model::IntentFacts& facts, const engine::Decision& decision,
                           std::size_t size);
  // The last decision that was kept opened this request.
  void remember_request(const Hash256& id);

  // What officers send, checked: the record to write. An error changes nothing.
  Result<engine::Record> vote(const policy::bundle::SignedVote& vote, model::LedgerMs now) const;
  Result<engine::Record> order(const policy::bundle::SignedOrder& order, policy::render::Freeze what,
                               model::LedgerMs now) const;
  Result<engine::Record> prices(ByteView signed_prices, model::LedgerMs now) const;
  // Also writes the bundle's file, durable on return.
  Result<engine::Record> propose(ByteView signed_bundle, model::LedgerMs now);

  // A record that is in the journal.
  Status apply(const engine::Record& record);
  // Ledger time as proven.
  void advance(model::LedgerMs now) { state_.advance(now); }

  const engine::EngineState& state() const { return state_; }
  const engine::CompiledBundle& active() const { return *active_; }
  // Of the bundle in force.
  const model::AttestedPolicy& attested() const { return attested_; }
  // Whether money of this currency must not be signed for now; 0: anything that a freeze of everything stops.
  bool is_frozen(model::CurrencyId currency) const;

  // Answers to the operator: JSON of at most kMaxPage bytes (one request, record or piece of one: what it
  // has; the status: and what the freezes in force say).
  Json bundle_status() const;
  Json requests_page(const Hash256& after) const;
  Result<Json> request(const Hash256& id) const;
  Result<Json> explanation(const Hash256& subject) const;  // zero: the list of those that are kept
  const Past& past() const { return past_; }
  Json attestation() const;  // for an auditor: with the salt

 private:
  struct Why {
    Hash256 subject;
    engine::Outcome outcome;
    std::string rule;
    std::uint64_t bundle;
    model::LedgerMs time;
    Hash256 denial;  // of a DENY: all that was asked and answered, but for the time
    Json explanation;
    std::string text;
  };

  PolicyDesk(Directory& files, engine::Network network) : files_(files), network_(std::move(network)) {}
  Result<policy::bundle::SignedBundle> read_bundle(const Hash256& hash) const;
  Result<std::unique_ptr<engine::CompiledBundle>> compile(const Hash256& hash) const;
  Status check_replaces_waiting(const policy::bundle::Bundle& next) const;
  void put_in_force(std::unique_ptr<engine::CompiledBundle> bundle);
  const Why* find_why(const model::IntentFacts& facts, const engine::Decision& decision,
                      const Hash256& denial) const;

  Directory& files_;
  engine::Network network_;
  SecretBytes salt_seed_;
  engine::EngineState state_;
  std::unique_ptr<engine::CompiledBundle> active_;
  Hash256 salt_;  // of active_'s attestation
  model::AttestedPolicy attested_;
  std::unique_ptr<engine::CompiledBundle> waiting_;
  std::unique_ptr<engine::Decider> decider_;  // of active_
  std::deque<engine::WaitRecord> versions_;   // that were put in wait, and the first; the newest kMaxVersions
  Past past_;
  DeniedMemory denied_;
  std::deque<Why> why_;
};

}  // namespace custody::signer::core
