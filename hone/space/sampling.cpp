#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/space/plan.h"
#include "hone/space/solver.h"

namespace hone::space {
namespace {

constexpr int kTriesBeforeSolving = 2000;
constexpr int kSolvings = 8;  // a real that is rounded may miss its constraint

/// Whether all constraints hold; where not, counts each that does not.
bool satisfied(const Space::Plan& plan, const Cells& cells, std::vector<std::int64_t>& rejections) {
  if (plan.feasible(cells)) return true;
  rejections.resize(plan.constraints.size());
  for (std::size_t c = 0; c < plan.constraints.size(); ++c)
    if (plan.bound_constraints[c].evaluate(cells.data()) == Expression::Truth::no) ++rejections[c];
  return false;
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
      if (!satisfied(*this, cells, enumerated_.rejections)) continue;
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

Config Space::sample(Rng& rng) const {
  const Plan& plan = *plan_;
  Cells cells(plan.parameters.size());
  std::vector<std::int64_t> rejections;
  for (int tries = 1; tries <= max_sampling_tries(); ++tries) {
    for (const std::size_t i : plan.drawn) cells[i] = plan.scales[i].draw(rng);
    plan.deactivate(cells);
    if (plan.constraints.empty() || satisfied(plan, cells, rejections)) return plan.config(cells);
    if (tries != kTriesBeforeSolving) continue;
    if (plan.assignments(max_enumerated()) == 0) {
      for (int again = 0; again < kSolvings; ++again) {
        std::size_t excluded = 0;
        const auto outcome = plan.solver().draw(rng, cells, excluded);
        if (outcome == Solver::Outcome::found) return plan.config(cells);
        if (outcome == Solver::Outcome::none) throw plan.solver().nothing(excluded);
      }
      continue;
    }
    // The same distribution as rejection gives: weights are what draw() would have given each assignment.
    const Plan::Feasible& feasible = plan.enumerated();
    if (feasible.numbers.empty()) throw none_there(plan, feasible);
    const double pick = rng.uniform() * feasible.sums.back();
    const auto found = std::upper_bound(feasible.sums.begin(), feasible.sums.end() - 1, pick);
    plan.assign(feasible.numbers[static_cast<std::size_t>(found - feasible.sums.begin())], cells);
    return plan.config(cells);
  }
  throw none_found(plan, rejections);
}

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
