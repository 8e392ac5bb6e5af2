#include "policy/engine/wants.h"

#include <algorithm>
#include <deque>
#include <set>

namespace custody::policy::engine {
namespace {

bool is_below(const Point& a, const Point& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
  }
  return true;
}

class Search {
 public:
  Search(const std::function<bool(const Point&)>& holds, std::size_t max_points, std::size_t max_questions)
      : holds_(holds), max_points_(max_points), max_questions_(max_questions) {}

  // Every minimal point but those found before lies below one of the caps: for each dimension, those that are
  // lower there.
  std::vector<Point> run(Point top) && {
    caps_.push_back(std::move(top));
    bool known_to_hold = true;
    while (!caps_.empty() && found_.size() < max_points_ && questions_ < max_questions_) {
      const Point cap = std::move(caps_.front());
      caps_.pop_front();
      const auto known =
          std::ranges::find_if(found_, [&](const Point& point) { return is_below(point, cap); });
      if (known != found_.end()) {
        split(cap, *known);
      } else if (known_to_hold || ask(cap)) {
        known_to_hold = false;
        found_.push_back(descend(cap));
        split(cap, found_.back());
      }
    }
    return std::move(found_);
  }

 private:
  bool ask(const Point& point) {
    ++questions_;
    return holds_(point);
  }

  // Lowers one dimension after the other as far as it goes.
  Point descend(Point point) {
    for (std::size_t& step : point) {
      std::size_t low = 0;
      std::size_t high = step;
      while (low < high) {
        step = low + (high - low) / 2;
        if (ask(point)) {
          high = step;
        } else {
          low = step + 1;
        }
      }
      step = high;
    }
    return point;
  }

  void split(const Point& cap, const Point& point) {
    for (std::size_t i = 0; i < cap.size(); ++i) {
      if (point[i] == 0) continue;
      Point next = cap;
      next[i] = point[i] - 1;
      if (seen_.insert(next).second) caps_.push_back(std::move(next));
    }
  }

  const std::function<bool(const Point&)>& holds_;
  std::size_t max_points_;
  std::size_t max_questions_;
  std::size_t questions_ = 0;
  std::vector<Point> found_;
  std::deque<Point> caps_;
  std::set<Point> seen_;
};

}  // namespace

std::vector<Point> minimal_points(std::span<const std::size_t> sizes,
                                  const std::function<bool(const Point&)>& holds, std::size_t max_points,
                                  std::size_t max_questions) {
  Point top;
  for (const std::size_t size : sizes) top.push_back(size - 1);
  return Search(holds, max_points, max_questions).run(std::move(top));
}

}  // namespace custody::policy::engine
