#include "hone/learn/text_training.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/base/rng.h"

namespace hone::learn {
namespace {

/// int64 [rows, columns] from windows of tokens that start at `starts`.
torch::Tensor windows(const std::vector<std::int32_t>& tokens, const std::vector<std::size_t>& starts,
                      std::int64_t length) {
  torch::Tensor batch = torch::empty({static_cast<std::int64_t>(starts.size()), length}, torch::kInt64);
  auto* out = batch.data_ptr<std::int64_t>();
  for (std::size_t start : starts)
    for (std::int64_t i = 0; i < length; ++i) *out++ = tokens[start + static_cast<std::size_t>(i)];
  return batch;
}

torch::Tensor loss_of(train::Model& model, const torch::Tensor& batch) {
  const std::int64_t length = batch.size(1) - 1;
  const torch::Tensor on_device = batch.to(model.device());
  const torch::Tensor logits = model.forward(on_device.narrow(1, 0, length));
  return torch::nn::functional::cross_entropy(logits.reshape({-1, logits.size(2)}),
                                              on_device.narrow(1, 1, length).reshape({-1}));
}

}  // namespace

train::TrainerOptions trainer_options(const task::TextSettings& settings, std::int64_t horizon) {
  train::TrainerOptions options;
  options.schedule = schedule_of(settings, horizon);
  options.weight_decay = settings.weight_decay;
  options.beta2 = settings.beta2;
  options.clip = settings.clip;
  return options;
}

TextTraining::TextTraining(const task::TextTask& task, const space::Config& config, std::uint64_t seed,
                           std::int64_t horizon)
    : TextTraining(task, config, seed, horizon, task.settings(config)) {}

TextTraining::TextTraining(const task::TextTask& task, const space::Config& config, std::uint64_t seed,
                           std::int64_t horizon, task::TextSettings settings)
    : Training({config, seed, horizon, task.corpus().key()},
               train::Model(task.graph(settings, settings.batch, settings.context), seed),
               trainer_options(settings, horizon)),
      task_(task),
      settings_(std::move(settings)) {
  for (const task::Split split : {task::Split::train, task::Split::validation, task::Split::test})
    if (task_.corpus().tokens(split).size() <= static_cast<std::size_t>(settings_.context))
      throw Error(fmt::format("a context of {} characters is longer than a part of the text ({} characters)",
                              settings_.context, task_.corpus().tokens(split).size()));
}

train::Trainer::Step TextTraining::step() {
  return trainer_.step([&](std::int64_t step) {
    const auto& tokens = task_.corpus().train();
    const std::size_t length = static_cast<std::size_t>(settings_.context) + 1;
    Rng rng(seed(), "batch", static_cast<std::uint64_t>(step));
    std::vector<std::size_t> starts(static_cast<std::size_t>(settings_.batch));
    for (auto& start : starts) start = rng.below(tokens.size() - length + 1);
    return loss_of(model_, windows(tokens, starts, static_cast<std::int64_t>(length)));
  });
}

double TextTraining::bits_per_char(task::Split split, std::int64_t characters,
                                   const std::function<bool()>& interrupted) {
  const torch::NoGradGuard no_grad;
  const auto& tokens = task_.corpus().tokens(split);
  const auto context = static_cast<std::size_t>(settings_.context);
  const std::size_t available = (tokens.size() - 1) / context;
  const std::size_t wanted = std::clamp<std::size_t>(static_cast<std::size_t>(characters) / context, 1,
                                                     std::max<std::size_t>(1, available));
  // About as much memory as a training step, and enough rows that small models are not all overhead.
  const std::size_t rows =
      std::max<std::size_t>(static_cast<std::size_t>(settings_.batch), 2048 / context + 1);
  double nats = 0.0;
  std::size_t seen = 0, unknown = 0;
  for (std::size_t first = 0; first < wanted; first += rows) {
    if (interrupted && interrupted()) return kNaN;
    std::vector<std::size_t> starts;
    for (std::size_t i = first; i < std::min(first + rows, wanted); ++i) {
      starts.push_back(i * available / wanted * context);
      for (std::size_t at = 1; at <= context; ++at) unknown += tokens[starts.back() + at] == 0 ? 1 : 0;
    }
    const torch::Tensor batch = windows(tokens, starts, static_cast<std::int64_t>(context) + 1);
    nats += loss_of(model_, batch).item<double>() * static_cast<double>(starts.size() * context);
    seen += starts.size() * context;
  }
  return (nats / std::numbers::ln2 + static_cast<double>(unknown) * task::Corpus::unknown_bits()) /
         static_cast<double>(seen);
}

void TextTraining::describe(Json& header) const {
  std::vector<std::int64_t> characters;
  for (char32_t c : task_.corpus().characters()) characters.push_back(static_cast<std::int64_t>(c));
  header["context"] = settings_.context;
  header["characters"] = characters;
}

}  // namespace hone::learn
