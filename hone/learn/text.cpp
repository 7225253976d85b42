// Runs the trials of task `text` in a worker: trains, validates, times, probes.
#include "hone/task/text.h"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "hone/base/units.h"
#include "hone/cost/machine_lock.h"
#include "hone/cost/memory.h"
#include "hone/learn/text_costs.h"
#include "hone/learn/text_training.h"
#include "hone/learn/training_run.h"

namespace hone::learn {

namespace {

/// Canonical batch of the functional signature: so many sequences of so many tokens, so many steps.
constexpr std::int64_t kProbeRows = 4;
constexpr std::int64_t kProbeLength = 16;

class TextEvaluator final : public task::Evaluator {
 public:
  explicit TextEvaluator(std::shared_ptr<const task::TextTask> task) : task_(std::move(task)) {
    at::set_num_threads(1);
    task_->corpus();
  }

  study::Measures costs(const space::Config& config, const std::function<bool()>& interrupted) override {
    const graph::Graph graph = *task_->graph(config);
    // Weights, gradients and two moments, float32 each.
    const double need = 16.0 * static_cast<double>(graph.parameter_count());
    const double free = static_cast<double>(cost::available_bytes());
    if (free > 0.0 && need > free)
      throw Error(fmt::format("training it needs at least {} of memory, and {} are free",
                              quantity_text("_bytes", need), quantity_text("_bytes", free)));
    return text_costs(graph, task_->settings(config).context, interrupted);
  }

  std::vector<double> probe(const space::Config& config) override {
    const cost::Working working(lock_);  // so that it does not disturb a neighbour's measurement
    const task::TextSettings settings = task_->settings(config);
    const std::int64_t length = std::min<std::int64_t>(kProbeLength, settings.context);
    train::Model model(task_->graph(settings, kProbeRows, static_cast<int>(length)), kProbeSeed);
    train::TrainerOptions options = trainer_options(settings, kProbeSteps);
    options.schedule.warmup = 0;
    options.schedule.decay = train::Schedule::Decay::constant;
    options.clip = 0.0;
    train::Trainer trainer(model.parameters(), model.parameter_names(), options);
    torch::Tensor batch = torch::empty({kProbeRows, length + 1}, torch::kInt64);
    Rng rng(kProbeSeed, "probe");
    auto* out = batch.data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < batch.numel(); ++i)
      out[i] = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(task_->corpus().vocabulary())));

    std::vector<double> harvest;
    const torch::Tensor inputs = batch.narrow(1, 0, length),
                        targets = batch.narrow(1, 1, length).reshape({-1});
    for (std::int64_t step = 0; step < kProbeSteps; ++step) {
      const auto done = trainer.step([&](std::int64_t) {
        const torch::Tensor logits = model.forward(inputs);
        return torch::nn::functional::cross_entropy(logits.reshape({-1, logits.size(2)}), targets);
      });
      harvest.push_back(done.loss);
      harvest.push_back(done.gradient_norm);
    }
    const torch::NoGradGuard no_grad;
    const torch::Tensor logits = model.forward(inputs).to(torch::kDouble).contiguous();
    // The last position of every row sees all before it.
    for (std::int64_t row = 0; row < kProbeRows; ++row) {
      const double* last =
          logits.data_ptr<double>() + (row + 1) * logits.size(1) * logits.size(2) - logits.size(2);
      harvest.insert(harvest.end(), last, last + std::min<std::int64_t>(32, logits.size(2)));
    }
    return harvest;
  }

  task::Outcome run(const task::Assignment& assignment, task::Reporter& reporter) override {
    TrainingMemory memory;
    std::optional<cost::Working> building(std::in_place, lock_, [&] { return reporter.interrupted(); });
    TextTraining training(*task_, assignment.trial.config, assignment.trial.seed, assignment.horizon);
    building.reset();
    const double uniform_nats = std::log(static_cast<double>(task_->corpus().vocabulary()));
    TrainingRun run;
    run.nats = std::numbers::ln2;
    run.fault = [&](double loss, std::int64_t step) -> std::string {
      if (loss <= 10.0 * uniform_nats) return {};
      return fmt::format("diverged: loss {:.1f} nats at step {}, {:.1f} is chance", loss, step, uniform_nats);
    };
    run.judge = [&](double tail, const std::function<bool()>& interrupted) {
      const double bits = training.bits_per_char(task::Split::validation,
                                                 task_->options().integer("validation_chars"), interrupted);
      return study::Measures{{"bits_per_char", bits}, {"train_bits_per_char", tail}};
    };
    return run_training(training, assignment, reporter, lock_, memory, run);
  }

 private:
  std::shared_ptr<const task::TextTask> task_;
  cost::MachineLock lock_;
};

}  // namespace
}  // namespace hone::learn

HONE_REGISTER(evaluator, text) {
  using namespace hone;
  registry.add("evaluator",
               {.name = "text", .summary = "trains and times language models with LibTorch", .paper = ""},
               task::MakeEvaluator([](std::shared_ptr<const task::Task> task, const Options&,
                                      const std::string&) -> std::unique_ptr<task::Evaluator> {
                 auto text = std::dynamic_pointer_cast<const task::TextTask>(task);
                 if (text == nullptr) throw internal_error("the evaluator of text was given another task");
                 return std::make_unique<learn::TextEvaluator>(std::move(text));
               }));
}
