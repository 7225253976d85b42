// How often the sides of branches are taken.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {

bool chooses(std::string_view name) {
  const std::string_view last = name.substr(name.find_last_of("._") + 1);
  return last == "if" || last == "If" || last == "IfRegion" || last == "case" || last == "switch";
}

bool Condition::Constraint::holds(double at) const {
  switch (is) {
    case Is::zero:
      return at == 0.0;
    case Is::other:
      return at != 0.0;
    case Is::positive:
      return at > 0.0;
    case Is::negative:
      return at < 0.0;
    case Is::not_positive:
      return at <= 0.0;
    case Is::not_negative:
      return at >= 0.0;
  }
  return false;
}

/// The least that it is; -infinity where that is not known.
double NestBuilder::least(const Nest::Index& index) const {
  if (!index.exact || index.indirect || index.unknown != Nest::kNoValue || index.offset != 0)
    return -INFINITY;
  double least = index.constant;
  for (const auto& [at, step] : index.terms) {
    if (step >= 0.0) continue;
    const Nest::Loop& loop = nest_.loops[static_cast<std::size_t>(at)];
    least += loop.known ? step * std::max(0.0, loop.most - 1.0) : -INFINITY;
  }
  return least;
}

/// Of one that a single loop decides, exactly, or of one that always or never holds.
std::optional<double> NestBuilder::share(const Constraint& one) const {
  const auto& terms = one.difference.terms;
  double least = one.difference.constant, most = least;
  for (const auto& [at, step] : terms) {
    const Nest::Loop& loop = nest_.loops[static_cast<std::size_t>(at)];
    if (!loop.known) return std::nullopt;
    (step > 0.0 ? most : least) += step * std::max(0.0, loop.most - 1.0);
  }
  const bool at_least = one.holds(least), at_most = one.holds(most);
  if (least == most) return at_least ? 1.0 : 0.0;
  if (least > 0.0 || most < 0.0) return at_least ? 1.0 : 0.0;
  if (terms.size() != 1 || !nest_.loops[static_cast<std::size_t>(terms[0].first)].fixed) {
    const bool ends = one.is == Constraint::Is::zero || one.is == Constraint::Is::other;
    if (!ends && at_least == at_most) return at_least ? 1.0 : 0.0;
    return std::nullopt;
  }
  const double trips = nest_.loops[static_cast<std::size_t>(terms[0].first)].most;
  if (!(trips > 0.0)) return 0.0;
  return iterations(terms[0].first, {&one, 1}).count / trips;
}

/// In how many iterations of a loop all those hold that it alone decides.
NestBuilder::Iterations NestBuilder::iterations(int loop, std::span<const Constraint> list) const {
  const double trips = nest_.loops[static_cast<std::size_t>(loop)].most;
  double from = 0.0, to = trips;
  std::vector<double> without;
  for (const Constraint& one : list) {
    if (one.difference.terms.size() != 1 || one.difference.terms[0].first != loop) continue;
    if (one.difference.terms[0].second == 0.0) continue;
    const double step = one.difference.terms[0].second, zero = -one.difference.constant / step;
    // The iteration in which it is 0, if one is, and the first behind it.
    const double at = std::clamp(std::ceil(zero), 0.0, trips),
                 behind = std::clamp(std::floor(zero) + 1.0, 0.0, trips);
    const bool up = step > 0.0;
    const auto begins = [&](double begin) { from = std::max(from, begin); };
    const auto ends = [&](double end) { to = std::min(to, end); };
    switch (one.is) {
      case Constraint::Is::zero:
        begins(at);
        ends(behind);
        break;
      case Constraint::Is::other:
        if (at < behind) without.push_back(at);
        break;
      case Constraint::Is::positive:
        up ? begins(behind) : ends(at);
        break;
      case Constraint::Is::negative:
        up ? ends(at) : begins(behind);
        break;
      case Constraint::Is::not_positive:
        up ? ends(behind) : begins(at);
        break;
      case Constraint::Is::not_negative:
        up ? begins(at) : ends(behind);
        break;
    }
  }
  std::sort(without.begin(), without.end());
  without.erase(std::unique(without.begin(), without.end()), without.end());
  const auto left_out =
      std::count_if(without.begin(), without.end(), [&](double one) { return one >= from && one < to; });
  return {from, to, std::max(0.0, to - from) - static_cast<double>(left_out)};
}

/// How often a sum is 0 that no one loop of a fixed length decides: wherever the others stand, the one of the
/// widest range does in one of its places. Sample points seldom show that.
double NestBuilder::equal_in(const Constraint& one) const {
  const auto& terms = one.difference.terms;
  double widest = 0.0, unit = 0.0;
  for (const auto& [at, step] : terms) {
    if (step == 0.0) continue;
    for (double rest = std::abs(step); rest > 0.0;) unit = std::exchange(rest, std::fmod(unit, rest));
    // Of a loop that is the bound of another one the latter's range says more.
    const bool bounds = std::any_of(terms.begin(), terms.end(), [&, loop = at](const auto& term) {
      const Few<int>& by = nest_.loops[static_cast<std::size_t>(term.first)].bounded_by;
      return term.second != 0.0 && std::find(by.begin(), by.end(), loop) != by.end();
    });
    const double trips = std::max(1.0, nest_.loops[static_cast<std::size_t>(at)].trips);
    if (!bounds) widest = std::max(widest, std::abs(step) * trips);
  }
  if (!(widest > 0.0)) return 1.0;
  return std::fmod(one.difference.constant, unit) != 0.0 ? 0.0 : std::min(1.0, unit / widest);
}

/// Of all of them together, each time that the walk comes by: exactly where each is decided by one loop, or
/// where the loops that decide them have few enough iterations to look at each, else at the sample points.
double NestBuilder::share(const std::vector<Constraint>& list, At at) {
  const Around outer = around(at.under);
  const auto said = [&](const Constraint& one) {
    return std::any_of(outer.all.begin(), outer.all.end(),
                       [&](const Constraint& known) { return known.same_as(one); });
  };
  bool exact = true;
  double equal = 1.0;
  std::vector<Constraint> seen, open;  // at the sample points; of all that is not decided yet
  for (const Constraint& one : list) {
    const std::optional<double> alone = share(one);
    if (alone == 0.0 || (!alone && said(one.negated()))) return 0.0;
    if (alone != 1.0 && (alone || !said(one))) open.push_back(one);
  }
  if (open.empty()) return 1.0;
  if (const std::optional<double> found = share_of_all(open, at)) return *found;
  for (const Constraint& one : open) {
    const std::optional<double> alone = share(one);
    if (!alone && one.equality()) {
      const double in = equal_in(one);
      equal *= one.is == Constraint::Is::zero ? in : 1.0 - in;
      continue;
    }
    exact = exact && alone.has_value();
    seen.push_back(one);
  }
  double product = decided(seen, outer.not_all);
  if (!outer.all.empty() || !outer.not_all.empty()) {
    const double before = decided(outer.all, outer.not_all);
    seen.insert(seen.end(), outer.all.begin(), outer.all.end());
    product = before > 0.0 ? std::min(1.0, decided(seen, outer.not_all) / before) : product;
    seen.resize(seen.size() - outer.all.size());
    // What samples alone show of the loops around may bear on it.
    const auto shares_loop = [&](const Constraint& one) {
      return std::ranges::any_of(one.difference.terms, [&](const auto& term) {
        return std::ranges::any_of(seen, [&](const Constraint& own) {
          return std::ranges::any_of(own.difference.terms,
                                     [&](const auto& mine) { return mine.first == term.first; });
        });
      });
    };
    for (const Constraint& one : outer.all)
      if (!one.equality() && !share(one) && shares_loop(one)) exact = false;
  }
  if (exact || product == 0.0) return product * equal;
  Stands stands;
  add(stands, seen);
  const Points weights = shown(at);
  double all = 0.0, true_for = 0.0, samples = 0.0;
  for (std::size_t s = 0; s < samples_; ++s) {
    const double weight = weights[s] * (at.loop < 0 ? 1.0 : weights_[static_cast<std::size_t>(at.loop)][s]);
    all += weight;
    samples += weights[s] > 0.0 ? 1.0 : 0.0;
    if (stands.hold(seen, s)) true_for += weight;
  }
  // What no sample shows may be rare, and is not never.
  const double found = all > 0.0 ? true_for / all : 0.5;
  const double rare = 0.5 / samples;
  return std::clamp(found, rare, 1.0 - rare) * equal;
}

/// ... and of lists of which not all hold, each.
double NestBuilder::share(const std::vector<Constraint>& all,
                          std::span<const std::vector<Constraint>> not_all, At at) {
  if (not_all.empty()) return all.empty() ? 1.0 : share(all, at);
  std::vector<Constraint> both = all;
  both.insert(both.end(), not_all[0].begin(), not_all[0].end());
  const std::span rest = not_all.subspan(1);
  return std::clamp(share(all, rest, at) - share(both, rest, at), 0.0, 1.0);
}

/// How often a condition holds, each time that the walk comes by; none where that is not known.
std::optional<double> NestBuilder::share(const Condition& condition, At at) {
  const std::optional<double> computed = share_computed(condition, at);
  if (!computed) return std::nullopt;
  return *computed * share(condition.all, condition.not_all, at);
}

/// ... of what a literal takes to hold.
std::optional<double> NestBuilder::share(Literal literal, Condition& condition, At at) {
  std::size_t seen = 0;
  if (!this->condition(literal, condition, seen)) return std::nullopt;
  return share(condition, at);
}

/// By region of an operation that is no loop: how often it runs, each time that the operation does.
/// `condition`: what holds in the first one and not in the others, where that is known.
Few<double> NestBuilder::shares(const Operation& operation, At at, Condition& condition) {
  Few<double> sides(operation.regions.size(), 1.0);
  if (!chooses(operation.name)) return sides;
  std::optional<double> taken;
  if (operation.name == "scf.if" && !operation.operands.empty()) {
    taken = share({operation.operands[0], true}, condition, at);
  } else if (operation.name == "affine.if") {
    for (const auto& [name, id] : operation.attributes) {
      const Attribute& set = module_.attributes[static_cast<std::size_t>(id)];
      if (set.kind != Attribute::Kind::set || set.map < 0) continue;
      const AffineMap& map = module_.maps[static_cast<std::size_t>(set.map)];
      for (std::size_t k = 0; k < map.results.size(); ++k) {
        const bool zero = set.numbers[k] != 0.0;
        Constraint one{mapped(map, k, span_of(operation.operands)),
                       zero ? Constraint::Is::zero : Constraint::Is::not_negative};
        if (one.known() && is_sum(one.difference))
          condition.all.push_back(std::move(one));
        else
          condition.computed.push_back({{}, set.map, k, zero, operation.operands});
      }
      taken = share(condition, at);
    }
  }
  if (!taken) {
    ++nest_.even_branches;
    condition = {};
    sides.assign(sides.size(), 1.0 / static_cast<double>(std::max<std::size_t>(2, sides.size())));
    return sides;
  }
  for (std::size_t k = 0; k < sides.size(); ++k) sides[k] = k == 0 ? *taken : 1.0 - *taken;
  return sides;
}

}  // namespace hone::cost::mlir
