// The JSON-RPC of a Bitcoin Core node over a FakeChain: what followers are tested with. Header only. Not
// thread-safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "ledger/chains/bitcoin/serialize.h"
#include "tests/support/fake_chain.h"

namespace custody::tests {

struct FakeBitcoinRpc {
  FakeChain chain;
  std::vector<Hash256> mempool;
  Json fee = Json::object();  // result of estimatesmartfee
  bool keeps_transactions = true;
  std::vector<std::string> methods;  // called so far

  static Json error(std::int64_t code, std::string message) {
    Json out = Json::object();
    Json detail = Json::object();
    detail.set("code", code).set("message", std::move(message));
    return out.set("result", Json()).set("error", std::move(detail));
  }
  static Json ok(Json value) {
    Json out = Json::object();
    return out.set("result", std::move(value)).set("error", Json());
  }

  // {"result", "error"} without id.
  Json answer(const std::string& method, const Json& params) {
    methods.push_back(method);
    const auto text = [&] { return params.items().at(0).as_string().value(); };
    if (method == "getblockcount") return ok(static_cast<std::uint64_t>(chain.height()));
    if (method == "getblockhash") {
      const std::uint64_t height = params.items().at(0).as_u64().value();
      if (height > chain.height()) return error(-8, "Block height out of range");
      return ok(name(static_cast<std::uint32_t>(height)));
    }
    if (method == "getblockheader" || method == "getblock") {
      for (std::uint32_t height = 0; height <= chain.height(); ++height) {
        if (name(height) != text()) continue;
        return ok(to_hex(method == "getblock" ? chain.raw_block(height) : chain.header(height).serialize()));
      }
      return error(-5, "Block not found");
    }
    if (method == "estimatesmartfee") return ok(fee);
    if (method == "getrawmempool") {
      Json ids = Json::array();
      for (const Hash256& id : mempool) ids.push(ledger::chains::bitcoin::to_rpc_hex(id));
      return ok(ids);
    }
    if (method == "sendrawtransaction") {
      const auto parsed = ledger::chains::bitcoin::parse_transaction(from_hex(text()).value());
      if (!parsed.ok()) return error(-22, "TX decode failed");
      if (keeps_transactions) mempool.push_back(parsed->txid());
      return ok(ledger::chains::bitcoin::to_rpc_hex(parsed->txid()));
    }
    return error(-32601, "Method not found");
  }

  std::string name(std::uint32_t height) const {
    return ledger::chains::bitcoin::to_rpc_hex(Hash256(chain.hash(height).array()));
  }
};

}  // namespace custody::tests
