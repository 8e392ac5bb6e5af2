// Burns, coins and the plans that the real derivation makes of them, recorded in a ProvenLedger. Header only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "ledger/chains/bitcoin/script.h"
#include "ledger/custody/custody.h"
#include "tests/support/proven_ledger.h"

namespace custody::tests {

// Of currency 1, wallet epoch 1 and, unless told otherwise, gateway 1. Coins are made up; burn n pays a
// script of its own.
class Payouts {
 public:
  explicit Payouts(ProvenLedger& ledger) : proven_(ledger) {
    namespace model = ledger::model;
    add_gateway(1, "gate");
    model::CurrencyTotals totals;
    totals.recorded_reserve = model::Amount(100'000'000);
    proven_.put(model::totals_key(kCurrency), totals);
  }

  static constexpr ledger::model::CurrencyId kCurrency{1};

  static ledger::model::OutPoint outpoint(std::uint64_t coin) {
    return {*ledger::model::ExternalHash::from(Bytes(32, static_cast<std::uint8_t>(coin))), 0};
  }
  void add_gateway(std::uint32_t id, std::string_view name) {
    namespace model = ledger::model;
    proven_.put(model::gateway_key(model::GatewayId(id)),
                model::GatewayRecord{model::GatewayId(id), to_bytes(name), model::Address::treasury(),
                                     model::LedgerMs(UINT64_MAX / 2)});
  }
  void add_coin(std::uint64_t sequence, std::uint64_t amount) {
    coins[sequence] = {outpoint(sequence),
                       ledger::model::Amount(amount),
                       ledger::model::WalletEpoch(1),
                       ledger::model::GatewayId(1),
                       {}};
  }
  void add_burn(std::uint64_t sequence, std::uint64_t amount) {
    ledger::model::BurnRecord burn;
    burn.transaction = *ledger::model::TxId::from(Bytes(32, static_cast<std::uint8_t>(0x40 + sequence)));
    burn.gateway = ledger::model::GatewayId(1);
    burn.amount = ledger::model::Amount(amount);
    burn.fee_cap = ledger::model::Amount(100'000);
    burn.payout_script =
        ledger::chains::bitcoin::p2pkh_script_pubkey(Bytes(20, static_cast<std::uint8_t>(sequence)));
    burn.time = proven_.genesis().time;
    burns[sequence] = burn;
  }

  // The plan as the state machine derives it.
  ledger::model::SlotRecord derive(std::uint64_t slot, const std::vector<std::uint64_t>& burn_sequences,
                                   const std::vector<std::uint64_t>& coin_sequences) {
    ledger::custody::PlanRequest request;
    request.currency = kCurrency;
    request.slot = ledger::model::SlotId(slot);
    request.height = ledger::model::Height(1);
    request.now = ledger::model::LedgerMs(proven_.header.time.get() + 10'000);
    request.fee_rate = ledger::model::FeeRate(2'000);
    request.wallet = &proven_.wallet();
    request.parameters = &proven_.parameters();
    for (const std::uint64_t one : burn_sequences) request.burns.push_back({one, burns.at(one)});
    for (const std::uint64_t one : coin_sequences) request.coins.push_back({one, coins.at(one)});
    const auto plan = ledger::custody::derive_plan(request);
    EXPECT_TRUE(plan.has_value());
    return plan.value_or(ledger::model::SlotRecord());
  }

  // Puts plan, burns and coins into the ledger as bound to the plan's slot.
  void record(const ledger::model::SlotRecord& plan) {
    namespace model = ledger::model;
    proven_.put(model::slot_key(kCurrency, plan.id), plan);
    for (const model::PlanPayee& payee : plan.payees) {
      model::BurnRecord burn = burns.at(payee.burn);
      burn.status = model::BurnStatus::kInSlot;
      burn.slot = plan.id;
      proven_.put(model::burn_key(kCurrency, payee.burn), burn);
    }
    for (const model::PlanInput& input : plan.inputs) {
      model::CoinRecord coin = coins.at(input.coin);
      coin.slot = plan.id;
      proven_.put(model::coin_key(kCurrency, input.coin), coin);
    }
  }

  // What a payout intent must prove.
  std::vector<Bytes> keys(const ledger::model::SlotRecord& plan) const {
    namespace model = ledger::model;
    std::vector<Bytes> out{model::parameters_key(), model::wallet_key(kCurrency, model::WalletEpoch(1)),
                           model::freeze_key(kCurrency), model::slot_key(kCurrency, plan.id),
                           model::totals_key(kCurrency)};
    std::set<Bytes> gateways;
    for (const model::PlanPayee& payee : plan.payees) {
      out.push_back(model::burn_key(kCurrency, payee.burn));
      gateways.insert(model::gateway_key(burns.at(payee.burn).gateway));
    }
    out.insert(out.end(), gateways.begin(), gateways.end());
    for (const model::PlanInput& input : plan.inputs) out.push_back(model::coin_key(kCurrency, input.coin));
    return out;
  }
  ledger::model::PayoutIntent intent(const ledger::model::SlotRecord& plan) const {
    return {kCurrency, plan.id, proven_.evidence(keys(plan))};
  }
  ledger::model::PayoutIntent recorded(const ledger::model::SlotRecord& plan) {
    record(plan);
    return intent(plan);
  }

  std::map<std::uint64_t, ledger::model::CoinRecord> coins;
  std::map<std::uint64_t, ledger::model::BurnRecord> burns;

 private:
  ProvenLedger& proven_;
};

}  // namespace custody::tests
