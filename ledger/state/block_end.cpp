#include <algorithm>

#include "ledger/custody/custody.h"
#include "ledger/state/rules.h"

namespace custody::ledger::state {
namespace {

void share_pool(Context& context, model::CurrencyId currency) {
  const model::Address pool = model::Address::fee_pool();
  const std::uint64_t fees = context.overlay.balance(pool, currency).get();
  if (fees == 0) return;
  const auto pay = [&](const model::Address& to, std::uint64_t amount) {
    if (amount == 0) return;
    context.overlay.debit(pool, currency, model::Amount(amount));
    context.overlay.credit(to, currency, model::Amount(amount));
  };
  const auto treasury = mul_div(fees, context.registry.parameters.treasury_permille, 1000);
  CHECK(treasury.has_value() && *treasury <= fees);
  pay(model::Address::treasury(), *treasury);
  const std::uint64_t total = context.registry.set.total().get();
  for (const model::SetMember& member : context.registry.set.members) {
    const auto share = mul_div(fees - *treasury, member.weight.get(), total);
    CHECK(share.has_value());
    pay(member_account(context.registry.members.at(member.id)), *share);
  }
}

// The queue as this block leaves it, the state's and what this block added, of each gateway the oldest
// kMaxQueuedOfGateway: burns that cannot be paid hold up those of their own gateway at most.
std::vector<ledger::custody::QueuedBurn> queued_burns(const Context& context, model::CurrencyId currency,
                                                      std::uint64_t next_burn) {
  std::vector<ledger::custody::QueuedBurn> out;
  std::map<model::GatewayId, std::size_t> taken;
  const auto record = [&](std::uint64_t sequence) {
    return context.overlay.must_get<model::BurnRecord>(model::burn_key(currency, sequence));
  };
  const auto& base = context.overlay.base();
  if (const auto queue = base.index().queued.find(currency); queue != base.index().queued.end()) {
    for (const auto& [sequence, gateway] : queue->second) {
      if (taken[gateway]++ < kMaxQueuedOfGateway) out.push_back({sequence, record(sequence)});
    }
  }
  const auto before = base.get<model::CurrencyTotals>(model::totals_key(currency));
  CHECK(before.has_value());
  for (std::uint64_t sequence = before->next_burn; sequence < next_burn; ++sequence) {
    ledger::custody::QueuedBurn burn{sequence, record(sequence)};
    if (taken[burn.record.gateway]++ < kMaxQueuedOfGateway) out.push_back(std::move(burn));
  }
  return out;
}

std::vector<ledger::custody::FreeCoin> free_coins(const Context& context, model::CurrencyId currency,
                                                  model::WalletEpoch epoch) {
  const Bytes any = model::coin_key(currency, 0);
  std::vector<ledger::custody::FreeCoin> out;
  for (const Bytes& key : context.overlay.keys(ByteView(any).first(any.size() - 8))) {
    const auto coin = context.overlay.must_get<model::CoinRecord>(key);
    if (coin.slot != model::SlotId(0) || coin.epoch != epoch) continue;
    std::uint64_t sequence = 0;
    for (std::size_t i = key.size() - 8; i < key.size(); ++i) sequence = sequence << 8 | key[i];
    out.push_back({sequence, coin});
  }
  return out;
}

void bind(Context& context, const model::SlotRecord& slot) {
  for (const model::PlanInput& input : slot.inputs) {
    const Bytes key = model::coin_key(slot.currency, input.coin);
    auto coin = context.overlay.must_get<model::CoinRecord>(key);
    coin.slot = slot.id;
    context.overlay.put(key, coin);
  }
  for (const model::PlanPayee& payee : slot.payees) {
    const Bytes key = model::burn_key(slot.currency, payee.burn);
    auto burn = context.overlay.must_get<model::BurnRecord>(key);
    burn.status = model::BurnStatus::kInSlot;
    burn.slot = slot.id;
    context.overlay.put(key, burn);
  }
  context.overlay.put(model::slot_key(slot.currency, slot.id), slot);
}

// The oldest burn that still waits. The plan looked at more burns of each gateway than it can pay, so that
// the oldest is among them.
static_assert(kMaxQueuedOfGateway > model::kGuardSlotBurns);
std::uint64_t first_waiting(const std::vector<ledger::custody::QueuedBurn>& queue,
                            const model::SlotRecord& slot, std::uint64_t next_burn) {
  for (const auto& burn : queue) {
    const bool planned = std::ranges::any_of(
        slot.payees, [&](const model::PlanPayee& payee) { return payee.burn == burn.sequence; });
    if (!planned) return burn.sequence;
  }
  return next_burn;
}

void open_slot_for(Context& context, const model::CurrencyParameters& parameters) {
  const model::CurrencyId currency = parameters.currency;
  auto totals = context.overlay.must_get<model::CurrencyTotals>(model::totals_key(currency));
  if (totals.first_queued_burn == totals.next_burn || totals.open_slots >= kMaxOpenSlots) return;
  if (context.overlay.has(model::freeze_key(currency))) return;
  ledger::custody::PlanRequest request;
  request.burns = queued_burns(context, currency, totals.next_burn);
  if (!ledger::custody::batch_due(request.burns, parameters, context.time)) return;
  const auto wallet = find_wallet(context, currency);
  CHECK(wallet.ok());
  const auto tip =
      context.overlay.get<model::RecordedHead>(model::head_tip_key(chain_of(context, currency).id));
  request.currency = currency;
  request.slot = model::SlotId(totals.next_slot);
  request.height = context.height;
  request.now = context.time;
  request.fee_rate = tip ? tip->fee_rate : parameters.default_fee_rate;
  request.wallet = *wallet;
  request.parameters = &parameters;
  request.coins = free_coins(context, currency, (*wallet)->epoch);
  const auto slot = ledger::custody::derive_plan(request);
  if (!slot) return;
  bind(context, *slot);
  ++totals.next_slot;
  ++totals.open_slots;
  totals.first_queued_burn = first_waiting(request.burns, *slot, totals.next_burn);
  context.overlay.put(model::totals_key(currency), totals);
}

}  // namespace

model::Address member_account(const model::Member& member) {
  return model::Address::of_key(member.governance_key);
}

void share_fees(Context& context) {
  if (context.height.get() % context.registry.parameters.epoch_blocks != 0) return;
  for (const model::CurrencyParameters& parameters : context.registry.parameters.currencies) {
    share_pool(context, parameters.currency);
  }
}

void open_slots(Context& context) {
  for (const model::CurrencyParameters& parameters : context.registry.parameters.currencies) {
    open_slot_for(context, parameters);
  }
}

Status check_books(const Context& context) {
  const auto moved = context.overlay.balance_changes();
  for (const model::CurrencyParameters& parameters : context.registry.parameters.currencies) {
    const Bytes key = model::totals_key(parameters.currency);
    const auto before = context.overlay.base().get<model::CurrencyTotals>(key);
    const auto after = context.overlay.must_get<model::CurrencyTotals>(key);
    const unsigned __int128 claims =
        static_cast<unsigned __int128>(after.supply.get()) + after.pending.get() + after.surplus.get();
    const std::string name = "currency " + std::to_string(parameters.currency.get());
    if (claims != after.recorded_reserve.get()) {
      return internal_error(name + ": supply, pending and surplus are not the recorded reserve");
    }
    const auto found = moved.find(parameters.currency);
    const __int128 change = found == moved.end() ? 0 : found->second;
    CHECK(before.has_value());
    if (static_cast<__int128>(after.supply.get()) - before->supply.get() != change) {
      return internal_error(name + ": balances and supply moved apart");
    }
  }
  return ok_status();
}

}  // namespace custody::ledger::state
