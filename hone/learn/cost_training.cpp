#include "hone/learn/cost_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <torch/torch.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/learn/cost_network.h"
#include "hone/learn/cost_start.h"
#include "hone/train/trainer.h"

namespace hone::learn {

double conformal_factor(std::vector<double> ratios, double coverage) {
  if (ratios.empty()) return 1.0;
  std::sort(ratios.begin(), ratios.end());
  const auto rank = static_cast<std::size_t>(std::ceil(static_cast<double>(ratios.size() + 1) * coverage));
  return ratios[std::min(std::max<std::size_t>(rank, 1), ratios.size()) - 1];
}

namespace {

using torch::Tensor;

/// What a network learns from: inputs with their z ([functions, targets]) and how much each counts.
struct Examples {
  std::vector<cost::NeuralInput> inputs;
  Tensor z, weight;

  Examples(const std::vector<const NetworkSample*>& samples, const cost::NeuralModel& model) {
    const auto n = static_cast<std::int64_t>(samples.size()),
               targets = static_cast<std::int64_t>(model.targets.size());
    z = torch::zeros({n, targets});
    weight = torch::zeros({n, targets});
    for (std::int64_t i = 0; i < n; ++i) {
      const NetworkSample& sample = *samples[static_cast<std::size_t>(i)];
      inputs.push_back(encoded(model, sample));
      for (std::int64_t t = 0; t < targets; ++t) {
        const auto& target = model.targets[static_cast<std::size_t>(t)];
        const double value = sample.targets[static_cast<std::size_t>(t)];
        if (!std::isfinite(value)) continue;
        z.data_ptr<float>()[i * targets + t] = static_cast<float>(target.transformed(value));
        weight.data_ptr<float>()[i * targets + t] =
            sample.disturbed && cost::is_timed(target.name) ? 0.25f : 1.0f;
      }
    }
  }
  std::size_t size() const { return inputs.size(); }
};

/// Batches of an epoch: shuffled, then functions of like length together, so that little is padding.
std::vector<std::vector<std::int64_t>> batches(const Examples& examples, const CostTraining& training,
                                               std::int64_t epoch) {
  std::vector<std::int64_t> order(examples.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Rng rng(training.seed, "cost order", static_cast<std::uint64_t>(epoch));
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  const auto size = static_cast<std::size_t>(training.batch);
  std::vector<std::vector<std::int64_t>> parts;
  for (std::size_t begin = 0; begin < order.size(); begin += 16 * size) {
    const std::size_t end = std::min(order.size(), begin + 16 * size);
    std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(begin),
                     order.begin() + static_cast<std::ptrdiff_t>(end), [&](std::int64_t a, std::int64_t b) {
                       return examples.inputs[static_cast<std::size_t>(a)].tokens.size() <
                              examples.inputs[static_cast<std::size_t>(b)].tokens.size();
                     });
    for (std::size_t at = begin; at < end; at += size)
      parts.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(at),
                         order.begin() + static_cast<std::ptrdiff_t>(std::min(end, at + size)));
  }
  for (std::size_t i = parts.size(); i > 1; --i) std::swap(parts[i - 1], parts[rng.below(i)]);
  return parts;
}

class Run {
 public:
  Run(cost::NeuralModel& model, const Examples& train, const Examples& validation,
      const CostTraining& training)
      : training_(training),
        train_(train),
        validation_(validation),
        network_(model, training.seed),
        targets_(static_cast<std::int64_t>(model.targets.size())),
        trainer_(network_.parameters(), network_.parameter_names(), options()) {}

  CostNetwork& network() { return network_; }

  /// The mean loss of an epoch; NaN where it was interrupted or diverged.
  double epoch(std::int64_t number) {
    double sum = 0.0;
    const auto parts = batches(train_, training_, number);
    for (const auto& part : parts) {
      if (training_.interrupted && training_.interrupted()) return kNaN;
      const auto step = trainer_.step([&](std::int64_t at) { return loss(part, at); });
      if (!step.finite) return kNaN;
      sum += step.loss;
    }
    return sum / static_cast<double>(parts.size());
  }

  /// z and log spread of the validation samples: [functions, 2 targets].
  Tensor predict_validation() {
    const torch::NoGradGuard no_grad;
    std::vector<Tensor> parts;
    for (std::size_t begin = 0; begin < validation_.size(); begin += 64) {
      std::vector<const cost::NeuralInput*> inputs;
      for (std::size_t i = begin; i < std::min(validation_.size(), begin + 64); ++i)
        inputs.push_back(&validation_.inputs[i]);
      parts.push_back(network_.forward(cost_batch(inputs)));
    }
    return at::cat(parts);
  }
  double error(const Tensor& predicted) const {
    const Tensor error = (predicted.narrow(1, 0, targets_) - validation_.z).abs() * validation_.weight;
    return (error.sum() / validation_.weight.sum().clamp_min(1.0)).item<double>();
  }

 private:
  train::TrainerOptions options() const {
    train::TrainerOptions options;
    const auto steps =
        (static_cast<std::int64_t>(train_.size()) + training_.batch - 1) / training_.batch * training_.epochs;
    options.schedule.peak = training_.lr;
    options.schedule.horizon = steps;
    options.schedule.warmup = steps / 20;
    options.schedule.final_ratio = 0.02;
    options.beta2 = 0.99;
    options.weight_decay = training_.weight_decay;
    return options;
  }

  Tensor loss(const std::vector<std::int64_t>& part, std::int64_t step) {
    Rng rng(training_.seed, "cost dropout", static_cast<std::uint64_t>(step));
    std::vector<cost::NeuralInput> noisy;
    for (const std::int64_t i : part) {
      cost::NeuralInput input = train_.inputs[static_cast<std::size_t>(i)];
      for (std::int32_t& token : input.tokens)
        if (rng.uniform() < training_.word_dropout) token = cost::mlir::Vocabulary::kUnknown;
      noisy.push_back(std::move(input));
    }
    std::vector<const cost::NeuralInput*> inputs;
    for (const auto& input : noisy) inputs.push_back(&input);
    Tensor keep;
    if (training_.dropout > 0.0) {
      keep = torch::empty({static_cast<std::int64_t>(part.size()), network_.joined_width()});
      const auto kept = static_cast<float>(1.0 / (1.0 - training_.dropout));
      for (std::int64_t i = 0; i < keep.numel(); ++i)
        keep.data_ptr<float>()[i] = rng.uniform() < training_.dropout ? 0.0f : kept;
    }
    const Tensor rows = torch::tensor(part, torch::kInt64);
    const Tensor z = train_.z.index_select(0, rows), weight = train_.weight.index_select(0, rows);
    const Tensor out = network_.forward(cost_batch(inputs), keep);
    const Tensor spread =
        out.narrow(1, targets_, targets_).clamp(cost::kNeuralSpreadLow, cost::kNeuralSpreadHigh);
    const Tensor each = (out.narrow(1, 0, targets_) - z).abs() * at::exp(-spread) + spread;
    return (each * weight).sum() / weight.sum().clamp_min(1.0);
  }

  const CostTraining& training_;
  const Examples &train_, &validation_;
  CostNetwork network_;
  std::int64_t targets_;
  train::Trainer trainer_;
};

void calibrate(cost::NeuralModel& model, const Examples& validation, const Tensor& predicted) {
  const auto targets = static_cast<std::int64_t>(model.targets.size());
  const float *z = validation.z.data_ptr<float>(), *weight = validation.weight.data_ptr<float>(),
              *out = predicted.data_ptr<float>();
  for (std::int64_t t = 0; t < targets; ++t) {
    auto& target = model.targets[static_cast<std::size_t>(t)];
    std::vector<double> ratios;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(validation.size()); ++i) {
      if (weight[i * targets + t] == 0.0f) continue;
      const double value = std::clamp<double>(out[i * 2 * targets + t], target.lowest, target.highest);
      const float spread =
          std::clamp(out[i * 2 * targets + targets + t], cost::kNeuralSpreadLow, cost::kNeuralSpreadHigh);
      ratios.push_back(std::abs(value - z[i * targets + t]) / std::exp(spread));
    }
    target.calibration = conformal_factor(std::move(ratios));
  }
}

}  // namespace

CostTrained train_costs(const CostData& data, const CostTraining& training) {
  training.shape.check();
  std::vector<const NetworkSample*> train, validation;
  for (const auto& sample : data.samples) {
    if (sample.split == cost::Split::train) train.push_back(&sample);
    if (sample.split == cost::Split::validation) validation.push_back(&sample);
  }
  if (train.empty() || validation.empty())
    throw Error(fmt::format("{} functions to train on and {} to validate with are too few", train.size(),
                            validation.size()),
                {}, "add labels, or hold fewer families out");
  CostTrained result;
  result.model = start_costs(data, train, training);
  const Examples examples(train, result.model), checks(validation, result.model);
  if (!result.model.features.empty()) result.linear = result.model.weights.at("linear.weight");
  Run run(result.model, examples, checks, training);
  result.validation = kInfinity;
  Tensor best_predictions;
  const double began = monotonic_s();
  const std::int64_t patience = std::max<std::int64_t>(10, training.epochs / 3);
  for (std::int64_t epoch = 0; epoch < training.epochs; ++epoch) {
    const double loss = run.epoch(epoch);
    if (!std::isfinite(loss)) {
      result.stopped = true;
      break;
    }
    result.epochs = epoch + 1;
    if (epoch == 0) result.first_loss = loss;
    result.last_loss = loss;
    const Tensor predicted = run.predict_validation();
    const double error = run.error(predicted);
    if (error < result.validation) {
      result.validation = error;
      result.best_epoch = epoch + 1;
      best_predictions = predicted;
      run.network().write(result.model);
    }
    if (training.progress) training.progress({epoch + 1, training.epochs, loss, error});
    if (epoch + 1 - result.best_epoch >= patience) break;
    if (training.time_s > 0.0 && monotonic_s() - began > training.time_s && epoch + 1 < training.epochs) {
      result.stopped = true;
      break;
    }
  }
  if (!best_predictions.defined()) {
    // Nothing was learned: the least-squares fit, or the mean.
    best_predictions = run.predict_validation();
    result.validation = run.error(best_predictions);
    run.network().write(result.model);
  }
  calibrate(result.model, checks, best_predictions);
  result.model.provenance = {{"labels", data.source},           {"functions", train.size()},
                             {"validation", validation.size()}, {"held_out", training.split.held_out},
                             {"seed", training.seed},           {"epochs", result.best_epoch},
                             {"calibrated_on", "validation"},   {"hone", HONE_VERSION}};
  return result;
}

}  // namespace hone::learn
