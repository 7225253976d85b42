#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hone/task/command_options.h"
#include "hone/task/task.h"

namespace hone::task {

/// Any program as a task: it is run with the config and reports measures as JSON lines (docs/command.md).
class CommandTask final : public Task {
 public:
  CommandTask(const Options& options, std::string folder);

  std::vector<MeasureInfo> measures() const override;
  std::string fidelity_unit() const override { return options_.unit.empty() ? "steps" : options_.unit; }
  bool whole_at_one() const override;
  bool any_measure() const override { return options_.metrics.empty(); }
  Needs needs() const override;
  std::vector<std::string> neutral_options() const override {
    return {"time", "memory", "grace", "output", "stop_signal", "pause_signal", "cores", "gpus"};
  }
  void check(const space::Space& space) const override;
  std::string prepare() const override;
  std::string data_identity() const override;
  identity::Quantisation rounding() const override { return identity::Quantisation::reported(); }
  std::optional<std::string> unseen_by_probe(const space::Config& config) const override;

  const CommandOptions& options() const { return options_; }
  const std::string& folder() const { return folder_; }
  /// Where the program named `name` is: with a '/', from the study file's folder; else by PATH. Throws Error
  /// at [task] run where it is not there or not executable.
  std::string program(const std::string& name) const;

 private:
  /// Files of the study's folder that results depend on: the program, or its script, and the inputs.
  std::vector<std::string> identity_files() const;

  Options places_;
  CommandOptions options_;
  std::string folder_;
};

std::unique_ptr<Evaluator> make_command_evaluator(std::shared_ptr<const CommandTask> task);

}  // namespace hone::task
