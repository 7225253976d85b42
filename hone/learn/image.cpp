// Runs the trials of task `image` in a worker: trains, validates, times, probes.
#include "hone/task/image.h"

#include <fmt/format.h>

#include "hone/base/rng.h"
#include "hone/base/units.h"
#include "hone/cost/machine_lock.h"
#include "hone/cost/memory.h"
#include "hone/learn/image_costs.h"
#include "hone/learn/image_training.h"
#include "hone/learn/training_run.h"

namespace hone::learn {

namespace {

/// Canonical batch of the functional signature: so many images of noise, so many steps.
constexpr std::int64_t kProbeImages = 8;

class ImageEvaluator final : public task::Evaluator {
 public:
  explicit ImageEvaluator(std::shared_ptr<const task::ImageTask> task) : task_(std::move(task)) {
    at::set_num_threads(1);
    task_->images();
  }

  study::Measures costs(const space::Config& config, const std::function<bool()>& interrupted) override {
    const task::ImageSettings settings = task_->settings(config);
    const graph::Graph graph = task::cell_network(settings.network, settings.batch);
    // What autograd keeps of a step: every node's output once.
    double need = 0.0;
    for (const graph::Node& node : graph.nodes())
      need += 4.0 * static_cast<double>(graph::element_count(node.shape));
    const double free = static_cast<double>(cost::available_bytes());
    if (free > 0.0 && need > free)
      throw Error(fmt::format("training it needs at least {} of memory, and {} are free",
                              quantity_text("_bytes", need), quantity_text("_bytes", free)));
    return image_costs(task::cell_network(settings.network, 1), interrupted);
  }

  std::vector<double> probe(const space::Config& config) override {
    const cost::Working working(lock_);  // so that it does not disturb a neighbour's measurement
    const task::ImageSettings settings = task_->settings(config);
    train::Model model(task::cell_network(settings.network, kProbeImages), kProbeSeed);
    train::TrainerOptions options = trainer_options(settings, kProbeSteps);
    options.schedule.warmup = 0;
    options.schedule.decay = train::Schedule::Decay::constant;
    train::Trainer trainer(model.parameters(), model.parameter_names(), options);
    std::vector<std::int64_t> shape = settings.network.image;
    shape.insert(shape.begin(), kProbeImages);
    torch::Tensor images = torch::empty(shape, torch::kFloat32);
    torch::Tensor labels = torch::empty({kProbeImages}, torch::kInt64);
    Rng rng(kProbeSeed, "probe");
    for (std::int64_t i = 0; i < images.numel(); ++i)
      images.data_ptr<float>()[i] = static_cast<float>(rng.normal());
    for (std::int64_t i = 0; i < kProbeImages; ++i)
      labels.data_ptr<std::int64_t>()[i] =
          static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(settings.network.classes)));

    std::vector<double> harvest;
    for (std::int64_t step = 0; step < kProbeSteps; ++step) {
      const auto done = trainer.step(
          [&](std::int64_t) { return torch::nn::functional::cross_entropy(model.forward(images), labels); });
      harvest.push_back(done.loss);
      harvest.push_back(done.gradient_norm);
    }
    const torch::NoGradGuard no_grad;
    const torch::Tensor logits = model.forward(images).to(torch::kDouble).contiguous();
    harvest.insert(harvest.end(), logits.data_ptr<double>(),
                   logits.data_ptr<double>() + std::min<std::int64_t>(logits.numel(), 128));
    return harvest;
  }

  task::Outcome run(const task::Assignment& assignment, task::Reporter& reporter) override {
    TrainingMemory memory;
    std::optional<cost::Working> building(std::in_place, lock_, [&] { return reporter.interrupted(); });
    ImageTraining training(*task_, assignment.trial.config, assignment.trial.seed, assignment.horizon);
    building.reset();
    TrainingRun run;
    run.steps_per_unit = training.steps_per_unit();
    run.judge = [&](double tail, const std::function<bool()>& interrupted) {
      const ImageTraining::Judged judged = training.judge(task::Split::validation, interrupted);
      return study::Measures{{"error", judged.error},
                             {"accuracy", 1.0 - judged.error},
                             {"loss", judged.loss},
                             {"train_loss", tail}};
    };
    return run_training(training, assignment, reporter, lock_, memory, run);
  }

 private:
  std::shared_ptr<const task::ImageTask> task_;
  cost::MachineLock lock_;
};

}  // namespace
}  // namespace hone::learn

HONE_REGISTER(evaluator, image) {
  using namespace hone;
  registry.add("evaluator",
               {.name = "image", .summary = "trains and times networks of cells with LibTorch", .paper = ""},
               task::MakeEvaluator([](std::shared_ptr<const task::Task> task, const Options&,
                                      const std::string&) -> std::unique_ptr<task::Evaluator> {
                 auto image = std::dynamic_pointer_cast<const task::ImageTask>(task);
                 if (image == nullptr) throw internal_error("the evaluator of image was given another task");
                 return std::make_unique<learn::ImageEvaluator>(std::move(image));
               }));
}
