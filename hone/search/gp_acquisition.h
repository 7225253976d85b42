#pragma once

#include <optional>
#include <vector>

#include "hone/predict/process_mixture.h"
#include "hone/search/acquisition.h"
#include "hone/search/acquisition_search.h"
#include "hone/search/prior.h"
#include "hone/search/surrogate.h"

namespace hone::search {

/// A score made of Gaussian processes: log expected (hypervolume) improvement of the objectives, plus the log
/// probability that each limit is kept and that the trial succeeds, less a weight times the predicted log
/// cost, plus a weight times the log density of the user's prior. What is pointed to must outlive it.
class GpAcquisition : public Acquisition {
 public:
  /// A process whose value should not be above `most`.
  struct Bound {
    const predict::ProcessMixture* process;
    double most;
  };
  /// What models of earlier studies add to an objective's own: means by weight, variances by its square
  /// (RGPE). They have no resource.
  struct Ensemble {
    struct Member {
      const predict::ProcessMixture* process;
      double weight;
    };
    double own = 1.0;
    std::vector<Member> others = {};
  };
  const Coding* coding = nullptr;
  std::vector<const predict::ProcessMixture*> objectives;
  std::vector<Box> boxes;  ///< where objectives improve; empty: they do not count
  std::vector<Bound> limits;
  std::optional<Bound> success;                   ///< of a process without a resource
  const predict::ProcessMixture* cost = nullptr;  ///< of a process without a resource
  double cost_weight = 0.0;
  std::vector<Ensemble> ensembles;  ///< one an objective; empty: each is its process alone
  const Prior* prior = nullptr;
  double prior_weight = 0.0;
  std::optional<double> resource;  ///< what rows of objectives and limits end with

  void score(const std::vector<space::Point>& points, std::vector<double>& scores) const override;
  double score(const space::Point& point, Eigen::VectorXd& gradient) const override;

 private:
  using Rows = std::vector<std::vector<double>>;
  void predict_objective(std::size_t objective, const Rows& resourced, const Rows& plain,
                         Eigen::VectorXd& means, Eigen::VectorXd& variances) const;
  /// The gradients are by entry of a plain row.
  predict::ProcessMixture::Prediction predict_objective(std::size_t objective,
                                                        const std::vector<double>& resourced,
                                                        const std::vector<double>& plain) const;
  double score_prior(const space::Point& point, Eigen::VectorXd* gradient) const;
};

}  // namespace hone::search
