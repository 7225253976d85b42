#include "hone/search/carbs_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <boost/math/special_functions/erf.hpp>

#include "hone/base/numbers.h"
#include "hone/search/acquisition.h"

namespace hone::search {
namespace {

/// What a standard normal variable exceeds with probability p.
double upper_quantile(double p) { return std::numbers::sqrt2 * boost::math::erfc_inv(2.0 * p); }

}  // namespace

CarbsModel::CarbsModel(const CarbsGround& ground)
    : ground_(ground), performance_(ground.inputs()), cost_(ground.inputs()), success_(ground.inputs()) {}

void CarbsModel::fit(const Observations& seen, const std::vector<double>& losses,
                     const std::vector<double>& costs, double group_radius, Rng& rng) {
  std::vector<double> log_costs;
  for (const double cost : costs) log_costs.push_back(std::log(cost));
  const auto [low, high] = std::minmax_element(log_costs.begin(), log_costs.end());
  log_low_ = *low;
  log_range_ = std::max(*high - *low, 1e-9);
  make_quantiles(losses);
  choose_front(seen, losses, log_costs, group_radius);

  std::vector<Row> rows;
  std::vector<double> values, scaled_costs;
  for (const std::size_t k : chosen(seen)) {
    rows.push_back(ground_.row(seen.rows()[k].point));
    values.push_back(surrogate(losses[k]));
    scaled_costs.push_back(scaled(log_costs[k]));
  }
  performance_.fit(rows, values);
  cost_.fit(rows, scaled_costs);
  const auto& lost = seen.lost();
  has_failures_ = !lost.empty();
  if (has_failures_) {
    std::vector<double> labels(rows.size(), -1.0);
    std::vector<Row> all = rows;
    for (std::size_t k = lost.size() - std::min(lost.size(), kMostRows); k < lost.size(); ++k) {
      all.push_back(ground_.row(lost[k].point));
      labels.push_back(1.0);
    }
    success_.fit(all, labels);
  }
  std::vector<Row> running;
  for (const space::Point* point : seen.running())
    if (running.size() < kMostRunning) running.push_back(ground_.row(*point));
  if (running.empty()) return;
  const std::vector<double> drawn = performance_.sample(running, rng);
  for (std::size_t k = 0; k < running.size(); ++k) performance_.append(running[k], drawn[k]);
}

void CarbsModel::choose_front(const Observations& seen, const std::vector<double>& losses,
                              const std::vector<double>& log_costs, double group_radius) {
  std::vector<std::size_t> order(losses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return log_costs[a] < log_costs[b]; });
  // What lies as near as resampled configs do counts as one, by its mean.
  struct Group {
    double mean, best;
    std::size_t size;
  };
  const auto group_of = [&](std::size_t row) {
    const Row at = ground_.row(seen.rows()[row].point);
    Group group{0.0, losses[row], 0};
    for (std::size_t k = 0; k < losses.size(); ++k) {
      if (k != row && ground_.squared_distance(at, ground_.row(seen.rows()[k].point), group_radius) >= 1.0)
        continue;
      group.mean += losses[k];
      group.best = std::min(group.best, losses[k]);
      ++group.size;
    }
    group.mean /= static_cast<double>(group.size);
    return group;
  };
  std::vector<Group> groups;
  front_rows_.clear();
  const auto offer = [&](std::size_t row) {
    if (!groups.empty() && losses[row] >= groups.back().mean) return;
    const Group group = group_of(row);
    // A single result must be better than the best of the group before, a resampled one than its mean.
    if (!groups.empty() && group.mean >= (group.size > 1 ? groups.back().mean : groups.back().best)) return;
    front_rows_.push_back(row);
    groups.push_back(group);
  };
  const double first = log_costs[order[(order.size() - 1) / 5]];
  std::size_t k = 0;
  for (; k < order.size() && log_costs[order[k]] <= first; ++k) offer(order[k]);
  // Of the cheapest the best alone.
  front_rows_ = {front_rows_.back()};
  groups = {groups.back()};
  for (; k < order.size(); ++k) offer(order[k]);
  front_.clear();
  for (std::size_t member = 0; member < front_rows_.size(); ++member) {
    const std::size_t row = front_rows_[member];
    const auto& it = seen.rows()[row];
    front_.push_back(
        {it.point, ground_.row(it.point), scaled(log_costs[row]), surrogate(groups[member].mean)});
  }
}

/// The front and the latest.
std::vector<std::size_t> CarbsModel::chosen(const Observations& seen) const {
  const auto& rows = seen.rows();
  std::vector<bool> on_front(rows.size(), false);
  for (const std::size_t k : front_rows_) on_front[k] = true;
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return on_front[a] != on_front[b] ? on_front[a] : rows[a].trial > rows[b].trial;
  });
  order.resize(std::min(order.size(), kMostRows));
  std::reverse(order.begin(), order.end());  // hyperparameters are fitted to the last ones
  return order;
}

void CarbsModel::make_quantiles(std::vector<double> losses) {
  std::sort(losses.begin(), losses.end());
  const auto n = static_cast<std::size_t>(std::sqrt(static_cast<double>(losses.size())));
  const std::size_t count = std::max<std::size_t>(2, n);
  quantiles_.resize(count);
  for (std::size_t k = 0; k < count; ++k) {
    const double at = static_cast<double>(k * (losses.size() - 1)) / static_cast<double>(count - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, losses.size() - 1);
    quantiles_[k] = losses[below] + (at - static_cast<double>(below)) * (losses[above] - losses[below]);
  }
}

/// More is better, about standard normal.
double CarbsModel::surrogate(double loss) const {
  const auto above = std::lower_bound(quantiles_.begin(), quantiles_.end(), loss);
  double share = 0.0;
  if (above == quantiles_.end()) {
    share = 1.0;
  } else if (above != quantiles_.begin()) {
    const double low = *(above - 1), part = *above > low ? (loss - low) / (*above - low) : 0.0;
    share = (static_cast<double>(above - quantiles_.begin()) - 1.0 + part) /
            static_cast<double>(quantiles_.size() - 1);
  }
  return upper_quantile(std::clamp(share, 1e-7, 1.0 - 1e-7));
}

double CarbsModel::front_value(double log_cost) const {
  if (log_cost <= front_.front().log_cost) return front_.front().value;
  for (std::size_t k = 1; k < front_.size(); ++k) {
    if (log_cost > front_[k].log_cost) continue;
    const Member &low = front_[k - 1], &high = front_[k];
    const double width = high.log_cost - low.log_cost;
    return low.value + (width > 0 ? (log_cost - low.log_cost) / width : 1.0) * (high.value - low.value);
  }
  return front_.back().value;
}

std::vector<double> CarbsModel::scores(const std::vector<Row>& rows, const Rules& rules) const {
  std::vector<double> values, variances, failures, failure_variances;
  performance_.predict(rows, values, variances);
  const std::vector<double> costs = cost_.predict_means(rows);
  if (has_failures_) success_.predict(rows, failures, failure_variances);
  std::vector<double> scores(rows.size(), -kInfinity);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const double log_cost = log_low_ + 0.5 * (costs[k] + 1.0) * log_range_;
    if (rules.max_cost > 0.0 && log_cost > std::log(rules.max_cost)) continue;
    const double best = std::max(rules.threshold, front_value(costs[k]));
    const double sigma = std::sqrt(std::max(variances[k], 1e-12));
    double nearest = kInfinity;
    for (const Member& member : front_)
      nearest = std::min(nearest, ground_.squared_distance(rows[k], member.row, rules.radius));
    scores[k] = log_improvement((values[k] - best - rules.exploration_bias) / sigma) + std::log(sigma) -
                0.5 * nearest;
    if (has_failures_)
      scores[k] += log_normal_cdf(-failures[k] / std::sqrt(std::max(failure_variances[k], 1e-12)));
  }
  return scores;
}

}  // namespace hone::search
