// The field numbers of the messages between members' nodes (describe.h says how they are used).
#pragma once

#include "ledger/model/peer_messages.h"
#include "proto/reader/describe.h"

namespace custody::ledger::model {

template <class V>
void describe(V& v, BlockPart& m) {
  v.field(1, m.index);
  v.bytes(2, m.data, kPartBytes);
  v.repeated(3, m.path, kMaxPartPath);
}
template <class V>
void describe(V& v, ProposalPart& m) {
  v.field(1, m.height);
  v.field(2, m.parts_root);
  v.field(3, m.part);
}
template <class V>
void describe(V& v, RoundVotes& m) {
  v.field(1, m.round);
  v.field(2, m.prevotes);
  v.field(3, m.precommits);
  v.field(4, m.prevote_quorum);
}
template <class V>
void describe(V& v, PartsHeld& m) {
  v.field(1, m.parts_root);
  v.bytes(2, m.bitmap, kMaxBlockParts / 8);
}
template <class V>
void describe(V& v, PeerStatus& m) {
  v.field(1, m.height);
  v.field(2, m.round);
  v.field(3, m.step);
  v.optional(4, m.proposal);
  v.repeated(5, m.votes, kMaxStatusRounds);
}
template <class V>
void describe(V& v, BlockRequest& m) {
  v.field(1, m.height);
  v.field(2, m.first_part);
}
template <class V>
void describe(V& v, BlockReply& m) {
  v.field(1, m.commit);
  v.field(2, m.parts_root);
  v.field(3, m.part_count);
  v.field(4, m.part);
}
template <class V>
void describe(V& v, TransactionsMessage& m) {
  v.repeated(1, m.envelopes, kMaxToldTransactions, kMaxPeerMessage);
}
template <class V>
void describe(V& v, PeerMessage& m) {
  v.oneof(1, m.body);
}

}  // namespace custody::ledger::model
