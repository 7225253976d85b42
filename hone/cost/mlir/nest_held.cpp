// What holds on a side of a branch, and where loops stand there.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// Constraints of the branches around that are looked at, from the nearest on.
constexpr std::size_t kMostAround = 128;
/// Lists of which not all hold that are counted without samples: each doubles the work.
constexpr std::size_t kMostNegations = 4;

}  // namespace

Condition::Constraint Condition::Constraint::negated() const {
  Constraint other = *this;
  other.is = is == Is::zero           ? Is::other
             : is == Is::other        ? Is::zero
             : is == Is::positive     ? Is::not_positive
             : is == Is::not_positive ? Is::positive
             : is == Is::negative     ? Is::not_negative
                                      : Is::negative;
  return other;
}

bool Condition::Constraint::same_as(const Constraint& other) const {
  return is == other.is && difference.constant == other.difference.constant &&
         difference.terms == other.difference.terms;
}

bool Stands::hold(std::span<const Condition::Constraint> list, std::size_t sample) const {
  return std::all_of(list.begin(), list.end(), [&](const Condition::Constraint& one) {
    double difference = one.difference.constant;
    for (const auto& [loop, step] : one.difference.terms) {
      const auto found = std::lower_bound(loops.begin(), loops.end(), loop,
                                          [](const auto& entry, int of) { return entry.first < of; });
      difference += step * found->second[sample];
    }
    return one.holds(difference);
  });
}

/// Loops that constraints are of.
void NestBuilder::add(Stands& stands, std::span<const Constraint> list) const {
  for (const Constraint& one : list)
    for (const auto& [loop, step] : one.difference.terms) {
      const auto place = std::lower_bound(stands.loops.begin(), stands.loops.end(), loop,
                                          [](const auto& entry, int of) { return entry.first < of; });
      if (place == stands.loops.end() || place->first != loop)
        stands.loops.insert(place, {loop, this->stands(loop)});
    }
}

NestBuilder::Points NestBuilder::stands(int loop) const {
  for (std::size_t n = narrowed_.size(); n-- > 0;)
    for (const Narrowed::Loop& one : narrowed_[n].loops)
      if (one.loop == loop) return one.stands;
  const Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
  Points trips = trips_[static_cast<std::size_t>(loop)];
  if (made.fixed || trips.size() != samples_) trips.assign(samples_, made.trips);
  return stands_at(loop, trips);
}

Around NestBuilder::around(int under) const {
  Around around;
  std::size_t count = 0;
  for (; under >= 0 && count < kMostAround; under = held_[static_cast<std::size_t>(under)].outer) {
    const Held& one = held_[static_cast<std::size_t>(under)];
    count += one.list.size() + one.computed.size();
    if (!one.computed.empty()) around.computed.push_back(&one);
    if (one.all)
      around.all.insert(around.all.end(), one.list.begin(), one.list.end());
    else if (one.computed.empty())
      around.not_all.push_back(one.list);
  }
  return around;
}

/// What constraints leave of all iterations that one loop alone decides, each of its own.
double NestBuilder::decided(const std::vector<Constraint>& list) const {
  std::vector<int> loops;
  for (const Constraint& one : list) {
    const std::optional<double> alone = share(one);
    if (alone == 0.0) return 0.0;
    if (alone && alone != 1.0) loops.push_back(one.difference.terms[0].first);
  }
  std::sort(loops.begin(), loops.end());
  loops.erase(std::unique(loops.begin(), loops.end()), loops.end());
  double product = 1.0;
  for (const int loop : loops)
    product *= iterations(loop, list).count / nest_.loops[static_cast<std::size_t>(loop)].most;
  return product;
}

/// ... and of these, where of some lists not all hold: those that single loops decide, too.
double NestBuilder::decided(std::vector<Constraint> list,
                            std::span<const std::vector<Constraint>> not_all) const {
  const double all = decided(list);
  double without = 0.0;
  for (std::size_t k = 0; k < std::min(kMostNegations, not_all.size()); ++k) {
    if (std::any_of(not_all[k].begin(), not_all[k].end(), [&](const auto& one) { return !share(one); }))
      continue;
    // What only this one of the lists so far takes away.
    std::vector<Constraint> both = list;
    both.insert(both.end(), not_all[k].begin(), not_all[k].end());
    without += decided(std::move(both), not_all.first(k));
  }
  return std::max(0.0, all - without);
}

/// How much more, or less, than all of them a sample point shows: those where something of what holds there
/// does not show nothing. All of them alike where none is left.
NestBuilder::Points NestBuilder::shown(At at) {
  Points factors(samples_, 1.0);
  if (at.under < 0) return factors;
  Around around = this->around(at.under);
  // No sample may be expected to show what is equal.
  std::erase_if(around.all,
                [&](const Constraint& one) { return one.is == Constraint::Is::zero && !share(one); });
  Stands stands;
  add(stands, around.all);
  for (const auto& list : around.not_all) add(stands, list);
  for (const Held* one : around.computed) add(stands, one->list);
  Points computed(samples_, 1.0);
  for (const Held* one : around.computed) {
    const Points hold = truth(*one);
    for (std::size_t s = 0; s < samples_; ++s)
      if (one->all ? hold[s] == 0.0 : hold[s] == 1.0 && stands.hold(one->list, s)) computed[s] = 0.0;
  }
  double all = 0.0, left = 0.0;
  for (std::size_t s = 0; s < samples_; ++s) {
    const double weight = at.loop < 0 ? 1.0 : weights_[static_cast<std::size_t>(at.loop)][s];
    const bool holds = computed[s] != 0.0 && stands.hold(around.all, s) &&
                       std::none_of(around.not_all.begin(), around.not_all.end(),
                                    [&](const auto& list) { return stands.hold(list, s); });
    all += weight;
    if (holds)
      left += weight;
    else
      factors[s] = 0.0;
  }
  if (!(left > 0.0)) return Points(samples_, 1.0);
  for (double& factor : factors) factor *= all / left;
  return factors;
}

/// Loops that stand in some of their iterations alone where the innermost of what is held holds. Only those
/// in which nothing that is around the side is longer or shorter for it.
Narrowed NestBuilder::narrowed(At at) const {
  Narrowed made;
  const Held& own = held_[static_cast<std::size_t>(at.under)];
  if (!own.all || samples_ == 1) return made;
  const std::vector<Constraint> all = around(at.under).all;
  for (const Constraint& one : own.list) {
    const std::optional<double> alone = share(one);
    if (!alone || alone == 0.0 || alone == 1.0) continue;
    const int loop = one.difference.terms[0].first;
    int inside = at.loop;
    while (inside >= 0 && inside != loop && nest_.loops[static_cast<std::size_t>(inside)].fixed)
      inside = nest_.loops[static_cast<std::size_t>(inside)].parent;
    const bool known = std::any_of(made.loops.begin(), made.loops.end(),
                                   [&](const Narrowed::Loop& other) { return other.loop == loop; });
    if (inside != loop || known) continue;
    const Iterations left = iterations(loop, all);
    if (!(left.to > left.from)) continue;
    Narrowed::Loop here{loop, stands_at(loop, Points(samples_, left.to - left.from)), stands(loop)};
    for (std::size_t s = 0; s < samples_; ++s) {
      here.stands[s] += left.from;
      here.moved[s] = here.stands[s] - here.moved[s];
    }
    made.loops.push_back(std::move(here));
  }
  return made;
}

/// Makes values_ those of where the walk is: what loops and calls have given moves with the loops, what was
/// computed of it is computed again where it is asked for.
void NestBuilder::settle() {
  for (Narrowed& side : narrowed_) {
    if (side.settled) continue;
    side.settled = true;
    side.outside = std::move(values_);
    values_.clear();
    for (const auto& [value, outside] : side.outside) {
      const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
      if (definer >= 0) {
        const std::string_view name = module_.operations[static_cast<std::size_t>(definer)].name;
        if (name != "linalg.index" && work_of(name) != Work::call) continue;
      }
      Points& points = values_[value] = outside;
      const auto index = indices_.find(value);
      if (index == indices_.end()) continue;
      const bool truth = module_.type_of(value).bits == 1;  // which moves with nothing
      for (const auto& [at, step] : index->second.terms)
        for (const Narrowed::Loop& moved : side.loops)
          if (moved.loop == at)
            for (std::size_t s = 0; s < samples_; ++s) points[s] += truth ? NAN : step * moved.moved[s];
    }
  }
}

/// Walks what runs where a condition holds (`taken`), or where it does not.
void NestBuilder::side(At at, const Condition& condition, bool taken, const std::function<void(At)>& walk) {
  const int outer = at.under;
  const auto hold = [&](std::vector<Constraint> list, bool all, std::vector<Computed> computed = {}) {
    held_.push_back({at.under, std::move(list), all, std::move(computed)});
    at.under = static_cast<int>(held_.size()) - 1;
  };
  if (taken) {
    for (const std::vector<Constraint>& list : condition.not_all) hold(list, false);
    if (!condition.all.empty() || !condition.computed.empty()) hold(condition.all, true, condition.computed);
  } else if (!condition.computed.empty()) {
    if (condition.not_all.empty()) hold(condition.all, false, condition.computed);
  } else {  // of several parts nobody knows which one does not hold
    if (condition.all.empty() && condition.not_all.size() == 1) hold(condition.not_all[0], true);
    if (condition.not_all.empty() && condition.all.size() == 1) hold({condition.all[0].negated()}, true);
    if (condition.not_all.empty() && condition.all.size() > 1) hold(condition.all, false);
  }
  if (at.under == outer) return walk(at);
  Narrowed here = narrowed(at);
  const bool moves = !here.loops.empty();
  if (moves) narrowed_.push_back(std::move(here));
  walk(at);
  if (!moves) return;
  if (narrowed_.back().settled) values_ = std::move(narrowed_.back().outside);
  narrowed_.pop_back();
}

}  // namespace hone::cost::mlir
