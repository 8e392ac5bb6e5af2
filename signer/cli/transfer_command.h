// custodyctl transfer, burn, gateway payout-address: building, signing, combining and sending. Thread-safety:
// one thread.
#pragma once

#include "signer/cli/partial.h"

namespace custody::signer::cli {

struct BuildOptions {
  std::vector<std::string> inputs;  // ADDRESS:CODE:AMOUNT
  std::vector<std::string> outputs;
  std::vector<std::string> fee_from;  // ADDRESS:CODE, an input that also pays the ledger fee
  std::string from, to, amount, currency;
  std::string memo;  // hex
  std::string out;
};
Result<Json> transfer_build(Context& context, const BuildOptions& options);
struct SignOptions {
  std::string in, key, password, out;
  std::string tx;  // the id that transfer show gave: another transaction is not signed; empty: any
};
Result<Json> transfer_sign(const SignOptions& options);
Result<Json> transfer_combine(const std::string& a, const std::string& b, const std::string& out);
Result<Json> transfer_send(Context& context, const std::string& in, bool wait);
Result<Json> transfer_show(Context& context, const std::string& in);

struct BurnOptions {
  std::string gateway, currency, amount, fee_cap, to, key, password;
  bool wait = false;
};
Result<Json> burn(Context& context, const BurnOptions& options);

struct PayoutAddressOptions {
  std::string gateway, currency, address, key, password;
  bool wait = false;
};
Result<Json> register_payout_address(Context& context, const PayoutAddressOptions& options);

// Submits an envelope; with wait also until it stands in a block. {"tx", "height"}.
Result<Json> submit(Context& context, const model::ChainId& chain, const model::Envelope& envelope,
                    const model::TransactionBody& body, bool wait);

}  // namespace custody::signer::cli
