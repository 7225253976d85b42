#include "hone/learn/train_design.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/cost/machine_lock.h"
#include "hone/learn/image_costs.h"
#include "hone/learn/image_training.h"
#include "hone/learn/text_costs.h"
#include "hone/learn/text_training.h"

namespace hone::learn {
namespace {

/// A training that is carried on to its end.
template <typename Training>
class Design {
 public:
  /// `nats`: of the unit in which losses are told.
  Design(Training& training, const TrainDesign& design, std::int64_t steps_per_unit, double nats)
      : training_(training),
        design_(design),
        part_(design.output + ".part"),
        per_unit_(steps_per_unit),
        nats_(nats) {
    // What cannot be saved is not trained.
    const auto folder = std::filesystem::absolute(design.output).parent_path();
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    if (code)
      throw Error(fmt::format("its folder cannot be made: {}", code.message()), Place{design.output, 0, ""});
    need_writable(design.output);
    need_writable(part_);
    if (std::filesystem::exists(part_)) training.load(part_);
    smooth_ = training.notes.value("smooth", smooth_);
  }

  bool stopped() const { return design_.interrupted && design_.interrupted(); }
  std::int64_t units() const { return training_.steps() / per_unit_; }
  double loss() const { return smooth_; }  ///< NaN where no step was made

  /// false: interrupted, and everything is in the part.
  bool train() {
    const double before = training_.train_s, began = monotonic_s();
    double saved = began;
    const auto spent = [&] { return before + monotonic_s() - began; };
    const std::int64_t last = design_.steps * per_unit_;
    while (training_.steps() < last) {
      if (stopped()) {
        save(spent());
        return false;
      }
      train::Trainer::Step step;
      {
        const cost::Working working(lock_, design_.interrupted);
        if (!working.held()) continue;
        step = training_.step();
      }
      if (!step.finite)
        throw Error(fmt::format("training diverged at step {} of {}", training_.steps(), last), {},
                    "fewer steps, or a design with a lower learning rate");
      const double told = step.loss / nats_;
      smooth_ = std::isnan(smooth_) ? told : 0.95 * smooth_ + 0.05 * told;
      if (design_.progress)
        design_.progress(static_cast<double>(training_.steps()) / static_cast<double>(per_unit_), smooth_,
                         spent());
      if (monotonic_s() - saved > 30.0) {
        save(spent());
        saved = monotonic_s();
      }
    }
    save(spent());
    return true;
  }

  void finish() {
    training_.save(design_.output);
    std::error_code code;
    std::filesystem::remove(part_, code);
  }

 private:
  void save(double train_s) {
    training_.train_s = train_s;
    // A loss that goes on is told as if nothing had been in between.
    if (!std::isnan(smooth_)) training_.notes = {{"smooth", smooth_}};
    training_.save(part_);
  }

  Training& training_;
  const TrainDesign& design_;
  std::string part_;
  std::int64_t per_unit_;
  double nats_;
  cost::MachineLock lock_;
  double smooth_ = kNaN;
};

Trained train_text(const task::TextTask& task, const study::Trial& trial, const TrainDesign& design) {
  TextTraining training(task, trial.config, trial.seed, design.steps);
  Design run(training, design, 1, std::numbers::ln2);
  if (!run.train()) return {false, run.units(), {}};
  const auto stopped = [&] { return run.stopped(); };
  const auto all = std::numeric_limits<std::int64_t>::max();
  Trained trained{true, run.units(), {}};
  trained.measures.set("bits_per_char", training.bits_per_char(task::Split::validation, all, stopped));
  trained.measures.set("test_bits_per_char", training.bits_per_char(task::Split::test, all, stopped));
  if (!std::isnan(run.loss())) trained.measures.set("train_bits_per_char", run.loss());
  trained.measures.merge(task.design_costs(trial.config));
  trained.measures.merge(text_costs(training.model().graph(), training.settings().context, stopped));
  trained.measures.set("train_s", training.train_s);
  if (stopped()) return {false, run.units(), {}};
  run.finish();
  return trained;
}

Trained train_image(const task::ImageTask& task, const study::Trial& trial, const TrainDesign& design) {
  ImageTraining training(task, trial.config, trial.seed, design.steps);
  Design run(training, design, training.steps_per_unit(), 1.0);
  if (!run.train()) return {false, run.units(), {}};
  const auto stopped = [&] { return run.stopped(); };
  Trained trained{true, run.units(), {}};
  for (const auto& [split, prefix] :
       {std::pair(task::Split::validation, ""), std::pair(task::Split::test, "test_")}) {
    const ImageTraining::Judged judged = training.judge(split, stopped);
    trained.measures.set(fmt::format("{}error", prefix), judged.error);
    trained.measures.set(fmt::format("{}accuracy", prefix), 1.0 - judged.error);
    trained.measures.set(fmt::format("{}loss", prefix), judged.loss);
  }
  if (!std::isnan(run.loss())) trained.measures.set("train_loss", run.loss());
  trained.measures.merge(task.design_costs(trial.config));
  trained.measures.merge(image_costs(task::cell_network(training.settings().network, 1), stopped));
  trained.measures.set("train_s", training.train_s);
  if (stopped()) return {false, run.units(), {}};
  run.finish();
  return trained;
}

}  // namespace

Trained train_design(std::shared_ptr<const task::Task> task, const study::Trial& trial,
                     const TrainDesign& design) {
  if (const auto text = std::dynamic_pointer_cast<const task::TextTask>(task))
    return train_text(*text, trial, design);
  if (const auto image = std::dynamic_pointer_cast<const task::ImageTask>(task))
    return train_image(*image, trial, design);
  throw Error("this study's task has no models to train", {}, "tasks text and image have");
}

std::string loss_unit(const task::Task& task) {
  return dynamic_cast<const task::TextTask*>(&task) != nullptr ? "bits/char" : "nats";
}

}  // namespace hone::learn
