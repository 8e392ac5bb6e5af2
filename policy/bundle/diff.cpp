#include "policy/bundle/diff.h"

#include <algorithm>
#include <array>
#include <functional>

#include "policy/bundle/diff_text.h"
#include "policy/render/text.h"

namespace custody::policy::bundle {
namespace {

using Changes = std::vector<Change>;

std::string text(ByteView value) {
  return to_printable(as_text(value));
}

std::string names(const std::vector<Bytes>& list) {
  std::string out;
  for (const Bytes& name : list) out += (out.empty() ? "" : ", ") + text(name);
  return out;
}

// More of it loosens.
Effect more_loosens(std::uint64_t before, std::uint64_t after) {
  return after > before ? Effect::kLoosens : Effect::kTightens;
}
Effect less_loosens(std::uint64_t before, std::uint64_t after) {
  return more_loosens(after, before);
}

// Walks two ascending lists together; null stands for an entry that the other side alone has.
template <typename T, typename Key>
void pair_up(const std::vector<T>& before, const std::vector<T>& after, Key key,
             const std::function<void(const T*, const T*)>& visit) {
  auto a = before.begin();
  auto b = after.begin();
  while (a != before.end() || b != after.end()) {
    if (b == after.end() || (a != before.end() && key(*a) < key(*b))) {
      visit(&*a++, nullptr);
    } else if (a == before.end() || key(*b) < key(*a)) {
      visit(nullptr, &*b++);
    } else {
      visit(&*a++, &*b++);
    }
  }
}

// What the bundle is for.

void diff_head(const Bundle& before, const Bundle& after, Changes& out) {
  if (before.chain_id != after.chain_id) {
    out.push_back({ChangeKind::kNetwork, Effect::kUnknown,
                   "attention: this is for another network, " + after.chain_id.hex() + ", before it was " +
                       before.chain_id.hex()});
  }
  if (before.member != after.member) {
    out.push_back({ChangeKind::kMember, Effect::kUnknown,
                   "attention: this is for another member, " + std::to_string(after.member.get()) +
                       ", before it was " + std::to_string(before.member.get())});
  }
  if (before.version != after.version) {
    out.push_back({ChangeKind::kVersion, Effect::kNeutral,
                   "the version is " + std::to_string(after.version) + ", before it was " +
                       std::to_string(before.version)});
  }
  if (before.previous != after.previous) {
    out.push_back({ChangeKind::kVersion, Effect::kNeutral,
                   "the hash of the version before it is " + after.previous.hex() + ", before it was " +
                       before.previous.hex()});
  }
}

// Officers.

std::string key_text(const Officer& officer) {
  return (officer.curve == Curve::kP256 ? "P-256 " : "secp256k1 ") + to_hex(officer.key);
}

void diff_officer_groups(const std::string& who, const Officer& before, const Officer& after, Changes& out) {
  for (const Bytes& group : after.groups) {
    if (is_member_of(before, group)) continue;
    out.push_back(
        {ChangeKind::kOfficer, Effect::kLoosens,
         who + " joins group " + text(group) + ", valid until " + render::time_text(after.valid_until)});
  }
  for (const Bytes& group : before.groups) {
    if (is_member_of(after, group)) continue;
    out.push_back({ChangeKind::kOfficer, Effect::kTightens, who + " leaves group " + text(group)});
  }
}

void diff_validity(const std::string& who, const Officer& before, const Officer& after, Changes& out) {
  if (before.valid_from != after.valid_from) {
    out.push_back({ChangeKind::kOfficer, less_loosens(before.valid_from.get(), after.valid_from.get()),
                   who + " is valid from " + render::time_text(after.valid_from) + ", before it was " +
                       render::time_text(before.valid_from) + "; until " +
                       render::time_text(after.valid_until)});
  }
  if (before.valid_until != after.valid_until) {
    out.push_back({ChangeKind::kOfficer, more_loosens(before.valid_until.get(), after.valid_until.get()),
                   who + " is valid until " + render::time_text(after.valid_until) + ", before it was " +
                       render::time_text(before.valid_until)});
  }
}

void diff_officer(const Officer* before, const Officer* after, Changes& out) {
  const std::string who = "officer " + text(after == nullptr ? before->name : after->name);
  if (before == nullptr) {
    out.push_back({ChangeKind::kOfficer, Effect::kLoosens,
                   who + " is added to " + names(after->groups) + " with the key " + key_text(*after) +
                       ", valid from " + render::time_text(after->valid_from) + " until " +
                       render::time_text(after->valid_until)});
    return;
  }
  if (after == nullptr) {
    out.push_back(
        {ChangeKind::kOfficer, Effect::kTightens, who + " is removed from " + names(before->groups)});
    return;
  }
  if (before->curve != after->curve || before->key != after->key) {
    out.push_back({ChangeKind::kOfficer, Effect::kUnknown,
                   who + " has the key " + key_text(*after) + ", before it was " + key_text(*before)});
  }
  diff_officer_groups(who, *before, *after, out);
  diff_validity(who, *before, *after, out);
}

void diff_group(const Bytes* before, const Bytes* after, Changes& out) {
  if ((before == nullptr) == (after == nullptr)) return;
  out.push_back(
      {ChangeKind::kGroup, Effect::kNeutral,
       before == nullptr ? "group " + text(*after) + " is added" : "group " + text(*before) + " is removed"});
}

// Limits.

void diff_quorum(const std::string& what, const Quorum& before, const Quorum& after, Changes& out) {
  if (before.group != after.group) {
    out.push_back({ChangeKind::kQuorum, Effect::kUnknown,
                   what + " takes " + std::to_string(after.count) + " of " + text(after.group) +
                       ", before it was " + std::to_string(before.count) + " of " + text(before.group)});
    return;
  }
  if (before.count == after.count) return;
  const bool raised = after.count > before.count;
  out.push_back({ChangeKind::kQuorum, less_loosens(before.count, after.count),
                 "the quorum for " + what + " is " + (raised ? "raised" : "lowered") + " from " +
                     std::to_string(before.count) + " to " + std::to_string(after.count) + " of " +
                     text(after.group)});
}

void diff_number(ChangeKind kind, const std::string& what, const std::string& unit, std::uint64_t before,
                 std::uint64_t after, Effect effect, Changes& out) {
  if (before == after) return;
  out.push_back(
      {kind, effect,
       what + " is " + std::to_string(after) + unit + ", before it was " + std::to_string(before) + unit});
}

// Lists.

void diff_entry(const AllowEntry* before, const AllowEntry* after, Changes& out) {
  const AllowEntry& entry = after == nullptr ? *before : *after;
  const std::string what = text(entry.currency) + " address " + text(entry.address);
  const auto add = [&](Effect effect, const std::string& sentence) {
    out.push_back({ChangeKind::kAllowList, effect, what + sentence});
  };
  if (before == nullptr) {
    return add(Effect::kLoosens, " of \"" + text(entry.owner) + "\" is listed until " +
                                     render::time_text(entry.expires) + ": " + text(entry.reason));
  }
  if (after == nullptr) return add(Effect::kTightens, " of \"" + text(entry.owner) + "\" is listed no more");
  if (before->owner != after->owner) {
    add(Effect::kUnknown,
        " is of \"" + text(after->owner) + "\", before it was of \"" + text(before->owner) + "\"");
  }
  if (before->reason != after->reason) add(Effect::kNeutral, " has another reason: " + text(after->reason));
  if (before->expires != after->expires) {
    add(more_loosens(before->expires.get(), after->expires.get()),
        " is listed until " + render::time_text(after->expires) + ", before it was " +
            render::time_text(before->expires));
  }
}

// A policy's number counts units: with fewer decimals each is worth more.
void diff_decimals(const std::string& what, unsigned before, unsigned after, Changes& out) {
  if (before == after) return;
  const bool more = after < before;
  const std::string factor = "1" + std::string(more ? before - after : after - before, '0');
  out.push_back({ChangeKind::kUnit, more ? Effect::kLoosens : Effect::kTightens,
                 "the unit of " + what + " is " + std::to_string(after) + " decimals, before it was " +
                     std::to_string(before) + " decimals: the same number in a limit of its amounts is " +
                     factor + " times " + (more ? "more" : "less")});
}

void diff_unit(const Unit* before, const Unit* after, Changes& out) {
  const std::string what = "currency " + text((after == nullptr ? before : after)->currency);
  if (before == nullptr) {
    out.push_back({ChangeKind::kUnit, Effect::kLoosens,
                   what + " is known, in units of " + std::to_string(after->decimals) + " decimals"});
  } else if (after == nullptr) {
    out.push_back({ChangeKind::kUnit, Effect::kTightens, what + " is known no more"});
  } else {
    diff_decimals(what, before->decimals, after->decimals, out);
  }
}

std::string source_text(const PriceSource& source) {
  return text(source.name) + " in " + text(source.unit) + " of " + std::to_string(source.decimals) +
         " decimals with the key " + source.key.hex();
}

void diff_price_source(const std::optional<PriceSource>& before, const std::optional<PriceSource>& after,
                       Changes& out) {
  if (before == after) return;
  if (!before || !after) {
    out.push_back({ChangeKind::kPriceSource, Effect::kUnknown,
                   before ? "prices are stated no more, before it was by " + source_text(*before)
                          : "prices are stated by " + source_text(*after) + ", at most " +
                                std::to_string(after->max_age_minutes) + " minutes old"});
    return;
  }
  if (source_text(*before) != source_text(*after)) {
    out.push_back(
        {ChangeKind::kPriceSource, Effect::kUnknown,
         "prices are stated by " + source_text(*after) + ", before it was by " + source_text(*before)});
  }
  diff_number(ChangeKind::kPriceSource, "the oldest price that counts", " minutes old",
              before->max_age_minutes, after->max_age_minutes,
              more_loosens(before->max_age_minutes, after->max_age_minutes), out);
}

void diff_quorums_and_times(const Bundle& before, const Bundle& after, Changes& out) {
  diff_quorum("activation", before.activation, after.activation, out);
  diff_quorum("unfreezing", before.unfreeze, after.unfreeze, out);
  diff_number(ChangeKind::kTime, "the delay of an activation", " minutes", before.activation_delay_minutes,
              after.activation_delay_minutes,
              less_loosens(before.activation_delay_minutes, after.activation_delay_minutes), out);
  diff_number(ChangeKind::kTime, "the time after which a waiting request expires", " hours",
              before.pending_expiry_hours, after.pending_expiry_hours,
              more_loosens(before.pending_expiry_hours, after.pending_expiry_hours), out);
}

}  // namespace

std::string_view kind_name(ChangeKind kind) {
  constexpr std::array<std::string_view, 12> kNames = {"network", "member",       "version", "officer",
                                                       "group",   "quorum",       "time",    "allow_list",
                                                       "unit",    "price_source", "schema",  "policy"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view effect_name(Effect effect) {
  constexpr std::array<std::string_view, 4> kNames = {"neutral", "loosens", "tightens", "unknown"};
  return kNames.at(static_cast<std::size_t>(effect));
}

std::vector<Change> diff_bundles(const Bundle& before, const Bundle& after) {
  Changes out;
  diff_head(before, after, out);
  pair_up<Officer>(
      before.officers, after.officers, [](const Officer& officer) -> const Bytes& { return officer.name; },
      [&](const Officer* a, const Officer* b) { diff_officer(a, b, out); });
  pair_up<Bytes>(
      before.groups, after.groups, [](const Bytes& group) { return as_text(group); },
      [&](const Bytes* a, const Bytes* b) { diff_group(a, b, out); });
  diff_quorums_and_times(before, after, out);
  pair_up<AllowEntry>(
      before.allow_list, after.allow_list,
      [](const AllowEntry& entry) { return std::tie(entry.currency, entry.address); },
      [&](const AllowEntry* a, const AllowEntry* b) { diff_entry(a, b, out); });
  pair_up<Unit>(
      before.units, after.units, [](const Unit& unit) -> const Bytes& { return unit.currency; },
      [&](const Unit* a, const Unit* b) { diff_unit(a, b, out); });
  diff_price_source(before.price_source, after.price_source, out);
  if (before.schema != after.schema) {
    out.push_back(changed_lines(ChangeKind::kSchema, Effect::kUnknown, "the schema is another",
                                as_text(before.schema), as_text(after.schema)));
  }
  const Changes policies = diff_policies(as_text(before.policies), as_text(after.policies));
  out.insert(out.end(), policies.begin(), policies.end());
  return out;
}

}  // namespace custody::policy::bundle
