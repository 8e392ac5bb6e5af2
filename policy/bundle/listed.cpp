#include "policy/bundle/listed.h"

#include <algorithm>

namespace custody::policy::bundle {

ListedTable list_since(const ListedTable& before, const Bundle& activated, model::LedgerMs time) {
  ListedTable out;
  for (const AllowEntry& entry : activated.allow_list) {
    const auto known = listed_since(before, entry.currency, entry.address);
    out.push_back({entry.currency, entry.address, known.value_or(time)});
  }
  return out;
}

std::optional<model::LedgerMs> listed_since(const ListedTable& table, ByteView currency, ByteView address) {
  const auto is_before = [&](const ListedSince& entry, int) {
    const auto order = [](ByteView a, ByteView b) {
      return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
    };
    const auto by_currency = order(entry.currency, currency);
    return by_currency < 0 || (by_currency == 0 && order(entry.address, address) < 0);
  };
  const auto found = std::lower_bound(table.begin(), table.end(), 0, is_before);
  if (found == table.end() || !equal(found->currency, currency) || !equal(found->address, address)) {
    return std::nullopt;
  }
  return found->since;
}

}  // namespace custody::policy::bundle
