// Proposals and ballots as officers and policies read them. The signer's guard, which builds what is signed,
// and custodyctl, where an officer asks for it, call the same functions. Thread-safety: pure functions.
#pragma once

#include "ledger/model/transaction.h"
#include "policy/render/request.h"

namespace custody::policy::render {

// One line of printable ASCII, at most kMaxAction, that holds everything the action does: two actions are two
// texts. kInvalid: it cannot be shown exactly.
Result<Bytes> action_text(const model::Proposal& proposal);

// IntentFacts::subject. What is proposed again is the same subject; for and against a proposal are one.
Hash256 proposal_subject(ByteView action);
Hash256 ballot_subject(const model::TxId& proposal);

// What is asked for by such an intent. action: of action_text.
Terms proposal_terms(const model::ChainId& chain, model::MemberId member, ByteView action);
Terms ballot_terms(const model::ChainId& chain, const model::Ballot& ballot, ByteView action);

}  // namespace custody::policy::render
