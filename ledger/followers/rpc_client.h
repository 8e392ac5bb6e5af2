// JSON-RPC over HTTP to a node of Bitcoin's family (bcoin, Bitcoin Core), with libcurl. Only the configured
// URL is ever contacted: no redirects, no proxy, no other protocol. The answer is capped while it arrives.
// Blocking; one object per thread, but interrupt() may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "base/json.h"
#include "base/secret.h"
#include "ledger/followers/follower_core.h"

namespace custody::ledger::followers {

struct RpcSettings {
  std::string url;  // http://HOST:PORT/ or https://...
  std::string user;
  std::string password_file;  // mode 0600; read once, one trailing newline dropped
  long connect_timeout_ms = 3'000;
  long total_timeout_ms = 15'000;
  std::size_t max_response = std::size_t{9} << 20U;  // bytes: a whole block in hex fits
};

class RpcClient {
 public:
  // kInvalid for a URL that is not http(s)://, kRefused for a password file that others may read.
  static Result<std::unique_ptr<RpcClient>> create(const RpcSettings& settings);
  ~RpcClient();

  // The node's result, or why there is none. kUnavailable: down, slow, interrupted; kUnauthenticated: 401 or
  // 403; kInvalid: an answer that is not JSON-RPC to this call, or over the cap; kRefused with rpc_code: the
  // node's own error.
  std::variant<Json, CallError> call(const std::string& method, const Json& params);

  // Ends a call in progress and every later one with kUnavailable.
  void interrupt() { interrupted_ = true; }

 private:
  explicit RpcClient(RpcSettings settings);
  std::variant<Json, CallError> perform(const std::string& request);
  std::variant<Json, CallError> interpret(long http_status, std::uint64_t id) const;

  RpcSettings settings_;
  SecretBytes password_;
  void* curl_ = nullptr;
  void* headers_ = nullptr;
  std::string response_;
  bool overflow_ = false;
  std::uint64_t next_id_ = 1;
  std::atomic<bool> interrupted_{false};
};

}  // namespace custody::ledger::followers
