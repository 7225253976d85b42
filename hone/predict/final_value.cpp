#include "hone/predict/final_value.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "hone/base/numbers.h"

namespace hone::predict {
namespace {

constexpr std::size_t kPoints = 30;
constexpr std::size_t kFolds = 3;

/// The mean and deviation (1 where all are equal) of numbers.
std::pair<double, double> moments(const std::vector<double>& values) {
  double mean = 0.0, square = 0.0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values)
    square += (value - mean) * (value - mean) / static_cast<double>(values.size());
  const double deviation = std::sqrt(square);
  return {mean, deviation > 1e-12 * std::max(1.0, std::abs(mean)) ? deviation : 1.0};
}

}  // namespace

std::vector<double> curve_features(const std::vector<double>& curve, const std::vector<double>& known) {
  std::vector<double> points;
  const std::size_t n = std::min(curve.size(), kPoints);
  for (std::size_t i = 1; i <= n; ++i) points.push_back(curve[i * curve.size() / n - 1]);
  std::vector<double> features = points;
  for (std::size_t order = 0; order < 2; ++order) {
    for (std::size_t i = 0; i + 1 < points.size(); ++i) points[i] = points[i + 1] - points[i];
    if (!points.empty()) points.pop_back();
    features.insert(features.end(), points.begin(), points.end());
  }
  features.insert(features.end(), known.begin(), known.end());
  return features;
}

FinalValue::FinalValue(std::vector<std::vector<double>> rows, const std::vector<double>& finals) {
  const std::size_t columns = rows.front().size();
  for (std::size_t k = 0; k < columns; ++k) {
    std::vector<double> column;
    for (const auto& row : rows) column.push_back(row[k]);
    const auto [mean, deviation] = moments(column);
    shift_.push_back(mean);
    scale_.push_back(deviation);
  }
  for (auto& row : rows) standardise(row);
  std::tie(target_shift_, target_scale_) = moments(finals);
  std::vector<double> targets;
  for (const double value : finals) targets.push_back((value - target_shift_) / target_scale_);

  SupportVectorSettings best;
  double least = kInfinity;
  const double width = 1.0 / static_cast<double>(std::max<std::size_t>(1, columns));
  for (const double c : {1.0, 10.0, 100.0})
    for (const double gamma : {0.0, 0.1 * width, width}) {
      const SupportVectorSettings settings{c, 0.5, gamma};
      double squares = 0.0;
      for (std::size_t fold = 0; fold < kFolds; ++fold) {
        std::vector<std::vector<double>> in;
        std::vector<double> in_targets;
        for (std::size_t i = 0; i < rows.size(); ++i) {
          if (i % kFolds == fold) continue;
          in.push_back(rows[i]);
          in_targets.push_back(targets[i]);
        }
        const SupportVectorRegression model(in, in_targets, settings);
        for (std::size_t i = fold; i < rows.size(); i += kFolds)
          squares += std::pow(model.predict(rows[i]) - targets[i], 2);
      }
      if (squares < least) {
        least = squares;
        best = settings;
      }
    }
  deviation_ = target_scale_ * std::sqrt(least / static_cast<double>(rows.size()));
  model_ = SupportVectorRegression(rows, targets, best);
}

void FinalValue::standardise(std::vector<double>& row) const {
  for (std::size_t k = 0; k < row.size(); ++k) row[k] = (row[k] - shift_[k]) / scale_[k];
}

FinalValue::Prediction FinalValue::predict(std::vector<double> row) const {
  standardise(row);
  return {target_shift_ + target_scale_ * model_.predict(row), deviation_};
}

}  // namespace hone::predict
