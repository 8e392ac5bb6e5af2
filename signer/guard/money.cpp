#include <algorithm>
#include <set>

#include "base/crypto/secp256k1.h"
#include "ledger/custody/custody.h"
#include "signer/guard/internal.h"

namespace custody::signer::guard {
namespace {

namespace custodian = ledger::custody;
using ledger::light::ProvenState;

constexpr std::uint64_t kHourMs = 3'600'000;

// What a refused helper said, under the guard's own rule.
Status under(std::string_view rule, const Status& status) {
  return deny(rule, status.message(), status.hint());
}

template <typename T>
Result<T> proven(const ProvenState& state, ByteView key, std::string_view what) {
  auto record = state.require<T>(key, what);
  if (!record.ok()) return under("guard.evidence", record.status());
  return record;
}

// The set that votes on the evidence's block: known from the guard's head, or from the header that is the
// head itself.
const Hash256& voting_set(const model::GuardHead& head, const model::LedgerEvidence& evidence) {
  const bool is_head =
      evidence.header.height == head.height && proto::reader::block_hash(evidence.header) == head.hash;
  return is_head ? evidence.header.members_hash : head.members_hash;
}

Status check_fresh(const model::GuardState& state, const model::BlockHeader& header) {
  const std::string height = "the evidence's height " + std::to_string(header.height.get());
  if (header.height < state.head.height) {
    return deny("guard.head",
                height + " is below the head seen before, " + std::to_string(state.head.height.get()));
  }
  if (header.height == state.head.height && proto::reader::block_hash(header) != state.head.hash) {
    return deny("guard.fork", height + " has another block than the final one seen before",
                "two final blocks at one height: stop and compare with the other members");
  }
  if (header.height.get() + kHeadLag < state.last_precommit.get()) {
    return deny("guard.stale",
                height + " is more than " + std::to_string(kHeadLag) + " below the last precommit, " +
                    std::to_string(state.last_precommit.get()),
                "ask again with a newer block");
  }
  if (header.time < state.head.time) return deny("guard.time", "ledger time went back in the evidence");
  return ok_status();
}

// Final, of this network, and no step back.
Result<ProvenState> check_evidence(const model::GuardState& state, const model::LedgerEvidence& evidence) {
  TRY(check_fresh(state, evidence.header));
  auto checked = ProvenState::check(state.chain_id, voting_set(state.head, evidence), evidence);
  if (!checked.ok()) return under("guard.evidence", checked.status());
  return checked;
}

model::GuardHead head_of(const ProvenState& evidence) {
  const model::BlockHeader& header = evidence.header();
  return {header.height, evidence.hash(), header.time, header.next_members_hash};
}

// Slots are given back by nothing but a proof that they are settled.
void free_settled(const ProvenState& evidence, std::vector<model::GuardSlot>& slots) {
  std::erase_if(slots, [&](const model::GuardSlot& slot) {
    const auto record = evidence.get<model::SlotRecord>(model::slot_key(slot.currency, slot.slot));
    return record.ok() && record->has_value() && (*record)->status == model::SlotStatus::kSettled;
  });
}

// Evidence that holds, the guard's memory moved on to it, and what every money intent needs from it.
struct Money {
  ProvenState evidence;
  model::GuardState next;
  model::CurrencyParameters parameters;
  const model::ExternalChain* chain;             // in the state given to open()
  const model::ReserveWallet* wallet = nullptr;  // set by use_wallet(), in the same state
};

// The ledger must have the wallet exactly as the guard knows it.
Status use_wallet(Money& money, const model::ReserveWallet* wallet) {
  if (wallet == nullptr) return deny("guard.wallet", "this guard knows no such reserve wallet");
  ASSIGN_OR_RETURN(
      const auto recorded,
      proven<model::ReserveWallet>(money.evidence, model::wallet_key(wallet->currency, wallet->epoch),
                                   "the reserve wallet"));
  if (recorded != *wallet) {
    return deny("guard.wallet", "the ledger's reserve wallet is not the one that this guard knows");
  }
  money.wallet = wallet;
  return ok_status();
}

Status check_not_frozen(const ProvenState& evidence, model::CurrencyId currency) {
  const auto freeze = evidence.raw(model::freeze_key(currency));
  if (!freeze.ok()) return under("guard.evidence", freeze.status());
  if (freeze->has_value()) return deny("guard.frozen", "the ledger has frozen this currency");
  return ok_status();
}

Result<Money> open(const model::GuardState& state, const model::LedgerEvidence& evidence,
                   model::CurrencyId currency) {
  const auto known = std::ranges::find(state.currencies, currency, &model::Currency::id);
  if (known == state.currencies.end()) {
    return deny("guard.currency", "currency " + std::to_string(currency.get()) + " is not in genesis");
  }
  const auto chain = std::ranges::find(state.chains, known->chain, &model::ExternalChain::id);
  if (chain == state.chains.end()) return deny("guard.chain", "the currency's chain is not in genesis");
  ASSIGN_OR_RETURN(ProvenState checked, check_evidence(state, evidence));
  ASSIGN_OR_RETURN(const auto parameters,
                   proven<model::NetworkParameters>(checked, model::parameters_key(), "parameters"));
  const model::CurrencyParameters* limits = model::find_parameters(parameters, currency);
  if (limits == nullptr) return deny("guard.parameters", "the ledger has no parameters for this currency");
  TRY(check_not_frozen(checked, currency));
  Money out{std::move(checked), state, *limits, &*chain};
  out.next.head = head_of(out.evidence);
  free_settled(out.evidence, out.next.slots);
  return out;
}

Result<model::GatewayRecord> gateway_of(const Money& money, model::GatewayId id) {
  return proven<model::GatewayRecord>(money.evidence, model::gateway_key(id),
                                      "gateway " + std::to_string(id.get()));
}

Status check_kyc(const Money& money, const model::GatewayRecord& gateway) {
  if (gateway.kyc_expiry > money.evidence.header().time) return ok_status();
  return deny("guard.kyc", "the KYC of gateway " + std::string(as_text(gateway.name)) + " has expired");
}

Result<model::Amount> recorded_reserve(const Money& money, model::CurrencyId currency) {
  ASSIGN_OR_RETURN(
      const auto totals,
      proven<model::CurrencyTotals>(money.evidence, model::totals_key(currency), "the currency's totals"));
  return totals.recorded_reserve;
}

Status check_not_minted(const Money& money, const model::MintApproval& approval) {
  const auto record =
      money.evidence.get<model::MintRecord>(model::mint_key(approval.currency, approval.outpoint));
  if (!record.ok()) return under("guard.evidence", record.status());
  if (!record->has_value()) return ok_status();
  const model::MintRecord& mint = **record;
  if (mint.minted) {
    return deny("guard.minted", "the deposit was minted at height " + std::to_string(mint.minted->get()));
  }
  if (mint.gateway != approval.gateway || mint.amount != approval.amount) {
    return deny("guard.mint_terms", "other members approve this deposit for another gateway or amount");
  }
  return ok_status();
}

Status check_deposit_proof(const model::GuardState& state, const Money& money,
                           const model::MintApproval& approval) {
  const auto headers = static_cast<std::uint32_t>(approval.proof.headers.size());
  const auto tip = checked_add<std::uint32_t>(approval.proof.height.get(), headers == 0 ? 0 : headers - 1);
  if (headers == 0 || !tip) return deny("guard.deposit", "the deposit's proof has no headers");
  ASSIGN_OR_RETURN(const auto head,
                   proven<model::RecordedHead>(money.evidence,
                                               model::head_key(money.chain->id, model::ExternalHeight(*tip)),
                                               "the external head that the proof ends in"));
  auto transaction =
      custodian::verify_proof(*money.chain, approval.proof, head, money.parameters.deposit_depth);
  if (!transaction.ok()) return under("guard.deposit", transaction.status());
  if (transaction->txid().array() != approval.outpoint.txid.array()) {
    return deny("guard.deposit", "the proof is of another transaction than the deposit's");
  }
  const Status terms = custodian::check_deposit(state.chain_id, *money.wallet, approval, *transaction);
  return terms.ok() ? terms : under("guard.deposit", terms);
}

Status check_burn(const Money& money, const model::SlotRecord& plan, const model::PlanPayee& payee,
                  std::vector<model::PayeeFact>& facts) {
  ASSIGN_OR_RETURN(
      const auto burn,
      proven<model::BurnRecord>(money.evidence, model::burn_key(plan.currency, payee.burn), "a burn"));
  const std::string name = "burn " + std::to_string(payee.burn);
  if (burn.status != model::BurnStatus::kInSlot || burn.slot != plan.id) {
    return deny("guard.burn", name + " is not in slot " + std::to_string(plan.id.get()));
  }
  if (burn.transaction != payee.transaction || burn.payout_script != payee.script ||
      burn.amount != payee.amount || burn.fee_cap != payee.fee_cap) {
    return deny("guard.burn", name + " does not have the plan's address, amount and fee cap");
  }
  // Whether an expired KYC stops what is in a slot already is for the policy to say.
  ASSIGN_OR_RETURN(const auto gateway, gateway_of(money, burn.gateway));
  facts.push_back({payee.burn, burn.gateway, gateway.name, gateway.kyc_expiry, burn.payout_script,
                   burn.amount, burn.fee_cap});
  return ok_status();
}

Status check_coin(const Money& money, const model::SlotRecord& plan, const model::PlanInput& input) {
  ASSIGN_OR_RETURN(
      const auto coin,
      proven<model::CoinRecord>(money.evidence, model::coin_key(plan.currency, input.coin), "a coin"));
  if (coin.outpoint == input.outpoint && coin.amount == input.amount && coin.gateway == input.gateway &&
      coin.epoch == plan.epoch && coin.slot == plan.id) {
    return ok_status();
  }
  return deny("guard.coin",
              "coin " + std::to_string(input.coin) + " is not bound to this slot as the plan has it");
}

// Each burn, coin and outpoint once; each as the ledger has it.
Result<std::vector<model::PayeeFact>> check_terms(const Money& money, const model::SlotRecord& plan) {
  if (plan.inputs.empty() || plan.payees.empty()) return deny("guard.plan", "a plan needs inputs and payees");
  std::set<std::uint64_t> burns;
  std::vector<model::PayeeFact> facts;
  for (const model::PlanPayee& payee : plan.payees) {
    if (!burns.insert(payee.burn).second) return deny("guard.plan", "the plan pays a burn twice");
    TRY(check_burn(money, plan, payee, facts));
  }
  std::set<model::OutPoint> outpoints;
  for (const model::PlanInput& input : plan.inputs) {
    if (!outpoints.insert(input.outpoint).second) return deny("guard.plan", "the plan spends a coin twice");
    TRY(check_coin(money, plan, input));
  }
  const Status sound = custodian::check_plan(plan, *money.wallet, money.parameters);
  if (!sound.ok()) return under("guard.plan", sound);
  return facts;
}

model::GuardSlot terms_of(const model::SlotRecord& plan) {
  model::GuardSlot slot{
      plan.currency, plan.id, plan.inputs.front().outpoint, proto::reader::slot_terms_hash(plan), {}};
  for (const model::PlanPayee& payee : plan.payees) slot.burns.push_back(payee.burn);
  return slot;
}

// Nothing of the plan may be bound to another slot that this signer has signed for and not seen settled.
Status check_unbound(const std::vector<model::GuardSlot>& slots, const model::SlotRecord& plan) {
  for (const model::GuardSlot& slot : slots) {
    if (slot.currency != plan.currency) continue;
    const std::string other = " is bound to slot " + std::to_string(slot.slot.get());
    for (const model::PlanInput& input : plan.inputs) {
      if (input.outpoint == slot.anchor) return deny("guard.anchor_bound", "an input" + other);
    }
    for (const model::PlanPayee& payee : plan.payees) {
      if (std::ranges::find(slot.burns, payee.burn) != slot.burns.end()) {
        return deny("guard.burn_bound", "burn " + std::to_string(payee.burn) + other);
      }
    }
  }
  return ok_status();
}

Status check_room(const model::GuardState& next) {
  std::size_t burns = 0;
  for (const model::GuardSlot& slot : next.slots) burns += slot.burns.size();
  if (next.slots.size() <= model::kGuardSlots && burns <= model::kGuardSlotBurns &&
      proto::reader::encode(next).size() <= model::kMaxGuardState) {
    return ok_status();
  }
  return exhausted("the guard's table of open slots is full",
                   "prove the settlement of an open slot first: send its record with the evidence")
      .with_context("guard.slots_full");
}

// The most that a stolen host can have signed: capacity at once, the refill by ledger time.
Status take(model::GuardBucket& bucket, const model::CurrencyParameters& limits, model::LedgerMs now,
            model::Amount amount) {
  const std::uint64_t elapsed = now > bucket.updated ? now.get() - bucket.updated.get() : 0;
  const std::uint64_t refill =
      mul_div(elapsed, limits.bucket_refill_per_hour.get(), kHourMs).value_or(UINT64_MAX);
  const std::uint64_t filled = checked_add(bucket.level.get(), refill).value_or(UINT64_MAX);
  const model::Amount level = std::min(model::Amount(filled), limits.bucket_capacity);
  const auto rest = model::sub(level, amount);
  if (!rest) {
    return deny("guard.bucket",
                "the payout of " + std::to_string(amount.get()) + " is above the " +
                    std::to_string(level.get()) + " that this signer may sign out now",
                "it refills by " + std::to_string(limits.bucket_refill_per_hour.get()) + " an hour");
  }
  bucket = {bucket.currency, *rest, std::max(now, bucket.updated)};
  return ok_status();
}

Result<model::Amount> total_of(const model::SlotRecord& plan) {
  model::Amount total = plan.fee;
  for (const model::PlanPayee& payee : plan.payees) {
    const auto sum = model::add(total, payee.amount);
    if (!sum) return deny("guard.plan", "the plan's amounts overflow");
    total = *sum;
  }
  return total;
}

// Binds the slot's terms, or finds them bound to the very same before (then true).
Result<bool> bind(Money& money, const model::SlotRecord& plan, model::Amount total) {
  model::GuardState& next = money.next;
  const auto bound = std::ranges::find_if(next.slots, [&](const model::GuardSlot& slot) {
    return slot.currency == plan.currency && slot.slot == plan.id;
  });
  if (bound != next.slots.end()) {
    if (bound->terms == proto::reader::slot_terms_hash(plan)) return true;
    return deny("guard.slot_terms", "slot " + std::to_string(plan.id.get()) +
                                        " was signed with other terms: an external signature never expires");
  }
  TRY(check_unbound(next.slots, plan));
  next.slots.push_back(terms_of(plan));
  TRY(check_room(next));
  const auto bucket = std::ranges::find(next.buckets, plan.currency, &model::GuardBucket::currency);
  if (bucket == next.buckets.end()) return deny("guard.bucket", "this currency has no bucket");
  TRY(take(*bucket, money.parameters, money.evidence.header().time, total));
  return false;
}

Result<model::SlotRecord> open_slot(const model::PayoutIntent& intent, const ProvenState& evidence) {
  ASSIGN_OR_RETURN(auto plan, proven<model::SlotRecord>(
                                  evidence, model::slot_key(intent.currency, intent.slot), "the slot"));
  if (plan.id != intent.slot || plan.currency != intent.currency) {
    return deny("guard.slot", "the slot's record names another slot");
  }
  if (plan.status != model::SlotStatus::kOpen) return deny("guard.slot_settled", "the slot is settled");
  return plan;
}

// Deposits are credited into the wallet of the newest epoch.
const model::ReserveWallet* deposit_wallet(const model::GuardState& state, model::CurrencyId currency) {
  const model::ReserveWallet* newest = nullptr;
  for (const model::ReserveWallet& wallet : state.wallets) {
    if (wallet.currency == currency && (newest == nullptr || newest->epoch < wallet.epoch)) newest = &wallet;
  }
  return newest;
}

bool holds_seat(const model::ReserveWallet& wallet, model::MemberId member, const PublicKey& key) {
  for (std::size_t i = 0; i < wallet.seats.size() && i < wallet.members.size(); ++i) {
    if (wallet.seats[i] == key && wallet.members[i] == member) return true;
  }
  return false;
}

Result<model::GuardKey> seat_key(const model::GuardState& state, const model::ReserveWallet& wallet) {
  ASSIGN_OR_RETURN(auto key, find_key(state, model::KeyRole::kSeat, wallet.currency, wallet.epoch));
  if (holds_seat(wallet, state.member, key.key)) return key;
  return deny("guard.key", "this member's seat key is not in the reserve wallet");
}

}  // namespace

Result<model::GuardState> advance(const model::GuardState& state, const model::LedgerEvidence& evidence) {
  ASSIGN_OR_RETURN(const ProvenState checked, check_evidence(state, evidence));
  model::GuardState next = state;
  next.head = head_of(checked);
  return next;
}

Result<Verdict> check_mint(const model::GuardState& state, const model::MintIntent& intent) {
  const model::MintApproval& approval = intent.approval;
  TRY(check_own(state, approval.member));
  if (approval.outpoint.txid.is_zero()) return deny("guard.deposit", "a deposit needs a transaction");
  ASSIGN_OR_RETURN(Money money, open(state, intent.evidence, approval.currency));
  TRY(use_wallet(money, deposit_wallet(state, approval.currency)));
  ASSIGN_OR_RETURN(const auto gateway, gateway_of(money, approval.gateway));
  TRY(check_kyc(money, gateway));
  TRY(check_not_minted(money, approval));
  if (approval.amount < money.parameters.min_deposit) {
    return deny("guard.min_deposit",
                "the deposit is below the minimum of " + std::to_string(money.parameters.min_deposit.get()));
  }
  TRY(check_deposit_proof(state, money, approval));
  ASSIGN_OR_RETURN(const model::Amount reserve, recorded_reserve(money, approval.currency));
  const model::WalletEpoch epoch = money.wallet->epoch;
  ASSIGN_OR_RETURN(Verdict out, transaction_verdict(state, model::KeyRole::kAttest, model::IntentKind::kMint,
                                                    intent.valid_until, intent.salt, approval));
  out.next = std::move(money.next);
  out.facts.currency = approval.currency;
  out.facts.amount = approval.amount;
  out.facts.epoch = epoch;
  out.facts.gateway = approval.gateway;
  out.facts.gateway_name = gateway.name;
  out.facts.kyc_expiry = gateway.kyc_expiry;
  out.facts.deposit = approval.outpoint;
  out.facts.confirmations = static_cast<std::uint32_t>(approval.proof.headers.size());
  out.facts.reserve = reserve;
  out.facts.subject = crypto::sha256(model::mint_key(approval.currency, approval.outpoint));
  out.facts.height = money.evidence.header().height;
  out.facts.time = money.evidence.header().time;
  return out;
}

Result<Verdict> check_payout(const model::GuardState& state, const model::PayoutIntent& intent) {
  ASSIGN_OR_RETURN(Money money, open(state, intent.evidence, intent.currency));
  ASSIGN_OR_RETURN(const model::SlotRecord plan, open_slot(intent, money.evidence));
  TRY(use_wallet(money, find_wallet(state, intent.currency, plan.epoch)));
  ASSIGN_OR_RETURN(auto payees, check_terms(money, plan));
  ASSIGN_OR_RETURN(const model::GuardKey key, seat_key(state, *money.wallet));
  ASSIGN_OR_RETURN(const model::Amount total, total_of(plan));
  ASSIGN_OR_RETURN(const model::Amount reserve, recorded_reserve(money, plan.currency));
  ASSIGN_OR_RETURN(const bool repeat, bind(money, plan, total));
  auto digests = custodian::payout_digests(state.chain_id, plan, *money.wallet);
  if (!digests.ok()) return under("guard.plan", digests.status());
  CHECK(digests->size() == plan.inputs.size());
  Verdict out{key, std::move(*digests), std::move(money.next), {}, repeat};
  out.facts.kind = model::IntentKind::kPayout;
  out.facts.currency = plan.currency;
  out.facts.amount = total;
  out.facts.fee = plan.fee;
  out.facts.epoch = plan.epoch;
  out.facts.slot = plan.id;
  out.facts.reserve = reserve;
  out.facts.payees = std::move(payees);
  out.facts.subject = crypto::sha256(model::slot_key(plan.currency, plan.id));
  out.facts.height = money.evidence.header().height;
  out.facts.time = money.evidence.header().time;
  return out;
}

Result<Verdict> check_slot_signature(const model::GuardState& state,
                                     const model::SlotSignatureIntent& intent) {
  const model::SlotSignature& publish = intent.slot_signature;
  TRY(check_own(state, publish.member));
  const auto bound = std::ranges::find_if(state.slots, [&](const model::GuardSlot& slot) {
    return slot.currency == publish.currency && slot.slot == publish.slot;
  });
  if (bound == state.slots.end()) {
    return deny("guard.slot",
                "this signer has signed nothing for slot " + std::to_string(publish.slot.get()));
  }
  if (intent.plan.currency != publish.currency || intent.plan.id != publish.slot ||
      proto::reader::slot_terms_hash(intent.plan) != bound->terms) {
    return deny("guard.slot_terms", "the plan is not the one that was signed");
  }
  const model::ReserveWallet* wallet = find_wallet(state, intent.plan.currency, intent.plan.epoch);
  if (wallet == nullptr) return deny("guard.wallet", "this guard knows no such reserve wallet");
  ASSIGN_OR_RETURN(const model::GuardKey seat, seat_key(state, *wallet));
  auto digests = custodian::payout_digests(state.chain_id, intent.plan, *wallet);
  if (!digests.ok()) return under("guard.plan", digests.status());
  if (publish.signatures.size() != digests->size()) {
    return deny("guard.slot_signature", "one signature per input is needed");
  }
  for (std::size_t i = 0; i < digests->size(); ++i) {
    if (!crypto::verify(seat.key, (*digests)[i], publish.signatures[i])) {
      return deny("guard.slot_signature",
                  "signature " + std::to_string(i + 1) + " is not by this member's seat");
    }
  }
  return transaction_verdict(state, model::KeyRole::kAttest, model::IntentKind::kSlotSignature,
                             intent.valid_until, intent.salt, publish);
}

}  // namespace custody::signer::guard
