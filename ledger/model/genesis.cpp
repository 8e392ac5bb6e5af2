#include "ledger/model/genesis.h"

#include <algorithm>
#include <set>

#include "ledger/model/intents.h"

namespace custody::ledger::model {
namespace {

constexpr std::uint64_t kMaxTotalWeight = 1u << 30;

bool is_name(const Bytes& text) {
  return !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, [](std::uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_code(const Bytes& text) {
  return !text.empty() && text.size() <= 8 && std::ranges::all_of(text, [](std::uint8_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

bool is_printable(const Bytes& text, std::size_t max_size) {
  return text.size() <= max_size &&
         std::ranges::all_of(text, [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
}

std::string member_label(const Member& member) {
  return "member " + std::string(as_text(member.name));
}

// Collects every key of the genesis: one role each, none twice.
class KeySet {
 public:
  Status add(const PublicKey& key, const std::string& whose) {
    if (key.data()[0] != 2 && key.data()[0] != 3) return invalid(whose + ": not a compressed public key");
    if (!seen_.insert(key).second)
      return invalid(whose + ": the key " + key.hex() + " has another role already");
    return ok_status();
  }

 private:
  std::set<PublicKey> seen_;
};

Status check_member_texts(const Member& member) {
  if (!is_name(member.name)) return invalid("a member's name must be 1 to 32 characters of a-z, 0-9 and -");
  const std::string label = member_label(member);
  if (member.legal_entity.empty() || !is_printable(member.legal_entity, kMaxText)) {
    return invalid(label + ": the legal entity must be 1 to 128 printable ASCII characters");
  }
  if (member.jurisdiction.size() != 2 || !is_printable(member.jurisdiction, 2)) {
    return invalid(label + ": the jurisdiction must be a two-letter country code");
  }
  if (!is_printable(member.parent, kMaxText) || !is_printable(member.hoster, kMaxText) ||
      !is_printable(member.hsm_vendor, kMaxText)) {
    return invalid(label + ": parent, hoster and HSM vendor must be printable ASCII");
  }
  return ok_status();
}

Status check_members(const Genesis& genesis, KeySet& keys) {
  if (genesis.members.empty() || genesis.members.size() > kMaxMembers) {
    return invalid("genesis needs 1 to " + std::to_string(kMaxMembers) + " members");
  }
  std::set<Bytes> names;
  std::set<CurveKey> curve_keys;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < genesis.members.size(); ++i) {
    const Member& member = genesis.members[i];
    TRY(check_member_texts(member));
    const std::string label = member_label(member);
    if (member.id != MemberId(static_cast<std::uint16_t>(i + 1)))
      return invalid(label + ": ids must count from 1");
    if (!names.insert(member.name).second) return invalid(label + ": the name is used twice");
    if (!curve_keys.insert(member.curve_key).second) return invalid(label + ": the CURVE key is used twice");
    if (member.weight.get() == 0 || member.weight.get() > kMaxTotalWeight)
      return invalid(label + ": weight out of range");
    total += member.weight.get();
    TRY(keys.add(member.validator_key, label + " validator key"));
    TRY(keys.add(member.attest_key, label + " attest key"));
    TRY(keys.add(member.governance_key, label + " governance key"));
    for (const SeatKey& seat : member.seats) TRY(keys.add(seat.key, label + " seat key"));
  }
  if (total > kMaxTotalWeight) return invalid("the total weight is above " + std::to_string(kMaxTotalWeight));
  for (const Member& member : genesis.members) {
    if (member.weight.get() * 3 >= total && genesis.members.size() > 1) {
      return invalid(member_label(member) + ": weight " + std::to_string(member.weight.get()) + " of " +
                         std::to_string(total) + " is one third or more",
                     "give every member less than one third of the total");
    }
  }
  return ok_status();
}

Status check_chains(const Genesis& genesis) {
  std::set<Bytes> names;
  for (std::size_t i = 0; i < genesis.chains.size(); ++i) {
    const ExternalChain& chain = genesis.chains[i];
    const std::string label = "chain " + std::string(as_text(chain.name));
    if (!is_name(chain.name)) return invalid("a chain's name must be 1 to 32 characters of a-z, 0-9 and -");
    if (chain.id != ExternalChainId(static_cast<std::uint16_t>(i + 1)))
      return invalid(label + ": ids must count from 1");
    if (!names.insert(chain.name).second) return invalid(label + ": the name is used twice");
    if (chain.genesis_hash.is_zero() || chain.anchor_hash.is_zero())
      return invalid(label + ": genesis or anchor hash is missing");
    if (chain.hrp.empty() || !is_printable(chain.hrp, kMaxName))
      return invalid(label + ": the address prefix is missing");
    if (chain.pow_limit_bits == 0 || chain.anchor_bits == 0)
      return invalid(label + ": proof-of-work bits are missing");
  }
  return ok_status();
}

Status check_currencies(const Genesis& genesis) {
  if (genesis.currencies.empty()) return invalid("genesis needs at least one currency");
  std::set<Bytes> codes;
  std::set<ExternalChainId> chains;
  for (std::size_t i = 0; i < genesis.currencies.size(); ++i) {
    const Currency& currency = genesis.currencies[i];
    const std::string label = "currency " + std::string(as_text(currency.code));
    if (!is_code(currency.code)) return invalid("a currency's code must be 1 to 8 characters of A-Z and 0-9");
    if (currency.id != CurrencyId(static_cast<std::uint16_t>(i + 1)))
      return invalid(label + ": ids must count from 1");
    if (!codes.insert(currency.code).second) return invalid(label + ": the code is used twice");
    if (currency.decimals > 9 || currency.external_exponent < currency.decimals) {
      return invalid(label + ": at most 9 decimals, and no more than its external exponent");
    }
    const ExternalChain* chain = find_chain(genesis, currency.chain);
    if (chain == nullptr) return invalid(label + ": its chain is not in this genesis");
    if (chain->kind == ChainKind::kBitcoin && currency.external_exponent != currency.decimals) {
      return invalid(label + ": on a Bitcoin chain decimals and external exponent are equal");
    }
    if (!chains.insert(currency.chain).second)
      return invalid(label + ": its chain backs another currency already");
  }
  return ok_status();
}

const PublicKey* seat_of(const Member& member, CurrencyId currency, WalletEpoch epoch) {
  for (const SeatKey& seat : member.seats) {
    if (seat.currency == currency && seat.epoch == epoch) return &seat.key;
  }
  return nullptr;
}

Status check_wallet(const Genesis& genesis, const ReserveWallet& wallet,
                    const std::vector<std::uint32_t>& allowed) {
  const Currency* currency = find_currency(genesis, wallet.currency);
  if (currency == nullptr) return invalid("a reserve wallet names an unknown currency");
  const std::string label = "reserve wallet " + std::string(as_text(currency->code));
  if (wallet.epoch != WalletEpoch(1)) return invalid(label + ": the first wallet epoch is 1");
  if (wallet.seats.size() != genesis.members.size() || wallet.members.size() != wallet.seats.size()) {
    return invalid(label + ": every member holds one seat");
  }
  for (std::size_t i = 0; i < wallet.seats.size(); ++i) {
    const PublicKey* seat = seat_of(genesis.members[i], wallet.currency, wallet.epoch);
    if (wallet.members[i] != genesis.members[i].id || seat == nullptr || *seat != wallet.seats[i]) {
      return invalid(label + ": seat " + std::to_string(i + 1) + " is not the key of " +
                     member_label(genesis.members[i]));
    }
  }
  if (std::ranges::find(allowed, std::uint32_t{wallet.threshold}) == allowed.end()) {
    std::string choices;
    for (std::uint32_t m : allowed) choices += (choices.empty() ? "" : ", ") + std::to_string(m);
    return invalid(
        label + ": threshold " + std::to_string(wallet.threshold) + " is not safe for these weights",
        choices.empty() ? "no threshold is safe for these weights: make them more even"
                        : "allowed: " + choices);
  }
  return ok_status();
}

Status check_wallets(const Genesis& genesis) {
  std::vector<Weight> weights;
  for (const Member& member : genesis.members) weights.push_back(member.weight);
  const auto allowed = allowed_thresholds(weights);
  std::set<CurrencyId> covered;
  for (const ReserveWallet& wallet : genesis.wallets) {
    TRY(check_wallet(genesis, wallet, allowed));
    if (!covered.insert(wallet.currency).second) return invalid("a currency has two reserve wallets");
  }
  if (covered.size() != genesis.currencies.size()) return invalid("every currency needs a reserve wallet");
  return ok_status();
}

Status in_range(const std::string& what, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return ok_status();
  return invalid("parameter " + what + " is " + std::to_string(value) + ", allowed are " +
                 std::to_string(low) + " to " + std::to_string(high));
}

Status check_currency_parameters(const Genesis& genesis, const CurrencyParameters& p) {
  const Currency* currency = find_currency(genesis, p.currency);
  if (currency == nullptr) return invalid("parameters name an unknown currency");
  const std::string prefix = std::string(as_text(currency->code)) + ".";
  const bool test = genesis.kind == NetworkKind::kTest;
  TRY(in_range(prefix + "min_fee_per_byte", p.min_fee_per_byte, 1, 1'000'000));
  TRY(in_range(prefix + "deposit_depth", p.deposit_depth, test ? 1 : 6, kMaxProofHeaders));
  TRY(in_range(prefix + "settlement_depth", p.settlement_depth, test ? 1 : 6, kMaxProofHeaders));
  TRY(in_range(prefix + "min_deposit", p.min_deposit.get(), 1'000, UINT64_MAX));
  TRY(in_range(prefix + "min_burn", p.min_burn.get(), 1'000, UINT64_MAX));
  TRY(in_range(prefix + "min_fee_rate", p.min_fee_rate.get(), 1'000, p.max_fee_rate.get()));
  TRY(in_range(prefix + "max_fee_rate", p.max_fee_rate.get(), p.min_fee_rate.get(), 10'000'000));
  TRY(in_range(prefix + "default_fee_rate", p.default_fee_rate.get(), p.min_fee_rate.get(),
               p.max_fee_rate.get()));
  TRY(in_range(prefix + "batch_time_ms", p.batch_time_ms, test ? 1 : 60'000, 86'400'000));
  TRY(in_range(prefix + "batch_count", p.batch_count, 1, p.max_payees));
  TRY(in_range(prefix + "batch_value", p.batch_value.get(), 1, UINT64_MAX));
  TRY(in_range(prefix + "max_inputs", p.max_inputs, 1, kMaxSlotInputs));
  TRY(in_range(prefix + "max_payees", p.max_payees, 1, kGuardSlotBurns));
  TRY(in_range(prefix + "payout_cooldown", p.payout_cooldown, test ? 1 : 360, 1'000'000));
  TRY(in_range(prefix + "bucket_capacity", p.bucket_capacity.get(), 1, UINT64_MAX));
  return in_range(prefix + "bucket_refill_per_hour", p.bucket_refill_per_hour.get(), 1, UINT64_MAX);
}

Status check_parameters(const Genesis& genesis) {
  const NetworkParameters& p = genesis.parameters;
  const bool test = genesis.kind == NetworkKind::kTest;
  TRY(in_range("max_transaction_bytes", p.max_transaction_bytes, 4'096, 256u << 10));
  TRY(in_range("max_block_bytes", p.max_block_bytes, p.max_transaction_bytes + 65'536ull, 4u << 20));
  TRY(in_range("max_valid_blocks", p.max_valid_blocks, 10, kMaxValidBlocks));
  TRY(in_range("empty_block_ms", p.empty_block_ms, test ? 100 : 5'000, 60'000));
  TRY(in_range("time_precision_ms", p.time_precision_ms, 100, 60'000));
  TRY(in_range("round_timeout_ms", p.round_timeout_ms, test ? 50 : 500, 60'000));
  TRY(in_range("round_timeout_step_ms", p.round_timeout_step_ms, 10, 10'000));
  TRY(in_range("epoch_blocks", p.epoch_blocks, test ? 2 : 60, 100'000));
  TRY(in_range("notice_epochs", p.notice_epochs, test ? 1 : 2, 100'000));
  TRY(in_range("treasury_permille", p.treasury_permille, 0, 1'000));
  std::set<CurrencyId> covered;
  for (const CurrencyParameters& currency : p.currencies) {
    TRY(check_currency_parameters(genesis, currency));
    if (!covered.insert(currency.currency).second) return invalid("a currency has its parameters twice");
  }
  if (covered.size() != genesis.currencies.size()) return invalid("every currency needs parameters");
  return ok_status();
}

}  // namespace

Weight MemberSet::total() const {
  std::uint64_t sum = 0;
  for (const SetMember& member : members) sum += member.weight.get();
  return Weight(sum);
}

const SetMember* MemberSet::find(MemberId id) const {
  for (const SetMember& member : members) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

MemberSet member_set(const Genesis& genesis) {
  MemberSet set;
  for (const Member& member : genesis.members)
    set.members.push_back({member.id, member.weight, member.validator_key});
  return set;
}

std::uint32_t largest_minority(const std::vector<Weight>& weights) {
  // The lightest members together: if k of them stay below a third, no larger set of others can beat k.
  std::vector<std::uint64_t> sorted;
  std::uint64_t total = 0;
  for (Weight weight : weights) {
    sorted.push_back(weight.get());
    total += weight.get();
  }
  std::ranges::sort(sorted);
  std::uint32_t count = 0;
  std::uint64_t sum = 0;
  for (std::uint64_t weight : sorted) {
    sum += weight;
    if (sum * 3 >= total) break;
    ++count;
  }
  return count;
}

std::vector<std::uint32_t> allowed_thresholds(const std::vector<Weight>& weights) {
  const auto n = static_cast<std::uint32_t>(weights.size());
  const std::uint32_t minority = largest_minority(weights);
  std::vector<std::uint32_t> out;
  for (std::uint32_t m = 1; m + minority <= n; ++m) {
    if (m > minority && 2 * m > n) out.push_back(m);
  }
  return out;
}

Status check_genesis(const Genesis& genesis) {
  if (genesis.version != 1)
    return invalid("genesis version " + std::to_string(genesis.version) + " is not known here");
  const bool prefix_ok =
      !genesis.address_prefix.empty() &&
      std::ranges::all_of(genesis.address_prefix, [](std::uint8_t c) { return c >= 'a' && c <= 'z'; });
  if (!prefix_ok) return invalid("the address prefix must be 1 to 16 characters of a-z");
  KeySet keys;
  TRY(check_members(genesis, keys));
  TRY(check_chains(genesis));
  TRY(check_currencies(genesis));
  TRY(check_wallets(genesis));
  return check_parameters(genesis);
}

const Currency* find_currency(const Genesis& genesis, CurrencyId id) {
  for (const Currency& currency : genesis.currencies) {
    if (currency.id == id) return &currency;
  }
  return nullptr;
}

const Currency* find_currency_by_code(const Genesis& genesis, std::string_view code) {
  for (const Currency& currency : genesis.currencies) {
    if (as_text(currency.code) == code) return &currency;
  }
  return nullptr;
}

const ExternalChain* find_chain(const Genesis& genesis, ExternalChainId id) {
  for (const ExternalChain& chain : genesis.chains) {
    if (chain.id == id) return &chain;
  }
  return nullptr;
}

const CurrencyParameters* find_parameters(const NetworkParameters& parameters, CurrencyId id) {
  for (const CurrencyParameters& currency : parameters.currencies) {
    if (currency.currency == id) return &currency;
  }
  return nullptr;
}

}  // namespace custody::ledger::model
