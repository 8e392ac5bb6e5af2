// The name by which users outside custody::ledger know custody::ledger::chains; they are to use the full one.
#pragma once

namespace custody {
namespace ledger::chains {}
namespace chains = ledger::chains;
}  // namespace custody
