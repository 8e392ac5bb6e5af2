// Strong integer types of the ledger. Zero is never a valid id. Thread-safety: values.
#pragma once

#include "base/bytes.h"
#include "base/checked.h"

namespace custody::ledger::model {

using Height = Strong<struct HeightTag, std::uint64_t>;      // of a ledger block; genesis state is height 0
using Round = Strong<struct RoundTag, std::uint32_t>;        // of consensus, from 0
using MemberId = Strong<struct MemberIdTag, std::uint16_t>;  // place in the registry, from 1
using Weight = Strong<struct WeightTag, std::uint64_t>;      // share of influence; the sum fits 32 bits
using CurrencyId = Strong<struct CurrencyIdTag, std::uint16_t>;  // place in genesis' currencies, from 1
using ExternalChainId = Strong<struct ExternalChainIdTag, std::uint16_t>;
using ExternalHeight = Strong<struct ExternalHeightTag, std::uint32_t>;  // of a block of an external chain
using GatewayId = Strong<struct GatewayIdTag, std::uint32_t>;            // order of registration, from 1
using SlotId = Strong<struct SlotIdTag, std::uint64_t>;            // order of opening per currency, from 1
using WalletEpoch = Strong<struct WalletEpochTag, std::uint32_t>;  // of a reserve wallet, from 1
using Amount = Strong<struct AmountTag, std::uint64_t>;            // minor units of a currency
using FeeRate =
    Strong<struct FeeRateTag, std::uint64_t>;  // minor units per 1,000 virtual bytes (external chains)
using LedgerMs = Strong<struct LedgerMsTag, std::uint64_t>;  // ledger time: Unix milliseconds

using ChainId = FixedBytes<32, struct ChainIdTag>;      // hash of genesis: names the network in every digest
using BlockHash = FixedBytes<32, struct BlockHashTag>;  // of a ledger block header
using TxId = FixedBytes<32, struct TxIdTag>;            // of a ledger transaction's payload
using ExternalHash =
    FixedBytes<32, struct ExternalHashTag>;           // external block or transaction id, internal byte order
using CurveKey = FixedBytes<32, struct CurveKeyTag>;  // CURVE public key of a member's node
using ExternalHeader = FixedBytes<80, struct ExternalHeaderTag>;  // Bitcoin block header

inline std::optional<Amount> add(Amount a, Amount b) {
  const auto sum = checked_add(a.get(), b.get());
  return sum ? std::optional<Amount>(Amount(*sum)) : std::nullopt;
}
inline std::optional<Amount> sub(Amount a, Amount b) {
  const auto rest = checked_sub(a.get(), b.get());
  return rest ? std::optional<Amount>(Amount(*rest)) : std::nullopt;
}
inline Height next(Height h) {
  return Height(h.get() + 1);
}  // 2^64 blocks are out of reach
inline Round next(Round r) {
  return Round(r.get() + 1);
}

// Strictly more than two thirds of the total.
inline bool is_quorum(Weight part, Weight total) {
  return static_cast<unsigned __int128>(part.get()) * 3 > static_cast<unsigned __int128>(total.get()) * 2;
}
// Strictly more than one third of the total: at least one correct member is among them.
inline bool is_blocking(Weight part, Weight total) {
  return static_cast<unsigned __int128>(part.get()) * 3 > static_cast<unsigned __int128>(total.get());
}

}  // namespace custody::ledger::model
