#pragma once

#include <vector>

#include "hone/predict/support_vector.h"

namespace hone::predict {

/// The features of a partial learning curve (Baker et al., section 3): its points, their first and their
/// second differences, and what else is known. More than 30 points are thinned out evenly, the last one
/// stays.
std::vector<double> curve_features(const std::vector<double>& curve, const std::vector<double>& known);

/// Predicts where a learning curve ends (Baker et al., "Accelerating Neural Architecture Search using
/// Performance Prediction", 2017): nu-support vector regression from the features of the curve so far to its
/// final value; cost, kernel and kernel width are chosen by 3-fold cross-validation over a small grid, and
/// the deviation of its errors there is the prediction's. Features and target are standardised.
/// Deterministic.
class FinalValue {
 public:
  /// `rows`: features of complete curves up to the same point, `finals` their final values; 6 or more,
  /// finite.
  FinalValue(std::vector<std::vector<double>> rows, const std::vector<double>& finals);

  struct Prediction {
    double mean = 0.0;
    double deviation = 0.0;
  };
  Prediction predict(std::vector<double> row) const;

 private:
  void standardise(std::vector<double>& row) const;

  std::vector<double> shift_, scale_;  // by feature
  double target_shift_ = 0.0, target_scale_ = 1.0;
  double deviation_ = 0.0;
  SupportVectorRegression model_;
};

}  // namespace hone::predict
