// Since when an entry of the allow-list has been there: counted in ledger time from the activation of the
// first bundle of an unbroken row that has it valid and of the same owner, never from a date that somebody
// wrote. Thread-safety: values.
#pragma once

#include <optional>
#include <vector>

#include "policy/bundle/bundle.h"

namespace custody::policy::bundle {

struct ListedSince {
  Bytes currency;
  Bytes address;
  model::LedgerMs since;
  friend bool operator==(const ListedSince&, const ListedSince&) = default;
};
using ListedTable = std::vector<ListedSince>;  // ascending (currency, address)

// The table once `activated` is in force at `time`: entries that `before`, the table of `replaced`, has keep
// their moment, others get `time`. One begins anew when its owner is another one, or when it had expired by
// then: nobody was watched in the meantime, or it is somebody else. Who is not in the bundle any more is
// forgotten, and begins anew when he comes back. The first bundle replaces none (nullptr), and has the time
// of genesis. Reason and a later expiry play no part.
ListedTable list_since(const ListedTable& before, const Bundle& activated, model::LedgerMs time,
                       const Bundle* replaced = nullptr);

// nullopt: not listed.
std::optional<model::LedgerMs> listed_since(const ListedTable& table, ByteView currency, ByteView address);

}  // namespace custody::policy::bundle
