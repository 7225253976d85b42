// How often what has to be computed holds: remainders, quotients, bits of where loops stand.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kMostLooked = 4096;  // iterations, of all loops together
constexpr std::size_t kMostEntering = 32;  // values that a condition is computed of, in each

/// Of points that are spread over the iterations of several loops where one of the loops stands: multiples of
/// numbers that no fraction is.
double spread(std::size_t point, std::size_t loop) {
  static constexpr double kSteps[] = {0.4142135624, 0.7320508076, 0.2360679775, 0.6457513111,
                                      0.3166247904, 0.6055512755, 0.1231056256, 0.3588989435};
  const double position = (static_cast<double>(point) + 0.5) * kSteps[loop % std::size(kSteps)];
  return position - std::floor(position);
}

/// All hold, in each place; NaN where that is not known.
void both_hold(std::vector<double>& all, const std::vector<double>& one) {
  for (std::size_t k = 0; k < all.size(); ++k)
    all[k] = all[k] == 0.0 || one[k] == 0.0 ? 0.0 : all[k] * one[k];
}

/// What of places weighs where something holds there; none where that is not known.
std::optional<double> weighed(const std::vector<double>& holds, const std::vector<double>& weights) {
  double all = 0.0, held = 0.0;
  for (std::size_t k = 0; k < holds.size(); ++k) {
    if (weights[k] == 0.0) continue;
    if (std::isnan(holds[k])) return std::nullopt;
    all += weights[k];
    held += weights[k] * holds[k];
  }
  if (!(all > 0.0)) return std::nullopt;
  return held / all;
}

}  // namespace

/// How often all that is computed for a condition holds where the rest of it does: looking at all iterations
/// of the loops that decide it, or at many, else at the sample points. None where it is not known.
std::optional<double> NestBuilder::share_computed(const Condition& condition, At at) {
  if (condition.computed.empty()) return 1.0;
  Entering entering;
  std::vector<const Computed*> looked_at, others;
  for (const Computed& one : condition.computed) (enters(one, entering) ? looked_at : others).push_back(&one);
  double share = 1.0;
  if (!looked_at.empty()) {
    if (const std::optional<double> found = in_iterations(entering, looked_at, condition, at))
      share = *found;
    else  // of what a call gave only the sample points are known
      others.insert(others.end(), looked_at.begin(), looked_at.end());
  }
  if (others.empty()) return share;
  Points sampled(samples_, 1.0);
  for (const Computed* one : others) both_hold(sampled, truth(*one));
  Points weights = shown(at);
  if (at.loop >= 0)
    for (std::size_t s = 0; s < samples_; ++s) weights[s] *= weights_[static_cast<std::size_t>(at.loop)][s];
  const std::optional<double> found = weighed(sampled, weights);
  if (!found) return std::nullopt;
  // What no sample shows may be rare, and is not never.
  const double rare = 0.5 / static_cast<double>(samples_);
  return share * std::clamp(*found, rare, 1.0 - rare);
}

/// Where it holds, at the sample points.
NestBuilder::Points NestBuilder::truth(const Computed& one) {
  if (one.map < 0) {
    Points points = this->points(one.literal.value);
    for (double& point : points)
      if (!std::isnan(point)) point = (point != 0.0) == one.literal.holds ? 1.0 : 0.0;
    return points;
  }
  Points points = this->points(module_.maps[static_cast<std::size_t>(one.map)], one.result,
                               this->points(span_of(one.operands)));
  for (double& point : points)
    if (!std::isnan(point)) point = (one.zero ? point == 0.0 : point >= 0.0) ? 1.0 : 0.0;
  return points;
}

/// Where all that is computed of what is held holds; NaN where that is not known.
NestBuilder::Points NestBuilder::truth(const Held& held) {
  Points all(samples_, 1.0);
  for (const Computed& one : held.computed) both_hold(all, truth(one));
  return all;
}

/// Adds the loops that decide it, and the sums of where they stand of which it is computed. False: something
/// else enters, too.
bool NestBuilder::enters(const Computed& one, Entering& entering) {
  Entering all = entering;
  Few<int> left = one.operands, seen;
  if (one.map < 0) left.push_back(one.literal.value);
  while (!left.empty()) {
    const int value = left.back();
    left.pop_back();
    if (module_.constant(value) != kDynamic || std::find(seen.begin(), seen.end(), value) != seen.end())
      continue;
    seen.push_back(value);
    if (seen.size() > kMostEntering) return false;
    if (const int loop = counts_from(value); loop >= 0) {
      if (!nest_.loops[static_cast<std::size_t>(loop)].known) return false;
      if (std::find(all.loops.begin(), all.loops.end(), loop) == all.loops.end()) all.loops.push_back(loop);
      all.values.push_back(value);
      for (const Bound* bound : {&begins_.at(loop)->lower, &begins_.at(loop)->step})
        left.insert(left.end(), bound->operands.begin(), bound->operands.end());
      continue;
    }
    const Nest::Index& index = this->index(value);
    if (index.exact && !index.indirect && index.unknown == Nest::kNoValue && index.offset == 0 &&
        is_sum(index)) {
      for (const auto& [loop, step] : index.terms) {
        const Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
        if (!made.known || !(made.most >= 1.0)) return false;
        if (std::find(all.loops.begin(), all.loops.end(), loop) == all.loops.end()) all.loops.push_back(loop);
      }
      all.values.push_back(value);
      continue;
    }
    const Operation* operation = definer(value);
    if (operation == nullptr || operation->operands.empty()) return false;
    left.insert(left.end(), operation->operands.begin(), operation->operands.end());
    if (operation->regions.empty()) continue;
    if (!gives_a_side(*operation)) return false;
    const auto at = static_cast<std::size_t>(
        std::find(operation->results.begin(), operation->results.end(), value) - operation->results.begin());
    for (const int side : operation->regions) left.push_back(ended_with(side, at));
  }
  entering = std::move(all);
  return true;
}

std::optional<double> NestBuilder::in_iterations(const Entering& entering,
                                                 std::span<const Computed* const> list,
                                                 const Condition& condition, At at) {
  Around around = this->around(at.under);
  around.all.insert(around.all.end(), condition.all.begin(), condition.all.end());
  around.not_all.insert(around.not_all.end(), condition.not_all.begin(), condition.not_all.end());
  // Of all that is around, of what shares loops with it, of it alone: what has few enough iterations.
  std::optional<Grid> grid;
  for (std::size_t tried = SIZE_MAX; const bool lengths : {true, false}) {
    Few<int> loops = entering.loops;
    bind(around, loops, lengths);
    if (!grid && loops.size() < tried) grid = this->grid(span_of(loops), at, false);
    tried = loops.size();
  }
  if (!grid) grid = this->grid(span_of(entering.loops), at, false);
  const bool every = grid.has_value();
  if (!every) {
    if (std::ranges::any_of(entering.loops,
                            [&](int loop) { return !nest_.loops[static_cast<std::size_t>(loop)].fixed; }))
      return std::nullopt;
    grid.emplace().weights.assign(kMostLooked, 1.0);
    for (const int loop : entering.loops) {
      Points here(kMostLooked);
      for (std::size_t k = 0; k < kMostLooked; ++k)
        here[k] =
            std::floor(spread(k, grid->stands.size()) * nest_.loops[static_cast<std::size_t>(loop)].most);
      grid->stands.emplace_back(loop, std::move(here));
    }
  }
  Points holds(grid->weights.size(), 1.0);
  in_grid(*grid, span_of(entering.values), [&] {
    for (const Computed* one : list) both_hold(holds, truth(*one));
  });
  // Of all else that holds there what the same loops decide.
  Points& weights = grid->weights;
  const Points alone = weights;
  leave_around(around, *grid);
  if (std::ranges::all_of(weights, [](double weight) { return weight == 0.0; })) weights = alone;
  std::optional<double> found = weighed(holds, weights);
  const double rare = every ? 0.0 : 0.5 / static_cast<double>(weights.size());
  if (found) found = std::clamp(*found, rare, 1.0 - rare);
  return found;
}

}  // namespace hone::cost::mlir
