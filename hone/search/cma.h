#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "hone/base/rng.h"
#include "hone/space/scale.h"

namespace hone::search {

/// The search distribution of CMA-ES, updated generation by generation. Minimises. Positions are those of a
/// space::Point: [0, 1] along each number's scale.
///
/// - Numbers: Hansen, "The CMA Evolution Strategy: A Tutorial", 2016 (2023), with its default parameters and
///   negative weights ("active"). Above `full` numbers only the covariance's diagonal is kept and learnt
///   (d + 2) / 3 times as fast (Ros and Hansen, "A Simple Modification in CMA-ES Achieving Linear Time and
///   Space Complexity", 2008).
/// - Grids of at most 1,000 values: the margin of Hamano et al., "CMA-ES with Margin: Lower-Bounding Marginal
///   Probability for Mixed-Integer Black-Box Optimization", 2022: the mean and a diagonal matrix A are put
///   right after each update so that the probability of leaving the mean's cell never falls below 1 / (d
///   lambda).
/// - Categories: the distributions of Hamano et al., "CatCMA : Stochastic Optimization for Mixed-Category
///   Problems", 2024, one a category, moved along the natural gradient with ASNG's adaptive rate, no
///   probability below its margin.
/// - Injected samples, drawn from another distribution: their distance is cut (Hansen, "Injecting External
///   Solutions Into CMA-ES", 2011).
///
/// Not thread safe.
class Cma {
 public:
  struct Sample {
    Eigen::VectorXd numbers;      ///< unbounded; see positions()
    std::vector<int> categories;  ///< by index
  };
  struct Told {
    const Sample* sample = nullptr;
    bool own = true;     ///< drawn from the present distribution
    bool lost = false;   ///< failed: it stands last, and is never learnt from as a good one
    double value = 0.0;  ///< of one objective; NaN: none. For the stopping rules.
  };

  /// `scales`: of the numbers; they must outlive it. `categories`: how many each has.
  Cma(const std::vector<const space::Scale*>& scales, const std::vector<int>& categories, int lambda,
      Eigen::VectorXd mean, double sigma, int full, bool margin);

  static int default_lambda(std::size_t dimensions);
  int lambda() const { return lambda_; }
  std::int64_t generation() const { return generation_; }
  double sigma() const { return sigma_; }
  const Eigen::VectorXd& mean() const { return mean_; }

  Sample draw(Rng& rng) const;
  /// The positions that a sample's numbers stand for: on a grid its cell under A, beyond the ends mirrored.
  std::vector<double> positions(const Eigen::VectorXd& numbers) const;
  /// Numbers that stand for such positions at present.
  Eigen::VectorXd numbers_at(const Eigen::VectorXd& positions) const;

  /// A generation: lambda told, the best first. Of one that is all lost nothing is learnt; ours: as long as
  /// there was no other, the steps double each time, up to half of the range; it then goes on from the best
  /// that is found, with the steps that it began with.
  void update(const std::vector<Told>& ranked);
  /// Whether the tutorial's rules say that nothing more will come of it: no change of the best value beyond
  /// 1e-12 for 10 + 30 d / lambda generations, steps below 1e-12 of the first, a condition number above 1e14,
  /// steps 1e4 times the first, or an equal value of the best and the worse ones in most generations.
  bool should_stop() const;
  /// Ours: whether it went where all is lost, ten generations in a row.
  bool is_astray() const { return learned_ && lost_ >= kMostLost; }
  /// Whether it can be drawn from: not after it shrank or grew beyond what doubles hold.
  bool is_sound() const;

 private:
  void decompose();
  void adapt_numbers(const std::vector<Told>& ranked);
  void adapt_categories(const std::vector<Told>& ranked);
  void put_margin();

  int n_, lambda_, mu_;
  std::vector<const space::Scale*> scales_;
  bool diagonal_, margin_;
  Eigen::VectorXd weights_;
  double mu_eff_ = 1.0, c_sigma_ = 0.0, d_sigma_ = 1.0, c_c_ = 0.0, c_1_ = 0.0, c_mu_ = 0.0, chi_n_ = 1.0;

  Eigen::VectorXd mean_, p_sigma_, p_c_, stretch_;  // stretch_: the diagonal of A
  Eigen::MatrixXd covariance_, axes_;               // the first column alone where diagonal
  Eigen::VectorXd lengths_;                         // roots of the eigenvalues
  double sigma_, sigma_start_;
  std::int64_t generation_ = 0, decomposed_ = 0;

  std::vector<std::vector<double>> chances_;  // of categories
  std::vector<double> least_;
  std::vector<double> path_;
  double delta_scale_ = 1.0, gamma_ = 0.0;

  static constexpr double kWidest = 0.5;
  static constexpr int kMostLost = 10;

  std::vector<double> best_values_;  // a ring
  int flat_ = 0;
  bool learned_ = false;  // from any generation
  int lost_ = 0;          // generations in a row
};

}  // namespace hone::search
