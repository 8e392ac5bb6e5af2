// Policy bundles for tests that are not about policies: limits for one or more currencies, and three officers
// whose keys the test has. Thread-safety: values.
#pragma once

#include <string>
#include <vector>

#include "base/crypto/secp256k1.h"
#include "base/file.h"
#include "ledger/model/intents.h"
#include "policy/bundle/bundle.h"
#include "policy/bundle/statement.h"

namespace custody::tests {

// In minor units. A withdrawal above `alone` needs two approvals of the treasury.
struct PolicyLimits {
  std::uint64_t mint = 0;
  std::uint64_t mint_day = 0;
  std::uint64_t withdrawal = 0;
  std::uint64_t withdrawal_day = 0;
  std::uint64_t alone = UINT64_MAX;
};

// Groups compliance (carol) and treasury (alice, bob, carol); quorums 2 of treasury; no activation delay;
// requests live 24 hours. The same limits for every currency of genesis.
policy::bundle::Bundle make_policy(const ledger::model::Genesis& genesis,
                                   const ledger::model::ChainId& chain_id, ledger::model::MemberId member,
                                   const PolicyLimits& limits, bool ballots = true, bool proposals = true);
// As many addresses on the allow-list, all of the first currency, as there may be.
void fill_allow_list(policy::bundle::Bundle& bundle, const ledger::model::Genesis& genesis);
// The version that follows it.
policy::bundle::Bundle next_policy(const policy::bundle::Bundle& before);

const crypto::SoftwareKey& officer_key(std::string_view name);  // alice, bob or carol

// What an officer sends.
Bytes sign_ask(const policy::render::Ask& ask, std::string_view officer);
Bytes sign_vote(const policy::render::Request& request, std::string_view officer, std::string_view group,
                policy::render::Vote vote = policy::render::Vote::kApprove);
Bytes sign_bundle(const policy::bundle::Bundle& bundle, const std::vector<std::string>& officers);
Bytes sign_order(const policy::render::FreezeOrder& order, const std::vector<std::string>& officers);

// A gateway's registration as some member has proposed it: its transaction, and what it does in words.
struct Proposed {
  ledger::model::TxId id;
  Bytes payload;
  Bytes action;
};
Proposed proposed_gateway(const ledger::model::ChainId& chain_id, std::string_view name = "gary");
ledger::model::BallotIntent ballot_on(const Proposed& proposed, ledger::model::MemberId member, bool approve);

// As custody-ceremony leaves it beside the journal, with a seed for its salts. Returns its hash.
Hash256 store_policy(Directory& files, const policy::bundle::Bundle& bundle);

}  // namespace custody::tests
