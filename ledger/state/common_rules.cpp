#include <algorithm>

#include "ledger/state/rules.h"

namespace custody::ledger::state {

Status check_common(const Context& context, const Signed& transaction) {
  const model::Height until = transaction.transaction().valid_until;
  if (until < context.height) {
    return invalid("expired: valid until height " + std::to_string(until.get()) + ", this is " +
                       std::to_string(context.height.get()),
                   "make and sign it anew");
  }
  if (until.get() - context.height.get() > context.registry.parameters.max_valid_blocks) {
    return refused("valid_until " + std::to_string(until.get()) + " lies more than " +
                   std::to_string(context.registry.parameters.max_valid_blocks) + " blocks ahead");
  }
  const auto& signatures = transaction.signatures();
  for (std::size_t i = 1; i < signatures.size(); ++i) {
    if (!(signatures[i - 1].key < signatures[i].key)) {
      return invalid("signatures must ascend by key, each key once");
    }
  }
  if (context.overlay.seen(until, transaction.id())) {
    return exists("transaction " + transaction.id().hex() + " was executed already");
  }
  return ok_status();
}

Status require_key(const Signed& transaction, const PublicKey& key, std::string_view whose) {
  const auto& signatures = transaction.signatures();
  if (signatures.empty()) return invalid("the signature of " + std::string(whose) + " is missing");
  if (signatures.size() > 1)
    return invalid("only " + std::string(whose) + " signs this: a signature is surplus");
  if (signatures[0].key != key) {
    return invalid("signed by key " + signatures[0].key.hex() + ", not by " + std::string(whose));
  }
  return ok_status();
}

Status require_account(const Context& context, const Signed& transaction, const model::Address& account) {
  const auto& signatures = transaction.signatures();
  if (signatures.empty()) {
    return invalid("the signature of account " + address_text(context, account) + " is missing");
  }
  if (signatures.size() > 1) {
    return invalid("only account " + address_text(context, account) + " signs this: a signature is surplus");
  }
  if (model::Address::of_key(signatures[0].key) != account) {
    return invalid("signed by key " + signatures[0].key.hex() + ", which is not that of account " +
                   address_text(context, account));
  }
  return ok_status();
}

Result<const model::Member*> find_member(const Context& context, model::MemberId id) {
  const auto found = context.registry.members.find(id);
  if (found == context.registry.members.end() || context.registry.set.find(id) == nullptr) {
    return invalid("member " + std::to_string(id.get()) + " does not exist");
  }
  return &found->second;
}

Result<const model::CurrencyParameters*> find_parameters(const Context& context, model::CurrencyId id) {
  const auto* found = model::find_parameters(context.registry.parameters, id);
  if (found == nullptr) return invalid("currency " + std::to_string(id.get()) + " does not exist");
  return found;
}

Result<const model::ReserveWallet*> find_wallet(const Context& context, model::CurrencyId id) {
  const auto found = context.registry.wallets.find(id);
  if (found == context.registry.wallets.end()) {
    return invalid("currency " + std::to_string(id.get()) + " does not exist");
  }
  return &found->second;
}

const model::ExternalChain& chain_of(const Context& context, model::CurrencyId id) {
  const auto* currency = model::find_currency(context.registry.genesis, id);
  CHECK(currency != nullptr);
  const auto* chain = model::find_chain(context.registry.genesis, currency->chain);
  CHECK(chain != nullptr);
  return *chain;
}

Result<model::GatewayRecord> find_gateway(const Context& context, model::GatewayId id) {
  auto gateway = context.overlay.get<model::GatewayRecord>(model::gateway_key(id));
  if (!gateway) return refused("gateway " + std::to_string(id.get()) + " is not registered");
  return std::move(*gateway);
}

Status require_kyc(const Context& context, const model::GatewayRecord& gateway) {
  if (context.time < gateway.kyc_expiry) return ok_status();
  return refused("the KYC attestation of gateway " + std::string(as_text(gateway.name)) + " has expired",
                 "have the members attest it anew");
}

Status require_not_frozen(const Context& context, model::CurrencyId id) {
  if (!context.overlay.has(model::freeze_key(id))) return ok_status();
  return refused("currency " + std::to_string(id.get()) + " is frozen");
}

Status check_ledger_fee(const Signed& transaction, const model::CurrencyParameters& parameters,
                        model::Amount fee) {
  if (fee.get() / parameters.min_fee_per_byte >= transaction.size) return ok_status();
  return refused("the ledger fee of " + std::to_string(fee.get()) + " does not pay for " +
                 std::to_string(transaction.size) + " bytes at " +
                 std::to_string(parameters.min_fee_per_byte) + " each");
}

std::string address_text(const Context& context, const model::Address& address) {
  return address.text(as_text(context.registry.genesis.address_prefix));
}

void insert_member(std::vector<model::MemberId>& ascending, model::MemberId id) {
  ascending.insert(std::ranges::lower_bound(ascending, id), id);
}

model::Weight weight_of(const Context& context, const std::vector<model::MemberId>& members) {
  std::uint64_t sum = 0;
  for (const model::MemberId id : members) {
    const model::SetMember* member = context.registry.set.find(id);
    if (member != nullptr) sum += member->weight.get();
  }
  return model::Weight(sum);
}

}  // namespace custody::ledger::state
