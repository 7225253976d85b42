#include "hone/search/decisions.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>

namespace hone::search {

Decisions::Decisions(const Moves& moves) : moves_(&moves) {
  const space::Space& space = moves.space();
  std::unordered_set<std::string> mentioned;
  for (const space::Parameter& parameter : space.parameters()) {
    scales_.emplace_back(parameter);
    if (!parameter.when) continue;
    for (const std::string& name : parameter.when.names()) mentioned.insert(name);
  }
  for (const bool first : {true, false}) {
    for (const std::size_t i : moves.free()) {
      const space::Parameter& parameter = space.parameter(i);
      const bool is = mentioned.contains(parameter.name) ||
                      (!parameter.list.empty() && mentioned.contains(parameter.list));
      if (is == first) order_.push_back(i);
    }
    if (first) n_first_ = order_.size();
  }
}

bool Decisions::settle(Place& place, const std::vector<bool>& active) const {
  place.left.resize(order_.size());
  // Once around what goes in rounds, and what came before.
  for (std::size_t passed = 0; passed <= order_.size(); ++passed) {
    if (place.at >= order_.size()) place.at = n_first_;
    if (place.at >= order_.size()) return false;
    if (active[order_[place.at]] && !place.left[place.at].decided) return true;
    ++place.at;
  }
  return false;
}

std::size_t Decisions::width(const Place& place) const {
  const std::size_t i = order_[place.at];
  return moves_->is_categorical(i) ? moves_->size(i) : 2;
}

std::size_t Decisions::child_of(const Place& place, const space::Point& point) const {
  const std::size_t i = order_[place.at];
  if (moves_->is_categorical(i)) return static_cast<std::size_t>(point[i]);
  return rank(i, point[i]) < halfway(i, place.left[place.at]) ? 0 : 1;
}

void Decisions::take(Place& place, std::size_t child) const {
  const std::size_t i = order_[place.at];
  Interval& left = place.left[place.at];
  if (moves_->is_categorical(i)) {
    left.decided = true;
  } else {
    const double middle = halfway(i, left);
    (child == 0 ? left.high : left.low) = middle;
    ++left.halvings;
    const double n = static_cast<double>(moves_->size(i));
    left.decided = n > 0.0 ? (left.high - left.low) * n < 1.5 : left.halvings >= kBisections;
  }
  // Conditions hang on the first ones: these are decided to their ends.
  if (place.at >= n_first_ || left.decided) ++place.at;
}

void Decisions::take(Place& place, std::size_t child, space::Point& point, Rng& rng) const {
  const std::size_t parameter = order_[place.at];
  if (moves_->is_categorical(parameter)) {
    point[parameter] = static_cast<double>(child);
  } else {
    Interval inside = place.left[place.at];
    (child == 0 ? inside.high : inside.low) = halfway(parameter, inside);
    draw_inside(point, parameter, inside, rng);
  }
  take(place, child);
}

/// On a grid between two values.
double Decisions::halfway(std::size_t parameter, const Interval& left) const {
  const double n = static_cast<double>(moves_->size(parameter));
  const double middle = (left.low + left.high) / 2;
  return n > 0.0 ? std::round(middle * n) / n : middle;
}

/// A grid's entry by its number, so that the halves hold as many values (log integers own unequal cells).
double Decisions::rank(std::size_t parameter, double entry) const {
  const space::Scale& of = scales_[parameter];
  if (of.size() == 0) return entry;
  return (static_cast<double>(of.index(of.at(entry))) + 0.5) / static_cast<double>(of.size());
}

void Decisions::draw_inside(space::Point& point, std::size_t parameter, const Interval& left,
                            Rng& rng) const {
  const space::Scale& of = scales_[parameter];
  if (of.size() == 0) {
    point[parameter] = of.position(of.at(rng.uniform(left.low, left.high)));
    return;
  }
  const double n = static_cast<double>(of.size());
  const auto first = static_cast<std::int64_t>(std::llround(left.low * n));
  const auto last = std::max(first, static_cast<std::int64_t>(std::llround(left.high * n)) - 1);
  point[parameter] = of.position(of.draw(rng, first, last));
}

}  // namespace hone::search
