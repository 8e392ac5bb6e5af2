// The signer's durable record: what it is bound to, then what it reserved, committed to sign, signed and
// released. The envelope is typed here; what a RESERVE, COMMIT, DONE, RELEASE or STATE holds is signer/core's
// business. Record: kind u8 | payload, inside a record of base/journal (length, sequence, hash chain).
// Thread-safety: one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/journal/journal.h"

namespace custody::signer::journal {

constexpr std::uint16_t kFileKind = 0x5347;      // "SG"
constexpr std::size_t kMaxPayload = 256u << 10;  // bytes of one record's payload
constexpr std::size_t kMaxPins = 64;             // keys of one member
constexpr std::size_t kMaxKeyId = 32;            // bytes of a CKA_ID
constexpr std::size_t kMaxTokenText = 32;        // bytes of a token label (PKCS#11)
inline constexpr char kFileName[] = "signer.journal";

enum class RecordKind : std::uint8_t {
  kBinding = 1,  // the first record and no other
  kReserve = 2,  // limits taken for a request
  kCommit = 3,   // the HSM will be asked for these bytes; durable before it is
  kDone = 4,  // the signature that came back; lost without harm: a COMMIT without DONE is *outcome unknown*
  kRelease = 5,  // a reservation given back
  kState = 6,    // the ledger's head moved on
  kPolicy = 7,   // what the officers' policy must remember: votes, versions, freezes, decisions
};

// A key in the token, pinned at the ceremony.
struct KeyPin {
  std::string name;  // "validator", "attest", "governance", "seat-BTC-1": the label of the key in the token
  Bytes id;          // CKA_ID, 1..32 bytes
  PublicKey key;
  friend bool operator==(const KeyPin&, const KeyPin&) = default;
};

// What a signer is bound to for the life of its journal, by `custody-ceremony bind`. Another genesis, member,
// policy, token or key stops the start.
struct Binding {
  Hash256 chain_id;
  std::uint16_t member = 0;  // MemberId
  Hash256 policy;            // hash of the policy bundle that is in force first
  std::string token_label;
  std::string token_serial;
  std::vector<KeyPin> keys;  // 1..kMaxPins
  friend bool operator==(const Binding&, const Binding&) = default;
};

// Encoding: version u8 = 1 | chain id 32 | member u16 | policy 32 | label | serial | count u8 | count times
// (name | id | key 33); a text or id is length u8 | bytes; integers big endian. kInvalid when a limit above
// is exceeded.
Result<Bytes> encode_binding(const Binding& binding);
Result<Binding> decode_binding(ByteView bytes);  // strict: nothing missing, nothing after the end

class SignerJournal {
 public:
  // A new journal whose first record is the binding; durable on return. kExists when the file is there.
  static Result<std::unique_ptr<SignerJournal>> create(Directory& directory, const Binding& binding,
                                                       Entropy& entropy);

  // Replays every record after the binding in order. kNotFound: no journal (run the ceremony, never make an
  // empty one: a signer that forgot what it signed signs twice). kCorrupt: damaged, or its first record is no
  // binding. An error of on_record stops the opening and is returned.
  using OnRecord = std::function<Status(std::uint64_t sequence, RecordKind kind, ByteView payload)>;
  static Result<std::unique_ptr<SignerJournal>> open(Directory& directory, const OnRecord& on_record);
  // The same; on_binding sees the first record before all others.
  using OnBinding = std::function<Status(const Binding& binding)>;
  static Result<std::unique_ptr<SignerJournal>> open(Directory& directory, const OnBinding& on_binding,
                                                     const OnRecord& on_record);

  const Binding& binding() const { return binding_; }

  // Each returns the record's sequence number. Durable = fdatasync returned, and with it every record
  // appended before. After an error the journal refuses everything.
  Result<std::uint64_t> append_commit(ByteView payload);  // make_durable() before the HSM is asked
  Result<std::uint64_t> append_reserve(ByteView payload);
  Result<std::uint64_t> append_done(ByteView payload);
  Result<std::uint64_t> append_release(ByteView payload);
  Result<std::uint64_t> append_state(ByteView payload);
  Result<std::uint64_t> append_policy(ByteView payload);
  // Returns at once when an earlier sync covered the record, so that COMMITs appended together cost one.
  Status make_durable(std::uint64_t sequence);
  Status sync();

  std::uint64_t next_sequence() const { return journal_->next_sequence(); }

 private:
  SignerJournal(std::unique_ptr<custody::journal::Journal> journal, Binding binding)
      : journal_(std::move(journal)), binding_(std::move(binding)) {}
  Result<std::uint64_t> append(RecordKind kind, ByteView payload);

  std::unique_ptr<custody::journal::Journal> journal_;
  Binding binding_;
  std::uint64_t synced_ = 0;  // records below are durable
};

}  // namespace custody::signer::journal
