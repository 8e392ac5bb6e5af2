#include "signer/cli/transfer_command.h"

#include <algorithm>
#include <set>

#include "ledger/chains/bitcoin/address.h"
#include "ledger/custody/custody.h"
#include "proto/reader/digests.h"
#include "signer/cli/key_file.h"

namespace custody::signer::cli {
namespace {

constexpr std::uint64_t kWaitMs = 30'000;
constexpr int kMaxRounds = 8;  // of fitting the fee to the size that it changes

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::size_t from = 0;
  for (std::size_t colon = text.find(':'); colon != std::string::npos; colon = text.find(':', from)) {
    out.push_back(text.substr(from, colon - from));
    from = colon + 1;
  }
  out.push_back(text.substr(from));
  return out;
}

Result<model::TransferLeg> parse_leg(const Network& network, const std::string& text) {
  const auto parts = split(text);
  if (parts.size() != 3) return invalid("\"" + text + "\" is not ADDRESS:CURRENCY:AMOUNT");
  model::TransferLeg leg;
  ASSIGN_OR_RETURN(leg.address, model::Address::parse(parts[0], network.prefix()));
  ASSIGN_OR_RETURN(const model::Currency currency, network.currency(parts[1]));
  leg.currency = currency.id;
  ASSIGN_OR_RETURN(leg.amount, parse_amount(parts[2], currency.decimals));
  return leg;
}

struct FeePayer {
  model::Address address;
  model::CurrencyId currency;
};

// Adds each share to the input it falls on.
Status add_fees(model::Transfer& transfer, const std::vector<FeePayer>& payers,
                const std::vector<model::Amount>& fees) {
  for (std::size_t i = 0; i < payers.size(); ++i) {
    const auto input = std::ranges::find_if(transfer.inputs, [&](const model::TransferLeg& leg) {
      return leg.address == payers[i].address && leg.currency == payers[i].currency;
    });
    if (input == transfer.inputs.end()) return invalid("--fee-from names something that is not an input");
    const auto sum = model::add(input->amount, fees[i]);
    if (!sum) return invalid("an input is too large");
    input->amount = *sum;
  }
  return ok_status();
}

std::size_t signer_count(const model::Transfer& transfer) {
  std::set<model::Address> addresses;
  for (const model::TransferLeg& leg : transfer.inputs) addresses.insert(leg.address);
  return addresses.size();
}

Result<model::Transfer> with_fees(const Network& network, const model::Transfer& bare,
                                  const std::vector<FeePayer>& payers) {
  std::vector<model::CurrencyId> currencies;
  for (const FeePayer& payer : payers) currencies.push_back(payer.currency);
  std::size_t size = signed_size(bare, signer_count(bare));
  for (int round = 0; round < kMaxRounds; ++round) {
    model::Transfer out = bare;
    TRY(add_fees(out, payers, fees_for(network.parameters, currencies, size)));
    const std::size_t real = signed_size(out, signer_count(out));
    if (real <= size) return out;
    size = real;
  }
  return internal_error("the fee does not settle");
}

Result<model::Transfer> simple_transfer(const Network& network, const BuildOptions& options,
                                        std::vector<FeePayer>& payers) {
  if (options.from.empty() || options.to.empty() || options.amount.empty() || options.currency.empty()) {
    return invalid("give --from, --to, --amount and --currency, or --input and --output");
  }
  ASSIGN_OR_RETURN(const model::Address from, model::Address::parse(options.from, network.prefix()));
  ASSIGN_OR_RETURN(const model::Address to, model::Address::parse(options.to, network.prefix()));
  ASSIGN_OR_RETURN(const model::Currency currency, network.currency(options.currency));
  ASSIGN_OR_RETURN(const model::Amount amount, parse_amount(options.amount, currency.decimals));
  payers.push_back({from, currency.id});
  return model::Transfer{{{from, currency.id, amount}}, {{to, currency.id, amount}}, {}};
}

Result<model::Transfer> explicit_transfer(const Network& network, const BuildOptions& options,
                                          std::vector<FeePayer>& payers) {
  model::Transfer transfer;
  for (const std::string& text : options.inputs) {
    ASSIGN_OR_RETURN(transfer.inputs.emplace_back(), parse_leg(network, text));
  }
  for (const std::string& text : options.outputs) {
    ASSIGN_OR_RETURN(transfer.outputs.emplace_back(), parse_leg(network, text));
  }
  for (const std::string& text : options.fee_from) {
    const auto parts = split(text);
    if (parts.size() != 2) return invalid("\"" + text + "\" is not ADDRESS:CURRENCY");
    ASSIGN_OR_RETURN(const model::Address address, model::Address::parse(parts[0], network.prefix()));
    ASSIGN_OR_RETURN(const model::Currency currency, network.currency(parts[1]));
    payers.push_back({address, currency.id});
  }
  return transfer;
}

Result<Json> find_gateway(Context& context, const std::string& name) {
  ASSIGN_OR_RETURN(const Json answer, call_node(context, "gateways", Json::object()));
  ASSIGN_OR_RETURN(const Json gateways, answer.at("gateways"));
  for (const Json& gateway : gateways.items()) {
    const auto found = gateway.string_at("name");
    if (found.ok() && *found == name) return gateway;
  }
  return not_found("no gateway is called \"" + name + "\"",
                   "custodyctl gateway list shows the registered ones");
}

Result<model::GatewayId> gateway_id(const Json& gateway) {
  ASSIGN_OR_RETURN(const std::uint64_t id, gateway.u64_at("id"));
  return model::GatewayId(static_cast<std::uint32_t>(id));
}

Result<Bytes> external_script(const Network& network, const model::Currency& currency,
                              const std::string& address) {
  const model::ExternalChain* chain = model::find_chain(network.genesis, currency.chain);
  CHECK(chain != nullptr);
  return ledger::chains::bitcoin::parse_address(address, ledger::custody::network_of(*chain));
}

// A transaction that one account pays for: fits the ledger fee, signs, sends.
template <typename Body>
Result<Json> sign_and_submit(Context& context, const Network& network, Body body, model::CurrencyId currency,
                             const std::string& key_path, const std::string& password_path, bool wait) {
  ASSIGN_OR_RETURN(const SecretBytes password, read_password(password_path));
  ASSIGN_OR_RETURN(const crypto::SoftwareKey key, open_key_file(key_path, password));
  body.ledger_fee =
      model::Amount(UINT32_MAX);  // a wide figure, so that the measured size is enough for the real fee
  body.ledger_fee = fees_for(network.parameters, {currency}, signed_size(body, 1)).front();
  SystemEntropy entropy;
  ASSIGN_OR_RETURN(Partial partial, make_partial(network, body, entropy));
  TRY(add_signature(partial, key));
  return submit(context, network.chain_id, partial.envelope, partial.transaction.body, wait);
}

Json leg_json(const Network& network, const model::TransferLeg& leg) {
  const model::Currency* currency = model::find_currency(network.genesis, leg.currency);
  Json out = Json::object();
  out.set("address", leg.address.text(network.prefix()))
      .set("currency",
           currency == nullptr ? "unknown " + std::to_string(leg.currency.get()) : as_text(currency->code))
      .set("amount", std::to_string(leg.amount.get()))
      .set("units", currency == nullptr ? "-" : format_amount(leg.amount, currency->decimals));
  return out;
}

Json legs_json(const Network& network, const std::vector<model::TransferLeg>& legs) {
  Json out = Json::array();
  for (const model::TransferLeg& leg : legs) out.push(leg_json(network, leg));
  return out;
}

}  // namespace

Result<Json> submit(Context& context, const model::ChainId& chain, const model::Envelope& envelope,
                    const model::TransactionBody& body, bool wait) {
  Json params = Json::object();
  params.set("envelope", to_hex(proto::reader::encode(envelope)))
      .set("wait_ms", wait ? kWaitMs : std::uint64_t{0});
  ASSIGN_OR_RETURN(const Json answer, call_node(context, "submit", std::move(params)));
  Json out = Json::object();
  out.set("schema", "custody.transfer/1")
      .set("tx", proto::reader::transaction_id(chain, envelope.payload, body).hex());
  const Json* height = answer.find("height");
  out.set("height", height == nullptr ? Json() : *height);
  return out;
}

Result<Json> transfer_build(Context& context, const BuildOptions& options) {
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  std::vector<FeePayer> payers;
  ASSIGN_OR_RETURN(model::Transfer transfer, options.inputs.empty()
                                                 ? simple_transfer(network, options, payers)
                                                 : explicit_transfer(network, options, payers));
  ASSIGN_OR_RETURN(transfer.memo, from_hex(options.memo));
  if (transfer.memo.size() > model::kMaxMemo) return invalid("a memo has at most 64 bytes");
  if (!payers.empty()) {
    ASSIGN_OR_RETURN(transfer, with_fees(network, transfer, payers));
  }
  SystemEntropy entropy;
  ASSIGN_OR_RETURN(const Partial partial, make_partial(network, std::move(transfer), entropy));
  TRY(write_partial(options.out, partial));
  Json out = Json::object();
  out.set("schema", "custody.built/1").set("tx", transaction_of(partial).hex()).set("file", options.out);
  return out;
}

Result<Json> transfer_sign(const SignOptions& options) {
  ASSIGN_OR_RETURN(Partial partial, read_partial(options.in));
  const std::string id = transaction_of(partial).hex();
  if (!options.tx.empty() && options.tx != id) {
    return refused(options.in + " holds transaction " + id + ", not " + options.tx + "; nothing was signed",
                   "look at it again: custodyctl transfer show " + options.in);
  }
  ASSIGN_OR_RETURN(const SecretBytes secret, read_password(options.password));
  ASSIGN_OR_RETURN(const crypto::SoftwareKey opened, open_key_file(options.key, secret));
  TRY(add_signature(partial, opened));
  TRY(write_partial(options.out, partial));
  Json answer = Json::object();
  answer.set("schema", "custody.signed/1")
      .set("tx", id)
      .set("file", options.out)
      .set("signatures", static_cast<std::uint64_t>(partial.envelope.signatures.size()));
  return answer;
}

Result<Json> transfer_combine(const std::string& a, const std::string& b, const std::string& out) {
  ASSIGN_OR_RETURN(const Partial first, read_partial(a));
  ASSIGN_OR_RETURN(const Partial second, read_partial(b));
  ASSIGN_OR_RETURN(const Partial both, combine(first, second));
  TRY(write_partial(out, both));
  Json answer = Json::object();
  answer.set("schema", "custody.signed/1")
      .set("file", out)
      .set("signatures", static_cast<std::uint64_t>(both.envelope.signatures.size()));
  return answer;
}

Result<Json> transfer_send(Context& context, const std::string& in, bool wait) {
  ASSIGN_OR_RETURN(const Partial partial, read_partial(in));
  return submit(context, partial.chain_id, partial.envelope, partial.transaction.body, wait);
}

Result<Json> transfer_show(Context& context, const std::string& in) {
  ASSIGN_OR_RETURN(const Partial partial, read_partial(in));
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  if (partial.chain_id != network.chain_id) {
    return refused(in + " is for another network, " + partial.chain_id.hex(),
                   "ask a node of that network: its currencies and addresses are not this one's");
  }
  const auto& transfer = std::get<model::Transfer>(partial.transaction.body);  // read_partial takes no others
  std::set<std::string> must;
  for (const model::TransferLeg& leg : transfer.inputs) must.insert(leg.address.text(network.prefix()));
  Json missing = Json::array();
  Json have = Json::array();
  std::set<std::string> signed_by;
  for (const model::KeySignature& one : partial.envelope.signatures) {
    signed_by.insert(model::Address::of_key(one.key).text(network.prefix()));
  }
  for (const std::string& address : must) (signed_by.contains(address) ? have : missing).push(address);
  Json out = Json::object();
  out.set("schema", "custody.shown/1")
      .set("tx", transaction_of(partial).hex())
      .set("valid_until", partial.transaction.valid_until.get())
      .set("inputs", legs_json(network, transfer.inputs))
      .set("outputs", legs_json(network, transfer.outputs))
      .set("memo", to_hex(transfer.memo))
      .set("signed_by", std::move(have))
      .set("still_to_sign", std::move(missing));
  return out;
}

Result<Json> burn(Context& context, const BurnOptions& options) {
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  ASSIGN_OR_RETURN(const model::Currency currency, network.currency(options.currency));
  ASSIGN_OR_RETURN(const Json gateway, find_gateway(context, options.gateway));
  model::Burn body;
  ASSIGN_OR_RETURN(body.gateway, gateway_id(gateway));
  body.currency = currency.id;
  ASSIGN_OR_RETURN(body.amount, parse_amount(options.amount, currency.decimals));
  ASSIGN_OR_RETURN(body.fee_cap, parse_amount(options.fee_cap, currency.decimals));
  ASSIGN_OR_RETURN(body.payout_script, external_script(network, currency, options.to));
  ASSIGN_OR_RETURN(Json out, sign_and_submit(context, network, body, currency.id, options.key,
                                             options.password, options.wait));
  out.set("schema", "custody.burn/1");
  return out;
}

Result<Json> register_payout_address(Context& context, const PayoutAddressOptions& options) {
  ASSIGN_OR_RETURN(const Network network, fetch_network(context));
  ASSIGN_OR_RETURN(const model::Currency currency, network.currency(options.currency));
  ASSIGN_OR_RETURN(const Json gateway, find_gateway(context, options.gateway));
  model::PayoutAddress body;
  ASSIGN_OR_RETURN(body.gateway, gateway_id(gateway));
  body.currency = currency.id;
  ASSIGN_OR_RETURN(body.script, external_script(network, currency, options.address));
  ASSIGN_OR_RETURN(Json out, sign_and_submit(context, network, body, currency.id, options.key,
                                             options.password, options.wait));
  out.set("schema", "custody.payout_address/1");
  return out;
}

}  // namespace custody::signer::cli
