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
  for (const bool first : {true, false})
    for (const std::size_t i : moves.free()) {
      const space::Parameter& parameter = space.parameter(i);
      const bool is = mentioned.contains(parameter.name) ||
                      (!parameter.list.empty() && mentioned.contains(parameter.list));
      if (is == first) order_.push_back(i);
    }
}

bool Decisions::settle(Place& place, const std::vector<bool>& active) const {
  while (place.at < order_.size() && !active[order_[place.at]]) place = {place.at + 1};
  return place.at < order_.size();
}

std::size_t Decisions::width(const Place& place) const {
  const std::size_t i = order_[place.at];
  return moves_->is_categorical(i) ? static_cast<std::size_t>(moves_->size(i)) : 2;
}

std::size_t Decisions::child_of(const Place& place, const space::Point& point) const {
  const std::size_t i = order_[place.at];
  if (moves_->is_categorical(i)) return static_cast<std::size_t>(point[i]);
  return rank(i, point[i]) < halfway(place) ? 0 : 1;
}

void Decisions::take(Place& place, std::size_t child) const {
  const std::size_t i = order_[place.at];
  if (moves_->is_categorical(i)) {
    place = {place.at + 1};
    return;
  }
  const double middle = halfway(place);
  (child == 0 ? place.high : place.low) = middle;
  ++place.halvings;
  const double n = static_cast<double>(moves_->size(i));
  const bool single = n > 0.0 ? (place.high - place.low) * n < 1.5 : place.halvings >= kBisections;
  if (single) place = {place.at + 1};
}

void Decisions::take(Place& place, std::size_t child, space::Point& point, Rng& rng) const {
  const std::size_t parameter = order_[place.at];
  if (moves_->is_categorical(parameter)) {
    point[parameter] = static_cast<double>(child);
  } else {
    Place inside = place;
    (child == 0 ? inside.high : inside.low) = halfway(place);
    draw_inside(point, parameter, inside, rng);
  }
  take(place, child);
}

/// On a grid between two values.
double Decisions::halfway(const Place& place) const {
  const double n = static_cast<double>(moves_->size(order_[place.at]));
  const double middle = (place.low + place.high) / 2;
  return n > 0.0 ? std::round(middle * n) / n : middle;
}

/// A grid's entry by its number, so that the halves hold as many values (log integers own unequal cells).
double Decisions::rank(std::size_t parameter, double entry) const {
  const space::Scale& of = scales_[parameter];
  if (of.size() == 0) return entry;
  return (static_cast<double>(of.index(of.at(entry))) + 0.5) / static_cast<double>(of.size());
}

void Decisions::draw_inside(space::Point& point, std::size_t parameter, const Place& place, Rng& rng) const {
  const space::Scale& of = scales_[parameter];
  if (of.size() == 0) {
    point[parameter] = of.position(of.at(rng.uniform(place.low, place.high)));
    return;
  }
  const double n = static_cast<double>(of.size());
  const auto first = static_cast<std::int64_t>(std::llround(place.low * n));
  const auto last = std::max(first, static_cast<std::int64_t>(std::llround(place.high * n)) - 1);
  point[parameter] = of.position(of.draw(rng, first, last));
}

}  // namespace hone::search
