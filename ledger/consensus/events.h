// What goes into the consensus core and what comes out. Thread-safety: values.
#pragma once

#include <variant>
#include <vector>

#include "base/clock.h"
#include "ledger/consensus/application.h"
#include "ledger/model/intents.h"
#include "ledger/model/peer_messages.h"

namespace custody::ledger::consensus {

struct Now {
  UnixMs wall;
  MonotonicMs monotonic;
};

// Events.
struct Start {};  // first event, once: recovers what the log holds
struct Tick {};   // the wake-up that was asked for, or any time
struct FromPeer {
  model::MemberId peer;  // as the transport authenticated it
  model::PeerMessageBody message;
};
struct FromSigner {
  model::SignReply reply;
};
struct TransactionsAvailable {};
using Event = std::variant<Start, Tick, FromPeer, FromSigner, TransactionsAvailable>;

// Actions, to be done in order. What they depend on is durable when step() returns.
struct Send {
  model::MemberId peer;
  Bytes message;  // encoded model::PeerMessage
};
struct Broadcast {
  Bytes message;
};
struct Sign {
  model::SignRequest request;
};
struct WakeAt {
  MonotonicMs at;
};
struct Committed {  // already durable
  model::Block block;
  model::Commit commit;
};
// Two signed messages of one member for one position: proof that it (or a restored backup of it) equivocated.
// Self- contained with the member set of the height.
struct Equivocation {
  model::MemberId member;
  std::variant<std::pair<model::Vote, model::Vote>, std::pair<model::BlockProposal, model::BlockProposal>>
      messages;
};
// For the operator's log.
struct Report {
  Status status;
};
// The node must stop: its disk failed, or its state diverged from what the quorum signed. Nothing follows it.
struct Halt {
  Status status;
};
using Action = std::variant<Send, Broadcast, Sign, WakeAt, Committed, Equivocation, Report, Halt>;
using Actions = std::vector<Action>;

Bytes encode_peer_message(model::PeerMessageBody body);
// At most kMaxPeerMessage bytes, strictly encoded.
Result<model::PeerMessageBody> decode_peer_message(ByteView bytes);

}  // namespace custody::ledger::consensus
