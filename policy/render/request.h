// A request that waits for officers, as values: what was asked, what the policy wanted of it, until when.
// It is made once, when the request becomes PENDING, and never changes: what an officer signs is a text that
// follows from it. check_request (render.h) says what a request must be; describe.h gives its bytes.
// Thread-safety: values.
#pragma once

#include <vector>

#include "ledger/model/intents.h"

namespace custody::policy::render {

namespace model = ledger::model;

constexpr std::size_t kMaxName = 32;     // of members, gateways, officers, groups: a-z 0-9 -
constexpr std::size_t kMaxAddress = 90;  // an external address as text (BIP-173's longest)
constexpr std::size_t kMaxCode = 8;      // a currency's: A-Z 0-9
constexpr std::size_t kMaxAction = 200;  // what a proposal does
constexpr std::size_t kMaxReason = 120;
constexpr std::size_t kMaxWants = 8;  // alternatives
constexpr std::size_t kMaxGroups = 16;
constexpr std::uint32_t kMaxCount = 999;  // approvals that a Want can name
constexpr std::uint32_t kMaxWaitHours = 99'999;
constexpr std::size_t kMaxRequest = 64u << 10;  // bytes of an encoded request
constexpr std::size_t kMaxPayments = 256;       // of one plan

// One burn of a plan, or the deposit of a mint.
struct Payment {
  Bytes gateway;         // whose burn or deposit
  Bytes address;         // where to, as the external chain's people write it; empty for a mint
  Bytes owner;           // of the allow-list's entry, 1..32 of plain text (text.h); empty: not listed
  model::Amount amount;  // exactly what the payee gets or the gateway is credited
  model::Amount fee_cap;
  std::uint64_t burn = 0;  // its sequence; 0 for a mint
  friend bool operator==(const Payment&, const Payment&) = default;
};

// What is asked for, apart from everything that may change while it waits (fee, inputs, evidence): a fee bump
// has the same terms. Their hash is how a request is found again.
struct Terms {
  model::ChainId chain_id;
  model::MemberId member;
  model::IntentKind kind = model::IntentKind::kPayout;  // kMint, kPayout, kProposalTx, kBallot
  model::CurrencyId currency;                           // 0: no money moves
  Bytes currency_code;
  std::uint8_t decimals = 0;
  model::WalletEpoch epoch;       // of the reserve wallet
  model::SlotId slot;             // payout; otherwise 0
  Hash256 subject;                // IntentFacts::subject
  model::OutPoint deposit;        // mint: the external output that is credited; otherwise zero
  std::vector<Payment> payments;  // in the plan's order
  model::TxId proposal;           // ballot: the proposal; otherwise zero
  bool approve = false;           // ballot
  Bytes action;                   // proposal, ballot: what is proposed, 1..kMaxAction printable ASCII
  friend bool operator==(const Terms&, const Terms&) = default;
};

constexpr std::string_view kWaitGroup = "wait";

// A number of approvals by a group, or of waiting.
struct Want {
  Bytes group;              // empty: officers of any group, each once ("distinct")
  std::uint32_t count = 0;  // approvals in all; with group kWaitGroup: hours since opening
  friend bool operator==(const Want&, const Want&) = default;
};
// What would make it ALLOW, all of it together; alternatives stand beside one another.
struct Wants {
  std::vector<Want> all_of;
  friend bool operator==(const Wants&, const Wants&) = default;
};

struct Request {
  Terms terms;
  std::vector<Wants> wants;  // at opening; any one suffices; 1..kMaxWants
  std::uint64_t bundle = 0;  // version of the active bundle
  Hash256 bundle_hash;
  model::Height height;  // of the evidence it was opened with
  model::LedgerMs opened;
  model::LedgerMs expires;  // first moment at which no approval counts any more
  Bytes initiator;  // officer who asked for it and may not approve it; empty: the member's node or operator
  friend bool operator==(const Request&, const Request&) = default;
};

enum class Vote : std::uint8_t { kApprove = 1, kReject = 2 };

// An officer asks the member's signer for a proposal or a ballot. Who asks may not approve it.
struct Ask {
  Terms terms;
  std::uint64_t bundle = 0;  // version in force when it was signed
  Hash256 bundle_hash;       // of that version
  model::LedgerMs expires;   // first moment at which it does not count any more
  friend bool operator==(const Ask&, const Ask&) = default;
};

// Puts a bundle in force.
struct Activation {
  model::ChainId chain_id;
  model::MemberId member;
  std::uint64_t version = 0;  // of the bundle that is signed
  Hash256 bundle_hash;
  Hash256 previous;  // of the bundle in force
  friend bool operator==(const Activation&, const Activation&) = default;
};

enum class Freeze : std::uint8_t { kFreeze = 1, kUnfreeze = 2 };

// Freezes the reserve wallets of a currency, or all, for one member's signer; or ends that.
struct FreezeOrder {
  model::ChainId chain_id;
  model::MemberId member;
  Freeze what = Freeze::kFreeze;
  Bytes currency;             // code; empty: everything
  Bytes reason;               // 1..kMaxReason of plain text (text.h)
  std::uint64_t counter = 0;  // one more than that of the last order that took effect, from 1: no replay
  std::uint64_t bundle = 0;   // version in force when it was signed
  Hash256 bundle_hash;        // of that version
  model::LedgerMs expires;    // first moment at which it has no effect any more
  friend bool operator==(const FreezeOrder&, const FreezeOrder&) = default;
};

}  // namespace custody::policy::render
