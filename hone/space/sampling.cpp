#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/space/plan.h"

namespace hone::space {
namespace {

constexpr int kTriesBeforeEnumerating = 2000;

/// Whether all constraints hold; where not, counts each that does not.
bool satisfied(const Space::Plan& plan, const Cells& cells, std::vector<std::int64_t>& rejections) {
  if (plan.feasible(cells)) return true;
  rejections.resize(plan.constraints.size());
  for (std::size_t c = 0; c < plan.constraints.size(); ++c)
    if (plan.bound_constraints[c].evaluate(cells.data()) == Expression::Truth::no) ++rejections[c];
  return false;
}

Error nothing_feasible(const Space::Plan& plan, const std::vector<std::int64_t>& rejections,
                       std::int64_t tries, const char* what) {
  const auto worst =
      static_cast<std::size_t>(std::max_element(rejections.begin(), rejections.end()) - rejections.begin());
  const Expression& constraint = plan.constraints[worst];
  return Error(fmt::format("no config satisfies the constraints: '{}' rejected {} of {}{}", constraint.text(),
                           rejections[worst], tries, what),
               constraint.place(),
               fmt::format("loosen it, or widen what it mentions: {}", fmt::join(constraint.names(), ", ")));
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
    if (tries != kTriesBeforeEnumerating || plan.assignments(max_enumerated()) == 0) continue;
    // The same distribution as rejection gives: weights are what draw() would have given each assignment.
    const Plan::Feasible& feasible = plan.enumerated();
    if (feasible.numbers.empty())
      throw nothing_feasible(plan, feasible.rejections, feasible.total, " assignments, which are all");
    const double pick = rng.uniform() * feasible.sums.back();
    const auto found = std::upper_bound(feasible.sums.begin(), feasible.sums.end() - 1, pick);
    plan.assign(feasible.numbers[static_cast<std::size_t>(found - feasible.sums.begin())], cells);
    return plan.config(cells);
  }
  throw nothing_feasible(plan, rejections, max_sampling_tries(), "");
}

bool Space::is_enumerable() const { return plan_->assignments(max_enumerated()) > 0; }

std::optional<Config> Space::unseen(Rng& rng, const std::function<bool(const Config&)>& known) const {
  const Plan& plan = *plan_;
  const auto& numbers = plan.enumerated().numbers;
  if (numbers.empty()) return std::nullopt;
  Cells cells(plan.parameters.size());
  const std::size_t start = rng.below(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    plan.assign(numbers[(start + i) % numbers.size()], cells);
    Config config = plan.config(cells);
    if (!known(config)) return config;
  }
  return std::nullopt;
}

}  // namespace hone::space
