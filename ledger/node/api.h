// The node's answers to its local clients: JSON in, JSON out, over views of the ledger. No sockets here
// (api_server.h). Thread-safety: one thread.
#pragma once

#include "base/json.h"
#include "ledger/node/duties.h"
#include "ledger/node/replica.h"

namespace custody::ledger::node {

struct CommittedBlock {
  model::Block block;
  model::Commit commit;
};

// What the API needs of the node besides the ledger's state.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const LedgerView& ledger() const = 0;
  virtual Result<std::optional<CommittedBlock>> block(model::Height height) const = 0;
  virtual Result<std::optional<TransactionPlace>> find(const model::TxId& id) const = 0;
  virtual bool pending(const model::TxId& id) const = 0;
  // Admission to the mempool; a transaction that is there already is ok.
  virtual Status submit(const Bytes& envelope) = 0;
  // What this member's signer said of an open slot that it has not signed.
  virtual std::optional<SignerSaid> said_of(model::CurrencyId currency, model::SlotId slot) const = 0;
  // Fields of the answer to "status" that only the daemon knows: peers, chains, signer, problems, round.
  virtual Json status() const = 0;
};

class Api {
 public:
  Api(model::Genesis genesis, const Bytes& genesis_bytes, model::MemberId own, Backend& backend);

  // kNotFound with params "wait_ms" means: ask again after the next block, until the wait is over.
  Result<Json> handle(const std::string& method, const Json& params);

 private:
  using Handler = Result<Json> (Api::*)(const Json&);

  Result<Json> status(const Json& params);
  Result<Json> genesis(const Json& params);
  Result<Json> account(const Json& params);
  Result<Json> submit(const Json& params);
  Result<Json> transaction(const Json& params);
  Result<Json> block(const Json& params);
  Result<Json> gateways(const Json& params);
  Result<Json> members(const Json& params);
  Result<Json> deposits(const Json& params);
  Result<Json> withdrawals(const Json& params);
  Result<Json> slot(const Json& params);
  Result<Json> reserves(const Json& params);
  Result<Json> deposit_address(const Json& params);

  Result<Json> where_is(const model::TxId& id) const;
  Result<model::Address> parse_account(const std::string& text) const;
  Result<model::Currency> currency_at(const Json& params) const;
  Result<std::vector<model::Currency>> currencies_of(const Json& params) const;
  Result<Json> describe_burn(const model::Currency& currency, const model::BurnRecord& burn) const;
  std::string external_address(const model::Currency& currency, ByteView script) const;
  Json names(const std::vector<model::MemberId>& members) const;
  std::string name_of(model::MemberId member) const;
  template <typename T>
  std::optional<T> record(ByteView key) const;

  model::Genesis genesis_;
  Bytes genesis_bytes_;
  model::ChainId chain_id_;
  model::MemberId own_;
  Backend& backend_;
};

}  // namespace custody::ledger::node
