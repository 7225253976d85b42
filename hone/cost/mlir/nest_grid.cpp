// All iterations of the loops that decide a condition, each as often as the walk comes by in it.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

constexpr std::size_t kMostInGrid = 4096;                   // iterations, of all loops together
constexpr std::size_t kMostInFunction = 192 * kMostInGrid;  // ... of all grids of a function
constexpr std::size_t kComputed = 8;  // iterations that take as long as one in which something is computed
/// Parts of an entry of which ends and middle alone are looked at, where all iterations are too many.
constexpr double kParts[] = {8.0, 2.0, 1.0};

/// Points of a grid for an entry of that many iterations, at most.
double points_of(double trips, double parts) { return std::min(trips, 4.0 * parts); }

/// Calls `add` with iterations of an entry and how many each stands for: with all of them, or of parts of it
/// with the ends and what is in the middle, as Simpson's rule has it. What is a polynomial of third degree in
/// the iteration comes to the same, so what such loops inside loops add up to does.
template <typename Add>
void each_iteration(double trips, double parts, Add add) {
  parts = std::min(trips, parts);
  for (double part = 0.0; part < parts; ++part) {
    const double from = std::floor(part * trips / parts), to = std::floor((part + 1.0) * trips / parts);
    const double n = to - from, middle = from + std::floor((n - 1.0) / 2.0);
    if (n == 1.0 || n == 2.0) {
      for (double at = from; at < to; ++at) add(at, 1.0);
      continue;
    }
    const bool odd = std::fmod(n, 2.0) == 1.0;
    const double ends = odd ? n * (n + 1.0) / (6.0 * (n - 1.0)) : (n + 2.0) / 6.0;
    add(from, ends);
    add(middle, odd ? n - 2.0 * ends : (n - 1.0) / 3.0);
    if (!odd) add(middle + 1.0, (n - 1.0) / 3.0);
    add(to - 1.0, ends);
  }
}

}  // namespace

std::vector<double> Grid::sum(const Nest::Index& index) const {
  std::vector<double> points(weights.size(), index.constant);
  for (const auto& [loop, step] : index.terms)
    for (const auto& [of, here] : stands)
      for (std::size_t k = 0; of == loop && k < points.size(); ++k) points[k] += step * here[k];
  return points;
}

bool Grid::has(int loop) const {
  return std::ranges::any_of(stands, [&](const auto& one) { return one.first == loop; });
}

bool Grid::decides(const Condition::Constraint& one) const {
  return std::ranges::all_of(one.difference.terms, [&](const auto& term) { return has(term.first); });
}

void Grid::leave(std::span<const Condition::Constraint> list, std::vector<double>& weighed) const {
  for (const Condition::Constraint& one : list) {
    const std::vector<double> difference = sum(one.difference);
    for (std::size_t k = 0; k < weighed.size(); ++k)
      if (!one.holds(difference[k])) weighed[k] = 0.0;
  }
}

/// Does something with values_ as they are at the points of a grid instead of the sample points.
void NestBuilder::in_grid(const Grid& grid, std::span<const int> known, const std::function<void()>& look) {
  if (!narrowed_.empty()) settle();
  std::unordered_map<int, Points> values;
  for (const int value : known)
    if (counts_from(value) < 0) values[value] = grid.sum(index(value));
  values_.swap(values);
  const auto around = std::exchange(values_around_, {});
  const std::size_t samples = std::exchange(samples_, grid.weights.size());
  for (const auto& [loop, here] : grid.stands) {
    const auto begins = begins_.find(loop);
    if (begins == begins_.end() || std::ranges::count(known, begins->second->variable) == 0) continue;
    bool told = true;  // else it is NaN
    Points at = points(begins->second->lower, true, told);
    const Points step = points(begins->second->step, true, told);
    for (std::size_t k = 0; k < at.size(); ++k) at[k] += here[k] * std::max(1.0, step[k]);
    values_[begins->second->variable] = std::move(at);
  }
  look();
  samples_ = samples;
  values_around_ = around;
  values_.swap(values);
}

/// The loop of which a value is the variable, where no sum says what that is; -1: it is no such.
int NestBuilder::counts_from(int value) const {
  for (auto one = begins_.rbegin(); value >= 0 && one != begins_.rend(); ++one)
    if (one->second->variable == value) return one->first;
  return -1;
}

/// Whether a sum says all of where it is: none of a loop's variable that begins at the most of several, say.
bool NestBuilder::is_sum(const Nest::Index& index) const {
  return std::ranges::none_of(
      index.terms, [&](const auto& term) { return term.second != 0.0 && begins_.contains(term.first); });
}

/// Iterations of an entry of a loop that is written as one.
std::optional<NestBuilder::Points> NestBuilder::trips(const Loop& loop) {
  bool known = true;
  const Points lower = points(loop.lower, true, known), upper = points(loop.upper, false, known);
  const Points step = points(loop.step, true, known);
  if (!known) return std::nullopt;
  Points trips(samples_);
  for (std::size_t s = 0; s < samples_; ++s)
    trips[s] = std::max(0.0, std::ceil((upper[s] - lower[s]) / std::max(1.0, step[s])));
  return trips;
}

/// Loops that the length of a loop depends on, and values that it is computed of; false: that is not known.
bool NestBuilder::length_of(int loop, Entering& entering) {
  const auto found = lengths_.find(loop);
  return found != lengths_.end() && std::ranges::all_of(found->second.bounds, [&](int bound) {
           return enters({.literal = {bound, true}}, entering);
         });
}

/// Iterations of an entry of a loop at each point of a grid of all loops that its length depends on.
std::optional<NestBuilder::Points> NestBuilder::lengths(int loop, const Grid& grid) {
  const Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
  if (made.fixed || !made.known) return Points(grid.weights.size(), made.most);
  Entering entering;
  if (!length_of(loop, entering)) return std::nullopt;
  std::optional<Points> trips;
  in_grid(grid, span_of(entering.values), [&] { trips = lengths_.at(loop).trips(); });
  return trips;
}

/// Of loops around `at`, those that the lengths of loops around it tie them to among them. None where they
/// have too many iterations, or where it is not known how many. `tied`: nor where no length depends on one.
/// `parts`: where there are too many, those are enough that stand for some.
std::optional<Grid> NestBuilder::grid(std::span<const int> deciding, At at, bool tied, bool parts) {
  using Needed = Grid::Link::Needed;
  std::vector<Grid::Link> chain;
  for (int loop = at.loop; loop >= 0; loop = nest_.loops[static_cast<std::size_t>(loop)].parent)
    chain.push_back({loop});
  std::reverse(chain.begin(), chain.end());
  const auto of = [&](int loop) {
    return std::ranges::find_if(chain, [&](const Grid::Link& one) { return one.loop == loop; });
  };
  for (const int loop : deciding) {
    if (of(loop) == chain.end() || !nest_.loops[static_cast<std::size_t>(loop)].known) return std::nullopt;
    of(loop)->needed = Needed::each;
  }
  for (Grid::Link& one : chain) {
    const Nest::Loop& made = nest_.loops[static_cast<std::size_t>(one.loop)];
    if (made.fixed || !made.known) continue;
    Entering entering;
    if (length_of(one.loop, entering))
      one.by = entering.loops;
    else if (one.needed == Needed::each)
      return std::nullopt;
  }
  bool ties = false;
  for (bool more = true; std::exchange(more, false);)
    for (Grid::Link& one : chain) {
      const auto each = [&](int loop) { return of(loop) != chain.end() && of(loop)->needed == Needed::each; };
      if (one.needed == Needed::no && std::ranges::any_of(one.by, each)) one.needed = Needed::length;
      if (one.needed == Needed::no) continue;
      ties = ties || !one.by.empty();
      for (const int loop : one.by) {
        if (of(loop) == chain.end()) return std::nullopt;
        more = more || !each(loop);
        of(loop)->needed = Needed::each;
      }
    }
  if (tied && !ties) return std::nullopt;
  for (Grid::Link& one : chain)
    if (parts && one.needed == Needed::each) one.needed = Needed::parts;
  double all = 1.0;
  for (const Grid::Link& one : chain)
    if (const Nest::Loop& made = nest_.loops[static_cast<std::size_t>(one.loop)];
        one.needed == Needed::each && made.fixed)
      all *= made.most;
  if (all > static_cast<double>(kMostInGrid) || looked_at_ > kMostInFunction) return std::nullopt;
  // How often the walk comes by in them may depend on further loops, whose lengths these tell.
  if (std::vector<Grid::Link> further = chain; this->further(further)) {
    if (std::optional<Grid> grid = iterations(further, static_cast<double>(kMostInGrid))) return grid;
    for (const double most : kParts)
      if (std::optional<Grid> grid = iterations(further, most)) return grid;
  }
  std::optional<Grid> grid = iterations(chain, static_cast<double>(kMostInGrid));
  for (const double most : kParts)
    if (parts && !grid) grid = iterations(chain, most);
  return grid;
}

/// Makes a loop's entries as long at the mean as they are in all iterations of the loops that its length
/// depends on, or in parts of them, where what is around holds: sample points are some way off where loops
/// whose entries differ are inside each other.
void NestBuilder::weigh(int loop, At at) {
  Entering entering;
  if (samples_ == 1 || !lengths_.contains(loop) || !length_of(loop, entering)) return;
  const Around around = this->around(at.under);
  for (const Held* one : around.computed) {
    Entering all;
    for (const Computed& computed : one->computed)
      if (!enters(computed, all)) return;
  }
  std::swap(looked_at_, weighed_);
  Few<int> loops = entering.loops;
  bind(around, loops, true);
  std::optional<Grid> grid = this->grid(span_of(loops), at, false, at.under < 0);
  if (grid) leave_around(around, *grid);
  const bool left = looked_at_ <= kMostInFunction;
  std::swap(looked_at_, weighed_);
  const std::optional<Points> trips = grid && left ? lengths(loop, *grid) : std::nullopt;
  if (!trips) return;
  double entries = 0.0, iterations = 0.0;
  for (std::size_t k = 0; k < trips->size(); ++k)
    entries += grid->weights[k], iterations += grid->weights[k] * (*trips)[k];
  Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
  const double mean = iterations / entries;
  if (!(entries > 0.0) || !std::isfinite(mean) || std::abs(mean - made.trips) <= 1e-12 * mean) return;
  Points& weights = weights_[static_cast<std::size_t>(loop)];
  for (double& weight : weights)
    weight = std::min(Nest::kMost, made.trips > 0.0 ? weight * (mean / made.trips) : made.entries * mean);
  made.trips = mean;
  made.iterations = std::min(Nest::kMost, made.entries * mean);
}

/// Adds loops to a chain whose lengths depend on those whose lengths depend on what decides. False where
/// there are none, or where something else enters.
bool NestBuilder::further(std::span<Grid::Link> chain) {
  using Needed = Grid::Link::Needed;
  const auto of = [&](int loop) {
    return std::ranges::find_if(chain, [&](const Grid::Link& one) { return one.loop == loop; });
  };
  bool found = false;
  for (bool more = true; std::exchange(more, false);)
    for (Grid::Link& one : chain) {
      if (std::ranges::any_of(one.by, [&](int loop) { return of(loop) == chain.end(); })) {
        if (one.needed != Needed::no) return false;
        continue;
      }
      if (one.needed == Needed::no &&
          std::ranges::any_of(one.by, [&](int loop) { return of(loop)->needed != Needed::no; }))
        one.needed = Needed::length;
      if (one.needed == Needed::no) continue;
      for (const int loop : one.by) {
        if (of(loop)->needed >= Needed::parts) continue;
        of(loop)->needed = Needed::parts;
        found = more = true;
      }
    }
  return found;
}

/// All iterations of a chain, of loops that are needed in parts those of so many.
std::optional<Grid> NestBuilder::iterations(std::span<const Grid::Link> chain, double parts) {
  using Needed = Grid::Link::Needed;
  Grid grid;
  grid.weights = {1.0};
  for (const Grid::Link& one : chain) {
    if (one.needed == Needed::no) continue;
    const std::optional<Points> trips = lengths(one.loop, grid);
    if (!trips) return std::nullopt;
    if (one.needed == Needed::length) {
      for (std::size_t k = 0; k < trips->size(); ++k) grid.weights[k] *= (*trips)[k];
      continue;
    }
    const double most = one.needed == Needed::parts ? parts : static_cast<double>(kMostInGrid);
    double all = 0.0;
    for (const double length : *trips) all += points_of(length, most);
    if (!(all >= 1.0 && all <= static_cast<double>(kMostInGrid))) return std::nullopt;
    Grid next;
    for (const auto& [loop, here] : grid.stands)
      next.stands.emplace_back(loop, Points()).second.reserve(static_cast<std::size_t>(all));
    Points own;
    own.reserve(static_cast<std::size_t>(all));
    next.weights.reserve(static_cast<std::size_t>(all));
    for (std::size_t k = 0; k < trips->size(); ++k)
      each_iteration((*trips)[k], most, [&](double iteration, double times) {
        for (std::size_t i = 0; i < grid.stands.size(); ++i)
          next.stands[i].second.push_back(grid.stands[i].second[k]);
        own.push_back(iteration);
        next.weights.push_back(grid.weights[k] * times);
      });
    next.stands.emplace_back(one.loop, std::move(own));
    grid = std::move(next);
    looked_at_ += grid.weights.size();
  }
  return grid;
}

/// Loops that a loop's length depends on, the loops that theirs depend on, and itself.
Few<int> NestBuilder::tied_to(int loop) {
  Few<int> tied{loop};
  for (std::size_t k = 0; k < tied.size(); ++k) {
    Entering entering;
    if (nest_.loops[static_cast<std::size_t>(tied[k])].fixed || !length_of(tied[k], entering)) continue;
    for (const int by : entering.loops)
      if (std::find(tied.begin(), tied.end(), by) == tied.end()) tied.push_back(by);
  }
  return tied;
}

/// Adds the loops that what is around ties to loops; by `lengths`, too: where the length of a loop depends on
/// one of them, or on what one of theirs does. Whether there is something that no single loop decides.
bool NestBuilder::bind(const Around& around, Few<int>& loops, bool lengths) {
  bool joint = false;
  std::map<int, Few<int>> tied;  // by loop
  Few<int> all;                  // what `loops` are tied to
  const auto in = [](const Few<int>& list, int loop) {
    return std::find(list.begin(), list.end(), loop) != list.end();
  };
  const auto has = [&](int loop) { return in(loops, loop); };
  const auto ties = [&](int loop) -> const Few<int>& {
    const auto [found, fresh] = tied.try_emplace(loop);
    if (fresh) found->second = tied_to(loop);
    return found->second;
  };
  const auto tie = [&](int loop) {
    if (!lengths) return;
    for (const int by : ties(loop))
      if (!in(all, by)) all.push_back(by);
  };
  const auto bound = [&](int loop) {
    return has(loop) || (lengths && std::ranges::any_of(ties(loop), [&](int by) { return in(all, by); }));
  };
  const auto add = [&](int loop) {
    if (has(loop)) return;
    loops.push_back(loop);
    tie(loop);
  };
  const auto binds = [&](const Constraint& one) {
    return std::ranges::any_of(one.difference.terms, [&](const auto& term) { return bound(term.first); });
  };
  const auto take = [&](const Constraint& one) {
    const auto& terms = one.difference.terms;
    joint = joint || !share(one) ||
            std::ranges::none_of(terms, [&](const auto& term) { return has(term.first); });
    for (const auto& [loop, step] : terms) add(loop);
  };
  std::vector<Few<int>> entering;  // by what is computed
  for (const Held* one : around.computed) {
    Entering enters;
    bool known = true;
    for (const Computed& computed : one->computed) known = known && this->enters(computed, enters);
    entering.push_back(known ? enters.loops : Few<int>());
  }
  if (!around.all.empty() || !around.not_all.empty() || !entering.empty())
    for (const int loop : Few<int>(loops)) tie(loop);
  for (std::size_t before = 0; before != loops.size();) {
    before = loops.size();
    for (const Constraint& one : around.all)
      if (binds(one)) take(one);
    for (const std::vector<Constraint>& constraints : around.not_all)
      if (std::ranges::any_of(constraints, binds)) std::ranges::for_each(constraints, take);
    for (std::size_t k = 0; k < entering.size(); ++k) {
      if (std::ranges::none_of(entering[k], bound)) continue;
      joint = true;
      std::ranges::for_each(entering[k], add);
      if (!around.computed[k]->all) std::ranges::for_each(around.computed[k]->list, take);
    }
  }
  return joint;
}

/// How often all of a list hold where what is around does, looking at all iterations of the loops that decide
/// it. None where single loops of their own decide it, and where there are too many.
std::optional<double> NestBuilder::share_of_all(std::span<const Constraint> list, At at) {
  const Around around = this->around(at.under);
  Few<int> own;
  bool several = false;
  for (const Constraint& one : list) {
    for (const auto& [loop, step] : one.difference.terms)
      if (std::find(own.begin(), own.end(), loop) == own.end()) own.push_back(loop);
    several = several || !share(one);
  }
  if (own.empty()) return std::nullopt;
  Few<int> loops = own;
  bool joint = bind(around, loops, true) || several;
  std::optional<Grid> grid = this->grid(span_of(loops), at, !joint);
  if (Few<int> fewer = own; !grid && loops.size() > own.size()) {
    joint = bind(around, fewer, false) || several;
    if (fewer.size() < loops.size()) grid = this->grid(span_of(fewer), at, !joint);
  }
  if (!grid) return std::nullopt;
  leave_around(around, *grid);
  Points holds = grid->weights;
  grid->leave(list, holds);
  double all = 0.0, held = 0.0;
  for (std::size_t k = 0; k < holds.size(); ++k) all += grid->weights[k], held += holds[k];
  if (!(all > 0.0)) return std::nullopt;
  return held / all;
}

/// Leaves of a grid what holds around.
void NestBuilder::leave_around(const Around& around, Grid& grid) {
  for (const Constraint& one : around.all)
    if (grid.decides(one)) grid.leave({&one, 1}, grid.weights);
  for (const std::vector<Constraint>& list : around.not_all) {
    if (!std::ranges::all_of(list, [&](const Constraint& one) { return grid.decides(one); })) continue;
    Points hold(grid.weights.size(), 1.0);
    grid.leave(list, hold);
    for (std::size_t k = 0; k < hold.size(); ++k) grid.weights[k] *= 1.0 - hold[k];
  }
  for (const Held* one : around.computed) {
    Entering entering;
    if (looked_at_ > kMostInFunction) return;
    if (!std::ranges::all_of(one->computed, [&](const Computed& part) { return enters(part, entering); }) ||
        !std::ranges::all_of(entering.loops, [&](int loop) { return grid.has(loop); }) ||
        (!one->all &&
         !std::ranges::all_of(one->list, [&](const Constraint& part) { return grid.decides(part); })))
      continue;
    looked_at_ += kComputed * one->computed.size() * grid.weights.size();
    Points hold;
    in_grid(grid, span_of(entering.values), [&] { hold = truth(*one); });
    if (!one->all) grid.leave(one->list, hold);
    for (std::size_t k = 0; k < hold.size(); ++k)
      if (hold[k] == (one->all ? 0.0 : 1.0)) grid.weights[k] = 0.0;
  }
}

}  // namespace hone::cost::mlir
