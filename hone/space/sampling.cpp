#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/space/plan.h"
#include "hone/space/solver.h"

namespace hone::space {
namespace {

constexpr int kTriesBeforeSolving = 2000;
constexpr int kSolvings = 8;  // a real that is rounded may miss its constraint

/// One draw from the scales, and whether all constraints hold.
bool by_chance(const Space::Plan& plan, Rng& rng, Cells& cells) {
  for (const std::size_t i : plan.drawn) cells[i] = plan.scales[i].draw(rng);
  plan.deactivate(cells);
  return plan.feasible(cells);
}

/// Counts each constraint that does not hold.
void count_rejections(const Space::Plan& plan, const Cells& cells, std::vector<std::int64_t>& rejections) {
  rejections.resize(plan.constraints.size());
  for (std::size_t c = 0; c < plan.constraints.size(); ++c)
    if (plan.bound_constraints[c].evaluate(cells.data()) == Expression::Truth::no) ++rejections[c];
}

/// What to say of the constraint that rejected most.
Error nothing_feasible(const Space::Plan& plan, const std::vector<std::int64_t>& rejections,
                       const std::string& what, const std::string& of) {
  const auto worst =
      static_cast<std::size_t>(std::max_element(rejections.begin(), rejections.end()) - rejections.begin());
  const Expression& constraint = plan.constraints[worst];
  return Error(fmt::format("{}: '{}' rejected {} of {}", what, constraint.text(), rejections[worst], of),
               constraint.place(),
               fmt::format("loosen it, or widen what it mentions: {}", fmt::join(constraint.names(), ", ")));
}

/// All assignments were looked at.
Error none_there(const Space::Plan& plan, const Space::Plan::Feasible& all) {
  return nothing_feasible(plan, all.rejections, "no config satisfies the constraints",
                          fmt::format("{} assignments, which are all", all.total));
}

/// Nothing was found, which proves nothing.
Error none_found(const Space::Plan& plan, const std::vector<std::int64_t>& rejections) {
  return nothing_feasible(
      plan, rejections,
      fmt::format(
          "no config that satisfies the constraints was found, and there may be some: {} draws and {} "
          "attempts at solving, each up to {} boxes of values, met none",
          Space::max_sampling_tries(), kSolvings, Solver::max_work()),
      fmt::format("{} draws", Space::max_sampling_tries()));
}

/// Draws from all that there is, or by solving. Throws Error where there is nothing.
bool solved(const Space::Plan& plan, Rng& rng, Cells& cells) {
  if (plan.assignments(Space::max_enumerated()) == 0) {
    for (int again = 0; again < kSolvings; ++again) {
      std::size_t excluded = 0;
      const auto outcome = plan.solver().draw(rng, cells, excluded);
      if (outcome == Solver::Outcome::found) return true;
      if (outcome == Solver::Outcome::none) throw plan.solver().nothing(excluded);
    }
    return false;
  }
  // The same distribution as rejection gives: weights are what draw() would have given each assignment.
  const Space::Plan::Feasible& feasible = plan.enumerated();
  if (feasible.numbers.empty()) throw none_there(plan, feasible);
  const double pick = rng.uniform() * feasible.sums.back();
  const auto found = std::upper_bound(feasible.sums.begin(), feasible.sums.end() - 1, pick);
  plan.assign(feasible.numbers[static_cast<std::size_t>(found - feasible.sums.begin())], cells);
  return true;
}

}  // namespace

std::int64_t Space::Plan::assignments(std::int64_t limit) const {
  std::int64_t n = 1;
  for (const std::size_t i : drawn) {
    if (scales[i].size() == 0 || scales[i].size() > limit / n) return 0;
    n *= scales[i].size();
  }
  return n;
}

void Space::Plan::assign(std::int64_t number, Cells& cells) const {
  for (const std::size_t i : drawn) {
    cells[i] = scales[i].value(number % scales[i].size());
    number /= scales[i].size();
  }
  deactivate(cells);
}

const Space::Plan::Feasible& Space::Plan::enumerated() const {
  std::call_once(enumerated_once_, [this] {
    enumerated_.total = assignments(max_enumerated());
    Cells cells(parameters.size());
    double sum = 0.0;
    for (std::int64_t number = 0; number < enumerated_.total; ++number) {
      assign(number, cells);
      if (!feasible(cells)) {
        count_rejections(*this, cells, enumerated_.rejections);
        continue;
      }
      double weight = 1.0;
      std::int64_t rest = number;
      for (const std::size_t i : drawn) {
        weight *= scales[i].weight(rest % scales[i].size());
        rest /= scales[i].size();
      }
      enumerated_.numbers.push_back(number);
      enumerated_.sums.push_back(sum += weight);
    }
  });
  return enumerated_;
}

bool Space::Plan::is_rare() const {
  std::call_once(rare_once_, [this] {
    if (constraints.empty()) return;
    Rng rng(0, "rare");  // of its own: what others drew before does not show
    Cells cells(parameters.size());
    for (int tries = 0; tries < kTriesBeforeSolving; ++tries)
      if (by_chance(*this, rng, cells)) return;
    rare_ = assignments(max_enumerated()) > 0 || solver().lists_all();
    hard_ = !rare_;
  });
  return rare_;
}

bool Space::Plan::is_hard() const { return !is_rare() && hard_; }

Config Space::sample(Rng& rng) const {
  const Plan& plan = *plan_;
  const int before_solving = plan.is_rare() ? 0 : kTriesBeforeSolving;
  Cells cells(plan.parameters.size());
  std::vector<std::int64_t> rejections;
  for (int tries = 0; tries < max_sampling_tries(); ++tries) {
    if (tries == before_solving && solved(plan, rng, cells)) return plan.config(cells);
    if (by_chance(plan, rng, cells)) return plan.config(cells);
    count_rejections(plan, cells, rejections);
  }
  throw none_found(plan, rejections);
}

bool Space::is_hard_to_sample() const { return plan_->is_hard(); }

bool Space::is_enumerable() const {
  return plan_->assignments(max_enumerated()) > 0 || plan_->solver().listed();
}

std::optional<std::int64_t> Space::count() const { return plan_->solver().count(); }

std::optional<Config> Space::unseen(Rng& rng, const std::function<bool(const Config&)>& known) const {
  const Plan& plan = *plan_;
  const bool small = plan.assignments(max_enumerated()) > 0;
  if (!small && !plan.solver().listed()) return std::nullopt;
  const std::int64_t n =
      small ? static_cast<std::int64_t>(plan.enumerated().numbers.size()) : *plan.solver().count();
  if (n == 0) return std::nullopt;
  Cells cells(plan.parameters.size());
  const auto start = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(n)));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t k = (start + i) % n;
    if (small)
      plan.assign(plan.enumerated().numbers[static_cast<std::size_t>(k)], cells);
    else
      plan.solver().assign(k, cells);
    Config config = plan.config(cells);
    if (!known(config)) return config;
  }
  return std::nullopt;
}

}  // namespace hone::space
