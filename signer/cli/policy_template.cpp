#include "signer/cli/policy_template.h"

#include <algorithm>
#include <limits>
#include <map>

#include "ledger/chains/bitcoin/address.h"
#include "ledger/custody/custody.h"
#include "policy/cedar/format.h"
#include "policy/engine/vocabulary.h"
#include "policy/render/text.h"

namespace custody::signer::cli {
namespace {

namespace bundle = policy::bundle;
namespace render = policy::render;
using bundle::BundleFiles;
using bundle::Officer;

constexpr std::uint64_t kDefaultSmall = 1;  // units of the currency
constexpr std::uint64_t kDefaultLarge = 10;
constexpr std::uint64_t kDayPerLarge = 10;  // a day's or week's limit is so many large amounts
constexpr std::uint64_t kHourMs = 3'600'000;
constexpr std::uint64_t kDayMs = 24 * kHourMs;
constexpr std::uint64_t kHoursAfterListing = 24;

using Words = std::map<std::string, std::string>;

// "$name" becomes what `words` has for it.
std::string fill(std::string_view text, const Words& words) {
  std::string out;
  while (!text.empty()) {
    const std::size_t mark = text.find('$');
    out += text.substr(0, mark);
    if (mark == std::string_view::npos) break;
    text.remove_prefix(mark + 1);
    const std::size_t length = std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), text.size());
    const auto word = words.find(std::string(text.substr(0, length)));
    CHECK(word != words.end());
    out += word->second;
    text.remove_prefix(length);
  }
  return out;
}

constexpr std::string_view kHeadRemarks =
    R"(# A version of this member's policy. `custodyctl policy --help` says how it is tested, signed and put in force.
# The next version has a higher number, also than one that waits, and in `previous` the hash that `custodyctl policy
# history` shows for the one in force. Groups are those of officers.toml.
# activation_delay_minutes: between a full set of signatures and their effect, so that a mistake can be frozen.
# pending_expiry_hours: how long a request waits for its officers.
# [activation]: so many officers of the group put the next version in force. [unfreeze]: and end a freeze.
# [units.*]: decimals of the amounts that the policies see; what is smaller is rounded up.
)";
constexpr std::string_view kOfficerRemarks =
    R"(# Who may approve. One table is one person; an approval counts in one of the groups, which the officer names.
# Keys: `custodyctl policy key new`, or one on a PKCS#11 token.
)";
constexpr std::string_view kAllowRemarks =
    R"(# External addresses that the officers know. The signer counts how long each has been listed from the moment
# that a version with it came into force. An entry:
#
# [allow.BTC.bc1q...]
# owner = "Exchange One Ltd"
# reason = "settlement account, contract 2026-17"
# expires = "2027-06-30T00:00:00Z"
)";

constexpr std::string_view kMintRemark = "// What deposits this member helps to credit.\n\n";
constexpr std::string_view kMint = R"(
@id("mint-small-$code")
@doc("Deposits of at most $small_text $code are credited at once.")
permit (principal, action == Action::"mint", resource in Currency::"$code")
when { context.amount <= $small };

@id("mint-approved-$code")
@doc("Larger ones need one of $first.")
permit (principal, action == Action::"mint", resource in Currency::"$code")
when { context.approvals["$first"] >= 1 };

@id("mint-week-$code")
@doc("At most $day_text $code a week, whatever anybody approves.")
forbid (principal, action == Action::"mint", resource in Currency::"$code")
when { context.windows.currency.amount7d > $day };
)";
constexpr std::string_view kMintAll = R"(
@id("mint-kyc")
@doc("Nothing is credited to a gateway whose KYC ends within a day.")
forbid (principal, action == Action::"mint", resource)
when { principal.kycHours < 24 };
)";

constexpr std::string_view kWithdrawRemark =
    "// What each burn may pay out, and to whom. Everything here is about one burn of a plan.\n\n";
constexpr std::string_view kWithdraw = R"(
@id("withdraw-small-$code")
@doc("At most $small_text $code to an address that has been listed for $listed hours needs nobody.")
permit (principal, action == Action::"withdraw", resource in Currency::"$code")
when { context.amount <= $small && context.payee.listed && context.payee.listedHours >= $listed };

@id("withdraw-approved-$code")
@doc("At most $large_text $code to any address needs $pair_text.")
permit (principal, action == Action::"withdraw", resource in Currency::"$code")
when { context.amount <= $large && $pair };

@id("withdraw-large-$code")
@doc("More, to an address that has been listed for $listed hours, needs 2 of $first, $distinct officers in all, and 4 hours to think.")
permit (principal, action == Action::"withdraw", resource in Currency::"$code")
when { context.payee.listed && context.payee.listedHours >= $listed }
when { context.approvals["$first"] >= 2 && context.approvals.distinct >= $distinct && context.waitedHours >= 4 };

@id("withdraw-velocity-$code")
@doc("What a gateway redeems beyond $large_text $code in a day needs one of $last, however small each part is.")
forbid (principal, action == Action::"withdraw", resource in Currency::"$code")
when { context.windows.gateway.amount24h > $large }
unless { context.approvals["$last"] >= 1 };
)";
constexpr std::string_view kWithdrawAll = R"(
@id("withdraw-kyc")
@doc("Nothing for a gateway whose KYC is over.")
forbid (principal, action == Action::"withdraw", resource)
when { principal.kycHours < 1 };

@id("withdraw-count")
@doc("A gateway redeems at most twenty times an hour.")
forbid (principal, action == Action::"withdraw", resource)
when { context.windows.gateway.count1h > 20 };
)";

constexpr std::string_view kPayoutRemark =
    "// The plan as a whole: the transaction that pays all of its burns.\n\n";
constexpr std::string_view kPayoutAll = R"(
@id("payout")
@doc("A plan whose burns are all allowed, and whose fee they cover.")
permit (principal, action == Action::"payout", resource)
when { context.fee <= context.feeCap };
)";
constexpr std::string_view kPayout = R"(
@id("payout-day-$code")
@doc("At most $day_text $code a day leave, whatever anybody approves.")
forbid (principal, action == Action::"payout", resource in Currency::"$code")
when { context.windows.currency.amount24h > $day };
)";

constexpr std::string_view kGovernance = R"(// How this member votes on the ledger and what it proposes there.

@id("ballot-against")
@doc("Saying no needs nobody.")
permit (principal, action == Action::"ballot", resource)
when { !context.approve };

@id("ballot-for")
@doc("Saying yes needs one of $last.")
permit (principal, action == Action::"ballot", resource)
when { context.approve && context.approvals["$last"] >= 1 };

@id("ballot-asked")
@doc("A yes that one of $first has asked for needs another one of $first.")
permit (principal in Group::"$first", action == Action::"ballot", resource)
when { context.approve && context.approvals["$first"] >= 1 };

@id("propose-gateway")
@doc("One of $last may propose gateways.")
permit (principal, action == Action::"propose", resource)
when { context.proposal like "register gateway *" && context.approvals["$last"] >= 1 };

@id("propose")
@doc("Anything else takes $pair_text.")
permit (principal, action == Action::"propose", resource)
when { $pair };
)";

constexpr std::string_view kMoneyCases =
    R"(# What the policies of $code must say; `custodyctl policy test` checks it. Every case is asked of a signer of its
# own, in which the bundle has been in force since `in_force_since`. All keys: `custodyctl policy test --help`.
time = "$time"
in_force_since = "$since"
kyc_until = "$kyc"
reserve = "$reserve"
# Stand in the allow-list for these cases only.
listed = ["$code $address"]

[cases.small-deposit]
ask = "mint"
gateway = "acme"
currency = "$code"
amount = "$small_text"
expect = "ALLOW"
policies = ["mint-small-$code"]

[cases.large-deposit]
ask = "mint"
gateway = "acme"
currency = "$code"
amount = "$large_text"
expect = "PENDING"
policies = ["mint-approved-$code"]
wants = ["1 of $first"]

[cases.large-deposit-approved]
ask = "mint"
gateway = "acme"
currency = "$code"
amount = "$large_text"
approved_by = ["$officer_a as $first"]
expect = "ALLOW"
policies = ["mint-approved-$code"]

[cases.deposit-of-a-gateway-without-kyc]
ask = "mint"
gateway = "acme"
kyc_until = "$since"
currency = "$code"
amount = "$small_text"
expect = "DENY"
policies = ["mint-kyc"]

[cases.small-withdrawal]
ask = "payout"
currency = "$code"
fee = "0"
pay = ["acme $small_text to $address"]
expect = "ALLOW"
policies = ["payout", "withdraw-small-$code"]

[cases.middle-withdrawal]
ask = "payout"
currency = "$code"
fee = "0"
pay = ["acme $large_text to $address"]
expect = "PENDING"

[cases.middle-withdrawal-approved]
ask = "payout"
currency = "$code"
fee = "0"
pay = ["acme $large_text to $address"]
approved_by = ["$officer_a as $first", "$officer_b as $last"]
expect = "ALLOW"
policies = ["payout", "withdraw-approved-$code"]

# Together they pass the day's limit of a gateway, and the second alone would not.
[cases.small-withdrawal-after-others]
ask = "payout"
currency = "$code"
fee = "0"
pay = ["acme $small_text to $address"]
after = ["middle-withdrawal-approved"]
expect = "PENDING"
policies = ["withdraw-small-$code", "withdraw-velocity-$code"]
wants = ["1 of $last"]

[cases.withdrawal-whose-burns-do-not-cover-the-fee]
ask = "payout"
currency = "$code"
fee = "1"
fee_cap = "0"
pay = ["acme $small_text to $address"]
expect = "DENY"
rule = "policy.no_permit"

[cases.withdrawal-beyond-the-day]
ask = "payout"
currency = "$code"
fee = "0"
pay = ["acme $beyond_text to $address"]
expect = "DENY"
policies = ["payout-day-$code"]

[cases.withdrawal-of-a-gateway-without-kyc]
ask = "payout"
currency = "$code"
fee = "0"
kyc_until = "$since"
pay = ["acme $small_text to $address"]
expect = "DENY"
policies = ["withdraw-kyc"]
)";
constexpr std::string_view kGovernanceCases =
    R"(# What the policies say of ballots and proposals; `custodyctl policy test` checks it, its --help has all keys.
time = "$time"
in_force_since = "$since"

[cases.no]
ask = "ballot"
approve = false
expect = "ALLOW"
policies = ["ballot-against"]

[cases.yes]
ask = "ballot"
approve = true
expect = "PENDING"
wants = ["1 of $last"]

[cases.yes-approved]
ask = "ballot"
approve = true
approved_by = ["$officer_b as $last"]
expect = "ALLOW"
policies = ["ballot-for"]

# Who asks does not count.
[cases.yes-asked]
ask = "ballot"
approve = true
officer = "$officer_a"
expect = "PENDING"

[cases.yes-asked-approved]
ask = "ballot"
approve = true
officer = "$officer_a"
approved_by = ["$officer_c as $first"]
expect = "ALLOW"

[cases.gateway]
ask = "propose"
proposal = "register gateway acme"
approved_by = ["$officer_b as $last"]
expect = "ALLOW"
policies = ["propose-gateway"]

[cases.parameters]
ask = "propose"
proposal = "change parameters"
expect = "PENDING"
)";

// How the officers' groups are used: `first` puts versions in force and watches money, `last` looks at the
// rest. One group does both when there is no other.
struct Roles {
  std::string first, last;
  std::string officer_a, officer_b;  // two people, of first and of last
  std::string officer_c;             // of first, and not officer_a
};

std::size_t size_of(const std::vector<Officer>& officers, ByteView group) {
  return static_cast<std::size_t>(
      std::ranges::count_if(officers, [&](const Officer& one) { return bundle::is_member_of(one, group); }));
}

// The largest group; the last of them in the order of names where they are equal.
Result<Roles> choose_roles(const std::vector<Officer>& officers, const std::vector<Bytes>& groups) {
  const auto first = std::ranges::max_element(
      groups, {}, [&](const Bytes& group) { return std::pair(size_of(officers, group), group); });
  if (first == groups.end() || size_of(officers, *first) < 2) {
    return invalid("no group has two officers, so that nobody could put the next version in force",
                   "give at least two --officer of one group");
  }
  const auto last = std::ranges::find_if(groups, [&](const Bytes& one) { return one != *first; });
  const Bytes& other = last == groups.end() ? *first : *last;
  const auto b =
      std::ranges::find_if(officers, [&](const Officer& one) { return bundle::is_member_of(one, other); });
  const auto a = std::ranges::find_if(
      officers, [&](const Officer& one) { return bundle::is_member_of(one, *first) && one != *b; });
  const auto c = std::ranges::find_if(
      officers, [&](const Officer& one) { return bundle::is_member_of(one, *first) && one != *a; });
  const auto text = [](const Bytes& name) { return std::string(as_text(name)); };
  return Roles{text(*first), text(other), text(a->name), text(b->name), text(c->name)};
}

// Formatting makes it `context.approvals.treasury` where the name is an identifier.
std::string approvals_of(const std::string& group, unsigned least) {
  return "context.approvals[\"" + group + "\"] >= " + std::to_string(least);
}

Words common_words(const PolicyTemplate& wanted, const Roles& roles) {
  const bool one_group = roles.first == roles.last;
  Words out = {{"first", roles.first},
               {"last", roles.last},
               {"officer_a", roles.officer_a},
               {"officer_b", roles.officer_b},
               {"officer_c", roles.officer_c},
               {"distinct", std::to_string(std::min<std::size_t>(3, wanted.officers.size()))},
               {"listed", std::to_string(wanted.listed_hours)}};
  out["pair"] = one_group ? approvals_of(roles.first, 2)
                          : approvals_of(roles.first, 1) + " && " + approvals_of(roles.last, 1);
  out["pair_text"] =
      one_group ? "2 of " + roles.first : "one of " + roles.first + " and one of " + roles.last;
  return out;
}

model::LedgerMs first_valid(const std::vector<Officer>& officers) {
  model::LedgerMs out;
  for (const Officer& one : officers) out = std::max(out, one.valid_from);
  return out;
}

// The expectations are of a day on which addresses count as known and all officers are valid.
Status add_times(const PolicyTemplate& wanted, Words& words) {
  if (wanted.listed_hours > bundle::kMaxHours) {
    return invalid("an address is to be listed for " + std::to_string(wanted.listed_hours) +
                   " hours; the most are " + std::to_string(bundle::kMaxHours));
  }
  const std::uint64_t since = first_valid(wanted.officers).get();
  const std::uint64_t time = since + kHourMs * (wanted.listed_hours + kHoursAfterListing);
  for (const Officer& one : wanted.officers) {
    if (bundle::is_valid_at(one, model::LedgerMs(time))) continue;
    return invalid("officer " + std::string(as_text(one.name)) + " is valid until " +
                       render::time_text(one.valid_until) + ", not " +
                       std::to_string(wanted.listed_hours + kHoursAfterListing) +
                       " hours long, so that no address would be known before",
                   "give a later --valid-until, or fewer --listed-hours");
  }
  words["since"] = render::time_text(model::LedgerMs(since));
  words["time"] = render::time_text(model::LedgerMs(time));
  words["kyc"] = render::time_text(model::LedgerMs(time + 100 * kDayMs));
  return ok_status();
}

std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t out = 1;
  for (unsigned i = 0; i < exponent; ++i) out *= 10;
  return out;
}

// An address that is nobody's, for the expectations.
Result<std::string> example_address(const model::Genesis& genesis, const model::Currency& currency) {
  const auto chain = std::ranges::find(genesis.chains, currency.chain, &model::ExternalChain::id);
  CHECK(chain != genesis.chains.end());  // decode_genesis
  Bytes script = {0x00, 0x14};
  script.resize(22, 0x11);
  return ledger::chains::bitcoin::format_address(script, ledger::custody::network_of(*chain));
}

Result<Words> currency_words(const PolicyTemplate& wanted, const model::Genesis& genesis,
                             const model::Currency& currency, Words words) {
  const std::string code(as_text(currency.code));
  const std::uint64_t unit = power_of_ten(currency.decimals);
  TemplateLimit limit{code, model::Amount(kDefaultSmall * unit), model::Amount(kDefaultLarge * unit)};
  const auto given = std::ranges::find(wanted.limits, code, &TemplateLimit::currency);
  if (given != wanted.limits.end()) limit = *given;
  const std::uint8_t decimals = std::min(currency.decimals, kTemplateDecimals);
  const std::uint64_t scale = power_of_ten(currency.decimals - decimals);
  if (limit.small.get() == 0 || limit.small >= limit.large || limit.small.get() % scale != 0 ||
      limit.large.get() % scale != 0) {
    return invalid("the limits of " + code +
                   " must be above 0, the second above the first, and have at most " +
                   std::to_string(decimals) + " decimals");
  }
  const auto day = checked_mul<std::uint64_t>(limit.large.get(), kDayPerLarge);
  const auto beyond = day ? checked_add<std::uint64_t>(*day, unit) : std::nullopt;
  if (!beyond || *day / scale > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return invalid("the limits of " + code + " are too large");
  }
  const auto in_units = [&](std::uint64_t amount) { return std::to_string(amount / scale); };
  const auto text = [&](std::uint64_t amount) {
    return render::decimal_text(model::Amount(amount / scale), decimals);
  };
  words["code"] = code;
  words["small"] = in_units(limit.small.get());
  words["large"] = in_units(limit.large.get());
  words["day"] = in_units(*day);
  words["small_text"] = text(limit.small.get());
  words["large_text"] = text(limit.large.get());
  words["day_text"] = text(*day);
  words["beyond_text"] = text(*beyond);
  words["reserve"] = text(*beyond);
  ASSIGN_OR_RETURN(words["address"], example_address(genesis, currency));
  return words;
}

bundle::Bundle make_bundle(const PolicyTemplate& wanted, const GenesisFile& genesis, const Roles& roles,
                           std::vector<Bytes> groups) {
  bundle::Bundle out;
  out.chain_id = genesis.chain_id;
  out.member = wanted.member;
  out.version = 1;
  out.groups = std::move(groups);
  out.officers = wanted.officers;
  for (const model::Currency& currency : genesis.genesis.currencies) {
    out.units.push_back({currency.code, std::min(currency.decimals, kTemplateDecimals)});
  }
  std::ranges::sort(out.units, {}, &bundle::Unit::currency);
  out.activation = {to_bytes(roles.first), 2};
  out.unfreeze = {to_bytes(roles.first), 2};
  out.activation_delay_minutes = wanted.delay_minutes;
  out.pending_expiry_hours = wanted.expiry_hours;
  out.schema = to_bytes(policy::engine::schema_text(out.groups, false));
  return out;
}

std::vector<Bytes> groups_of(const std::vector<Officer>& officers) {
  std::vector<Bytes> out;
  for (const Officer& one : officers) out.insert(out.end(), one.groups.begin(), one.groups.end());
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace

Result<BundleFiles> make_policy_files(const PolicyTemplate& wanted, const GenesisFile& genesis) {
  std::vector<Bytes> groups = groups_of(wanted.officers);
  ASSIGN_OR_RETURN(const Roles roles, choose_roles(wanted.officers, groups));
  Words words = common_words(wanted, roles);
  TRY(add_times(wanted, words));
  std::string mint(kMintRemark), withdraw(kWithdrawRemark);
  std::string payout = std::string(kPayoutRemark) + std::string(kPayoutAll);
  BundleFiles out;
  for (const model::Currency& currency : genesis.genesis.currencies) {
    ASSIGN_OR_RETURN(const Words own, currency_words(wanted, genesis.genesis, currency, words));
    mint += fill(kMint, own);
    withdraw += fill(kWithdraw, own);
    payout += fill(kPayout, own);
    out["tests/" + own.at("code") + ".toml"] = fill(kMoneyCases, own);
  }
  out["tests/governance.toml"] = fill(kGovernanceCases, words);
  out["10-mint.cedar"] = mint + std::string(kMintAll);
  out["20-withdraw.cedar"] = withdraw + std::string(kWithdrawAll);
  out["30-payout.cedar"] = payout;
  out["40-governance.cedar"] = fill(kGovernance, words);
  for (auto& [name, text] : out) {
    if (!name.ends_with(".cedar")) continue;
    ASSIGN_OR_RETURN(text, policy::cedar::format_policies(text));
  }
  BundleFiles parts = bundle::format_files(make_bundle(wanted, genesis, roles, std::move(groups)));
  parts.erase("custody.cedar");
  parts["bundle.toml"].insert(0, std::string(kHeadRemarks) + "\n");
  parts["officers.toml"].insert(0, std::string(kOfficerRemarks) + "\n");
  parts["allow-list.toml"].insert(0, kAllowRemarks);
  out.merge(parts);
  return out;
}

}  // namespace custody::signer::cli
