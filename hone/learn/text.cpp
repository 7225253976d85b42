// Runs the trials of task `text` in a worker: trains, validates, times, probes.
#include "hone/task/text.h"

#include <cmath>
#include <filesystem>
#include <numbers>

#include <fmt/format.h>
#include <malloc.h>

#include "hone/base/clock.h"
#include "hone/base/units.h"
#include "hone/cost/machine_lock.h"
#include "hone/cost/memory.h"
#include "hone/learn/text_costs.h"
#include "hone/learn/text_training.h"

namespace hone::learn {

namespace {

/// Canonical batch of the functional signature: so many sequences of so many tokens, so many steps.
constexpr std::int64_t kProbeRows = 4;
constexpr std::int64_t kProbeLength = 16;
constexpr std::int64_t kProbeSteps = 3;
/// A killed worker loses no more than this.
constexpr double kSaveEvery_s = 30.0;
constexpr std::uint64_t kProbeSeed = 20260101;

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
    ::malloc_trim(0);  // so that memory kept from earlier trials does not hide this one's
    const cost::PeakMemory memory;
    const auto interrupted = [&] { return reporter.interrupted(); };
    std::optional<cost::Working> building(std::in_place, lock_, interrupted);
    TextTraining training(*task_, assignment.trial.config, assignment.trial.seed, assignment.horizon);
    building.reset();
    if (!assignment.checkpoint.empty() && std::filesystem::exists(assignment.checkpoint))
      resume(training, assignment);

    task::Outcome outcome;
    const double began = monotonic_s();
    const double before = training.train_s;
    const std::int64_t first = training.steps();
    const std::int64_t every = std::max<std::int64_t>(1, assignment.horizon / 60);
    const double uniform_nats = std::log(static_cast<double>(task_->corpus().vocabulary()));
    // Loss since the last point of the curve, and that point: a run that is resumed reports the same ones.
    double recent = training.notes.value("recent", 0.0);
    std::int64_t recent_steps = training.notes.value("recent_steps", std::int64_t{0});
    double tail = training.notes.value("tail", 0.0);
    // Points of the curve that no journal has yet: a worker that is killed leaves them in the checkpoint.
    Json unsaid = training.notes.value("curve", Json::array());
    for (const Json& point : unsaid) outcome.curve.emplace_back(point.at(0), point.at(1));
    const auto save = [&] {
      training.train_s = before + monotonic_s() - began;
      training.notes = {
          {"recent", recent}, {"recent_steps", recent_steps}, {"tail", tail}, {"curve", unsaid}};
      training.save(assignment.checkpoint);
    };
    const auto finish = [&](task::Ending ending) {
      training.train_s = before + monotonic_s() - began;
      unsaid = Json::array();
      if (!assignment.checkpoint.empty() && (training.steps() != first || !outcome.curve.empty())) save();
      outcome.ending = ending;
      outcome.fidelity = training.steps();
      return outcome;
    };
    double saved = began;
    while (training.steps() < assignment.to) {
      if (interrupted()) return finish(task::Ending::interrupted);
      train::Trainer::Step step;
      {
        const cost::Working working(lock_, interrupted);
        if (!working.held()) return finish(task::Ending::interrupted);
        step = training.step();
      }
      if (!step.finite || step.loss > 10.0 * uniform_nats) {
        outcome.ending = task::Ending::failed;
        outcome.cause = "diverged";
        outcome.fidelity = training.steps();
        outcome.reason = step.finite ? fmt::format("diverged: loss {:.1f} nats at step {}, {:.1f} is chance",
                                                   step.loss, training.steps(), uniform_nats)
                                     : fmt::format("diverged: loss or gradient is not finite at step {}",
                                                   training.steps());
        return outcome;
      }
      recent += step.loss;
      ++recent_steps;
      if (!assignment.checkpoint.empty() && monotonic_s() - saved > kSaveEvery_s) {
        save();
        saved = monotonic_s();
      }
      if (training.steps() % every == 0 || training.steps() == assignment.to) {
        tail = recent / static_cast<double>(recent_steps) / std::numbers::ln2;
        outcome.curve.emplace_back(static_cast<double>(training.steps()), tail);
        unsaid.push_back({training.steps(), tail});
        recent = 0.0;
        recent_steps = 0;
      }
    }
    double bits = 0.0;
    {
      const cost::Working working(lock_, interrupted);
      if (!working.held()) return finish(task::Ending::interrupted);
      bits = training.bits_per_char(task::Split::validation, task_->options().integer("validation_chars"),
                                    interrupted);
    }
    if (interrupted()) return finish(task::Ending::interrupted);
    finish(task::Ending::reached);
    if (!std::isfinite(bits)) {
      outcome.ending = task::Ending::failed;
      outcome.cause = "diverged";
      outcome.reason = "diverged: validation loss is not finite";
      return outcome;
    }
    outcome.measures = {{"bits_per_char", bits},
                        {"train_s", training.train_s},
                        {"memory_bytes", static_cast<double>(memory.growth_bytes())},
                        {"train_bits_per_char", tail}};
    return outcome;
  }

 private:
  /// A checkpoint that cannot be used is put aside: the trial starts anew rather than fail.
  void resume(TextTraining& training, const task::Assignment& assignment) {
    try {
      training.load(assignment.checkpoint);
    } catch (const Error&) {
      std::filesystem::rename(assignment.checkpoint, assignment.checkpoint + ".unusable");
    }
  }

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
