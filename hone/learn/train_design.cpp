#include "hone/learn/train_design.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/learn/text_costs.h"
#include "hone/learn/text_training.h"

namespace hone::learn {

Trained train_design(std::shared_ptr<const task::Task> task, const study::Trial& trial,
                     const TrainDesign& design) {
  const auto text = std::dynamic_pointer_cast<const task::TextTask>(task);
  if (text == nullptr) throw Error("this study's task has no models to train");
  TextTraining training(*text, trial.config, trial.seed, design.steps);
  const std::string part = design.output + ".part";
  std::filesystem::create_directories(std::filesystem::absolute(design.output).parent_path());
  if (std::filesystem::exists(part)) training.load(part);

  cost::MachineLock lock;
  const double before = training.train_s;
  const double began = monotonic_s();
  double saved = began;
  double smooth = std::numeric_limits<double>::quiet_NaN();
  const auto spent = [&] { return before + monotonic_s() - began; };
  while (training.steps() < design.steps) {
    if (design.interrupted && design.interrupted()) {
      training.train_s = spent();
      training.save(part);
      return {false, training.steps(), {}};
    }
    train::Trainer::Step step;
    {
      const cost::Working working(lock, design.interrupted);
      if (!working.held()) continue;
      step = training.step();
    }
    if (!step.finite)
      throw Error(fmt::format("training diverged at step {} of {}", training.steps(), design.steps), {},
                  "fewer steps, or a design with a lower learning rate");
    const double bits = step.loss / std::numbers::ln2;
    smooth = std::isnan(smooth) ? bits : 0.95 * smooth + 0.05 * bits;
    if (design.progress) design.progress(training.steps(), smooth, spent());
    if (monotonic_s() - saved > 30.0) {
      training.train_s = spent();
      training.save(part);
      saved = monotonic_s();
    }
  }
  training.train_s = spent();
  training.save(part);
  const auto stopped = [&] { return design.interrupted && design.interrupted(); };
  const auto all = std::numeric_limits<std::int64_t>::max();
  Trained trained{true, training.steps(), {}};
  trained.measures.set("bits_per_char", training.bits_per_char(task::Split::validation, all, stopped));
  trained.measures.set("test_bits_per_char", training.bits_per_char(task::Split::test, all, stopped));
  if (!std::isnan(smooth)) trained.measures.set("train_bits_per_char", smooth);
  trained.measures.merge(text->design_costs(trial.config));
  trained.measures.merge(text_costs(training.model().graph(), training.settings().context, stopped));
  trained.measures.set("train_s", training.train_s);
  if (stopped()) return {false, training.steps(), {}};
  training.save(design.output);
  std::error_code code;
  std::filesystem::remove(part, code);
  return trained;
}

}  // namespace hone::learn
