// Entities, contexts and requests as JSON (docs.cedarpolicy.com/auth/entities-syntax.html). With a schema,
// `{"type": "User", "id": "a"}` and "10.0.0.1" are read as what the schema declares, and everything must
// conform to it. Without one, `{"__entity": {...}}` and `{"__extn": {"fn": "ip", "arg": "10.0.0.1"}}` say so.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "policy/cedar/entities.h"
#include "policy/cedar/evaluator.h"
#include "policy/cedar/schema.h"

namespace custody::policy::cedar {

// JSON of a size and depth within limits.h, for the functions below.
Result<Json> parse_data_json(std::string_view text);

// schema may be nullptr. With one, its actions are entities too.
Result<Entities> entities_from_json(const Json& json, const Schema* schema);
// `{"type": T, "id": I}` or `{"__entity": {...}}`. Memory in arena.
Result<EntityUid> uid_from_json(Arena& arena, const Json& json);
// context_type: of the action, or nullptr.
Result<Record> context_from_json(Arena& arena, const Json& json, const Type* context_type);
// `{"principal", "action", "resource", "context"}`. schema: only how the context is read; nothing is
// validated.
Result<Request> request_from_json(Arena& arena, const Json& json, const Schema* schema);

}  // namespace custody::policy::cedar
