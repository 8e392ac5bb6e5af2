// What every command of custodyctl shares: where the member is, how to talk to its node, how to read amounts
// and files. Thread-safety: one thread.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/secret.h"
#include "ledger/model/genesis.h"
#include "ledger/model/transaction.h"

namespace custody::signer::cli {

namespace model = ledger::model;

struct Context {
  std::string member_directory;  // empty: not given
  bool json = false;
  bool answered_by_node = false;  // the error, if any, is the node's refusal rather than a usage error
  bool refused = false;           // there is an answer, and it says no: exit 1

  Result<std::string> member_path(std::string_view relative) const;
};

// {"code", "message", "hint"} of the node or of a child process.
Status error_status(const Json& error);

// One request to the member's node. kUnavailable when it does not answer.
Result<Json> call_node(Context& context, std::string_view method, Json params);

// What the node says about its network.
struct Network {
  model::Genesis genesis;
  model::ChainId chain_id;
  model::NetworkParameters parameters;
  model::Height height;

  std::string prefix() const { return std::string(as_text(genesis.address_prefix)); }
  Result<model::Currency> currency(std::string_view code) const;
};
Result<Network> fetch_network(Context& context);

// "1.5" of a currency with 8 decimals is 150000000. kInvalid: empty, signs, exponents, too many decimals,
// overflow.
Result<model::Amount> parse_amount(std::string_view text, unsigned decimals);
std::string format_amount(model::Amount amount, unsigned decimals);

// "2031-05-01" as Unix milliseconds of that day's start, UTC.
Result<model::LedgerMs> parse_date(std::string_view text);

Result<Json> read_json_file(const std::string& path, std::size_t max_size);
// Does not wait for the writer of a FIFO.
Result<Fd> open_secret_file(const std::string& path);
Result<SecretBytes> read_password(const std::string& path);

}  // namespace custody::signer::cli
