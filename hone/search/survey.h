#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hone/predict/forest.h"
#include "hone/search/moves.h"

namespace hone::search {

/// SMAC's model: a random forest over the log of the losses and, by it, the expected improvement of a point.
/// What came since it was grown is dropped into its leaves instead: the trees keep their splits, a leaf's
/// mean becomes that of all its rows. Not thread safe; `moves` must outlive it.
class Survey {
 public:
  explicit Survey(const Moves& moves);

  /// A filled point as the forest sees it: the free parameters; inactive ones are a category of their own, or
  /// -1 where they are numbers.
  predict::Row row(const space::Point& point) const;

  /// Grows the forest. `losses`: finite, one a row, less is better. `lost`: rows that gave nothing and count
  /// like the worst of the losses.
  void grow(const std::vector<predict::Row>& rows, const std::vector<double>& losses,
            const std::vector<predict::Row>& lost, std::uint64_t seed);
  bool grown() const { return forest_.has_value(); }
  /// Forgets what was dropped in.
  void clear_drops() { drops_.clear(); }
  void drop(const predict::Row& row, double loss);
  /// A trial that runs: counts as the mean of the losses where it falls, so that others keep away.
  void drop_running(const predict::Row& row) { drop_log(row, mean_); }

  /// Expected improvement over the best predicted loss, for losses that are lognormal (Hutter et al., "An
  /// Experimental Investigation of Model-Based Parameter Optimisation: SPO and Beyond", 2009).
  double improvement(const predict::Row& row) const;

 private:
  struct Drop {
    std::size_t tree, leaf;
    double sum, count;
  };
  double transformed(double loss) const;
  void drop_log(const predict::Row& row, double value);

  const Moves& moves_;
  std::vector<predict::Feature> features_;
  std::optional<predict::Forest> forest_;
  std::vector<Drop> drops_;
  double shift_ = 0.0, unit_ = 1.0;  // log((loss - shift) / unit) is what is modelled
  double mean_ = 0.0;                // of the transformed losses
  double best_ = 0.0;                // the least mean that is predicted for a row
};

}  // namespace hone::search
