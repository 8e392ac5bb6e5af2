#include "policy/cedar/entities.h"

#include <algorithm>
#include <string>
#include <utility>

#include "policy/cedar/limits.h"

namespace custody::policy::cedar {
namespace {

bool by_hash(const EntityUid& a, const EntityUid& b) {
  return a.hash != b.hash ? a.hash < b.hash : a < b;
}

// Computes ancestors bottom-up without recursion: a hierarchy may be as deep as it has entities.
class Closure {
 public:
  using Table = std::unordered_map<EntityUid, Entity, EntityUidHash>;

  Closure(Table* table, Arena* arena) : table_(table), arena_(arena) {}

  Status run() {
    for (auto& [uid, entity] : *table_) TRY(visit(&entity));
    return ok_status();
  }

 private:
  struct Mark {
    bool done = false;
    std::size_t depth = 0;
  };
  struct Step {
    Entity* entity;
    std::size_t next_parent;
  };

  Status visit(Entity* start) {
    if (marks_.contains(start->uid)) return ok_status();
    enter(start);
    while (!path_.empty()) {
      Step& step = path_.back();
      if (step.next_parent == step.entity->parents.size()) {
        TRY(finish(step.entity));
        path_.pop_back();
        continue;
      }
      const auto parent = table_->find(step.entity->parents[step.next_parent++]);
      if (parent == table_->end()) continue;
      const auto mark = marks_.find(parent->first);
      if (mark == marks_.end()) {
        enter(&parent->second);
      } else if (!mark->second.done) {
        return invalid("the entity " + to_string(parent->first) + " is above itself in the hierarchy");
      }
    }
    return ok_status();
  }

  void enter(Entity* entity) {
    marks_[entity->uid];
    path_.push_back({entity, 0});
  }

  Status finish(Entity* entity) {
    std::vector<EntityUid> above;
    std::size_t depth = 0;
    for (const EntityUid& uid : entity->parents) {
      above.push_back(uid);
      depth = std::max<std::size_t>(depth, 1);
      const auto parent = table_->find(uid);
      if (parent == table_->end()) continue;
      above.insert(above.end(), parent->second.ancestors.begin(), parent->second.ancestors.end());
      depth = std::max(depth, marks_[uid].depth + 1);
    }
    if (depth > kMaxHierarchyDepth) {
      return exhausted("the hierarchy above " + to_string(entity->uid) + " is deeper than " +
                       std::to_string(kMaxHierarchyDepth));
    }
    links_ += above.size();
    if (links_ > kMaxAncestorLinks) {
      return exhausted("more than " + std::to_string(kMaxAncestorLinks) + " pairs of entity and ancestor");
    }
    sort_ancestors(above);
    above.erase(std::unique(above.begin(), above.end()), above.end());
    entity->ancestors = arena_->copy(above);
    marks_[entity->uid] = {true, depth};
    return ok_status();
  }

  Table* table_;
  Arena* arena_;
  std::unordered_map<EntityUid, Mark, EntityUidHash> marks_;
  std::vector<Step> path_;
  std::size_t links_ = 0;
};

}  // namespace

bool Entity::is_below(const EntityUid& other) const {
  return std::binary_search(ancestors.begin(), ancestors.end(), other, by_hash);
}

const Entity* Entities::find(const EntityUid& uid) const {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : &found->second;
}

void Entities::replace(const EntityUid& old, const Entity& entity) {
  auto node = by_uid_.extract(old);
  CHECK(!node.empty());
  node.key() = entity.uid;
  node.mapped() = entity;
  CHECK(by_uid_.insert(std::move(node)).inserted);
}

void sort_ancestors(std::span<EntityUid> ancestors) {
  std::sort(ancestors.begin(), ancestors.end(), by_hash);
}

Status EntitiesBuilder::add(const EntityUid& uid, const Record& attributes, const Record& tags,
                            std::span<const EntityUid> parents) {
  if (entities_.by_uid_.size() == kMaxEntities) {
    return exhausted("more than " + std::to_string(kMaxEntities) + " entities");
  }
  const auto [place, added] = entities_.by_uid_.try_emplace(uid, Entity{uid, attributes, tags, parents, {}});
  if (!added) return exists("the entity " + to_string(uid) + " stands twice");
  return ok_status();
}

Result<Entities> EntitiesBuilder::build() && {
  TRY(Closure(&entities_.by_uid_, &entities_.arena_).run());
  return std::move(entities_);
}

}  // namespace custody::policy::cedar
