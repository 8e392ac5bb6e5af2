#include "signer/core/memory.h"

#include <algorithm>
#include <set>

#include "signer/core/records.h"

namespace custody::signer::core {
namespace {

constexpr std::string_view kRestoreHint = "restore the member's directory as the ceremony made it";

Status check_binding(const journal::Binding& binding, const Identity& identity,
                     const model::GuardState& state) {
  if (binding.chain_id.array() != identity.chain_id.array()) {
    return refused("genesis.bin is of another network: its chain id is " + identity.chain_id.hex() +
                       ", the journal is bound to " + binding.chain_id.hex(),
                   std::string(kRestoreHint));
  }
  if (binding.member != identity.member.get()) {
    return refused("the journal is bound to member " + std::to_string(binding.member) +
                       ", this directory is member " + std::to_string(identity.member.get()),
                   std::string(kRestoreHint));
  }
  for (const model::GuardKey& key : state.keys) {
    const std::string label = key_label(identity.genesis, key);
    const auto pin = std::ranges::find(binding.keys, label, &journal::KeyPin::name);
    if (pin == binding.keys.end() || pin->key != key.key) {
      return refused("the journal does not pin genesis' key " + label + " of this member",
                     std::string(kRestoreHint));
    }
  }
  return ok_status();
}

// Applies the journal's records one by one.
class Replay {
 public:
  Replay(Memory& memory, audit::Head& audit_head) : memory_(memory), audit_head_(audit_head) {}

  Status record(std::uint64_t sequence, journal::RecordKind kind, ByteView payload) {
    switch (kind) {
      case journal::RecordKind::kCommit:
        return commit(sequence, payload);
      case journal::RecordKind::kDone:
        return done(sequence, payload);
      case journal::RecordKind::kState:
        return head(sequence, payload);
      case journal::RecordKind::kReserve:
      case journal::RecordKind::kRelease:
      case journal::RecordKind::kPolicy:
        return policy(sequence, payload);
      default:
        return broken(sequence, "a kind of record that this version does not write");
    }
  }
  std::uint64_t open_commits() const { return open_.size(); }

 private:
  static Status broken(std::uint64_t sequence, const std::string& why) {
    return corrupt("signer journal, record " + std::to_string(sequence) + ": " + why,
                   "restore the newest journal; never start without one: the signer would sign twice");
  }

  Status commit(std::uint64_t sequence, ByteView payload) {
    const auto commit = proto::reader::decode<CommitRecord>(payload, journal::kMaxPayload);
    if (!commit.ok()) return broken(sequence, commit.status().message());
    model::GuardState& state = memory_.state;
    if (commit->digests.empty() || commit->counter != state.counter + commit->digests.size()) {
      return broken(sequence, "its counter does not follow from the record before");
    }
    if (commit->state) {
      if (commit->state->chain_id != state.chain_id || commit->state->member != state.member) {
        return broken(sequence, "the guard state is of another member or network");
      }
      state = *commit->state;
    }
    state.counter = commit->counter;
    if (commit->watermark) {
      state.watermark = *commit->watermark;
      if (commit->kind == model::IntentKind::kPrecommit) {
        state.last_precommit = std::max(state.last_precommit, commit->watermark->height);
      }
    }
    memory_.desk->advance(state.head.time);
    audit_head_ = {commit->audit_size, commit->audit_root};
    open_.insert(sequence);
    ++memory_.commits;
    return ok_status();
  }

  Status head(std::uint64_t sequence, ByteView payload) {
    const auto record = proto::reader::decode<HeadRecord>(payload, journal::kMaxPayload);
    if (!record.ok()) return broken(sequence, record.status().message());
    if (record->head.height < memory_.state.head.height) return broken(sequence, "the head goes back");
    memory_.state.head = record->head;
    memory_.desk->advance(record->head.time);
    return ok_status();
  }

  Status policy(std::uint64_t sequence, ByteView payload) const {
    const auto record = engine::decode_record(payload);
    if (!record.ok()) return broken(sequence, record.status().message());
    const Status applied = memory_.desk->replay(*record);
    return applied.ok() ? applied : broken(sequence, applied.message());
  }

  Status done(std::uint64_t sequence, ByteView payload) {
    const auto done = proto::reader::decode<DoneRecord>(payload, journal::kMaxPayload);
    if (!done.ok()) return broken(sequence, done.status().message());
    if (open_.erase(done->commit) == 0) return broken(sequence, "it ends a COMMIT that is not open");
    return ok_status();
  }

  Memory& memory_;
  audit::Head& audit_head_;
  std::set<std::uint64_t> open_;
};

// A leaf is written after the record that it names was durable. One that names a record beyond the journal's
// end shows that the journal is an older copy, or lost its last record to damage that looks like a torn
// write.
Status check_leaf(std::uint64_t index, ByteView encoded, std::uint64_t journal_end) {
  const auto leaf = proto::reader::decode<AuditLeaf>(encoded, audit::kMaxLeaf);
  if (!leaf.ok()) return corrupt(leaf.status().message(), std::string(kRestoreHint));
  if (leaf->record < journal_end) return ok_status();
  return corrupt("the signer journal is older than the audit log: leaf " + std::to_string(index) +
                     " is of record " + std::to_string(leaf->record) + ", the journal ends at record " +
                     std::to_string(journal_end),
                 "restore the newest journal; with this one the signer would sign twice, or what officers "
                 "have forbidden");
}

Result<std::unique_ptr<audit::AuditLog>> open_audit(Directory& directory, const audit::Head& known,
                                                    std::uint64_t journal_end, Entropy& entropy) {
  if (known.size == 0 && !directory.exists(audit::kFileName))
    return audit::AuditLog::create(directory, entropy);
  return audit::AuditLog::open(directory, known, [journal_end](std::uint64_t index, ByteView leaf) {
    return check_leaf(index, leaf, journal_end);
  });
}

}  // namespace

std::string key_label(const model::Genesis& genesis, const model::GuardKey& key) {
  switch (key.role) {
    case model::KeyRole::kValidator:
      return "validator";
    case model::KeyRole::kAttest:
      return "attest";
    case model::KeyRole::kGovernance:
      return "governance";
    case model::KeyRole::kSeat:
      break;
  }
  const model::Currency* currency = model::find_currency(genesis, key.currency);
  const std::string code = currency == nullptr ? "?" : std::string(as_text(currency->code));
  return "seat-" + code + "-" + std::to_string(key.epoch.get());
}

Result<Memory> recover(Directory& directory, const Identity& identity, Entropy& entropy) {
  Memory memory;
  ASSIGN_OR_RETURN(memory.state, guard::initial_state(identity.genesis, identity.chain_id, identity.member));
  const model::GuardState initial = memory.state;
  audit::Head known;
  Replay replay(memory, known);
  const auto on_binding = [&](const journal::Binding& binding) -> Status {
    TRY(check_binding(binding, identity, initial));
    ASSIGN_OR_RETURN(engine::Network network,
                     engine::network_for(identity.genesis, identity.chain_id, identity.member));
    ASSIGN_OR_RETURN(memory.desk,
                     PolicyDesk::open(directory, std::move(network), identity.genesis.time, binding.policy));
    return ok_status();
  };
  const auto on_record = [&](std::uint64_t sequence, journal::RecordKind kind, ByteView payload) {
    return replay.record(sequence, kind, payload);
  };
  ASSIGN_OR_RETURN(memory.journal, journal::SignerJournal::open(directory, on_binding, on_record));
  TRY(memory.desk->ready());
  memory.outcome_unknown = replay.open_commits();
  ASSIGN_OR_RETURN(memory.audit, open_audit(directory, known, memory.journal->next_sequence(), entropy));
  TRY(memory.audit->sync());
  memory.durable_audit = memory.audit->head();
  return memory;
}

}  // namespace custody::signer::core
