// The field numbers of a bundle, of officers' statements and of the signer's tables about them
// (proto/reader/wire.h says how they are used). Order of fields = ascending numbers.
#pragma once

#include "policy/bundle/listed.h"
#include "policy/bundle/statement.h"
#include "policy/render/describe.h"
#include "proto/reader/wire.h"

namespace custody::policy::bundle {

template <class V>
void describe(V& v, Officer& m) {
  v.bytes(1, m.name, kMaxName);
  v.repeated(2, m.groups, kMaxGroups, kMaxName);
  v.enumeration(3, m.curve, Curve::kSecp256k1, Curve::kP256);
  v.bytes(4, m.key, PublicKey::kSize);
  v.field(5, m.valid_from);
  v.field(6, m.valid_until);
}
template <class V>
void describe(V& v, AllowEntry& m) {
  v.bytes(1, m.currency, kMaxCode);
  v.bytes(2, m.address, render::kMaxAddress);
  v.bytes(3, m.owner, kMaxName);
  v.bytes(4, m.reason, kMaxReason);
  v.field(5, m.expires);
}
template <class V>
void describe(V& v, Unit& m) {
  v.bytes(1, m.currency, kMaxCode);
  v.field(2, m.decimals);
}
template <class V>
void describe(V& v, PriceSource& m) {
  v.bytes(1, m.name, kMaxName);
  v.bytes(2, m.unit, kMaxCode);
  v.field(3, m.decimals);
  v.field(4, m.key);
  v.field(5, m.max_age_minutes);
}
template <class V>
void describe(V& v, Quorum& m) {
  v.bytes(1, m.group, kMaxName);
  v.field(2, m.count);
}
template <class V>
void describe(V& v, Bundle& m) {
  v.field(1, m.format);
  v.field(2, m.chain_id);
  v.field(3, m.member);
  v.field(4, m.version);
  v.field(5, m.previous);
  v.bytes(6, m.schema, kMaxSchemaText);
  v.bytes(7, m.policies, kMaxPolicyText);
  v.repeated(8, m.groups, kMaxGroups, kMaxName);
  v.repeated(9, m.officers, kMaxOfficers);
  v.repeated(10, m.allow_list, kMaxAllowList);
  v.repeated(11, m.units, kMaxUnits);
  v.optional(12, m.price_source);
  v.field(13, m.activation);
  v.field(14, m.unfreeze);
  v.field(15, m.activation_delay_minutes);
  v.field(16, m.pending_expiry_hours);
}

template <class V>
void describe(V& v, OfficerSignature& m) {
  v.bytes(1, m.officer, kMaxName);
  v.field(2, m.signature);
}
template <class V>
void describe(V& v, SignedAsk& m) {
  v.field(1, m.ask);
  v.bytes(2, m.officer, kMaxName);
  v.field(3, m.signature);
}
template <class V>
void describe(V& v, SignedVote& m) {
  v.field(1, m.request);
  v.enumeration(2, m.vote, render::Vote::kApprove, render::Vote::kReject);
  v.bytes(3, m.officer, kMaxName);
  v.bytes(4, m.group, kMaxName);
  v.field(5, m.signature);
}
template <class V>
void describe(V& v, SignedBundle& m) {
  v.bytes(1, m.bundle, kMaxBundle);
  v.repeated(2, m.signatures, kMaxOfficers);
}
template <class V>
void describe(V& v, SignedOrder& m) {
  v.field(1, m.order);
  v.repeated(2, m.signatures, kMaxOfficers);
}
template <class V>
void describe(V& v, ListedSince& m) {
  v.bytes(1, m.currency, kMaxCode);
  v.bytes(2, m.address, render::kMaxAddress);
  v.field(3, m.since);
}

}  // namespace custody::policy::bundle
