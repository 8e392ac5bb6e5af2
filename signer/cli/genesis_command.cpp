#include "signer/cli/genesis_command.h"

#include <algorithm>
#include <charconv>

#include "base/crypto/secp256k1.h"
#include "base/file.h"
#include "proto/reader/digests.h"

namespace custody::signer::cli {
namespace {

constexpr std::size_t kMaxInput = 1u << 20;

Result<std::uint64_t> parse_number(std::string_view text, int base, std::string_view what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return invalid(std::string(what) + ": \"" + std::string(text) + "\" is not a number");
  }
  return value;
}

Result<std::vector<model::Weight>> parse_weights(std::string_view text) {
  std::vector<model::Weight> out;
  while (true) {
    const std::size_t comma = text.find(',');
    ASSIGN_OR_RETURN(const std::uint64_t value, parse_number(text.substr(0, comma), 10, "--weights"));
    out.emplace_back(value);
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

Result<std::uint32_t> u32_at(const Json& object, std::string_view key) {
  ASSIGN_OR_RETURN(const std::uint64_t value, object.u64_at(key));
  if (value > UINT32_MAX) return invalid(std::string(key) + " is out of range");
  return static_cast<std::uint32_t>(value);
}

Result<std::uint32_t> hex32_at(const Json& object, std::string_view key) {
  ASSIGN_OR_RETURN(const std::string text, object.string_at(key));
  ASSIGN_OR_RETURN(const std::uint64_t value, parse_number(text, 16, key));
  if (value > UINT32_MAX) return invalid(std::string(key) + " is out of range");
  return static_cast<std::uint32_t>(value);
}

// Text in RPC order (last byte first) to internal order.
Result<model::ExternalHash> rpc_hash_at(const Json& object, std::string_view key) {
  ASSIGN_OR_RETURN(const std::string text, object.string_at(key));
  ASSIGN_OR_RETURN(Bytes raw, from_hex(text));
  std::ranges::reverse(raw);
  auto hash = model::ExternalHash::from(raw);
  if (!hash.ok()) return hash.status().with_context(key);
  return hash;
}

Result<PublicKey> key_at(const Json& object, std::string_view key) {
  ASSIGN_OR_RETURN(const std::string text, object.string_at(key));
  ASSIGN_OR_RETURN(const Bytes raw, from_hex(text));
  auto parsed = crypto::parse_public_key(raw);
  if (!parsed.ok()) return parsed.status().with_context(key);
  return parsed;
}

Result<Bytes> text_at(const Json& object, std::string_view key) {
  ASSIGN_OR_RETURN(const std::string text, object.string_at(key));
  return to_bytes(text);
}

Result<std::vector<std::pair<std::string, model::SeatKey>>> read_seats(const Json& file) {
  std::vector<std::pair<std::string, model::SeatKey>> out;
  ASSIGN_OR_RETURN(const Json seats, file.at("seats"));
  for (const Json& entry : seats.items()) {
    model::SeatKey seat;
    ASSIGN_OR_RETURN(const std::string code, entry.string_at("currency"));
    ASSIGN_OR_RETURN(const std::uint32_t epoch, u32_at(entry, "epoch"));
    seat.epoch = model::WalletEpoch(epoch);
    ASSIGN_OR_RETURN(seat.key, key_at(entry, "key"));
    out.emplace_back(code, seat);
  }
  return out;
}

Result<model::Member> read_member(const std::string& path, const model::Genesis& genesis, std::size_t index,
                                  model::Weight weight) {
  ASSIGN_OR_RETURN(const Json file, read_json_file(path, kMaxInput));
  ASSIGN_OR_RETURN(const std::string schema, file.string_at("schema"));
  if (schema != "custody.member/1") return invalid(path + " is not a member's public part");
  model::Member member;
  member.id = model::MemberId(static_cast<std::uint16_t>(index + 1));
  member.weight = weight;
  ASSIGN_OR_RETURN(member.name, text_at(file, "name"));
  ASSIGN_OR_RETURN(member.legal_entity, text_at(file, "legal_entity"));
  ASSIGN_OR_RETURN(member.parent, text_at(file, "parent"));
  ASSIGN_OR_RETURN(member.jurisdiction, text_at(file, "jurisdiction"));
  ASSIGN_OR_RETURN(member.hoster, text_at(file, "hoster"));
  ASSIGN_OR_RETURN(member.hsm_vendor, text_at(file, "hsm_vendor"));
  ASSIGN_OR_RETURN(const std::string expiry, file.string_at("kyc_expiry"));
  ASSIGN_OR_RETURN(member.kyc_expiry, parse_date(expiry));
  ASSIGN_OR_RETURN(const Json keys, file.at("keys"));
  ASSIGN_OR_RETURN(member.validator_key, key_at(keys, "validator"));
  ASSIGN_OR_RETURN(member.attest_key, key_at(keys, "attest"));
  ASSIGN_OR_RETURN(member.governance_key, key_at(keys, "governance"));
  ASSIGN_OR_RETURN(const std::string curve, file.string_at("curve"));
  ASSIGN_OR_RETURN(member.curve_key, model::CurveKey::from_hex(curve));
  ASSIGN_OR_RETURN(const auto seats, read_seats(file));
  for (const auto& [code, seat] : seats) {
    const model::Currency* currency = model::find_currency_by_code(genesis, code);
    if (currency == nullptr)
      return invalid("seat for currency " + code + ", which is not in the chains file");
    model::SeatKey placed = seat;
    placed.currency = currency->id;
    member.seats.push_back(placed);
  }
  return member;
}

Status read_chain(const Json& entry, model::Genesis& genesis) {
  const auto id = static_cast<std::uint16_t>(genesis.chains.size() + 1);
  model::ExternalChain chain;
  chain.id = model::ExternalChainId(id);
  ASSIGN_OR_RETURN(chain.name, text_at(entry, "name"));
  ASSIGN_OR_RETURN(chain.genesis_hash, rpc_hash_at(entry, "genesis_hash"));
  ASSIGN_OR_RETURN(const Json anchor, entry.at("anchor"));
  ASSIGN_OR_RETURN(const std::uint32_t anchor_height, u32_at(anchor, "height"));
  chain.anchor_height = model::ExternalHeight(anchor_height);
  ASSIGN_OR_RETURN(chain.anchor_hash, rpc_hash_at(anchor, "hash"));
  ASSIGN_OR_RETURN(chain.anchor_bits, hex32_at(anchor, "bits"));
  ASSIGN_OR_RETURN(chain.magic, hex32_at(entry, "magic"));
  ASSIGN_OR_RETURN(chain.hrp, text_at(entry, "hrp"));
  ASSIGN_OR_RETURN(const std::uint32_t p2pkh, u32_at(entry, "p2pkh"));
  ASSIGN_OR_RETURN(const std::uint32_t p2sh, u32_at(entry, "p2sh"));
  if (p2pkh > 255 || p2sh > 255) return invalid("p2pkh and p2sh are single bytes");
  chain.p2pkh_version = static_cast<std::uint8_t>(p2pkh);
  chain.p2sh_version = static_cast<std::uint8_t>(p2sh);
  ASSIGN_OR_RETURN(chain.pow_limit_bits, hex32_at(entry, "pow_limit_bits"));
  ASSIGN_OR_RETURN(chain.no_retarget, entry.bool_at("no_retarget"));
  model::Currency currency;
  currency.id = model::CurrencyId(id);
  currency.chain = chain.id;
  currency.decimals = 8;  // every Bitcoin-family chain counts in 10^-8
  currency.external_exponent = 8;
  ASSIGN_OR_RETURN(currency.code, text_at(entry, "currency"));
  genesis.chains.push_back(std::move(chain));
  genesis.currencies.push_back(std::move(currency));
  return ok_status();
}

// Every named field must be there and no other: a forgotten or misspelt limit must not become a default.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  template <typename T>
  Fields& number(std::string_view key, T& out) {
    seen_.emplace_back(key);
    if (!status_.ok()) return *this;
    const auto value = object_.u64_at(key);
    if (!value.ok()) {
      status_ = value.status().with_context(where_);
      return *this;
    }
    if constexpr (std::is_unsigned_v<T>) {
      if (*value > std::numeric_limits<T>::max()) {
        status_ = invalid(where_ + ": " + std::string(key) + " is out of range");
      }
      out = static_cast<T>(*value);
    } else {
      out = T(*value);
    }
    return *this;
  }
  Fields& ignore(std::string_view key) {
    seen_.emplace_back(key);
    return *this;
  }
  Status finish() const {
    TRY(status_);
    for (const auto& [key, value] : object_.members()) {
      if (std::ranges::find(seen_, key) == seen_.end())
        return invalid(where_ + ": unknown key \"" + key + "\"");
    }
    return ok_status();
  }

 private:
  const Json& object_;
  std::string where_;
  std::vector<std::string> seen_;
  Status status_;
};

Status read_currency_parameters(const Json& object, const model::Currency& currency,
                                model::CurrencyParameters& p) {
  p.currency = currency.id;
  return Fields(object, "parameters of " + std::string(as_text(currency.code)))
      .number("min_fee_per_byte", p.min_fee_per_byte)
      .number("deposit_depth", p.deposit_depth)
      .number("settlement_depth", p.settlement_depth)
      .number("min_deposit", p.min_deposit)
      .number("min_burn", p.min_burn)
      .number("default_fee_rate", p.default_fee_rate)
      .number("min_fee_rate", p.min_fee_rate)
      .number("max_fee_rate", p.max_fee_rate)
      .number("batch_time_ms", p.batch_time_ms)
      .number("batch_count", p.batch_count)
      .number("batch_value", p.batch_value)
      .number("max_inputs", p.max_inputs)
      .number("max_payees", p.max_payees)
      .number("payout_cooldown", p.payout_cooldown)
      .number("bucket_capacity", p.bucket_capacity)
      .number("bucket_refill_per_hour", p.bucket_refill_per_hour)
      .finish();
}

Status read_parameters(const Json& object, model::Genesis& genesis) {
  model::NetworkParameters& p = genesis.parameters;
  TRY(Fields(object, "parameters")
          .number("max_transaction_bytes", p.max_transaction_bytes)
          .number("max_block_bytes", p.max_block_bytes)
          .number("max_valid_blocks", p.max_valid_blocks)
          .number("empty_block_ms", p.empty_block_ms)
          .number("time_precision_ms", p.time_precision_ms)
          .number("round_timeout_ms", p.round_timeout_ms)
          .number("round_timeout_step_ms", p.round_timeout_step_ms)
          .number("epoch_blocks", p.epoch_blocks)
          .number("notice_epochs", p.notice_epochs)
          .number("treasury_permille", p.treasury_permille)
          .ignore("currencies")
          .finish());
  ASSIGN_OR_RETURN(const Json currencies, object.at("currencies"));
  for (const model::Currency& currency : genesis.currencies) {
    ASSIGN_OR_RETURN(const Json entry, currencies.at(as_text(currency.code)));
    TRY(read_currency_parameters(entry, currency, p.currencies.emplace_back()));
  }
  return ok_status();
}

model::ReserveWallet make_wallet(const model::Genesis& genesis, const model::Currency& currency,
                                 std::uint8_t threshold) {
  model::ReserveWallet wallet;
  wallet.currency = currency.id;
  wallet.epoch = model::WalletEpoch(1);
  wallet.threshold = threshold;
  for (const model::Member& member : genesis.members) {
    for (const model::SeatKey& seat : member.seats) {
      if (seat.currency != currency.id || seat.epoch != wallet.epoch) continue;
      wallet.seats.push_back(seat.key);
      wallet.members.push_back(member.id);
    }
  }
  return wallet;
}

Result<Json> report(const model::Genesis& genesis, ByteView bytes, const std::vector<model::Weight>& weights,
                    std::uint64_t threshold) {
  const model::Weight total = model::member_set(genesis).total();
  Json members = Json::array();
  for (const model::Member& member : genesis.members) {
    Json entry = Json::object();
    entry.set("name", as_text(member.name)).set("weight", member.weight.get());
    members.push(std::move(entry));
  }
  Json allowed = Json::array();
  for (std::uint32_t m : model::allowed_thresholds(weights)) allowed.push(std::uint64_t{m});
  Json out = Json::object();
  out.set("schema", "custody.genesis/1")
      .set("chain_id", proto::reader::chain_id_of(bytes).hex())
      .set("members", std::move(members))
      .set("total_weight", total.get())
      .set("quorum_weight", total.get() * 2 / 3 + 1)
      .set("L", std::uint64_t{model::largest_minority(weights)})
      .set("allowed_m", std::move(allowed))
      .set("m", threshold)
      .set("n", static_cast<std::uint64_t>(genesis.members.size()));
  return out;
}

}  // namespace

Result<Json> make_genesis(const GenesisOptions& options, std::uint64_t now_ms) {
  if (options.kind != "test" && options.kind != "production")
    return invalid("--kind must be test or production");
  model::Genesis genesis;
  genesis.kind = options.kind == "test" ? model::NetworkKind::kTest : model::NetworkKind::kProduction;
  genesis.address_prefix = to_bytes(options.prefix);
  genesis.time = model::LedgerMs(options.time_ms != 0 ? options.time_ms : now_ms);
  ASSIGN_OR_RETURN(const std::vector<model::Weight> weights, parse_weights(options.weights));
  if (weights.size() != options.members.size()) {
    return invalid(std::to_string(options.members.size()) + " members, but " +
                   std::to_string(weights.size()) + " weights");
  }
  ASSIGN_OR_RETURN(const Json description, read_json_file(options.chains, kMaxInput));
  ASSIGN_OR_RETURN(const Json chains, description.at("chains"));
  for (const Json& entry : chains.items()) TRY(read_chain(entry, genesis));
  ASSIGN_OR_RETURN(const Json parameters, description.at("parameters"));
  TRY(read_parameters(parameters, genesis));
  for (std::size_t i = 0; i < options.members.size(); ++i) {
    auto member = read_member(options.members[i], genesis, i, weights[i]);
    if (!member.ok()) return member.status().with_context(options.members[i]);
    genesis.members.push_back(std::move(*member));
  }
  const std::uint64_t chosen =
      options.threshold != 0 ? options.threshold : genesis.members.size() - model::largest_minority(weights);
  if (chosen > model::kMaxMembers) return invalid("--threshold is out of range");
  for (const model::Currency& currency : genesis.currencies) {
    genesis.wallets.push_back(make_wallet(genesis, currency, static_cast<std::uint8_t>(chosen)));
  }
  TRY(model::check_genesis(genesis));
  const Bytes bytes = proto::reader::encode(genesis);
  TRY(write_file_atomic(options.out, bytes, 0644));
  return report(genesis, bytes, weights, chosen);
}

}  // namespace custody::signer::cli
