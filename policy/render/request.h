// A request that waits for officers, as values: what was asked, what the policy wanted of it, until when.
// It is made once, when the request becomes PENDING, and never changes: what an officer signs is a text that
// follows from it. Texts are printable ASCII of the stated largest size. Thread-safety: values.
#pragma once

#include <vector>

#include "ledger/model/intents.h"

namespace custody::policy::render {

namespace model = ledger::model;

constexpr std::size_t kMaxName = 32;     // of members, gateways, officers, groups: a-z 0-9 -
constexpr std::size_t kMaxAddress = 90;  // an external address as text (BIP-173's longest)
constexpr std::size_t kMaxWant = 120;    // one line of what the policy wants
constexpr std::size_t kMaxWants = 8;
constexpr std::size_t kMaxGroups = 16;
constexpr std::size_t kMaxPayments = 256;  // of one plan

// One burn of a plan, or the deposit of a mint.
struct Payment {
  Bytes gateway;         // whose burn or deposit
  Bytes address;         // where to, as the external chain's people write it; empty for a mint
  Bytes owner;           // of the allow-list's entry; empty: not listed
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
  std::vector<Payment> payments;  // in the plan's order
  model::TxId proposal;           // ballot: the proposal; otherwise zero
  bool approve = false;           // ballot
  Bytes action;                   // proposal: what it does, on one line of at most 200
  friend bool operator==(const Terms&, const Terms&) = default;
};

// A number of approvals by a group, or of waiting.
struct Want {
  Bytes group;              // empty: of any group together ("distinct")
  std::uint32_t count = 0;  // approvals in all; with group "wait": hours
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
  model::LedgerMs expires;
  friend bool operator==(const Request&, const Request&) = default;
};

enum class Vote : std::uint8_t { kApprove = 1, kReject = 2 };

}  // namespace custody::policy::render
