// The officers' rules of this issue: a default-deny file with limits per currency, per transaction and per
// day. Every key is mandatory; anything unknown, missing, zero or out of range stops the start.
// Thread-safety: values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/model/genesis.h"

namespace custody::policy::engine {

// Its names are kept apart from those of the Cedar engine, which takes them over.
inline namespace narrow {

namespace model = ledger::model;

constexpr std::size_t kMaxPolicyFile = 64u << 10;  // bytes

// Minor units, all positive; a day's limit is at least a transaction's.
struct Limits {
  model::Amount mint_per_transaction;
  model::Amount mint_per_day;
  model::Amount payout_per_transaction;
  model::Amount payout_per_day;
  friend bool operator==(const Limits&, const Limits&) = default;
};

struct PolicyBundle {
  std::map<model::CurrencyId, Limits> limits;  // a currency that is not here is denied
  bool ballots = false;
  bool proposals = false;
  Hash256 hash;  // SHA-256 of the file's bytes: bound at the ceremony
};

// The file's text. kInvalid gives origin:line.
Result<PolicyBundle> parse_policy(std::string_view text, const std::string& origin,
                                  const std::vector<model::Currency>& currencies);

}  // namespace narrow
}  // namespace custody::policy::engine
