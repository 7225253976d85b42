#include "hone/learn/image_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "hone/base/numbers.h"
#include "hone/base/rng.h"

namespace hone::learn {

train::TrainerOptions trainer_options(const task::ImageSettings& settings, std::int64_t horizon) {
  train::TrainerOptions options;
  options.method =
      settings.optimizer == "sgd" ? train::TrainerOptions::Method::sgd : train::TrainerOptions::Method::adamw;
  options.schedule = schedule_of(settings, horizon);
  options.momentum = settings.momentum;
  options.beta2 = 0.999;
  options.weight_decay = settings.weight_decay;
  options.clip = 0.0;
  return options;
}

torch::Tensor labels_of(const task::LabelledImages& images, const std::size_t* which, std::size_t n) {
  torch::Tensor labels = torch::empty({static_cast<std::int64_t>(n)}, torch::kInt64);
  for (std::size_t i = 0; i < n; ++i) labels.data_ptr<std::int64_t>()[i] = images.labels[which[i]];
  return labels;
}

ImageTraining::ImageTraining(const task::ImageTask& task, const space::Config& config, std::uint64_t seed,
                             std::int64_t horizon)
    : ImageTraining(task, config, seed, horizon, task.settings(config)) {}

ImageTraining::ImageTraining(const task::ImageTask& task, const space::Config& config, std::uint64_t seed,
                             std::int64_t horizon, task::ImageSettings settings)
    : Training({config, seed, horizon, task.images().key()},
               train::Model(task::cell_network(settings.network, settings.batch), seed),
               trainer_options(settings, horizon * settings.steps_per_unit)),
      task_(task),
      settings_(std::move(settings)) {}

torch::Tensor ImageTraining::batch_of(const task::LabelledImages& images, const std::size_t* which,
                                      std::size_t n) const {
  const task::ImageSet& set = task_.images();
  const graph::Shape& shape = set.shape();
  const auto plane = static_cast<std::size_t>(shape[1] * shape[2]);
  torch::Tensor batch =
      torch::empty({static_cast<std::int64_t>(n), shape[0], shape[1], shape[2]}, torch::kFloat32);
  float* out = batch.data_ptr<float>();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < static_cast<std::size_t>(shape[0]); ++c) {
      const auto mean = static_cast<float>(set.means()[c]);
      const auto scale = static_cast<float>(1.0 / set.deviations()[c]);
      const std::uint8_t* in =
          images.pixels.data() + (which[i] * static_cast<std::size_t>(shape[0]) + c) * plane;
      for (std::size_t p = 0; p < plane; ++p) *out++ = (static_cast<float>(in[p]) - mean) * scale;
    }
  return batch;
}

/// Shifts are filled with 0, the mean.
void ImageTraining::augment(torch::Tensor& batch, std::int64_t step) const {
  if (settings_.crop == 0 && !settings_.flip) return;
  const std::int64_t margin = settings_.crop, height = batch.size(2), width = batch.size(3);
  const torch::Tensor padded =
      margin > 0 ? torch::constant_pad_nd(batch, {margin, margin, margin, margin}) : batch;
  std::vector<torch::Tensor> images;
  Rng rng(seed(), "augment", static_cast<std::uint64_t>(step));
  for (std::int64_t i = 0; i < batch.size(0); ++i) {
    torch::Tensor image = padded[i];
    if (margin > 0) {
      const auto choices = static_cast<std::uint64_t>(2 * margin + 1);
      const auto top = static_cast<std::int64_t>(rng.below(choices));
      const auto left = static_cast<std::int64_t>(rng.below(choices));
      image = image.narrow(1, top, height).narrow(2, left, width);
    }
    if (settings_.flip && rng.below(2) == 0) image = image.flip({2});
    images.push_back(image);
  }
  batch = torch::stack(images);
}

train::Trainer::Step ImageTraining::step() {
  const task::LabelledImages& images = task_.images().images(task::Split::train);
  const std::size_t n = std::min(static_cast<std::size_t>(settings_.batch), images.size());
  const auto per_pass = static_cast<std::int64_t>(images.size() / n);
  model_.set_training(true);
  return trainer_.step([&](std::int64_t step) {
    if (step / per_pass != pass_) {
      pass_ = step / per_pass;
      order_.resize(images.size());
      std::iota(order_.begin(), order_.end(), std::size_t{0});
      Rng rng(seed(), "pass", static_cast<std::uint64_t>(pass_));
      for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
    }
    const std::size_t* which = order_.data() + static_cast<std::size_t>(step % per_pass) * n;
    torch::Tensor batch = batch_of(images, which, n);
    augment(batch, step);
    return torch::nn::functional::cross_entropy(model_.forward(batch), labels_of(images, which, n));
  });
}

ImageTraining::Judged ImageTraining::judge(task::Split split, const std::function<bool()>& interrupted) {
  const torch::NoGradGuard no_grad;
  const task::LabelledImages& images = task_.images().images(split);
  model_.set_training(false);
  // About as much memory as a training step takes.
  const std::size_t rows = std::max<std::size_t>(static_cast<std::size_t>(settings_.batch), 64);
  std::vector<std::size_t> which(rows);
  double loss = 0.0;
  std::int64_t right = 0;
  for (std::size_t first = 0; first < images.size(); first += rows) {
    if (interrupted && interrupted()) {
      constexpr double nan = kNaN;
      return {nan, nan};
    }
    const std::size_t n = std::min(rows, images.size() - first);
    std::iota(which.begin(), which.end(), first);
    const torch::Tensor logits = model_.forward(batch_of(images, which.data(), n));
    const torch::Tensor labels = labels_of(images, which.data(), n);
    loss += torch::nn::functional::cross_entropy(logits, labels).item<double>() * static_cast<double>(n);
    right += logits.argmax(1).eq(labels).sum().item<std::int64_t>();
  }
  const auto n = static_cast<double>(images.size());
  return {(n - static_cast<double>(right)) / n, loss / n};
}

void ImageTraining::describe(Json& header) const {
  header["means"] = task_.images().means();
  header["deviations"] = task_.images().deviations();
}

}  // namespace hone::learn
