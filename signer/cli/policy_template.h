// The bundle that `policy new` writes: a complete policy with comments, to be edited. It passes lint and the
// expectations that come with it. Thread-safety: pure functions.
#pragma once

#include "policy/bundle/directory.h"
#include "signer/cli/policy_source.h"

namespace custody::signer::cli {

// In units of the currency, as amounts of the policies: what moves without an officer, and what two may let
// go.
struct TemplateLimit {
  std::string currency;
  model::Amount small;  // minor units
  model::Amount large;
};

struct PolicyTemplate {
  model::MemberId member;
  std::vector<policy::bundle::Officer> officers;  // ascending names
  std::vector<TemplateLimit> limits;              // currencies without one: kDefaultSmall and kDefaultLarge
  std::uint32_t listed_hours = 48;                // that an address must be known to get small amounts
  std::uint32_t delay_minutes = 720;
  std::uint32_t expiry_hours = 24;
};

// What the policies see of a currency: at most this many decimals.
constexpr std::uint8_t kTemplateDecimals = 3;

// Files by name, those of tests/ too. kInvalid: no group has two officers, limits that do not fit, officers
// that are not valid for longer than an address must be known.
Result<policy::bundle::BundleFiles> make_policy_files(const PolicyTemplate& wanted,
                                                      const GenesisFile& genesis);

}  // namespace custody::signer::cli
