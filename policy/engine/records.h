// What changes the engine's state, as plain values with canonical bytes: the signer writes each to its
// journal before it applies it, so that a replay and the live run are one code path. Thread-safety: values.
#pragma once

#include <variant>
#include <vector>

#include "policy/bundle/bundle.h"
#include "policy/bundle/listed.h"
#include "policy/bundle/statement.h"
#include "policy/engine/windows.h"
#include "policy/render/render.h"

namespace custody::policy::engine {

constexpr std::size_t kMaxRule = 64;
constexpr std::size_t kMaxRecord = 1u << 20;  // bytes of an encoded record

// RESERVE: a request became PENDING. Its amounts count from now on.
struct ReserveRecord {
  render::Request request;
  model::IntentFacts facts;
  friend bool operator==(const ReserveRecord&, const ReserveRecord&) = default;
};

// APPROVAL: a vote that counts (bundle::verify_vote). A rejection refuses the request.
struct ApprovalRecord {
  bundle::SignedVote vote;
  model::LedgerMs time;
  friend bool operator==(const ApprovalRecord&, const ApprovalRecord&) = default;
};

enum class ReleaseCause : std::uint8_t {
  kWithdrawn = 1,         // nobody asks for it any more; it was not committed
  kSettledOtherwise = 2,  // proven: what was committed did not happen and never will
};
// RELEASE: the amounts of a request count no longer, and it is closed.
struct ReleaseRecord {
  Hash256 terms;    // render::terms_hash
  Hash256 subject;  // whose amounts
  ReleaseCause cause = ReleaseCause::kWithdrawn;
  model::LedgerMs time;
  friend bool operator==(const ReleaseRecord&, const ReleaseRecord&) = default;
};

// COMMIT: ALLOW, and the token will be asked to sign. The amounts count from now on.
struct CommitRecord {
  Hash256 terms;
  model::IntentFacts facts;
  std::uint64_t bundle = 0;  // version that allowed it
  model::Height height;
  model::LedgerMs time;
  Bytes initiator = {};  // officer who asked; empty: the member's node or operator
  friend bool operator==(const CommitRecord&, const CommitRecord&) = default;
};

// DENIED: changes nothing; kept so that a draft of a bundle can be tried on it.
struct DeniedRecord {
  model::IntentFacts facts;
  std::uint64_t bundle = 0;
  Bytes rule;  // Decision::rule
  model::Height height;
  model::LedgerMs time;
  Bytes initiator = {};
  friend bool operator==(const DeniedRecord&, const DeniedRecord&) = default;
};

// WAIT: a bundle has its signatures and comes into force at `effective`.
struct WaitRecord {
  std::uint64_t version = 0;
  Hash256 hash;
  model::LedgerMs time;
  model::LedgerMs effective;
  friend bool operator==(const WaitRecord&, const WaitRecord&) = default;
};
// ACTIVATE: a bundle is in force. Open requests and their approvals are void, and so are prices.
struct ActivateRecord {
  std::uint64_t version = 0;
  Hash256 hash;
  bundle::ListedTable listed;  // since when each entry of its allow-list is there, in their order
  model::LedgerMs time;
  friend bool operator==(const ActivateRecord&, const ActivateRecord&) = default;
};
// FREEZE: an order that counts (bundle::verify_order).
struct FreezeRecord {
  render::FreezeOrder order;
  model::LedgerMs time;
  Bytes officer = {};  // who ordered a freeze; empty: its end, or a journal of an older signer
  friend bool operator==(const FreezeRecord&, const FreezeRecord&) = default;
};

// What a whole unit of a currency is worth, in units of PriceSource::decimals of the reference unit.
struct Price {
  model::CurrencyId currency;
  std::uint64_t price = 0;  // above 0
  friend bool operator==(const Price&, const Price&) = default;
};
struct PriceStatement {
  model::ChainId chain_id;
  Bytes source;               // PriceSource::name
  Bytes unit;                 // PriceSource::unit
  std::uint8_t decimals = 0;  // PriceSource::decimals
  model::LedgerMs time;       // as of
  std::vector<Price> prices;  // ascending currencies, at least one
  friend bool operator==(const PriceStatement&, const PriceStatement&) = default;
};
// As the source sends it.
struct SignedPrices {
  PriceStatement statement;
  Signature signature;
  friend bool operator==(const SignedPrices&, const SignedPrices&) = default;
};
constexpr std::size_t kMaxSignedPrices = 2'048;  // bytes
Bytes encode_prices(const SignedPrices& prices);
Result<SignedPrices> decode_prices(ByteView bytes);  // its form only: verify_prices says whether it counts
// PRICE: a statement that counts (verify_prices).
struct PriceRecord {
  PriceStatement statement;
  model::LedgerMs time;
  friend bool operator==(const PriceRecord&, const PriceRecord&) = default;
};

using Record = std::variant<ReserveRecord, ApprovalRecord, ReleaseRecord, CommitRecord, DeniedRecord,
                            WaitRecord, ActivateRecord, FreezeRecord, PriceRecord>;

Bytes encode_record(const Record& record);
Result<Record> decode_record(ByteView bytes);  // at most kMaxRecord bytes
model::LedgerMs time_of(const Record& record);

// What the source's key signs (tag caasiope/policy/prices).
Hash256 prices_digest(const PriceStatement& statement);
// That a statement counts: for this network, by the source that the bundle names and in its unit, signed with
// its key, of this time (not after now, not older than the source's max_age), later than `latest`.
Status verify_prices(const PriceStatement& statement, const Signature& signature,
                     const bundle::Bundle& bundle, model::LedgerMs latest, model::LedgerMs now);

}  // namespace custody::policy::engine
