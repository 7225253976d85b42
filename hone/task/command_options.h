#pragma once

#include <string>
#include <vector>

#include "hone/base/options.h"
#include "hone/space/space.h"
#include "hone/task/command_run.h"

namespace hone::task {

/// The [task] table of kind "command", read.
struct CommandOptions {
  enum class Form { none, equals, space };  ///< of the arguments made of parameters
  std::vector<std::string> run;
  Form arguments = Form::none;
  bool config_on_input = false;
  bool report_on_output = false;
  std::vector<std::string> environment;
  std::vector<std::string> metrics;
  std::vector<std::string> costs;
  std::string unit;  ///< of fidelity; "": not said
  RunRules rules;
  std::int64_t output_bytes = 0;
  bool probe = false;
  std::vector<std::string> probe_arguments;
  std::vector<std::string> probe_unseen;
  std::string probe_batch = "none";  ///< "json", "text": the canonical batch is on the probe's standard input
  std::int64_t probe_numbers = 1;    ///< that one of its examples has
  std::vector<std::string> inputs;
  int cores = 1;
  int gpus = 0;

  /// Throws Error at the option.
  explicit CommandOptions(const Options& options);
  static std::vector<OptionSpec> specs();
};

/// "SIGTERM" to its number and back. Throws Error on names that are none.
int signal_number(const std::string& name);
std::string signal_name(int number);

/// One run's place in its study, as arguments and environment tell it to the program.
struct RunContext {
  std::int64_t trial = 0, attempt = 0, from = 0, to = 0, horizon = 0;
  std::uint64_t seed = 0;
  std::string folder;        ///< the trial's own; "": none
  std::string checkpoint;    ///< its folder; "": none
  std::string study_folder;  ///< where the study file is, and where the program runs
  bool probe = false;
  std::vector<int> cores;
  std::vector<std::string> gpus;
};

/// The program's arguments for a config: placeholders {name} replaced by parameters and by {trial},
/// {attempt}, {seed}, {from}, {fidelity}, {horizon}, {folder}, {checkpoint}, {study_folder} (a parameter of
/// that name goes before); {{ and }} are braces. An argument with a parameter that the config lacks (it is
/// inactive) is left out, and so is a plain option right before an argument that is nothing but the
/// placeholder. Then, by `arguments`, the parameters that no placeholder mentions.
std::vector<std::string> command_arguments(const CommandOptions& options, const space::Config& config,
                                           const RunContext& context);

/// The whole environment of a run: this process's, the HONE_ variables (docs/command.md), the threads and
/// GPUs that it may use, and the study file's own.
std::vector<std::string> command_environment(const CommandOptions& options, const space::Config& config,
                                             const RunContext& context);

/// HONE_PARAM_LR for lr, HONE_PARAM_MIXER_0 for mixer.0.
std::string parameter_variable(const std::string& parameter);

/// Checks that every placeholder and every name in probe_unseen means something in this space, and that no
/// two parameters share a variable. Throws Error at the option or parameter.
void check_command(const CommandOptions& options, const Options& places, const space::Space& space);

bool has_placeholder(const std::string& text);

}  // namespace hone::task
