// The rules of each kind of transaction, and of a block's end. Every function checks all before it writes
// anything: an error leaves the overlay as it was. Internal to ledger/state.
#pragma once

#include "ledger/state/executor.h"

namespace custody::ledger::state {

// Common to all kinds: version, valid_until, replay, order of signatures.
Status check_common(const Context& context, const Signed& transaction);
// Exactly these signers. Keys: one given key; account: the one key of an account.
Status require_key(const Signed& transaction, const PublicKey& key, std::string_view whose);
Status require_account(const Context& context, const Signed& transaction, const model::Address& account);

Result<const model::Member*> find_member(const Context& context, model::MemberId id);
Result<const model::CurrencyParameters*> find_parameters(const Context& context, model::CurrencyId id);
Result<const model::ReserveWallet*> find_wallet(const Context& context, model::CurrencyId id);
const model::ExternalChain& chain_of(const Context& context, model::CurrencyId id);
Result<model::GatewayRecord> find_gateway(const Context& context, model::GatewayId id);
Status require_kyc(const Context& context, const model::GatewayRecord& gateway);
Status require_not_frozen(const Context& context, model::CurrencyId id);
// fee / min_fee_per_byte >= size of the envelope.
Status check_ledger_fee(const Signed& transaction, const model::CurrencyParameters& parameters,
                        model::Amount fee);
std::string address_text(const Context& context, const model::Address& address);
void insert_member(std::vector<model::MemberId>& ascending, model::MemberId id);
model::Weight weight_of(const Context& context, const std::vector<model::MemberId>& members);

Status apply(Context& context, const Signed& transaction, const model::Transfer& body);
Status apply(Context& context, const Signed& transaction, const model::Burn& body);
Status apply(Context& context, const Signed& transaction, const model::PayoutAddress& body);
Status apply(Context& context, const Signed& transaction, const model::ExternalHead& body);
Status apply(Context& context, const Signed& transaction, const model::MintApproval& body);
Status apply(Context& context, const Signed& transaction, const model::SlotSignature& body);
Status apply(Context& context, const Signed& transaction, const model::SettlementProof& body);
Status apply(Context& context, const Signed& transaction, const model::Proposal& body);
Status apply(Context& context, const Signed& transaction, const model::Ballot& body);
Status apply(Context& context, const Signed& transaction, const model::PolicyAttestation& body);

// In this order at the end of every block.
void enact_proposals(Context& context);
void share_fees(Context& context);
void open_slots(Context& context);
Status check_books(const Context& context);

}  // namespace custody::ledger::state
