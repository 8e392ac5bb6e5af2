// What is missing for an ALLOW: the least approvals and waiting with which the policies say so.
#include <algorithm>
#include <numeric>
#include <tuple>

#include "policy/engine/decide.h"
#include "policy/engine/wants.h"

namespace custody::policy::engine {
namespace {

// Evaluations in search of what is missing, about 10 microseconds each: the signer's votes wait for them.
constexpr std::size_t kMaxTrials = 4'096;
constexpr std::size_t kMinQuestions = 64;

// What may be raised in search of what is missing.
struct Dimension {
  Bytes group;                      // Want::group
  std::vector<std::int64_t> steps;  // the number that there is, then the thresholds above it
  std::uint32_t* number = nullptr;  // of Approvals; nullptr: the hours waited
};

void set(const Dimension& dimension, std::size_t step, Approvals* approvals) {
  if (dimension.number == nullptr) {
    approvals->waited_hours = dimension.steps[step];
  } else {
    *dimension.number = static_cast<std::uint32_t>(dimension.steps[step]);
  }
}

std::int64_t hours_of(const render::Wants& wants) {
  std::int64_t hours = 0;
  for (const render::Want& want : wants.all_of) {
    if (as_text(want.group) == render::kWaitGroup) hours = want.count;
  }
  return hours;
}

std::uint64_t officers_of(const render::Wants& wants) {
  std::uint64_t sum = 0;
  for (const render::Want& want : wants.all_of) {
    if (as_text(want.group) != render::kWaitGroup) sum += want.count;
  }
  return sum;
}

// The soonest first, then that with the fewest officers.
bool is_easier(const render::Wants& a, const render::Wants& b) {
  const auto rank = [](const render::Wants& wants) {
    return std::tuple(hours_of(wants), officers_of(wants), wants.all_of.size());
  };
  return rank(a) < rank(b);
}

}  // namespace

bool Decider::are_allowed(const Approvals& approvals, const EngineState& state) {
  PartDecision trial;
  for (const PartDecision& part : decision_.parts()) {
    if (part.outcome == Outcome::kAllow) continue;
    trial_arena_.reset();
    trial.part = part.part;
    if (judge(trial, approvals, state, trial_arena_, false) != Judged::kAllow) return false;
  }
  return true;
}

void Decider::find_wants(const EngineState& state, const Approvals& most) {
  Approvals trial = decision_.approvals;
  std::vector<Dimension> dimensions;
  const auto add = [&](std::string_view group, std::string_view want, std::int64_t now, std::int64_t top,
                       std::uint32_t* number) {
    Dimension dimension{to_bytes(want), {now}, number};
    for (const Threshold& threshold : compiled_.thresholds()) {
      if (threshold.group == group && threshold.least > now && threshold.least <= top) {
        dimension.steps.push_back(threshold.least);
      }
    }
    dimensions.push_back(std::move(dimension));
  };
  add(render::kWaitGroup, render::kWaitGroup, trial.waited_hours, most.waited_hours, nullptr);
  add("distinct", {}, trial.distinct, most.distinct, &trial.distinct);
  const std::vector<Bytes>& groups = compiled_.bundle().groups;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    add(as_text(groups[i]), as_text(groups[i]), trial.groups[i], most.groups[i], &trial.groups[i]);
  }
  std::vector<std::size_t> sizes;
  for (const Dimension& dimension : dimensions) sizes.push_back(dimension.steps.size());
  const auto holds = [&](const Point& point) {
    for (std::size_t i = 0; i < point.size(); ++i) set(dimensions[i], point[i], &trial);
    return are_allowed(trial, state);
  };
  const std::size_t questions = std::max(kMinQuestions, kMaxTrials / decision_.used);
  for (const Point& point : minimal_points(sizes, holds, render::kMaxWants, questions)) {
    for (std::size_t i = 0; i < point.size(); ++i) set(dimensions[i], point[i], &trial);
    const std::uint32_t together =
        std::accumulate(trial.groups.begin(), trial.groups.end(), std::uint32_t{0});
    render::Wants wants;
    // Groups first; so many in all is not said where the groups' own numbers add up to it.
    for (std::size_t i = dimensions.size(); i-- > 0;) {
      const bool implied = dimensions[i].group.empty() && trial.distinct <= together;
      if (point[i] == 0 || implied) continue;
      wants.all_of.push_back(
          {dimensions[i].group, static_cast<std::uint32_t>(dimensions[i].steps[point[i]])});
    }
    std::reverse(wants.all_of.begin(), std::ranges::find_if(wants.all_of, [](const render::Want& want) {
                   return want.group.empty() || as_text(want.group) == render::kWaitGroup;
                 }));
    decision_.wants.push_back(std::move(wants));
  }
  std::ranges::stable_sort(decision_.wants, is_easier);
}

}  // namespace custody::policy::engine
