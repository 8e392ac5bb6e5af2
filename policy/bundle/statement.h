// What officers sign: that they ask for something, votes on a request, bundles that are to come into force,
// freezes and their end. Every
// statement is a text of policy/render under the officer's key; it counts by ledger time and by the bundle in
// force, never by a date or a bundle that it brings along. Thread-safety: values and pure functions.
#pragma once

#include <span>

#include "policy/bundle/bundle.h"

namespace custody::policy::bundle {

constexpr std::size_t kMaxSignedAsk = model::kMaxAsk;  // bytes
constexpr std::uint64_t kMaxAskHours = 24;             // of ledger time, for which an ask may count
constexpr std::size_t kMaxSignedVote = 512;            // bytes
constexpr std::size_t kMaxSignedOrder = 8u << 10;      // bytes
constexpr std::size_t kMaxFrozen = 64;                 // currencies that are frozen one by one
// How far above the version in force the next one may be: each version that waits and is replaced takes a
// number, and nobody can use up all numbers at once.
constexpr std::uint64_t kMaxVersionStep = 1'000;

struct OfficerSignature {
  Bytes officer;
  Signature signature;
  friend bool operator==(const OfficerSignature&, const OfficerSignature&) = default;
};

struct SignedAsk {
  render::Ask ask;
  Bytes officer;
  Signature signature;
  friend bool operator==(const SignedAsk&, const SignedAsk&) = default;
};

struct SignedVote {
  Hash256 request;  // render::request_id
  render::Vote vote = render::Vote::kApprove;
  Bytes officer;
  Bytes group;  // one of the officer's: as whom he approves
  Signature signature;
  friend bool operator==(const SignedVote&, const SignedVote&) = default;
};

struct SignedBundle {
  Bytes bundle;                              // encode_bundle
  std::vector<OfficerSignature> signatures;  // ascending officers
  friend bool operator==(const SignedBundle&, const SignedBundle&) = default;
};

struct SignedOrder {
  render::FreezeOrder order;
  std::vector<OfficerSignature> signatures;  // ascending officers; one for a freeze
  friend bool operator==(const SignedOrder&, const SignedOrder&) = default;
};

// The bundle in force, and its hash, which is asked for often.
struct ActiveBundle {
  Bundle bundle;
  Hash256 hash;
};
ActiveBundle make_active(Bundle bundle);

// A freeze that counts: who ordered it, why, and when by ledger time.
struct FreezeInForce {
  Bytes currency;  // empty: everything
  Bytes officer;   // empty: not recorded (a journal of an older signer)
  Bytes reason;
  model::LedgerMs time;
  friend bool operator==(const FreezeInForce&, const FreezeInForce&) = default;
};

// What is frozen. counter: of the last order that took effect.
struct FreezeState {
  std::uint64_t counter = 0;
  std::vector<FreezeInForce> in_force;  // ascending currencies, each once: that of everything first
  friend bool operator==(const FreezeState&, const FreezeState&) = default;
};
bool is_everything_frozen(const FreezeState& state);
// The one that stops this currency: that of everything first; nullptr: none.
const FreezeInForce* find_freeze(const FreezeState& state, ByteView currency);
bool is_frozen(const FreezeState& state, ByteView currency);

// "bundle-<hash>.bin": where a signer keeps a SignedBundle. Hashes name them, so that none is ever replaced
// by another.
std::string file_name(const Hash256& bundle_hash);

Bytes encode_ask(const SignedAsk& ask);
Result<SignedAsk> decode_ask(ByteView bytes);
Bytes encode_vote(const SignedVote& vote);
Result<SignedVote> decode_vote(ByteView bytes);
Bytes encode_signed_bundle(const SignedBundle& bundle);
Result<SignedBundle> decode_signed_bundle(
    ByteView bytes);  // its form only: verify_bundle says whether it counts
Bytes encode_order(const SignedOrder& order);
Result<SignedOrder> decode_order(ByteView bytes);

// The functions below say whether a statement counts at `now` (ledger time). They refuse in this order: what
// it is about, when, who, whether he may, whether he said it before, and the signature last; what is in a
// bundle is read after that. kRefused: it does not count; kExists: it counts already; kUnauthenticated: not
// signed by who is named.

// The officer asks for this: by this member's signer, under the bundle in force, until the ask expires, at
// most kMaxAskHours from now. It counts as often as it is brought, and says no more than who asks.
Status verify_ask(const SignedAsk& ask, const render::Terms& terms, const ActiveBundle& active,
                  model::LedgerMs now);

// The officer approves or rejects this request, as one of his groups, for the first time: `before` holds the
// votes on it that counted. Who approved may still reject; who rejected has spoken. Void once another bundle
// is in force than the request was opened under (B2), once it expired (B6), by its initiator (B5).
Status verify_vote(const SignedVote& vote, const render::Request& request, std::span<const SignedVote> before,
                   const ActiveBundle& active, model::LedgerMs now);

// Whether a vote that verify_vote passed before still counts: its officer is in the active bundle, in that
// group, and valid (B6). For every evaluation; the signature is not looked at again.
bool still_counts(const SignedVote& vote, const ActiveBundle& active, model::LedgerMs now);

// When a bundle that is accepted at `now` comes into force: after the active one's delay.
model::LedgerMs effective_time(const Bundle& active, model::LedgerMs now);

// The bundle follows the active one (network, member, hash, a higher version) and a quorum of distinct
// officers of the active bundle's activation group signed it; signatures that do not count are as if they
// were not there, for anybody can add one to a file.
// When it comes into force, enough of its own officers must be valid for its quorums. The result is the
// bundle, checked.
Result<Bundle> verify_bundle(const SignedBundle& signed_bundle, const ActiveBundle& active,
                             model::LedgerMs now);
// What its signers sign.
render::Activation activation_of(const Bundle& bundle);

// A freeze: any one officer. Its end: a quorum of the active bundle's unfreeze group. The counter keeps an
// order from counting twice. kExists also for a freeze of what is frozen already.
Status verify_order(const SignedOrder& signed_order, const FreezeState& state, const ActiveBundle& active,
                    model::LedgerMs now);
// The state after an order that verify_order passed. officer, time: who ordered a freeze, and when it
// counted. Its end ends that of the currency, or all there are.
FreezeState apply_order(const render::FreezeOrder& order, FreezeState state, ByteView officer = {},
                        model::LedgerMs time = {});

}  // namespace custody::policy::bundle
