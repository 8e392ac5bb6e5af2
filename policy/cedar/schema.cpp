#include "policy/cedar/schema.h"

#include <algorithm>

namespace custody::policy::cedar {

bool EntityType::is_below(std::string_view other) const {
  return std::binary_search(ancestors.begin(), ancestors.end(), other);
}

bool EntityType::has_choice(std::string_view id) const {
  return std::binary_search(choices.begin(), choices.end(), id);
}

bool ActionType::is_below(const EntityUid& other) const {
  return std::binary_search(ancestors.begin(), ancestors.end(), other);
}

const EntityType* Schema::find_type(std::string_view name) const {
  const auto found = types_.find(name);
  return found == types_.end() ? nullptr : &found->second;
}

const ActionType* Schema::find_action(const EntityUid& uid) const {
  const auto at = std::lower_bound(actions_.begin(), actions_.end(), uid,
                                   [](const ActionType& a, const EntityUid& b) { return a.uid < b; });
  return at != actions_.end() && at->uid == uid ? &*at : nullptr;
}

bool Schema::is_action_type(std::string_view name) const {
  const auto at = std::lower_bound(actions_.begin(), actions_.end(), name,
                                   [](const ActionType& a, std::string_view b) { return a.uid.type < b; });
  return at != actions_.end() && at->uid.type == name;
}

}  // namespace custody::policy::cedar
