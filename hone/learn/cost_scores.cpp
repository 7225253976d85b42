#include "hone/learn/cost_scores.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::learn {
namespace {

/// z of every target by the least-squares fit that training started from.
std::vector<double> linear_fit(const CostTrained& trained, const NetworkSample& sample) {
  const auto& weights = trained.model.weights;
  const std::size_t targets = trained.model.targets.size();
  const auto &mean = weights.at("features.mean").values, &deviation = weights.at("features.deviation").values;
  std::vector<double> z(targets, 0.0);
  for (std::size_t i = 0; i < sample.features.size(); ++i) {
    const double x = std::clamp((sample.features[i] - mean[i]) / deviation[i], -cost::kNeuralFeatureBound,
                                cost::kNeuralFeatureBound);
    for (std::size_t t = 0; t < targets; ++t) z[t] += x * trained.linear.values[i * targets + t];
  }
  return z;
}

}  // namespace

void CostScores::add(const CostData& data, const CostTrained& trained) {
  const cost::NeuralCost model(trained.model);
  const std::size_t targets = data.targets.size();
  if (columns_.empty())
    for (const std::string& target : data.targets) columns_.emplace_back().target = target;
  for (const NetworkSample& sample : data.samples) {
    if (sample.split != cost::Split::test) continue;
    const cost::NeuralInput input = encoded(trained.model, sample);
    const std::vector<float> out = model.outputs(input);
    const auto predictions = model.predict(input);
    const std::vector<double> line =
        sample.features.empty() ? std::vector<double>() : linear_fit(trained, sample);
    for (std::size_t t = 0; t < targets; ++t) {
      const double measured = sample.targets[t];
      const auto& target = trained.model.targets[t];
      if (!std::isfinite(measured) || (sample.disturbed && cost::is_timed(target.name))) continue;
      Column& column = columns_[t];
      column.measured.push_back(measured);
      column.functions.push_back(fmt::format("{},{}", sample.family, sample.id));
      column.predicted.push_back(predictions[t].value);
      column.low.push_back(predictions[t].low);
      column.high.push_back(predictions[t].high);
      column.mean.push_back(target.value(0.0));
      if (!line.empty()) column.linear.push_back(target.value(line[t]));
      const double slack = 1e-9 * std::abs(measured);
      if (measured >= predictions[t].low - slack && measured <= predictions[t].high + slack)
        column.inside += 1.0;
      const double z = std::clamp<double>(out[t], target.lowest, target.highest);
      const float spread = std::clamp(out[targets + t], cost::kNeuralSpreadLow, cost::kNeuralSpreadHigh);
      column.ratios.push_back(std::abs(z - target.transformed(measured)) / std::exp(spread));
    }
  }
}

std::vector<NetworkScore> CostScores::scores() const {
  std::vector<NetworkScore> scores;
  for (const Column& column : columns_) {
    const auto add = [&](const std::string& model, const std::vector<double>& predicted, double coverage) {
      if (predicted.size() == column.measured.size())
        scores.push_back({column.target, model, predict::accuracy(predicted, column.measured),
                          predict::median_error(predicted, column.measured), coverage});
    };
    add(model_, column.predicted, column.inside / static_cast<double>(column.measured.size()));
    add("linear", column.linear, kNaN);
    add("mean", column.mean, kNaN);
  }
  return scores;
}

std::string CostScores::table() const {
  std::string text = "target,family,id,measured,predicted,low,high\n";
  for (const Column& column : columns_)
    for (std::size_t i = 0; i < column.measured.size(); ++i)
      text += fmt::format("{},{},{},{},{},{}\n", column.target, column.functions[i], column.measured[i],
                          column.predicted[i], column.low[i], column.high[i]);
  return text;
}

CostScores cross_validate_costs(CostData data, CostTraining training, std::int64_t folds,
                                const std::string& name) {
  std::set<std::string> names;
  for (const NetworkSample& sample : data.samples) names.insert(sample.family);
  const std::vector<std::string> families(names.begin(), names.end());
  if (families.size() < 2)
    throw Error("all labels are of one family", {},
                "how near a model comes is measured on families held out");
  if (folds < 2 || static_cast<std::int64_t>(families.size()) < folds)
    throw Error(
        "there are " + std::to_string(families.size()) + " families for " + std::to_string(folds) + " folds",
        {}, "folds are 2 to the number of families");
  std::vector<cost::Split> own;
  for (const NetworkSample& sample : data.samples) own.push_back(sample.split);
  CostScores scores(name);
  for (std::int64_t fold = 0; fold < folds; ++fold) {
    training.split.held_out.clear();
    for (std::size_t i = 0; i < families.size(); ++i)
      if (static_cast<std::int64_t>(i) % folds == fold) training.split.held_out.push_back(families[i]);
    const std::set<std::string> out(training.split.held_out.begin(), training.split.held_out.end());
    for (std::size_t i = 0; i < data.samples.size(); ++i) {
      NetworkSample& sample = data.samples[i];
      sample.split = out.contains(sample.family)         ? cost::Split::test
                     : own[i] == cost::Split::validation ? cost::Split::validation
                                                         : cost::Split::train;
    }
    scores.add(data, train_costs(data, training));
    if (training.interrupted && training.interrupted()) break;
  }
  return scores;
}

void calibrate_on(cost::NeuralModel& model, const CostScores& scores) {
  for (std::size_t t = 0; t < model.targets.size(); ++t)
    model.targets[t].calibration = conformal_factor(scores.ratios(t));
  model.provenance["calibrated_on"] = "families held out";
}

}  // namespace hone::learn
