#include "policy/bundle/statement.h"

#include <algorithm>
#include <functional>

#include "base/crypto/p256.h"
#include "base/crypto/secp256k1.h"
#include "policy/bundle/describe.h"
#include "policy/render/render.h"

namespace custody::policy::bundle {
namespace {

using render::Freeze;
using render::FreezeOrder;
constexpr std::uint64_t kMaxAskMs = kMaxAskHours * 3'600'000;

using DigestFor = std::function<Hash256(std::string_view officer)>;

constexpr std::uint64_t kMinuteMs = 60'000;

std::string text(ByteView name) {
  return to_printable(as_text(name));
}

std::string version_text(std::uint64_t version) {
  return "version " + std::to_string(version);
}

bool is_signed_by(const Officer& officer, const Hash256& digest, const Signature& signature) {
  switch (officer.curve) {
    case Curve::kSecp256k1: {
      const auto key = PublicKey::from(officer.key);
      return key.ok() && crypto::verify(*key, digest, signature);
    }
    case Curve::kP256: {
      const auto key = crypto::p256::PublicKey::from(officer.key);
      return key.ok() && crypto::p256::verify(*key, digest, signature);
    }
  }
  return false;
}

Result<const Officer*> find_signer(const ActiveBundle& active, ByteView name) {
  const Officer* officer = find_officer(active.bundle, name);
  if (officer != nullptr) return officer;
  return refused(
      "there is no officer \"" + text(name) + "\" in policy " + version_text(active.bundle.version),
      "only officers of the bundle in force may sign");
}

Status check_in_group(const Officer& officer, ByteView group) {
  if (is_member_of(officer, group)) return ok_status();
  return refused("officer " + text(officer.name) + " is not in group \"" + text(group) + "\"");
}

Status check_valid(const Officer& officer, model::LedgerMs now) {
  if (is_valid_at(officer, now)) return ok_status();
  return refused("officer " + text(officer.name) + " is valid from " + render::time_text(officer.valid_from) +
                 " until before " + render::time_text(officer.valid_until) + ", not at ledger time " +
                 render::time_text(now));
}

Status check_signature(const Officer& officer, const Hash256& digest, const Signature& signature) {
  if (is_signed_by(officer, digest, signature)) return ok_status();
  return unauthenticated("the signature of officer " + text(officer.name) + " is wrong",
                         "sign the very text that is shown, with his " +
                             std::string(officer.curve == Curve::kP256 ? "P-256" : "secp256k1") +
                             " key, in the form with low S");
}

// That a signature counts: the officer is known, in `group` (empty: in any), valid, and signed it.
Status check_signer(const OfficerSignature& entry, ByteView group, const DigestFor& digest_for,
                    const ActiveBundle& active, model::LedgerMs now) {
  ASSIGN_OR_RETURN(const Officer* officer, find_signer(active, entry.officer));
  if (!group.empty()) TRY(check_in_group(*officer, group));
  TRY(check_valid(*officer, now));
  return check_signature(*officer, digest_for(as_text(entry.officer)), entry.signature);
}

Status check_names(const std::vector<OfficerSignature>& signatures) {
  for (std::size_t i = 1; i < signatures.size(); ++i) {
    const Bytes& before = signatures[i - 1].officer;
    const Bytes& name = signatures[i].officer;
    if (before == name) return refused("officer " + text(name) + " signs twice", "a person counts once");
    if (name < before) return invalid("the signatures are not in the order of the officers' names");
  }
  return ok_status();
}

// Whoever has the file in hand can add a signature to it: one that does not count keeps no other from
// counting.
Status check_quorum(const std::vector<OfficerSignature>& signatures, const Quorum& quorum,
                    const DigestFor& digest_for, const ActiveBundle& active, model::LedgerMs now) {
  TRY(check_names(signatures));
  std::size_t counted = 0;
  Status first;  // why the first one that does not count does not
  for (const OfficerSignature& entry : signatures) {
    const Status counts = check_signer(entry, quorum.group, digest_for, active, now);
    if (counts.ok()) ++counted;
    if (first.ok()) first = counts;
  }
  if (counted >= quorum.count) return ok_status();
  const std::string missing = std::to_string(counted) + " of the " + std::to_string(quorum.count) +
                              " signatures that group " + text(quorum.group) + " must give";
  return first.ok() ? refused(missing) : first.with_context(missing);
}

// That it is for this network and member, and signed under the bundle in force. what: "the ask"
Status check_aim(const std::string& what, const model::ChainId& chain, model::MemberId member,
                 std::uint64_t version, const Hash256& hash, const ActiveBundle& active) {
  if (chain != active.bundle.chain_id) return refused(what + " is for another network");
  if (member != active.bundle.member) {
    return refused(what + " is for member " + std::to_string(member.get()) + ", this is member " +
                   std::to_string(active.bundle.member.get()));
  }
  if (version == active.bundle.version && hash == active.hash) return ok_status();
  return refused(what + " was signed under policy " + version_text(version) + ", and " +
                     version_text(active.bundle.version) + " is in force",
                 "sign it again");
}

Status check_not_expired(const std::string& what, model::LedgerMs expires, model::LedgerMs now) {
  if (now < expires) return ok_status();
  return refused(what + " expired at " + render::time_text(expires) + "; it is " + render::time_text(now));
}

// Asks.

Status check_same(const render::Terms& asked, const render::Terms& terms) {
  if (asked.subject != terms.subject) {
    return refused("the ask is about subject " + asked.subject.hex() + ", not about " + terms.subject.hex());
  }
  if (asked == terms) return ok_status();
  return refused("the ask is about this subject, but for something else",
                 "sign an ask for what is to be signed");
}

Status check_moment(const render::Ask& ask, model::LedgerMs now) {
  TRY(check_not_expired("the ask", ask.expires, now));
  if (ask.expires.get() - now.get() <= kMaxAskMs) return ok_status();
  return refused("the ask would count until " + render::time_text(ask.expires) + ", more than " +
                     std::to_string(kMaxAskHours) + " hours; it is " + render::time_text(now),
                 "sign one that expires sooner");
}

// Votes.

Status check_subject(const SignedVote& vote, const render::Request& request, const ActiveBundle& active) {
  const Hash256 id = render::request_id(request);
  if (vote.request != id) {
    return refused("the vote is about request " + vote.request.hex() + ", not about " + id.hex());
  }
  if (request.bundle == active.bundle.version && request.bundle_hash == active.hash) return ok_status();
  return refused("the request was opened under policy " + version_text(request.bundle) + ", and " +
                     version_text(active.bundle.version) + " is in force: its approvals are void",
                 "ask again, and approve the new request");
}

Status check_not_said(const SignedVote& vote, std::span<const SignedVote> before) {
  for (const SignedVote& earlier : before) {
    if (earlier.officer != vote.officer) continue;
    const bool rejected = earlier.vote == render::Vote::kReject;
    if (!rejected && vote.vote == render::Vote::kReject) continue;
    return exists("officer " + text(vote.officer) + " has " + (rejected ? "rejected" : "approved") +
                      " it already, as " + text(earlier.group),
                  "a person counts once");
  }
  return ok_status();
}

// Bundles.

Status check_follows(const Bundle& next, const ActiveBundle& active) {
  const Bundle& now = active.bundle;
  if (next.chain_id != now.chain_id) {
    return refused("the bundle is for network " + next.chain_id.hex() + ", this one is " +
                   now.chain_id.hex());
  }
  if (next.member != now.member) {
    return refused("the bundle is for member " + std::to_string(next.member.get()) + ", this is member " +
                   std::to_string(now.member.get()));
  }
  if (next.version <= now.version) {
    return refused("policy " + version_text(next.version) + " is not newer than " +
                       version_text(now.version) + ", which is in force",
                   "versions only rise; to go back, propose the old rules as a new version");
  }
  if (next.version - now.version > kMaxVersionStep) {
    return refused("policy " + version_text(next.version) + " is too far above " + version_text(now.version) +
                       ", which is in force",
                   "at most " + std::to_string(kMaxVersionStep) + " above it");
  }
  if (next.previous == active.hash) return ok_status();
  return refused("the bundle follows " + next.previous.hex() + ", and " + active.hash.hex() + " is in force");
}

// A version under which no quorum is valid could neither be replaced nor unfrozen.
Status check_leaves_a_quorum(const Bundle& next, const Quorum& quorum, std::string_view what,
                             model::LedgerMs effective) {
  const std::size_t valid = count_valid(next, quorum, effective);
  if (valid >= quorum.count) return ok_status();
  return refused("under this bundle nobody could " + std::string(what) + ": of group " + text(quorum.group) +
                     " " + std::to_string(valid) + " would be valid when it comes into force, at " +
                     render::time_text(effective) + ", and it takes " + std::to_string(quorum.count),
                 "look at valid_from and valid_until of its officers");
}

// Freezes.

Status check_order_aim(const FreezeOrder& order, const ActiveBundle& active) {
  TRY(check_aim("the order", order.chain_id, order.member, order.bundle, order.bundle_hash, active));
  if (order.currency.empty() || find_unit(active.bundle, order.currency) != nullptr) return ok_status();
  return refused("there is no currency " + text(order.currency) + " in policy " +
                 version_text(active.bundle.version));
}

Status check_moment(const FreezeOrder& order, const FreezeState& state, model::LedgerMs now) {
  if (order.counter <= state.counter) {
    return exists("order " + std::to_string(order.counter) + " or a later one has taken effect already",
                  "sign a new one with counter " + std::to_string(state.counter + 1));
  }
  if (order.counter - state.counter != 1) {
    return refused("the next order has the counter " + std::to_string(state.counter + 1) + ", not " +
                   std::to_string(order.counter));
  }
  return check_not_expired("the order", order.expires, now);
}

bool is_frozen_by_itself(const FreezeState& state, ByteView currency) {
  return std::ranges::any_of(state.in_force,
                             [&](const FreezeInForce& one) { return equal(one.currency, currency); });
}

// A freeze of what is frozen already would only use up the counter of an order that others have signed.
Status check_effect(const FreezeOrder& order, const FreezeState& state) {
  if (order.what == Freeze::kFreeze) {
    if (is_everything_frozen(state)) return exists("everything is frozen already");
    if (order.currency.empty()) return ok_status();
    if (is_frozen(state, order.currency)) return exists(text(order.currency) + " is frozen already");
    if (state.in_force.size() < kMaxFrozen) return ok_status();
    return exhausted(std::to_string(kMaxFrozen) + " currencies are frozen", "freeze everything");
  }
  const bool frozen =
      order.currency.empty() ? !state.in_force.empty() : is_frozen_by_itself(state, order.currency);
  if (!frozen) {
    return refused((order.currency.empty() ? "nothing" : text(order.currency) + " by itself") +
                   std::string(order.currency.empty() ? " is frozen" : " is not frozen"));
  }
  return ok_status();
}

}  // namespace

ActiveBundle make_active(Bundle bundle) {
  const Hash256 hash = bundle_hash(bundle);
  return {std::move(bundle), hash};
}

bool is_everything_frozen(const FreezeState& state) {
  return !state.in_force.empty() && state.in_force.front().currency.empty();
}

const FreezeInForce* find_freeze(const FreezeState& state, ByteView currency) {
  const auto found = std::ranges::find_if(state.in_force, [&](const FreezeInForce& one) {
    return one.currency.empty() || equal(one.currency, currency);
  });
  return found == state.in_force.end() ? nullptr : &*found;
}

bool is_frozen(const FreezeState& state, ByteView currency) {
  return find_freeze(state, currency) != nullptr;
}

Status verify_ask(const SignedAsk& signed_ask, const render::Terms& terms, const ActiveBundle& active,
                  model::LedgerMs now) {
  const render::Ask& ask = signed_ask.ask;
  TRY(render::check_ask(ask));
  TRY(check_aim("the ask", ask.terms.chain_id, ask.terms.member, ask.bundle, ask.bundle_hash, active));
  TRY(check_same(ask.terms, terms));
  TRY(check_moment(ask, now));
  ASSIGN_OR_RETURN(const Officer* officer, find_signer(active, signed_ask.officer));
  TRY(check_valid(*officer, now));
  return check_signature(*officer, render::ask_digest(ask, as_text(signed_ask.officer)),
                         signed_ask.signature);
}

Status verify_vote(const SignedVote& vote, const render::Request& request, std::span<const SignedVote> before,
                   const ActiveBundle& active, model::LedgerMs now) {
  TRY(check_subject(vote, request, active));
  TRY(check_not_expired("the request", request.expires, now));
  ASSIGN_OR_RETURN(const Officer* officer, find_signer(active, vote.officer));
  TRY(check_in_group(*officer, vote.group));
  TRY(check_valid(*officer, now));
  if (equal(request.initiator, vote.officer)) {
    return refused("officer " + text(vote.officer) + " asked for it himself",
                   "somebody else must say whether it may be");
  }
  TRY(check_not_said(vote, before));
  const Hash256 digest = render::vote_digest(request, as_text(vote.officer), as_text(vote.group), vote.vote);
  return check_signature(*officer, digest, vote.signature);
}

bool still_counts(const SignedVote& vote, const ActiveBundle& active, model::LedgerMs now) {
  const Officer* officer = find_officer(active.bundle, vote.officer);
  return officer != nullptr && is_member_of(*officer, vote.group) && is_valid_at(*officer, now);
}

render::Activation activation_of(const Bundle& bundle) {
  return {bundle.chain_id, bundle.member, bundle.version, bundle_hash(bundle), bundle.previous};
}

Result<Bundle> verify_bundle(const SignedBundle& signed_bundle, const ActiveBundle& active,
                             model::LedgerMs now) {
  auto decoded = proto::reader::decode<Bundle>(signed_bundle.bundle, kMaxBundle);
  if (!decoded.ok()) return decoded.status().with_context("bundle");
  Bundle next = std::move(decoded).value();
  TRY(check_follows(next, active));
  const render::Activation activation = activation_of(next);
  TRY(check_quorum(
      signed_bundle.signatures, active.bundle.activation,
      [&](std::string_view officer) { return render::activation_digest(activation, officer); }, active, now));
  // Last, because it takes a hundred times as long: only what a quorum signed is parsed.
  TRY(check_bundle(next).with_context("bundle"));
  const model::LedgerMs effective = effective_time(active.bundle, now);
  TRY(check_leaves_a_quorum(next, next.activation, "put another version in force", effective));
  TRY(check_leaves_a_quorum(next, next.unfreeze, "end a freeze", effective));
  return next;
}

model::LedgerMs effective_time(const Bundle& active, model::LedgerMs now) {
  return model::LedgerMs(now.get() + kMinuteMs * active.activation_delay_minutes);
}

Status verify_order(const SignedOrder& signed_order, const FreezeState& state, const ActiveBundle& active,
                    model::LedgerMs now) {
  const FreezeOrder& order = signed_order.order;
  TRY(render::check_order(order));
  TRY(check_order_aim(order, active));
  TRY(check_moment(order, state, now));
  TRY(check_effect(order, state));
  const DigestFor digest_for = [&](std::string_view officer) { return render::order_digest(order, officer); };
  if (order.what == Freeze::kUnfreeze) {
    return check_quorum(signed_order.signatures, active.bundle.unfreeze, digest_for, active, now);
  }
  if (signed_order.signatures.size() != 1) {
    return refused("a freeze has one signature, this one has " +
                   std::to_string(signed_order.signatures.size()));
  }
  return check_signer(signed_order.signatures[0], {}, digest_for, active, now);
}

FreezeState apply_order(const FreezeOrder& order, FreezeState state, ByteView officer, model::LedgerMs time) {
  state.counter = order.counter;
  if (order.what == Freeze::kUnfreeze) {
    std::erase_if(state.in_force, [&](const FreezeInForce& one) {
      return order.currency.empty() || one.currency == order.currency;
    });
    return state;
  }
  if (is_frozen_by_itself(state, order.currency)) return state;
  const auto place = std::ranges::lower_bound(state.in_force, order.currency, {}, &FreezeInForce::currency);
  state.in_force.insert(place, {order.currency, to_bytes(officer), order.reason, time});
  return state;
}

std::string file_name(const Hash256& bundle_hash) {
  return "bundle-" + bundle_hash.hex() + ".bin";
}

Bytes encode_ask(const SignedAsk& ask) {
  return proto::reader::encode(ask);
}

Result<SignedAsk> decode_ask(ByteView bytes) {
  auto ask = proto::reader::decode<SignedAsk>(bytes, kMaxSignedAsk);
  if (!ask.ok()) return ask.status().with_context("ask");
  TRY(render::check_ask(ask->ask).with_context("ask"));
  return ask;
}

Bytes encode_vote(const SignedVote& vote) {
  return proto::reader::encode(vote);
}

Result<SignedVote> decode_vote(ByteView bytes) {
  auto vote = proto::reader::decode<SignedVote>(bytes, kMaxSignedVote);
  if (!vote.ok()) return vote.status().with_context("vote");
  return vote;
}

Bytes encode_signed_bundle(const SignedBundle& bundle) {
  return proto::reader::encode(bundle);
}

Result<SignedBundle> decode_signed_bundle(ByteView bytes) {
  auto bundle = proto::reader::decode<SignedBundle>(bytes, kMaxSignedBundle);
  if (!bundle.ok()) return bundle.status().with_context("signed bundle");
  return bundle;
}

Bytes encode_order(const SignedOrder& order) {
  return proto::reader::encode(order);
}

Result<SignedOrder> decode_order(ByteView bytes) {
  auto order = proto::reader::decode<SignedOrder>(bytes, kMaxSignedOrder);
  if (!order.ok()) return order.status().with_context("order");
  TRY(render::check_order(order->order).with_context("order"));
  return order;
}

}  // namespace custody::policy::bundle
