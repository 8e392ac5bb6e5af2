// The field numbers of a request, of what is asked for and of the orders (proto/reader/wire.h says how they
// are used). Order of fields = ascending numbers.
#pragma once

#include "policy/render/request.h"
#include "proto/reader/describe.h"

namespace custody::policy::render {

template <class V>
void describe(V& v, Payment& m) {
  v.bytes(1, m.gateway, kMaxName);
  v.bytes(2, m.address, kMaxAddress);
  v.bytes(3, m.owner, kMaxName);
  v.field(4, m.amount);
  v.field(5, m.fee_cap);
  v.field(6, m.burn);
}
template <class V>
void describe(V& v, Terms& m) {
  v.field(1, m.chain_id);
  v.field(2, m.member);
  v.enumeration(3, m.kind, model::IntentKind::kMint, model::IntentKind::kBallot);
  v.field(4, m.currency);
  v.bytes(5, m.currency_code, kMaxCode);
  v.field(6, m.decimals);
  v.field(7, m.epoch);
  v.field(8, m.slot);
  v.field(9, m.subject);
  v.repeated(10, m.payments, kMaxPayments);
  v.field(11, m.proposal);
  v.field(12, m.approve);
  v.bytes(13, m.action, kMaxAction);
  v.field(14, m.deposit);
}
template <class V>
void describe(V& v, Want& m) {
  v.bytes(1, m.group, kMaxName);
  v.field(2, m.count);
}
template <class V>
void describe(V& v, Wants& m) {
  v.repeated(1, m.all_of, kMaxGroups + 2);
}
template <class V>
void describe(V& v, Request& m) {
  v.field(1, m.terms);
  v.repeated(2, m.wants, kMaxWants);
  v.field(3, m.bundle);
  v.field(4, m.bundle_hash);
  v.field(5, m.height);
  v.field(6, m.opened);
  v.field(7, m.expires);
  v.bytes(8, m.initiator, kMaxName);
}
template <class V>
void describe(V& v, Ask& m) {
  v.field(1, m.terms);
  v.field(2, m.bundle);
  v.field(3, m.bundle_hash);
  v.field(4, m.expires);
}
template <class V>
void describe(V& v, FreezeOrder& m) {
  v.field(1, m.chain_id);
  v.field(2, m.member);
  v.enumeration(3, m.what, Freeze::kFreeze, Freeze::kUnfreeze);
  v.bytes(4, m.currency, kMaxCode);
  v.bytes(5, m.reason, kMaxReason);
  v.field(6, m.counter);
  v.field(7, m.bundle);
  v.field(8, m.bundle_hash);
  v.field(9, m.expires);
}

}  // namespace custody::policy::render
