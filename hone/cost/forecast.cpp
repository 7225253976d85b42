#include "hone/cost/forecast.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "hone/base/numbers.h"
#include "hone/cost/cost_method.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

constexpr int kIterations = 40;
/// So many checked predictions until their errors say something of the deviation.
constexpr std::size_t kCalibrated = 20;
/// What varies less, as a logarithm, is taken to vary so much.
constexpr double kSpread = 1e-3;

}  // namespace

Forecast::Forecast(std::vector<predict::Input> inputs) : process_(std::move(inputs)) {}

double Forecast::Prediction::above(double bound) const {
  const double z = (std::log(bound) - std::log(value)) / log_deviation;
  return 0.5 * std::erfc(z / std::numbers::sqrt2);
}

std::pair<double, double> Forecast::expected(const predict::GaussianProcess::Row& row) const {
  const auto at = process_.predict(row);
  const double noise = std::exp(process_.hyperparameters().noise);
  return {centre_ + spread_ * at.mean, spread_ * std::sqrt(at.variance + noise)};
}

double Forecast::deviation(double of_process) const {
  // A plateau may end where nothing was measured yet: what never varied is not known to a hair.
  const double untold = 1.0 / std::sqrt(static_cast<double>(rows_.size())) - spread_;
  return std::max({1e-6, calibration_ * of_process, untold});
}

std::optional<Forecast::Prediction> Forecast::predict(const predict::GaussianProcess::Row& row) const {
  if (process_.size() < kFewest) return std::nullopt;
  const auto [log, of_process] = expected(row);
  return Prediction{std::exp(log), deviation(of_process)};
}

void Forecast::tell(const predict::GaussianProcess::Row& row, double value) {
  if (!std::isfinite(value) || !(value > 0.0)) return;
  ++told_;
  const double log = std::log(value);
  bool news = true;
  if (process_.size() >= kFewest) {
    const auto [before, of_process] = expected(row);
    const double off = log - before;
    const double score = off / std::max(1e-6, of_process);
    news = std::abs(off) > deviation(of_process);
    errors_.push_back(std::abs(std::exp(-off) - 1.0));
    scores_.push_back(score * score);
    if (errors_.size() > kRecent) errors_.pop_front(), scores_.pop_front();
    if (scores_.size() >= kCalibrated) {
      // One that was far off is the tail's, not the deviation's: no score counts for more than nine.
      double sum = 0.0;
      for (const double one : scores_) sum += std::min(one, 9.0);
      calibration_ = std::clamp(std::sqrt(sum / static_cast<double>(scores_.size())), 0.5, 3.0);
    }
  }
  if (rows_.size() >= 2 * kMost || (rows_.size() >= kMost && !news)) return;
  rows_.push_back(row);
  logs_.push_back(log);
  const bool wider =
      process_.size() > 0 && std::abs(log - centre_) > spread_ && measured_spread() > 2.0 * spread_;
  if ((rows_.size() >= next_fit_ || wider) && rows_.size() <= kMost)
    refit();
  else if (process_.size() > 0)
    process_.append(row, (log - centre_) / spread_);
}

double Forecast::measured_spread() const {
  const double n = static_cast<double>(logs_.size());
  const double centre = std::accumulate(logs_.begin(), logs_.end(), 0.0) / n;
  double squares = 0.0;
  for (const double log : logs_) squares += (log - centre) * (log - centre);
  return std::max(kSpread, std::sqrt(squares / n));
}

void Forecast::refit() {
  centre_ = std::accumulate(logs_.begin(), logs_.end(), 0.0) / static_cast<double>(logs_.size());
  spread_ = measured_spread();
  std::vector<double> targets;
  for (const double log : logs_) targets.push_back((log - centre_) / spread_);
  process_.set(rows_, targets);
  process_.fit(kIterations);
  next_fit_ = std::min(kMost, rows_.size() + rows_.size() / 2);
  if (rows_.size() >= kMost) next_fit_ = 2 * kMost + 1;
}

double Forecast::error() const {
  if (errors_.empty()) return kNaN;
  return predict::upper_median({errors_.begin(), errors_.end()});
}

}  // namespace hone::cost

HONE_REGISTER(cost, forecast) {
  using namespace hone;
  cost::add_cost_method(
      registry,
      MethodInfo{.name = "forecast",
                 .summary = "Costs learned while a search measures them, to turn candidates away unmeasured.",
                 .paper = "Gaussian Processes for Machine Learning",
                 .traits = "any positive cost, with a deviation that is corrected by earlier predictions"});
}
