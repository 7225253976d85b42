#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "hone/search/moves.h"
#include "hone/space/scale.h"

namespace hone::search {

/// What is maximised: a score of filled points. May be -infinity, never NaN or +infinity.
class Acquisition {
 public:
  virtual ~Acquisition() = default;
  virtual void score(const std::vector<space::Point>& points, std::vector<double>& scores) const = 0;
  /// The score of one point, and its gradient by parameter of the space.
  virtual double score(const space::Point& point, Eigen::VectorXd& gradient) const = 0;
};

/// The part of a space that is looked at: numbers between low and high (entries of a Point, by parameter),
/// and of the categories and flags at most max_changed other than the centre's.
struct Region {
  space::Point centre, low, high;
  std::size_t max_changed = 0;
};

struct AcquisitionSearchOptions {
  std::size_t evaluations = 1500;  ///< scores computed, about
  std::size_t starts = 4;          ///< candidates that are improved
  bool draws_only = false;         ///< the best of `evaluations` draws, scored together
};

/// Maximises an acquisition function over a space of any form. Candidates are drawn from the space (or
/// region) and around good configs; the best of them, and the best config so far, are improved by turns: all
/// fine numbers together by L-BFGS on the gradient, then everything else by the best exchange of one
/// parameter's value, until neither gains. Fine are numbers without a grid or with more than 16 values; those
/// on a grid are rounded after each turn and moved by single steps as well. Immutable; thread safe.
class AcquisitionSearch {
 public:
  /// `moves` must outlive this.
  explicit AcquisitionSearch(const Moves& moves);

  /// The best config that `known` does not hold, passing over the first `skip` of them; nullopt where none
  /// was found. `seeds`: good configs as filled points, the best first. `region`: null for the whole space.
  std::optional<space::Config> maximize(const Acquisition& acquisition,
                                        const std::vector<space::Point>& seeds, const Region* region,
                                        const std::function<bool(const space::Config&)>& known,
                                        std::size_t skip, const AcquisitionSearchOptions& options,
                                        Rng& rng) const;

 private:
  class Run;

  const Moves* moves_;
  std::vector<std::vector<double>> grids_;  // by parameter: entries of its values; empty: fine
  bool is_free_of_rules_ = true;            // neither constraints nor conditions
  bool is_hard_ = false;                    // a draw takes long
  mutable std::vector<space::Point> pool_;  // draws that are candidates every time, where it does
};

}  // namespace hone::search
