// What changes from one bundle to another, as sentences for the officers who are to sign it. Each says
// whether more becomes possible (loosens) or less (tightens), where that follows from the change alone;
// kUnknown is for a person to judge, or for the replay of past requests. Thread-safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "policy/bundle/bundle.h"

namespace custody::policy::bundle {

enum class ChangeKind : std::uint8_t {
  kNetwork,
  kMember,
  kVersion,  // its number, and the hash of the one before
  kOfficer,
  kGroup,
  kQuorum,
  kTime,  // activation delay, expiry of requests
  kAllowList,
  kUnit,
  kPriceSource,
  kSchema,
  kPolicy,
};
std::string_view kind_name(ChangeKind kind);  // "officer", "allow_list", ... as in JSON

enum class Effect : std::uint8_t { kNeutral, kLoosens, kTightens, kUnknown };
std::string_view effect_name(Effect effect);  // "neutral", "loosens", "tightens", "unknown"

struct Change {
  ChangeKind kind = ChangeKind::kPolicy;
  Effect effect = Effect::kUnknown;
  std::string sentence;  // printable ASCII, no full stop
  // The texts that a person must read where the sentence does not say what changed, with line breaks, as they
  // stand in the bundles: of a policy, or the lines of schema or policies that differ. Empty: none.
  std::string before = {};
  std::string after = {};
  friend bool operator==(const Change&, const Change&) = default;
};

// In the order of ChangeKind, names ascending. Empty exactly when the two are equal. Both were checked.
std::vector<Change> diff_bundles(const Bundle& before, const Bundle& after);

// The part of it that is about policies; texts that parse. Policies are matched by @id, those without one by
// their whole text. Where two differ in limits only (`context.amount <= 100` and `<= 200`), the sentence says
// which and in which direction; every other change has the texts.
std::vector<Change> diff_policies(std::string_view before, std::string_view after);

}  // namespace custody::policy::bundle
