#include "hone/cost/loop_sums.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

/// Beyond it an error counts absolutely, in logarithms: of what is counted, of times, which are noisy, and of
/// counts whose estimate hits.
constexpr double kLargestError = 0.5, kLargestTimeError = 0.3, kLargestHitError = 0.1;
/// Rows' worth of evidence against what a leaf says: one for so many functions.
constexpr double kRidge = 10.0, kFunctionsPerRow = 500.0;
/// An error's derivative is that at most so large an error, in logarithms.
constexpr double kSteepest = 1.0;

/// Nothing costs less, for 0 has no logarithm.
constexpr double kLeast = 1e-12;

/// The loss of all functions, for one round of boosting.
class Loss {
 public:
  Loss(const LoopTable& table, ErrorOf error)
      : table_(table),
        timed_(error == ErrorOf::cost || error == ErrorOf::reciprocal),
        one_(error == ErrorOf::count || error == ErrorOf::hit ? 1.0 : 0.0),
        largest_(timed_                  ? kLargestTimeError
                 : error == ErrorOf::hit ? kLargestHitError
                                         : kLargestError),
        slope_(error == ErrorOf::cost         ? 1.0
               : error == ErrorOf::reciprocal ? -1.0
                                              : 0.0) {
    for (const double cost : table.costs) goals_.push_back(std::log(one_ + std::max(cost, kLeast)));
  }

  /// What comes nearest to the costs at the median if added to all loops' logarithms: of functions that cost
  /// something, if there are any.
  double shift() const {
    const std::vector<double> sums = sums_of(table_.starts);
    std::vector<double> gaps, all;
    for (std::size_t i = 0; i < goals_.size(); ++i) {
      all.push_back(std::log(std::max(table_.costs[i], kLeast)) - sums[i]);
      if (table_.costs[i] > kLeast) gaps.push_back(all.back());
    }
    return predict::median(std::move(gaps.empty() ? all : gaps));
  }

  void operator()(std::span<const double> fitted, std::vector<double>& gradients,
                  std::vector<double>& curvatures) const {
    std::vector<double> sums = sums_of(fitted);
    const double slowdown = timed_ ? slowdown_of(sums) : 0.0;
    for (std::size_t i = 0; i < goals_.size(); ++i) {
      const bool disturbed = timed_ && table_.disturbed[i];
      if (one_ > 0.0) sums[i] = log_of_sum(std::array{std::log(one_), sums[i]});
      const double left = goals_[i] - sums[i] - (disturbed ? slowdown : 0.0);
      const double weight = table_.weights[i] * (disturbed ? kDisturbedWeight : 1.0) *
                            std::exp(slope_ * std::clamp(-left, -kSteepest, kSteepest));
      for (std::size_t r = table_.first[i]; r < table_.first[i + 1]; ++r) {
        const double share = std::exp(fitted[r] - sums[i]);
        gradients[r] = share * std::clamp(left, -largest_, largest_) * weight;
        curvatures[r] = share * share * weight;
      }
    }
  }

 private:
  std::vector<double> sums_of(std::span<const double> fitted) const {
    std::vector<double> sums;
    for (std::size_t i = 0; i < goals_.size(); ++i)
      sums.push_back(log_of_sum(fitted.subspan(table_.first[i], table_.first[i + 1] - table_.first[i])));
    return sums;
  }

  /// How much longer disturbed functions took than is fitted, beyond the others, in logarithms.
  double slowdown_of(const std::vector<double>& sums) const {
    std::array<std::vector<double>, 2> left;
    for (std::size_t i = 0; i < sums.size(); ++i)
      left[table_.disturbed[i] ? 1 : 0].push_back(goals_[i] - sums[i]);
    if (left[0].empty() || left[1].empty()) return 0.0;
    return std::max(0.0, predict::median(std::move(left[1])) - predict::median(std::move(left[0])));
  }

  const LoopTable& table_;
  bool timed_;
  double one_, largest_, slope_;
  std::vector<double> goals_;  ///< logarithms
};

}  // namespace

double log_of_sum(std::span<const double> logarithms) {
  if (logarithms.empty()) return -kInfinity;
  const double most = *std::max_element(logarithms.begin(), logarithms.end());
  if (most == -kInfinity) return most;
  double sum = 0.0;
  for (const double value : logarithms) sum += std::exp(value - most);
  return most + std::log(sum);
}

void LoopTable::add(std::span<const double> rows, std::span<const double> estimates, double cost,
                    double weight, bool was_disturbed) {
  if (estimates.empty() || rows.size() != estimates.size() * columns)
    throw internal_error("a function's loops do not fit the table");
  values.insert(values.end(), rows.begin(), rows.end());
  starts.insert(starts.end(), estimates.begin(), estimates.end());
  first.push_back(starts.size());
  costs.push_back(cost);
  weights.push_back(weight);
  disturbed.push_back(was_disturbed);
}

LoopSums LoopSums::fit(const LoopTable& table, ErrorOf error, const predict::BoostingOptions& boosting,
                       int members) {
  if (table.costs.empty()) throw Error("there are no functions to learn from");
  const Loss loss(table, error);
  LoopSums sums;
  sums.shift_ = loss.shift();
  std::vector<double> start = table.starts;
  for (double& value : start) value += sums.shift_;
  predict::BoostingOptions options = boosting;
  options.ridge =
      std::max(options.ridge, std::min(kRidge, static_cast<double>(table.costs.size()) / kFunctionsPerRow));
  for (int member = 0; member < std::max(1, members); ++member) {
    options.seed = boosting.seed + static_cast<std::uint64_t>(member);
    sums.members_.push_back(predict::BoostedTrees::fit(table.values, table.columns, start, loss, options));
  }
  return sums;
}

double LoopSums::log_cost(std::span<const double> rows, std::span<const double> estimates) const {
  std::vector<double> parts(estimates.begin(), estimates.end());
  const std::size_t columns = rows.size() / std::max<std::size_t>(1, parts.size());
  for (std::size_t r = 0; r < parts.size(); ++r) {
    double sum = 0.0;
    for (const predict::BoostedTrees& member : members_)
      sum += member.predict(rows.subspan(r * columns, columns));
    parts[r] += shift_ + sum / static_cast<double>(std::max<std::size_t>(1, members_.size()));
  }
  return log_of_sum(parts);
}

void LoopSums::write(Json& object) const {
  Json members = Json::array();
  for (const predict::BoostedTrees& member : members_) members.push_back(member.json());
  object["shift"] = shift_;
  object["members"] = std::move(members);
}

LoopSums LoopSums::read(const Json& object, std::size_t columns) {
  LoopSums sums;
  sums.shift_ = object.at("shift").get<double>();
  for (const Json& member : object.at("members")) {
    sums.members_.push_back(predict::BoostedTrees::from_json(member));
    if (sums.members_.back().columns() != columns) throw Error("learned costs: trees of other columns");
  }
  return sums;
}

}  // namespace hone::cost
