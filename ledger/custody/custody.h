// Custody as pure functions: which script a coin pays to, what a deposit proof shows, which external
// transaction fills a slot. Used alike by the state machine (which derives plans) and by the guard (which
// rebuilds what it signs). Thread-safety: pure functions.
#pragma once

#include <optional>
#include <vector>

#include "ledger/chains/bitcoin/header.h"
#include "ledger/chains/bitcoin/network.h"
#include "ledger/chains/bitcoin/transaction.h"
#include "ledger/model/records.h"

namespace custody::ledger::custody {

// The Bitcoin network that an external chain's record describes.
chains::bitcoin::Network network_of(const model::ExternalChain& chain);

// Scalar taggedhash("caasiope/deposit", chain id || currency u16 || epoch u32 || gateway u32): the salt of
// design section 6.
Hash256 deposit_salt(const model::ChainId& ledger, model::CurrencyId currency, model::WalletEpoch epoch,
                     model::GatewayId gateway);
// The witness script of a coin: gateway 0 is the wallet's own sortedmulti(m, seats), otherwise that gateway's
// salted one.
Result<Bytes> witness_script(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                             model::GatewayId gateway);
Result<Bytes> script_pubkey(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                            model::GatewayId gateway);

// A proof that ends in a recorded head. Checks: transaction parses strictly (no witness), Merkle path, header
// linkage, work, bits rules, that headers.back() has the recorded head's hash and height, and at least
// `depth` confirmations (headers.size() >= depth), for a coinbase at least 100. Returns the transaction.
Result<chains::bitcoin::Transaction> verify_proof(const model::ExternalChain& chain,
                                                  const model::BitcoinProof& proof,
                                                  const model::RecordedHead& head, std::uint32_t depth);

// The terms of a deposit: that output outpoint.vout of the proven transaction pays `amount` to the gateway's
// deposit script.
Status check_deposit(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                     const model::MintApproval& approval, const chains::bitcoin::Transaction& transaction);

// A payout script that may be paid: standard, one of P2PKH, P2SH, P2WPKH, P2WSH, P2TR.
Status check_payout_script(ByteView script);
// The same, and neither the wallet's own script (what comes back there would be recorded nowhere) nor the
// gateway's own deposit script. Another gateway's deposit script is an ordinary payee.
Status check_payout_target(const model::ChainId& ledger, const model::ReserveWallet& wallet,
                           model::GatewayId gateway, ByteView script);

struct QueuedBurn {
  std::uint64_t sequence;
  model::BurnRecord record;
};
struct FreeCoin {
  std::uint64_t sequence;
  model::CoinRecord record;
};
struct PlanRequest {
  model::CurrencyId currency;
  model::SlotId slot;
  model::Height height;
  model::LedgerMs now;
  model::FeeRate fee_rate;  // already the weighted median; clamped here
  const model::ReserveWallet* wallet;
  const model::CurrencyParameters* parameters;
  std::vector<QueuedBurn> burns;  // oldest first
  std::vector<FreeCoin> coins;    // oldest first, all that there are
};
constexpr std::size_t kMaxCoinsConsidered = 1'000;  // of the free coins, the most valuable
// Is it time for a plan: the oldest burn has waited batch_time_ms, or batch_count burns or batch_value are
// queued.
bool batch_due(const std::vector<QueuedBurn>& burns, const model::CurrencyParameters& parameters,
               model::LedgerMs now);
// The next plan, or nullopt when it is not time (batch_due), no burn's fee cap suffices, or the free coins
// do not cover even the oldest. Deterministic. Burns oldest first (passed over: one whose share of the fee
// exceeds its cap, and one that the free coins would cover, but not max_inputs of them), coins oldest first
// up to max_inputs (when the oldest do not cover it, larger ones take the place of the smallest), change
// split so that at least 4 reserve outputs remain as long as each piece is worth min_burn, no output below
// dust: a change that would be dust goes to the fee.
std::optional<model::SlotRecord> derive_plan(const PlanRequest& request);

// The fee is shared over the payees in order of the plan, as evenly as whole units allow (earlier ones pay
// the remainder); payee i's share. The sum over all payees is slot.fee.
model::Amount fee_share(const model::SlotRecord& slot, std::size_t payee);

constexpr std::size_t kMaxChange = 8;  // change outputs of one plan

// The guard's own look at a plan, whoever derived it: inputs distinct, payees' amounts, sum(inputs) = payees
// + change + fee, each fee share within its cap, fee rate within the parameters and at least the true size's
// minimum, no dust, number of inputs, payees and change outputs within limits. kRefused names what is wrong.
Status check_plan(const model::SlotRecord& slot, const model::ReserveWallet& wallet,
                  const model::CurrencyParameters& parameters);

// The unsigned external transaction of a slot, its id, and the BIP-143 digest of every input.
Result<chains::bitcoin::Transaction> payout_transaction(const model::ChainId& ledger,
                                                        const model::SlotRecord& slot,
                                                        const model::ReserveWallet& wallet);
Result<std::vector<Hash256>> payout_digests(const model::ChainId& ledger, const model::SlotRecord& slot,
                                            const model::ReserveWallet& wallet);

// Weighted median: the smallest rate such that members with at most that rate have at least half of the
// weight given.
model::FeeRate weighted_median(std::vector<std::pair<model::FeeRate, model::Weight>> rates);

}  // namespace custody::ledger::custody
