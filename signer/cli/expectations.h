// Expectations beside the policies (tests/*.toml): what is asked in which circumstances, and what the bundle
// must say. Each case is asked of the engine as the signer would ask it, with a state of its own; officers'
// approvals are taken for granted without signatures.
// Thread-safety: values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/compiled_bundle.h"
#include "policy/engine/decide.h"

namespace custody::signer::cli {

constexpr std::size_t kMaxCases = 1'000;  // of a file

// Every key, for those who write such files: the help of `custodyctl policy test`.
constexpr std::string_view kExpectationsHelp = R"(Keys of tests/*.toml, for all cases of the file:
  time = "2026-11-25T12:00:00Z"             ledger time of the cases; a case may have its own
  in_force_since = "2026-11-01T00:00:00Z"   since when the version, and with it its allow-list, is in force
  kyc_until = "2027-11-25T00:00:00Z"        of every gateway; for money, here or in the case
  reserve = "100"                           recorded, of the currency; for money, here or in the case
  listed = ["BTC bc1q..."]                  optional: in the allow-list for these cases only
  prices = ["BTC 60000"]                    optional: where the version names a price source
Of a case:
  [cases.large-withdrawal]                  begins one, and names it
  ask = "payout"                            what is asked: mint, payout, propose or ballot
  currency = "BTC"                          mint, payout
  gateway = "acme"                          mint
  amount = "1.5"                            mint, in units of the currency
  confirmations = 6                         mint, optional: 0
  pay = ["acme 1.5 to bc1q..."]             payout: a burn each
  fee = "0.0001"                            payout: of the external chain, in units
  fee_cap = "0.0002"                        payout, optional: what each burn pays of it at most; the fee
  proposal = "register gateway acme"        propose; ballot, optional: what is voted on
  approve = true                            ballot
  officer = "tara"                          propose, ballot, optional: an officer asks, not the operator
  approved_by = ["alice as treasury"]       optional: it must wait for them
  waited_hours = 4                          optional: between opening the request and `time`
  after = ["small-withdrawal"]              optional: cases that were asked before, each at its own time
What must come out:
  expect = "PENDING"                        or ALLOW, DENY
  rule = "policy.pending"                   optional
  policies = ["withdraw-large-BTC"]         optional: exactly these decided, in any order
  wants = ["2 of treasury"]                 optional, with PENDING: these alternatives, in any order)";

struct ApprovedBy {
  std::string officer, group;
};

struct ExpectedCase {
  std::string name;
  ledger::model::IntentFacts facts;
  std::string officer;  // who asks; empty: the member's operator
  ledger::model::LedgerMs time;
  std::uint64_t waited_hours = 0;
  std::vector<ApprovedBy> approved_by;
  std::vector<std::size_t> after;  // places in Expectations::cases
  policy::engine::Outcome expect = policy::engine::Outcome::kDeny;
  std::optional<std::string> rule;
  std::optional<std::vector<std::string>> policies;  // sorted
  std::optional<std::vector<std::string>> wants;     // sorted
};

struct Expectations {
  std::string origin;  // the file
  ledger::model::LedgerMs in_force_since;
  std::vector<policy::bundle::AllowEntry> listed;
  std::vector<policy::engine::Price> prices;
  std::vector<ExpectedCase> cases;
};

// Strict: kInvalid names file, line and key.
Result<Expectations> parse_expectations(std::string_view text, const std::string& origin,
                                        const policy::engine::CompiledBundle& compiled);

struct Unexpected {
  std::string name;                      // of the case
  std::vector<std::string> differences;  // a sentence each
  std::string explanation;               // what the engine says, several lines
};
// Empty: all as expected. A case with approvals or waiting that is allowed without them is not. An error: a
// case that cannot be asked (listed addresses that are none), by name.
Result<std::vector<Unexpected>> run_expectations(const Expectations& expectations,
                                                 const policy::engine::CompiledBundle& compiled);

}  // namespace custody::signer::cli
