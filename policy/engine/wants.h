// What is missing: the minimal combinations of numbers for which a monotone predicate holds. Thread-safety:
// pure function.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace custody::policy::engine {

// A point: for each dimension the place of its step.
using Point = std::vector<std::size_t>;

// sizes: steps of each dimension, at least 1. holds: true for the last step of all dimensions, and for every
// point above one for which it is true. Gives minimal points (none below them holds), the first ones low in
// the first dimensions; at least one, at most max_points, and no others are looked for once holds was asked
// max_questions times.
std::vector<Point> minimal_points(std::span<const std::size_t> sizes,
                                  const std::function<bool(const Point&)>& holds, std::size_t max_points,
                                  std::size_t max_questions);

}  // namespace custody::policy::engine
