// Replies of the signer to its callers: their sizes are those of model::SignReply. Not part of the interface.
#pragma once

#include <string_view>

#include "base/status.h"
#include "ledger/model/intents.h"

namespace custody::signer::core {

namespace model = ledger::model;

constexpr std::size_t kMaxRule = 64;
constexpr std::size_t kMaxMessage = 512;

// The first bytes of a text.
Bytes cut(std::string_view text, std::size_t size);
// Without signatures: why it was refused, and by which rule (may be empty).
model::SignReply error_reply(std::uint64_t id, std::string_view rule, const Status& status);
model::SignReply done(std::uint64_t id);

}  // namespace custody::signer::core
