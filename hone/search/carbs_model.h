#pragma once

#include <vector>

#include "hone/search/carbs_ground.h"
#include "hone/search/observations.h"
#include "hone/search/trend_process.h"

namespace hone::search {

/// CARBS's view of the results: the front of loss against cost, what a point would achieve, cost, and whether
/// it would succeed. Made anew for each proposal. Not thread safe; `ground` must outlive it.
class CarbsModel {
 public:
  using Row = predict::GaussianProcess::Row;
  struct Member {  // of the front, by ascending cost
    space::Point point;
    Row row;
    double log_cost;  ///< scaled to [-1, 1] over all results
    double value;     ///< more is better, about standard normal over all results
  };

  explicit CarbsModel(const CarbsGround& ground);

  /// One loss and one cost above 0 a row of `seen`; one row at least. Results within group_radius of each
  /// other count on the front by their mean.
  void fit(const Observations& seen, const std::vector<double>& losses, const std::vector<double>& costs,
           double group_radius, Rng& rng);
  const std::vector<Member>& front() const { return front_; }
  /// The value of the front at a scaled log cost, interpolated.
  double front_value(double log_cost) const;

  struct Rules {
    double radius;
    double exploration_bias;
    double max_cost;   ///< 0: none
    double threshold;  ///< a value of the front that counts as its least
  };
  /// The logarithm of the acquisition, -infinity for what is too expensive.
  std::vector<double> scores(const std::vector<Row>& rows, const Rules& rules) const;

 private:
  static constexpr std::size_t kMostRows = 100, kMostRunning = 32;

  void choose_front(const Observations& seen, const std::vector<double>& losses,
                    const std::vector<double>& log_costs, double group_radius);
  std::vector<std::size_t> chosen(const Observations& seen) const;
  double scaled(double log_cost) const { return -1.0 + 2.0 * (log_cost - log_low_) / log_range_; }
  void make_quantiles(std::vector<double> losses);
  double surrogate(double loss) const;

  const CarbsGround& ground_;
  TrendProcess performance_, cost_, success_;
  bool has_failures_ = false;
  std::vector<Member> front_;
  std::vector<std::size_t> front_rows_;  // of the observations
  std::vector<double> quantiles_;        // of the losses
  double log_low_ = 0.0, log_range_ = 1.0;
};

}  // namespace hone::search
