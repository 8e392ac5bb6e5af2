#include <algorithm>
#include <set>
#include <tuple>

#include "ledger/chains/bitcoin/payout.h"
#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"

namespace custody::ledger::custody {
namespace {

namespace bitcoin = chains::bitcoin;

constexpr std::size_t kWantedOutputs = 4;  // of the reserve, after the plan
constexpr std::size_t kP2wshScript = 34;
constexpr std::uint64_t kChangeVirtualSize = 8 + 1 + kP2wshScript;

// Only its length and kind count, for sizes and dust.
Bytes some_p2wsh_script() {
  return bitcoin::witness_script_pubkey(0, Hash256().view());
}
std::uint64_t change_dust() {
  return bitcoin::dust_limit(some_p2wsh_script());
}

// size in vB * rate per 1,000 vB, rounded up; nullopt beyond 64 bits.
std::optional<std::uint64_t> fee_of(std::uint64_t virtual_size, model::FeeRate rate) {
  const unsigned __int128 fee = (static_cast<unsigned __int128>(virtual_size) * rate.get() + 999) / 1000;
  if (fee > UINT64_MAX) return std::nullopt;
  return static_cast<std::uint64_t>(fee);
}

std::uint64_t plan_size(const std::vector<model::PlanInput>& inputs,
                        const std::vector<model::PlanPayee>& payees, std::size_t change,
                        const model::ReserveWallet& wallet) {
  std::vector<bitcoin::MultisigShape> shapes;
  for (const model::PlanInput& input : inputs) {
    const bool salted = input.gateway != model::GatewayId(0);
    shapes.push_back({wallet.threshold, wallet.seats.size() + (salted ? 1 : 0)});
  }
  std::vector<bitcoin::TxOut> outputs;
  for (const model::PlanPayee& payee : payees) outputs.push_back({payee.amount.get(), payee.script});
  for (std::size_t i = 0; i < change; ++i) outputs.push_back({0, some_p2wsh_script()});
  return bitcoin::max_virtual_size(shapes, outputs);
}

std::optional<std::uint64_t> sum_of(const std::vector<model::PlanPayee>& payees) {
  std::optional<std::uint64_t> sum = 0;
  for (const model::PlanPayee& payee : payees) {
    if (sum) sum = checked_add(*sum, payee.amount.get());
  }
  return sum;
}

// At most kMaxCoinsConsidered, still oldest first. Not the oldest ones: change is always the youngest coin,
// so that old small deposits would in time put everything of value out of reach.
std::vector<FreeCoin> most_valuable(std::vector<FreeCoin> coins) {
  if (coins.size() <= kMaxCoinsConsidered) return coins;
  const auto more_valuable = [](const FreeCoin& a, const FreeCoin& b) {
    return std::tie(b.record.amount, a.sequence) < std::tie(a.record.amount, b.sequence);
  };
  const auto end = coins.begin() + static_cast<std::ptrdiff_t>(kMaxCoinsConsidered);
  std::ranges::nth_element(coins, end, more_valuable);
  coins.erase(end, coins.end());
  std::ranges::sort(coins, {}, &FreeCoin::sequence);
  return coins;
}

// One attempt at a plan for a given list of burns.
class Builder {
 public:
  Builder(const PlanRequest& request, model::FeeRate rate)
      : request_(request), rate_(rate), coins_(most_valuable(request.coins)) {}

  // All coins together hold so much, whether or not one transaction may spend them.
  bool coins_hold(model::Amount amount) const {
    unsigned __int128 sum = 0;
    for (const FreeCoin& coin : coins_) sum += coin.record.amount.get();
    return sum >= amount.get();
  }

  // nullopt: the coins do not cover these burns.
  std::optional<model::SlotRecord> build(const std::vector<const QueuedBurn*>& burns,
                                         std::size_t max_change) const {
    model::SlotRecord slot;
    slot.id = request_.slot;
    slot.currency = request_.currency;
    slot.epoch = request_.wallet->epoch;
    slot.opened = request_.height;
    slot.fee_rate = rate_;
    for (const QueuedBurn* burn : burns) {
      slot.payees.push_back({burn->sequence, burn->record.transaction, burn->record.payout_script,
                             burn->record.amount, burn->record.fee_cap});
    }
    const auto spare = choose_inputs(slot);
    if (!spare) return std::nullopt;
    split_change(slot, *spare, max_change);
    return slot;
  }

 private:
  // What is left of slot's inputs when payees and the fee without change are paid; nullopt when too little.
  std::optional<std::uint64_t> spare_of(const model::SlotRecord& slot) const {
    const auto paid = sum_of(slot.payees);
    const auto fee = fee_of(plan_size(slot.inputs, slot.payees, 0, *request_.wallet), rate_);
    std::optional<std::uint64_t> sum = 0;
    for (const model::PlanInput& input : slot.inputs) {
      if (sum) sum = checked_add(*sum, input.amount.get());
    }
    if (!paid || !fee || !sum) return std::nullopt;
    const auto rest = checked_sub(*sum, *paid);
    return rest ? checked_sub(*rest, *fee) : std::nullopt;
  }

  std::optional<std::uint64_t> choose_inputs(model::SlotRecord& slot) const {
    const auto paid = sum_of(slot.payees);
    if (!paid) return std::nullopt;
    unsigned __int128 sum = 0;
    for (const FreeCoin& coin : coins_) {
      const model::PlanInput input{coin.sequence, coin.record.outpoint, coin.record.amount,
                                   coin.record.gateway};
      if (slot.inputs.size() < request_.parameters->max_inputs) {
        slot.inputs.push_back(input);
      } else {
        auto smallest = std::ranges::min_element(slot.inputs, {}, &model::PlanInput::amount);
        if (!(smallest->amount < input.amount)) continue;
        sum -= smallest->amount.get();
        slot.inputs.erase(smallest);
        slot.inputs.push_back(input);
      }
      sum += input.amount.get();
      if (sum < *paid) continue;
      if (const auto spare = spare_of(slot)) return spare;
    }
    return std::nullopt;
  }

  void split_change(model::SlotRecord& slot, std::uint64_t spare, std::size_t max_change) const {
    const std::size_t others = coins_.size() - slot.inputs.size();
    const std::size_t wanted = others < kWantedOutputs ? kWantedOutputs - others : 1;
    std::size_t pieces = std::min(wanted, max_change);
    const std::uint64_t worth = std::max(request_.parameters->min_burn.get(), change_dust());
    while (pieces > 1 && change_left(slot, spare, pieces) < worth * pieces) --pieces;
    if (change_left(slot, spare, pieces) < change_dust()) pieces = 0;
    const std::uint64_t change = pieces == 0 ? 0 : change_left(slot, spare, pieces);
    for (std::size_t i = 0; i < pieces; ++i) {
      slot.change.emplace_back(change / pieces + (i < change % pieces ? 1 : 0));
    }
    slot.fee = model::Amount(fee_without_change(slot) + spare - change);
  }
  std::uint64_t fee_without_change(const model::SlotRecord& slot) const {
    return fee_of(plan_size(slot.inputs, slot.payees, 0, *request_.wallet), rate_).value_or(UINT64_MAX);
  }
  std::uint64_t change_left(const model::SlotRecord& slot, std::uint64_t spare, std::size_t pieces) const {
    const auto fee = fee_of(plan_size(slot.inputs, slot.payees, pieces, *request_.wallet), rate_);
    const std::uint64_t without = fee_without_change(slot);
    if (!fee || *fee - without > spare) return 0;
    return spare - (*fee - without);
  }

  const PlanRequest& request_;
  model::FeeRate rate_;
  std::vector<FreeCoin> coins_;
};

std::vector<std::uint64_t> over_their_caps(const model::SlotRecord& slot) {
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < slot.payees.size(); ++i) {
    if (fee_share(slot, i) > slot.payees[i].fee_cap) out.push_back(slot.payees[i].burn);
  }
  return out;
}

std::string text(model::Amount amount) {
  return std::to_string(amount.get());
}

Status check_counts(const model::SlotRecord& slot, const model::CurrencyParameters& parameters) {
  if (slot.inputs.empty() || slot.inputs.size() > parameters.max_inputs) {
    return refused("plan: " + std::to_string(slot.inputs.size()) + " inputs, allowed are 1 to " +
                   std::to_string(parameters.max_inputs));
  }
  if (slot.payees.empty() || slot.payees.size() > parameters.max_payees) {
    return refused("plan: " + std::to_string(slot.payees.size()) + " payees, allowed are 1 to " +
                   std::to_string(parameters.max_payees));
  }
  if (slot.change.size() > kMaxChange) {
    return refused("plan: " + std::to_string(slot.change.size()) + " change outputs, allowed are " +
                   std::to_string(kMaxChange));
  }
  return ok_status();
}

Status check_distinct(const model::SlotRecord& slot) {
  std::set<model::OutPoint> outpoints;
  std::set<std::uint64_t> coins;
  for (const model::PlanInput& input : slot.inputs) {
    if (!outpoints.insert(input.outpoint).second || !coins.insert(input.coin).second) {
      return refused("plan: a coin is spent twice");
    }
  }
  std::set<std::uint64_t> burns;
  for (const model::PlanPayee& payee : slot.payees) {
    if (!burns.insert(payee.burn).second) {
      return refused("plan: burn " + std::to_string(payee.burn) + " is paid twice");
    }
  }
  return ok_status();
}

Status check_outputs(const model::SlotRecord& slot) {
  for (const model::PlanPayee& payee : slot.payees) {
    TRY(check_payout_script(payee.script));
    if (payee.amount.get() < bitcoin::dust_limit(payee.script) || payee.amount.get() == 0) {
      return refused("plan: payee of burn " + std::to_string(payee.burn) + " gets dust, " +
                     text(payee.amount));
    }
  }
  for (const model::Amount change : slot.change) {
    if (change.get() < change_dust()) return refused("plan: a change output is dust, " + text(change));
  }
  return ok_status();
}

Status check_sums(const model::SlotRecord& slot) {
  unsigned __int128 in = 0;
  unsigned __int128 out = slot.fee.get();
  for (const model::PlanInput& input : slot.inputs) in += input.amount.get();
  for (const model::PlanPayee& payee : slot.payees) out += payee.amount.get();
  for (const model::Amount change : slot.change) out += change.get();
  if (in != out) return refused("plan: inputs are not payees, change and fee together");
  return ok_status();
}

Status check_fee(const model::SlotRecord& slot, const model::ReserveWallet& wallet,
                 const model::CurrencyParameters& parameters) {
  if (slot.fee_rate < parameters.min_fee_rate || slot.fee_rate > parameters.max_fee_rate) {
    return refused("plan: fee rate " + std::to_string(slot.fee_rate.get()) + " is outside " +
                   std::to_string(parameters.min_fee_rate.get()) + " to " +
                   std::to_string(parameters.max_fee_rate.get()));
  }
  const auto least = fee_of(plan_size(slot.inputs, slot.payees, slot.change.size(), wallet), slot.fee_rate);
  const auto slack = fee_of(kChangeVirtualSize, slot.fee_rate);
  if (!least || !slack || slot.fee.get() < *least) {
    return refused("plan: fee " + text(slot.fee) + " is below its rate for its size");
  }
  // More than the rate demands can only be a change that would have been dust.
  const std::uint64_t extra = slot.change.empty() ? *slack + change_dust() : 0;
  if (slot.fee.get() - *least > extra) {
    return refused("plan: fee " + text(slot.fee) + " is above its rate for its size, " +
                   std::to_string(*least));
  }
  for (std::size_t i = 0; i < slot.payees.size(); ++i) {
    if (fee_share(slot, i) > slot.payees[i].fee_cap) {
      return refused("plan: fee share " + text(fee_share(slot, i)) + " of burn " +
                     std::to_string(slot.payees[i].burn) + " is above its cap " +
                     text(slot.payees[i].fee_cap));
    }
  }
  return ok_status();
}

Hash256 plain(const model::ExternalHash& hash) {
  return Hash256(hash.array());
}

}  // namespace

bool batch_due(const std::vector<QueuedBurn>& burns, const model::CurrencyParameters& parameters,
               model::LedgerMs now) {
  if (burns.empty()) return false;
  if (burns.size() >= parameters.batch_count) return true;
  unsigned __int128 value = 0;
  for (const QueuedBurn& burn : burns) value += burn.record.amount.get();
  if (value >= parameters.batch_value.get()) return true;
  const std::uint64_t since = burns.front().record.time.get();
  return now.get() >= since && now.get() - since >= parameters.batch_time_ms;
}

std::optional<model::SlotRecord> derive_plan(const PlanRequest& request) {
  const model::CurrencyParameters& parameters = *request.parameters;
  if (!batch_due(request.burns, parameters, request.now)) return std::nullopt;
  const Builder builder(request,
                        std::clamp(request.fee_rate, parameters.min_fee_rate, parameters.max_fee_rate));
  std::vector<const QueuedBurn*> eligible;
  for (const QueuedBurn& burn : request.burns) eligible.push_back(&burn);
  std::size_t most = parameters.max_payees;
  std::size_t max_change = kMaxChange;
  // Each turn shortens `eligible`, or lowers `most` or `max_change` and leaves it, so it ends.
  while (!eligible.empty()) {
    const std::size_t count = std::min(most, eligible.size());
    const std::vector<const QueuedBurn*> chosen(eligible.begin(),
                                                eligible.begin() + static_cast<std::ptrdiff_t>(count));
    auto slot = builder.build(chosen, max_change);
    if (!slot) {
      if (count > 1) {
        most = count - 1;
        continue;
      }
      const model::Amount amount = chosen.front()->record.amount;
      if (!builder.coins_hold(amount)) return std::nullopt;  // waits for coins that are in open slots
      std::erase_if(eligible, [&](const QueuedBurn* burn) { return burn->record.amount >= amount; });
      most = parameters.max_payees;
      continue;
    }
    const std::vector<std::uint64_t> passed_over = over_their_caps(*slot);
    if (passed_over.empty()) return slot;
    if (slot->change.size() > 1) {  // the splitting of change is a convenience that nobody must pay for
      max_change = 1;
      continue;
    }
    std::erase_if(eligible, [&](const QueuedBurn* burn) {
      return std::ranges::find(passed_over, burn->sequence) != passed_over.end();
    });
  }
  return std::nullopt;
}

model::Amount fee_share(const model::SlotRecord& slot, std::size_t payee) {
  CHECK(payee < slot.payees.size());
  const std::uint64_t count = slot.payees.size();
  return model::Amount(slot.fee.get() / count + (payee < slot.fee.get() % count ? 1 : 0));
}

Status check_plan(const model::SlotRecord& slot, const model::ReserveWallet& wallet,
                  const model::CurrencyParameters& parameters) {
  if (slot.currency != wallet.currency || slot.epoch != wallet.epoch ||
      slot.currency != parameters.currency) {
    return refused("plan: it is of another wallet");
  }
  TRY(check_counts(slot, parameters));
  TRY(check_distinct(slot));
  TRY(check_outputs(slot));
  TRY(check_sums(slot));
  return check_fee(slot, wallet, parameters);
}

Result<bitcoin::Transaction> payout_transaction(const model::ChainId& ledger, const model::SlotRecord& slot,
                                                const model::ReserveWallet& wallet) {
  if (slot.currency != wallet.currency || slot.epoch != wallet.epoch) {
    return invalid("slot " + std::to_string(slot.id.get()) + " is of another wallet");
  }
  bitcoin::Transaction out;
  for (const model::PlanInput& input : slot.inputs) {
    bitcoin::TxIn in;
    in.previous = {plain(input.outpoint.txid), input.outpoint.vout};
    in.sequence = bitcoin::kSequenceReplaceable;
    out.inputs.push_back(std::move(in));
  }
  for (const model::PlanPayee& payee : slot.payees) out.outputs.push_back({payee.amount.get(), payee.script});
  ASSIGN_OR_RETURN(const Bytes own, script_pubkey(ledger, wallet, model::GatewayId(0)));
  for (const model::Amount change : slot.change) out.outputs.push_back({change.get(), own});
  return out;
}

Result<std::vector<Hash256>> payout_digests(const model::ChainId& ledger, const model::SlotRecord& slot,
                                            const model::ReserveWallet& wallet) {
  ASSIGN_OR_RETURN(const bitcoin::Transaction transaction, payout_transaction(ledger, slot, wallet));
  const bitcoin::Sighash sighash(transaction);
  std::vector<Hash256> out;
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
    ASSIGN_OR_RETURN(const Bytes script, witness_script(ledger, wallet, slot.inputs[i].gateway));
    out.push_back(sighash.digest(i, script, slot.inputs[i].amount.get()));
  }
  return out;
}

model::FeeRate weighted_median(std::vector<std::pair<model::FeeRate, model::Weight>> rates) {
  std::ranges::sort(rates);
  std::uint64_t total = 0;
  for (const auto& [rate, weight] : rates) total += weight.get();
  std::uint64_t below = 0;
  for (const auto& [rate, weight] : rates) {
    below += weight.get();
    if (2 * below >= total) return rate;
  }
  return {};
}

}  // namespace custody::ledger::custody
