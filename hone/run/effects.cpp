#include "hone/run/effects.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"

namespace hone::run {

using space::Point;

namespace {

constexpr std::size_t kMostLevels = 16;
constexpr std::size_t kBasePoints = 512;

/// Choices that ascend as numbers have an order.
bool ascending(const space::Parameter& parameter) {
  const double* before = nullptr;
  double last = 0.0;
  for (const Value& value : parameter.choices) {
    if (std::holds_alternative<std::string>(value) || std::holds_alternative<bool>(value)) return false;
    const double now = value_real(value);
    if (before != nullptr && now <= last) return false;
    last = now;
    before = &last;
  }
  return true;
}

/// Of the values in ascending order the one at `share` of the way, rounded down: one that occurs.
double value_below(std::vector<double> values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace

EffectModel::EffectModel(space::Space space, const std::vector<Observation>& observations, std::uint64_t seed)
    : space_(std::move(space)), seed_(seed) {
  std::vector<std::size_t> order(observations.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() > kMost) {
    Rng rng(seed_, "effects");
    for (std::size_t i = 0; i < kMost; ++i) std::swap(order[i], order[i + rng.below(order.size() - i)]);
    order.resize(kMost);
    std::sort(order.begin(), order.end());
  }
  for (const std::size_t i : order) {
    try {
      points_.push_back(space_.encode(*observations[i].config));
      values_.push_back(observations[i].value);
    } catch (const Error&) {
      // A trial that somebody enqueued from elsewhere, say: it tells nothing of this space.
    }
  }
  for (const auto& parameter : space_.parameters()) {
    const auto n = static_cast<std::size_t>(std::max<std::size_t>(1, parameter.choices.size()));
    const bool indexed =
        parameter.kind == space::ParameterKind::choice || parameter.kind == space::ParameterKind::flag;
    const std::size_t count = parameter.kind == space::ParameterKind::flag ? 2 : n;
    const bool ordered =
        indexed && (count > 64 || (parameter.kind == space::ParameterKind::choice && ascending(parameter)));
    features_.push_back({indexed && !ordered ? count : 0});
    shift_.push_back(ordered ? 0.5 : 0.0);
    scale_.push_back(ordered ? 1.0 / static_cast<double>(count) : 1.0);
  }
  if (points_.size() < kFewest) {
    lacking_ = fmt::format("{} trials have it; {} are needed", points_.size(), kFewest);
    return;
  }
  const double low = value_below(values_, 0.25), high = value_below(values_, 0.75);
  if (high > low)
    for (double& value : values_) {
      const double kept = std::clamp(value, low - 3.0 * (high - low), high + 3.0 * (high - low));
      if (kept != value) ++clipped_;
      value = kept;
    }
  if (std::all_of(values_.begin(), values_.end(), [&](double v) { return v == values_.front(); })) {
    lacking_ = "it is the same in all trials";
    return;
  }
  std::vector<predict::Row> rows;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    rows.push_back(row(points_[i]));
    Rng rng(seed_, "inactive", i);
    for (std::size_t f = 0; f < features_.size(); ++f)
      if (std::isnan(rows.back()[f]))
        rows.back()[f] = features_[f].categories > 0 ? static_cast<double>(rng.below(features_[f].categories))
                                                     : rng.uniform();
  }
  forest_ =
      std::make_shared<predict::Forest>(features_, rows, values_, predict::ForestOptions{.seed = seed_});
}

predict::Row EffectModel::row(const Point& point) const {
  predict::Row row = point;
  for (std::size_t f = 0; f < row.size(); ++f) row[f] = (row[f] + shift_[f]) * scale_[f];
  return row;
}

double EffectModel::predict(const space::Config& config) const {
  return forest_ ? forest_->predict(row(space_.encode(config))) : kNaN;
}

std::vector<std::pair<std::size_t, double>> EffectModel::path(const space::Config& from,
                                                              const space::Config& to, bool minimize) const {
  std::vector<std::pair<std::size_t, double>> steps;
  if (!forest_) return steps;
  predict::Row at = row(space_.encode(from));
  const predict::Row end = row(space_.encode(to));
  std::vector<std::size_t> left;
  for (std::size_t f = 0; f < at.size(); ++f)
    if (at[f] != end[f] && !(std::isnan(at[f]) && std::isnan(end[f]))) left.push_back(f);
  double now = forest_->predict(at);
  while (!left.empty()) {
    std::size_t best = 0;
    double best_value = 0.0;
    for (std::size_t k = 0; k < left.size(); ++k) {
      const double before = std::exchange(at[left[k]], end[left[k]]);
      const double value = forest_->predict(at);
      at[left[k]] = before;
      if (k == 0 || (minimize ? value < best_value : value > best_value)) {
        best = k;
        best_value = value;
      }
    }
    at[left[best]] = end[left[best]];
    steps.emplace_back(left[best], best_value - now);
    now = best_value;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return steps;
}

std::vector<Effect> EffectModel::effects(std::size_t most_totals, std::size_t most_shapes) const {
  std::vector<Effect> effects;
  if (!forest_) return effects;
  // Base points and, for each, the same with one entry drawn anew.
  std::vector<predict::Row> base(kBasePoints, predict::Row(features_.size())), other = base;
  Rng rng(seed_, "jansen");
  for (auto* rows : {&base, &other})
    for (auto& row : *rows)
      for (std::size_t f = 0; f < row.size(); ++f)
        row[f] = features_[f].categories > 0 ? static_cast<double>(rng.below(features_[f].categories))
                                             : rng.uniform();
  std::vector<double> at_base;
  double sum = 0.0, squares = 0.0;
  for (const auto* rows : {&base, &other})
    for (const auto& row : *rows) {
      const double value = forest_->predict(row);
      if (rows == &base) at_base.push_back(value);
      sum += value;
      squares += value * value;
    }
  const double n = 2.0 * kBasePoints, variance = squares / n - sum * sum / (n * n);
  std::vector<std::size_t> by_share(features_.size());
  for (std::size_t f = 0; f < features_.size(); ++f) {
    by_share[f] = f;
    Effect effect;
    effect.parameter = f;
    effect.active =
        std::count_if(points_.begin(), points_.end(), [f](const Point& p) { return !std::isnan(p[f]); });
    if (variance > 0.0)
      effect.share = std::min(1.0, predict::Forest::Marginal(*forest_, f).variance() / variance);
    effect.total = effect.share;
    effects.push_back(std::move(effect));
  }
  std::stable_sort(by_share.begin(), by_share.end(),
                   [&](std::size_t a, std::size_t b) { return effects[a].share > effects[b].share; });
  if (by_share.size() > most_totals) by_share.resize(most_totals);
  std::sort(by_share.begin(), by_share.end());
  for (const std::size_t f : by_share) {
    if (!(variance > 0.0)) break;
    double differences = 0.0;
    for (std::size_t i = 0; i < kBasePoints; ++i) {
      const double before = std::exchange(base[i][f], other[i][f]);
      const double change = forest_->predict(base[i]) - at_base[i];
      base[i][f] = before;
      differences += change * change;
    }
    effects[f].total =
        std::max(effects[f].share, std::min(1.0, differences / (2.0 * kBasePoints) / variance));
  }
  std::stable_sort(effects.begin(), effects.end(),
                   [](const Effect& a, const Effect& b) { return a.total > b.total; });

  // The shapes: parameters that are active in the same trials share a forest.
  std::map<std::vector<bool>, std::vector<std::size_t>> groups;
  for (std::size_t e = 0; e < std::min(effects.size(), most_shapes); ++e) {
    const std::size_t f = effects[e].parameter;
    effects[e].shape = levels(f);
    std::vector<bool> active;
    for (const Point& point : points_) active.push_back(!std::isnan(point[f]));
    groups[std::move(active)].push_back(e);
  }
  for (const auto& [active, members] : groups) {
    std::shared_ptr<const predict::Forest> forest = forest_;
    if (std::find(active.begin(), active.end(), false) != active.end()) {
      std::vector<predict::Row> rows;
      std::vector<double> values;
      for (std::size_t i = 0; i < points_.size(); ++i) {
        if (!active[i]) continue;
        rows.push_back(row(points_[i]));
        Rng draw(seed_, "inactive", i);
        for (std::size_t f = 0; f < features_.size(); ++f)
          if (std::isnan(rows.back()[f]))
            rows.back()[f] = features_[f].categories > 0
                                 ? static_cast<double>(draw.below(features_[f].categories))
                                 : draw.uniform();
        values.push_back(values_[i]);
      }
      forest = rows.size() < kFewest
                   ? nullptr
                   : std::make_shared<predict::Forest>(features_, rows, values,
                                                       predict::ForestOptions{.trees = 24, .seed = seed_});
    }
    for (const std::size_t e : members) {
      if (!forest) {
        effects[e].shape.clear();
        continue;
      }
      const std::size_t f = effects[e].parameter;
      const predict::Forest::Marginal marginal(*forest, f);
      for (auto& level : effects[e].shape) {
        const auto by_tree = marginal.at((level.position + shift_[f]) * scale_[f]);
        const auto trees = static_cast<double>(by_tree.size());
        level.mean = std::accumulate(by_tree.begin(), by_tree.end(), 0.0) / trees;
        double off = 0.0;
        for (const double value : by_tree) off += (value - level.mean) * (value - level.mean);
        level.spread = std::sqrt(off / trees);
      }
    }
  }
  return effects;
}

std::vector<Effect::Level> EffectModel::levels(std::size_t parameter) const {
  // A point at which the parameter is active, so that its values can be decoded.
  const auto found =
      std::find_if(points_.begin(), points_.end(), [&](const Point& p) { return !std::isnan(p[parameter]); });
  if (found == points_.end()) return {};
  Point point = *found;
  for (double& entry : point)  // what another value makes active needs an entry, too
    if (std::isnan(entry)) entry = 0.0;
  const std::string& name = space_.parameter(parameter).name;
  std::vector<Effect::Level> levels;
  const auto add = [&](double position) {
    point[parameter] = position;
    const space::Config config = space_.decode(point);
    const Value* value = config.find(name);
    if (value != nullptr && (levels.empty() || levels.back().value != *value))
      levels.push_back({*value, space_.encode(config)[parameter]});
  };
  const auto& choices = space_.parameter(parameter);
  if (choices.kind == space::ParameterKind::choice || choices.kind == space::ParameterKind::flag) {
    const std::size_t n = choices.kind == space::ParameterKind::flag ? 2 : choices.choices.size();
    for (std::size_t k = 0; k < n; ++k) add(static_cast<double>(k));
  } else {
    constexpr int kFine = 256;
    for (int k = 0; k < kFine && levels.size() <= kMostLevels; ++k) add((k + 0.5) / kFine);
    if (levels.size() > kMostLevels) {
      levels.clear();
      for (std::size_t k = 0; k < kMostLevels; ++k)
        add((static_cast<double>(k) + 0.5) / static_cast<double>(kMostLevels));
    }
  }
  for (const Point& observed : points_) {
    if (std::isnan(observed[parameter])) continue;
    const auto nearest = std::min_element(levels.begin(), levels.end(), [&](const auto& a, const auto& b) {
      return std::abs(a.position - observed[parameter]) < std::abs(b.position - observed[parameter]);
    });
    if (nearest != levels.end()) ++nearest->trials;
  }
  return levels;
}

Measured measured(const study::Study& study, const std::string& measure) {
  Measured found;
  std::map<std::int64_t, std::int64_t> at;  // trials by fidelity
  std::int64_t before = 0;
  for (const study::Trial& trial : study.trials()) {
    if (trial.state == study::TrialState::deleted) continue;
    bool has = false;
    if (const auto cost = trial.costs.find(measure); cost && std::isfinite(*cost)) {
      ++before;
      has = true;
    }
    for (const auto& result : trial.results)
      if (const auto value = result.measures.find(measure); value && std::isfinite(*value)) {
        ++at[result.fidelity];
        has = true;
      }
    found.trials += has ? 1 : 0;
  }
  if (2 * before < found.trials)
    for (const auto& [fidelity, trials] : at)
      if (2 * trials >= found.trials || trials >= 1000 || found.fidelity == 0) found.fidelity = fidelity;
  for (const study::Trial& trial : study.trials()) {
    if (trial.state == study::TrialState::deleted) continue;
    std::optional<double> value;
    if (found.fidelity == 0) {
      value = trial.costs.find(measure);
    } else if (const auto* result = trial.at(found.fidelity); result != nullptr) {
      value = result->measures.find(measure);
    }
    if (value && std::isfinite(*value)) found.observations.push_back({&trial.config, *value});
  }
  return found;
}

}  // namespace hone::run
