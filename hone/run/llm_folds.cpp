#include "hone/run/llm_folds.h"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::run {
namespace {

using cost::LlmStepMeasure;
using cost::MeasuredDeployment;

/// A step of a deployment, by value of its parts.
struct Sample {
  const MeasuredDeployment* deployment;
  LlmStepMeasure step;
};
/// Seconds of a sample; NaN where the model cannot say.
using Model = std::function<double(const Sample&)>;

/// Least squares on features of a sample, per kind of step. Predicts NaN where it was given nothing.
Model linear(const std::vector<Sample>& train,
             const std::function<std::vector<double>(const Sample&)>& features) {
  Eigen::VectorXd coefficients[2];
  for (const bool decode : {false, true}) {
    std::vector<const Sample*> own;
    for (const Sample& sample : train)
      if (sample.step.decode == decode) own.push_back(&sample);
    if (own.empty()) continue;
    const auto width = static_cast<Eigen::Index>(features(*own.front()).size());
    Eigen::MatrixXd x(static_cast<Eigen::Index>(own.size()), width);
    Eigen::VectorXd y(x.rows());
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      const auto row = features(*own[static_cast<std::size_t>(i)]);
      for (Eigen::Index j = 0; j < width; ++j) x(i, j) = row[static_cast<std::size_t>(j)];
      y[i] = own[static_cast<std::size_t>(i)]->step.seconds;
    }
    const Eigen::VectorXd scale = x.cwiseAbs().colwise().maxCoeff().cwiseMax(1e-300);
    const Eigen::VectorXd solved =
        (x * scale.cwiseInverse().asDiagonal()).completeOrthogonalDecomposition().solve(y);
    coefficients[decode ? 1 : 0] = solved.cwiseQuotient(scale);
  }
  return [=](const Sample& sample) {
    const Eigen::VectorXd& own = coefficients[sample.step.decode ? 1 : 0];
    if (own.size() == 0) return kNaN;
    const auto row = features(sample);
    double sum = 0.0;
    for (Eigen::Index j = 0; j < own.size(); ++j) sum += own[j] * row[static_cast<std::size_t>(j)];
    return sum;
  };
}

/// Between the sizes of the same deployment that were measured; sizes are tokens at the same batch, else
/// batches at the same tokens.
double interpolated(const std::vector<Sample>& train, const Sample& sample) {
  const auto along = [&](bool tokens) -> cost::LlmRuntime {
    std::map<double, double> sizes;
    for (const Sample& other : train) {
      if (other.deployment != sample.deployment || other.step.decode != sample.step.decode) continue;
      if (tokens ? other.step.batch == sample.step.batch : other.step.tokens == sample.step.tokens)
        sizes[tokens ? other.step.tokens : other.step.batch] = other.step.seconds;
    }
    cost::LlmRuntime runtime;
    for (const auto& [size, seconds] : sizes) {
      runtime.prompt_tokens.push_back(size);
      runtime.prompt_s.push_back(seconds);
    }
    if (tokens) choose_tile(runtime);
    if (sizes.empty()) return runtime;
    // Below the first size only prompts go on falling, towards what an output token takes.
    std::vector<double> decoded;
    for (const Sample& other : train)
      if (!sample.step.decode && other.step.decode && other.deployment == sample.deployment &&
          other.step.batch == sample.step.batch)
        decoded.push_back(other.step.seconds);
    runtime.token_s = decoded.empty() ? runtime.prompt_s.front() : predict::median(decoded);
    return runtime;
  };
  for (const bool tokens : {true, false})
    if (const auto runtime = along(tokens); runtime.prompt_tokens.size() >= 2)
      return runtime.prompt_cost(tokens ? sample.step.tokens : sample.step.batch);
  return kNaN;
}

std::vector<std::pair<std::string, Model>> models_of(const std::vector<Sample>& train, bool calibrate_only) {
  std::vector<MeasuredDeployment> measured;
  std::map<const MeasuredDeployment*, std::size_t> index;
  for (const Sample& sample : train) {
    const auto [found, fresh] = index.emplace(sample.deployment, measured.size());
    if (fresh) {
      measured.push_back(*sample.deployment);
      measured.back().steps.clear();
    }
    measured[found->second].steps.push_back(sample.step);
  }
  const auto whole =
      std::make_shared<cost::LlmCalibration>(cost::LlmCalibration::fit(measured, {.spreads = false}));
  cost::LlmCalibration::Options bare;
  bare.residuals = false;
  const auto constants = std::make_shared<cost::LlmCalibration>(cost::LlmCalibration::fit(measured, bare));
  const auto kept = std::make_shared<std::vector<Sample>>(train);
  std::vector<std::pair<std::string, Model>> models{
      {"calibrated",
       [=](const Sample& s) { return whole->predict(s.deployment->deployment, s.step).seconds; }},
      {"constants",
       [=](const Sample& s) { return constants->predict(s.deployment->deployment, s.step).seconds; }},
      {"uncalibrated",
       [](const Sample& s) { return llm_step(s.deployment->deployment, cost::LlmStack{}, s.step).seconds; }},
      {"roofline",
       [](const Sample& s) {
         return s.step.decode
                    ? cost::roofline_decode_s(s.deployment->deployment, s.step.batch, s.step.tokens)
                    : cost::roofline_prompt_s(s.deployment->deployment, s.step.batch, s.step.tokens);
       }},
      {"mean", linear(train, [](const Sample&) { return std::vector<double>{1.0}; })},
      {"linear on parameters",
       linear(train,
              [](const Sample& s) {
                const auto& d = s.deployment->deployment;
                const double own = d.model.active_parameters() / static_cast<double>(d.accelerators());
                return s.step.decode
                           ? std::vector<double>{1.0, d.model.active_parameters(), own, s.step.batch}
                           : std::vector<double>{1.0, own, own * s.step.batch * s.step.tokens};
              })},
      {"linear on layers", linear(train, [](const Sample& s) {
         const double layers = static_cast<double>(s.deployment->deployment.model.layers);
         return s.step.decode ? std::vector<double>{1.0, layers, s.step.batch}
                              : std::vector<double>{1.0, layers, layers * s.step.batch * s.step.tokens};
       })}};
  if (!calibrate_only)
    models.emplace_back("interpolated", [=](const Sample& s) { return interpolated(*kept, s); });
  return models;
}

/// Measured and predicted seconds of one target by one model.
struct Pairs {
  std::vector<double> predicted, measured;
};
using Cell = std::tuple<const MeasuredDeployment*, double, double>;  ///< deployment, batch, prompt

void add_scores(std::vector<CostScore>& scores, const std::string& suite, const std::string& target,
                const std::string& model, const Pairs& pairs) {
  if (pairs.measured.empty()) return;
  const predict::Accuracy reached = predict::accuracy(pairs.predicted, pairs.measured);
  scores.push_back({suite, target, model, reached});
  if (target != "token_s") return;
  predict::Accuracy at_median = reached;
  at_median.mape = predict::median_error(pairs.predicted, pairs.measured);
  scores.push_back({suite, "token_s, median error", model, at_median});
}

}  // namespace

std::vector<CostScore> fold_scores(const std::string& suite, const std::vector<MeasuredDeployment>& measured,
                                   const FoldKey& key, const CostBenchOptions& options) {
  std::vector<Sample> samples;
  std::vector<std::string> keys;
  std::map<std::string, int> folds;
  for (const auto& one : measured)
    for (const auto& step : one.steps) {
      samples.push_back({&one, step});
      keys.push_back(key ? key(one, step) : "all");
      if (!keys.back().empty()) ++folds[keys.back()];
    }
  std::map<std::string, std::map<std::string, Pairs>> targets;  // by target and model
  std::vector<std::string> order;
  for (const auto& [fold, count] : folds) {
    static_cast<void>(count);
    if (options.interrupted && options.interrupted()) break;
    if (options.progress) options.progress(suite + ": " + fold);
    std::vector<Sample> train, held;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const bool out = keys[i] == fold;
      if (out) held.push_back(samples[i]);
      if (!key || !out) train.push_back(samples[i]);
    }
    if (train.empty()) continue;
    for (const auto& [name, model] : models_of(train, !key)) {
      if (std::find(order.begin(), order.end(), name) == order.end()) order.push_back(name);
      std::map<Cell, std::pair<double, double>> prompts, tokens;  // predicted and measured
      for (const Sample& sample : held) {
        const double predicted = model(sample);
        if (!std::isfinite(predicted)) continue;
        Pairs& pairs = targets[sample.step.decode ? "token_s" : "prompt_s"][name];
        pairs.predicted.push_back(predicted);
        pairs.measured.push_back(sample.step.seconds);
        const Cell cell{sample.deployment, sample.step.batch, sample.step.prompt};
        (sample.step.decode ? tokens : prompts)[cell] = {predicted, sample.step.seconds};
      }
      for (const auto& [cell, token] : tokens) {
        const auto prompt = prompts.find(cell);
        if (prompt == prompts.end() || std::get<2>(cell) <= 0.0) continue;
        Pairs& pairs = targets["request_s"][name];
        pairs.predicted.push_back(prompt->second.first + 127.0 * token.first);
        pairs.measured.push_back(prompt->second.second + 127.0 * token.second);
      }
    }
  }
  std::vector<CostScore> scores;
  for (const std::string target : {"token_s", "prompt_s", "request_s"})
    for (const std::string& name : order) add_scores(scores, suite, target, name, targets[target][name]);
  return scores;
}

}  // namespace hone::run
