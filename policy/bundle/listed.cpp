#include "policy/bundle/listed.h"

#include <algorithm>

namespace custody::policy::bundle {
namespace {

// In a list in the order of (currency, address); nullptr: it has none.
template <class Entry>
const Entry* find_in_order(const std::vector<Entry>& list, ByteView currency, ByteView address) {
  const auto is_before = [&](const Entry& entry, int) {
    const auto order = [](ByteView a, ByteView b) {
      return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
    };
    const auto by_currency = order(entry.currency, currency);
    return by_currency < 0 || (by_currency == 0 && order(entry.address, address) < 0);
  };
  const auto found = std::lower_bound(list.begin(), list.end(), 0, is_before);
  const bool there =
      found != list.end() && equal(found->currency, currency) && equal(found->address, address);
  return there ? &*found : nullptr;
}

bool goes_on(const AllowEntry& entry, model::LedgerMs time, const Bundle* replaced) {
  if (replaced == nullptr) return false;
  const AllowEntry* old = find_in_order(replaced->allow_list, entry.currency, entry.address);
  return old != nullptr && old->owner == entry.owner && time < old->expires;
}

}  // namespace

ListedTable list_since(const ListedTable& before, const Bundle& activated, model::LedgerMs time,
                       const Bundle* replaced) {
  ListedTable out;
  for (const AllowEntry& entry : activated.allow_list) {
    const auto known = listed_since(before, entry.currency, entry.address);
    const bool keeps = known.has_value() && goes_on(entry, time, replaced);
    out.push_back({entry.currency, entry.address, keeps ? *known : time});
  }
  return out;
}

std::optional<model::LedgerMs> listed_since(const ListedTable& table, ByteView currency, ByteView address) {
  const ListedSince* found = find_in_order(table, currency, address);
  return found == nullptr ? std::nullopt : std::optional(found->since);
}

}  // namespace custody::policy::bundle
