#include <algorithm>
#include <array>

#include "ledger/state/rules.h"

namespace custody::ledger::state {
namespace {

using PerCurrency = std::array<std::uint64_t, model::kMaxCurrencies + 1>;  // by currency id, from 1

Status check_unique(const std::vector<model::TransferLeg>& legs, std::string_view side) {
  std::vector<std::pair<const model::Address*, model::CurrencyId>> accounts;
  for (const model::TransferLeg& leg : legs) accounts.emplace_back(&leg.address, leg.currency);
  const auto less = [](const auto& a, const auto& b) {
    return std::tie(*a.first, a.second) < std::tie(*b.first, b.second);
  };
  std::ranges::sort(accounts, less);
  const auto same = [](const auto& a, const auto& b) { return *a.first == *b.first && a.second == b.second; };
  if (std::ranges::adjacent_find(accounts, same) != accounts.end()) {
    return invalid("an account stands twice among the " + std::string(side) + " in one currency");
  }
  return ok_status();
}

// Adds the legs up per currency.
Result<PerCurrency> sum_legs(const Context& context, const std::vector<model::TransferLeg>& legs) {
  PerCurrency sums{};
  for (const model::TransferLeg& leg : legs) {
    if (leg.amount.get() == 0) return invalid("an amount is zero");
    if (model::find_currency(context.registry.genesis, leg.currency) == nullptr) {
      return invalid("currency " + std::to_string(leg.currency.get()) + " does not exist");
    }
    std::uint64_t& sum = sums.at(leg.currency.get());
    const auto next = checked_add(sum, leg.amount.get());
    if (!next) return invalid("amounts add up to more than 64 bits");
    sum = *next;
  }
  return sums;
}

// Every input's account has signed, and nobody else.
Status check_signers(const Context& context, const Signed& transaction,
                     const std::vector<model::TransferLeg>& inputs) {
  const auto& signatures = transaction.signatures();
  std::vector<model::Address> signers;
  signers.reserve(signatures.size());
  for (const model::KeySignature& signature : signatures) {
    signers.push_back(model::Address::of_key(signature.key));
    const bool needed = std::ranges::any_of(
        inputs, [&](const model::TransferLeg& leg) { return leg.address == signers.back(); });
    if (!needed) return invalid("the signature of key " + signature.key.hex() + " is surplus");
  }
  for (const model::TransferLeg& leg : inputs) {
    if (leg.address.kind() != model::Address::Kind::kKey) {
      return invalid("account " + address_text(context, leg.address) + " cannot be spent from");
    }
    if (std::ranges::find(signers, leg.address) == signers.end()) {
      return invalid("the signature of account " + address_text(context, leg.address) + " is missing");
    }
  }
  return ok_status();
}

// inputs - outputs of each currency; together they pay for the transaction's size.
Result<PerCurrency> check_fees(const Context& context, const Signed& transaction, const PerCurrency& in,
                               const PerCurrency& out) {
  PerCurrency fees{};
  std::uint64_t paid_bytes = 0;
  for (const model::CurrencyParameters& parameters : context.registry.parameters.currencies) {
    const std::size_t id = parameters.currency.get();
    const auto fee = checked_sub(in.at(id), out.at(id));
    if (!fee) return invalid("outputs exceed inputs in currency " + std::to_string(id));
    fees.at(id) = *fee;
    paid_bytes += std::min<std::uint64_t>(*fee / parameters.min_fee_per_byte, UINT32_MAX);
  }
  if (paid_bytes < transaction.size) {
    return refused("the fee pays for " + std::to_string(paid_bytes) + " bytes, the transaction has " +
                   std::to_string(transaction.size));
  }
  return fees;
}

}  // namespace

Status apply(Context& context, const Signed& transaction, const model::Transfer& body) {
  if (body.inputs.empty()) return invalid("a transfer needs at least one input");
  TRY(check_unique(body.inputs, "inputs"));
  TRY(check_unique(body.outputs, "outputs"));
  ASSIGN_OR_RETURN(const PerCurrency in, sum_legs(context, body.inputs));
  ASSIGN_OR_RETURN(const PerCurrency out, sum_legs(context, body.outputs));
  TRY(check_signers(context, transaction, body.inputs));
  ASSIGN_OR_RETURN(const PerCurrency fees, check_fees(context, transaction, in, out));
  for (const model::TransferLeg& leg : body.inputs) {
    const model::Amount balance = context.overlay.balance(leg.address, leg.currency);
    if (balance < leg.amount) {
      return refused("overdraft: account " + address_text(context, leg.address) + " holds " +
                     std::to_string(balance.get()) + " of currency " + std::to_string(leg.currency.get()) +
                     ", " + std::to_string(leg.amount.get()) + " are spent");
    }
  }
  for (const model::TransferLeg& leg : body.inputs) {
    context.overlay.debit(leg.address, leg.currency, leg.amount);
  }
  for (const model::TransferLeg& leg : body.outputs) {
    context.overlay.credit(leg.address, leg.currency, leg.amount);
  }
  static const model::Address kFeePool = model::Address::fee_pool();
  for (std::size_t id = 1; id < fees.size(); ++id) {
    if (fees[id] == 0) continue;
    context.overlay.credit(kFeePool, model::CurrencyId(static_cast<std::uint16_t>(id)),
                           model::Amount(fees[id]));
  }
  return ok_status();
}

}  // namespace custody::ledger::state
