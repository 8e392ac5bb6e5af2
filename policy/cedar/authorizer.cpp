#include "policy/cedar/authorizer.h"

#include <algorithm>
#include <span>
#include <unordered_map>

#include "policy/cedar/limits.h"

namespace custody::policy::cedar {
namespace {

using Kind = ScopeConstraint::Kind;

// Which entities a scope names: only a request whose entity is one of them or below one can match. Empty:
// any.
std::span<const EntityUid> named_entities(const ScopeConstraint& scope) {
  switch (scope.kind) {
    case Kind::kEqual:
    case Kind::kIn:
    case Kind::kIsIn:
      return {&scope.entity, 1};
    case Kind::kInAny:
      return scope.entities;
    case Kind::kAny:
    case Kind::kIs:
      break;
  }
  return {};
}

// Policies by the action and the resource that their scopes name.
class Index {
 public:
  explicit Index(const std::vector<Policy>& policies) {
    for (std::uint32_t place = 0; place < policies.size(); ++place) {
      const Policy& policy = policies[place];
      if (policy.action.kind == Kind::kInAny && policy.action.entities.empty()) continue;  // never matches
      add(named_entities(policy.action), named_entities(policy.resource), place);
    }
  }

  // Every policy whose scope may match, ascending, no place twice.
  void collect(const Request& request, const Entities& entities, std::vector<std::uint32_t>* places) const {
    places->clear();
    const Entity* action = entities.find(request.action);
    collect_action(nullptr, request, entities, places);
    collect_action(&request.action, request, entities, places);
    if (action != nullptr) {
      for (const EntityUid& above : action->ancestors) collect_action(&above, request, entities, places);
    }
    std::sort(places->begin(), places->end());
    places->erase(std::unique(places->begin(), places->end()), places->end());
  }

 private:
  using Places = std::vector<std::uint32_t>;
  struct ByResource {
    Places any;
    std::unordered_map<EntityUid, Places, EntityUidHash> named;
  };

  void add(std::span<const EntityUid> actions, std::span<const EntityUid> resources, std::uint32_t place) {
    if (actions.empty()) add(&any_action_, resources, place);
    for (const EntityUid& action : actions) add(&named_action_[action], resources, place);
  }
  static void add(ByResource* group, std::span<const EntityUid> resources, std::uint32_t place) {
    (resources.empty() ? group->any : group->named[resources.front()]).push_back(place);
  }

  void collect_action(const EntityUid* action, const Request& request, const Entities& entities,
                      Places* places) const {
    const ByResource* group = &any_action_;
    if (action != nullptr) {
      const auto found = named_action_.find(*action);
      if (found == named_action_.end()) return;
      group = &found->second;
    }
    places->insert(places->end(), group->any.begin(), group->any.end());
    if (group->named.empty()) return;
    collect_resource(*group, request.resource, places);
    const Entity* resource = entities.find(request.resource);
    if (resource == nullptr) return;
    for (const EntityUid& above : resource->ancestors) collect_resource(*group, above, places);
  }
  static void collect_resource(const ByResource& group, const EntityUid& resource, Places* places) {
    const auto found = group.named.find(resource);
    if (found != group.named.end()) places->insert(places->end(), found->second.begin(), found->second.end());
  }

  ByResource any_action_;
  std::unordered_map<EntityUid, ByResource, EntityUidHash> named_action_;
};

}  // namespace

struct Authorizer::State {
  explicit State(const PolicySet& set)
      : policies(set.active()), path_count(set.path_count()), index(set.active()) {}

  const std::vector<Policy>& policies;
  std::uint32_t path_count;
  Index index;
  Arena arena;
  std::vector<PathValue> paths;
  std::vector<std::uint32_t> candidates;
  std::vector<std::uint32_t> permits;
  Decision decision;
};

Authorizer::Authorizer(const PolicySet& policies) : state_(std::make_unique<State>(policies)) {}
Authorizer::~Authorizer() = default;
Authorizer::Authorizer(Authorizer&&) noexcept = default;
Authorizer& Authorizer::operator=(Authorizer&&) noexcept = default;

Result<const Decision*> Authorizer::decide(const Request& request, const Entities& entities) {
  State& state = *state_;
  Decision& decision = state.decision;
  decision.reasons.clear();
  decision.errors.clear();
  state.permits.clear();
  state.arena.reset();
  state.index.collect(request, entities, &state.candidates);
  state.paths.assign(state.path_count, PathValue());
  Evaluator evaluator(request, entities, state.arena, state.paths);
  for (const std::uint32_t place : state.candidates) {
    const Policy& policy = state.policies[place];
    if (evaluator.satisfied(policy)) {
      (policy.effect == Effect::kForbid ? decision.reasons : state.permits).push_back(place);
    } else if (evaluator.error().kind != EvaluationError::Kind::kNone) {
      if (evaluator.out_of_budget()) {
        return exhausted("the decision costs more than " + std::to_string(kMaxDecisionCost) +
                         " steps, reached in the policy " + std::string(policy.id));
      }
      decision.errors.push_back({place, evaluator.error()});
    }
  }
  decision.allow = decision.reasons.empty() && !state.permits.empty();
  if (decision.reasons.empty()) decision.reasons.assign(state.permits.begin(), state.permits.end());
  return &std::as_const(decision);
}

Result<Decision> cedar_decide(const PolicySet& policies, const Request& request, const Entities& entities) {
  Authorizer authorizer(policies);
  ASSIGN_OR_RETURN(const Decision* decision, authorizer.decide(request, entities));
  return *decision;
}

}  // namespace custody::policy::cedar
