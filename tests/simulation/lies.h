// What a lying member makes of the messages that its node would have sent. Thread-safety: pure but for
// `random`.
#pragma once

#include <optional>

#include "tests/simulation/network.h"

namespace custody::tests::simulation {

// Half of the time the truth; otherwise nothing (nullopt), or another message, signed with the member's own
// key where that helps the lie: statuses that are ahead or have nothing, votes for other blocks and far
// rounds or with bad signatures, parts and answers that were changed.
std::optional<Bytes> lie(const Network& network, std::size_t member, const Bytes& message, Random& random);

}  // namespace custody::tests::simulation
