#pragma once

#include <optional>
#include <vector>

#include "hone/predict/gaussian_process.h"
#include "hone/search/acquisition.h"
#include "hone/search/acquisition_search.h"
#include "hone/search/surrogate.h"

namespace hone::search {

/// A score made of Gaussian processes: log expected (hypervolume) improvement of the objectives, plus the log
/// probability that each limit is kept and that the trial succeeds, less a weight times the predicted log
/// cost. What is pointed to must outlive it.
class GpAcquisition : public Acquisition {
 public:
  /// A process whose value should not be above `most`.
  struct Bound {
    const predict::GaussianProcess* process;
    double most;
  };
  const Coding* coding = nullptr;
  std::vector<const predict::GaussianProcess*> objectives;
  std::vector<Box> boxes;  ///< where objectives improve; empty: they do not count
  std::vector<Bound> limits;
  std::optional<Bound> success;                    ///< of a process without a resource
  const predict::GaussianProcess* cost = nullptr;  ///< of a process without a resource
  double cost_weight = 0.0;
  std::optional<double> resource;  ///< what rows of objectives and limits end with

  void score(const std::vector<space::Point>& points, std::vector<double>& scores) const override;
  double score(const space::Point& point, Eigen::VectorXd& gradient) const override;
};

}  // namespace hone::search
