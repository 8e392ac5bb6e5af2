// The entities that policies are evaluated over: attributes, tags and a hierarchy without cycles.
// Thread-safety: a const Entities may be shared.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "policy/cedar/arena.h"
#include "policy/cedar/value.h"

namespace custody::policy::cedar {

struct Entity {
  EntityUid uid;
  Record attributes;
  Record tags;
  std::span<const EntityUid> parents;    // as given
  std::span<const EntityUid> ancestors;  // everything above it, sorted by hash

  bool is_below(const EntityUid& other) const;  // other is an ancestor
};

class Entities {
 public:
  const Entity* find(const EntityUid& uid) const;  // nullptr when absent
  std::size_t size() const { return by_uid_.size(); }
  const std::unordered_map<EntityUid, Entity, EntityUidHash>& all() const { return by_uid_; }

  // Puts an entity in the place of another, without allocation: for a store that serves many requests which
  // differ in an entity or two. Nothing may be below the old or the new one; the new one's ancestors are
  // everything above it, in the order of sort_ancestors(). The old one is there; the new uid is the same or
  // is not there.
  void replace(const EntityUid& old, const Entity& entity);

 private:
  friend class EntitiesBuilder;
  Arena arena_;
  std::unordered_map<EntityUid, Entity, EntityUidHash> by_uid_;
};

// The order of Entity::ancestors.
void sort_ancestors(std::span<EntityUid> ancestors);

// Collects entities, then computes the hierarchy. A parent that is not an entity of the store is allowed.
class EntitiesBuilder {
 public:
  // For the memory of what add() is given.
  Arena& arena() { return entities_.arena_; }
  // kExists when the uid is there already. All views must point into arena() or outlive the store.
  Status add(const EntityUid& uid, const Record& attributes, const Record& tags,
             std::span<const EntityUid> parents);
  const Entity* find(const EntityUid& uid) const { return entities_.find(uid); }
  // kInvalid names an entity on a cycle; kExhausted: kMaxHierarchyDepth, kMaxAncestorLinks.
  Result<Entities> build() &&;

 private:
  Entities entities_;
};

}  // namespace custody::policy::cedar
