// From the signatures in the ledger's state to the external transaction (duties.h).
#include <algorithm>

#include "ledger/chains/bitcoin/payout.h"
#include "ledger/chains/bitcoin/psbt.h"
#include "ledger/custody/custody.h"
#include "ledger/node/duties.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

namespace bitcoin = chains::bitcoin;

struct Seat {
  PublicKey key;
  model::MemberId member;
  std::vector<Signature> signatures;
};

template <typename T>
Result<T> require(const LedgerView& ledger, ByteView key, const char* what) {
  const std::optional<Bytes> raw = ledger.get(key);
  if (!raw) return not_found(std::string(what) + " is not in the ledger's state");
  return proto::reader::decode<T>(*raw, 1u << 16);
}

// The first m seats in key order (the order of a sortedmulti script) that have signed, so that all nodes
// choose alike.
std::vector<Seat> signing_seats(const LedgerView& ledger, const model::SlotRecord& slot,
                                const model::ReserveWallet& wallet) {
  std::vector<Seat> seats;
  for (std::size_t i = 0; i < wallet.seats.size(); ++i) {
    auto record = require<model::SlotSignatureRecord>(
        ledger, model::slot_signature_key(slot.currency, slot.id, wallet.members[i]), "a slot signature");
    if (!record.ok() || record->signatures.size() != slot.inputs.size()) continue;
    seats.push_back({wallet.seats[i], wallet.members[i], std::move(record->signatures)});
  }
  std::ranges::sort(seats, {}, &Seat::key);
  if (seats.size() > wallet.threshold) seats.resize(wallet.threshold);
  return seats;
}

struct Prepared {
  model::ReserveWallet wallet;
  bitcoin::Transaction transaction;
  std::vector<Seat> seats;
  std::vector<bitcoin::SignedInput> inputs;
};

Result<Prepared> prepare(const model::ChainId& chain_id, const LedgerView& ledger,
                         const model::SlotRecord& slot) {
  Prepared out;
  ASSIGN_OR_RETURN(out.wallet,
                   require<model::ReserveWallet>(ledger, model::wallet_key(slot.currency, slot.epoch),
                                                 "the reserve wallet"));
  ASSIGN_OR_RETURN(out.transaction, custody::payout_transaction(chain_id, slot, out.wallet));
  out.seats = signing_seats(ledger, slot, out.wallet);
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
    bitcoin::SignedInput& input = out.inputs.emplace_back();
    ASSIGN_OR_RETURN(input.witness_script,
                     custody::witness_script(chain_id, out.wallet, slot.inputs[i].gateway));
    input.value = slot.inputs[i].amount.get();
    for (const Seat& seat : out.seats) input.signatures.emplace(seat.key, seat.signatures[i]);
  }
  return out;
}

// All slots of a currency are numbered in the order of their opening, and how many are open is in its totals.
void append_open_slots(const LedgerView& ledger, model::CurrencyId currency,
                       std::vector<model::SlotRecord>& out) {
  const auto totals =
      require<model::CurrencyTotals>(ledger, model::totals_key(currency), "a currency's totals");
  CHECK(totals.ok());  // our own state
  std::uint32_t left = totals->open_slots;
  const std::size_t first = out.size();
  for (std::uint64_t id = totals->next_slot - 1; left > 0; --id) {
    auto slot = require<model::SlotRecord>(ledger, model::slot_key(currency, model::SlotId(id)), "a slot");
    CHECK(slot.ok());
    if (slot->status != model::SlotStatus::kOpen) continue;
    out.push_back(std::move(*slot));
    --left;
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
}

}  // namespace

std::vector<model::SlotRecord> open_slots(const model::Genesis& genesis, const LedgerView& ledger) {
  std::vector<model::SlotRecord> out;
  for (const model::Currency& currency : genesis.currencies) append_open_slots(ledger, currency.id, out);
  return out;
}

Result<AssembledSlot> assemble_slot(const model::ChainId& chain_id, const LedgerView& ledger,
                                    const model::SlotRecord& slot) {
  ASSIGN_OR_RETURN(const Prepared prepared, prepare(chain_id, ledger, slot));
  if (prepared.seats.size() < prepared.wallet.threshold) {
    return not_found(std::to_string(prepared.seats.size()) + " of " +
                     std::to_string(prepared.wallet.threshold) + " seats have signed the slot");
  }
  ASSIGN_OR_RETURN(const bitcoin::Transaction signed_tx,
                   bitcoin::assemble(prepared.transaction, prepared.inputs));
  AssembledSlot out;
  out.raw = signed_tx.serialize();
  out.txid = model::ExternalHash(signed_tx.txid().array());
  for (const Seat& seat : prepared.seats) out.signed_by.push_back(seat.member);
  std::ranges::sort(out.signed_by);
  return out;
}

Result<Bytes> slot_psbt(const model::ChainId& chain_id, const LedgerView& ledger,
                        const model::SlotRecord& slot) {
  ASSIGN_OR_RETURN(const Prepared prepared, prepare(chain_id, ledger, slot));
  std::vector<bitcoin::PsbtInput> inputs;
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
    ASSIGN_OR_RETURN(const Bytes script,
                     custody::script_pubkey(chain_id, prepared.wallet, slot.inputs[i].gateway));
    inputs.push_back({{slot.inputs[i].amount.get(), script},
                      prepared.inputs[i].witness_script,
                      prepared.inputs[i].signatures,
                      std::nullopt});
  }
  ASSIGN_OR_RETURN(const bitcoin::Psbt psbt, bitcoin::build_psbt(prepared.transaction, inputs));
  return psbt.serialize();
}

}  // namespace custody::ledger::node
