// What policies must be, beyond Cedar's strict validation, for their decisions to be sound: no policy can
// err, and more approvals or longer waiting never turn ALLOW into DENY. Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/bundle/bundle.h"
#include "policy/cedar/policy.h"
#include "policy/cedar/schema.h"

namespace custody::policy::engine {

constexpr std::size_t kMaxPolicyId = 64;

struct Finding {
  std::string policy;  // its @id, or "policy7" when it has none
  cedar::Position at;
  std::string rule;     // "approvals": one of those that lint() lists
  std::string message;  // what, and what to do
  friend bool operator==(const Finding&, const Finding&) = default;
};
std::string to_string(const Finding& finding);

// The value of @id, or the id by position when there is none.
std::string_view policy_name(const cedar::Policy& policy);

using NameSet = std::set<std::string, std::less<>>;
// What entities policies may name.
struct Names {
  NameSet groups;
  NameSet officers;
  NameSet currencies;
  std::optional<std::string> member;  // absent: not known here, and any name is taken for it
  // How many officers can approve as each group, and as "distinct" in all; one that is not in it is not
  // looked at.
  std::map<std::string, std::int64_t, std::less<>> sizes = {};
};
Names names_of(const bundle::Bundle& bundle, std::optional<std::string> member);

// Empty: the policies may be signed. In the order of the text. The rules:
// id          Each policy has an @id of 1..kMaxPolicyId characters of a-z A-Z 0-9 . _ -, none twice.
// annotation  Only @id and @doc: annotations decide nothing, so no other may look as if it did.
// template    No slots: nothing fills them.
// strict      cedar::validate.
// approvals   context.approvals.* and context.waitedHours stand only left of >= or > with a number at the
// right,
//             where a true comparison can only help: in permits under an even number of negations, in forbids
//             under an odd one, `unless` being one. context itself only before a dot.
// arithmetic  No + - * and no function that can go out of range (offset, durationSince, toDate), so that no
//             policy can err by overflow.
// attribute   Attributes only of principal, resource and context and of what they hold: every other entity or
//             record might not have them, or could hide approvals.
// name        Group, Officer, Currency and Member only as `names` has them, and Ledger::"chain": a misspelt
//             one would match nothing, and its forbid forbid nothing. Gateways and wallets come and go on the
//             ledger: of theirs only the form is looked at.
// impossible  No policy that no request of the schema can match; no comparison that is always false, or with
//             != always true: with more approvals than there are officers, with an hour or weekday that no
//             day has.
std::vector<Finding> lint(const cedar::PolicySet& policies, const cedar::Schema& schema, const Names& names);

// What the policies compare approvals and waiting with, as the least number that makes the comparison true.
struct Threshold {
  std::string group;  // name of a group, "distinct" or "wait"
  std::int64_t least = 0;
  friend auto operator<=>(const Threshold&, const Threshold&) = default;
};
// Of policies that passed lint(); ascending, none twice.
std::vector<Threshold> thresholds(const cedar::PolicySet& policies);

}  // namespace custody::policy::engine
