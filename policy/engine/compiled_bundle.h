// A bundle made ready for decisions: schema and policies parsed, checked against one another and against the
// network, officers and allow-list indexed. Thread-safety: a const CompiledBundle may be shared.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ledger/chains/bitcoin/network.h"
#include "policy/bundle/statement.h"
#include "policy/cedar/policy.h"
#include "policy/cedar/schema.h"
#include "policy/engine/lint.h"
#include "policy/engine/vocabulary.h"

namespace custody::policy::engine {

// What a bundle is for, from genesis.
struct Network {
  model::ChainId chain_id;
  model::MemberId member;
  Bytes member_name;
  std::vector<model::Currency> currencies;
  std::vector<model::ExternalChain> chains;
};
// kNotFound: no such member.
Result<Network> network_for(const model::Genesis& genesis, const model::ChainId& chain_id,
                            model::MemberId member);

struct CompiledCurrency {
  model::CurrencyId id;
  std::string code;
  std::uint8_t decimals = 0;  // of minor units
  std::uint8_t unit = 0;      // decimals that policies see, at most `decimals`
  chains::bitcoin::Network chain;
};

class CompiledBundle {
 public:
  // The whole of it or an error, which names the part and, in texts, line and column: check_bundle, the
  // network's and the member's id, units and allow-list by the network's currencies, the schema by the table
  // of vocabulary.h, the policies by lint.h, and that no policy waits longer than a request lives.
  static Result<CompiledBundle> compile(bundle::Bundle bundle, const Network& network);

  const bundle::Bundle& bundle() const { return content_->active.bundle; }
  const Hash256& hash() const { return content_->active.hash; }
  const bundle::ActiveBundle& active() const { return content_->active; }  // for votes and orders under it
  const Network& network() const { return content_->network; }
  const cedar::Schema& schema() const { return *content_->schema; }
  const cedar::PolicySet& policies() const { return *content_->policies; }
  const DeclaredFacts& facts() const { return content_->facts; }
  // Ascending; of groups that exist, "distinct" and "wait".
  const std::vector<Threshold>& thresholds() const { return content_->thresholds; }
  const std::vector<CompiledCurrency>& currencies() const { return content_->currencies; }

  const CompiledCurrency* find_currency(
      model::CurrencyId id) const;  // nullptr: the bundle has no unit for it
  // Place in the allow-list of the script with this SHA-256; nullptr: not listed. Expired entries count here.
  const std::uint32_t* find_entry(model::CurrencyId currency, const Hash256& script) const;
  // Place in Bundle::groups; groups().size() when there is none.
  std::size_t find_group(std::string_view name) const;

 private:
  struct EntryKey {
    model::CurrencyId currency;
    Hash256 script;
    friend bool operator==(const EntryKey&, const EntryKey&) = default;
  };
  struct EntryKeyHash {
    std::size_t operator()(const EntryKey& key) const {
      return std::hash<Hash256>{}(key.script) ^ key.currency.get();
    }
  };
  // Stays in its place: policies and index point into it.
  struct Content {
    bundle::ActiveBundle active;
    Network network;
    std::optional<cedar::Schema> schema;
    std::optional<cedar::PolicySet> policies;
    DeclaredFacts facts;
    std::vector<Threshold> thresholds;
    std::vector<CompiledCurrency> currencies;
    std::unordered_map<EntryKey, std::uint32_t, EntryKeyHash> entries;
  };

  CompiledBundle() : content_(std::make_unique<Content>()) {}
  Status check_network() const;
  Status compile_currencies();
  Status compile_allow_list();
  Status compile_policies();
  Status check_waiting() const;

  std::unique_ptr<Content> content_;
};

}  // namespace custody::policy::engine
