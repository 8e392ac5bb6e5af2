// A version of the officers' policy as values: schema, policies, officers, allow-list and limits. Its
// canonical bytes (encode_bundle) are hashed and signed; a directory of text files (directory.h) is how
// people write it. Texts are UTF-8, everything else ASCII (render/text.h). Thread-safety: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/model/genesis.h"
#include "policy/render/request.h"

namespace custody::policy::bundle {

namespace model = ledger::model;
using render::kMaxCode;
using render::kMaxGroups;
using render::kMaxName;
using render::kMaxReason;

constexpr std::size_t kMaxSignedBundle = 1u << 20;  // canonical bytes, signatures included
constexpr std::size_t kMaxBundle = kMaxSignedBundle - (8u << 10);
constexpr std::size_t kMaxPolicyText = 768u << 10;  // bytes
constexpr std::size_t kMaxSchemaText = 64u << 10;
constexpr std::size_t kMaxOfficers = 64;
constexpr std::size_t kMaxAllowList = 2'000;
constexpr std::size_t kMaxUnits = model::kMaxCurrencies;
constexpr std::uint64_t kMaxVersion = 1'000'000'000;
constexpr std::uint32_t kMaxHours = 24 * 366;

enum class Curve : std::uint8_t { kSecp256k1 = 1, kP256 = 2 };

// Who may approve. A person is one officer: names and keys stand once.
struct Officer {
  Bytes name;                 // 1..32 of a-z 0-9 -
  std::vector<Bytes> groups;  // ascending, at least one, all of them in Bundle::groups
  Curve curve = Curve::kSecp256k1;
  Bytes key;                    // 33 bytes, compressed SEC1, on its curve
  model::LedgerMs valid_from;   // first moment; whole seconds, as all times here
  model::LedgerMs valid_until;  // first moment after
  friend bool operator==(const Officer&, const Officer&) = default;
};

// An external address that the officers know. How long it has been listed is counted by the signer, from the
// activation of the first bundle that has it, never from a date that somebody wrote.
struct AllowEntry {
  Bytes currency;           // code
  Bytes address;            // as the external chain's people write it: 1..90 letters and digits
  Bytes owner;              // 1..32 of plain text
  Bytes reason;             // 1..kMaxReason of plain text
  model::LedgerMs expires;  // first moment at which it does not count any more
  friend bool operator==(const AllowEntry&, const AllowEntry&) = default;
};

// How many decimals of a currency the policies see: amounts are rounded up to them.
struct Unit {
  Bytes currency;             // code
  std::uint8_t decimals = 0;  // 0..9
  friend bool operator==(const Unit&, const Unit&) = default;
};

// Who may state prices in the reference unit, and how old a statement may be.
struct PriceSource {
  Bytes name;                         // 1..32 of a-z 0-9 -
  Bytes unit;                         // the reference unit: 1..8 of A-Z 0-9
  std::uint8_t decimals = 0;          // 0..9
  PublicKey key;                      // secp256k1; no officer's
  std::uint32_t max_age_minutes = 0;  // 1..60 * kMaxHours
  friend bool operator==(const PriceSource&, const PriceSource&) = default;
};

// So many officers of a group. Zero, one and more than the group has are no quorum (B3).
struct Quorum {
  Bytes group;
  std::uint32_t count = 0;
  friend bool operator==(const Quorum&, const Quorum&) = default;
};

struct Bundle {
  std::uint32_t format = 1;
  model::ChainId chain_id;             // the network it is for
  model::MemberId member;              // the member it is for
  std::uint64_t version = 0;           // from 1, each one more than the one before
  Hash256 previous;                    // bundle_hash of the version before; zero for the first
  Bytes schema;                        // Cedar schema text, canonical form not required
  Bytes policies;                      // canonical Cedar text (cedar::format_policies)
  std::vector<Bytes> groups;           // ascending; "distinct" and "wait" are not names of groups
  std::vector<Officer> officers;       // ascending names
  std::vector<AllowEntry> allow_list;  // ascending (currency, address)
  std::vector<Unit> units;             // ascending codes, at least one; others are unknown to the policy
  std::optional<PriceSource> price_source;
  Quorum activation;  // who puts the next version in force
  Quorum unfreeze;
  // Ledger time between a full set of signatures and its effect, at most 60 * kMaxHours.
  std::uint32_t activation_delay_minutes = 0;
  std::uint32_t pending_expiry_hours = 0;  // 1..kMaxHours
  friend bool operator==(const Bundle&, const Bundle&) = default;
};

// Every rule stated above, and that the texts hide nothing (visible.h), that the schema parses and the
// policies parse, are in canonical form and at least one (B3). Whether the policies fit the schema is the
// engine's to say. kInvalid names the first offence.
Status check_bundle(const Bundle& bundle);
// The same with all offences, one for each key of the text files (directory.h): "version", "officers.alice",
// "schema", "policies"; empty for the bundle as a whole.
struct Fault {
  std::string key;
  Status status;
};
std::vector<Fault> find_faults(const Bundle& bundle);

// The canonical bytes. The bundle was checked.
Bytes encode_bundle(const Bundle& bundle);
// At most kMaxBundle bytes; checked.
Result<Bundle> decode_bundle(ByteView bytes);
// Digest of the canonical bytes under the bundle's chain id (tag caasiope/policy/bundle).
Hash256 bundle_hash(const Bundle& bundle);

const Officer* find_officer(const Bundle& bundle, ByteView name);  // nullptr when there is none
bool is_member_of(const Officer& officer, ByteView group);
bool is_valid_at(const Officer& officer, model::LedgerMs time);
// How many officers of the quorum's group are valid at that time.
std::size_t count_valid(const Bundle& bundle, const Quorum& quorum, model::LedgerMs time);
// The first moment at which too few of them have a later valid_until, so that there is no quorum any more.
// The bundle was checked.
model::LedgerMs quorum_until(const Bundle& bundle, const Quorum& quorum);
const AllowEntry* find_entry(const Bundle& bundle, ByteView currency, ByteView address);
const Unit* find_unit(const Bundle& bundle, ByteView currency);

}  // namespace custody::policy::bundle
