#include <algorithm>

#include "base/crypto/hash.h"
#include "ledger/custody/custody.h"
#include "ledger/state/rules.h"

namespace custody::ledger::state {
namespace {

std::string text(model::Amount amount) {
  return std::to_string(amount.get());
}

// The recorded head that a proof ends in.
Result<model::RecordedHead> head_of(const Context& context, const model::ExternalChain& chain,
                                    const model::BitcoinProof& proof) {
  if (proof.headers.empty()) return invalid("the proof has no headers");
  const std::uint64_t height = std::uint64_t{proof.height.get()} + proof.headers.size() - 1;
  if (height <= UINT32_MAX) {
    const model::ExternalHeight at(static_cast<std::uint32_t>(height));
    const auto head = context.overlay.get<model::RecordedHead>(model::head_key(chain.id, at));
    if (head) return *head;
  }
  return refused("no head of chain " + std::string(as_text(chain.name)) + " is recorded at height " +
                     std::to_string(height),
                 "prove it against a head that a quorum attested");
}

const model::CurrencyParameters* parameters_of_chain(const Context& context, model::ExternalChainId chain) {
  for (const model::Currency& currency : context.registry.genesis.currencies) {
    if (currency.chain == chain) return model::find_parameters(context.registry.parameters, currency.id);
  }
  return nullptr;
}

// Weighted median of what these members attested; a member whose node had no figure counts with the default.
model::FeeRate median_rate(const Context& context, const model::ExternalChain& chain,
                           std::vector<std::pair<model::FeeRate, model::Weight>> rates) {
  const auto* parameters = parameters_of_chain(context, chain.id);
  if (parameters == nullptr) return ledger::custody::weighted_median(std::move(rates));
  for (auto& [rate, weight] : rates) {
    if (rate.get() == 0) rate = parameters->default_fee_rate;
  }
  return std::clamp(ledger::custody::weighted_median(std::move(rates)), parameters->min_fee_rate,
                    parameters->max_fee_rate);
}

void prune_heads(Context& context, model::ExternalChainId chain) {
  const Bytes any = model::head_key(chain, model::ExternalHeight(0));
  const std::vector<Bytes> kept = context.overlay.keys(ByteView(any).first(any.size() - 4));
  for (std::size_t i = 0; i + model::kKeptHeads < kept.size(); ++i) context.overlay.erase(kept[i]);
}

void drop_votes_up_to(Context& context, model::ExternalChainId chain, model::ExternalHeight height) {
  for (const model::SetMember& member : context.registry.set.members) {
    const Bytes key = model::head_votes_key(chain, member.id);
    auto votes = context.overlay.get<model::HeadVotes>(key);
    if (!votes) continue;
    std::erase_if(votes->votes, [&](const model::HeadVote& vote) { return vote.height <= height; });
    context.overlay.put(key, *votes);
  }
}

// Records (height, hash) when members above two thirds have attested it.
void record_head_if_quorum(Context& context, const model::ExternalChain& chain, model::ExternalHeight height,
                           const model::ExternalHash& hash) {
  std::vector<std::pair<model::FeeRate, model::Weight>> rates;
  std::uint64_t weight = 0;
  for (const model::SetMember& member : context.registry.set.members) {
    const auto votes = context.overlay.get<model::HeadVotes>(model::head_votes_key(chain.id, member.id));
    if (!votes) continue;
    for (const model::HeadVote& vote : votes->votes) {
      if (vote.height != height || vote.hash != hash) continue;
      rates.emplace_back(vote.fee_rate, member.weight);
      weight += member.weight.get();
    }
  }
  if (!model::is_quorum(model::Weight(weight), context.registry.set.total())) return;
  const model::RecordedHead head{height, hash, median_rate(context, chain, std::move(rates))};
  context.overlay.put(model::head_tip_key(chain.id), head);
  context.overlay.put(model::head_key(chain.id, height), head);
  prune_heads(context, chain.id);
  drop_votes_up_to(context, chain.id, height);
}

Status check_head_height(const Context& context, const model::ExternalChain& chain,
                         const model::ExternalHead& body, const model::HeadVotes& votes) {
  const auto tip = context.overlay.get<model::RecordedHead>(model::head_tip_key(chain.id));
  if (tip && body.height <= tip->height) {
    return refused("height " + std::to_string(body.height.get()) + " is not above the recorded head at " +
                   std::to_string(tip->height.get()));
  }
  if (body.height < chain.anchor_height) return invalid("the head lies below the chain's anchor");
  if (body.height == chain.anchor_height && body.hash != chain.anchor_hash) {
    return invalid("the head contradicts the chain's anchor");
  }
  if (!votes.votes.empty() && body.height <= votes.votes.back().height) {
    return refused("this member has attested height " + std::to_string(votes.votes.back().height.get()) +
                   " already");
  }
  return ok_status();
}

// The record with this member's approval added, if it may be.
Result<model::MintRecord> approved(const Context& context, const model::MintApproval& body) {
  auto record = context.overlay.get<model::MintRecord>(model::mint_key(body.currency, body.outpoint));
  if (!record) record = model::MintRecord{body.gateway, body.amount, {}, {}, {}};
  if (record->minted)
    return exists("the deposit was minted at height " + std::to_string(record->minted->get()));
  if (record->gateway != body.gateway || record->amount != body.amount) {
    return refused("the deposit was approved with other terms before");
  }
  if (std::ranges::binary_search(record->approvals, body.member)) {
    return exists("member " + std::to_string(body.member.get()) + " has approved this deposit already");
  }
  insert_member(record->approvals, body.member);
  return std::move(*record);
}

// Totals after the mint; the one place where tokens come into being.
Result<model::CurrencyTotals> totals_after_mint(const Context& context, const model::MintApproval& body) {
  auto totals = context.overlay.must_get<model::CurrencyTotals>(model::totals_key(body.currency));
  const auto supply = model::add(totals.supply, body.amount);
  const auto reserve = model::add(totals.recorded_reserve, body.amount);
  if (!supply || !reserve) return refused("the currency's supply would exceed 64 bits");
  totals.supply = *supply;
  totals.recorded_reserve = *reserve;
  return totals;
}

Result<model::SlotRecord> open_slot(const Context& context, model::CurrencyId currency, model::SlotId id) {
  auto slot = context.overlay.get<model::SlotRecord>(model::slot_key(currency, id));
  const std::string name = "slot " + std::to_string(id.get());
  if (!slot) return refused(name + " of currency " + std::to_string(currency.get()) + " does not exist");
  if (slot->status != model::SlotStatus::kOpen) return exists(name + " is settled already");
  return std::move(*slot);
}

// The wallet that a slot spends from, which may be an older one than the current.
model::ReserveWallet wallet_of(const Context& context, const model::SlotRecord& slot) {
  return context.overlay.must_get<model::ReserveWallet>(model::wallet_key(slot.currency, slot.epoch));
}

Result<PublicKey> seat_of(const model::ReserveWallet& wallet, model::MemberId member) {
  for (std::size_t i = 0; i < wallet.members.size(); ++i) {
    if (wallet.members[i] == member) return wallet.seats.at(i);
  }
  return refused("member " + std::to_string(member.get()) + " has no seat in the slot's wallet");
}

Status check_seat_signatures(const Context& context, const model::SlotRecord& slot,
                             const model::SlotSignature& body) {
  const model::ReserveWallet wallet = wallet_of(context, slot);
  ASSIGN_OR_RETURN(const PublicKey seat, seat_of(wallet, body.member));
  ASSIGN_OR_RETURN(const auto digests,
                   ledger::custody::payout_digests(context.registry.chain_id, slot, wallet));
  std::vector<SignatureTask> tasks;
  for (std::size_t i = 0; i < digests.size(); ++i) tasks.push_back({seat, digests[i], body.signatures[i]});
  const std::vector<std::uint8_t> valid = context.verifier.verify(tasks);
  CHECK(valid.size() == tasks.size());
  for (std::size_t i = 0; i < valid.size(); ++i) {
    if (valid[i] == 0) {
      return invalid("the seat signature for input " + std::to_string(i) +
                     " does not verify or has a high S");
    }
  }
  return ok_status();
}

// The external transaction that settled the slot: proven, deep enough, and exactly the plan's.
Result<model::ExternalHash> settled_by(const Context& context, const model::SlotRecord& slot,
                                       const model::SettlementProof& body) {
  const model::ExternalChain& chain = chain_of(context, body.currency);
  ASSIGN_OR_RETURN(const auto* parameters, find_parameters(context, body.currency));
  ASSIGN_OR_RETURN(const model::RecordedHead head, head_of(context, chain, body.proof));
  ASSIGN_OR_RETURN(const auto proven,
                   ledger::custody::verify_proof(chain, body.proof, head, parameters->settlement_depth));
  ASSIGN_OR_RETURN(const auto planned, ledger::custody::payout_transaction(context.registry.chain_id, slot,
                                                                           wallet_of(context, slot)));
  if (proven.txid() == planned.txid()) return model::ExternalHash(planned.txid().array());
  const bool spends_anchor = std::ranges::any_of(
      proven.inputs, [&](const auto& input) { return input.previous == planned.inputs.front().previous; });
  if (!spends_anchor) return invalid("the proven transaction does not spend the slot's anchor");
  return refused("the slot's anchor was spent by a transaction that is not the plan: " + proven.txid().hex(),
                 "this must not happen: at least m seats signed something else");
}

void settle_coins(Context& context, const model::SlotRecord& slot, model::CurrencyTotals& totals) {
  for (const model::PlanInput& input : slot.inputs) {
    context.overlay.erase(model::coin_key(slot.currency, input.coin));
  }
  for (std::size_t i = 0; i < slot.change.size(); ++i) {
    model::CoinRecord coin;
    coin.outpoint = {*slot.settled_by, static_cast<std::uint32_t>(slot.payees.size() + i)};
    coin.amount = slot.change[i];
    coin.epoch = slot.epoch;
    context.overlay.put(model::coin_key(slot.currency, totals.next_coin++), coin);
  }
}

// subtract and add with a CHECK: the books hold every amount that a slot was made of.
void subtract(model::Amount& from, model::Amount amount) {
  const auto rest = model::sub(from, amount);
  CHECK(rest.has_value());
  from = *rest;
}
void increase(model::Amount& to, model::Amount amount) {
  const auto sum = model::add(to, amount);
  CHECK(sum.has_value());
  to = *sum;
}

void settle_burns(Context& context, const model::SlotRecord& slot, model::CurrencyTotals& totals) {
  for (std::size_t i = 0; i < slot.payees.size(); ++i) {
    const model::PlanPayee& payee = slot.payees[i];
    const Bytes key = model::burn_key(slot.currency, payee.burn);
    auto burn = context.overlay.must_get<model::BurnRecord>(key);
    burn.status = model::BurnStatus::kSettled;
    context.overlay.put(key, burn);
    subtract(totals.pending, payee.amount);
    subtract(totals.pending, payee.fee_cap);
    subtract(totals.recorded_reserve, payee.amount);
    const auto unused = model::sub(payee.fee_cap, ledger::custody::fee_share(slot, i));
    CHECK(unused.has_value());
    if (unused->get() == 0) continue;
    const auto gateway = context.overlay.must_get<model::GatewayRecord>(model::gateway_key(burn.gateway));
    context.overlay.credit(gateway.account, slot.currency, *unused);
    increase(totals.supply, *unused);
  }
  subtract(totals.recorded_reserve, slot.fee);
}

}  // namespace

Status apply(Context& context, const Signed& transaction, const model::PayoutAddress& body) {
  ASSIGN_OR_RETURN(const model::GatewayRecord gateway, find_gateway(context, body.gateway));
  TRY(require_account(context, transaction, gateway.account));
  TRY(require_kyc(context, gateway));
  ASSIGN_OR_RETURN(const auto* parameters, find_parameters(context, body.currency));
  ASSIGN_OR_RETURN(const auto* wallet, find_wallet(context, body.currency));
  TRY(ledger::custody::check_payout_target(context.registry.chain_id, *wallet, body.gateway, body.script));
  const Bytes key = model::payout_key(body.gateway, body.currency, crypto::sha256(body.script));
  if (context.overlay.has(key)) return exists("the payout address is registered already");
  TRY(check_ledger_fee(transaction, *parameters, body.ledger_fee));
  if (context.overlay.balance(gateway.account, body.currency) < body.ledger_fee) {
    return refused("overdraft: the gateway's account does not hold the ledger fee of " +
                   text(body.ledger_fee));
  }
  context.overlay.debit(gateway.account, body.currency, body.ledger_fee);
  context.overlay.credit(model::Address::fee_pool(), body.currency, body.ledger_fee);
  context.overlay.put(key, model::PayoutRecord{body.script, context.height});
  return ok_status();
}

namespace {

Status check_payout_registered(const Context& context, const model::Burn& body,
                               const model::CurrencyParameters& parameters) {
  const auto payout = context.overlay.get<model::PayoutRecord>(
      model::payout_key(body.gateway, body.currency, crypto::sha256(body.payout_script)));
  if (!payout) {
    return refused("the payout address is not registered", "register it and wait for the cool-down");
  }
  if (context.height.get() - payout->registered.get() < parameters.payout_cooldown) {
    return refused("the payout address is in its cool-down until height " +
                   std::to_string(payout->registered.get() + parameters.payout_cooldown));
  }
  return ok_status();
}

// amount + fee cap, and that with the ledger fee.
struct BurnCost {
  model::Amount pending;
  model::Amount total;
};
Result<BurnCost> burn_cost(const model::Burn& body) {
  const auto pending = model::add(body.amount, body.fee_cap);
  const auto total = pending ? model::add(*pending, body.ledger_fee) : std::nullopt;
  if (!total) return invalid("amounts add up to more than 64 bits");
  return BurnCost{*pending, *total};
}

}  // namespace

Status apply(Context& context, const Signed& transaction, const model::Burn& body) {
  ASSIGN_OR_RETURN(const model::GatewayRecord gateway, find_gateway(context, body.gateway));
  TRY(require_account(context, transaction, gateway.account));
  TRY(require_kyc(context, gateway));
  ASSIGN_OR_RETURN(const auto* parameters, find_parameters(context, body.currency));
  TRY(require_not_frozen(context, body.currency));
  if (body.amount < parameters->min_burn) {
    return refused("a burn of " + text(body.amount) + " is below the minimum of " +
                   text(parameters->min_burn));
  }
  if (body.fee_cap.get() == 0) return invalid("the fee cap is zero");
  TRY(check_payout_registered(context, body, *parameters));
  TRY(check_ledger_fee(transaction, *parameters, body.ledger_fee));
  ASSIGN_OR_RETURN(const BurnCost cost, burn_cost(body));
  const model::Amount balance = context.overlay.balance(gateway.account, body.currency);
  if (balance < cost.total) {
    return refused("overdraft: the gateway's account holds " + text(balance) + ", " + text(cost.total) +
                   " are needed");
  }
  auto totals = context.overlay.must_get<model::CurrencyTotals>(model::totals_key(body.currency));
  subtract(totals.supply, cost.pending);
  increase(totals.pending, cost.pending);
  model::BurnRecord record;
  record.transaction = transaction.id();
  record.gateway = body.gateway;
  record.amount = body.amount;
  record.fee_cap = body.fee_cap;
  record.payout_script = body.payout_script;
  record.height = context.height;
  record.time = context.time;
  context.overlay.debit(gateway.account, body.currency, cost.total);
  context.overlay.credit(model::Address::fee_pool(), body.currency, body.ledger_fee);
  context.overlay.put(model::burn_key(body.currency, totals.next_burn++), record);
  context.overlay.put(model::totals_key(body.currency), totals);
  return ok_status();
}

Status apply(Context& context, const Signed& transaction, const model::ExternalHead& body) {
  ASSIGN_OR_RETURN(const auto* member, find_member(context, body.member));
  TRY(require_key(transaction, member->attest_key, "the member's attest key"));
  const auto* chain = model::find_chain(context.registry.genesis, body.chain);
  if (chain == nullptr) return invalid("chain " + std::to_string(body.chain.get()) + " does not exist");
  const Bytes key = model::head_votes_key(body.chain, body.member);
  auto votes = context.overlay.get<model::HeadVotes>(key).value_or(model::HeadVotes());
  TRY(check_head_height(context, *chain, body, votes));
  votes.votes.push_back({body.height, body.hash, body.fee_rate});
  if (votes.votes.size() > model::kHeadVotesKept) votes.votes.erase(votes.votes.begin());
  context.overlay.put(key, votes);
  record_head_if_quorum(context, *chain, body.height, body.hash);
  return ok_status();
}

Status apply(Context& context, const Signed& transaction, const model::MintApproval& body) {
  ASSIGN_OR_RETURN(const auto* member, find_member(context, body.member));
  TRY(require_key(transaction, member->attest_key, "the member's attest key"));
  ASSIGN_OR_RETURN(const auto* parameters, find_parameters(context, body.currency));
  ASSIGN_OR_RETURN(const auto* wallet, find_wallet(context, body.currency));
  TRY(require_not_frozen(context, body.currency));
  ASSIGN_OR_RETURN(const model::GatewayRecord gateway, find_gateway(context, body.gateway));
  if (body.amount < parameters->min_deposit) {
    return refused("a deposit of " + text(body.amount) + " is below the minimum of " +
                   text(parameters->min_deposit));
  }
  ASSIGN_OR_RETURN(model::MintRecord record, approved(context, body));
  const model::ExternalChain& chain = chain_of(context, body.currency);
  ASSIGN_OR_RETURN(const model::RecordedHead head, head_of(context, chain, body.proof));
  ASSIGN_OR_RETURN(const auto deposit,
                   ledger::custody::verify_proof(chain, body.proof, head, parameters->deposit_depth));
  TRY(ledger::custody::check_deposit(context.registry.chain_id, *wallet, body, deposit));
  if (model::is_quorum(weight_of(context, record.approvals), context.registry.set.total())) {
    ASSIGN_OR_RETURN(model::CurrencyTotals totals, totals_after_mint(context, body));
    model::CoinRecord coin;
    coin.outpoint = body.outpoint;
    coin.amount = body.amount;
    coin.epoch = wallet->epoch;
    coin.gateway = body.gateway;
    context.overlay.put(model::coin_key(body.currency, totals.next_coin++), coin);
    context.overlay.put(model::totals_key(body.currency), totals);
    context.overlay.credit(gateway.account, body.currency, body.amount);
    record.minted = context.height;
    record.transaction = transaction.id();
  }
  context.overlay.put(model::mint_key(body.currency, body.outpoint), record);
  return ok_status();
}

Status apply(Context& context, const Signed& transaction, const model::SlotSignature& body) {
  ASSIGN_OR_RETURN(const auto* member, find_member(context, body.member));
  TRY(require_key(transaction, member->attest_key, "the member's attest key"));
  ASSIGN_OR_RETURN(const model::SlotRecord slot, open_slot(context, body.currency, body.slot));
  const Bytes key = model::slot_signature_key(body.currency, body.slot, body.member);
  if (context.overlay.has(key)) {
    return exists("member " + std::to_string(body.member.get()) + " has signed this slot already");
  }
  if (body.signatures.size() != slot.inputs.size()) {
    return invalid(std::to_string(body.signatures.size()) + " seat signatures for " +
                   std::to_string(slot.inputs.size()) + " inputs");
  }
  TRY(check_seat_signatures(context, slot, body));
  context.overlay.put(key, model::SlotSignatureRecord{body.signatures});
  return ok_status();
}

Status apply(Context& context, const Signed& transaction, const model::SettlementProof& body) {
  if (!transaction.signatures().empty())
    return invalid("a settlement proof carries no signature: one is surplus");
  ASSIGN_OR_RETURN(model::SlotRecord slot, open_slot(context, body.currency, body.slot));
  ASSIGN_OR_RETURN(slot.settled_by, settled_by(context, slot, body));
  auto totals = context.overlay.must_get<model::CurrencyTotals>(model::totals_key(body.currency));
  slot.status = model::SlotStatus::kSettled;
  settle_coins(context, slot, totals);
  settle_burns(context, slot, totals);
  CHECK(totals.open_slots > 0);
  --totals.open_slots;
  context.overlay.put(model::slot_key(body.currency, body.slot), slot);
  context.overlay.put(model::totals_key(body.currency), totals);
  return ok_status();
}

}  // namespace custody::ledger::state
