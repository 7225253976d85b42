#pragma once

#include <cstdint>
#include <vector>

#include "hone/base/rng.h"
#include "hone/space/space.h"

namespace hone::search {

/// How a Parzen estimator sees one parameter: a choice, flag or small grid as codes 0 .. n - 1, anything else
/// as a position in [0, 1]. Kernels of codes are in a table, but for choices of so many values that it would
/// be large: those have one of two.
class Axis {
 public:
  /// Numeric grids up to this size have their kernels integrated over each value's cell.
  static constexpr std::int64_t kLargestTable = 32;

  explicit Axis(const space::Parameter& parameter);

  bool is_table() const { return size_ > 0 && !wide_; }
  bool is_wide() const { return wide_; }  ///< a choice of 255 values or more
  bool is_categorical() const { return categorical_; }
  int size() const { return size_; }  ///< values; 0 where codes are positions
  bool is_conditional() const { return conditional_; }
  double cell() const { return cell_; }  ///< no table: width of a value's cell; 0 for a free real
  double edge(int k) const { return edges_[static_cast<std::size_t>(k)]; }  ///< numeric table: size() + 1
  double prior(int k) const;  ///< probability of value k when nothing is known

  float code(double entry) const;      ///< from a Point's entry; NaN stays
  double entry(float code) const;      ///< back
  float draw(Rng& rng) const;          ///< from the prior: uniform along the scale
  int cell_of(double position) const;  ///< numeric table: the value whose cell holds it

 private:
  bool categorical_ = false;
  bool wide_ = false;
  bool conditional_ = false;
  int size_ = 0;
  double cell_ = 0.0;
  std::vector<double> edges_;
};

/// A point as a Parzen estimator sees it: a code a parameter, NaN where inactive.
using Codes = std::vector<float>;

/// A weighted mixture of product kernels, one component an observation, and a prior component, uniform over
/// each parameter's scale (Watanabe, "Tree-Structured Parzen Estimator: Understanding Its Algorithm
/// Components and Their Roles for Better Empirical Performance", 2023). Kernels: a Gaussian truncated to [0,
/// 1] for numbers, integrated over the cell on a small grid, its variance widened by the cell's (h^2 / 12) on
/// a large one; for choices the observed value keeps (1 + p) / (1 + C p), each other gets p / (1 + C p). All
/// components share a bandwidth per parameter.
///
/// Inactive parameters: the density of a candidate multiplies over the parameters active in the candidate;
/// where the component lacks one of them its factor there is the prior's. So a component speaks for the
/// branches it was seen in and is neutral elsewhere, and correlations between the rest stay. Drawing follows
/// the same rule: one component is chosen, what it lacks is drawn from the prior.
///
/// Observations lie in columns, so that a density is a few passes over flat arrays. Not thread safe.
class Parzen {
 public:
  Parzen(const std::vector<Axis>& axes, double prior_weight);

  std::size_t size() const { return size_; }
  /// Adds a component at slot size() - 1.
  void add(const Codes& codes, double weight);
  /// Removes a component; the last one takes its slot.
  void remove(std::size_t slot);
  /// 0: the component stays but has no share.
  void set_weight(std::size_t slot, double weight);
  void clear();

  /// Chooses bandwidths for the present number of components; cheap where it hardly changed since.
  void fit();

  /// Log of the density at a candidate (of the probability, on tables). fit() must have seen the components.
  double log_density(const Codes& candidate);
  /// A draw: a value for every parameter, whether its condition holds or not.
  Codes draw(Rng& rng) const;

 private:
  struct Column {
    std::vector<float> values;         // positions, codes; 0, or below it, where it lacks the parameter
    std::vector<float> scales, norms;  // conditional: of the exponent, log normaliser; 0 where lacking
    std::vector<std::uint8_t> codes;   // tables; size() where lacking
    double sigma = 0.0;
    float scale = 0.0f;                            // 1 / (2 sigma^2)
    std::vector<float> table;                      // [candidate's code][component's code or lacking], logs
    float own = 0.0f, other = 0.0f, prior = 0.0f;  // of wide choices, logs
    std::vector<float> log_norms;                  // log normaliser of a truncated Gaussian at k / kNormSteps
  };
  static constexpr int kNormSteps = 256;

  void fit_column(std::size_t axis, double sigma, double categorical_share);
  float log_norm(const Column& column, float position) const;
  void place(std::size_t slot);  // fills in what depends on the bandwidths
  void reserve(std::size_t slots);

  const std::vector<Axis>& axes_;
  double prior_weight_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // a multiple of kLanes; what lies behind size_ has no share
  std::size_t fitted_ = 0;    // number of components that the bandwidths are for
  double weight_sum_ = 0.0;
  std::vector<double> weights_;
  std::vector<float> base_;  // log of weight and of the normalisers of unconditional positions
  std::vector<Column> columns_;
  std::vector<float> sums_;  // scratch
};

}  // namespace hone::search
