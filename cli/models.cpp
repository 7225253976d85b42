// What needs LibTorch: train and generate, handed to hone-worker in the environment that it needs.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <fmt/ranges.h>
#include <sys/wait.h>

#include "command.h"
#include "hone/run/posterior.h"
#include "hone/run/process.h"
#include "hone/run/worker.h"

namespace hone::cli {
namespace {

/// Trials count from 0.
CLI::Validator trial_number() { return whole_number(0, std::numeric_limits<std::int64_t>::max()); }

/// Throws Error where the study's task has no models. `kinds`: those that have what is asked for.
void need_models(const Opened& opened, const std::vector<std::string>& kinds, const std::string& what) {
  if (std::find(kinds.begin(), kinds.end(), opened.file.task_kind) != kinds.end()) return;
  throw Error(fmt::format("the task '{}' has no models {}", opened.file.task_kind, what),
              Place{opened.file.path, 0, "task.kind"}, fmt::format("that can: {}", fmt::join(kinds, ", ")));
}

/// The trial that the user means: a number, or the front's best by an objective.
std::int64_t choose_trial(const Opened& opened, std::int64_t trial, const std::string& best) {
  const study::Study& study = *opened.study;
  if (trial >= 0 && !best.empty())
    throw Error("--trial and --best exclude each other", {}, "leave one of them out");
  if (trial >= 0) return study.trial(trial).id;
  const study::Front front = run::shown_front(study, opened.file);
  const auto& members = front.members();
  if (members.empty())
    throw Error("the front is empty: no trial has reached the last rung", {},
                "choose one with --trial, or search longer");
  std::size_t objective = 0;
  if (!best.empty()) {
    std::vector<std::string> names;
    for (const auto& known : study.objectives()) names.push_back(known.name);
    const auto found = std::find(names.begin(), names.end(), best);
    if (found == names.end())
      throw Error(fmt::format("'{}' is no objective of this study", best), {}, suggest(best, names));
    objective = static_cast<std::size_t>(found - names.begin());
  }
  return std::min_element(
             members.begin(), members.end(),
             [&](const auto& a, const auto& b) { return a.values[objective] < b.values[objective]; })
      ->trial;
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("train", "Train a front's design at full budget and save it");
  command->footer(
      "Without --trial it takes the front's best by the first objective. Ctrl-C saves; the same command goes "
      "on.\n"
      "Example:\n  hone train licences.toml --best bits_per_char --steps 2000");
  struct ModelsArguments {
    std::string file, store, best, output;
    std::int64_t trial = -1, steps = 0;
    bool json = false;
  };
  auto arguments = std::make_shared<ModelsArguments>();
  command->add_option("FILE", arguments->file, "The study file")->required();
  command->add_option("--trial", arguments->trial, "Which trial's design")->check(trial_number());
  command->add_option("--best", arguments->best,
                      "The front's best by this objective, where no --trial is given");
  command->add_option("--steps", arguments->steps, "Steps of training; default: the study's largest")
      ->check(whole_number(1, 1 << 30));
  command->add_option("-o,--output", arguments->output,
                      "Where to save it; default: models/trial-N.model in the study's folder");
  command->add_option("--store", arguments->store, "Where the study is kept, if not beside the file")
      ->check(shared_store());
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([arguments, &action] {
    action = [arguments] {
      const Opened opened = open_study(arguments->file, arguments->store);
      need_models(opened, {"text", "image"}, "to train");
      const std::int64_t trial = choose_trial(opened, arguments->trial, arguments->best);
      const std::int64_t steps = arguments->steps > 0 ? arguments->steps : opened.study->header().horizon;
      std::string output = arguments->output;
      if (output.empty())
        output = fmt::format("{}/models/trial-{}.model", run::folder_of(opened.study->store()), trial);
      need_other_output(output, opened);
      std::vector<std::string> command{"train",
                                       "--store",
                                       opened.study->store().url(),
                                       "--file",
                                       opened.file.path,
                                       "--trial",
                                       std::to_string(trial),
                                       "--steps",
                                       std::to_string(steps),
                                       "--output",
                                       output};
      if (arguments->json) command.push_back("--json");
      return become_worker(command);
    };
  });
}

void add_generate(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("generate", "Write text with a saved model, or with a study's trial");
  command->footer(
      "Examples:\n  hone generate licences.hone/models/trial-17.model --prompt 'You may '\n"
      "  hone generate licences.toml --best bits_per_char");
  struct ModelsArguments {
    std::string model, store, best, prompt;
    std::int64_t trial = -1, characters = 200, top_k = 0, seed = 0;
    double temperature = 0.8;
    bool json = false;
  };
  auto arguments = std::make_shared<ModelsArguments>();
  command->add_option("MODEL", arguments->model, "A saved model, or a study file (.toml) whose trial to use")
      ->required();
  command->add_option("--prompt", arguments->prompt, "Text to continue");
  command->add_option("--chars", arguments->characters, "Characters to write")
      ->check(whole_number(1, 1 << 30))
      ->capture_default_str();
  command
      ->add_option("--temperature", arguments->temperature, "0: always the likeliest; 1: as the model says")
      ->check([](const std::string& text) {
        // NaN lies outside of no range.
        return std::isnan(std::strtod(text.c_str(), nullptr)) ? std::string("is no number") : std::string();
      })
      ->check(between(0.0, 100.0))
      ->capture_default_str();
  command->add_option("--top-k", arguments->top_k, "Only among the k likeliest; 0: all")
      ->check(whole_number(0, 1 << 30));
  command->add_option("--seed", arguments->seed, "Another seed, another text")
      ->check(not_negative())
      ->capture_default_str();
  command->add_option("--trial", arguments->trial, "With a study file: which trial")->check(trial_number());
  command->add_option("--best", arguments->best, "With a study file: the front's best by this objective");
  command->add_option("--store", arguments->store, "With a study file: where the study is kept")
      ->check(shared_store());
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([arguments, &action] {
    action = [arguments] {
      std::string path = arguments->model;
      if (path.ends_with(".toml")) {
        const Opened opened = open_study(path, arguments->store);
        need_models(opened, {"text"}, "that write text");
        const std::int64_t trial = choose_trial(opened, arguments->trial, arguments->best);
        const std::string folder = run::folder_of(opened.study->store());
        // What hone train saved for it, else the search's own weights: its own, or those of the trial that it
        // is.
        const std::int64_t twin = opened.study->trial(trial).same_as;
        path = fmt::format("{}/models/trial-{}.model", folder, trial);
        if (!std::filesystem::exists(path))
          path = run::checkpoint_path(opened.study->store(), twin >= 0 ? twin : trial);
        if (!std::filesystem::exists(path))
          throw Error(fmt::format("trial {} has no saved weights", trial), Place{arguments->model, 0, ""},
                      fmt::format("train it: hone train {} --trial {}", arguments->model, trial));
      } else if (!std::filesystem::exists(path)) {
        throw Error("there is no such model", Place{path, 0, ""}, "hone train saves one");
      }
      std::vector<std::string> command{"generate",      path,
                                       "--chars",       std::to_string(arguments->characters),
                                       "--temperature", fmt::format("{}", arguments->temperature),
                                       "--top-k",       std::to_string(arguments->top_k),
                                       "--seed",        std::to_string(arguments->seed)};
      if (!arguments->prompt.empty()) command.push_back("--prompt=" + arguments->prompt);
      if (arguments->json) command.push_back("--json");
      return become_worker(command);
    };
  });
}

}  // namespace hone::cli
