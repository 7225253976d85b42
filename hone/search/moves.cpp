#include "hone/search/moves.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

namespace hone::search {

using space::Config;
using space::ParameterKind;
using space::Point;

namespace {

/// Redrawing so many times an ever larger part, before all is drawn.
constexpr int kRepairs = 48;

void shuffle(std::vector<std::size_t>& items, Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

}  // namespace

Moves::Moves(space::Space space) : space_(std::move(space)) {
  for (std::size_t i = 0; i < space_.size(); ++i) {
    const space::Parameter& parameter = space_.parameter(i);
    scales_.emplace_back(parameter);
    const bool categorical = parameter.kind == ParameterKind::choice || parameter.kind == ParameterKind::flag;
    kinds_.push_back({categorical, parameter.kind == ParameterKind::ordinal, parameter.cardinality()});
    if (parameter.same_as.empty() && kinds_.back().size != 1) free_.push_back(i);
  }
}

Point Moves::draw(Rng& rng) const { return filled(space_.sample(rng), rng); }

Point Moves::filled(const Config& config, Rng& rng) const {
  Point point = space_.encode(config);
  for (std::size_t i = 0; i < point.size(); ++i)
    if (std::isnan(point[i])) point[i] = scales_[i].position(scales_[i].draw(rng));
  return point;
}

void Moves::redraw(Point& point, std::size_t parameter, Rng& rng) const {
  const Kind& kind = kinds_[parameter];
  if (kind.size == 1) return;
  if (kind.categorical) {
    const auto others = static_cast<std::uint64_t>(kind.size - 1);
    const auto drawn = static_cast<double>(rng.below(others));
    point[parameter] = drawn < point[parameter] ? drawn : drawn + 1.0;
    return;
  }
  for (int tries = 0; tries < 64; ++tries) {
    const double drawn = scales_[parameter].position(scales_[parameter].draw(rng));
    if (drawn == point[parameter]) continue;
    point[parameter] = drawn;
    return;
  }
}

void Moves::step(Point& point, std::size_t parameter, double sigma, Rng& rng) const {
  const Kind& kind = kinds_[parameter];
  if (kind.categorical || kind.size == 1) return redraw(point, parameter, rng);
  double moved = point[parameter] + sigma * rng.normal();
  while (moved < 0.0 || moved > 1.0) moved = moved < 0.0 ? -moved : 2.0 - moved;
  double settled = position(parameter, moved);
  if (kind.size > 0 && settled == position(parameter, point[parameter])) {
    const auto k = scales_[parameter].index(scales_[parameter].at(point[parameter]));
    const bool up = k == 0 || (k + 1 < kind.size && rng.below(2) == 0);
    settled = scales_[parameter].position(scales_[parameter].value(up ? k + 1 : k - 1));
  }
  point[parameter] = settled;
}

double Moves::position(std::size_t parameter, double entry) const {
  return scales_[parameter].position(scales_[parameter].at(entry));
}

void Moves::snap(Point& point) const {
  for (const std::size_t i : free_) point[i] = position(i, point[i]);
}

bool Moves::is_coarse() const {
  constexpr std::int64_t kFew = 64;
  return std::all_of(free_.begin(), free_.end(),
                     [&](std::size_t i) { return kinds_[i].size > 0 && kinds_[i].size <= kFew; });
}

std::vector<bool> Moves::active(const Point& point) const {
  return space_.has_conditions() ? space_.active(point) : std::vector<bool>(point.size(), true);
}

std::optional<Config> Moves::config(const Point& point) const {
  Config config = space_.decode(point);
  if (!space_.feasible(config)) return std::nullopt;
  return config;
}

Config Moves::settle(Point& point, const Point* origin, Rng& rng) const {
  if (auto found = config(point)) return std::move(*found);
  // What differs in inactive entries alone is no move.
  const Config left = origin != nullptr ? space_.decode(*origin) : Config();
  const auto moved = [&](const Point& to) {
    auto found = config(to);
    if (found && origin != nullptr && *found == left) found.reset();
    return found;
  };
  if (origin != nullptr) {
    std::vector<std::size_t> changed;
    for (const std::size_t i : free_)
      if (point[i] != (*origin)[i]) changed.push_back(i);
    shuffle(changed, rng);
    Point trial = point;
    // The last one would be the origin itself.
    for (std::size_t k = 0; k + 1 < changed.size(); ++k) {
      trial[changed[k]] = (*origin)[changed[k]];
      if (auto found = moved(trial)) {
        point = std::move(trial);
        return std::move(*found);
      }
    }
  }
  std::vector<std::size_t> order = free_;
  for (int tries = 0; tries < kRepairs; ++tries) {
    Point trial = origin != nullptr && tries % 2 == 1 ? *origin : point;
    shuffle(order, rng);
    const std::size_t n = std::min(order.size(), static_cast<std::size_t>(1 + tries / 8));
    for (std::size_t k = 0; k < n; ++k) redraw(trial, order[k], rng);
    if (auto found = moved(trial)) {
      point = std::move(trial);
      return std::move(*found);
    }
  }
  Config drawn = space_.sample(rng);
  point = filled(drawn, rng);
  return drawn;
}

std::vector<Config> Moves::neighbours(const Config& config, Rng& rng, int draws) const {
  const Point origin = filled(config, rng);
  const std::vector<bool> active = this->active(origin);
  std::vector<Config> found;
  std::unordered_set<Key> known{config.key()};
  const auto offer = [&](const Point& point) {
    if (auto neighbour = this->config(point); neighbour && known.insert(neighbour->key()).second)
      found.push_back(std::move(*neighbour));
  };
  for (const std::size_t i : free_) {
    if (!active[i]) continue;
    Point point = origin;
    const Kind& kind = kinds_[i];
    if (kind.categorical) {
      for (std::int64_t k = 0; k < kind.size; ++k) {
        point[i] = static_cast<double>(k);
        if (point[i] != origin[i]) offer(point);
      }
    } else if (kind.ordinal) {
      const auto k = scales_[i].index(scales_[i].at(origin[i]));
      for (const std::int64_t next : {k - 1, k + 1}) {
        if (next < 0 || next >= kind.size) continue;
        point[i] = scales_[i].position(scales_[i].value(next));
        offer(point);
      }
    } else {
      for (int draw = 0; draw < draws; ++draw) {
        point[i] = origin[i];
        step(point, i, 0.2, rng);
        offer(point);
      }
    }
  }
  for (std::size_t i = found.size(); i > 1; --i) std::swap(found[i - 1], found[rng.below(i)]);
  return found;
}

}  // namespace hone::search
