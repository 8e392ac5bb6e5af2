// What a signer remembers: recovered from its journal, which the ceremony began. Thread-safety: one thread.
#pragma once

#include <memory>
#include <optional>

#include "signer/audit/audit_log.h"
#include "signer/core/policy_desk.h"
#include "signer/guard/guard.h"
#include "signer/journal/signer_journal.h"

namespace custody::signer::core {

namespace model = ledger::model;

// What the files of the member's directory say that this signer is. The journal must be bound to the same.
struct Identity {
  model::Genesis genesis;
  model::ChainId chain_id;
  model::MemberId member;
};

struct Memory {
  std::unique_ptr<journal::SignerJournal> journal;
  std::unique_ptr<audit::AuditLog> audit;
  audit::Head durable_audit;
  model::GuardState state;
  std::unique_ptr<PolicyDesk> desk;
  std::uint64_t commits = 0;
  std::uint64_t outcome_unknown = 0;  // COMMITs without DONE: may be completed with the same digests only
};

// Opens journal and audit log in the directory (created by custody-ceremony; the audit log is begun here when
// no COMMIT knows of one) and replays them. kNotFound: no journal. kRefused: bound to another genesis, member
// or key. PolicyDesk::open: the bundles that are bound, in force or in wait. kCorrupt: records that do not
// follow from one another, an audit log that is shorter than the journal knows, a journal that ends before a
// COMMIT that the audit log knows.
Result<Memory> recover(Directory& directory, const Identity& identity, Entropy& entropy);

// The label of a key of the member, as the ceremony names it: "validator", "attest", "governance",
// "seat-BTC-1".
std::string key_label(const model::Genesis& genesis, const model::GuardKey& key);

}  // namespace custody::signer::core
