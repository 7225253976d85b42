#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "hone/base/numbers.h"
#include "hone/search/acquisition_search.h"
#include "hone/search/searcher.h"
#include "hone/search/surrogate.h"

namespace hone::search {

/// How likely a config gives exactly a value that is known already, by how far it is from the nearest known
/// config. A landscape of steps (a recorded table whose nearest row is taken, a clipped or rounded value)
/// answers over again what it answered before to all that is near; a smooth model does not see that, and an
/// evaluation there teaches nothing.
///
/// P(same | d) = exp(-(d / r)^2), d the Euclidean distance between the free entries (numbers along their
/// scales in [0, 1]; a category, or activity, that differs is 1). r is the likeliest of a grid, given of each
/// of the last results whether it was that of the nearest config before it, and 0 as long as none was. Only
/// nearest ones in the better half count: bad values (a constant prediction, say) are often the same whatever
/// the distance, and say nothing of where the good ones are. Ours; no paper.
class Sameness {
 public:
  /// `moves` must outlive this.
  explicit Sameness(const Moves& moves) : coding_(moves) {}

  /// Every change of the study. Values are compared at the same fidelity, a rung or the horizon, and r is of
  /// the highest one with kEnough comparisons: before much training many configs may do alike. What runs is
  /// known, too; what ended without a value is not. O(kRows d).
  void update(const Problem& problem, const study::Change& change);

  /// Whether any result was the same as its neighbour's: else log_new is 0 everywhere.
  bool any() const { return radius() > 0.0; }
  /// Log of the probability that a filled point's value is a new one: in [kFloor, 0]. Entries of grids must
  /// be those of their values (Moves::snap). The gradient by the point's entries is added where one is given.
  double log_new(const space::Point& point, Eigen::VectorXd* gradient = nullptr) const;

  static constexpr double kFloor = -7.0;

 private:
  static constexpr std::size_t kRows = 512, kOutcomes = 64, kEnough = 4;
  struct Row {
    std::int64_t trial;
    std::vector<double> entries;  // as in Coding
    bool runs = true;
    std::map<std::int64_t, double> values = {};  // by fidelity; of each only the first
  };
  struct Nearest {
    const Row* row = nullptr;
    double square = kInfinity;  // of the distance
  };
  /// `counts`: which rows do.
  template <typename Counts>
  Nearest nearest(const std::vector<double>& entries, const Counts& counts) const;
  void observe(Row& row, double value, std::int64_t fidelity);
  double radius() const;

  /// Squared distance to the nearest, and whether it was the same.
  using Outcomes = std::deque<std::pair<double, bool>>;

  Coding coding_;
  std::deque<Row> rows_;                       // the last ones
  std::map<std::int64_t, Outcomes> outcomes_;  // the last ones, by fidelity
  mutable std::optional<double> radius_;       // computed when it is asked for; no value: not since
};

/// Another acquisition function of which only what may be new counts. Both must outlive it.
class NewAcquisition : public Acquisition {
 public:
  NewAcquisition(const Acquisition& inner, const Sameness& sameness) : inner_(inner), sameness_(sameness) {}
  void score(const std::vector<space::Point>& points, std::vector<double>& scores) const override {
    inner_.score(points, scores);
    if (!sameness_.any()) return;
    for (std::size_t k = 0; k < points.size(); ++k) scores[k] += sameness_.log_new(points[k]);
  }
  double score(const space::Point& point, Eigen::VectorXd& gradient) const override {
    const double score = inner_.score(point, gradient);
    return sameness_.any() ? score + sameness_.log_new(point, &gradient) : score;
  }

 private:
  const Acquisition& inner_;
  const Sameness& sameness_;
};

}  // namespace hone::search
