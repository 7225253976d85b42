#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "hone/predict/gaussian_process.h"

namespace hone::cost {

/// One cost of designs, learned while they are measured: a Gaussian process over the logarithm of what was
/// measured (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006), whose deviation is
/// corrected by how far predictions were off that were made before their design was measured. Where
/// everything measured so far is nearly the same, that says little of designs elsewhere: of n logarithms that
/// hardly differ the deviation is 1 / sqrt(n) at least. A function of what was told, in order. Not thread
/// safe.
///
/// Exact up to kMost designs. Beyond, one enters only where the process was off by more than its own
/// deviation, up to twice as many; hyperparameters are those of the first kMost. Telling and predicting stay
/// below a millisecond but for refits, each after half as many designs more, and where what was told since
/// doubles the spread.
class Forecast {
 public:
  static constexpr std::size_t kFewest = 16;
  static constexpr std::size_t kMost = 400;

  /// A row's entries: predict::GaussianProcess.
  explicit Forecast(std::vector<predict::Input> inputs);

  /// A design was measured. Values that are not finite and above 0 tell nothing.
  void tell(const predict::GaussianProcess::Row& row, double value);

  struct Prediction {
    double value = 0.0;          ///< the median, in the cost's unit
    double log_deviation = 0.0;  ///< of the measurement's natural logarithm around that of `value`
    /// Probability that the measurement is above `bound`; bound > 0.
    double above(double bound) const;
  };
  /// What measuring a design would give; nullopt while fewer than kFewest are known.
  std::optional<Prediction> predict(const predict::GaussianProcess::Row& row) const;

  std::int64_t told() const { return told_; }
  /// Of the last kRecent predictions made before their measurement: how many, and the median of
  /// |predicted / measured - 1|; NaN where there are none.
  std::int64_t checked() const { return static_cast<std::int64_t>(errors_.size()); }
  double error() const;

 private:
  static constexpr std::size_t kRecent = 200;

  /// The logarithm's median and the deviation as the process has it, not corrected; some are told.
  std::pair<double, double> expected(const predict::GaussianProcess::Row& row) const;
  double deviation(double of_process) const;  ///< corrected, and not below what so few tell
  double measured_spread() const;             ///< of all logarithms so far
  void refit();

  predict::GaussianProcess process_;
  std::vector<predict::GaussianProcess::Row> rows_;
  std::vector<double> logs_;
  double centre_ = 0.0, spread_ = 1.0;  ///< of the logarithms, as they were when last fitted
  std::size_t next_fit_ = kFewest;
  std::int64_t told_ = 0;
  std::deque<double> errors_;  ///< relative
  std::deque<double> scores_;  ///< squared, in deviations
  double calibration_ = 1.0;   ///< what the process's deviation is multiplied by
};

}  // namespace hone::cost
