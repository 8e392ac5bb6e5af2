// What the files of this library share. Not for others.
#pragma once

#include "ledger/light/light.h"
#include "signer/guard/guard.h"

namespace custody::signer::guard {

inline Status deny(std::string_view rule, std::string message, std::string hint = {}) {
  return refused(std::move(message), std::move(hint)).with_context(rule);
}

Result<model::GuardKey> find_key(const model::GuardState& state, model::KeyRole role,
                                 model::CurrencyId currency = {}, model::WalletEpoch epoch = {});
const model::ReserveWallet* find_wallet(const model::GuardState& state, model::CurrencyId currency,
                                        model::WalletEpoch epoch);

// A transaction of this member, which key signs it, and its digest.
Result<Verdict> transaction_verdict(const model::GuardState& state, model::KeyRole role,
                                    model::IntentKind kind, model::Height valid_until, std::uint64_t salt,
                                    model::TransactionBody body);
Status check_own(const model::GuardState& state, model::MemberId member);

// money.cpp: intents that carry ledger evidence.
Result<Verdict> check_mint(const model::GuardState& state, const model::MintIntent& intent);
Result<Verdict> check_payout(const model::GuardState& state, const model::PayoutIntent& intent);
Result<Verdict> check_slot_signature(const model::GuardState& state,
                                     const model::SlotSignatureIntent& intent);

}  // namespace custody::signer::guard
