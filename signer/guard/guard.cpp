#include "signer/guard/guard.h"

#include <algorithm>
#include <tuple>

#include "policy/render/governance.h"
#include "signer/guard/internal.h"

namespace custody::signer::guard {
namespace {

namespace render = policy::render;

// A block of the largest size in parts, and one part for its framing.
constexpr std::uint32_t kMaxParts = model::kMaxBlockBytes / model::kPartBytes + 1;

auto position(model::Height height, model::Round round, std::uint8_t step) {
  return std::tuple(height, round, step);
}

std::string position_text(model::Height height, model::Round round, std::uint8_t step) {
  constexpr std::string_view kNames[] = {"nothing", "proposal", "prevote", "precommit"};
  return std::string(kNames[std::min<std::size_t>(step, 3)]) + " at height " + std::to_string(height.get()) +
         " round " + std::to_string(round.get());
}

// The rule against double signing: strictly above everything signed before, or the very same digest.
Result<Verdict> consensus_verdict(const model::GuardState& state, model::IntentKind kind,
                                  model::Height height, model::Round round, std::uint8_t step,
                                  const Hash256& digest) {
  if (height == model::Height(0)) return deny("guard.height", "height 0 is genesis: nobody votes on it");
  const model::Watermark& mark = state.watermark;
  const auto asked = position(height, round, step);
  const auto highest = position(mark.height, mark.round, mark.step);
  const bool repeat = asked == highest && digest == mark.digest;
  if (!repeat && asked <= highest) {
    return deny("guard.watermark",
                position_text(height, round, step) + " is not above what was signed last (" +
                    position_text(mark.height, mark.round, mark.step) + ")",
                asked == highest ? "another message was signed there: this would be equivocation"
                                 : "the node is behind: let it catch up");
  }
  ASSIGN_OR_RETURN(model::GuardKey key, find_key(state, model::KeyRole::kValidator));
  Verdict out{key, {digest}, state, {}, repeat};
  out.facts.kind = kind;
  out.next.watermark = {height, round, step, digest};
  if (step == kPrecommitStep) out.next.last_precommit = std::max(state.last_precommit, height);
  return out;
}

Result<Verdict> check_intent(const model::GuardState& state, const model::ProposalIntent& intent) {
  if (intent.block.is_zero()) return deny("guard.block", "a proposal needs a block");
  if (intent.part_count == 0 || intent.part_count > kMaxParts) {
    return deny("guard.parts",
                std::to_string(intent.part_count) + " parts; a block has 1 to " + std::to_string(kMaxParts));
  }
  if (intent.proof_of_lock && !(*intent.proof_of_lock < intent.round)) {
    return deny("guard.proof_of_lock", "the round of the lock must be below the proposal's");
  }
  model::BlockProposal proposal{.height = intent.height,
                                .round = intent.round,
                                .proof_of_lock = intent.proof_of_lock,
                                .block = intent.block,
                                .parts_root = intent.parts_root,
                                .part_count = intent.part_count,
                                .member = state.member,
                                .signature = {}};
  return consensus_verdict(state, model::IntentKind::kProposal, intent.height, intent.round, kProposalStep,
                           proto::reader::proposal_digest(state.chain_id, proposal));
}

Result<Verdict> check_intent(const model::GuardState& state, const model::VoteIntent& intent) {
  if (intent.block && intent.block->is_zero()) {
    return deny("guard.block", "a vote for no block is nil, not a hash of zeros");
  }
  const Hash256 digest =
      proto::reader::vote_digest(state.chain_id, intent.type, intent.height, intent.round, intent.block);
  const bool prevote = intent.type == model::VoteType::kPrevote;
  return consensus_verdict(state, prevote ? model::IntentKind::kPrevote : model::IntentKind::kPrecommit,
                           intent.height, intent.round, prevote ? kPrevoteStep : kPrecommitStep, digest);
}

Result<Verdict> check_intent(const model::GuardState& state, const model::HeadIntent& intent) {
  const model::ExternalHead& head = intent.head;
  TRY(check_own(state, head.member));
  const auto chain = std::ranges::find(state.chains, head.chain, &model::ExternalChain::id);
  if (chain == state.chains.end()) {
    return deny("guard.chain", "external chain " + std::to_string(head.chain.get()) + " is not in genesis");
  }
  if (head.hash.is_zero()) return deny("guard.block", "an external head needs a block hash");
  if (head.height < chain->anchor_height) {
    return deny("guard.anchor", "external height " + std::to_string(head.height.get()) +
                                    " is below the chain's anchor " +
                                    std::to_string(chain->anchor_height.get()));
  }
  if (head.fee_rate == model::FeeRate(0)) return deny("guard.fee_rate", "the fee rate must be above zero");
  return transaction_verdict(state, model::KeyRole::kAttest, model::IntentKind::kExternalHead,
                             intent.valid_until, intent.salt, head);
}

Result<Verdict> check_intent(const model::GuardState& state, const model::MintIntent& intent) {
  return check_mint(state, intent);
}
Result<Verdict> check_intent(const model::GuardState& state, const model::PayoutIntent& intent) {
  return check_payout(state, intent);
}
Result<Verdict> check_intent(const model::GuardState& state, const model::SlotSignatureIntent& intent) {
  return check_slot_signature(state, intent);
}

Result<Verdict> check_intent(const model::GuardState& state, const model::ProposalTxIntent& intent) {
  TRY(check_own(state, intent.proposal.member));
  // Only what its words can show exactly is signed.
  const auto action = render::action_text(intent.proposal);
  if (!action.ok()) return deny("guard.proposal", action.status().message());
  ASSIGN_OR_RETURN(Verdict out,
                   transaction_verdict(state, model::KeyRole::kGovernance, model::IntentKind::kProposalTx,
                                       intent.valid_until, intent.salt, intent.proposal));
  out.facts.action = *action;
  out.facts.subject = render::proposal_subject(*action);
  return out;
}

// What the proposal says: its payload proves itself by its hash, which is what the ledger knows it by.
Result<Bytes> proposed_action(const model::GuardState& state, const model::BallotIntent& intent) {
  const auto transaction =
      proto::reader::decode<model::Transaction>(intent.payload, model::kMaxProposalPayload);
  if (!transaction.ok()) return deny("guard.proposal", "the payload: " + transaction.status().message());
  const auto* proposal = std::get_if<model::Proposal>(&transaction->body);
  if (proposal == nullptr) return deny("guard.proposal", "the payload is of no proposal");
  if (proto::reader::transaction_id(state.chain_id, intent.payload, transaction->body) !=
      intent.ballot.proposal) {
    return deny("guard.proposal", "the payload is of another proposal than the ballot's");
  }
  auto action = render::action_text(*proposal);
  if (!action.ok()) return deny("guard.proposal", action.status().message());
  return action;
}

Result<Verdict> check_intent(const model::GuardState& state, const model::BallotIntent& intent) {
  TRY(check_own(state, intent.ballot.member));
  ASSIGN_OR_RETURN(Bytes action, proposed_action(state, intent));
  ASSIGN_OR_RETURN(Verdict out,
                   transaction_verdict(state, model::KeyRole::kGovernance, model::IntentKind::kBallot,
                                       intent.valid_until, intent.salt, intent.ballot));
  out.facts.proposal = intent.ballot.proposal;
  out.facts.action = std::move(action);
  out.facts.approve = intent.ballot.approve;
  out.facts.subject = render::ballot_subject(intent.ballot.proposal);
  return out;
}

Result<Verdict> check_intent(const model::GuardState& state, const model::PolicyAttestationIntent& intent) {
  const model::PolicyAttestation& attested = intent.attestation;
  TRY(check_own(state, attested.member));
  if (attested.version == 0) return deny("guard.version", "versions of a policy begin at 1");
  if (attested.salted_hash.is_zero()) return deny("guard.hash", "an attestation needs a salted hash");
  return transaction_verdict(state, model::KeyRole::kAttest, model::IntentKind::kPolicyAttestation,
                             intent.valid_until, intent.salt, attested);
}

Result<Verdict> check_intent(const model::GuardState&, const model::StatusQuery&) {
  return deny("guard.intent", "a status query is answered, not signed");
}
Result<Verdict> check_intent(const model::GuardState&, const model::LedgerHeadIntent&) {
  return deny("guard.intent", "a head of the ledger is remembered, not signed");
}
Result<Verdict> check_intent(const model::GuardState&, const model::StatementIntent&) {
  return deny("guard.intent", "what officers have signed is not signed again");
}
Result<Verdict> check_intent(const model::GuardState&, const model::PolicyQuery&) {
  return deny("guard.intent", "a question about the policy is answered, not signed");
}

// As far ahead of what the guard knows of the ledger as any network allows: a node that is taken over for a
// minute must not collect statements for years to come.
Status check_valid_until(const model::GuardState& state, model::Height valid_until) {
  if (valid_until == model::Height(0)) return deny("guard.valid_until", "a transaction needs a last height");
  const model::Height known = std::max(state.head.height, state.watermark.height);
  if (valid_until <= known || valid_until.get() - known.get() <= model::kMaxValidBlocks) return ok_status();
  return deny("guard.valid_until",
              "height " + std::to_string(valid_until.get()) + " is more than " +
                  std::to_string(model::kMaxValidBlocks) + " above the highest that this signer knows, " +
                  std::to_string(known.get()),
              "ask again when this signer has voted");
}

// The state with every table full and every number at its longest.
model::GuardState fullest(model::GuardState state) {
  state.head.height = state.last_precommit = model::Height(UINT64_MAX);
  state.head.time = model::LedgerMs(UINT64_MAX);
  state.watermark = {model::Height(UINT64_MAX), model::Round(UINT32_MAX), kPrecommitStep, {}};
  state.counter = UINT64_MAX;
  for (model::GuardBucket& bucket : state.buckets) {
    bucket.level = model::Amount(UINT64_MAX);
    bucket.updated = model::LedgerMs(UINT64_MAX);
  }
  model::GuardSlot slot;
  slot.currency = model::CurrencyId(UINT16_MAX);
  slot.slot = model::SlotId(UINT64_MAX);
  slot.anchor.vout = UINT32_MAX;
  slot.burns.assign(model::kGuardSlotBurns / model::kGuardSlots, UINT64_MAX);
  state.slots.assign(model::kGuardSlots, slot);
  return state;
}

}  // namespace

Result<model::GuardKey> find_key(const model::GuardState& state, model::KeyRole role,
                                 model::CurrencyId currency, model::WalletEpoch epoch) {
  for (const model::GuardKey& key : state.keys) {
    if (key.role == role && key.currency == currency && key.epoch == epoch) return key;
  }
  return deny("guard.key", "this member has no key for currency " + std::to_string(currency.get()) +
                               " wallet epoch " + std::to_string(epoch.get()));
}

const model::ReserveWallet* find_wallet(const model::GuardState& state, model::CurrencyId currency,
                                        model::WalletEpoch epoch) {
  for (const model::ReserveWallet& wallet : state.wallets) {
    if (wallet.currency == currency && wallet.epoch == epoch) return &wallet;
  }
  return nullptr;
}

Status check_own(const model::GuardState& state, model::MemberId member) {
  if (member == state.member) return ok_status();
  return deny("guard.member", "the intent names member " + std::to_string(member.get()) +
                                  ", this is the signer of member " + std::to_string(state.member.get()));
}

Result<Verdict> transaction_verdict(const model::GuardState& state, model::KeyRole role,
                                    model::IntentKind kind, model::Height valid_until, std::uint64_t salt,
                                    model::TransactionBody body) {
  TRY(check_valid_until(state, valid_until));
  ASSIGN_OR_RETURN(model::GuardKey key, find_key(state, role));
  const model::Transaction transaction{1, valid_until, salt, std::move(body)};
  const Bytes payload = proto::reader::encode(transaction);
  Verdict out{
      key, {proto::reader::transaction_digest(state.chain_id, payload, transaction.body)}, state, {}, false};
  out.facts.kind = kind;
  return out;
}

Result<model::GuardState> initial_state(const model::Genesis& genesis, const model::ChainId& chain_id,
                                        model::MemberId member) {
  const auto own = std::ranges::find(genesis.members, member, &model::Member::id);
  if (own == genesis.members.end()) {
    return not_found("member " + std::to_string(member.get()) + " is not in this genesis");
  }
  model::GuardState state;
  state.chain_id = chain_id;
  state.member = member;
  state.head.time = genesis.time;
  state.head.members_hash = proto::reader::member_set_hash(model::member_set(genesis));
  state.keys = {{model::KeyRole::kValidator, {}, {}, own->validator_key},
                {model::KeyRole::kAttest, {}, {}, own->attest_key},
                {model::KeyRole::kGovernance, {}, {}, own->governance_key}};
  for (const model::SeatKey& seat : own->seats) {
    state.keys.push_back({model::KeyRole::kSeat, seat.currency, seat.epoch, seat.key});
  }
  state.wallets = genesis.wallets;
  state.chains = genesis.chains;
  state.currencies = genesis.currencies;
  for (const model::CurrencyParameters& parameters : genesis.parameters.currencies) {
    state.buckets.push_back({parameters.currency, parameters.bucket_capacity, genesis.time});
  }
  if (proto::reader::encode(fullest(state)).size() > model::kMaxGuardState) {
    return exhausted("the guard's memory of " + std::to_string(model::kMaxGuardState) +
                         " bytes cannot hold this genesis and full tables",
                     "use fewer currencies or shorter chain names");
  }
  return state;
}

Result<Verdict> check(const model::GuardState& state, const model::Intent& intent) {
  auto verdict = std::visit([&](const auto& one) { return check_intent(state, one); }, intent);
  if (!verdict.ok()) return verdict;
  const auto counter = checked_add<std::uint64_t>(state.counter, verdict->digests.size());
  if (!counter) return deny("guard.counter", "the counter of signatures is used up");
  verdict->next.counter = *counter;
  return verdict;
}

std::string_view rule_of(const Status& status) {
  const std::string_view message = status.message();
  const std::string_view rule = message.substr(0, message.find(':'));
  return rule.starts_with("guard.") || rule.starts_with("policy.") || rule.starts_with("signer.")
             ? rule
             : std::string_view{};
}

}  // namespace custody::signer::guard
