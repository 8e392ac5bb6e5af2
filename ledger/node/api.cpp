#include "ledger/node/api.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>

#include "base/base64.h"
#include "ledger/chains/bitcoin/address.h"
#include "ledger/custody/custody.h"
#include "proto/reader/digests.h"

namespace custody::ledger::node {
namespace {

constexpr std::size_t kMaxRecord = 1u << 16;

std::string amount(model::Amount value) {
  return std::to_string(value.get());
}

// In the order of TransactionBody's alternatives.
constexpr const char* kKinds[] = {
    "transfer",       "burn",       "payout_address", "external_head", "mint_approval",
    "slot_signature", "settlement", "proposal",       "ballot",        "policy_attestation"};

std::string date_text(model::LedgerMs ms) {
  const std::chrono::sys_days day(std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(ms.get()))));
  const std::chrono::year_month_day date(day);
  char text[16];
  static_cast<void>(std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())));
  return text;
}

Bytes table_prefix(model::Table table) {
  return {static_cast<std::uint8_t>(table)};
}

Bytes currency_prefix(model::Table table, model::CurrencyId currency) {
  return {static_cast<std::uint8_t>(table), static_cast<std::uint8_t>(currency.get() >> 8),
          static_cast<std::uint8_t>(currency.get())};
}

const char* proposal_status(model::ProposalStatus status) {
  switch (status) {
    case model::ProposalStatus::kOpen:
      return "open";
    case model::ProposalStatus::kPassed:
      return "passed";
    case model::ProposalStatus::kDone:
      return "done";
    case model::ProposalStatus::kRejected:
      return "rejected";
  }
  return "unknown";
}

const char* burn_status(model::BurnStatus status) {
  switch (status) {
    case model::BurnStatus::kQueued:
      return "queued";
    case model::BurnStatus::kInSlot:
      return "in_slot";
    case model::BurnStatus::kSettled:
      return "settled";
  }
  return "unknown";
}

template <typename T>
T decoded(ByteView value) {
  auto record = proto::reader::decode<T>(value, kMaxRecord);
  CHECK(record.ok());  // our own state
  return std::move(*record);
}

// The outpoint in a mint record's key: table, currency u16, txid, vout u32.
model::OutPoint outpoint_of(ByteView key) {
  CHECK(key.size() == 39);
  model::OutPoint out;
  out.txid = *model::ExternalHash::from(key.subspan(3, 32));
  for (std::uint8_t byte : key.subspan(35)) out.vout = out.vout << 8 | byte;
  return out;
}

std::string outpoint_text(const model::OutPoint& outpoint) {
  return to_hex_reversed(outpoint.txid) + ":" + std::to_string(outpoint.vout);
}

// A parameter that is not there is a mistake of the caller, never something to wait for as kNotFound would
// say.
Status require(const Json& params, std::string_view key) {
  if (params.find(key) != nullptr) return ok_status();
  return invalid("parameter \"" + std::string(key) + "\" is missing");
}

Result<std::string> text_at(const Json& params, std::string_view key) {
  TRY(require(params, key));
  return params.string_at(key);
}

Result<std::uint64_t> number_at(const Json& params, std::string_view key) {
  TRY(require(params, key));
  return params.u64_at(key);
}

Json describe_answer(const SignerSaid& said) {
  if (const auto* waits = std::get_if<SignerWaits>(&said)) {
    return Json::object().set("state", "waits for officers").set("request", waits->request.hex());
  }
  const auto& refused = std::get<SignerRefused>(said);
  return Json::object().set("state", "refused").set("rule", refused.rule).set("message", refused.message);
}

}  // namespace

Api::Api(model::Genesis genesis, const Bytes& genesis_bytes, model::MemberId own, Backend& backend)
    : genesis_(std::move(genesis)),
      genesis_bytes_(genesis_bytes),
      chain_id_(proto::reader::chain_id_of(genesis_bytes)),
      own_(own),
      backend_(backend) {}

template <typename T>
std::optional<T> Api::record(ByteView key) const {
  const std::optional<Bytes> raw = backend_.ledger().get(key);
  return raw ? std::optional<T>(decoded<T>(*raw)) : std::nullopt;
}

Result<Json> Api::handle(const std::string& method, const Json& params) {
  static const std::map<std::string, Handler> handlers = {
      {"status", &Api::status},           {"genesis", &Api::genesis},
      {"account", &Api::account},         {"submit", &Api::submit},
      {"transaction", &Api::transaction}, {"block", &Api::block},
      {"gateways", &Api::gateways},       {"deposits", &Api::deposits},
      {"withdrawals", &Api::withdrawals}, {"slot", &Api::slot},
      {"reserves", &Api::reserves},       {"deposit_address", &Api::deposit_address},
      {"members", &Api::members}};
  const auto found = handlers.find(method);
  if (found == handlers.end()) return invalid("no such method: " + method.substr(0, 64));
  if (params.find("wait_ms") != nullptr) TRY(params.u64_at("wait_ms").status());
  return (this->*found->second)(params);
}

std::string Api::name_of(model::MemberId member) const {
  if (member.get() == 0 || member.get() > genesis_.members.size())
    return "member " + std::to_string(member.get());
  return std::string(as_text(genesis_.members[member.get() - 1u].name));
}

Json Api::names(const std::vector<model::MemberId>& members) const {
  Json out = Json::array();
  for (model::MemberId member : members) out.push(name_of(member));
  return out;
}

Result<model::Currency> Api::currency_at(const Json& params) const {
  ASSIGN_OR_RETURN(const std::string code, text_at(params, "currency"));
  if (const model::Currency* found = model::find_currency_by_code(genesis_, code)) return *found;
  std::string known;
  for (const model::Currency& one : genesis_.currencies) known += " " + std::string(as_text(one.code));
  return invalid("currency \"" + code.substr(0, 16) + "\" is not on this ledger", "known:" + known);
}

Result<std::vector<model::Currency>> Api::currencies_of(const Json& params) const {
  if (params.find("currency") == nullptr) return genesis_.currencies;
  ASSIGN_OR_RETURN(model::Currency one, currency_at(params));
  return std::vector<model::Currency>{std::move(one)};
}

std::string Api::external_address(const model::Currency& currency, ByteView script) const {
  const model::ExternalChain* chain = model::find_chain(genesis_, currency.chain);
  CHECK(chain != nullptr);
  const auto text = chains::bitcoin::format_address(script, custody::network_of(*chain));
  return text.ok() ? *text : "script " + to_hex(script);
}

Result<Json> Api::status(const Json&) {
  Json out = Json::object();
  out.set("schema", "custody.status/1").set("chain_id", chain_id_.hex()).set("member", name_of(own_));
  const model::Height height = backend_.ledger().height();
  out.set("height", height.get());
  ASSIGN_OR_RETURN(const auto last, backend_.block(height));
  out.set("block_hash", last ? Json(proto::reader::block_hash(last->block.header).hex()) : Json());
  out.set("state_root", last ? Json(last->block.header.state_root.hex()) : Json());
  out.set("time_ms", last ? last->block.header.time.get() : genesis_.time.get());
  const Json more = backend_.status();
  for (const auto& [key, value] : more.members()) out.set(key, value);
  return out;
}

Result<Json> Api::genesis(const Json&) {
  const auto parameters = record<model::NetworkParameters>(model::parameters_key());
  CHECK(parameters.has_value());
  Json out = Json::object();
  out.set("schema", "custody.network/1")
      .set("chain_id", chain_id_.hex())
      .set("genesis", to_hex(genesis_bytes_))
      .set("parameters", to_hex(proto::reader::encode(*parameters)))
      .set("height", backend_.ledger().height().get());
  return out;
}

Result<model::Address> Api::parse_account(const std::string& text) const {
  if (text == "treasury") return model::Address::treasury();
  if (text == "fee_pool") return model::Address::fee_pool();
  for (const model::Member& member : genesis_.members) {
    if (as_text(member.name) == text) return model::Address::of_key(member.governance_key);
  }
  auto parsed = model::Address::parse(text, as_text(genesis_.address_prefix));
  if (parsed.ok()) return parsed;
  return invalid(parsed.status().message(), "give a ledger address, treasury, fee_pool or a member's name");
}

Result<Json> Api::account(const Json& params) {
  ASSIGN_OR_RETURN(const std::string text, text_at(params, "address"));
  ASSIGN_OR_RETURN(const model::Address address, parse_account(text));
  Json balances = Json::object();
  for (const model::Currency& currency : genesis_.currencies) {
    const auto balance = record<model::Balance>(model::balance_key(address, currency.id));
    balances.set(std::string(as_text(currency.code)), amount(balance ? balance->amount : model::Amount(0)));
  }
  Json out = Json::object();
  out.set("schema", "custody.account/1")
      .set("address", address.text(as_text(genesis_.address_prefix)))
      .set("height", backend_.ledger().height().get())
      .set("balances", std::move(balances));
  return out;
}

Result<Json> Api::where_is(const model::TxId& id) const {
  ASSIGN_OR_RETURN(const auto place, backend_.find(id));
  if (!place) {
    if (backend_.pending(id)) return not_found("transaction " + id.hex() + " waits for a block");
    return not_found("transaction " + id.hex() + " is not known here",
                     "it may have expired or become invalid; build it again");
  }
  Json out = Json::object();
  out.set("schema", "custody.tx/1")
      .set("tx", id.hex())
      .set("height", place->height.get())
      .set("index", std::uint64_t{place->index});
  ASSIGN_OR_RETURN(const auto block, backend_.block(place->height));
  CHECK(block.has_value() && place->index < block->block.transactions.size());
  ASSIGN_OR_RETURN(const auto decoded_tx,
                   proto::reader::decode_transaction(chain_id_, block->block.transactions[place->index],
                                                     model::kMaxBlockBytes));
  out.set("kind", kKinds[decoded_tx.transaction.body.index()]);
  const auto* transfer = std::get_if<model::Transfer>(&decoded_tx.transaction.body);
  if (transfer != nullptr) out.set("memo", to_hex(transfer->memo));
  // Whoever votes on it proves by these bytes what it is.
  if (std::holds_alternative<model::Proposal>(decoded_tx.transaction.body)) {
    out.set("payload", to_hex(decoded_tx.envelope.payload));
  }
  return out;
}

Result<Json> Api::submit(const Json& params) {
  ASSIGN_OR_RETURN(const std::string hex, text_at(params, "envelope"));
  ASSIGN_OR_RETURN(const Bytes envelope, from_hex(hex));
  ASSIGN_OR_RETURN(const auto decoded_tx,
                   proto::reader::decode_transaction(chain_id_, envelope, model::kMaxBlockBytes));
  ASSIGN_OR_RETURN(const auto place, backend_.find(decoded_tx.id));
  // Asked again while it waits: what was admitted stays admitted.
  if (!place && !backend_.pending(decoded_tx.id)) TRY(backend_.submit(envelope));
  const Json* wait_ms = params.find("wait_ms");  // a number: handle() has looked
  if (wait_ms != nullptr && wait_ms->as_u64().value() > 0) return where_is(decoded_tx.id);
  Json out = Json::object();
  out.set("schema", "custody.tx/1")
      .set("tx", decoded_tx.id.hex())
      .set("height", place ? Json(place->height.get()) : Json());
  return out;
}

Result<Json> Api::transaction(const Json& params) {
  ASSIGN_OR_RETURN(const std::string hex, text_at(params, "id"));
  ASSIGN_OR_RETURN(const model::TxId id, model::TxId::from_hex(hex));
  return where_is(id);
}

Result<Json> Api::block(const Json& params) {
  ASSIGN_OR_RETURN(const std::string text, text_at(params, "height"));
  std::uint64_t height = backend_.ledger().height().get();
  if (text != "latest") {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), height);
    if (error != std::errc() || end != text.data() + text.size())
      return invalid("height must be a number or latest", "custodyctl status shows the height of this node");
  }
  ASSIGN_OR_RETURN(const auto found, backend_.block(model::Height(height)));
  if (!found)
    return not_found("block " + std::to_string(height) + " is not here yet",
                     "custodyctl status shows the height of this node");
  Json transactions = Json::array();
  for (const Bytes& envelope : found->block.transactions) {
    ASSIGN_OR_RETURN(const auto one,
                     proto::reader::decode_transaction(chain_id_, envelope, model::kMaxBlockBytes));
    transactions.push(one.id.hex());
  }
  std::vector<model::MemberId> signers;
  for (const auto& signature : found->commit.signatures) signers.push_back(signature.member);
  Json commit = Json::object();
  commit.set("round", std::uint64_t{found->commit.round.get()}).set("signed_by", names(signers));
  const model::BlockHeader& header = found->block.header;
  Json out = Json::object();
  out.set("schema", "custody.block/1")
      .set("height", header.height.get())
      .set("hash", proto::reader::block_hash(header).hex())
      .set("time_ms", header.time.get())
      .set("proposer", name_of(header.proposer))
      .set("state_root", header.state_root.hex())
      .set("transactions", std::move(transactions))
      .set("commit", std::move(commit));
  // Whose precommits for the block before are in this one.
  if (found->block.last_commit) {
    std::vector<model::MemberId> before;
    for (const auto& signature : found->block.last_commit->signatures) before.push_back(signature.member);
    out.set("last_commit_signed_by", names(before));
  }
  return out;
}

Result<Json> Api::gateways(const Json&) {
  Json registered = Json::array();
  Json proposals = Json::array();
  backend_.ledger().scan(table_prefix(model::Table::kGateway), [&](ByteView, ByteView value) {
    const auto gateway = decoded<model::GatewayRecord>(value);
    Json entry = Json::object();
    entry.set("id", std::uint64_t{gateway.id.get()})
        .set("name", as_text(gateway.name))
        .set("account", gateway.account.text(as_text(genesis_.address_prefix)))
        .set("kyc_expiry", date_text(gateway.kyc_expiry));
    registered.push(std::move(entry));
    return true;
  });
  backend_.ledger().scan(table_prefix(model::Table::kProposal), [&](ByteView key, ByteView value) {
    const auto proposal = decoded<model::ProposalRecord>(value);
    const auto& gateway = std::get<model::RegisterGateway>(proposal.proposal.action);
    Json entry = Json::object();
    entry.set("proposal", to_hex(key.subspan(1)))
        .set("name", as_text(gateway.name))
        .set("account", gateway.account.text(as_text(genesis_.address_prefix)))
        .set("kyc_expiry", date_text(gateway.kyc_expiry))
        .set("status", proposal_status(proposal.status))
        .set("effective", proposal.effective.get() == 0 ? Json() : Json(proposal.effective.get()))
        .set("approvals", names(proposal.approvals));
    proposals.push(std::move(entry));
    return true;
  });
  Json out = Json::object();
  out.set("schema", "custody.gateways/1")
      .set("gateways", std::move(registered))
      .set("proposals", std::move(proposals));
  return out;
}

// What each member attested last of its policy; null: nothing yet.
Result<Json> Api::members(const Json&) {
  const auto set = record<model::MemberSet>(model::member_set_key());
  CHECK(set.has_value());
  Json list = Json::array();
  for (const model::SetMember& member : set->members) {
    Json policy;
    if (const auto last = record<model::PolicyAttestationRecord>(model::policy_attestation_key(member.id))) {
      policy = Json::object()
                   .set("version", last->version)
                   .set("salted_hash", last->salted_hash.hex())
                   .set("height", last->height.get());
    }
    Json entry = Json::object();
    entry.set("member", std::uint64_t{member.id.get()})
        .set("name", name_of(member.id))
        .set("weight", member.weight.get())
        .set("policy", std::move(policy));
    list.push(std::move(entry));
  }
  Json out = Json::object();
  out.set("schema", "custody.members/1")
      .set("height", backend_.ledger().height().get())
      .set("members", std::move(list));
  return out;
}

Result<Json> Api::deposits(const Json& params) {
  ASSIGN_OR_RETURN(const auto currencies, currencies_of(params));
  Json list = Json::array();
  for (const model::Currency& currency : currencies) {
    backend_.ledger().scan(currency_prefix(model::Table::kMint, currency.id),
                           [&](ByteView key, ByteView value) {
                             const auto mint = decoded<model::MintRecord>(value);
                             Json entry = Json::object();
                             entry.set("currency", as_text(currency.code))
                                 .set("outpoint", outpoint_text(outpoint_of(key)))
                                 .set("amount", amount(mint.amount))
                                 .set("gateway", std::uint64_t{mint.gateway.get()})
                                 .set("approved_by", names(mint.approvals))
                                 .set("minted_height", mint.minted ? Json(mint.minted->get()) : Json())
                                 .set("mint", mint.transaction ? Json(mint.transaction->hex()) : Json());
                             list.push(std::move(entry));
                             return true;
                           });
  }
  Json out = Json::object();
  out.set("schema", "custody.deposits/1").set("deposits", std::move(list));
  return out;
}

Result<Json> Api::describe_burn(const model::Currency& currency, const model::BurnRecord& burn) const {
  Json out = Json::object();
  out.set("burn", burn.transaction.hex())
      .set("currency", as_text(currency.code))
      .set("gateway", std::uint64_t{burn.gateway.get()})
      .set("amount", amount(burn.amount))
      .set("fee_cap", amount(burn.fee_cap))
      .set("address", external_address(currency, burn.payout_script))
      .set("status", burn_status(burn.status));
  if (burn.slot.get() == 0) {
    out.set("slot", Json())
        .set("fee", Json())
        .set("anchor", Json())
        .set("txid", Json())
        .set("signed_by", Json::array())
        .set("own_signer", Json());
    return out;
  }
  const auto slot = record<model::SlotRecord>(model::slot_key(currency.id, burn.slot));
  CHECK(slot.has_value());
  const auto wallet = record<model::ReserveWallet>(model::wallet_key(currency.id, slot->epoch));
  CHECK(wallet.has_value());
  ASSIGN_OR_RETURN(const auto transaction, custody::payout_transaction(chain_id_, *slot, *wallet));
  const auto assembled = assemble_slot(chain_id_, backend_.ledger(), *slot);
  const auto payee = std::ranges::find(slot->payees, burn.transaction, &model::PlanPayee::transaction);
  CHECK(payee != slot->payees.end());
  const auto place = static_cast<std::size_t>(payee - slot->payees.begin());
  out.set("slot", slot->id.get())
      .set("fee", amount(custody::fee_share(*slot, place)))
      .set("anchor", outpoint_text(slot->inputs.front().outpoint))
      .set("txid", to_hex_reversed(transaction.txid()))
      .set("signed_by", assembled.ok() ? names(assembled->signed_by) : Json::array());
  const auto said = backend_.said_of(currency.id, slot->id);
  out.set("own_signer", said ? describe_answer(*said) : Json());
  return out;
}

Result<Json> Api::withdrawals(const Json& params) {
  ASSIGN_OR_RETURN(const auto currencies, currencies_of(params));
  std::string wanted;
  if (params.find("burn") != nullptr) {
    ASSIGN_OR_RETURN(wanted, text_at(params, "burn"));
  }
  Json list = Json::array();
  Status status;
  for (const model::Currency& currency : currencies) {
    backend_.ledger().scan(currency_prefix(model::Table::kBurn, currency.id), [&](ByteView, ByteView value) {
      const auto burn = decoded<model::BurnRecord>(value);
      if (!wanted.empty() && burn.transaction.hex() != wanted) return true;
      auto entry = describe_burn(currency, burn);
      if (!entry.ok()) {
        status = entry.status();
        return false;
      }
      list.push(std::move(*entry));
      return true;
    });
    TRY(status);
  }
  if (!wanted.empty() && list.items().empty())
    return not_found("no redemption has the burn " + wanted.substr(0, 64),
                     "custodyctl withdrawals shows all of them");
  Json out = Json::object();
  out.set("schema", "custody.withdrawals/1").set("withdrawals", std::move(list));
  return out;
}

Result<Json> Api::slot(const Json& params) {
  ASSIGN_OR_RETURN(const model::Currency currency, currency_at(params));
  ASSIGN_OR_RETURN(const std::uint64_t id, number_at(params, "slot"));
  bool raw_wanted = false;
  if (params.find("raw") != nullptr) {
    ASSIGN_OR_RETURN(raw_wanted, params.bool_at("raw"));
  }
  const auto found = record<model::SlotRecord>(model::slot_key(currency.id, model::SlotId(id)));
  if (!found)
    return not_found("slot " + std::to_string(id) + " is not open and never was",
                     "custodyctl withdrawals shows the slot of each redemption");
  const auto wallet = record<model::ReserveWallet>(model::wallet_key(currency.id, found->epoch));
  CHECK(wallet.has_value());
  ASSIGN_OR_RETURN(const auto transaction, custody::payout_transaction(chain_id_, *found, *wallet));
  ASSIGN_OR_RETURN(const Bytes psbt, slot_psbt(chain_id_, backend_.ledger(), *found));
  const auto assembled = assemble_slot(chain_id_, backend_.ledger(), *found);
  Json out = Json::object();
  out.set("schema", "custody.psbt/1")
      .set("currency", as_text(currency.code))
      .set("slot", id)
      .set("status", found->status == model::SlotStatus::kOpen ? "open" : "settled")
      .set("psbt", to_base64(psbt))
      .set("txid", to_hex_reversed(transaction.txid()))
      .set("m", std::uint64_t{wallet->threshold})
      .set("signatures", assembled.ok() ? std::uint64_t{wallet->threshold} : std::uint64_t{0})
      .set("signed_by", assembled.ok() ? names(assembled->signed_by) : Json::array());
  if (raw_wanted) {
    if (!assembled.ok()) return assembled.status();
    out.set("raw", to_hex(assembled->raw));
  }
  return out;
}

Result<Json> Api::reserves(const Json&) {
  Json currencies = Json::object();
  for (const model::Currency& currency : genesis_.currencies) {
    const auto totals = record<model::CurrencyTotals>(model::totals_key(currency.id));
    CHECK(totals.has_value());
    const unsigned __int128 owed =
        static_cast<unsigned __int128>(totals->supply.get()) + totals->pending.get() + totals->surplus.get();
    Json entry = Json::object();
    entry.set("decimals", std::uint64_t{currency.decimals})
        .set("supply", amount(totals->supply))
        .set("pending", amount(totals->pending))
        .set("surplus", amount(totals->surplus))
        .set("recorded_reserve", amount(totals->recorded_reserve))
        .set("equation_holds", owed == totals->recorded_reserve.get());
    currencies.set(std::string(as_text(currency.code)), std::move(entry));
  }
  Json out = Json::object();
  out.set("schema", "custody.reserves/1")
      .set("height", backend_.ledger().height().get())
      .set("currencies", std::move(currencies));
  return out;
}

Result<Json> Api::deposit_address(const Json& params) {
  ASSIGN_OR_RETURN(const model::Currency currency, currency_at(params));
  ASSIGN_OR_RETURN(const std::string name, text_at(params, "gateway"));
  std::optional<model::GatewayRecord> gateway;
  backend_.ledger().scan(table_prefix(model::Table::kGateway), [&](ByteView, ByteView value) {
    auto one = decoded<model::GatewayRecord>(value);
    if (as_text(one.name) != name) return true;
    gateway = std::move(one);
    return false;
  });
  if (!gateway) {
    return not_found("no gateway is called \"" + name.substr(0, 32) + "\"",
                     "custodyctl gateway list shows the registered ones");
  }
  const auto wallet = record<model::ReserveWallet>(model::wallet_key(currency.id, model::WalletEpoch(1)));
  CHECK(wallet.has_value());
  ASSIGN_OR_RETURN(const Bytes script, custody::witness_script(chain_id_, *wallet, gateway->id));
  ASSIGN_OR_RETURN(const Bytes output, custody::script_pubkey(chain_id_, *wallet, gateway->id));
  Json out = Json::object();
  out.set("schema", "custody.deposit_address/1")
      .set("gateway", name)
      .set("currency", as_text(currency.code))
      .set("address", external_address(currency, output))
      .set("witness_script", to_hex(script));
  return out;
}

}  // namespace custody::ledger::node
