#include "ledger/model/records.h"

namespace custody::ledger::model {
namespace {

class Key {
 public:
  explicit Key(Table table) { out_.push_back(static_cast<std::uint8_t>(table)); }
  template <std::unsigned_integral T>
  Key& integer(T value) {
    for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
      out_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
    return *this;
  }
  Key& bytes(ByteView value) {
    append(out_, value);
    return *this;
  }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

}  // namespace

Bytes balance_key(const Address& address, CurrencyId currency) {
  return Key(Table::kBalance).bytes(address.view()).integer(currency.get()).take();
}
Bytes parameters_key() {
  return Key(Table::kParameters).take();
}
Bytes member_set_key() {
  return Key(Table::kMemberSet).take();
}
Bytes member_key(MemberId member) {
  return Key(Table::kMember).integer(member.get()).take();
}
Bytes wallet_key(CurrencyId currency, WalletEpoch epoch) {
  return Key(Table::kWallet).integer(currency.get()).integer(epoch.get()).take();
}
Bytes totals_key(CurrencyId currency) {
  return Key(Table::kCurrencyTotals).integer(currency.get()).take();
}
Bytes head_tip_key(ExternalChainId chain) {
  return Key(Table::kHeadTip).integer(chain.get()).take();
}
Bytes head_key(ExternalChainId chain, ExternalHeight height) {
  return Key(Table::kHead).integer(chain.get()).integer(height.get()).take();
}
Bytes head_votes_key(ExternalChainId chain, MemberId member) {
  return Key(Table::kHeadVotes).integer(chain.get()).integer(member.get()).take();
}
Bytes gateway_key(GatewayId gateway) {
  return Key(Table::kGateway).integer(gateway.get()).take();
}
Bytes payout_key(GatewayId gateway, CurrencyId currency, const Hash256& script_hash) {
  return Key(Table::kPayout).integer(gateway.get()).integer(currency.get()).bytes(script_hash).take();
}
Bytes mint_key(CurrencyId currency, const OutPoint& outpoint) {
  return Key(Table::kMint).integer(currency.get()).bytes(outpoint.txid).integer(outpoint.vout).take();
}
Bytes coin_key(CurrencyId currency, std::uint64_t sequence) {
  return Key(Table::kCoin).integer(currency.get()).integer(sequence).take();
}
Bytes burn_key(CurrencyId currency, std::uint64_t sequence) {
  return Key(Table::kBurn).integer(currency.get()).integer(sequence).take();
}
Bytes slot_key(CurrencyId currency, SlotId slot) {
  return Key(Table::kSlot).integer(currency.get()).integer(slot.get()).take();
}
Bytes slot_signature_key(CurrencyId currency, SlotId slot, MemberId member) {
  return Key(Table::kSlotSignature).integer(currency.get()).integer(slot.get()).integer(member.get()).take();
}
Bytes proposal_key(const TxId& proposal) {
  return Key(Table::kProposal).bytes(proposal).take();
}
Bytes seen_key(Height valid_until, const TxId& transaction) {
  return Key(Table::kSeen).integer(valid_until.get()).bytes(transaction).take();
}
Bytes counters_key() {
  return Key(Table::kCounters).take();
}
Bytes freeze_key(CurrencyId currency) {
  return Key(Table::kCurrencyFreeze).integer(currency.get()).take();
}
Bytes policy_attestation_key(MemberId member) {
  return Key(Table::kPolicyAttestation).integer(member.get()).take();
}

}  // namespace custody::ledger::model
