// What signer/core keeps in the journal and in the audit log, as canonical bytes (proto/reader).
// Thread-safety: values.
#pragma once

#include <optional>
#include <vector>

#include "ledger/model/intents.h"
#include "proto/reader/describe.h"

namespace custody::signer::core {

namespace model = ledger::model;

// COMMIT: the token will be asked to sign these digests, and what the signer remembers once it has been. A
// vote keeps only its watermark (about 130 bytes); what moves money keeps the whole guard state, so that the
// journal's last such record and the watermarks after it are everything. What the policy remembers of it
// (policy/engine CommitRecord) stands in the record before.
struct CommitRecord {
  model::IntentKind kind = model::IntentKind::kProposal;
  std::vector<Hash256> digests;  // as many as C_Sign calls will follow
  std::uint64_t counter = 0;     // GuardState::counter after it
  std::optional<model::Watermark> watermark;
  std::optional<model::GuardState> state;
  std::uint64_t audit_size = 0;  // what was durable of the audit log
  Hash256 audit_root;
  friend bool operator==(const CommitRecord&, const CommitRecord&) = default;
};

// STATE: the ledger's head, as a node proved it without asking for a signature.
struct HeadRecord {
  model::GuardHead head;
  friend bool operator==(const HeadRecord&, const HeadRecord&) = default;
};

// DONE: every signature of that COMMIT was made. Its absence means *outcome unknown*.
struct DoneRecord {
  std::uint64_t commit = 0;  // sequence of the COMMIT
  friend bool operator==(const DoneRecord&, const DoneRecord&) = default;
};

// A leaf of the audit log: one per answered request, signed or refused.
struct AuditLeaf {
  std::uint8_t caller = 0;  // Caller
  std::uint8_t kind = 0;    // IntentKind; 0: not decoded
  Hash256 request;          // SHA-256 of its bytes
  std::uint8_t code = 0;    // base/status Code
  Bytes rule;               // of the guard or policy; empty when signed by a fixed rule
  // Sequence of what stands in the journal for it, durable before the leaf was written: the COMMIT, or what
  // an officer said; 0: nothing. A journal that ends before it is an older copy.
  std::uint64_t record = 0;
  std::vector<Hash256> digests;
  std::optional<PublicKey> key;
  Hash256 signatures;  // SHA-256 over them in order; zero when none
  model::CurrencyId currency;
  model::Amount amount;
  model::LedgerMs time;  // of the evidence
  Hash256 policy;        // hash of the bundle in force
  friend bool operator==(const AuditLeaf&, const AuditLeaf&) = default;
};

template <class V>
void describe(V& v, CommitRecord& m) {
  v.enumeration(1, m.kind, model::IntentKind::kProposal, model::IntentKind::kPolicyAttestation);
  v.repeated(2, m.digests, model::kMaxSlotInputs);
  v.field(3, m.counter);
  v.optional(4, m.watermark);
  v.optional(5, m.state);
  v.field(6, m.audit_size);
  v.field(7, m.audit_root);
}
template <class V>
void describe(V& v, HeadRecord& m) {
  v.field(1, m.head);
}
template <class V>
void describe(V& v, DoneRecord& m) {
  v.field(1, m.commit);
}
template <class V>
void describe(V& v, AuditLeaf& m) {
  v.field(1, m.caller);
  v.field(2, m.kind);
  v.field(3, m.request);
  v.field(4, m.code);
  v.bytes(5, m.rule, 64);
  v.field(6, m.record);
  v.repeated(7, m.digests, model::kMaxSlotInputs);
  v.optional(8, m.key);
  v.field(9, m.signatures);
  v.field(10, m.currency);
  v.field(11, m.amount);
  v.field(12, m.time);
  v.field(13, m.policy);
}

}  // namespace custody::signer::core
